// Objects of the heap in the compiler (compiler.h): allocation, which bumps a pointer, and the
// operations of pairs, strings, vectors and closures.
#include "compiler.h"

// ---- Allocation ----

// Leaves the address of a new block in a local, which the caller gives back. Sealed code calls for it:
// that is a third of the machine code that a start has to compile, and bench.scm runs as fast. Live code
// would call another instance, which costs more.
uint32_t Compiler::emitAllocate(uint32_t size) {
  uint32_t block = takeLocal(wI32);
  if (worldClosed) {
    code.constant(size);
    code.call(hAllocateBlock);
    code.set(block);
    return block;
  }
  uint32_t end = takeLocal(wI32);
  code.constant(&vm);
  code.load(offsetof(Vm, free));
  code.tee(block);
  code.constant(size);
  code.op(wI32Add);
  code.tee(end);
  code.constant(&vm);
  code.load(offsetof(Vm, freeEnd));
  code.op(wI32GtU);
  code.open(wIf);
  code.constant(size);
  code.call(hAllocate);
  code.set(block);
  code.otherwise();
  code.constant(&vm);
  code.get(end);
  code.store(offsetof(Vm, free));
  code.close();
  giveLocal(end);
  return block;
}

void Compiler::pushTagged(uint32_t block, uint32_t tagOffset) {
  code.get(block);
  code.constant(tagOffset);
  code.op(wI32Sub);
  giveLocal(block);
}

// The f64 on the stack becomes a flonum.
void Compiler::boxFlonum() {
  uint32_t number = takeLocal(wF64);
  code.set(number);
  uint32_t block = emitAllocate(8);
  code.get(block);
  code.get(number);
  code.storeF64(0);
  giveLocal(number);
  pushTagged(block, kFlonumOffset);
}

// ---- Closures ----

uint32_t Compiler::emitEmptyClosure(Template *inner) {
  uint32_t n = inner->free.size();
  uint32_t block = emitAllocate((8 + 4 * n + 7) & ~7u);
  code.get(block);
  code.constant(kClosure | n << 8);
  code.store(0);
  code.get(block);
  code.constant(inner);
  code.store(4);
  return block;
}

void Compiler::fillClosure(uint32_t block, Template *inner) {
  for (size_t i = 0; i < inner->free.size(); i++) {
    Var *var = inner->free[i];
    if (own(var) && var->type == tFlonum && !var->boxed()) {
      uint32_t boxed = takeLocal(wI32);
      pushVar(var);
      boxFlonum();
      code.set(boxed);
      code.get(block);
      code.get(boxed);
      giveLocal(boxed);
    } else {
      code.get(block);
      pushVar(var);
    }
    code.store(8 + 4 * i);
  }
}

void Compiler::emitLambda(Template *inner) {
  if (inner->free.empty()) return code.constant(closureOf(inner));
  uint32_t block = emitEmptyClosure(inner);
  fillClosure(block, inner);
  pushTagged(block, kHeaderOffset);
}

// All closures first, so that they can capture each other. Nothing collects in between.
void Compiler::bindFix(Node *node) {
  for (size_t i = 0; i < node->vars.size(); i++) {
    Var *var = node->vars[i];
    Template *inner = node->args[i]->lambda;
    bindLocal(var);
    if (inner->free.empty()) code.constant(closureOf(inner));
    else pushTagged(emitEmptyClosure(inner), kHeaderOffset);
    code.set(var->local);
  }
  for (size_t i = 0; i < node->vars.size(); i++) {
    Template *inner = node->args[i]->lambda;
    if (inner->free.empty()) continue;
    uint32_t block = takeLocal(wI32);
    code.get(node->vars[i]->local);
    code.constant(kHeaderOffset);
    code.op(wI32Add);
    code.set(block);
    fillClosure(block, inner);
    giveLocal(block);
  }
}

// ---- Operations, and those of pairs ----

void Compiler::emitPrim(Node *node, const VarSet &live) {
  auto op = (PrimOp)node->op;
  switch (op) {
    case kAdd:
    case kSub:
    case kMul:
    case kDiv:
    case kMin:
    case kMax: return emitArithmetic(node, live);
    case kQuotient:
    case kRemainder:
    case kModulo: return emitDivision(node, live);
    case kCar:
    case kCdr: return emitAccess(node, live);
    case kCons: return emitCons(node, live);
    case kVectorRef:
    case kVectorSet: return emitVector(node, live);
    case kVectorLength: return emitVectorLength(node, live);
    case kStringRef:
    case kStringLength:
      if (!worldClosed) break;
      return op == kStringRef ? emitStringRef(node, live) : emitStringLength(node, live);
    case kSetCar:
    case kSetCdr:
      if (!worldClosed) break;
      return emitSetField(node, live);
    case kToInexact: return emitToInexact(node, live);
    case kSqrt:
    case kAbs:
      if (typeOf(node->args[0]) != tFlonum) break;
      emit(node->args[0], live);
      return code.op(op == kSqrt ? wF64Sqrt : wF64Abs);
    default: break;
  }
  if (emitTestPrim(node, live)) {
    code.constant(kTrueBit);
    code.op(wI32Shl);
    code.constant(kFalse);
    return code.op(wI32Or);
  }
  std::vector<TypeOf> words(node->args.size(), tAny);
  auto operands = emitOperands(node->args, 0, node->args.size(), live, words);
  code.constant(op);
  for (Operand &operand : operands) push(operand);
  code.call(hPrimitive1 + operands.size() - 1);
  release(operands);
  checkFailure(node->place);
}

