// Doubles and their decimal digits, exactly, both ways. See decimal.cc.
#pragma once
#include <stdint.h>

// The most digits that are looked at: no double, and no middle between two, has more than 768.
constexpr uint32_t kMaxDigits = 800;

// A positive number, or 0 without digits: 0.d1d2d3... times ten to the power of `point`. The first
// digit is not 0, nor is the last one.
struct Decimal {
  uint32_t count;
  int32_t point;
  uint8_t digits[kMaxDigits];
};

// All digits of |d|, which is finite.
void expand(Decimal &out, double d);
// Leaves at most `count` digits; what lies in the middle goes to the even one.
void roundTo(Decimal &decimal, int32_t count);
// The double that is nearest; of two that are as near, the even one. Infinity beyond all of them.
double nearest(const Decimal &decimal);
// Reads digits with a point and an exponent, like 1.5e-3: all that lies from `at` to `end`, else it is false.
bool readDecimal(const char *at, const char *end, double &out);
