// Loops and inlined calls in the compiler (compiler.h): bodies that stand in the place of a call, of
// another procedure or of the procedure itself, and what goes on with them for values of other kinds.
#include "compiler.h"

#include "lift.h"

// ---- Loops ----

void Compiler::emitLoop(Node *node, const VarSet &live, bool tail) {
  for (size_t i = 0; i < node->vars.size(); i++) bindLocal(node->vars[i]);
  // The first values may use the variables of a former round of this very loop: evaluate all first.
  std::vector<Operand> values = emitOperands(node->args, 0, node->vars.size(), live | liveAtLoop(node), loopTypes(node));
  assign(node, values);
  held.push_back(info(node).behind);
  if (Analysis::hasProcedure(node)) {
    emitRounds(node, live, tail);
  } else {
    code.open(wLoop, tail ? (uint8_t)wVoid : wasmType(typeOf(node)));
    emitRound(node, live, tail, 0);
    code.close();
    if (tail) code.op(wUnreachable);
  }
  held.pop_back();
}

// The body, in the block of the loop that was opened last.
void Compiler::emitRound(Node *node, const VarSet &live, bool tail, uint32_t done) {
  VarSet inside = live | liveAtLoop(node);
  facts.forgetFields();  // a round before may have changed them
  loops.push_back({node, code.depth, inside, tail, done});
  boxVars(node);
  VarSet atStart = inside;
  for (Var *var : node->vars) {
    // A way out of the round hands on all of them.
    if (Analysis::hasProcedure(node) || info(node->body()).uses.has(var)) atStart.add(var);
  }
  size_t pollStart = code.data.size();
  loopSafepoint(atStart);
  size_t pollEnd = code.data.size();
  uint32_t calls = code.calls;
  facts.branch([&] {
    for (size_t i = 0; i < node->vars.size(); i++) {
      if (isAccumulator(node, i)) facts.learn(node->vars[i], Known::List);
    }
    if (tail) emitTail(node->body());
    else emitAs(node->body(), done ? tAny : typeOf(node), inside);
  });
  // Where a round takes no memory, nobody waits for a collection.
  if (worldClosed && code.calls == calls) {
    code.data.erase(code.data.begin() + pollStart, code.data.begin() + pollEnd);
    code.calls = calls - 1;
  }
  loops.pop_back();
}

/*
 * With ways out, which end in a call of the loop's procedure:
 *
 *   block done: (result i32)
 *     block of the round's exit
 *       block of each Continue's exit
 *         loop: the rounds; br done
 *       end
 *       the procedure, with what that Continue gives; br done
 *     end
 *     the procedure, with the variables as they are
 *   end
 */
void Compiler::emitRounds(Node *node, const VarSet &live, bool tail) {
  uint32_t done = tail ? 0 : code.open(wBlock, wI32);
  Exit &round = analysis.exitOf(node);
  round.label = code.open(wBlock);
  std::vector<Exit *> nexts;
  for (Exit &exit : analysis.exits) {
    if (exit.from != From::Next || exit.node->target != node) continue;
    exit.label = code.open(wBlock);
    nexts.push_back(&exit);
  }
  code.open(wLoop);
  emitRound(node, live, tail, done);
  if (!tail) code.branch(wBr, done);
  code.close();
  if (nexts.empty() && !round.taken) code.op(wUnreachable);
  while (!nexts.empty()) {
    code.close();
    emitNextRound(*nexts.back(), live, tail);
    if (!tail) code.branch(wBr, done);
    nexts.pop_back();
  }
  code.close();
  if (round.taken) {
    std::vector<Operand> values;
    for (Var *var : node->vars) values.push_back({false, 0, var->local, (TypeOf)var->type, false});
    emitProcedureOf(node, values, live, tail);
  } else if (!tail) {
    code.op(wUnreachable);
  }
  if (tail) code.op(wUnreachable);
  else code.close();
}

void Compiler::emitNextRound(const Exit &exit, const VarSet &live, bool tail) {
  for (size_t k = 0; k < nextRounds.size(); k++) {
    if (nextRounds[k].node != exit.node) continue;
    NextRound next = std::move(nextRounds[k]);
    nextRounds.erase(nextRounds.begin() + k);
    std::vector<Operand> values = next.values;
    for (size_t i = 0; i < values.size(); i++) {
      Node *arg = next.node->args[i];
      if (!analysis.isLate(arg, next.node)) continue;
      values[i] = {false, 0, takeLocal(wI32), tAny, true};
      code.constant(arg->op);
      for (Node *operand : arg->args) emit(operand, live);
      code.call(hPrimitive2);
      code.set(values[i].local);
    }
    emitProcedureOf(exit.node->target, values, live, tail);
    return;
  }
  code.op(wUnreachable);  // no Continue has come to it
}

