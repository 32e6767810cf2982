// Standard procedures on numbers, and the random number generator.
#include <math.h>

#include "heap.h"
#include "library.h"
#include "ports.h"
#include "print.h"

bool isInteger(Value v) {
  if (isFixnum(v)) return true;
  return isFlonum(v) && flonumOf(v) == floor(flonumOf(v)) && !isinf(flonumOf(v));
}

// Multiples of b by powers of two, taken away from the greatest down: all of it is exact.
double remainderOf(double a, double b) {
  double rest = fabs(a), least = fabs(b), part = least;
  while (part + part <= rest) part += part;
  for (; part >= least; part /= 2) {
    if (part <= rest) rest -= part;
  }
  return copysign(rest, a);
}

bool seedIsOld;

namespace {

// xorshift64*, the same sequence in every run until freeze_after_restore asks for a seed: it is drawn
// when it is first wanted, as a host may have no entropy to give.
uint64_t randomState = 0x9e3779b97f4a7c15;

uint64_t nextRandom() {
  if (seedIsOld) randomState = entropy() | 1;  // a state other than 0
  seedIsOld = false;
  randomState ^= randomState >> 12;
  randomState ^= randomState << 25;
  randomState ^= randomState >> 27;
  return randomState * 0x2545f4914f6cdd1d;
}

Value notNumber(const char *who, Value v) { return failType(who, "not a number", v); }

Value random(const Value *a, uint32_t) {
  if (isFixnum(a[0]) && fixnumOf(a[0]) > 0) return fixnum((nextRandom() >> 33) % fixnumOf(a[0]));
  if (isFlonum(a[0]) && flonumOf(a[0]) > 0) return flonum((double)(nextRandom() >> 11) * 0x1p-53 * flonumOf(a[0]));
  return failType("random", "not a positive number", a[0]);
}

Value isIntegerProcedure(const Value *a, uint32_t) { return boolean(isInteger(a[0])); }
Value isExact(const Value *a, uint32_t) { return isNumber(a[0]) ? boolean(isFixnum(a[0])) : notNumber("exact?", a[0]); }
Value isInexact(const Value *a, uint32_t) { return isNumber(a[0]) ? boolean(isFlonum(a[0])) : notNumber("inexact?", a[0]); }
Value isNan(const Value *a, uint32_t) { return isNumber(a[0]) ? boolean(isnan(toDouble(a[0]))) : notNumber("nan?", a[0]); }
Value isPositive(const Value *a, uint32_t) { return isNumber(a[0]) ? boolean(toDouble(a[0]) > 0) : notNumber("positive?", a[0]); }
Value isNegative(const Value *a, uint32_t) { return isNumber(a[0]) ? boolean(toDouble(a[0]) < 0) : notNumber("negative?", a[0]); }

Value parity(const char *who, Value v, bool odd) {
  if (!isInteger(v)) return failType(who, "not an integer", v);
  return boolean((remainderOf(toDouble(v), 2) != 0) == odd);
}
Value isOdd(const Value *a, uint32_t) { return parity("odd?", a[0], true); }
Value isEven(const Value *a, uint32_t) { return parity("even?", a[0], false); }

// 2.5 rounds to 2: to even.
double roundEven(double d) { return nearbyint(d); }

template <double (*function)(double)> Value rounded(const char *who, Value v) {
  if (isFixnum(v)) return v;
  return isFlonum(v) ? flonum(function(flonumOf(v))) : notNumber(who, v);
}
Value floorProcedure(const Value *a, uint32_t) { return rounded<floor>("floor", a[0]); }
Value ceilingProcedure(const Value *a, uint32_t) { return rounded<ceil>("ceiling", a[0]); }
Value truncateProcedure(const Value *a, uint32_t) { return rounded<trunc>("truncate", a[0]); }
Value roundProcedure(const Value *a, uint32_t) { return rounded<roundEven>("round", a[0]); }

Value toExact(const Value *a, uint32_t) {
  if (isFixnum(a[0])) return a[0];
  if (!isInteger(a[0])) return failType("inexact->exact", "not an integer", a[0]);
  double d = flonumOf(a[0]);
  // Beyond the fixnums there is no exact number: it stays as it is.
  return d >= kFixnumMin && d <= kFixnumMax ? fixnum((int32_t)d) : a[0];
}

Value gcd(const Value *a, uint32_t n) {
  double result = 0;
  for (uint32_t i = 0; i < n; i++) {
    if (!isInteger(a[i])) return failType("gcd", "not an integer", a[i]);
    for (double b = fabs(toDouble(a[i])); b != 0;) {
      double rest = remainderOf(result, b);
      result = b;
      b = rest;
    }
  }
  return integer((int64_t)result);
}

Value lcm(const Value *a, uint32_t n) {
  Value result = fixnum(1);
  for (uint32_t i = 0; i < n; i++) {
    Value pair[] = {result, a[i]};
    Value divisor = gcd(pair, 2);
    if (divisor == kFail) return failType("lcm", "not an integer", a[i]);
    double d = toDouble(divisor) == 0 ? 0 : fabs(toDouble(result) / toDouble(divisor) * toDouble(a[i]));
    result = d < 0x1p53 ? integer((int64_t)d) : flonum(d);
  }
  return result;
}

Value expt(const Value *a, uint32_t) {
  if (!isNumber(a[0])) return notNumber("expt", a[0]);
  if (!isNumber(a[1])) return notNumber("expt", a[1]);
  double d = pow(toDouble(a[0]), toDouble(a[1]));
  bool exact = isFixnum(a[0]) && isFixnum(a[1]) && fixnumOf(a[1]) >= 0;
  return exact && fabs(d) < 0x1p53 ? integer((int64_t)d) : flonum(d);
}

Value square(const Value *a, uint32_t) {
  if (isFixnum(a[0])) return integer((int64_t)fixnumOf(a[0]) * fixnumOf(a[0]));
  return isFlonum(a[0]) ? flonum(flonumOf(a[0]) * flonumOf(a[0])) : notNumber("square", a[0]);
}

double exactRoot(double d) { return floor(sqrt(d)); }

#define REAL_FUNCTION(name, function)                                  \
  Value name(const Value *a, uint32_t) {                               \
    return isNumber(a[0]) ? flonum(function(toDouble(a[0]))) : notNumber(#function, a[0]); \
  }
REAL_FUNCTION(sinProcedure, sin)
REAL_FUNCTION(cosProcedure, cos)
REAL_FUNCTION(tanProcedure, tan)
REAL_FUNCTION(expProcedure, exp)

Value logProcedure(const Value *a, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (!isNumber(a[i])) return notNumber("log", a[i]);
  }
  double d = log(toDouble(a[0]));
  return flonum(n == 2 ? d / log(toDouble(a[1])) : d);
}

Value atanProcedure(const Value *a, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (!isNumber(a[i])) return notNumber("atan", a[i]);
  }
  return flonum(n == 2 ? atan2(toDouble(a[0]), toDouble(a[1])) : atan(toDouble(a[0])));
}

