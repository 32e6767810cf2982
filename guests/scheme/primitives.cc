// The operations that both compilers know inline, in full: any kinds of numbers, and all errors.
#include <math.h>

#include "heap.h"
#include "interpret.h"
#include "library.h"
#include "print.h"

bool metOthers[kPrimOps];

namespace {

const char *nameOf(PrimOp op) {
  static const char *const names[] = {"", "+", "-", "*", "<", ">", "<=", ">=", "=", "/", "quotient", "remainder",
      "modulo", "min", "max", "cons", "eq?", "eqv?", "set-car!", "set-cdr!", "vector-ref", "string-ref", "char=?",
      "car", "cdr", "null?", "pair?", "not", "zero?", "vector-length", "string-length", "exact->inexact", "sqrt",
      "abs", "char->integer", "symbol?", "string?", "vector?", "char?", "number?", "procedure?", "eof-object?",
      "vector-set!"};
  return names[op];
}

Value exactOp(PrimOp op, int64_t a, int64_t b) {
  if (op >= kDiv && op <= kModulo && b == 0) return fail(nameOf(op), "division by zero");
  int64_t result;
  switch (op) {
    case kLess: return boolean(a < b);
    case kGreater: return boolean(a > b);
    case kLessEqual: return boolean(a <= b);
    case kGreaterEqual: return boolean(a >= b);
    case kNumEqual: return boolean(a == b);
    case kDiv:
      if (a % b != 0) return flonum((double)a / (double)b);
      [[fallthrough]];
    case kQuotient: result = a / b; break;
    case kAdd: result = a + b; break;
    case kSub: result = a - b; break;
    case kMul: result = a * b; break;
    case kMin: result = a < b ? a : b; break;
    case kMax: result = a > b ? a : b; break;
    default:
      result = a % b;
      if (op == kModulo && result != 0 && (result < 0) != (b < 0)) result += b;
  }
  return integer(result);
}

Value inexactOp(PrimOp op, double a, double b) {
  double result;
  switch (op) {
    case kLess: return boolean(a < b);
    case kGreater: return boolean(a > b);
    case kLessEqual: return boolean(a <= b);
    case kGreaterEqual: return boolean(a >= b);
    case kNumEqual: return boolean(a == b);
    case kAdd: result = a + b; break;
    case kSub: result = a - b; break;
    case kMul: result = a * b; break;
    case kDiv: result = a / b; break;
    case kMin: result = __builtin_wasm_min_f64(a, b); break;
    case kMax: result = __builtin_wasm_max_f64(a, b); break;
    case kQuotient: result = trunc(a / b); break;
    default:
      result = remainderOf(a, b);
      if (op == kModulo && result != 0 && (result < 0) != (b < 0)) result += b;
  }
  return flonum(result);
}

Value arithmetic(PrimOp op, Value a, Value b) {
  if (isFixnum(a) && isFixnum(b)) return exactOp(op, fixnumOf(a), fixnumOf(b));
  if (!isNumber(a)) return failType(nameOf(op), "not a number", a);
  if (!isNumber(b)) return failType(nameOf(op), "not a number", b);
  if (op >= kQuotient && op <= kModulo) {
    if (!isInteger(a)) return failType(nameOf(op), "not an integer", a);
    if (!isInteger(b)) return failType(nameOf(op), "not an integer", b);
    if (toDouble(b) == 0) return fail(nameOf(op), "division by zero");
  }
  return inexactOp(op, toDouble(a), toDouble(b));
}

Value squareRoot(Value a) {
  if (!isNumber(a)) return failType("sqrt", "not a number", a);
  double root = sqrt(toDouble(a));
  if (isFixnum(a) && root == floor(root)) return integer((int64_t)root);
  return flonum(root);
}

Value absolute(Value a) {
  if (isFixnum(a)) return integer(fixnumOf(a) < 0 ? -(int64_t)fixnumOf(a) : fixnumOf(a));
  return isFlonum(a) ? flonum(fabs(flonumOf(a))) : failType("abs", "not a number", a);
}

Value vectorRef(Value v, Value i) {
  if (!isVector(v)) return failType("vector-ref", "not a vector", v);
  if (!isFixnum(i) || (uint32_t)fixnumOf(i) >= lengthOf(v)) return failType("vector-ref", "no such index", i);
  return field(v, fixnumOf(i));
}

Value stringRef(Value s, Value i) {
  if (!isString(s)) return failType("string-ref", "not a string", s);
  if (!isFixnum(i) || (uint32_t)fixnumOf(i) >= stringChars(s)) return failType("string-ref", "no such index", i);
  const char *text = stringText(s) + byteOffset(s, fixnumOf(i));
  return character(nextChar(text));
}

Value setField(PrimOp op, Value pair, Value value) {
  if (!isPair(pair)) return failType(nameOf(op), "not a pair", pair);
  (op == kSetCar ? car(pair) : cdr(pair)) = value;
  return kUnspecified;
}

}  // namespace

