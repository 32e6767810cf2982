// The interpreter; see interpret.h for frames and bytecode.h for the code.
#include "interpret.h"

#include "bytecode.h"
#include "heap.h"
#include "library.h"
#include "print.h"

uint32_t warmThreshold = 400;
bool jitEnabled = true;
Words warmTemplates;

namespace {

// What an activation of the interpreter costs on the native stack, by the same measure.
constexpr int32_t kInterpreterCost = 64;

__attribute__((noinline)) void queue(Template *t) {
  t->jit = JitState::Queued;
  warmTemplates.push((uint32_t)t);
}

void warm(Template *t) {
  if (t->jit == JitState::Cold && ++t->warmth >= warmThreshold) queue(t);
}

uint8_t kindOf(Value v) { return isFixnum(v) ? kSawFixnum : isFlonum(v) ? kSawFlonum : kSawOther; }

using Fn1 = Value (*)(Value *, Value, Value);
using Fn2 = Value (*)(Value *, Value, Value, Value);
using Fn3 = Value (*)(Value *, Value, Value, Value, Value);
using Fn4 = Value (*)(Value *, Value, Value, Value, Value, Value);
using Fn5 = Value (*)(Value *, Value, Value, Value, Value, Value, Value);
using Fn6 = Value (*)(Value *, Value, Value, Value, Value, Value, Value, Value);
using Fn7 = Value (*)(Value *, Value, Value, Value, Value, Value, Value, Value, Value);
using Fn8 = Value (*)(Value *, Value, Value, Value, Value, Value, Value, Value, Value, Value);

// Enters generated code for a closure at `f`, its arguments above it.
Value enterGenerated(Value *f, uint32_t slot, uint32_t argc) {
  Value c = f[0];
  Value *a = f + 1;
  switch (argc) {
    case 0: return ((Fn0)slot)(f, c);
    case 1: return ((Fn1)slot)(f, c, a[0]);
    case 2: return ((Fn2)slot)(f, c, a[0], a[1]);
    case 3: return ((Fn3)slot)(f, c, a[0], a[1], a[2]);
    case 4: return ((Fn4)slot)(f, c, a[0], a[1], a[2], a[3]);
    case 5: return ((Fn5)slot)(f, c, a[0], a[1], a[2], a[3], a[4]);
    case 6: return ((Fn6)slot)(f, c, a[0], a[1], a[2], a[3], a[4], a[5]);
    case 7: return ((Fn7)slot)(f, c, a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    default: return ((Fn8)slot)(f, c, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
  }
}

// What is left for generated code that is called from here.
int32_t budgetAt(const Value *sp) {
  return jitEnabled ? (int32_t)(vm.trueLimit - (uint32_t)sp) - kInterpreterCost : 0;
}

// Enters it with that budget; the limit is then again what it was.
__attribute__((noinline)) Value enterWithin(int32_t budget, uint32_t savedLimit, Value *f, const Template *t) {
  vm.trueLimit = (uint32_t)f + budget;
  if (vm.limit) vm.limit = vm.trueLimit;
  Value result = enterGenerated(f, t->slot, t->frameParams());
  vm.trueLimit = savedLimit;
  if (vm.limit) vm.limit = savedLimit;
  return result;
}

__attribute__((noinline)) Place placeAt(Template *t, uint32_t offset) {
  Place place = 0;
  const uint32_t *from = t->code + t->words;
  for (uint32_t i = 0; i < t->places && from[2 * i] <= offset; i++) place = from[2 * i + 1];
  return place;
}

void noteProcedure(Value &seen, Value v) {
  if (!isProcedure(v) || v == seen) return;
  seen = seen == 0 && isBuiltin(v) ? v : (Value)kFail;
}

__attribute__((noinline)) void noteArguments(Template *t, const Value *args, uint32_t params) {
  for (uint32_t i = 0; i < params && i < kMaxCompiledParams; i++) {
    uint8_t kind = kindOf(args[i]);
    t->seen[i] |= kind;
    if (kind == kSawOther) noteProcedure(t->builtins[i], args[i]);
  }
}

// What fitArguments does where they are not as many as that, or some of them become a list.
__attribute__((noinline)) Value *fitOthers(Template *t, Value *sp, uint32_t argc) {
  if (!checkCall(sp[-(int)argc - 1], argc)) return nullptr;
  Value list = kNil;
  for (; argc > t->params; argc--) list = cons(*--sp, list);
  *sp++ = list;
  return sp;
}

// Turns `argc` arguments below `sp` into the frame's parameters; the new stack pointer, or null.
Value *fitArguments(Template *t, Value *sp, uint32_t argc) {
  return argc == t->params && !t->rest ? sp : fitOthers(t, sp, argc);
}

// In the instruction before `pc`: it met, or gave, something else than fixnums.
void noteOthers(const uint32_t *pc) { const_cast<uint32_t *>(pc)[-1] |= kFeedbackBit; }

__attribute__((noinline)) Value makeClosure(Template *t) {
  uint32_t n = t->captured;
  Value closure = allocateObject(kClosure, n, 1 + n);
  field(closure, 0) = (uint32_t)t;
  return closure;
}

__attribute__((noinline)) const uint32_t *fillClosure(Value closure, const uint32_t *captures, Value *fp) {
  uint32_t n = lengthOf(closure);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t from = captures[i];
    field(closure, 1 + i) = from & 1 ? field(fp[-1], 1 + (from >> 1)) : fp[from >> 1];
  }
  return captures + n;
}

}  // namespace

Value *spread(Value *sp, uint32_t &argc) {
  Value list = *--sp;
  argc--;
  for (; isPair(list); list = cdr(list), argc++) {
    if ((uint32_t)sp >= stackEnd()) {
      failStackOverflow();
      return nullptr;
    }
    *sp++ = car(list);
  }
  if (list == kNil) return sp;
  failType("apply", "not a list", list);
  return nullptr;
}

bool checkCall(Value procedure, uint32_t argc) {
  if (isClosure(procedure)) {
    Template *t = templateOf(procedure);
    if (argc == t->params || (t->rest && argc > t->params)) return true;
    failArity(displayed(t->name).c_str(), t->params, t->rest ? kAnyCount : t->params, argc);
    return false;
  }
  if (isBuiltin(procedure)) {
    Builtin *b = builtinOf(procedure);
    if (b->takes(argc)) return true;
    failArity(b->name, b->min, b->max, argc);
    return false;
  }
  failType("call", "not a procedure", procedure);
  return false;
}

Value callBuiltin(const Builtin *b, const Value *args, uint32_t count) {
  auto get = [&](uint32_t i) { return i < count ? args[i] : (Value)kAbsent; };
  switch (b->max) {
    case 0: return b->function.none();
    case 1: return b->function.one(get(0));
    case 2: return b->function.two(get(0), get(1));
    case 3: return b->function.three(get(0), get(1), get(2));
    default: return b->function.many(args, count);
  }
}

Value call(Value *sp, uint32_t argc) {
  Value *f = sp - argc - 1;
  const int32_t budget = budgetAt(sp);
  if (!isClosure(*f) || !templateOf(*f)->slot || budget <= 0) return interpret(sp, argc);
  return fitArguments(templateOf(*f), sp, argc) ? enterWithin(budget, vm.trueLimit, f, templateOf(*f)) : (Value)kFail;
}

Value interpret(Value *sp, uint32_t argc, bool firstInterpreted) {
  const uint32_t *pc = nullptr;
  Value *fp = nullptr;
  Value result;
  const uint32_t savedLimit = vm.trueLimit;
  const int32_t budget = budgetAt(sp);
  Value left, right;  // of an operation that goes the long way
  PrimOp prim;
  goto call;

#define NEXT goto next
#define A (word >> 8)
#define SIGNED_A ((int32_t)word >> 8)
#define CODE (templateOf(fp[-1])->code)
#define FAIL goto unwind

next:
  for (;;) {
    const uint32_t word = *pc++;
    switch (word & 0xff) {
      case opConst: *sp++ = *pc++; NEXT;
      case opInteger: *sp++ = fixnum(SIGNED_A); NEXT;
      case opLocal: *sp++ = fp[A]; NEXT;
      case opLocal2:
        sp[0] = fp[A];
        sp[1] = fp[*pc++];
        sp += 2;
        NEXT;
      case opLocalBox: *sp++ = field(fp[A], 0); NEXT;
      case opFree: *sp++ = field(fp[-1], 1 + A); NEXT;
      case opFreeBox: *sp++ = field(field(fp[-1], 1 + A), 0); NEXT;
      case opCheck:
        if (sp[-1] == kUnbound) {
          failUnchecked((Symbol *)*pc);
          FAIL;
        }
        pc++;
        NEXT;
      case opSetLocal:
        fp[A] = sp[-1];
        sp[-1] = kUnspecified;
        NEXT;
      case opSetLocalBox:
        field(fp[A], 0) = sp[-1];
        sp[-1] = kUnspecified;
        NEXT;
      case opSetFreeBox:
        field(field(fp[-1], 1 + A), 0) = sp[-1];
        sp[-1] = kUnspecified;
        NEXT;
      case opGlobal: {
        auto symbol = (Symbol *)*pc++;
        Value value = symbol->value;
        if (value == kUnbound) {
          failUnbound(symbol);
          FAIL;
        }
        *sp++ = value;
        NEXT;
      }
      case opSetGlobal:
        if (setExistingGlobal((Symbol *)*pc++, sp[-1]) == kFail) FAIL;
        sp[-1] = kUnspecified;
        NEXT;
      case opDefine:
        setGlobal((Symbol *)*pc++, sp[-1]);
        sp[-1] = kUnspecified;
        NEXT;
      case opPop: sp--; NEXT;
      case opSlide: {
        Value top = sp[-1];
        sp -= A;
        sp[-1] = top;
        NEXT;
      }
      jump:
      case opJump: pc = CODE + *pc; NEXT;
      case opJumpIfFalse:
        if (*--sp == kFalse) goto jump;
        pc++;
        NEXT;
      case opOr:
        if (sp[-1] != kFalse) goto jump;
        pc++, sp--;
        NEXT;
      case opApply:
        argc = A;
        if (!(sp = spread(sp, argc))) FAIL;
        goto call;
      case opCall:
        argc = A;
        goto call;
      case opCallGlobal:
      case opTailCallGlobal: {
        argc = A;
        auto symbol = (Symbol *)*pc++;
        if ((sp[-(int)argc - 1] = symbol->value) == kUnbound) {
          failUnbound(symbol);
          FAIL;
        }
        if ((word & 0xff) == opCallGlobal) goto call;
        goto tailCall;
      }
      case opTailApply:
        argc = A;
        if (!(sp = spread(sp, argc))) FAIL;
        goto tailCall;
      case opTailCall:
        argc = A;
        goto tailCall;
      case opReturn:
        result = sp[-1];
        sp = fp - 1;
        pc = (const uint32_t *)fp[A];
        fp = (Value *)fp[A + 1];
        goto deliver;
      case opClosure: {
        Value closure = makeClosure((Template *)*pc++);
        pc = fillClosure(closure, pc, fp);
        *sp++ = closure;
        NEXT;
      }
      case opEmptyClosure: {
        Value closure = makeClosure((Template *)*pc++);
        for (uint32_t i = 0; i < lengthOf(closure); i++) field(closure, 1 + i) = kUnspecified;
        *sp++ = closure;
        NEXT;
      }
      case opFillClosure: pc = fillClosure(fp[A], pc + 1, fp); NEXT;
      case opBox: fp[A] = makeBox(fp[A]); NEXT;
      case opContinue: {
        uint32_t n = A;
        Value *to = fp + pc[0];
        Value *from = sp - n;
        pc = CODE + pc[1];
        for (uint32_t i = 0; i < n; i++) to[i] = from[i];
        sp = to + n;
        warm(templateOf(fp[-1]));
        if (!vm.interpreterLimit) collect(sp);
        NEXT;
      }
      case opBuiltin: {
        uint32_t n = A;
        result = callBuiltin((Builtin *)*pc++, sp - n, n);
        if (result == kFail) FAIL;
        sp -= n;
        *sp++ = result;
        NEXT;
      }

      // ---- Operations with a fast case of their own; the others follow as a group ----

      // What is no pair of fixnums, or has a sum that is none, is noted, and goes the long way: with
      // `left` and `right`, and where the result goes on top of the stack.

#define WITH_INTEGER(opcode, localOpcode, op, builtin)                         \
  case opcode: {                                                             \
    left = sp[-1];                                                           \
    int32_t number;                                                          \
    if (isFixnum(left) && !builtin((int32_t)left, operand23(word) * 2, &number)) { \
      sp[-1] = number;                                                       \
      NEXT;                                                                  \
    }                                                                        \
    prim = op;                                                               \
    goto withInteger;                                                        \
  }                                                                          \
  case localOpcode: {                                                        \
    left = fp[*pc];                                                          \
    int32_t number;                                                          \
    if (isFixnum(left) && !builtin((int32_t)left, operand23(word) * 2, &number)) { \
      pc++;                                                                  \
      *sp++ = number;                                                        \
      NEXT;                                                                  \
    }                                                                        \
    prim = op;                                                               \
    goto localWithInteger;                                                   \
  }
        WITH_INTEGER(opAddInteger, opLocalAddInteger, kAdd, __builtin_add_overflow)
        WITH_INTEGER(opSubInteger, opLocalSubInteger, kSub, __builtin_sub_overflow)
      localWithInteger:
        noteOthers(pc);
        pc++;
        sp++;
        right = fixnum(operand23(word));
        goto long2;
      withInteger:
        noteOthers(pc);
        right = fixnum(operand23(word));
        goto long2;
#define ARITHMETIC(op, builtin)                                              \
  case opPrim + int(op): {                                                   \
    left = sp[-2], right = sp[-1];                                           \
    int32_t number;                                                          \
    sp--;                                                                    \
    if (!((left | right) & 1) && !builtin((int32_t)left, (int32_t)right, &number)) { \
      sp[-1] = number;                                                       \
      NEXT;                                                                  \
    }                                                                        \
    prim = op;                                                               \
    goto longArithmetic;                                                     \
  }
        ARITHMETIC(kAdd, __builtin_add_overflow)
        ARITHMETIC(kSub, __builtin_sub_overflow)
#define MULTIPLY_OVERFLOW(a, b, to) __builtin_mul_overflow((a) >> 1, b, to)
        ARITHMETIC(kMul, MULTIPLY_OVERFLOW)
#define COMPARE(op, test)                                                    \
  case opPrim + int(op):                                                     \
    left = sp[-2], right = sp[-1];                                           \
    sp--;                                                                    \
    if (!((left | right) & 1)) {                                             \
      sp[-1] = boolean((int32_t)left test(int32_t) right);                   \
      NEXT;                                                                  \
    }                                                                        \
    prim = op;                                                               \
    goto longArithmetic;                                                     \
  case opUnless + int(op - kLess):                                           \
    left = sp[-2], right = sp[-1];                                           \
    sp -= 2;                                                                 \
    if (!((left | right) & 1)) {                                             \
      if (!((int32_t)left test(int32_t) right)) goto jump;                   \
      pc++;                                                                  \
      NEXT;                                                                  \
    }                                                                        \
    prim = op;                                                               \
    goto longUnless;                                                         \
  case opUnlessInteger + int(op - kLess):                                    \
    left = *--sp;                                                            \
    right = fixnum(operand23(word));                                         \
    if (isFixnum(left)) {                                                    \
      if (!((int32_t)left test(int32_t) right)) goto jump;                   \
      pc++;                                                                  \
      NEXT;                                                                  \
    }                                                                        \
    prim = op;                                                               \
    goto longUnless;
        COMPARE(kLess, <)
        COMPARE(kGreater, >)
        COMPARE(kLessEqual, <=)
        COMPARE(kGreaterEqual, >=)
        COMPARE(kNumEqual, ==)
      longArithmetic:
        noteOthers(pc);
      long2:
        if ((sp[-1] = primitive2(prim, left, right)) == kFail) FAIL;
        NEXT;
      longUnless:
        noteOthers(pc);
        if ((result = primitive2(prim, left, right)) == kFail) FAIL;
        if (result == kFalse) goto jump;
        pc++;
        NEXT;
      case opUnlessNull:
        if (*--sp != kNil) goto jump;
        pc++;
        NEXT;
      case opUnlessPair:
        if (!isPair(*--sp)) goto jump;
        pc++;
        NEXT;
      case opUnlessEq:
        sp -= 2;
        if (sp[0] != sp[1]) goto jump;
        pc++;
        NEXT;
      case opPrim + int(kCons):
        sp--;
        sp[-1] = cons(sp[-1], sp[0]);
        NEXT;
      case opPrim + int(kCar):
        if (isPair(sp[-1])) {
          sp[-1] = car(sp[-1]);
          NEXT;
        }
        failType("car", "not a pair", sp[-1]);
        FAIL;
      case opPrim + int(kCdr):
        if (isPair(sp[-1])) {
          sp[-1] = cdr(sp[-1]);
          NEXT;
        }
        failType("cdr", "not a pair", sp[-1]);
        FAIL;
      case opPrim + int(kEq):
        sp--;
        sp[-1] = boolean(sp[-1] == sp[0]);
        NEXT;
      case opPrim + int(kNot): sp[-1] = boolean(sp[-1] == kFalse); NEXT;
      case opPrim + int(kNullP): sp[-1] = boolean(sp[-1] == kNil); NEXT;
      case opPrim + int(kPairP): sp[-1] = boolean(isPair(sp[-1])); NEXT;
      case opPrim + int(kVectorRef): {
        Value v = sp[-2], i = sp[-1];
        sp--;
        if (isVector(v) && isFixnum(i) && (uint32_t)fixnumOf(i) < lengthOf(v)) {
          sp[-1] = field(v, fixnumOf(i));
          NEXT;
        }
        primitive2(kVectorRef, v, i);
        FAIL;
      }
      case opPrim + int(kVectorSet): {
        sp -= 2;
        Value v = sp[-1], i = sp[0];
        if (isVector(v) && isFixnum(i) && (uint32_t)fixnumOf(i) < lengthOf(v)) {
          field(v, fixnumOf(i)) = sp[1];
          sp[-1] = kUnspecified;
          NEXT;
        }
        primitive3(kVectorSet, v, i, sp[1]);
        FAIL;
      }
      default: {
        auto op = (PrimOp)((word & 0xff) - opPrim);
        if (op >= kCar) {
          result = primitive1(op, sp[-1]);
        } else {
          sp--;
          if ((sp[-1] | sp[0]) & 1) noteOthers(pc);
          result = primitive2(op, sp[-1], sp[0]);
        }
        if (result == kFail) FAIL;
        sp[-1] = result;
        NEXT;
      }
    }
  }

tailCall: {
  // A builtin's or a library procedure's error belongs to this frame's line, so this frame stays.
  Value callee = sp[-(int)argc - 1];
  if (isClosure(callee) && !templateOf(callee)->library) {
    if (!checkCall(callee, argc)) FAIL;
    uint32_t n = templateOf(fp[-1])->frameParams();
    pc = (const uint32_t *)fp[n];
    auto callerFp = (Value *)fp[n + 1];
    memmove(fp - 1, sp - argc - 1, (argc + 1) * 4);
    sp = fp + argc;
    fp = callerFp;
  }
}

call: {
  Value *f = sp - argc - 1;
  Value callee = *f;
  if (!isClosure(callee)) {
    if (!checkCall(callee, argc)) FAIL;
    if (callee == applyValue) {
      memmove(f, f + 1, argc * 4);
      sp--;
      argc--;
      if (!(sp = spread(sp, argc))) FAIL;
      goto call;
    }
    result = callBuiltin(builtinOf(callee), sp - argc, argc);
    if (result == kFail) FAIL;
    sp = f;
    goto deliver;
  }
  Template *t = templateOf(callee);
  // What generated code gives up are a frame's parameters already, a rest is a list.
  if (!firstInterpreted && !(sp = fitArguments(t, sp, argc))) {
    sp = f;
    FAIL;
  }
  uint32_t params = t->frameParams();
  if (t->jit == JitState::Cold) {
    warm(t);
    noteArguments(t, f + 1, params);
  }
  if (t->slot && budget > 0 && !firstInterpreted) {
    result = enterWithin(budget, savedLimit, f, t);
    sp = f;
    if (result == kFail) FAIL;
    goto deliver;
  }
  firstInterpreted = false;
  if (__builtin_expect((uint32_t)(sp + t->maxStack) > vm.interpreterLimit, 0)) {
    if (!vm.interpreterLimit) collect(sp);
    if ((uint32_t)(sp + t->maxStack) > stackEnd()) {
      failStackOverflow();
      FAIL;
    }
  }
  sp[0] = (uint32_t)pc;
  sp[1] = (uint32_t)fp;
  fp = f + 1;
  sp += 2;
  pc = t->code;
  NEXT;
}

deliver:
  if (!pc) return result;
  *sp++ = result;
  NEXT;

unwind:
  while (pc) {
    Template *t = templateOf(fp[-1]);
    failAt(placeAt(t, pc - 1 - t->code));
    uint32_t n = t->frameParams();
    pc = (const uint32_t *)fp[n];
    fp = (Value *)fp[n + 1];
  }
  return kFail;
}