Value exactIntegerSqrt(const Value *a, uint32_t) {
  if (!isFixnum(a[0]) || fixnumOf(a[0]) < 0) return failType("integer-sqrt", "not a natural number", a[0]);
  return fixnum((int32_t)exactRoot(fixnumOf(a[0])));
}

// 0 with an error under way.
uint32_t radixOf(const char *who, Value v) {
  if (isFixnum(v) && fixnumOf(v) >= 2 && fixnumOf(v) <= 36) return fixnumOf(v);
  failType(who, "no such radix", v);
  return 0;
}

Value numberToString(const Value *a, uint32_t n) {
  if (!isNumber(a[0])) return notNumber("number->string", a[0]);
  uint32_t radix = n > 1 ? radixOf("number->string", a[1]) : 10;
  if (!radix) return kFail;
  if (isFixnum(a[0])) {
    char digits[kFixnumDigits];
    char *first = fixnumText(digits, fixnumOf(a[0]), radix);
    return makeString(first, digits + sizeof digits - first);
  }
  Text text;
  printNumber(text, a[0]);
  return makeString(text.data(), text.size());
}

// The number that a few digits are, as most numbers that are read; kFalse for other texts.
Value fewDigits(const char *text, uint32_t size) {
  if (size < 1 || size > 9) return kFalse;
  int32_t number = 0;
  for (uint32_t i = 0; i < size; i++) {
    uint32_t digit = (uint8_t)text[i] - '0';
    if (digit > 9) return kFalse;
    number = number * 10 + digit;
  }
  return fixnum(number);
}