Value primitive1(PrimOp op, Value a) {
  switch (op) {
    case kCar: return isPair(a) ? car(a) : failType("car", "not a pair", a);
    case kCdr: return isPair(a) ? cdr(a) : failType("cdr", "not a pair", a);
    case kNullP: return boolean(a == kNil);
    case kPairP: return boolean(isPair(a));
    case kNot: return boolean(a == kFalse);
    case kZeroP: return isNumber(a) ? boolean(toDouble(a) == 0) : failType("zero?", "not a number", a);
    case kVectorLength: return isVector(a) ? fixnum(lengthOf(a)) : failType("vector-length", "not a vector", a);
    case kStringLength: return isString(a) ? fixnum(stringChars(a)) : failType("string-length", "not a string", a);
    case kToInexact:
      if (isFlonum(a)) return a;
      return isFixnum(a) ? flonum(fixnumOf(a)) : failType("exact->inexact", "not a number", a);
    case kSqrt: return squareRoot(a);
    case kAbs: return absolute(a);
    case kCharToInteger: return isChar(a) ? fixnum(charOf(a)) : failType("char->integer", "not a character", a);
    case kSymbolP: return boolean(isSymbol(a));
    case kStringP: return boolean(isString(a));
    case kVectorP: return boolean(isVector(a));
    case kCharP: return boolean(isChar(a));
    case kNumberP: return boolean(isNumber(a));
    case kProcedureP: return boolean(isProcedure(a));
    default: return boolean(a == kEof);
  }
}

Value primitive2(PrimOp op, Value a, Value b) {
  switch (op) {
    case kCons: return cons(a, b);
    case kEq: return boolean(a == b);
    case kEqv: return boolean(isEqv(a, b));
    case kSetCar:
    case kSetCdr: return setField(op, a, b);
    case kVectorRef: return vectorRef(a, b);
    case kStringRef: return stringRef(a, b);
    case kCharEqual:
      if (!isChar(a)) return failType("char=?", "not a character", a);
      return isChar(b) ? boolean(a == b) : failType("char=?", "not a character", b);
    default: return arithmetic(op, a, b);
  }
}

Value primitive3(PrimOp, Value v, Value i, Value value) {
  if (!isVector(v)) return failType("vector-set!", "not a vector", v);
  if (!isFixnum(i) || (uint32_t)fixnumOf(i) >= lengthOf(v)) return failType("vector-set!", "no such index", i);
  field(v, fixnumOf(i)) = value;
  return kUnspecified;
}

Value failUnbound(Symbol *symbol) { return fail(displayed(valueOf(symbol)).c_str(), "not defined"); }

Value failUnchecked(Symbol *name) { return fail(displayed(valueOf(name)).c_str(), "used before its definition"); }

Value setExistingGlobal(Symbol *symbol, Value value) {
  if (symbol->value == kUnbound) {
    Text text = displayed(valueOf(symbol));
    text += " is not defined";
    return fail("set!", text.c_str());
  }
  setGlobal(symbol, value);
  return kUnspecified;
}

// ---- The same as procedures ----

