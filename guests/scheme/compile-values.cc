// Variables, constants and blocks of the compiler (compiler.h): what leaves a value. Operands are values
// that wait in locals; what lives across a call that may collect garbage is stored on the stack before.
#include "compiler.h"

// ---- Values ----

// Leaves an f64 for a node of type flonum, else a word.
void Compiler::emit(Node *node, const VarSet &live) {
  switch (node->kind) {
    case Kind::Const:
      if (isFlonum(node->value)) code.number(flonumOf(node->value));
      else code.constant(node->value);
      return;
    case Kind::Local: return emitLocal(node);
    case Kind::Global: return emitGlobal(node);
    case Kind::SetLocal: return emitSetLocal(node, live);
    case Kind::SetGlobal:
    case Kind::Define: return emitSetGlobal(node, live);
    case Kind::If: return emitIf(node, live);
    case Kind::Or: return emitOr(node, live);
    case Kind::Lambda: return emitLambda(node->lambda);
    case Kind::Seq: return emitSeq(node, live);
    case Kind::Let: return bindLet(node, live), emit(node->body(), live);
    case Kind::Fix: return bindFix(node), emit(node->body(), live);
    case Kind::Inline: return emitInline(node, live, false);
    case Kind::Loop: return emitLoop(node, live, false);
    case Kind::Continue: return emitContinue(node);
    case Kind::Prim: return emitPrim(node, live);
    case Kind::Builtin: return emitBuiltin(node, live);
    case Kind::Call: return emitCall(node, live, false);
    case Kind::Apply: return emitApply(node, live, false);
  }
}

// As a word, whatever its type.
void Compiler::emitWord(Node *node, const VarSet &live) {
  if (node->kind == Kind::Const) return code.constant(node->value);
  emit(node, live);
  if (typeOf(node) == tFlonum) boxFlonum();
}

void Compiler::emitAs(Node *node, TypeOf type, const VarSet &live) {
  if (type == tFlonum) emit(node, live);
  else emitWord(node, live);
}

void Compiler::emitEffect(Node *node, const VarSet &live) {
  if (node->kind == Kind::Const) return;
  emit(node, live);
  code.op(wDrop);
}

uint32_t Compiler::freeOffset(const Var *var) {
  uint32_t i = 0;
  while (lambda->free[i] != var) i++;
  return kFieldOffset + 4 * (1 + i);
}

// The variable's word or f64 as it lies there; its box, if it has one.
void Compiler::pushVar(const Var *var) {
  if (own(var)) return code.get(var->local);
  code.get(kClosureLocal);
  code.load(freeOffset(var));
}

void Compiler::emitLocal(Node *node) {
  Var *var = node->var;
  pushVar(var);
  if (var->boxed()) code.load(kFieldOffset);
  if (!var->checked) return;
  uint32_t value = takeLocal(wI32);
  code.tee(value);
  code.constant(kUnbound);
  code.op(wI32Eq);
  code.open(wIf);
  code.constant(var->name);
  code.call(hUnchecked);
  code.op(wDrop);
  failHere(node->place);
  code.close();
  code.get(value);
  giveLocal(value);
}

void Compiler::emitGlobal(Node *node) {
  if (worldClosed && node->symbol->constant) return code.constant(node->symbol->value);
  uint32_t value = takeLocal(wI32);
  code.constant(node->symbol);
  code.load(offsetof(Symbol, value));
  code.tee(value);
  code.constant(kUnbound);
  code.op(wI32Eq);
  code.open(wIf);
  code.constant(node->symbol);
  code.call(hUnbound);
  code.op(wDrop);
  failHere(node->place);
  code.close();
  code.get(value);
  giveLocal(value);
}

void Compiler::emitSetLocal(Node *node, const VarSet &live) {
  Var *var = node->var;
  VarSet during = live;
  if (own(var) && var->boxed()) during.add(var);
  if (!var->boxed()) {
    emitWord(node->args[0], during);
    code.set(var->local);
  } else {
    uint32_t value = takeLocal(wI32);
    emitWord(node->args[0], during);
    code.set(value);
    pushVar(var);
    code.get(value);
    code.store(kFieldOffset);
    giveLocal(value);
  }
  code.constant(kUnspecified);
}

void Compiler::emitSetGlobal(Node *node, const VarSet &live) {
  uint32_t value = takeLocal(wI32);
  emitWord(node->args[0], live);
  code.set(value);
  code.constant(node->symbol);
  code.get(value);
  giveLocal(value);
  code.call(node->kind == Kind::Define ? hDefine : hSetGlobal);
  if (node->kind == Kind::SetGlobal) checkFailure(node->place);
  code.op(wDrop);
  code.constant(kUnspecified);
}