Value stringToNumber(const Value *a, uint32_t n) {
  if (!isString(a[0])) return failType("string->number", "not a string", a[0]);
  const char *text = stringText(a[0]);
  uint32_t size = stringBytes(a[0]);
  if (n > 1) {
    uint32_t radix = radixOf("string->number", a[1]);
    return radix ? parseNumber(text, size, radix) : (Value)kFail;
  }
  Value number = fewDigits(text, size);
  return number != kFalse ? number : parseNumber(text, size);
}

// (number->fixed x digits): "12.50"
Value numberToFixed(const Value *a, uint32_t) {
  if (!isNumber(a[0])) return notNumber("number->fixed", a[0]);
  if (!isFixnum(a[1]) || fixnumOf(a[1]) < 0 || fixnumOf(a[1]) > 20) return failType("number->fixed", "bad number of digits", a[1]);
  Text text;
  printFixed(text, toDouble(a[0]), fixnumOf(a[1]));
  return makeString(text.data(), text.size());
}

Value bitwise(const char *who, const Value *a, uint32_t n, int32_t unit, int op) {
  for (uint32_t i = 0; i < n; i++) {
    if (!isFixnum(a[i])) return failType(who, "not a fixnum", a[i]);
    int32_t b = fixnumOf(a[i]);
    unit = op == 0 ? unit & b : op == 1 ? unit | b : unit ^ b;
  }
  return fixnum(unit);
}
Value bitwiseAnd(const Value *a, uint32_t n) { return bitwise("bitwise-and", a, n, -1, 0); }
Value bitwiseOr(const Value *a, uint32_t n) { return bitwise("bitwise-ior", a, n, 0, 1); }
Value bitwiseXor(const Value *a, uint32_t n) { return bitwise("bitwise-xor", a, n, 0, 2); }

Value arithmeticShift(const Value *a, uint32_t) {
  for (uint32_t i = 0; i < 2; i++) {
    if (!isFixnum(a[i])) return failType("arithmetic-shift", "not a fixnum", a[i]);
  }
  int32_t n = fixnumOf(a[0]), by = fixnumOf(a[1]);
  if (by <= 0) return fixnum(by < -31 ? (n < 0 ? -1 : 0) : n >> -by);
  return by < 32 ? integer((int64_t)n << by) : flonum(ldexp(n, by));
}

Builtin builtins[] = {
    {"integer?", isIntegerProcedure, 1, 1, 0}, {"exact?", isExact, 1, 1, 0},
    {"inexact?", isInexact, 1, 1, 0}, {"nan?", isNan, 1, 1, 0}, {"positive?", isPositive, 1, 1, 0},
    {"negative?", isNegative, 1, 1, 0}, {"odd?", isOdd, 1, 1, 0}, {"even?", isEven, 1, 1, 0},
    {"floor", floorProcedure, 1, 1, 0}, {"ceiling", ceilingProcedure, 1, 1, 0},
    {"truncate", truncateProcedure, 1, 1, 0}, {"round", roundProcedure, 1, 1, 0},
    {"inexact->exact", toExact, 1, 1, 0}, {"exact", toExact, 1, 1, 0}, {"gcd", gcd, 0, kAnyCount, 0},
    {"lcm", lcm, 0, kAnyCount, 0}, {"expt", expt, 2, 2, 0}, {"square", square, 1, 1, 0},
    {"sin", sinProcedure, 1, 1, 0}, {"cos", cosProcedure, 1, 1, 0}, {"tan", tanProcedure, 1, 1, 0},
    {"exp", expProcedure, 1, 1, 0}, {"log", logProcedure, 1, 2, 0}, {"atan", atanProcedure, 1, 2, 0},
    {"integer-sqrt", exactIntegerSqrt, 1, 1, 0}, {"number->string", numberToString, 1, 2, 0},
    {"string->number", stringToNumber, 1, 2, 0}, {"number->fixed", numberToFixed, 2, 2, 0},
    {"bitwise-and", bitwiseAnd, 0, kAnyCount, 0}, {"bitwise-ior", bitwiseOr, 0, kAnyCount, 0},
    {"bitwise-xor", bitwiseXor, 0, kAnyCount, 0}, {"arithmetic-shift", arithmeticShift, 2, 2, 0},
};
Builtin withEffects[] = {{"random", random, 1, 1, 0}};

}  // namespace

void defineNumbers() {
  define(builtins);
  define(withEffects, true);
}
