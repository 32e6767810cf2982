/*
 * Decimal digits of doubles. printf and strtod of a C library are exact as well, and take ten times
 * the code. Here there is one exact operation, which writes all digits of m * 2^e: printing rounds
 * them, and reading compares them with what was read.
 */
#include "decimal.h"

#include <math.h>
#include <string.h>

namespace {

constexpr uint32_t kLimb = 1000000000;  // nine digits to a word
constexpr uint32_t kLimbDigits = 9, kLimbs = kMaxDigits / kLimbDigits + 1;
constexpr int32_t kMantissaBits = 52, kBias = 1075;
constexpr uint64_t kInfinity = 0x7ffull << kMantissaBits;

struct Big {
  uint32_t count = 0;
  uint32_t limbs[kLimbs];  // the lowest first

  void multiply(uint32_t factor) {
    uint64_t carry = 0;
    for (uint32_t i = 0; i < count; i++) {
      carry += (uint64_t)limbs[i] * factor;
      limbs[i] = (uint32_t)(carry % kLimb);
      carry /= kLimb;
    }
    if (carry) limbs[count++] = (uint32_t)carry;
  }
};

// The digits of m * 2^e: m * 2^-n is m * 5^n / 10^n. 0 has a place before the point, as 1 has.
void expand(Decimal &out, uint64_t m, int32_t e) {
  Big big;
  if (m == 0) {
    out.count = 0;
    out.point = 1;
    return;
  }
  for (; m; m /= kLimb) big.limbs[big.count++] = (uint32_t)(m % kLimb);
  uint32_t n = e < 0 ? -e : e;
  for (; n >= 12; n -= 12) big.multiply(e < 0 ? 244140625 : 4096);
  for (; n > 0; n--) big.multiply(e < 0 ? 5 : 2);
  out.count = 0;
  out.point = (int32_t)(big.count * kLimbDigits) + (e < 0 ? e : 0);
  for (uint32_t i = big.count; i-- > 0;) {
    for (uint32_t unit = kLimb / 10; unit; unit /= 10) {
      auto digit = (uint8_t)(big.limbs[i] / unit % 10);
      if (out.count == 0 && digit == 0) out.point--;
      else out.digits[out.count++] = digit;
    }
  }
  while (out.count && out.digits[out.count - 1] == 0) out.count--;
}

// As m * 2^e. One past the greatest double is what would come next if exponents went on: 2^1024.
void takeApart(uint64_t bits, uint64_t &m, int32_t &e) {
  auto exponent = (int32_t)(bits >> kMantissaBits);
  m = bits & ((1ull << kMantissaBits) - 1);
  if (exponent) m |= 1ull << kMantissaBits;
  e = (exponent ? exponent : 1) - kBias;
}

// Is the number less than, equal to or greater than what lies in the middle between the double of
// these bits and the next one? Less than 0, 0, or greater.
int compareWithMiddle(const Decimal &decimal, uint64_t bits) {
  uint64_t m;
  int32_t e;
  takeApart(bits, m, e);
  Decimal middle;
  expand(middle, 2 * m + 1, e - 1);
  if (decimal.point != middle.point) return decimal.point - middle.point;
  uint32_t common = decimal.count < middle.count ? decimal.count : middle.count;
  int order = memcmp(decimal.digits, middle.digits, common);
  return order ? order : (int)decimal.count - (int)middle.count;
}

bool isDigit(const char *at, const char *end) { return at < end && *at >= '0' && *at <= '9'; }

// Digits from `at` on. Zeros before the first other one only move the point. What is beyond the
// digits that are kept matters only in that it is not zero.
const char *readDigits(const char *at, const char *end, Decimal &out, bool fraction) {
  for (; isDigit(at, end); at++) {
    uint8_t digit = *at - '0';
    if (!fraction && (out.count || digit)) out.point++;
    if (fraction && !out.count && !digit) out.point--;
    if (out.count < kMaxDigits && (out.count || digit)) out.digits[out.count++] = digit;
    else if (digit) out.digits[kMaxDigits - 1] = 1;
  }
  return at;
}

// A power of ten and a sign, beyond which nothing changes any more.
bool readExponent(const char *&at, const char *end, int32_t &exponent) {
  constexpr int32_t kMaxExponent = 100000000;  // no text has as many digits
  bool negative = at < end && *at == '-';
  if (at < end && (*at == '-' || *at == '+')) at++;
  if (!isDigit(at, end)) return false;
  exponent = 0;
  for (; isDigit(at, end); at++) {
    if (exponent < kMaxExponent) exponent = exponent * 10 + (*at - '0');
  }
  if (negative) exponent = -exponent;
  return true;
}

}  // namespace