void Compiler::emitAccess(Node *node, const VarSet &live) {
  if (uint32_t held = Facts::isPath(node) ? facts.localOf(node) : 0) return code.get(held);
  auto operands = emitOperands(node->args, 0, 1, live, {tAny});
  Operand &pair = operands[0];
  if (!facts.knows(node->args[0], Known::Pair)) checkPair(node, operands);
  facts.learn(node->args[0], Known::Pair);
  push(pair);
  code.load(node->op == kCar ? kCarOffset : kCdrOffset);
  release(operands);
  if (!facts.canHold(node)) return;
  uint32_t held = newLocal(wI32);
  code.tee(held);
  facts.hold(node, held);
}

// The first operand must be one.
void Compiler::checkPair(Node *node, const std::vector<Operand> &operands) {
  push(operands[0]);
  code.constant(7);
  code.op(wI32And);
  code.constant(kPairTag);
  code.op(wI32Ne);
  failIf(node, operands);
}

// If the word on the stack is not 0, the operation fails with these operands.
void Compiler::failIf(Node *node, const std::vector<Operand> &operands) {
  if (analysis.leaves(node)) return leaveIf(node);
  code.open(wIf);
  code.constant(node->op);
  for (const Operand &operand : operands) push(operand);
  code.call(hPrimitive1 + operands.size() - 1);
  code.op(wDrop);
  failHere(node->place);
  code.close();
}

void Compiler::emitSetField(Node *node, const VarSet &live) {
  auto operands = emitOperands(node->args, 0, 2, live, {tAny, tAny});
  if (!facts.knows(node->args[0], Known::Pair)) checkPair(node, operands);
  facts.learn(node->args[0], Known::Pair);
  facts.forgetFields();
  push(operands[0]);
  push(operands[1]);
  code.store(node->op == kSetCar ? kCarOffset : kCdrOffset);
  release(operands);
  code.constant(kUnspecified);
}

// ---- Strings: of one byte a character here, others are the guest's ----

// Goes to `other` unless the operand is an object of the type.
void Compiler::branchUnlessType(const Operand &operand, Type type, uint32_t other) {
  push(operand);
  code.constant(7);
  code.op(wI32And);
  code.constant(kObjectTag);
  code.op(wI32Ne);
  code.branch(wBrIf, other);
  push(operand);
  code.loadByte(kHeaderOffset);
  code.constant(type);
  code.op(wI32Ne);
  code.branch(wBrIf, other);
}

void Compiler::emitStringLength(Node *node, const VarSet &live) {
  auto operands = emitOperands(node->args, 0, 1, live, {tAny});
  if (!isKnown(node->args[0], Known::String)) {
    if (analysis.leaves(node)) {
      branchUnlessType(operands[0], kString, exitLabel(node));
    } else {
      hasType(operands[0], kString);
      code.op(wI32Eqz);
      failIf(node, operands);
    }
  }
  facts.learn(node->args[0], Known::String);
  push(operands[0]);
  code.load(kFieldOffset);
  code.constant(1u);
  code.op(wI32Shl);
  release(operands);
}

void Compiler::emitStringRef(Node *node, const VarSet &live) {
  auto operands = emitOperands(node->args, 0, 2, live, {tAny, tAny});
  Operand &s = operands[0], &i = operands[1];
  uint32_t done = code.open(wBlock, wI32);
  uint32_t slow = code.open(wBlock);
  if (!isKnown(node->args[0], Known::String)) branchUnlessType(s, kString, slow);
  facts.learn(node->args[0], Known::String);  // or it fails
  if (!isFixnumType(i.type)) {
    push(i);
    code.constant(1u);
    code.op(wI32And);
    code.branch(wBrIf, slow);
  }
  // As many bytes as characters, and more of them than the index.
  push(s);
  code.load(kHeaderOffset);
  code.constant(8);
  code.op(wI32ShrU);
  push(s);
  code.load(kFieldOffset);
  code.op(wI32Ne);
  code.branch(wBrIf, slow);
  push(i);
  push(s);
  code.load(kFieldOffset);
  code.constant(1u);
  code.op(wI32Shl);
  code.op(wI32GeU);
  code.branch(wBrIf, slow);
  push(s);
  push(i);
  code.constant(1u);
  code.op(wI32ShrU);
  code.op(wI32Add);
  code.loadByte(kFieldOffset + 4);
  code.constant(8);
  code.op(wI32Shl);
  code.constant(kCharTag);
  code.op(wI32Or);
  code.branch(wBr, done);
  code.close();
  callPrimitive2(node, s, i);
  code.close();
  release(operands);
}

