// Calls in the compiler (compiler.h): direct where the procedure is known, through the slot of its
// closure's template where that is found at run time, and by the guest for all the rest.
#include "compiler.h"

// Stores operands on the stack from word `at`.
void Compiler::storeOperands(const std::vector<Operand> &operands, uint32_t at) {
  for (const Operand &operand : operands) {
    code.get(kSp);
    push(operand);
    code.store(4 * at++);
  }
}

// A builtin is called through its table slot, which is a constant of the guest. It collects nothing.
void Compiler::emitBuiltin(Node *node, const VarSet &live) {
  std::vector<TypeOf> words(node->args.size(), tAny);
  auto operands = emitOperands(node->args, 0, node->args.size(), live, words);
  bool even = !strcmp(node->builtin->name, "even?");
  if (worldClosed && (even || !strcmp(node->builtin->name, "odd?"))) {
    // Of a fixnum, the bit above the tag.
    openFixnumTest(operands[0], nullptr, wI32);
    push(operands[0]);
    code.constant(2);
    code.op(wI32And);
    code.constant(even ? 2 : 0);
    code.op(wI32Xor);
    code.constant(kTrueBit - 1);
    code.op(wI32Shl);
    code.constant(kFalse);
    code.op(wI32Or);
    closeFixnumTest(operands[0], nullptr, [&] { callBuiltin(node, operands); });
    return release(operands);
  }
  if (worldClosed && operands.size() == 1 && !strcmp(node->builtin->name, "string")) emitStringOf(node, operands);
  else if (worldClosed && !strcmp(node->builtin->name, "symbol->string")) emitSymbolToString(node, operands);
  else callBuiltin(node, operands);
  release(operands);
}

void Compiler::emitSymbolToString(Node *node, const std::vector<Operand> &operands) {
  auto pushName = [&] {
    push(operands[0]);
    code.load(kHeaderOffset + offsetof(Symbol, name));
  };
  if (isKnown(node->args[0], Known::Symbol)) return pushName();
  hasType(operands[0], kSymbol);
  code.open(wIf, wI32);
  pushName();
  code.otherwise();
  callBuiltin(node, operands);
  code.close();
}

// (string c), of a character of one byte
void Compiler::emitStringOf(Node *node, const std::vector<Operand> &operands) {
  push(operands[0]);
  code.constant(~0x7f00u);
  code.op(wI32And);
  code.constant(kCharTag);
  code.op(wI32Eq);
  code.open(wIf, wI32);
  uint32_t block = emitAllocate(16);
  code.get(block);
  code.constant(kString | 1 << 8);
  code.store(0);
  code.get(block);
  code.constant(1u);
  code.store(4);
  code.get(block);
  push(operands[0]);
  code.constant(8);
  code.op(wI32ShrU);
  code.store(8);
  pushTagged(block, kHeaderOffset);
  code.otherwise();
  callBuiltin(node, operands);
  code.close();
}

void Compiler::callBuiltin(Node *node, const std::vector<Operand> &operands) {
  const Builtin *builtin = node->builtin;
  uint32_t params = 2;
  if (builtin->hasParameters()) {
    params = builtin->max;
    for (const Operand &operand : operands) push(operand);
    for (size_t i = operands.size(); i < params; i++) code.constant(kAbsent);
  } else {
    storeOperands(operands, 0);
    code.get(kSp);
    code.constant(operands.size());
  }
  code.constant(builtin->function.slot);
  code.op(wCallIndirect), code.u32(params), code.u32(0);
  BehaviourSearch search(builtin->name, node->args.size());
  const Behaviour *behaviour = worldClosed ? search.run() : nullptr;
  if (!behaviour) return checkFailure(node->place);
  if (behaviour->fails == Fails::Always) return code.op(wDrop), failHere(node->place);
  if (!cannotFail(node, *behaviour)) checkFailure(node->place);
  // A path may lead elsewhere since its operand was computed, unless that was the last.
  for (size_t i = 0, n = node->args.size(); i < n; i++) {
    bool same = isStable(node->args[i]) || i + 1 == n;
    if (char letter = behaviour->letter(i); same && isNecessary(letter)) facts.learn(node->args[i], kindOf(letter));
  }
}

