/*
 * The compiler has two passes over a lambda's tree. The first finds out what is known of its values
 * (analysis.h). A value of type flonum lives unboxed in an f64.
 *
 * The second writes code. An operation whose operands are not known tests for fixnums inline, for
 * flonums too where the interpreter met some, and calls the guest for the rest. In the closed world
 * it leaves for an exit instead, where there is one: what is behind stands outside of all loops, so
 * that these have no calls that they never make.
 *
 * Values never move, so a call that may collect garbage needs the live ones stored on the stack, and
 * nothing loaded again. The stack pointer is a parameter: what a frame stored lies below the one
 * that it hands on, exactly, and there is nothing to undo on return.
 */
#include "compiler.h"

Bytes Compiler::run() {
  uint32_t params = lambda->frameParams();
  locals.assign(params + 2, wI32);
  for (Var *var : analysis.vars) var->local = 0;
  for (uint32_t i = 0; i < params; i++) lambda->vars[i]->local = i + 2;
  failLabel = code.open(wBlock);
  Exit *exit = exitAtEntry();
  if (exit) exit->label = code.open(wBlock);
  size_t safepointStart = code.data.size();
  safepoint(exit);
  size_t safepointEnd = code.data.size();
  checkArguments(exit);
  boxArguments();
  emitTail(lambda->body);
  if (exit) {
    code.close();
    storeCall();
    giveToInterpreter(hInterpret);
  }
  code.close();
  fail();
  code.op(wEnd);
  if (!calls) code.data.erase(code.data.begin() + safepointStart, code.data.begin() + safepointEnd);
  return finish(params + 2);
}

// ---- Locals ----

uint32_t Compiler::newLocal(uint8_t type) {
  locals.push_back(type);
  return locals.size() - 1;
}

uint32_t Compiler::takeLocal(uint8_t type) {
  auto &list = freeLocals[type == wF64];
  if (list.empty()) return newLocal(type);
  uint32_t local = list.back();
  list.pop_back();
  return local;
}

// The local of a variable gets its own at its binding; parameters have theirs.
void Compiler::bindLocal(Var *var) {
  if (!var->local) var->local = newLocal(var->type == tFlonum && !var->boxed() ? wF64 : wI32);
}

void Compiler::unroot(uint32_t local) {
  for (size_t i = rooted.size(); i-- > 0;) {
    if (rooted[i] != local) continue;
    rooted.erase(rooted.begin() + i);
    return;
  }
}

// ---- Entry ----

void Compiler::storeCall() {
  for (uint32_t i = 0; i <= lambda->frameParams(); i++) {
    code.get(kSp);
    code.get(kClosureLocal + i);
    code.store(4 * i);
  }
}

void Compiler::pushStackEnd(uint32_t words) {
  code.get(kSp);
  code.constant(4 * words);
  code.op(wI32Add);
}

void Compiler::giveToInterpreter(HelperFunction helper) {
  pushStackEnd(lambda->frameParams() + 1);
  code.constant(lambda->frameParams());
  code.op(wReturnCall), code.u32(helper);
}

void Compiler::safepoint(const Exit *exit) {
  code.get(kSp);
  code.constant(&vm);
  code.load(offsetof(Vm, limit));
  code.op(wI32GtU);
  code.open(wIf);
  storeCall();
  pushStackEnd(lambda->frameParams() + 1);
  code.call(hSafepoint);
  code.op(wI32Eqz);
  if (exit) {
    code.branch(wBrIf, exit->label);
  } else {
    code.open(wIf);
    giveToInterpreter(hInterpret);
    code.close();
  }
  code.close();
}

// Of the word on the stack, leaves whether it is no fixnum, or no flonum, as the type is; 0 if it is one.
void Compiler::isUnlike(TypeOf type) {
  code.constant(isFixnumType(type) ? 1 : 7);
  code.op(wI32And);
  if (type != tFlonum) return;
  code.constant(kFlonumTag);
  code.op(wI32Ne);
}

// Calls with other kinds of arguments than expected are the interpreter's.
void Compiler::checkArguments(const Exit *exit) {
  uint32_t checks = 0;
  for (Var *var : lambda->vars) {
    if (var->type == tAny) continue;
    code.get(var->local);
    isUnlike((TypeOf)var->type);
    if (checks++) code.op(wI32Or);
  }
  if (!checks) return;
  if (exit) {
    code.branch(wBrIf, exit->label);
  } else {
    code.open(wIf);
    storeCall();
    giveToInterpreter(hMiss);
    code.close();
  }
  for (Var *var : lambda->vars) {
    if (var->type != tFlonum) continue;
    code.get(var->local);
    code.loadF64(kFlonumOffset);
    var->local = newLocal(wF64);
    code.set(var->local);
  }
}

void Compiler::boxArguments() {
  for (Var *var : lambda->vars) {
    if (!var->boxed()) continue;
    emitBox([&] { code.get(var->local); });
    code.set(var->local);
  }
}

// ---- Exits ----

Exit *Compiler::exitAtEntry() {
  for (Exit &exit : analysis.exits) {
    if (exit.from == From::Entry) return &exit;
  }
  return nullptr;
}

// Where to go to leave.
uint32_t Compiler::exitLabel(Node *node) {
  Exit &exit = analysis.exitOf(node);
  exit.taken = true;
  return exit.label;
}