void Compiler::emitIf(Node *node, const VarSet &live) {
  Node *then = node->args[1], *otherwise = node->args[2];
  TypeOf type = typeOf(node);
  VarSet during = live | info(then).uses | info(otherwise).uses;
  if (worldClosed && isCompound(node->args[0])) {
    uint32_t end = code.open(wBlock, wasmType(type));
    uint32_t toElse = code.open(wBlock);
    facts.branch([&] {
      emitJump(node->args[0], false, toElse, during);
      facts.learnFrom(node->args[0], true);
      emitAs(then, type, live);
    });
    code.branch(wBr, end);
    code.close();
    facts.branch([&] {
      facts.learnFrom(node->args[0], false);
      emitAs(otherwise, type, live);
    });
    return code.close();
  }
  emitTest(node->args[0], during);
  code.open(wIf, wasmType(type));
  facts.branch([&] {
    facts.learnFrom(node->args[0], true);
    emitAs(then, type, live);
  });
  code.otherwise();
  facts.branch([&] {
    facts.learnFrom(node->args[0], false);
    emitAs(otherwise, type, live);
  });
  code.close();
}

// Is its value #t or #f, and found by a test?
bool Compiler::isTest(const Node *node) {
  if (!worldClosed || node->kind != Kind::Prim) return false;
  return isCompare(node->op) || node->op == kNullP || node->op == kPairP || node->op == kEq || node->op == kNot ||
         node->op == kStringP || node->op == kSymbolP || node->op == kVectorP || node->op == kNumberP ||
         node->op == kCharEqual;
}

void Compiler::emitOr(Node *node, const VarSet &live) {
  if (isTest(node->args[0])) {
    emitTest(node->args[0], live | info(node->args[1]).uses);
    code.open(wIf, wI32);
    code.constant(kTrue);
    code.otherwise();
    facts.branch([&] {
      facts.learnFrom(node->args[0], false);
      emitWord(node->args[1], live);
    });
    return code.close();
  }
  uint32_t value = takeLocal(wI32);
  emitWord(node->args[0], live | info(node->args[1]).uses);
  code.tee(value);
  code.constant(kFalse);
  code.op(wI32Ne);
  code.open(wIf, wI32);
  code.get(value);
  giveLocal(value);
  code.otherwise();
  facts.branch([&] { emitWord(node->args[1], live); });
  code.close();
}

void Compiler::emitSeq(Node *node, const VarSet &live) {
  emitSeqStart(node, live);
  emit(node->args.back(), live);
}

void Compiler::emitSeqStart(Node *node, const VarSet &live) {
  size_t n = node->args.size();
  for (size_t i = 0; i + 1 < n; i++) emitEffect(node->args[i], live | usesFrom(node, i + 1));
}

VarSet Compiler::usesFrom(Node *node, size_t i) {
  VarSet uses;
  for (; i < node->args.size(); i++) uses = uses | info(node->args[i]).uses;
  return uses;
}

// What lives while value `i` of a binding node is computed: not the variables that it binds.
VarSet Compiler::liveDuringBinding(Node *node, size_t i, const VarSet &live) {
  VarSet body = info(node->body()).uses;
  for (Var *var : node->vars) body.remove(var);
  VarSet during = live | body;
  for (size_t k = i + 1; k + 1 < node->args.size(); k++) during = during | info(node->args[k]).uses;
  // Those bound already in this row do live.
  for (size_t k = 0; k < i; k++) during.add(node->vars[k]);
  return during;
}

void Compiler::bindLet(Node *node, const VarSet &live) {
  for (size_t i = 0; i < node->vars.size(); i++) {
    Var *var = node->vars[i];
    VarSet during = liveDuringBinding(node, i, live);
    bindLocal(var);
    emitAs(node->args[i], var->boxed() ? tAny : (TypeOf)var->type, during);
    code.set(var->local);
    learnBinding(var, node->args[i]);
  }
  boxVars(node);
}

void Compiler::boxVars(Node *node) {
  for (Var *var : node->vars) {
    if (!var->boxed()) continue;
    emitBox([&] { code.get(var->local); });
    code.set(var->local);
  }
}

// ---- Roots ----

// Stores what lives on the stack; how many words that takes. What a way out does again needs the values
// that it begins with, also where nothing else does any more.
uint32_t Compiler::spill(const VarSet &live) {
  uint32_t words = 0;
  auto store = [&](uint32_t local) {
    code.get(kSp);
    code.get(local);
    code.store(4 * words++);
  };
  VarSet all = live;
  bool again = false;  // the whole call
  auto add = [&](const Vars &vars) {
    for (const Var *var : vars) {
      if (own(var)) all.add(var);
    }
  };
  for (uint32_t i : held) {
    const Exit &exit = analysis.exits[i];
    if (exit.from == From::Entry) again = true, add(lambda->vars);
    else if (exit.node) add(exit.node->vars), add(exit.node->carried);
  }
  if (again || !lambda->free.empty()) store(kClosureLocal);
  for (Var *var : analysis.vars) {
    if (!all.has(var) || !var->local) continue;
    if (var->boxed() || var->type == tAny) store(var->local);
  }
  // As words flonums are what they were at the entry.
  for (uint32_t i = 0; again && i < lambda->frameParams(); i++) {
    if (lambda->vars[i]->type == tFlonum) store(kClosureLocal + 1 + i);
  }
  for (uint32_t local : rooted) store(local);
  return words;
}