// Are all arguments of the kinds for which it does not fail?
bool Compiler::cannotFail(Node *node, const Behaviour &behaviour) {
  if (behaviour.fails != Fails::Else) return false;
  for (size_t i = 0; i < node->args.size(); i++) {
    Known kind = kindOf(behaviour.letter(i));
    if (kind != Known::Nothing && !isKnown(node->args[i], kind)) return false;
  }
  return true;
}

Compiler::Callee Compiler::calleeOf(Node *node) {
  Node *f = node->args[0];
  uint32_t argc = node->args.size() - 1;
  Callee callee;
  if (node->listed) {
    callee.known = templateOf(f->value);
    return callee;
  }
  if (f->kind == Kind::Global) callee.known = constantProcedure(f->symbol, argc);
  if (callee.known) return callee;
  if (f->kind == Kind::Const && isClosure(f->value)) callee.known = templateOf(f->value);
  if (f->kind == Kind::Global) {
    callee.global = f->symbol;
    callee.known = f->symbol->function;
  } else if (f->kind == Kind::Local && f->var->binding && !f->var->assigned) {
    callee.known = f->var->lambda;
  }
  const Template *t = callee.known;
  if (t && (t->rest || t->params != argc || argc > kMaxCompiledParams)) callee.known = nullptr;
  return callee;
}

void Compiler::emitCall(Node *node, const VarSet &live, bool tail) {
  Callee callee = calleeOf(node);
  std::vector<TypeOf> words(node->args.size(), tAny);
  size_t first = callee.global ? 1 : 0;
  std::vector<Operand> operands = emitOperands(node->args, first, node->args.size(), live, words);
  // A global's procedure gets a local here and its value below, for each way on its own.
  if (callee.global) operands.insert(operands.begin(), {false, 0, takeLocal(wI32), tAny, true});
  emitCallOf(node, callee, live, tail, std::move(operands));
}

// operands[0] is the procedure. With `tail`, all ways return.
void Compiler::emitCallOf(Node *node, const Callee &callee, const VarSet &live, bool tail,
                          std::vector<Operand> operands) {
  unrootAll(operands);
  facts.forgetFields();
  calls = true;
  bool leaves = tail && !(callee.known && callee.known->library);
  uint32_t words = leaves ? 0 : spillForCall(live);
  if (!callee.global) {
    if (callee.known) callKnown(callee.known, operands, words, leaves);
    else callUnknown(operands, words, tail, live);
  } else if (!callee.known) {
    emitGlobal(node->args[0]);
    code.set(operands[0].local);
    callUnknown(operands, words, tail, live);
  } else {
    code.constant(callee.global);
    code.load(offsetof(Symbol, function));
    code.constant(callee.known);
    code.op(wI32Eq);
    code.open(wIf, wI32);
    code.constant(callee.global);
    code.load(offsetof(Symbol, value));
    code.set(operands[0].local);
    callKnown(callee.known, operands, words, leaves);
    code.otherwise();
    emitGlobal(node->args[0]);
    code.set(operands[0].local);
    callUnknown(operands, words, tail, live);
    code.close();
  }
  release(operands);
  checkFailure(node->place, Of::Call);
  if (tail) code.op(wReturn);
}

void Compiler::pushArguments(const std::vector<Operand> &operands, uint32_t words) {
  if (words) pushStackEnd(words);
  else code.get(kSp);
  for (const Operand &operand : operands) push(operand);
}

void Compiler::callKnown(Template *t, const std::vector<Operand> &operands, uint32_t words, bool tail) {
  if (t->batch) {
    pushArguments(operands, words);
    code.op(tail ? wReturnCall : wCall), code.u32(kHelpers + t->batch - 1);
    return;
  }
  if (t->slot) {
    pushArguments(operands, words);
    code.constant(t->slot);
    return callThrough(t->params, tail);
  }
  if (worldClosed) return callGuest(operands, words, tail);
  // Not compiled yet: perhaps when this runs.
  code.constant(t);
  code.load(0);
  code.open(wIf, wI32);
  pushArguments(operands, words);
  code.constant(t);
  code.load(0);
  callThrough(t->params, tail);
  code.otherwise();
  callGuest(operands, words, tail);
  code.close();
}

