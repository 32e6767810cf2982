// Values as text: `display` shows strings and characters as they are, `write` as source text.
#pragma once
#include "text.h"

#include "value.h"

void print(Text &out, Value value, bool write);
Text written(Value value);
Text displayed(Value value);
void printNumber(Text &out, Value number);
// With so many digits behind the point.
void printFixed(Text &out, double d, uint32_t digits);
// A fixnum's digits, at the end of a text of this size; where they begin.
constexpr uint32_t kFixnumDigits = 40;
inline char *fixnumText(char *text, int32_t n, uint32_t radix) {
  char *p = text + kFixnumDigits;
  uint32_t rest = n < 0 ? -(uint32_t)n : n;
  do *--p = "0123456789abcdefghijklmnopqrstuvwxyz"[rest % radix];
  while (rest /= radix);
  if (n < 0) *--p = '-';
  return p;
}
// Bytes of a character.
constexpr uint32_t kUtf8Size = 4;
inline uint32_t utf8Size(uint32_t codePoint) { return 1 + (codePoint > 0x7f) + (codePoint > 0x7ff) + (codePoint > 0xffff); }
// Writes it; where the next one goes.
char *putLongUtf8(char *to, uint32_t codePoint);
inline char *putUtf8(char *to, uint32_t codePoint) {
  if (codePoint > 0x7f) return putLongUtf8(to, codePoint);
  *to = (char)codePoint;
  return to + 1;
}
void appendUtf8(Text &out, uint32_t codePoint);
// Reads the character at `*text` and moves past it.
uint32_t nextChar(const char *&text);

// A number's value, or kFalse when `text` is none.
Value parseNumber(const char *text, uint32_t size, uint32_t radix = 10);
