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

Value random(Value limit) {
  if (isFixnum(limit) && fixnumOf(limit) > 0) return fixnum((nextRandom() >> 33) % fixnumOf(limit));
  if (isFlonum(limit) && flonumOf(limit) > 0) return flonum((double)(nextRandom() >> 11) * 0x1p-53 * flonumOf(limit));
  return failType("random", "not a positive number", limit);
}

Value isIntegerProcedure(Value v) { return boolean(isInteger(v)); }
Value isExact(Value v) { return isNumber(v) ? boolean(isFixnum(v)) : notNumber("exact?", v); }
Value isInexact(Value v) { return isNumber(v) ? boolean(isFlonum(v)) : notNumber("inexact?", v); }
Value isNan(Value v) { return isNumber(v) ? boolean(isnan(toDouble(v))) : notNumber("nan?", v); }
Value isPositive(Value v) { return isNumber(v) ? boolean(toDouble(v) > 0) : notNumber("positive?", v); }
Value isNegative(Value v) { return isNumber(v) ? boolean(toDouble(v) < 0) : notNumber("negative?", v); }

Value parity(const char *who, Value v, bool odd) {
  if (!isInteger(v)) return failType(who, "not an integer", v);
  return boolean((remainderOf(toDouble(v), 2) != 0) == odd);
}
Value isOdd(Value v) { return parity("odd?", v, true); }
Value isEven(Value v) { return parity("even?", v, false); }

// 2.5 rounds to 2: to even.
double roundEven(double d) { return nearbyint(d); }

template <double (*function)(double)> Value rounded(const char *who, Value v) {
  if (isFixnum(v)) return v;
  return isFlonum(v) ? flonum(function(flonumOf(v))) : notNumber(who, v);
}
Value floorProcedure(Value v) { return rounded<floor>("floor", v); }
Value ceilingProcedure(Value v) { return rounded<ceil>("ceiling", v); }
Value truncateProcedure(Value v) { return rounded<trunc>("truncate", v); }
Value roundProcedure(Value v) { return rounded<roundEven>("round", v); }

