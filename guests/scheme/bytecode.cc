// Nodes to the interpreter's code. The layout of a frame stands in interpret.h.
#include "bytecode.h"

#include "heap.h"
#include "profile.h"

namespace {

class Coder {
 public:
  explicit Coder(Template *lambda) : lambda(lambda) {}

  void run() {
    depth = 0;
    for (Var *var : lambda->vars) var->slot = depth++;
    depth += 2;  // the saved program counter and frame pointer
    maxDepth = depth;
    for (Var *var : lambda->vars) boxIfNeeded(var);
    code(lambda->body, true);
    lambda->captured = lambda->free.size();
    lambda->words = words.size();
    lambda->places = places.size() / 2;
    words.insert(words.end(), places.begin(), places.end());
    lambda->code = new uint32_t[words.size()];
    memcpy(lambda->code, words.data(), words.size() * 4);
    lambda->maxStack = maxDepth + 1;
    enterProfile(lambda);
  }

 private:
  Template *lambda;
  std::vector<uint32_t> words, places;
  uint32_t depth = 0, maxDepth = 0;

  struct LoopState {
    Node *loop;
    uint32_t first, start;
  };
  std::vector<LoopState> loops;

  uint32_t emit(uint32_t op, uint32_t a = 0) {
    words.push_back(op | a << 8);
    return words.size() - 1;
  }
  void word(uint32_t w) { words.push_back(w); }
  void word(const void *p) { words.push_back((uint32_t)p); }

  void push(int n = 1) {
    depth += n;
    if (depth > maxDepth) maxDepth = depth;
  }
  void pop(int n = 1) { depth -= n; }

  // What follows belongs to the node's place.
  void at(Node *node) {
    if (places.empty() || places.back() != node->place) {
      places.push_back(words.size());
      places.push_back(node->place);
    }
    node->site = words.size();
  }

  uint32_t jump(uint32_t op, uint32_t a = 0) {
    emit(op, a);
    word(0u);
    return words.size() - 1;
  }
  void land(uint32_t jump) { words[jump] = words.size(); }

  void boxIfNeeded(Var *var) {
    if (var->boxed()) emit(opBox, var->slot);
  }

  uint32_t freeIndex(Var *var) {
    uint32_t i = 0;
    while (lambda->free[i] != var) i++;
    return i;
  }

  // Leaves the value of `node` on the stack, or returns it when `tail`.
  void code(Node *node, bool tail) {
    switch (node->kind) {
      case Kind::If: return codeIf(node, tail);
      case Kind::Or: return codeOr(node, tail);
      case Kind::Seq: return codeSeq(node, tail);
      case Kind::Let: return codeLet(node, tail);
      case Kind::Fix: return codeFix(node, tail);
      case Kind::Loop: return codeLoop(node, tail);
      case Kind::Continue: return codeContinue(node);
      case Kind::Call: return codeCall(node, tail);
      case Kind::Apply: return codeApply(node, tail);
      default: codeValue(node);
    }
    if (tail) emit(opReturn, lambda->frameParams());
  }

  void codeValue(Node *node) {
    switch (node->kind) {
      case Kind::Const: return codeConst(node->value);
      case Kind::Local: return codeLocal(node);
      case Kind::Global:
        at(node);
        emit(opGlobal);
        word(node->symbol);
        return push();
      case Kind::SetLocal: return codeSetLocal(node);
      case Kind::SetGlobal:
      case Kind::Define:
        code(node->args[0], false);
        at(node);
        emit(node->kind == Kind::Define ? opDefine : opSetGlobal);
        return word(node->symbol);
      case Kind::Lambda:
        compileInner(node->lambda);
        if (node->lambda->free.empty()) return codeConst(closureOf(node->lambda));
        emit(opClosure);
        captures(node->lambda);
        return push();
      case Kind::Prim: return codePrim(node);
      default: return codeBuiltin(node);
    }
  }

  void codeConst(Value value) {
    int32_t n = fixnumOf(value);
    if (isFixnum(value) && n >= -(1 << 21) && n < 1 << 21) {
      emit(opInteger, (uint32_t)n & 0xffffff);
    } else {
      emit(opConst);
      word(value);
    }
    push();
  }

