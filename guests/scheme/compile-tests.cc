// Tests of the compiler (compiler.h): nodes of which only matters whether they count as true. They leave
// a 1 or a 0, or jump, and make no #t or #f.
#include "compiler.h"

// Leaves 1 if the node's value counts as true, else 0.
void Compiler::emitTest(Node *node, const VarSet &live) {
  if (node->kind == Kind::Const) return code.constant(node->value != kFalse);
  if (node->kind == Kind::Prim && emitTestPrim(node, live)) return;
  bool isOneWay = node->kind == Kind::Inline && (info(node).exit || !Analysis::expects(node));
  if (isOneWay) return emitInline(node, live, false, true);
  if (worldClosed && node->kind == Kind::Let) return bindLet(node, live), emitTest(node->body(), live);
  if (worldClosed && node->kind == Kind::Seq) return emitSeqStart(node, live), emitTest(node->args.back(), live);
  if (node->kind == Kind::If) {
    Node *then = node->args[1], *otherwise = node->args[2];
    emitTest(node->args[0], live | info(then).uses | info(otherwise).uses);
    code.open(wIf, wI32);
    facts.branch([&] {
      facts.learnFrom(node->args[0], true);
      emitTest(then, live);
    });
    code.otherwise();
    facts.branch([&] {
      facts.learnFrom(node->args[0], false);
      emitTest(otherwise, live);
    });
    return code.close();
  }
  if (node->kind == Kind::Or) {
    emitTest(node->args[0], live | info(node->args[1]).uses);
    code.open(wIf, wI32);
    code.constant(1u);
    code.otherwise();
    facts.branch([&] {
      facts.learnFrom(node->args[0], false);
      emitTest(node->args[1], live);
    });
    return code.close();
  }
  emitWord(node, live);
  isTrue();
}

// The type of objects that a node asks for, if it does.
static Type typeAsked(const Node *test) {
  if (test->kind != Kind::Prim) return (Type)0;
  return test->op == kStringP ? kString : test->op == kSymbolP ? kSymbol : test->op == kVectorP ? kVector : (Type)0;
}

// Is it made of several tests?
bool Compiler::isCompound(const Node *test) {
  if (test->kind == Kind::Prim && test->op == kNot) return isCompound(test->args[0]);
  return test->kind == Kind::If || test->kind == Kind::Or || typeAsked(test);
}

/*
 * Goes to a label if a test's outcome is `sense`. Of several tests each goes there, or on, by itself.
 * What is learned holds where control falls through, if that is one way only.
 */
void Compiler::emitJump(Node *test, bool sense, uint32_t label, const VarSet &live) {
  if (test->kind == Kind::Prim && test->op == kNot) return emitJump(test->args[0], !sense, label, live);
  if (test->kind == Kind::Or) return emitJumpOfTwo(test->args[0], test->args[1], true, sense, label, live);
  if (test->kind == Kind::If && isConstant(test->args[2], false))
    return emitJumpOfTwo(test->args[0], test->args[1], false, sense, label, live);
  if (Type type = typeAsked(test)) return emitTypeJump(test, type, sense, label, live);
  emitTest(test, live);
  if (!sense) code.op(wI32Eqz);
  code.branch(wBrIf, label);
}

void Compiler::emitTypeJump(Node *test, Type type, bool sense, uint32_t label, const VarSet &live) {
  auto operands = emitOperands(test->args, 0, 1, live, {tAny});
  uint32_t on = sense ? code.open(wBlock) : label;
  branchUnlessType(operands[0], type, on);
  if (sense) code.branch(wBr, label), code.close();
  release(operands);
}

// Both must hold, or with `any` one of them.
void Compiler::emitJumpOfTwo(Node *first, Node *second, bool any, bool sense, uint32_t label, const VarSet &live) {
  VarSet during = live | info(second).uses;
  if (any == sense) {
    emitJump(first, sense, label, during);
    facts.learnFrom(first, !sense);
    return emitJump(second, sense, label, live);
  }
  uint32_t on = code.open(wBlock);
  facts.branch([&] {
    emitJump(first, !sense, on, during);
    facts.learnFrom(first, sense);
    emitJump(second, sense, label, live);
  });
  code.close();
}

void Compiler::isTrue() {
  code.constant(kFalse);
  code.op(wI32Ne);
}