Value toExact(Value v) {
  if (isFixnum(v)) return v;
  if (!isInteger(v)) return failType("inexact->exact", "not an integer", v);
  double d = flonumOf(v);
  // Beyond the fixnums there is no exact number: it stays as it is.
  return d >= kFixnumMin && d <= kFixnumMax ? fixnum((int32_t)d) : v;
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

Value expt(Value base, Value exponent) {
  if (!isNumber(base)) return notNumber("expt", base);
  if (!isNumber(exponent)) return notNumber("expt", exponent);
  double d = pow(toDouble(base), toDouble(exponent));
  bool exact = isFixnum(base) && isFixnum(exponent) && fixnumOf(exponent) >= 0;
  return exact && fabs(d) < 0x1p53 ? integer((int64_t)d) : flonum(d);
}

Value square(Value v) {
  if (isFixnum(v)) return integer((int64_t)fixnumOf(v) * fixnumOf(v));
  return isFlonum(v) ? flonum(flonumOf(v) * flonumOf(v)) : notNumber("square", v);
}

double exactRoot(double d) { return floor(sqrt(d)); }

#define REAL_FUNCTION(name, function) \
  Value name(Value v) { return isNumber(v) ? flonum(function(toDouble(v))) : notNumber(#function, v); }
REAL_FUNCTION(sinProcedure, sin)
REAL_FUNCTION(cosProcedure, cos)
REAL_FUNCTION(tanProcedure, tan)
REAL_FUNCTION(expProcedure, exp)

Value logProcedure(Value v, Value base) {
  if (!isNumber(v)) return notNumber("log", v);
  double d = log(toDouble(v));
  if (base == kAbsent) return flonum(d);
  return isNumber(base) ? flonum(d / log(toDouble(base))) : notNumber("log", base);
}

Value atanProcedure(Value y, Value x) {
  if (!isNumber(y)) return notNumber("atan", y);
  if (x == kAbsent) return flonum(atan(toDouble(y)));
  return isNumber(x) ? flonum(atan2(toDouble(y), toDouble(x))) : notNumber("atan", x);
}

Value exactIntegerSqrt(Value v) {
  if (!isFixnum(v) || fixnumOf(v) < 0) return failType("integer-sqrt", "not a natural number", v);
  return fixnum((int32_t)exactRoot(fixnumOf(v)));
}

// 0 with an error under way.
uint32_t radixOf(const char *who, Value v) {
  if (isFixnum(v) && fixnumOf(v) >= 2 && fixnumOf(v) <= 36) return fixnumOf(v);
  failType(who, "no such radix", v);
  return 0;
}

Value numberToString(Value v, Value base) {
  if (!isNumber(v)) return notNumber("number->string", v);
  uint32_t radix = base == kAbsent ? 10 : radixOf("number->string", base);
  if (!radix) return kFail;
  if (isFixnum(v)) {
    char digits[kFixnumDigits];
    char *first;
    [[clang::always_inline]] first = fixnumText(digits, fixnumOf(v), radix);
    return makeString(first, digits + sizeof digits - first);
  }
  Text text;
  printNumber(text, v);
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

Value stringToNumber(Value s, Value base) {
  if (!isString(s)) return failType("string->number", "not a string", s);
  const char *text = stringText(s);
  uint32_t size = stringBytes(s);
  if (base != kAbsent) {
    uint32_t radix = radixOf("string->number", base);
    return radix ? parseNumber(text, size, radix) : (Value)kFail;
  }
  Value number = fewDigits(text, size);
  return number != kFalse ? number : parseNumber(text, size);
}

// (number->fixed x digits): "12.50"
Value numberToFixed(Value v, Value digits) {
  if (!isNumber(v)) return notNumber("number->fixed", v);
  if (!isFixnum(digits) || fixnumOf(digits) < 0 || fixnumOf(digits) > 20) return failType("number->fixed", "bad number of digits", digits);
  Text text;
  printFixed(text, toDouble(v), fixnumOf(digits));
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

Value arithmeticShift(Value v, Value distance) {
  if (!isFixnum(v)) return failType("arithmetic-shift", "not a fixnum", v);
  if (!isFixnum(distance)) return failType("arithmetic-shift", "not a fixnum", distance);
  int32_t n = fixnumOf(v), by = fixnumOf(distance);
  if (by <= 0) return fixnum(by < -31 ? (n < 0 ? -1 : 0) : n >> -by);
  return by < 32 ? integer((int64_t)n << by) : flonum(ldexp(n, by));
}

Builtin builtins[] = {
    {"integer?", isIntegerProcedure}, {"exact?", isExact},
    {"inexact?", isInexact}, {"nan?", isNan}, {"positive?", isPositive},
    {"negative?", isNegative}, {"odd?", isOdd}, {"even?", isEven},
    {"floor", floorProcedure}, {"ceiling", ceilingProcedure},
    {"truncate", truncateProcedure}, {"round", roundProcedure},
    {"inexact->exact", toExact}, {"exact", toExact}, {"gcd", gcd, 0, kAnyCount},
    {"lcm", lcm, 0, kAnyCount}, {"expt", expt}, {"square", square},
    {"sin", sinProcedure}, {"cos", cosProcedure}, {"tan", tanProcedure},
    {"exp", expProcedure}, {"log", logProcedure, 1}, {"atan", atanProcedure, 1},
    {"integer-sqrt", exactIntegerSqrt}, {"number->string", numberToString, 1},
    {"string->number", stringToNumber, 1}, {"number->fixed", numberToFixed},
    {"bitwise-and", bitwiseAnd, 0, kAnyCount}, {"bitwise-ior", bitwiseOr, 0, kAnyCount},
    {"bitwise-xor", bitwiseXor, 0, kAnyCount}, {"arithmetic-shift", arithmeticShift},
};
Builtin withEffects[] = {{"random", random}};

}  // namespace

void defineNumbers() {
  define(builtins);
  define(withEffects, true);
}
