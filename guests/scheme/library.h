// What the files of standard procedures share.
#pragma once
#include <stddef.h>

#include "error.h"
#include "value.h"

// Gives each its name. Procedures with effects change what others see: input, output, or what is random
// next. So do all whose name ends in `!`.
void define(Builtin *builtins, size_t count, bool effects);
template <size_t n> void define(Builtin (&builtins)[n], bool effects = false) { define(builtins, n, effects); }

// For entries.cc, which knows all that there are.
void rememberBuiltin(Builtin *builtin);

void definePrimitives();
void defineNumbers();
void defineLists();
void defineStrings();
void definePorts();

inline double toDouble(Value number) { return isFixnum(number) ? fixnumOf(number) : flonumOf(number); }
// Integers are fixnums, and flonums without a fraction.
bool isInteger(Value v);
// What is left of a by b, with the sign of a; both are integers, and b is not 0.
double remainderOf(double a, double b);
bool isEqv(Value a, Value b);
bool isEqual(Value a, Value b);
// Where character `index` of a string begins.
uint32_t byteOffset(Value string, uint32_t index);
// Whether an optional index is absent, or one from `least` to `most`, which then is in `at`.
inline bool takeIndex(const char *who, Value index, uint32_t least, uint32_t most, uint32_t &at) {
  if (index == kAbsent) return true;
  if (isFixnum(index) && (uint32_t)fixnumOf(index) - least <= most - least) {
    at = fixnumOf(index);
    return true;
  }
  failType(who, "no such index", index);
  return false;
}
// The procedure `apply`.
extern Value applyValue;
