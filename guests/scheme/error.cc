// Errors; the idea stands in error.h.
#include "error.h"

#include <vector>

#include "memory.h"
#include "print.h"

namespace {
struct {
  Text text;
  Place place;
  bool outermost;
} current;
std::vector<Text> files;
}  // namespace

uint32_t addFile(const char *name, uint32_t size) {
  files.emplace_back(name, size);
  return files.size() - 1;
}

void settleFiles() { settle(files); }

const Text &fileName(uint32_t file) { return files[file]; }

Value fail(const Text &text) {
  current.text = text;
  current.place = 0;
  current.outermost = false;
  return kFail;
}

Value fail(const char *who, const char *what) {
  Text text = who;
  text += ": ";
  text += what;
  return fail(text);
}

Value failType(const char *who, const char *what, Value value) {
  Text text = who;
  text += ": ";
  text += what;
  text += ": ";
  print(text, value, true);
  return fail(text);
}

Value failArity(const char *who, uint32_t min, uint32_t max, uint32_t given) {
  Text text = who;
  text += ": takes ";
  if (max == kAnyCount) text += "at least ";
  text += decimal(min);
  if (max != kAnyCount && max != min) {
    text += " to ";
    text += decimal(max);
  }
  text += (max == kAnyCount ? min : max) == 1 ? " argument, got " : " arguments, got ";
  text += decimal(given);
  return fail(text);
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

Text errorMessage() {
  if (!current.place) return current.text;
  Text text = fileName(current.place >> kLineBits);
  text += ':';
  text += decimal(current.place & ((1 << kLineBits) - 1));
  text += ": ";
  text += current.text;
  return text;
}
