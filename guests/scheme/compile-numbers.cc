// Arithmetic of the compiler (compiler.h). The words of fixnums are twice their numbers, so sums need no
// untagging, and overflow as 32 bits do. Flonums are f64s where that is known.
#include "compiler.h"

// Opens the case that all operands are fixnums. Without a check if that is known.
void Compiler::openFixnumTest(const Operand &a, const Operand *b, uint8_t type) {
  bool checkA = !isFixnumType(a.type), checkB = b && !isFixnumType(b->type);
  if (!checkA && !checkB) return;
  if (checkA) push(a);
  if (checkB) push(*b);
  if (checkA && checkB) code.op(wI32Or);
  code.constant(1u);
  code.op(wI32And);
  code.op(wI32Eqz);
  code.open(wIf, type);
}

void Compiler::isFlonumTest(const Operand &a) {
  push(a);
  code.constant(7);
  code.op(wI32And);
  code.constant(kFlonumTag);
  code.op(wI32Eq);
}

void Compiler::callPrimitive2(Node *node, const Operand &a, const Operand &b) {
  code.constant(node->op);
  push(a);
  push(b);
  code.call(hPrimitive2);
  checkFailure(node->place);
}

void Compiler::pushF64(const Operand &a) {
  if (a.type == tFlonum && !a.constant) return code.get(a.local);
  if (a.constant) return code.number(isFixnum(a.value) ? fixnumOf(a.value) : flonumOf(a.value));
  code.get(a.local);  // a fixnum, then
  code.constant(1u);
  code.op(wI32ShrS);
  code.op(wF64ConvertI32S);
}

// Both operands as f64s, one of which is one. The other is checked, in the order of evaluation.
void Compiler::pushF64Pair(Node *node, const Operand &a, const Operand &b) {
  for (const Operand *operand : {&a, &b}) {
    if (operand->type == tAny) pushAnyAsF64(node, *operand, operand == &a);
    else pushF64(*operand);
  }
}

void Compiler::pushAnyAsF64(Node *node, const Operand &operand, bool first) {
  isFlonumTest(operand);
  code.open(wIf, wF64);
  push(operand);
  code.loadF64(kFlonumOffset);
  code.otherwise();
  push(operand);
  code.constant(1u);
  code.op(wI32And);
  if (info(node).exit && analysis.exitOf(node).from != From::Next) {
    leaveIf(node);
    pushF64({false, 0, operand.local, tFixnum, false});
    return code.close();
  }
  code.open(wIf);
  // No number: the guest says so, and the other operand does not matter.
  code.constant(node->op);
  if (first) push(operand), code.constant(fixnum(1));
  else code.constant(fixnum(1)), push(operand);
  code.call(hPrimitive2);
  code.op(wDrop);
  failHere(node->place);
  code.close();
  push(operand);
  code.constant(1u);
  code.op(wI32ShrS);
  code.op(wF64ConvertI32S);
  code.close();
}

void Compiler::emitArithmetic(Node *node, const VarSet &live) {
  auto operands = emitNumbers(node, live);
  Operand &a = operands[0], &b = operands[1];
  if (a.type == tFlonum || b.type == tFlonum) {
    pushF64Pair(node, a, b);
    code.op(f64Operation(node->op));
  } else {
    emitWordArithmetic(node, a, b);
  }
  release(operands);
}

Wasm Compiler::f64Operation(uint16_t op) {
  switch (op) {
    case kAdd: return wF64Add;
    case kSub: return wF64Sub;
    case kMul: return wF64Mul;
    case kDiv: return wF64Div;
    case kMin: return wF64Min;
    default: return wF64Max;
  }
}

/*
 *   block done: (result i32)
 *     block slow
 *       not both fixnums: br slow
 *       result = a op b; overflow: br slow
 *       result; br done
 *     end
 *     the other cases
 *   end
 */
void Compiler::emitWordArithmetic(Node *node, const Operand &a, const Operand &b) {
  if (analysis.leaves(node) || typeOf(node) != tAny) return emitFixnumArithmetic(node, a, b);
  uint32_t done = code.open(wBlock, wI32);
  uint32_t slow = code.open(wBlock);
  uint32_t result = takeLocal(wI32);
  bool checkA = !isFixnumType(a.type), checkB = !isFixnumType(b.type);
  if (checkA || checkB) {
    if (checkA) push(a);
    if (checkB) push(b);
    if (checkA && checkB) code.op(wI32Or);
    code.constant(1u);
    code.op(wI32And);
    code.branch(wBrIf, slow);
  }
  emitFixnumOperation(node->op, a, b, result, slow);
  code.get(result);
  code.branch(wBr, done);
  code.close();
  giveLocal(result);
  auto flonums = [&] {
    code.op(f64Operation(node->op));
    boxFlonum();
  };
  emitSlowNumbers(node, a, b, wI32, flonums, [] {});
  code.close();
}

// Of fixnums, whose result is one: else it leaves.
void Compiler::emitFixnumArithmetic(Node *node, const Operand &a, const Operand &b) {
  if (analysis.leaves(node)) leaveUnlessFixnums(node, a, &b);
  Exit &exit = analysis.exitOf(node);
  exit.taken = true;
  uint32_t result = takeLocal(wI32);
  emitFixnumOperation(node->op, a, b, result, exit.label);
  code.get(result);
  giveLocal(result);
}