// Leaves if the word on the stack is not 0.
void Compiler::leaveIf(Node *node) { code.branch(wBrIf, exitLabel(node)); }

// Leaves unless these are fixnums.
void Compiler::leaveUnlessFixnums(Node *node, const Operand &a, const Operand *b) {
  bool checkA = !isFixnumType(a.type), checkB = b && !isFixnumType(b->type);
  if (checkA) push(a);
  if (checkB) push(*b);
  if (checkA && checkB) code.op(wI32Or);
  if (!checkA && !checkB) return;
  code.constant(1u);
  code.op(wI32And);
  leaveIf(node);
  for (Node *arg : node->args) facts.learn(arg, Known::Fixnum);
}

// ---- Failures ----

// Returns with the failure that the stack's top is, if it is one; leaves the value in a local.
void Compiler::checkFailure(Place place, Of what) {
  uint32_t result = takeLocal(wI32);
  code.tee(result);
  code.constant(kFail);
  code.op(wI32Eq);
  code.open(wIf);
  failHere(place, what);
  code.close();
  code.get(result);
  giveLocal(result);
}

// Goes to the one place of the function where it fails. Engines' code for a way out of a function is
// long, and most operations may fail. Of places, only the innermost in a program counts, or, where
// the stack is full, as only a call finds it, the outermost.
void Compiler::failHere(Place place, Of what) {
  if (!failPlace) failPlace = newLocal(wI32);
  std::vector<Place> places;
  if (isInProgram(place)) places.push_back(place);
  for (size_t i = inlinedAt.size(); i-- > 0;) {
    if (isInProgram(inlinedAt[i])) places.push_back(inlinedAt[i]);
  }
  if (places.size() > 0) code.constant(places.front()), code.set(failPlace);
  if (places.size() > 1 && what == Of::Call) {
    if (!failOuter) failOuter = newLocal(wI32);
    code.constant(places.back()), code.set(failOuter);
  }
  code.branch(wBr, failLabel);
}

// Behind the block that failures leave. A place of 0 is none.
void Compiler::fail() {
  if (!failPlace) return code.op(wUnreachable);
  code.get(failPlace);
  if (failOuter) code.get(failOuter);
  else code.constant(0u);
  code.op(wReturnCall), code.u32(hFail);
}

// ---- Tail position: every way out returns ----

void Compiler::emitTail(Node *node) {
  VarSet none;
  switch (node->kind) {
    case Kind::If: {
      Node *then = node->args[1], *otherwise = node->args[2];
      VarSet during = info(then).uses | info(otherwise).uses;
      if (worldClosed && isCompound(node->args[0])) {
        uint32_t toElse = code.open(wBlock);
        facts.branch([&] {
          emitJump(node->args[0], false, toElse, during);
          facts.learnFrom(node->args[0], true);
          emitTail(then);
        });
        code.close();
        return facts.branch([&] {
          facts.learnFrom(node->args[0], false);
          emitTail(otherwise);
        });
      }
      emitTest(node->args[0], during);
      code.open(wIf);
      facts.branch([&] {
        facts.learnFrom(node->args[0], true);
        emitTail(then);
      });
      code.otherwise();
      facts.branch([&] {
        facts.learnFrom(node->args[0], false);
        emitTail(otherwise);
      });
      code.close();
      code.op(wUnreachable);
      return;
    }
    case Kind::Or: {
      if (isTest(node->args[0])) {
        emitTest(node->args[0], info(node->args[1]).uses);
        code.open(wIf);
        code.constant(kTrue);
        code.op(wReturn);
        code.close();
        facts.learnFrom(node->args[0], false);
        return emitTail(node->args[1]);
      }
      uint32_t value = takeLocal(wI32);
      emitWord(node->args[0], info(node->args[1]).uses);
      code.tee(value);
      code.constant(kFalse);
      code.op(wI32Ne);
      code.open(wIf);
      code.get(value);
      code.op(wReturn);
      code.close();
      giveLocal(value);
      return emitTail(node->args[1]);
    }
    case Kind::Seq:
      emitSeqStart(node, none);
      return emitTail(node->args.back());
    case Kind::Let:
      bindLet(node, none);
      return emitTail(node->body());
    case Kind::Fix:
      bindFix(node);
      return emitTail(node->body());
    case Kind::Inline:
      // A library procedure's error has the line of the call, whose frame stays.
      if (!node->lambda->library) return emitInline(node, none, true);
      emitWord(node, none);
      return code.op(wReturn);
    case Kind::Loop: return emitLoop(node, none, true);
    case Kind::Continue: return emitContinue(node);
    case Kind::Call: return emitCall(node, none, true);
    case Kind::Apply: return emitApply(node, none, true);
    default:
      emitWord(node, none);
      code.op(wReturn);
  }
}

namespace {

uint32_t countVars(const Node *node) {
  uint32_t n = node->vars.size();
  for (const Node *arg : node->args) n += countVars(arg);
  return n;
}

}  // namespace

bool canCompile(const Template *t) {
  return t->frameParams() <= kMaxCompiledParams && t->vars.size() + countVars(t->body) < kMaxVars;
}

Bytes compileFunction(Template *t) { return Compiler(t).run(); }