namespace {

template <PrimOp op> Value one(Value a) { return primitive1(op, a); }
template <PrimOp op> Value two(Value a, Value b) { return primitive2(op, a, b); }
Value vectorSet(Value vector, Value index, Value v) { return primitive3(kVectorSet, vector, index, v); }

// As a value, an operation is called from anywhere: this is all that is known of what it meets there.
template <PrimOp op> Value noted(Value a, Value b) {
  Value result = primitive2(op, a, b);
  bool compares = op >= kLess && op <= kNumEqual;
  if ((a | b | (compares ? 0 : result)) & 1) metOthers[op] = true;
  return result;
}

template <PrimOp op> Value fold(const Value *a, uint32_t n) {
  constexpr bool inverse = op == kSub || op == kDiv;
  Value unit = fixnum(op == kAdd || op == kSub ? 0 : 1);
  if (n == 0) return unit;
  if (n == 1 && op == kSub && isFlonum(a[0])) return flonum(-flonumOf(a[0]));
  if (n == 1) return inverse ? primitive2(op, unit, a[0]) : primitive2(op, a[0], unit);
  if (n == 2) return noted<op>(a[0], a[1]);
  Value sum = a[0];
  for (uint32_t i = 1; i < n && sum != kFail; i++) sum = primitive2(op, sum, a[i]);
  return sum;
}

template <PrimOp op> Value extreme(const Value *a, uint32_t n) {
  Value best = n == 1 ? primitive2(op, a[0], a[0]) : a[0];
  for (uint32_t i = 1; i < n && best != kFail; i++) best = primitive2(op, best, a[i]);
  return best;
}

template <PrimOp op> Value chain(const Value *a, uint32_t n) {
  if (n == 2) return op == kCharEqual ? primitive2(op, a[0], a[1]) : noted<op>(a[0], a[1]);
  Value holds = kTrue;
  if (n == 1 && op != kCharEqual && !isNumber(a[0])) return failType(nameOf(op), "not a number", a[0]);
  for (uint32_t i = 0; i + 1 < n; i++) {
    Value next = primitive2(op, a[i], a[i + 1]);
    if (next == kFail) return kFail;
    if (next == kFalse) holds = kFalse;
  }
  return holds;
}

Builtin builtins[] = {
    {"+", fold<kAdd>, 0, kAnyCount, kAdd}, {"-", fold<kSub>, 1, kAnyCount, kSub},
    {"*", fold<kMul>, 0, kAnyCount, kMul}, {"/", fold<kDiv>, 1, kAnyCount, kDiv},
    {"<", chain<kLess>, 1, kAnyCount, kLess}, {">", chain<kGreater>, 1, kAnyCount, kGreater},
    {"<=", chain<kLessEqual>, 1, kAnyCount, kLessEqual}, {">=", chain<kGreaterEqual>, 1, kAnyCount, kGreaterEqual},
    {"=", chain<kNumEqual>, 1, kAnyCount, kNumEqual}, {"min", extreme<kMin>, 1, kAnyCount, kMin},
    {"max", extreme<kMax>, 1, kAnyCount, kMax}, {"char=?", chain<kCharEqual>, 1, kAnyCount, kCharEqual},
    {"quotient", two<kQuotient>, 2, kQuotient}, {"remainder", two<kRemainder>, 2, kRemainder},
    {"modulo", two<kModulo>, 2, kModulo}, {"truncate-quotient", two<kQuotient>, 2, kQuotient},
    {"truncate-remainder", two<kRemainder>, 2, kRemainder}, {"floor-remainder", two<kModulo>, 2, kModulo},
    {"cons", two<kCons>, 2, kCons}, {"eq?", two<kEq>, 2, kEq}, {"eqv?", two<kEqv>, 2, kEqv},
    {"set-car!", two<kSetCar>, 2, kSetCar}, {"set-cdr!", two<kSetCdr>, 2, kSetCdr},
    {"vector-ref", two<kVectorRef>, 2, kVectorRef}, {"string-ref", two<kStringRef>, 2, kStringRef},
    {"car", one<kCar>, 1, kCar}, {"cdr", one<kCdr>, 1, kCdr}, {"null?", one<kNullP>, 1, kNullP},
    {"pair?", one<kPairP>, 1, kPairP}, {"not", one<kNot>, 1, kNot}, {"zero?", one<kZeroP>, 1, kZeroP},
    {"vector-length", one<kVectorLength>, 1, kVectorLength},
    {"string-length", one<kStringLength>, 1, kStringLength},
    {"exact->inexact", one<kToInexact>, 1, kToInexact}, {"inexact", one<kToInexact>, 1, kToInexact},
    {"sqrt", one<kSqrt>, 1, kSqrt}, {"abs", one<kAbs>, 1, kAbs},
    {"magnitude", one<kAbs>, 1, kAbs},
    {"char->integer", one<kCharToInteger>, 1, kCharToInteger}, {"symbol?", one<kSymbolP>, 1, kSymbolP},
    {"string?", one<kStringP>, 1, kStringP}, {"vector?", one<kVectorP>, 1, kVectorP},
    {"char?", one<kCharP>, 1, kCharP}, {"number?", one<kNumberP>, 1, kNumberP},
    {"procedure?", one<kProcedureP>, 1, kProcedureP}, {"eof-object?", one<kEofP>, 1, kEofP},
    {"vector-set!", vectorSet, 3, kVectorSet},
};

}  // namespace

void definePrimitives() { define(builtins); }