// False, and nothing emitted, for operations that are no tests.
bool Compiler::emitTestPrim(Node *node, const VarSet &live) {
  auto op = (PrimOp)node->op;
  if (isCompare(op)) return emitCompare(node, live), true;
  switch (op) {
    case kNot:
      emitTest(node->args[0], live);
      code.op(wI32Eqz);
      return true;
    case kNullP:
    case kEofP:
      emitWord(node->args[0], live);
      code.constant(op == kNullP ? kNil : kEof);
      code.op(wI32Eq);
      return true;
    case kStringP:
    case kSymbolP:
    case kVectorP: {
      if (!worldClosed) return false;
      auto operands = emitOperands(node->args, 0, 1, live, {tAny});
      hasType(operands[0], typeAsked(node));
      release(operands);
      return true;
    }
    case kNumberP: {
      if (!worldClosed) return false;
      auto operands = emitOperands(node->args, 0, 1, live, {tAny});
      push(operands[0]);
      code.constant(1u);
      code.op(wI32And);
      code.op(wI32Eqz);
      isFlonumTest(operands[0]);
      code.op(wI32Or);
      release(operands);
      return true;
    }
    case kPairP:
    case kCharP:
      emitWord(node->args[0], live);
      code.constant(op == kPairP ? 7 : 0xff);
      code.op(wI32And);
      code.constant(op == kPairP ? kPairTag : (uint32_t)kCharTag);
      code.op(wI32Eq);
      return true;
    case kEqv:
      if (!worldClosed || !(isIdentity(node->args[0]) || isIdentity(node->args[1]))) return false;
      [[fallthrough]];
    case kEq: {
      auto operands = emitOperands(node->args, 0, 2, live, {tAny, tAny});
      push(operands[0]);
      push(operands[1]);
      release(operands);
      code.op(wI32Eq);
      return true;
    }
    case kZeroP: return emitZero(node, live), true;
    case kCharEqual:
      if (!worldClosed) return false;
      return emitCharEqual(node, live), true;
    default: return false;
  }
}

// Leaves 1 if it is an object of the type, else 0.
void Compiler::hasType(const Operand &operand, Type type) {
  push(operand);
  code.constant(7);
  code.op(wI32And);
  code.constant(kObjectTag);
  code.op(wI32Eq);
  code.open(wIf, wI32);
  push(operand);
  code.loadByte(kHeaderOffset);
  code.constant(type);
  code.op(wI32Eq);
  code.otherwise();
  code.constant(0u);
  code.close();
}

void Compiler::emitCharEqual(Node *node, const VarSet &live) {
  auto operands = emitOperands(node->args, 0, 2, live, {tAny, tAny});
  uint32_t checks = 0;
  for (Operand &operand : operands) {
    if (operand.constant && isChar(operand.value)) continue;
    push(operand);
    code.constant(kCharTag);
    code.op(wI32Xor);
    if (checks++) code.op(wI32Or);
  }
  if (checks) {
    code.constant(0xff);
    code.op(wI32And);
    failIf(node, operands);
  }
  push(operands[0]);
  push(operands[1]);
  release(operands);
  code.op(wI32Eq);
}

void Compiler::emitZero(Node *node, const VarSet &live) {
  auto operands = emitOperands(node->args, 0, 1, live);
  Operand &a = operands[0];
  if (typeOf(node->args[0]) == tFlonum) {
    pushF64(a);
    code.number(0);
    code.op(wF64Eq);
  } else if (analysis.leaves(node)) {
    leaveUnlessFixnums(node, a);
    push(a);
    code.op(wI32Eqz);
  } else {
    openFixnumTest(a, nullptr, wI32);
    push(a);
    code.op(wI32Eqz);
    closeFixnumTest(a, nullptr, [&] {
      code.constant(kZeroP);
      push(a);
      code.call(hPrimitive1);
      checkFailure(node->place);
      isTrue();
    });
  }
  release(operands);
}

Wasm Compiler::wordCompare(uint16_t op) {
  static const Wasm table[] = {wI32LtS, wI32GtS, wI32LeS, wI32GeS, wI32Eq};
  return table[op - kLess];
}

Wasm Compiler::f64Compare(uint16_t op) {
  static const Wasm table[] = {wF64Lt, wF64Gt, wF64Le, wF64Ge, wF64Eq};
  return table[op - kLess];
}

void Compiler::emitCompare(Node *node, const VarSet &live) {
  auto operands = emitNumbers(node, live);
  Operand &a = operands[0], &b = operands[1];
  if (a.type == tFlonum || b.type == tFlonum) {
    pushF64Pair(node, a, b);
    code.op(f64Compare(node->op));
  } else if (analysis.leaves(node)) {
    leaveUnlessFixnums(node, a, &b);
    push(a);
    push(b);
    code.op(wordCompare(node->op));
  } else {
    openFixnumTest(a, &b, wI32);
    push(a);
    push(b);
    code.op(wordCompare(node->op));
    auto flonums = [&] { code.op(f64Compare(node->op)); };
    closeFixnumTest(a, &b, [&] { emitSlowNumbers(node, a, b, wI32, flonums, [&] { isTrue(); }); });
  }
  release(operands);
}
