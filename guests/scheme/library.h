// What the files of standard procedures share.
#pragma once
#include <stddef.h>

#include "error.h"
#include "value.h"

struct Definition {
  const char *name;
  BuiltinFunction function;
  uint16_t min, max, op;
};
void define(const Definition *definitions, size_t count);
template <size_t n> void define(const Definition (&definitions)[n]) { define(definitions, n); }

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
bool isEqv(Value a, Value b);
bool isEqual(Value a, Value b);
// Where character `index` of a string begins.
uint32_t byteOffset(Value string, uint32_t index);
// The procedure `apply`.
extern Value applyValue;
