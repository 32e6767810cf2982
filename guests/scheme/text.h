/*
 * Text that grows. It is std::string but for its traits: libc++.a brings the members of std::string
 * compiled in advance, out of line and without optimisation; those of another type are ours to
 * compile.
 */
#pragma once
#include <stdint.h>

#include <string>

struct TextTraits : std::char_traits<char> {};
using Text = std::basic_string<char, TextTraits>;

inline Text decimal(uint32_t n) {
  char digits[10];
  uint32_t at = sizeof digits;
  do digits[--at] = (char)('0' + n % 10);
  while (n /= 10);
  return Text(digits + at, sizeof digits - at);
}