void Compiler::callThrough(uint32_t argc, bool tail) {
  code.op(tail ? wReturnCallIndirect : wCallIndirect), code.u32(argc + 2), code.u32(0);
}

// Through the interpreter's entry, which does all kinds of procedures.
void Compiler::callGuest(const std::vector<Operand> &operands, uint32_t words, bool tail) {
  storeOperands(operands, words);
  pushStackEnd(words + operands.size());
  code.constant(operands.size() - 1);
  code.op(tail ? wReturnCall : wCall), code.u32(hCall);
}

/*
 * Any value may be called. A closure of fitting shape that has generated code is called through
 * its slot; the rest is the guest's. A tail call that must leave this frame in place, for the line
 * of its error, is no tail call.
 */
void Compiler::callUnknown(const std::vector<Operand> &operands, uint32_t words, bool tail, const VarSet &live) {
  const Operand &f = operands[0];
  uint32_t argc = operands.size() - 1;
  if (tail) {
    push(f);
    code.constant(argc);
    code.call(hCallable);
    code.open(wIf);
    if (argc <= kMaxCompiledParams) callSlotOrGuest(f, operands, 0, true);
    else callGuest(operands, 0, true);
    if (argc <= kMaxCompiledParams) code.op(wReturn);
    code.close();
    if (!words) words = spillForCall(live);
  }
  if (argc <= kMaxCompiledParams) callSlotOrGuest(f, operands, words, false);
  else callGuest(operands, words, false);
}

void Compiler::callSlotOrGuest(const Operand &f, const std::vector<Operand> &operands, uint32_t words, bool tail) {
  uint32_t argc = operands.size() - 1;
  uint32_t t = takeLocal(wI32);
  uint32_t done = code.open(wBlock, wI32);
  uint32_t guest = code.open(wBlock);
  branchUnlessType(f, kClosure, guest);
  push(f);
  code.load(kFieldOffset);
  code.tee(t);
  code.load(offsetof(Template, shape));
  code.constant(0xffff);
  code.op(wI32And);
  code.constant(argc);
  code.op(wI32Ne);
  code.branch(wBrIf, guest);
  code.get(t);
  code.load(offsetof(Template, slot));
  code.op(wI32Eqz);
  code.branch(wBrIf, guest);
  pushArguments(operands, words);
  code.get(t);
  code.load(offsetof(Template, slot));
  callThrough(argc, tail);
  if (!tail) code.branch(wBr, done);
  code.close();
  callGuest(operands, words, tail);
  code.close();
  giveLocal(t);
}

void Compiler::emitApply(Node *node, const VarSet &live, bool tail) {
  std::vector<TypeOf> types(node->args.size(), tAny);
  auto operands = emitOperands(node->args, 0, node->args.size(), live, types);
  unrootAll(operands);
  facts.forgetFields();
  calls = true;
  uint32_t words = spillForCall(tail ? VarSet() : live);
  uint32_t argc = takeLocal(wI32);
  storeOperands(operands, words);
  pushStackEnd(words + operands.size());
  code.constant(operands.size() - 1);
  code.call(hSpread);
  code.tee(argc);
  code.constant(~0u);
  code.op(wI32Eq);
  code.open(wIf);
  failHere(node->place, Of::Call);
  code.close();
  if (tail) {
    push(operands[0]);
    code.get(argc);
    code.call(hCallable);
    code.open(wIf);
    pushApplied(words, argc);
    code.op(wReturnCall), code.u32(hCall);
    code.close();
  }
  pushApplied(words, argc);
  code.call(hCall);
  giveLocal(argc);
  release(operands);
  checkFailure(node->place, Of::Call);
  if (tail) code.op(wReturn);
}

void Compiler::pushApplied(uint32_t words, uint32_t argc) {
  pushStackEnd(words + 1);
  code.get(argc);
  code.constant(2);
  code.op(wI32Shl);
  code.op(wI32Add);
  code.get(argc);
}