void Compiler::emitFixnumOperation(uint16_t op, const Operand &a, const Operand &b, uint32_t result, uint32_t slow) {
  switch (op) {
    case kMul: return emitMultiply(a, b, result, slow);
    case kMin:
    case kMax:
      push(a), push(b), push(a), push(b);
      code.op(op == kMin ? wI32LtS : wI32GtS);
      code.op(wSelect);
      return code.set(result);
    case kDiv: return code.branch(wBr, slow);
    default: break;
  }
  push(a), push(b);
  code.op(op == kAdd ? wI32Add : wI32Sub);
  code.set(result);
  if (op == kAdd && a.type == tNatural && b.type == tNatural) {
    code.get(result);
    code.constant(0u);
    code.op(wI32LtS);
  } else if (op == kSub && a.type == tNatural && b.type == tNatural) {
    return;  // cannot overflow
  } else if (b.constant) {
    // Adding what is positive overflowed if the sum got less, and so on.
    bool grows = (op == kAdd) == ((int32_t)b.value >= 0);
    code.get(result);
    push(a);
    code.op(grows ? wI32LtS : wI32GtS);
  } else {
    // A sum overflowed if both operands differ from it in sign; a difference, if a differs in sign
    // from it and from b.
    push(a), op == kAdd ? code.get(result) : push(b);
    code.op(wI32Xor);
    push(op == kAdd ? b : a), code.get(result);
    code.op(wI32Xor);
    code.op(wI32And);
    code.constant(0u);
    code.op(wI32LtS);
  }
  code.branch(wBrIf, slow);
}

void Compiler::emitMultiply(const Operand &a, const Operand &b, uint32_t result, uint32_t slow) {
  // In 64 bits: (a >> 1) * b, which fits into 32 or is the slow case's.
  push(a);
  code.constant(1u);
  code.op(wI32ShrS);
  code.op(wI64ExtendI32S);
  push(b);
  code.op(wI64ExtendI32S);
  code.op(wI64Mul);
  uint32_t product = newI64();
  code.tee(product);
  code.op(wI32WrapI64);
  code.tee(result);
  code.op(wI64ExtendI32S);
  code.get(product);
  code.op(wI64Ne);
  code.branch(wBrIf, slow);
}

uint32_t Compiler::newI64() {
  if (!i64Local) i64Local = newLocal(0x7e);
  return i64Local;
}

// quotient, remainder and modulo by a positive constant; else the guest's.
void Compiler::emitDivision(Node *node, const VarSet &live) {
  auto operands = emitNumbers(node, live);
  Operand &a = operands[0], &b = operands[1];
  if (a.type == tFlonum || b.type == tFlonum) {
    emitAsWordsAndCall(node, operands);
    release(operands);
    return;
  }
  bool safe = Analysis::dividesSafely(node->args[1]);
  if (analysis.leaves(node)) {
    leaveUnlessFixnums(node, a, &b);
    if (!safe) {
      push(b);
      code.constant(0u);
      code.op(wI32LeS);
      leaveIf(node);
    }
    emitPositiveDivision(node->op, a, b);
    return release(operands);
  }
  openFixnumTest(a, &b, wI32);
  if (!safe) {
    // By zero or less is rare: the guest's.
    push(b);
    code.constant(0u);
    code.op(wI32GtS);
    code.open(wIf, wI32);
  }
  emitPositiveDivision(node->op, a, b);
  if (!safe) {
    code.otherwise();
    callPrimitive2(node, a, b);
    code.close();
  }
  closeFixnumTest(a, &b, [&] { callPrimitive2(node, a, b); });
  release(operands);
}

void Compiler::emitPositiveDivision(uint16_t op, const Operand &a, const Operand &b) {
  push(a), push(b);
  bool natural = a.type == tNatural;
  if (op == kQuotient) {
    code.op(natural ? wI32DivU : wI32DivS);
    code.constant(1u);
    return code.op(wI32Shl);
  }
  code.op(natural ? wI32RemU : wI32RemS);
  if (op == kRemainder || natural) return;
  // The remainder has the sign of a: a negative one needs the divisor added.
  uint32_t rest = takeLocal(wI32);
  code.tee(rest);
  push(b);
  code.constant(0u);
  code.get(rest);
  code.constant(0u);
  code.op(wI32LtS);
  code.op(wSelect);
  code.op(wI32Add);
  giveLocal(rest);
}

// A rare mix: flonums as words, and the guest's procedure.
void Compiler::emitAsWordsAndCall(Node *node, std::vector<Operand> &operands) {
  std::vector<uint32_t> words;
  for (Operand &operand : operands) {
    if (operand.type == tFlonum && !operand.constant) {
      code.get(operand.local);
      boxFlonum();
    } else {
      push(operand);
    }
    words.push_back(takeLocal(wI32));
    code.set(words.back());
  }
  code.constant(node->op);
  for (uint32_t word : words) {
    code.get(word);
    giveLocal(word);
  }
  code.call(hPrimitive1 + words.size() - 1);
  checkFailure(node->place);
}

void Compiler::emitToInexact(Node *node, const VarSet &live) {
  auto operands = emitOperands(node->args, 0, 1, live);
  Operand &a = operands[0];
  if (a.type != tAny) {
    pushF64(a);
    return release(operands);
  }
  isFlonumTest(a);
  code.open(wIf, wF64);
  push(a);
  code.loadF64(kFlonumOffset);
  code.otherwise();
  push(a);
  code.constant(1u);
  code.op(wI32And);
  code.open(wIf);
  code.constant(kToInexact);
  push(a);
  code.call(hPrimitive1);
  code.op(wDrop);
  failHere(node->place);
  code.close();
  pushF64({false, 0, a.local, tFixnum, false});
  code.close();
  release(operands);
}