Compiler::Part Compiler::addPair(Node *node, NewPairs &all) {
  size_t index = all.pairs.size();
  all.pairs.push_back({});
  for (size_t i = 0; i < 2; i++) {
    Node *arg = node->args[i];
    bool inside = arg->kind == Kind::Prim && arg->op == kCons && all.pairs.size() < kMaxPairs;
    if (!inside) all.contents.push_back(arg);
    Part part = inside ? addPair(arg, all) : Part{false, all.contents.size() - 1};
    all.pairs[index][i] = part;
  }
  return {true, index};
}

// A list that is made at once is one block of all its pairs.
void Compiler::emitCons(Node *node, const VarSet &live) {
  NewPairs all;
  addPair(node, all);
  size_t n = all.contents.size();
  auto operands = emitOperands(all.contents, 0, n, live, std::vector<TypeOf>(n, tAny));
  uint32_t block = emitAllocate(8 * all.pairs.size()), at = 0;
  for (auto &pair : all.pairs) {
    for (Part part : pair) {
      code.get(block);
      if (part.pair) {
        code.get(block);
        code.constant(8 * part.index - kCarOffset);
        code.op(wI32Add);
      } else {
        push(operands[part.index]);
      }
      code.store(at);
      at += 4;
    }
  }
  release(operands);
  pushTagged(block, kCarOffset);
}

void Compiler::emitVector(Node *node, const VarSet &live) {
  bool sets = node->op == kVectorSet;
  std::vector<TypeOf> words(node->args.size(), tAny);
  words[1] = isFixnumType(typeOf(node->args[1])) ? tFixnum : tAny;
  auto operands = emitOperands(node->args, 0, node->args.size(), live, words);
  Exit &exit = analysis.exitOf(node);
  bool leaves = analysis.leaves(node);
  exit.taken |= leaves;
  uint32_t done = leaves ? 0 : code.open(wBlock, wI32);
  uint32_t slow = leaves ? exit.label : code.open(wBlock);
  checkElement(node, operands[0], operands[1], slow);
  if (leaves) facts.learn(node->args[0], Known::Vector);
  // An index is twice its number already, and a field is four bytes.
  push(operands[0]);
  push(operands[1]);
  code.constant(1u);
  code.op(wI32Shl);
  code.op(wI32Add);
  if (sets) {
    push(operands[2]);
    code.store(kFieldOffset);
    code.constant(kUnspecified);
  } else {
    code.load(kFieldOffset);
  }
  if (leaves) return release(operands);
  code.branch(wBr, done);
  code.close();
  code.constant(node->op);
  for (Operand &operand : operands) push(operand);
  code.call(sets ? hPrimitive3 : hPrimitive2);
  checkFailure(node->place);
  code.close();
  release(operands);
}

// Goes to `slow` unless this is an element of a vector.
void Compiler::checkElement(Node *node, const Operand &v, const Operand &i, uint32_t slow) {
  if (!facts.knows(node->args[0], Known::Vector)) branchUnlessType(v, kVector, slow);
  if (!isFixnumType(i.type)) {
    push(i);
    code.constant(1u);
    code.op(wI32And);
    code.branch(wBrIf, slow);
  }
  // The length stands above the type's 8 bits; shifted by 7, it is that of a fixnum.
  push(i);
  push(v);
  code.load(kHeaderOffset);
  code.constant(7);
  code.op(wI32ShrU);
  code.op(wI32GeU);
  code.branch(wBrIf, slow);
}

void Compiler::emitVectorLength(Node *node, const VarSet &live) {
  auto operands = emitOperands(node->args, 0, 1, live, {tAny});
  uint32_t done = code.open(wBlock, wI32);
  uint32_t slow = code.open(wBlock);
  branchUnlessType(operands[0], kVector, slow);
  push(operands[0]);
  code.load(kHeaderOffset);
  code.constant(8);
  code.op(wI32ShrU);
  code.constant(1u);
  code.op(wI32Shl);
  code.branch(wBr, done);
  code.close();
  code.constant(kVectorLength);
  push(operands[0]);
  code.call(hPrimitive1);
  checkFailure(node->place);
  code.close();
  release(operands);
}
