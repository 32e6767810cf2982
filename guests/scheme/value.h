/*
 * Values: 32 bits, told apart by their low bits, so that a check is an `and` and a compare.
 *
 *   ......0   fixnum: a 31-bit integer, shifted left by one
 *   ....001   pair: 8 bytes at v + 7, car and cdr; no header
 *   ....011   immediate: #f, #t, (), characters and the like
 *   ....101   object: a header word at v + 3, payload from v + 7
 *   ....111   flonum: 8 bytes at v + 1; no header
 *
 * Every block is aligned to 8. The offsets above are never negative, so generated code needs no
 * subtraction to follow a pointer: it puts the tag into the offset immediate of its load.
 * Aligned addresses of anything look like fixnums, and the collector passes over them: templates,
 * saved program counters and frame pointers may stand among values.
 */
#pragma once
#include <stdint.h>
#include <string.h>

using Value = uint32_t;

struct Template;

// Code is full of them: the first four are constants of a byte in Wasm, all but kSkip in x86.
constexpr uint32_t kTrueBit = 4;  // what is in #t, and not in #f
enum : Value {
  kFalse = 0x03,
  kTrue = kFalse | 1 << kTrueBit,
  kNil = 0x23,
  kFail = 0x33,  // "an error is under way", in place of a result
  kUnspecified = 0x43,
  kEof = 0x53,
  kUnbound = 0x63,  // a variable before its definition; never seen by a program
  kAbsent = 0x73,   // in place of an argument that a call of a builtin leaves out
  kSkip = 0x703,    // on the stack: as many words, from this one on, hold nothing; their number stands above it
  kCharTag = 0x0b,  // the code point stands above it
};

enum Type : uint32_t { kString = 1, kSymbol, kVector, kClosure, kBuiltin, kBox };

constexpr uint32_t kPairTag = 1, kImmediateTag = 3, kObjectTag = 5, kFlonumTag = 7;
constexpr uint32_t kHeaderOffset = 3, kFieldOffset = 7, kCarOffset = 7, kCdrOffset = 11, kFlonumOffset = 1;
constexpr uint32_t kMaxLength = (1 << 24) - 1;  // a header is type | length << 8
constexpr int32_t kFixnumMax = (1 << 30) - 1, kFixnumMin = -(1 << 30);

inline bool isFixnum(Value v) { return (v & 1) == 0; }
inline int32_t fixnumOf(Value v) { return (int32_t)v >> 1; }
inline Value fixnum(int32_t n) { return (Value)n << 1; }
inline bool fitsFixnum(int64_t n) { return n >= kFixnumMin && n <= kFixnumMax; }

// Offsets are added to a pointer, not to the word: that cannot wrap, so the compiler, too, may put them
// into the immediates of loads and stores.
inline char *placeIn(Value v, uint32_t offset) { return (char *)v + offset; }
inline uint32_t &wordAt(Value v, uint32_t offset) { return *(uint32_t *)placeIn(v, offset); }

inline bool isPair(Value v) { return (v & 7) == kPairTag; }
inline Value &car(Value v) { return wordAt(v, kCarOffset); }
inline Value &cdr(Value v) { return wordAt(v, kCdrOffset); }

inline bool isFlonum(Value v) { return (v & 7) == kFlonumTag; }
inline double flonumOf(Value v) { return *(double *)placeIn(v, kFlonumOffset); }
inline bool isNumber(Value v) { return isFixnum(v) || isFlonum(v); }

inline bool isChar(Value v) { return (v & 0xff) == kCharTag; }
inline uint32_t charOf(Value v) { return v >> 8; }
inline Value character(uint32_t codePoint) { return codePoint << 8 | kCharTag; }
inline Value boolean(bool b) { return b ? kTrue : kFalse; }

inline bool isObject(Value v) { return (v & 7) == kObjectTag; }
inline uint32_t header(Value v) { return wordAt(v, kHeaderOffset); }
inline bool isType(Value v, Type type) { return isObject(v) && (header(v) & 0xff) == type; }
inline uint32_t lengthOf(Value v) { return header(v) >> 8; }
inline Value &field(Value v, uint32_t i) { return (&wordAt(v, kFieldOffset))[i]; }