// Does a variable of a loop only collect what rounds put before it, to be reversed? Then it is a list,
// and nobody else has a pair of it.
bool Compiler::isAccumulator(const Node *loop, size_t i) {
  const Var *var = loop->vars[i];
  bool empty = loop->args[i]->kind == Kind::Const && loop->args[i]->value == kNil;
  return worldClosed && empty && !var->captured && !var->assigned && onlyGrows(loop->body(), loop, i);
}

bool Compiler::onlyGrows(const Node *node, const Node *loop, size_t i) {
  const Var *var = loop->vars[i];
  if (node->kind == Kind::Local) return node->var != var;
  bool reverses = node->kind == Kind::Builtin && !strcmp(node->builtin->name, "reverse");
  if (reverses && node->args[0]->kind == Kind::Local) return true;
  for (size_t k = 0; k < node->args.size(); k++) {
    bool next = node->kind == Kind::Continue && node->target == loop && k == i;
    if (next ? !isLonger(node->args[k], loop, i) : !onlyGrows(node->args[k], loop, i)) return false;
  }
  return true;
}

// Is it the variable, perhaps with more before it?
bool Compiler::isLonger(const Node *node, const Node *loop, size_t i) {
  if (node->kind == Kind::If) {
    return onlyGrows(node->args[0], loop, i) && isLonger(node->args[1], loop, i) && isLonger(node->args[2], loop, i);
  }
  bool isCons = node->kind == Kind::Prim && node->op == kCons;
  if (isCons) return onlyGrows(node->args[0], loop, i) && isLonger(node->args[1], loop, i);
  return node->kind == Kind::Local && node->var == loop->vars[i];
}

// Variables of outside that any round of the loop uses.
VarSet Compiler::liveAtLoop(Node *node) {
  VarSet uses = info(node->body()).uses;
  for (Var *var : node->vars) uses.remove(var);
  return uses;
}

std::vector<TypeOf> Compiler::loopTypes(Node *loop) {
  std::vector<TypeOf> types;
  for (Var *var : loop->vars) types.push_back(var->boxed() ? tAny : (TypeOf)var->type);
  return types;
}

void Compiler::assign(Node *loop, std::vector<Operand> &values) {
  for (size_t i = 0; i < values.size(); i++) pushAs(values[i], (TypeOf)loop->vars[i]->type);
  for (size_t i = values.size(); i-- > 0;) code.set(loop->vars[i]->local);
  release(values);
}

void Compiler::loopSafepoint(const VarSet &live) {
  code.constant(&vm);
  code.load(offsetof(Vm, limit));
  code.op(wI32Eqz);
  code.open(wIf);
  uint32_t words = spill(live);
  pushStackEnd(words);
  code.call(hSafepoint);
  code.op(wDrop);
  code.close();
}

void Compiler::emitContinue(Node *node) {
  for (LoopState &state : loops) {
    if (state.loop == node->target) return emitNext(node, LoopState(state));
  }
}

void Compiler::emitNext(Node *node, const LoopState &target) {
  Node *loop = target.loop;
  size_t n = node->args.size();
  std::vector<TypeOf> types, allTypes = loopTypes(loop);
  Nodes early;
  VarSet live = target.live;
  for (size_t i = 0; i < n; i++) {
    Node *arg = node->args[i];
    if (analysis.isLate(arg, node)) {
      live = live | info(arg).uses;
      continue;
    }
    early.push_back(arg);
    bool checked = loop->vars[i]->expected && !fits(typeOf(arg), allTypes[i]);
    types.push_back(checked ? tAny : allTypes[i]);
  }
  std::vector<Operand> evaluated = emitOperands(early, 0, early.size(), live, types);
  unrootAll(evaluated);
  std::vector<Operand> values(n);
  for (size_t i = 0, k = 0; i < n; i++) {
    Node *arg = node->args[i];
    if (!analysis.isLate(arg, node)) {
      values[i] = evaluated[k++];
      continue;
    }
    emit(arg, live);
    values[i] = {false, 0, takeLocal(wI32), typeOf(arg), true};
    code.set(values[i].local);
  }
  if (pushUnexpected(loop, values)) leaveIf(node);
  for (size_t i = 0; i < n; i++) pushAs(values[i], (TypeOf)loop->vars[i]->type);
  for (size_t i = n; i-- > 0;) code.set(loop->vars[i]->local);
  code.branch(wBr, target.label);
  if (analysis.exitOf(node).from == From::Next) keepForExit(node, values);
  else release(values);
}

// The way out stands behind the loop; until then nothing else may use these locals.
void Compiler::keepForExit(Node *node, std::vector<Operand> &values) {
  for (size_t i = 0; i < values.size(); i++) {
    if (analysis.isLate(node->args[i], node)) giveLocal(values[i].local);
  }
  nextRounds.push_back({node, values});
}

// ---- Inlined calls (closed.cc) ----