void expand(Decimal &out, double d) {
  uint64_t bits, m;
  int32_t e;
  d = fabs(d);
  memcpy(&bits, &d, 8);
  takeApart(bits, m, e);
  int zeros = m ? __builtin_ctzll(m) : 0;  // with a smaller power there is less to multiply
  expand(out, m >> zeros, e + zeros);
}

void roundTo(Decimal &decimal, int32_t count) {
  uint8_t *digits = decimal.digits;
  auto size = (int32_t)decimal.count;
  if (count >= size) return;
  bool up = false;
  if (count >= 0) {
    bool odd = count > 0 && digits[count - 1] & 1;
    up = digits[count] > 5 || (digits[count] == 5 && (count + 1 < size || odd));
  }
  size = count > 0 ? count : 0;
  while (size > 0 && digits[size - 1] == (up ? 9 : 0)) size--;
  if (up && size > 0) digits[size - 1]++;
  if (up && size == 0) {
    digits[size++] = 1;
    decimal.point += 1;
  }
  decimal.count = size;
}

double nearest(const Decimal &decimal) {
  constexpr uint32_t kFirstDigits = 15;  // these and the powers of ten up to the 22nd are exact as doubles
  constexpr int32_t kExactPower = 22;
  if (decimal.count == 0 || decimal.point < -330) return 0;
  if (decimal.point > 310) return INFINITY;
  uint64_t first = 0;
  uint32_t taken = 0;
  // Two more than those make a better guess where it is none but the result.
  for (; taken < decimal.count && taken < kFirstDigits + 2; taken++) first = first * 10 + decimal.digits[taken];
  auto guess = (double)first;
  int32_t power = decimal.point - (int32_t)taken, rest = power < 0 ? -power : power;
  bool exact = decimal.count <= kFirstDigits && rest <= kExactPower;
  while (rest > 0) {
    double scale = 1;
    for (int32_t i = 0; i < kExactPower && rest > 0; i++, rest--) scale *= 10;
    guess = power < 0 ? guess / scale : guess * scale;
  }
  if (exact) return guess;
  // The guess is off by a few units in the last place at most. There is a double on either side of
  // the middle, and one in the middle itself takes the even one.
  uint64_t bits;
  memcpy(&bits, &guess, 8);
  if (bits >= kInfinity) bits = kInfinity - 1;
  while (bits < kInfinity) {
    int order = compareWithMiddle(decimal, bits);
    if (order < 0 || (order == 0 && !(bits & 1))) break;
    bits++;
  }
  while (bits > 0) {
    int order = compareWithMiddle(decimal, bits - 1);
    if (order > 0 || (order == 0 && !(bits & 1))) break;
    bits--;
  }
  memcpy(&guess, &bits, 8);
  return guess;
}

bool readDecimal(const char *at, const char *end, double &out) {
  Decimal decimal;
  decimal.count = 0;
  decimal.point = 0;
  const char *start = at;
  at = readDigits(at, end, decimal, false);
  bool any = at > start;
  if (at < end && *at == '.') {
    start = ++at;
    at = readDigits(at, end, decimal, true);
    any = any || at > start;
  }
  int32_t exponent = 0;
  if (!any || (at < end && (*at | 0x20) == 'e' && !readExponent(++at, end, exponent)) || at != end) return false;
  while (decimal.count && decimal.digits[decimal.count - 1] == 0) decimal.count--;
  decimal.point += exponent;
  out = nearest(decimal);
  return true;
}
