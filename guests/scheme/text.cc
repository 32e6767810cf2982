// Text; see text.h.
#include "text.h"

#include <stdlib.h>

char Text::nothing[1];

Text::~Text() {
  if (room) free(bytes);
}

void Text::resize(uint32_t size) {
  if (size > room) {
    uint32_t more = size > 2 * room ? size : 2 * room;
    auto copy = (char *)malloc(more + 1);
    if (!copy) __builtin_trap();  // the host gives no more memory: nothing can go on
    memcpy(copy, bytes, length);
    if (room) free(bytes);
    bytes = copy;
    room = more;
  }
  length = size;
  if (room) bytes[size] = 0;
}

Text &Text::append(const char *text, uint32_t size) {
  uint32_t before = length;
  resize(before + size);
  memcpy(bytes + before, text, size);
  return *this;
}

Text &Text::append(const char *text) { return append(text, strlen(text)); }

Text &Text::assign(const char *text, uint32_t size) {
  length = 0;
  return append(text, size);
}

void Text::drop(uint32_t size) {
  memmove(bytes, bytes + size, length - size);
  resize(length - size);
}

void Text::swap(Text &other) noexcept {
  char held[sizeof(Text)];
  memcpy(held, this, sizeof held);
  memcpy((void *)this, &other, sizeof held);
  memcpy((void *)&other, held, sizeof held);
}

uint32_t Text::find(char c, uint32_t from) const {
  for (; from < length; from++) {
    if (bytes[from] == c) return from;
  }
  return npos;
}

// In place of wasi-libc's, which reads a word at a time and is eight times as long.
extern "C" __attribute__((no_builtin)) size_t strlen(const char *text) {
  size_t n = 0;
  while (text[n]) n++;
  return n;
}

int compare(const Text &a, const Text &b) {
  uint32_t common = a.size() < b.size() ? a.size() : b.size();
  int order = memcmp(a.data(), b.data(), common);
  return order ? order : (int)a.size() - (int)b.size();
}

Text operator+(Text a, const Text &b) { return static_cast<Text &&>(a += b); }

Text decimal(uint32_t n) {
  char digits[10];
  uint32_t at = sizeof digits;
  do digits[--at] = (char)('0' + n % 10);
  while (n /= 10);
  return Text(digits + at, sizeof digits - at);
}