// Leaves whether one of the values is not of the kind that its variable expects; false, and nothing
// emitted, if all are known to be.
bool Compiler::pushUnexpected(Node *node, const std::vector<Operand> &values) {
  uint32_t checks = 0;
  for (size_t i = 0; i < values.size(); i++) {
    Var *var = node->vars[i];
    if (!var->expected || fits(values[i].type, (TypeOf)var->type)) continue;
    push(values[i]);
    isUnlike((TypeOf)var->type);
    if (checks++) code.op(wI32Or);
  }
  return checks > 0;
}

// A word that is known to be a flonum goes into a variable that is an f64.
void Compiler::pushAs(const Operand &value, TypeOf type) {
  if (type == tFlonum && value.constant) return code.number(flonumOf(value.value));
  push(value);
  if (type == tFlonum && value.type != tFlonum) code.loadF64(kFlonumOffset);
}

// Calls the procedure whose body was inlined, with values that it was not made for. They stay where they are.
void Compiler::emitSelfCall(Node *node, const std::vector<Operand> &values, const VarSet &live, bool tail) {
  emitCallOf(node, {node->lambda, nullptr}, live, tail, wordsOf(node->lambda, node->var, values));
}

// The procedure, which is in a variable if it captures anything, and its arguments.
std::vector<Operand> Compiler::wordsOf(Template *t, const Var *closure, const std::vector<Operand> &values) {
  std::vector<Operand> words;
  if (closure) words.push_back({false, 0, closure->local, tAny, false});
  else if (t == lambda) words.push_back({false, 0, kClosureLocal, tAny, false});
  else words.push_back({true, closureOf(t), 0, tAny, false});
  for (const Operand &value : values) words.push_back(asWord(value));
  return words;
}

Operand Compiler::asWord(Operand value) {
  value.temporary = false;
  if (value.type != tFlonum || value.constant) return value;
  code.get(value.local);
  boxFlonum();
  value = {false, 0, takeLocal(wI32), tAny, true};
  code.set(value.local);
  return value;
}

// Goes on with a loop, by its procedure. It is interpreted, or it would come here again.
void Compiler::emitProcedureOf(Node *loop, std::vector<Operand> &values, const VarSet &live, bool tail) {
  finishLifted(loop->lambda);
  std::vector<Operand> all;
  for (const Var *var : loop->carried) {
    if (own(var)) {
      all.push_back({false, 0, var->local, (TypeOf)var->type, false});
    } else {
      all.push_back({false, 0, takeLocal(wI32), tAny, true});
      pushVar(var);
      code.set(all.back().local);
    }
  }
  all.insert(all.end(), values.begin(), values.end());
  std::vector<Operand> words = wordsOf(loop->lambda, nullptr, all);
  unrootAll(words);
  facts.forgetFields();
  calls = true;
  bool leaves = tail && !loop->lambda->library;
  uint32_t size = leaves ? 0 : spillForCall(live);
  storeOperands(words, size);
  pushStackEnd(size + words.size());
  code.constant(words.size() - 1);
  code.op(leaves ? wReturnCall : wCall), code.u32(hInterpret);
  release(words);
  release(all);
  checkFailure(loop->place, Of::Call);
  if (tail) code.op(wReturn);
}

// As the value of a tail call with `tail`: all ways return then. With `test`, leaves 1 if it is true, else 0.
void Compiler::emitInline(Node *node, const VarSet &live, bool tail, bool test) {
  std::vector<TypeOf> types;
  for (Var *var : node->vars) types.push_back(var->expected ? tAny : (TypeOf)var->type);
  VarSet during = live;
  if (node->var) during.add(node->var);  // with what it captures
  std::vector<Operand> values = emitOperands(node->args, 0, node->vars.size(), during, types);
  unrootAll(values);
  bool leaves = info(node).exit, guarded = Analysis::expects(node) && !leaves;
  uint32_t done = guarded && !tail ? code.open(wBlock, wI32) : 0;
  uint32_t unexpected = guarded ? code.open(wBlock) : 0;
  if (pushUnexpected(node, values)) {
    if (leaves) leaveIf(node);
    else code.branch(wBrIf, unexpected);
  }
  for (size_t i = 0; i < values.size(); i++) {
    bindLocal(node->vars[i]);
    pushAs(values[i], (TypeOf)node->vars[i]->type);
    code.set(node->vars[i]->local);
    learnBinding(node->vars[i], node->args[i]);
  }
  if (!tail) inlinedAt.push_back(node->place);
  auto emitBody = [&] {
    if (tail) emitTail(node->body());
    else if (test) emitTest(node->body(), live);
    else emitAs(node->body(), typeOf(node), live);
  };
  if (guarded) facts.branch(emitBody);
  else emitBody();
  if (!tail) inlinedAt.pop_back();
  if (guarded) {
    if (!tail) code.branch(wBr, done);
    code.close();
    emitSelfCall(node, values, live, tail);
    if (!tail) code.close();
  }
  release(values);
}