  void codeLocal(Node *node) {
    Var *var = node->var;
    bool own = var->owner == lambda;
    at(node);
    if (own) emit(var->boxed() ? opLocalBox : opLocal, var->slot);
    else emit(var->boxed() ? opFreeBox : opFree, freeIndex(var));
    push();
    if (!var->checked) return;
    emit(opCheck);
    word(var->name);
  }

  void codeSetLocal(Node *node) {
    Var *var = node->var;
    code(node->args[0], false);
    if (var->owner != lambda) emit(opSetFreeBox, freeIndex(var));
    else emit(var->boxed() ? opSetLocalBox : opSetLocal, var->slot);
  }

  void compileInner(Template *inner) {
    if (!inner->code) Coder(inner).run();
  }

  void captures(Template *inner) {
    word(inner);
    for (Var *var : inner->free) {
      bool own = var->owner == lambda;
      word((own ? var->slot : freeIndex(var)) * 2 + !own);
    }
  }

  void codePrim(Node *node) {
    auto op = (PrimOp)node->op;
    Node *last = node->args.back();
    bool adds = op == kAdd || op == kSub;
    if (adds && last->kind == Kind::Const && isFixnum(last->value)) {
      int32_t n = fixnumOf(last->value);
      if (n >= -(1 << 21) && n < 1 << 21) return codeAddInteger(node, n, op == kSub);
    }
    codeOperands(node);
    at(node);
    emit(opPrim + int(op));
    pop(node->args.size());
    push();
  }

  static bool isPlainLocal(Node *node, Template *lambda) {
    return node->kind == Kind::Local && node->var->owner == lambda && !node->var->boxed() && !node->var->checked;
  }

  void codeAddInteger(Node *node, int32_t n, bool subtract) {
    Node *first = node->args[0];
    uint32_t a = (uint32_t)n & 0x7fffff;
    if (isPlainLocal(first, lambda)) {
      at(node);
      emit(subtract ? opLocalSubInteger : opLocalAddInteger, a);
      word(first->var->slot);
      return push();
    }
    code(first, false);
    at(node);
    emit(subtract ? opSubInteger : opAddInteger, a);
  }

  void codeOperands(Node *node) {
    if (node->args.size() == 2 && isPlainLocal(node->args[0], lambda) && isPlainLocal(node->args[1], lambda)) {
      emit(opLocal2, node->args[0]->var->slot);
      word(node->args[1]->var->slot);
      return push(2);
    }
    for (Node *arg : node->args) code(arg, false);
  }

  void codeBuiltin(Node *node) {
    for (Node *arg : node->args) code(arg, false);
    at(node);
    emit(opBuiltin, node->args.size());
    word(node->builtin);
    pop(node->args.size());
    push();
  }

  // Code that goes on when `test` holds; returns the jump that is taken when it does not.
  uint32_t codeTest(Node *test) {
    if (test->kind == Kind::Prim) {
      auto op = (PrimOp)test->op;
      if (op >= kLess && op <= kNumEqual) return codeCompare(test, op);
      if (op == kNullP || op == kPairP || op == kEq) {
        codeOperands(test);
        pop(test->args.size());
        return jump(op == kNullP ? opUnlessNull : op == kPairP ? opUnlessPair : opUnlessEq);
      }
    }
    code(test, false);
    pop();
    return jump(opJumpIfFalse);
  }

  uint32_t codeCompare(Node *test, PrimOp op) {
    Node *last = test->args[1];
    if (last->kind == Kind::Const && isFixnum(last->value)) {
      int32_t n = fixnumOf(last->value);
      if (n >= -(1 << 21) && n < 1 << 21) {
        code(test->args[0], false);
        at(test);
        pop();
        return jump(opUnlessInteger + int(op - kLess), (uint32_t)n & 0x7fffff);
      }
    }
    codeOperands(test);
    at(test);
    pop(2);
    return jump(opUnless + int(op - kLess));
  }