// The same before a call: every call takes a word at least, the measure of the native stack.
uint32_t Compiler::spillForCall(const VarSet &live) {
  uint32_t words = spill(live);
  // A function with much inlined takes more of the native stack.
  uint32_t wanted = 1 + (worldClosed ? analysis.vars.size() / 12 : 0);
  if (words >= wanted) return words;
  code.get(kSp);
  code.constant((wanted - words) << 16 | kSkip);
  code.store(4 * words);
  return wanted;
}

// ---- Operands ----

/*
 * Evaluates args[from .. to) in order, into locals. A constant, or a variable that nothing assigns,
 * needs no local of its own; the variable then lives on until the last operand is there.
 */
std::vector<Operand> Compiler::emitOperands(const Nodes &args, size_t from, size_t to,
                                             const VarSet &live, const std::vector<TypeOf> &types) {
  std::vector<Operand> out;
  VarSet during = live;
  for (size_t i = from; i < to; i++) {
    Node *arg = args[i];
    TypeOf type = i - from < types.size() ? types[i - from] : typeOf(arg);
    if (type != tFlonum && (type != tAny || worldClosed)) type = isFixnumType(typeOf(arg)) ? typeOf(arg) : tAny;
    if (arg->kind == Kind::Const && !(type == tFlonum)) {
      out.push_back({true, arg->value, 0, typeOf(arg), false});
      continue;
    }
    if (isStable(arg) && (type == tFlonum) == (typeOf(arg) == tFlonum)) {
      during.add(arg->var);
      out.push_back({false, 0, arg->var->local, typeOf(arg), false});
      continue;
    }
    VarSet later = during;
    bool pauses = false;
    for (size_t k = i + 1; k < to; k++) {
      later = later | info(args[k]).uses;
      pauses |= info(args[k]).pauses;
    }
    emitAs(arg, type, later);
    if (uint32_t held = type == tAny && !pauses ? facts.localOf(arg) : 0) {
      code.op(wDrop);
      out.push_back({false, 0, held, knownType(arg, tAny), false});
      continue;
    }
    uint32_t local = takeLocal(wasmType(type));
    code.set(local);
    if (type == tAny && pauses) rooted.push_back(local);
    out.push_back({false, 0, local, pauses ? type : knownType(arg, type), true});
  }
  // Of variables more is known behind all of them than when each came.
  for (size_t i = from; i < to; i++) {
    Operand &operand = out[i - from];
    if (!operand.constant && isStable(args[i])) operand.type = knownType(args[i], operand.type);
  }
  return out;
}

// Is this known of the node's value, now that it was computed? A list is only known as a variable.
bool Compiler::isKnown(Node *node, Known what) {
  if (facts.knows(node, what)) return true;
  switch (node->kind) {
    case Kind::Const:
      switch (what) {
        case Known::Fixnum: return isFixnum(node->value);
        case Known::Number: return isNumber(node->value);
        case Known::String: return isString(node->value);
        case Known::Symbol: return isSymbol(node->value);
        case Known::Char: return isChar(node->value);
        default: return what == Known::Nothing;
      }
    case Kind::Builtin: {
      BehaviourSearch search(node->builtin->name, node->args.size());
      const Behaviour *behaviour = search.run();
      return behaviour && behaviour->gives == what;
    }
    case Kind::If: return isKnown(node->args[1], what) && isKnown(node->args[2], what);
    case Kind::Let:
    case Kind::Seq: return isKnown(node->body(), what);
    case Kind::Inline: return (info(node).exit || !Analysis::expects(node)) && isKnown(node->body(), what);
    default: break;
  }
  TypeOf type = typeOf(node);
  if (what == Known::Number) return type == tFlonum || isFixnumType(type) || facts.knows(node, Known::Fixnum);
  return what == Known::Fixnum && isFixnumType(type);
}

// The variable was given what the node is.
void Compiler::learnBinding(Var *var, Node *node) {
  for (Known what : {Known::String, Known::Symbol, Known::Char}) {
    if (isKnown(node, what)) facts.learn(var, what);
  }
  facts.bind(var, node);
}

// A type, or what was found out besides.
TypeOf Compiler::knownType(const Node *node, TypeOf type) {
  if (type == tAny && facts.knows(node, Known::Fixnum)) type = tFixnum;
  return type == tFixnum && facts.knows(node, Known::Natural) ? tNatural : type;
}

bool Compiler::isStable(Node *node) {
  return node->kind == Kind::Local && own(node->var) && !node->var->assigned && node->var->local;
}

void Compiler::push(const Operand &operand) {
  if (operand.constant) code.constant(operand.value);
  else code.get(operand.local);
}

void Compiler::release(std::vector<Operand> &operands) {
  for (Operand &operand : operands) {
    if (!operand.temporary) continue;
    unroot(operand.local);
    giveLocal(operand.local);
  }
  operands.clear();
}

void Compiler::unrootAll(std::vector<Operand> &operands) {
  for (Operand &operand : operands) {
    if (operand.temporary) unroot(operand.local);
  }
}
