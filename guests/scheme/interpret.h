/*
 * The interpreter, and how it and generated code call each other.
 *
 * A frame on the stack, upwards: the procedure, its arguments (the frame pointer is at the first),
 * the caller's program counter and frame pointer, then variables and intermediate values.
 * A saved program counter of 0 is where an activation of the interpreter returns to C++.
 *
 * Generated code has the type (stack pointer, closure, arguments...) -> result. It uses the native
 * stack, of which a host gives little; the words it may spend stand in `vm.trueLimit`. When they are
 * spent, whatever is called next is interpreted, which needs no native stack however deep it goes.
 */
#pragma once
#include "heap.h"
#include "program.h"
#include "words.h"

// Calls the procedure below `argc` arguments on the stack; `sp` points behind the last.
Value interpret(Value *sp, uint32_t argc, bool firstInterpreted = false);
// The same. What has generated code is entered at once: a start that is all generated code never
// enters the interpreter, which an engine would have to compile first.
Value call(Value *sp, uint32_t argc);
// How warm a template gets before it is compiled, in calls and loop iterations.
extern uint32_t warmThreshold;
// May generated code be entered?
extern bool jitEnabled;
// Templates that got warm since the last poll.
extern Words warmTemplates;

// Stack bytes that generated code may spend in all, as the measure of the native stack that its
// frames take: each takes at least 4 bytes here and some 100 to 200 bytes there, and engines give
// 512 KiB and more.
constexpr int32_t kNativeBudget = 10 << 10;
// Generated code for a procedure of no arguments.
using Fn0 = Value (*)(Value *, Value);

// Calls a procedure of no arguments from outside, with an empty stack.
inline Value callFromHost(Value procedure) {
  vm.trueLimit = (uint32_t)stack + kNativeBudget;
  vm.limit = vm.trueLimit;
  if (!vm.interpreterLimit) collect(stack);
  stack[0] = procedure;
  const Template *t = isClosure(procedure) ? templateOf(procedure) : nullptr;
  if (t && t->slot && !t->frameParams() && jitEnabled) return ((Fn0)t->slot)(stack, procedure);
  return call(stack + 1, 0);
}

// What inline operations do beyond their fast case; also the errors of all of them.
Value primitive1(PrimOp op, Value a);
Value primitive2(PrimOp op, Value a, Value b);
Value primitive3(PrimOp op, Value a, Value b, Value c);
Value failUnbound(Symbol *symbol);
Value failUnchecked(Symbol *name);
Value setExistingGlobal(Symbol *symbol, Value value);
// Would `procedure` take that many arguments? Else an error is under way.
bool checkCall(Value procedure, uint32_t argc);
// With a number of arguments that it takes.
Value callBuiltin(const Builtin *b, const Value *args, uint32_t count);
// Puts the elements of the list on top of the stack in its place, and counts them instead of it.
// The new stack pointer; null, with an error under way, if it is no list.
Value *spread(Value *sp, uint32_t &argc);