  void codeIf(Node *node, bool tail) {
    Node *test = node->args[0];
    Node *then = node->args[1], *otherwise = node->args[2];
    while (test->kind == Kind::Prim && test->op == kNot) {
      test = test->args[0];
      std::swap(then, otherwise);
    }
    uint32_t toElse = codeTest(test);
    uint32_t before = depth;
    code(then, tail);
    uint32_t toEnd = tail ? 0 : jump(opJump);
    depth = before;
    land(toElse);
    code(otherwise, tail);
    if (!tail) land(toEnd);
    depth = before + 1;
  }

  void codeOr(Node *node, bool tail) {
    code(node->args[0], false);
    uint32_t toEnd = jump(opOr);
    pop();
    code(node->args[1], tail);
    land(toEnd);
    if (tail) emit(opReturn, lambda->frameParams());
  }

  void codeSeq(Node *node, bool tail) {
    for (size_t i = 0; i + 1 < node->args.size(); i++) {
      code(node->args[i], false);
      emit(opPop);
      pop();
    }
    code(node->args.back(), tail);
  }

  void bindTop(const Vars &vars) {
    uint32_t first = depth - vars.size();
    for (size_t i = 0; i < vars.size(); i++) vars[i]->slot = first + i;
  }

  void codeLet(Node *node, bool tail) {
    size_t n = node->vars.size();
    for (size_t i = 0; i < n; i++) code(node->args[i], false);
    bindTop(node->vars);
    for (Var *var : node->vars) boxIfNeeded(var);
    codeBody(node, n, tail);
  }

  void codeBody(Node *node, size_t n, bool tail) {
    code(node->body(), tail);
    if (!tail && n) emit(opSlide, n);
    pop(n);
  }

  void codeFix(Node *node, bool tail) {
    size_t n = node->vars.size();
    for (size_t i = 0; i < n; i++) {
      Template *inner = node->args[i]->lambda;
      node->vars[i]->slot = depth;
      if (inner->free.empty()) {
        codeConst(closureOf(inner));
        continue;
      }
      emit(opEmptyClosure);
      word(inner);
      push();
    }
    for (size_t i = 0; i < n; i++) {
      compileInner(node->args[i]->lambda);
      if (node->args[i]->lambda->free.empty()) continue;
      emit(opFillClosure, node->vars[i]->slot);
      captures(node->args[i]->lambda);
    }
    codeBody(node, n, tail);
  }

  void codeLoop(Node *node, bool tail) {
    size_t n = node->vars.size();
    for (size_t i = 0; i < n; i++) code(node->args[i], false);
    bindTop(node->vars);
    loops.push_back({node, (uint32_t)(depth - n), (uint32_t)words.size()});
    for (Var *var : node->vars) boxIfNeeded(var);
    codeBody(node, n, tail);
    loops.pop_back();
  }

  void codeContinue(Node *node) {
    size_t n = node->args.size();
    for (Node *arg : node->args) code(arg, false);
    for (const LoopState &state : loops) {
      if (state.loop != node->target) continue;
      emit(opContinue, n);
      word(state.first);
      word(state.start);
    }
    pop(n);
    push();  // as if it left a value, so that both ways of an `if` agree
  }

  // A global procedure is looked up after the arguments, as generated code does it.
  void codeCall(Node *node, bool tail) {
    Node *callee = node->args[0];
    bool global = callee->kind == Kind::Global;
    if (global) codeConst(fixnum(0));
    else code(callee, false);
    uint32_t argc = node->args.size() - 1;
    for (uint32_t i = 1; i <= argc; i++) code(node->args[i], false);
    at(node);
    if (global) emit(tail ? opTailCallGlobal : opCallGlobal, argc), word(callee->symbol);
    else emit(tail ? opTailCall : opCall, argc);
    if (tail) emit(opReturn, lambda->frameParams());
    pop(argc);
  }

  void codeApply(Node *node, bool tail) {
    for (Node *arg : node->args) code(arg, false);
    uint32_t argc = node->args.size() - 1;
    at(node);
    emit(tail ? opTailApply : opApply, argc);
    if (tail) emit(opReturn, lambda->frameParams());
    pop(argc);
  }
};

}  // namespace

void compileToBytecode(Template *form) { Coder(form).run(); }