// A string never changes: its length in characters, then UTF-8. The header's length is in bytes, so
// that a string of ASCII, in which both lengths agree, is indexed without a walk.
inline bool isString(Value v) { return isType(v, kString); }
inline uint32_t stringBytes(Value v) { return lengthOf(v); }
inline uint32_t stringChars(Value v) { return field(v, 0); }
inline char *stringText(Value v) { return placeIn(v, kFieldOffset + 4); }
inline bool isAscii(Value v) { return stringBytes(v) == stringChars(v); }

inline bool isVector(Value v) { return isType(v, kVector); }

// A closure: its template, then the values (or boxes) of its free variables.
inline bool isClosure(Value v) { return isType(v, kClosure); }
inline Template *templateOf(Value v) { return (Template *)field(v, 0); }

/*
 * Symbols are interned, permanent, and are the global variables too. `function` is the template of
 * `value` when that is a closure, else null: one load and compare tells generated code that a
 * global still is the procedure that it was compiled for.
 */
struct Builtin;
struct alignas(8) Symbol {
  uint32_t header;
  Value value;
  Template *function;
  Value name;
  Builtin *standard;  // the standard procedure of this name, while no program defines the name
  Symbol *next;
  bool constant;     // nothing gives it another value any more: closed.cc
  bool reached;      // an entry can reach it: entries.cc
};
inline bool isSymbol(Value v) { return isType(v, kSymbol); }
inline Symbol *symbolOf(Value v) { return (Symbol *)placeIn(v, kHeaderOffset); }
inline Value valueOf(Symbol *s) { return (Value)s - kHeaderOffset; }

/*
 * Procedures written in C++. One that takes three arguments at most has them as parameters, kAbsent for
 * those that a call leaves out; the others find them on the stack. The result may be kFail. No builtin
 * calls back into Scheme, and none collects garbage, so they need not care about roots.
 */
constexpr uint16_t kAnyCount = 0xffff, kMaxParameters = 3;
union BuiltinFunction {
  constexpr BuiltinFunction(Value (*f)()) : none(f) {}
  constexpr BuiltinFunction(Value (*f)(Value)) : one(f) {}
  constexpr BuiltinFunction(Value (*f)(Value, Value)) : two(f) {}
  constexpr BuiltinFunction(Value (*f)(Value, Value, Value)) : three(f) {}
  constexpr BuiltinFunction(Value (*f)(const Value *, uint32_t)) : many(f) {}
  Value (*none)();
  Value (*one)(Value);
  Value (*two)(Value, Value);
  Value (*three)(Value, Value, Value);
  Value (*many)(const Value *args, uint32_t count);
  uint32_t slot;
};
struct alignas(8) Builtin {
  template <class... Parameters>
  constexpr Builtin(const char *name, Value (*function)(Parameters...), uint16_t min = sizeof...(Parameters), uint16_t op = 0)
      : function(function), name(name), min(min), max(sizeof...(Parameters)), op(op) {}
  constexpr Builtin(const char *name, Value (*function)(const Value *, uint32_t), uint16_t min, uint16_t max, uint16_t op = 0)
      : function(function), name(name), min(min), max(max), op(op) {}
  uint32_t header = kBuiltin;
  BuiltinFunction function;
  const char *name;
  uint16_t min, max;     // of arguments; max kAnyCount for a rest list
  uint16_t op;           // its PrimOp, or 0
  bool effects = false;  // does it change what others see?
  bool reached = false;  // an entry can reach it: entries.cc
  bool takes(uint32_t count) const { return count >= min && (max == kAnyCount || count <= max); }
  bool hasParameters() const { return max <= kMaxParameters; }
};
inline bool isBuiltin(Value v) { return isType(v, kBuiltin); }
inline Builtin *builtinOf(Value v) { return (Builtin *)placeIn(v, kHeaderOffset); }
inline Value valueOf(Builtin *b) { return (Value)b - kHeaderOffset; }

inline bool isProcedure(Value v) { return isClosure(v) || isBuiltin(v); }
