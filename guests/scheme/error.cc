// Errors; the idea stands in error.h.
#include "error.h"

#include <vector>

#include "print.h"

namespace {
struct {
  Text text;
  Place place;
  bool outermost;
} current;
std::vector<Text> *files;
}  // namespace

uint32_t addFile(const char *name, uint32_t size) {
  if (!files) files = new std::vector<Text>;
  files->emplace_back(name, size);
  return files->size() - 1;
}

const Text &fileName(uint32_t file) { return (*files)[file]; }

Value fail(const Text &text) {
  current.text = text;
  current.place = 0;
  current.outermost = false;
  return kFail;
}

Value failType(const char *who, const char *what, Value value) {
  return fail(Text(who) + ": " + what + ": " + written(value));
}

Value failArity(const char *who, uint32_t min, uint32_t max, uint32_t given) {
  Text wanted = decimal(min);
  if (max == kAnyCount) wanted = "at least " + wanted;
  else if (max != min) wanted += " to " + decimal(max);
  bool one = max == 1;
  return fail(Text(who) + ": takes " + wanted + (one ? " argument" : " arguments") + ", got " +
              decimal(given));
}

Value failStackOverflow() {
  fail("stack overflow: the recursion is too deep");
  current.outermost = true;
  return kFail;
}

Value failAt(Place place) {
  bool wanted = current.place == 0 || current.outermost;
  if (wanted && isInProgram(place)) current.place = place;
  return kFail;
}

Value failWithin(Place place, Place outer) {
  failAt(place);
  return failAt(outer);
}

void clearError() { fail(""); }

Text errorMessage() {
  if (!current.place) return current.text;
  uint32_t line = current.place & ((1 << kLineBits) - 1);
  return fileName(current.place >> kLineBits) + ":" + decimal(line) + ": " + current.text;
}
