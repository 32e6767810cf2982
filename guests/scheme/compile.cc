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
#include "compile.h"

#include <array>

#include "analysis.h"
#include "closed.h"
#include "facts.h"
#include "heap.h"
#include "lift.h"

namespace {

uint32_t countVars(const Node *node) {
  uint32_t n = node->vars.size();
  for (const Node *arg : node->args) n += countVars(arg);
  return n;
}

bool isCompare(uint16_t op) { return op >= kLess && op <= kNumEqual; }

// An operand that was evaluated: a constant, or in a local.
struct Operand {
  bool constant;
  Value value;
  uint32_t local;
  TypeOf type;
  bool temporary;
};

class Compiler {
 public:
  explicit Compiler(Template *lambda) : lambda(lambda), analysis(lambda), facts(analysis) {}

  Bytes run() {
    uint32_t params = lambda->frameParams();
    locals.assign(params + 2, wI32);
    for (Var *var : analysis.vars) var->local = 0;
    for (uint32_t i = 0; i < params; i++) lambda->vars[i]->local = i + 2;
    failLabel = code.open(wBlock);
    Exit *exit = exitAtEntry();
    if (exit) exit->label = code.open(wBlock);
    entry(exit);
    emitTail(lambda->body);
    if (exit) {
      code.close();
      storeCall();
      giveToInterpreter(hInterpret);
    }
    code.close();
    fail();
    code.op(wEnd);
    return finish(params + 2);
  }

 private:
  static constexpr uint32_t kSp = 0, kClosureLocal = 1;
  Template *lambda;
  Analysis analysis;
  Facts facts;
  Code code;
  std::vector<uint8_t> locals;              // types of all, parameters included
  std::vector<uint32_t> freeLocals[2];      // temporaries to be used again: i32, f64
  std::vector<uint32_t> rooted;             // temporaries that hold values across safepoints
  struct LoopState {
    Node *loop;
    uint32_t label;
    VarSet live;
    bool tail;
    uint32_t done;  // the block around it, which values leave; 0 if they need not
  };
  std::vector<LoopState> loops;
  // What a Continue gives to its loop, for the way out that begins there.
  struct NextRound {
    Node *node;
    std::vector<Operand> values;  // in order; of those that are late, none
  };
  std::vector<NextRound> nextRounds;
  uint32_t failLabel = 0, failPlace = 0, failOuter = 0;  // of failures: the block behind which they go on, and locals
  std::vector<Place> inlinedAt;  // the calls in whose place the code stands, from outside in

  Bytes finish(uint32_t params) {
    Bytes out;
    out.u32(locals.size() - params);
    for (size_t i = params; i < locals.size(); i++) {
      out.u32(1);
      out.byte(locals[i]);
    }
    out.append(code);
    return out;
  }

  Info &info(Node *node) { return analysis.of(node); }
  TypeOf typeOf(Node *node) { return info(node).type; }
  bool own(const Var *var) { return var->owner == lambda; }

  // ---- Locals ----

  uint32_t newLocal(uint8_t type) {
    locals.push_back(type);
    return locals.size() - 1;
  }

  uint32_t takeLocal(uint8_t type) {
    auto &list = freeLocals[type == wF64];
    if (list.empty()) return newLocal(type);
    uint32_t local = list.back();
    list.pop_back();
    return local;
  }

  void giveLocal(uint32_t local) { freeLocals[locals[local] == wF64].push_back(local); }

  // The local of a variable gets its own at its binding; parameters have theirs.
  void bindLocal(Var *var) {
    if (!var->local) var->local = newLocal(var->type == tFlonum && !var->boxed() ? wF64 : wI32);
  }

  void unroot(uint32_t local) {
    for (size_t i = rooted.size(); i-- > 0;) {
      if (rooted[i] != local) continue;
      rooted.erase(rooted.begin() + i);
      return;
    }
  }

  // ---- Entry ----

  // Are there calls that need native stack? Leaves need no check.
  bool calls() { return info(lambda->body).pauses; }

  void storeCall() {
    for (uint32_t i = 0; i <= lambda->frameParams(); i++) {
      code.get(kSp);
      code.get(kClosureLocal + i);
      code.store(4 * i);
    }
  }

  void pushStackEnd(uint32_t words) {
    code.get(kSp);
    code.constant(4 * words);
    code.op(wI32Add);
  }

  void giveToInterpreter(HelperFunction helper) {
    pushStackEnd(lambda->frameParams() + 1);
    code.constant(lambda->frameParams());
    code.op(wReturnCall), code.u32(helper);
  }

  void entry(const Exit *exit) {
    if (calls()) {
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
    checkArguments(exit);
    for (Var *var : lambda->vars) {
      if (!var->boxed()) continue;
      emitBox([&] { code.get(var->local); });
      code.set(var->local);
    }
  }

  // Calls with other kinds of arguments than expected are the interpreter's.
  void checkArguments(const Exit *exit) {
    uint32_t checks = 0;
    for (Var *var : lambda->vars) {
      if (var->type == tAny) continue;
      code.get(var->local);
      code.constant(isFixnumType((TypeOf)var->type) ? 1 : 7);
      code.op(wI32And);
      if (var->type == tFlonum) {
        code.constant(kFlonumTag);
        code.op(wI32Ne);
      }
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

  // ---- Exits ----

  Exit *exitAtEntry() {
    for (Exit &exit : analysis.exits) {
      if (exit.from == From::Entry) return &exit;
    }
    return nullptr;
  }

  // Leaves if the word on the stack is not 0.
  void leaveIf(Node *node) {
    Exit &exit = analysis.exitOf(node);
    exit.taken = true;
    code.branch(wBrIf, exit.label);
  }

  // Leaves unless these are fixnums.
  void leaveUnlessFixnums(Node *node, const Operand &a, const Operand *b = nullptr) {
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
  void checkFailure(Place place) {
    uint32_t result = takeLocal(wI32);
    code.tee(result);
    code.constant(kFail);
    code.op(wI32Eq);
    code.open(wIf);
    failHere(place);
    code.close();
    code.get(result);
    giveLocal(result);
  }

  // Goes to the one place of the function where it fails. Engines' code for a way out of a function is
  // long, and most operations may fail. Of places, only the innermost in a program counts, or, where
  // the stack is full, the outermost.
  void failHere(Place place) {
    if (!failPlace) failPlace = newLocal(wI32), failOuter = newLocal(wI32);
    std::vector<Place> places;
    if (isInProgram(place)) places.push_back(place);
    for (size_t i = inlinedAt.size(); i-- > 0;) {
      if (isInProgram(inlinedAt[i])) places.push_back(inlinedAt[i]);
    }
    if (places.size() > 0) code.constant(places.front()), code.set(failPlace);
    if (places.size() > 1) code.constant(places.back()), code.set(failOuter);
    code.branch(wBr, failLabel);
  }

  // Behind the block that failures leave. A place of 0 is none.
  void fail() {
    if (!failPlace) return code.op(wUnreachable);
    code.get(failPlace);
    code.get(failOuter);
    code.op(wReturnCall), code.u32(hFail);
  }

  // ---- Allocation ----

  // Leaves the address of a new block in a local, which the caller gives back.
  uint32_t emitAllocate(uint32_t size) {
    uint32_t block = takeLocal(wI32), end = takeLocal(wI32);
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

  void pushTagged(uint32_t block, uint32_t tagOffset) {
    code.get(block);
    code.constant(tagOffset);
    code.op(wI32Sub);
    giveLocal(block);
  }

  // The f64 on the stack becomes a flonum.
  void boxFlonum() {
    uint32_t number = takeLocal(wF64);
    code.set(number);
    uint32_t block = emitAllocate(8);
    code.get(block);
    code.get(number);
    code.storeF64(0);
    giveLocal(number);
    pushTagged(block, kFlonumOffset);
  }

  template <class Push> void emitBox(Push push) {
    uint32_t block = emitAllocate(8);
    code.get(block);
    code.constant(kBox | 1 << 8);
    code.store(0);
    code.get(block);
    push();
    code.store(4);
    pushTagged(block, kHeaderOffset);
  }

  // ---- Values ----

  static uint8_t wasmType(TypeOf type) { return type == tFlonum ? wF64 : wI32; }

  // Leaves an f64 for a node of type flonum, else a word.
  void emit(Node *node, const VarSet &live) {
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
  void emitWord(Node *node, const VarSet &live) {
    if (node->kind == Kind::Const) return code.constant(node->value);
    emit(node, live);
    if (typeOf(node) == tFlonum) boxFlonum();
  }

  void emitAs(Node *node, TypeOf type, const VarSet &live) {
    if (type == tFlonum) emit(node, live);
    else emitWord(node, live);
  }

  void emitEffect(Node *node, const VarSet &live) {
    if (node->kind == Kind::Const) return;
    emit(node, live);
    code.op(wDrop);
  }

  uint32_t freeOffset(const Var *var) {
    uint32_t i = 0;
    while (lambda->free[i] != var) i++;
    return kFieldOffset + 4 * (1 + i);
  }

  // The variable's word or f64 as it lies there; its box, if it has one.
  void pushVar(const Var *var) {
    if (own(var)) return code.get(var->local);
    code.get(kClosureLocal);
    code.load(freeOffset(var));
  }

  void emitLocal(Node *node) {
    Var *var = node->var;
    pushVar(var);
    if (var->boxed()) code.load(kFieldOffset);
    if (!var->checked) return;
    uint32_t value = takeLocal(wI32);
    code.tee(value);
    code.constant(kUnbound);
    code.op(wI32Eq);
    code.open(wIf);
    code.constant(var);
    code.call(hUnchecked);
    code.op(wDrop);
    failHere(node->place);
    code.close();
    code.get(value);
    giveLocal(value);
  }

  void emitGlobal(Node *node) {
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

  void emitSetLocal(Node *node, const VarSet &live) {
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

  void emitSetGlobal(Node *node, const VarSet &live) {
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

  void emitIf(Node *node, const VarSet &live) {
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
  static bool isTest(const Node *node) {
    if (!worldClosed || node->kind != Kind::Prim) return false;
    return isCompare(node->op) || node->op == kNullP || node->op == kPairP || node->op == kEq || node->op == kNot ||
           node->op == kStringP || node->op == kSymbolP || node->op == kVectorP || node->op == kNumberP ||
           node->op == kCharEqual;
  }

  void emitOr(Node *node, const VarSet &live) {
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

  void emitSeq(Node *node, const VarSet &live) {
    emitSeqStart(node, live);
    emit(node->args.back(), live);
  }

  void emitSeqStart(Node *node, const VarSet &live) {
    size_t n = node->args.size();
    for (size_t i = 0; i + 1 < n; i++) emitEffect(node->args[i], live | usesFrom(node, i + 1));
  }

  VarSet usesFrom(Node *node, size_t i) {
    VarSet uses;
    for (; i < node->args.size(); i++) uses = uses | info(node->args[i]).uses;
    return uses;
  }

  // What lives while value `i` of a binding node is computed: not the variables that it binds.
  VarSet liveDuringBinding(Node *node, size_t i, const VarSet &live) {
    VarSet body = info(node->body()).uses;
    for (Var *var : node->vars) body.remove(var);
    VarSet during = live | body;
    for (size_t k = i + 1; k + 1 < node->args.size(); k++) during = during | info(node->args[k]).uses;
    // Those bound already in this row do live.
    for (size_t k = 0; k < i; k++) during.add(node->vars[k]);
    return during;
  }

  void bindLet(Node *node, const VarSet &live) {
    for (size_t i = 0; i < node->vars.size(); i++) {
      Var *var = node->vars[i];
      VarSet during = liveDuringBinding(node, i, live);
      bindLocal(var);
      emitAs(node->args[i], var->boxed() ? tAny : (TypeOf)var->type, during);
      code.set(var->local);
      facts.bind(var, node->args[i]);
    }
    boxVars(node);
  }

  void boxVars(Node *node) {
    for (Var *var : node->vars) {
      if (!var->boxed()) continue;
      emitBox([&] { code.get(var->local); });
      code.set(var->local);
    }
  }

  // ---- Closures ----

  uint32_t emitEmptyClosure(Template *inner) {
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

  void fillClosure(uint32_t block, Template *inner) {
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

  void emitLambda(Template *inner) {
    uint32_t block = emitEmptyClosure(inner);
    fillClosure(block, inner);
    pushTagged(block, kHeaderOffset);
  }

  // All closures first, so that they can capture each other. Nothing collects in between.
  void bindFix(Node *node) {
    for (size_t i = 0; i < node->vars.size(); i++) {
      Var *var = node->vars[i];
      bindLocal(var);
      uint32_t block = emitEmptyClosure(node->args[i]->lambda);
      pushTagged(block, kHeaderOffset);
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

  // ---- Loops ----

  void emitLoop(Node *node, const VarSet &live, bool tail) {
    for (size_t i = 0; i < node->vars.size(); i++) bindLocal(node->vars[i]);
    // The first values may use the variables of a former round of this very loop: evaluate all first.
    std::vector<Operand> values = emitOperands(node->args, 0, node->vars.size(), live | liveAtLoop(node), loopTypes(node));
    assign(node, values);
    if (Analysis::hasProcedure(node)) return emitRounds(node, live, tail);
    code.open(wLoop, tail ? (uint8_t)wVoid : wasmType(typeOf(node)));
    emitRound(node, live, tail, 0);
    code.close();
    if (tail) code.op(wUnreachable);
  }

  // The body, in the block of the loop that was opened last.
  void emitRound(Node *node, const VarSet &live, bool tail, uint32_t done) {
    VarSet inside = live | liveAtLoop(node);
    facts.forgetFields();  // a round before may have changed them
    loops.push_back({node, code.depth, inside, tail, done});
    boxVars(node);
    VarSet atStart = inside;
    for (Var *var : node->vars) {
      if (info(node->body()).uses.has(var)) atStart.add(var);
    }
    size_t pollStart = code.data.size();
    loopSafepoint(atStart);
    size_t pollEnd = code.data.size();
    uint32_t calls = code.calls;
    facts.branch([&] {
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
  void emitRounds(Node *node, const VarSet &live, bool tail) {
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

  void emitNextRound(const Exit &exit, const VarSet &live, bool tail) {
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

  // Variables of outside that any round of the loop uses.
  VarSet liveAtLoop(Node *node) {
    VarSet uses = info(node->body()).uses;
    for (Var *var : node->vars) uses.remove(var);
    return uses;
  }

  std::vector<TypeOf> loopTypes(Node *loop) {
    std::vector<TypeOf> types;
    for (Var *var : loop->vars) types.push_back(var->boxed() ? tAny : (TypeOf)var->type);
    return types;
  }

  void assign(Node *loop, std::vector<Operand> &values) {
    for (size_t i = 0; i < values.size(); i++) pushAs(values[i], (TypeOf)loop->vars[i]->type);
    for (size_t i = values.size(); i-- > 0;) code.set(loop->vars[i]->local);
    release(values);
  }

  void loopSafepoint(const VarSet &live) {
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

  void emitContinue(Node *node) {
    for (LoopState &state : loops) {
      if (state.loop == node->target) return emitNext(node, LoopState(state));
    }
  }

  void emitNext(Node *node, const LoopState &target) {
    Node *loop = target.loop;
    size_t n = node->args.size();
    std::vector<TypeOf> types, allTypes = loopTypes(loop);
    std::vector<Node *> early;
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
  void keepForExit(Node *node, std::vector<Operand> &values) {
    for (size_t i = 0; i < values.size(); i++) {
      if (analysis.isLate(node->args[i], node)) giveLocal(values[i].local);
    }
    nextRounds.push_back({node, values});
  }

  // ---- Inlined calls (closed.cc) ----

  // Leaves whether one of the values is not of the kind that its variable expects; false, and nothing
  // emitted, if all are known to be.
  bool pushUnexpected(Node *node, const std::vector<Operand> &values) {
    uint32_t checks = 0;
    for (size_t i = 0; i < values.size(); i++) {
      Var *var = node->vars[i];
      if (!var->expected || fits(values[i].type, (TypeOf)var->type)) continue;
      push(values[i]);
      code.constant(isFixnumType((TypeOf)var->type) ? 1 : 7);
      code.op(wI32And);
      if (var->type == tFlonum) {
        code.constant(kFlonumTag);
        code.op(wI32Ne);
      }
      if (checks++) code.op(wI32Or);
    }
    return checks > 0;
  }

  // A word that is known to be a flonum goes into a variable that is an f64.
  void pushAs(const Operand &value, TypeOf type) {
    if (type == tFlonum && value.constant) return code.number(flonumOf(value.value));
    push(value);
    if (type == tFlonum && value.type != tFlonum) code.loadF64(kFlonumOffset);
  }

  // Calls the procedure whose body was inlined, with values that it was not made for. They stay where they are.
  void emitSelfCall(Node *node, Template *t, const std::vector<Operand> &values, const VarSet &live, bool tail) {
    emitCallOf(node, {t, nullptr}, live, tail, wordsOf(t, values));
  }

  // The procedure and its arguments.
  std::vector<Operand> wordsOf(Template *t, const std::vector<Operand> &values) {
    std::vector<Operand> words;
    if (t == lambda) words.push_back({false, 0, kClosureLocal, tAny, false});
    else words.push_back({true, closureOf(t), 0, tAny, false});
    for (const Operand &value : values) words.push_back(asWord(value));
    return words;
  }

  Operand asWord(Operand value) {
    value.temporary = false;
    if (value.type != tFlonum || value.constant) return value;
    code.get(value.local);
    boxFlonum();
    value = {false, 0, takeLocal(wI32), tAny, true};
    code.set(value.local);
    return value;
  }

  // Goes on with a loop, by its procedure. It is interpreted, or it would come here again.
  void emitProcedureOf(Node *loop, std::vector<Operand> &values, const VarSet &live, bool tail) {
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
    std::vector<Operand> words = wordsOf(loop->lambda, all);
    unrootAll(words);
    facts.forgetFields();
    bool leaves = tail && !loop->lambda->library;
    uint32_t size = leaves ? 0 : spillForCall(live);
    storeOperands(words, size);
    pushStackEnd(size + words.size());
    code.constant(words.size() - 1);
    code.op(leaves ? wReturnCall : wCall), code.u32(hInterpret);
    release(words);
    release(all);
    checkFailure(loop->place);
    if (tail) code.op(wReturn);
  }

  static Value closureOf(Template *t) {
    if (t->closure) return t->closure;
    t->closure = allocateObject(kClosure, 0, 1);
    field(t->closure, 0) = (uint32_t)t;
    return keep(t->closure);
  }

  // As the value of a tail call with `tail`: all ways return then. With `test`, leaves 1 if it is true, else 0.
  void emitInline(Node *node, const VarSet &live, bool tail, bool test = false) {
    std::vector<TypeOf> types;
    for (Var *var : node->vars) types.push_back(var->expected ? tAny : (TypeOf)var->type);
    std::vector<Operand> values = emitOperands(node->args, 0, node->vars.size(), live, types);
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
      facts.bind(node->vars[i], node->args[i]);
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
      emitSelfCall(node, node->lambda, values, live, tail);
      if (!tail) code.close();
    }
    release(values);
  }

  // ---- Roots ----

  // Stores what lives on the stack; how many words that takes.
  uint32_t spill(const VarSet &live) {
    uint32_t words = 0;
    auto store = [&](uint32_t local) {
      code.get(kSp);
      code.get(local);
      code.store(4 * words++);
    };
    if (!lambda->free.empty()) store(kClosureLocal);
    for (Var *var : analysis.vars) {
      if (!live.has(var) || !var->local) continue;
      if (var->boxed() || var->type == tAny) store(var->local);
    }
    for (uint32_t local : rooted) store(local);
    return words;
  }

  // The same before a call: every call takes a word at least, the measure of the native stack.
  uint32_t spillForCall(const VarSet &live) {
    uint32_t words = spill(live);
    // A function with much inlined takes more of the native stack.
    for (uint32_t wanted = 1 + (worldClosed ? analysis.vars.size() / 12 : 0); words < wanted; words++) {
      code.get(kSp);
      code.constant(0u);
      code.store(4 * words);
    }
    return words;
  }

  // ---- Operands ----

  /*
   * Evaluates args[from .. to) in order, into locals. A constant, or a variable that nothing assigns,
   * needs no local of its own; the variable then lives on until the last operand is there.
   */
  std::vector<Operand> emitOperands(const std::vector<Node *> &args, size_t from, size_t to, const VarSet &live,
                                    const std::vector<TypeOf> &types = {}) {
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
        TypeOf known = typeOf(arg) == tAny && facts.knows(arg, Known::Fixnum) ? tFixnum : typeOf(arg);
        if (known == tFixnum && facts.knows(arg, Known::Natural)) known = tNatural;
        out.push_back({false, 0, arg->var->local, known, false});
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
        out.push_back({false, 0, held, facts.knows(arg, Known::Fixnum) ? tFixnum : tAny, false});
        continue;
      }
      uint32_t local = takeLocal(wasmType(type));
      code.set(local);
      if (type == tAny && pauses) rooted.push_back(local);
      out.push_back({false, 0, local, type, true});
    }
    return out;
  }

  bool isStable(Node *node) {
    return node->kind == Kind::Local && own(node->var) && !node->var->assigned && node->var->local;
  }

  void push(const Operand &operand) {
    if (operand.constant) code.constant(operand.value);
    else code.get(operand.local);
  }

  void release(std::vector<Operand> &operands) {
    for (Operand &operand : operands) {
      if (!operand.temporary) continue;
      unroot(operand.local);
      giveLocal(operand.local);
    }
    operands.clear();
  }

  void unrootAll(std::vector<Operand> &operands) {
    for (Operand &operand : operands) {
      if (operand.temporary) unroot(operand.local);
    }
  }

  // ---- Tests ----

  // Leaves 1 if the node's value counts as true, else 0.
  void emitTest(Node *node, const VarSet &live) {
    if (node->kind == Kind::Const) return code.constant(node->value != kFalse);
    if (node->kind == Kind::Prim && emitTestPrim(node, live)) return;
    if (node->kind == Kind::Inline && (info(node).exit || !Analysis::expects(node))) return emitInline(node, live, false, true);
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

  // Is it made of several tests?
  static bool isCompound(const Node *test) {
    if (test->kind == Kind::Prim && test->op == kNot) return isCompound(test->args[0]);
    return test->kind == Kind::If || test->kind == Kind::Or;
  }
  static bool isConstant(const Node *node, bool holds) { return node->kind == Kind::Const && (node->value != kFalse) == holds; }

  /*
   * Goes to a label if a test's outcome is `sense`. Of several tests each goes there, or on, by itself.
   * What is learned holds where control falls through, if that is one way only.
   */
  void emitJump(Node *test, bool sense, uint32_t label, const VarSet &live) {
    if (test->kind == Kind::Prim && test->op == kNot) return emitJump(test->args[0], !sense, label, live);
    if (test->kind == Kind::Or) return emitJumpOfTwo(test->args[0], test->args[1], true, sense, label, live);
    if (test->kind == Kind::If && isConstant(test->args[2], false))
      return emitJumpOfTwo(test->args[0], test->args[1], false, sense, label, live);
    emitTest(test, live);
    if (!sense) code.op(wI32Eqz);
    code.branch(wBrIf, label);
  }

  // Both must hold, or with `any` one of them.
  void emitJumpOfTwo(Node *first, Node *second, bool any, bool sense, uint32_t label, const VarSet &live) {
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

  void isTrue() {
    code.constant(kFalse);
    code.op(wI32Ne);
  }

  // A constant that is eqv? to itself alone.
  static bool isIdentity(const Node *node) { return node->kind == Kind::Const && !isFlonum(node->value); }

  // False, and nothing emitted, for operations that are no tests.
  bool emitTestPrim(Node *node, const VarSet &live) {
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
        hasType(operands[0], op == kStringP ? kString : op == kSymbolP ? kSymbol : kVector);
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
  void hasType(const Operand &operand, Type type) {
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

  void emitCharEqual(Node *node, const VarSet &live) {
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

  void emitZero(Node *node, const VarSet &live) {
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

  static Wasm wordCompare(uint16_t op) {
    static const Wasm table[] = {wI32LtS, wI32GtS, wI32LeS, wI32GeS, wI32Eq};
    return table[op - kLess];
  }
  static Wasm f64Compare(uint16_t op) {
    static const Wasm table[] = {wF64Lt, wF64Gt, wF64Le, wF64Ge, wF64Eq};
    return table[op - kLess];
  }

  void emitCompare(Node *node, const VarSet &live) {
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
      closeFixnumTest(a, &b, [&] { emitSlowNumbers(node, a, b, wI32, [&] { code.op(f64Compare(node->op)); }, [&] { isTrue(); }); });
    }
    release(operands);
  }

  // ---- Arithmetic ----

  // Two operands; a constant that meets a flonum becomes one.
  std::vector<Operand> emitNumbers(Node *node, const VarSet &live) { return emitOperands(node->args, 0, 2, live); }

  // Opens the case that all operands are fixnums. Without a check if that is known.
  void openFixnumTest(const Operand &a, const Operand *b, uint8_t type) {
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

  template <class Slow> void closeFixnumTest(const Operand &a, const Operand *b, Slow slow) {
    if (isFixnumType(a.type) && (!b || isFixnumType(b->type))) return;
    code.otherwise();
    slow();
    code.close();
  }

  // The operands are no two fixnums. Two flonums, if the interpreter met such; else the guest's case.
  template <class Flonums, class Result>
  void emitSlowNumbers(Node *node, const Operand &a, const Operand &b, uint8_t type, Flonums flonums, Result result) {
    bool met = analysis.met(node) && a.type == tAny && b.type == tAny;
    if (met) {
      isFlonumTest(a);
      isFlonumTest(b);
      code.op(wI32And);
      code.open(wIf, type);
      push(a);
      code.loadF64(kFlonumOffset);
      push(b);
      code.loadF64(kFlonumOffset);
      flonums();
      code.otherwise();
    }
    callPrimitive2(node, a, b);
    result();
    if (met) code.close();
  }

  void isFlonumTest(const Operand &a) {
    push(a);
    code.constant(7);
    code.op(wI32And);
    code.constant(kFlonumTag);
    code.op(wI32Eq);
  }

  void callPrimitive2(Node *node, const Operand &a, const Operand &b) {
    code.constant(node->op);
    push(a);
    push(b);
    code.call(hPrimitive2);
    checkFailure(node->place);
  }

  void pushF64(const Operand &a) {
    if (a.type == tFlonum && !a.constant) return code.get(a.local);
    if (a.constant) return code.number(isFixnum(a.value) ? fixnumOf(a.value) : flonumOf(a.value));
    code.get(a.local);  // a fixnum, then
    code.constant(1u);
    code.op(wI32ShrS);
    code.op(wF64ConvertI32S);
  }

  // Both operands as f64s, one of which is one. The other is checked, in the order of evaluation.
  void pushF64Pair(Node *node, const Operand &a, const Operand &b) {
    for (const Operand *operand : {&a, &b}) {
      if (operand->type == tAny) pushAnyAsF64(node, *operand, operand == &a);
      else pushF64(*operand);
    }
  }

  void pushAnyAsF64(Node *node, const Operand &operand, bool first) {
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

  void emitArithmetic(Node *node, const VarSet &live) {
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

  static Wasm f64Operation(uint16_t op) {
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
  void emitWordArithmetic(Node *node, const Operand &a, const Operand &b) {
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
  void emitFixnumArithmetic(Node *node, const Operand &a, const Operand &b) {
    if (analysis.leaves(node)) leaveUnlessFixnums(node, a, &b);
    Exit &exit = analysis.exitOf(node);
    exit.taken = true;
    uint32_t result = takeLocal(wI32);
    emitFixnumOperation(node->op, a, b, result, exit.label);
    code.get(result);
    giveLocal(result);
  }

  void emitFixnumOperation(uint16_t op, const Operand &a, const Operand &b, uint32_t result, uint32_t slow) {
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

  void emitMultiply(const Operand &a, const Operand &b, uint32_t result, uint32_t slow) {
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

  uint32_t i64Local = 0;
  uint32_t newI64() {
    if (!i64Local) i64Local = newLocal(0x7e);
    return i64Local;
  }

  // quotient, remainder and modulo by a positive constant; else the guest's.
  void emitDivision(Node *node, const VarSet &live) {
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

  void emitPositiveDivision(uint16_t op, const Operand &a, const Operand &b) {
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
  void emitAsWordsAndCall(Node *node, std::vector<Operand> &operands) {
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

  // ---- Other operations ----

  void emitPrim(Node *node, const VarSet &live) {
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
      // #f and #t are 0x003 and 0x103.
      code.constant(8);
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

  void emitAccess(Node *node, const VarSet &live) {
    if (uint32_t held = facts.localOf(node)) return code.get(held);
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
  void checkPair(Node *node, const std::vector<Operand> &operands) {
    push(operands[0]);
    code.constant(7);
    code.op(wI32And);
    code.constant(kPairTag);
    code.op(wI32Ne);
    failIf(node, operands);
  }

  // If the word on the stack is not 0, the operation fails with these operands.
  void failIf(Node *node, const std::vector<Operand> &operands) {
    if (analysis.leaves(node)) return leaveIf(node);
    code.open(wIf);
    code.constant(node->op);
    for (const Operand &operand : operands) push(operand);
    code.call(hPrimitive1 + operands.size() - 1);
    code.op(wDrop);
    failHere(node->place);
    code.close();
  }

  void emitSetField(Node *node, const VarSet &live) {
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

  void checkString(const Operand &s, uint32_t slow) {
    push(s);
    code.constant(7);
    code.op(wI32And);
    code.constant(kObjectTag);
    code.op(wI32Ne);
    code.branch(wBrIf, slow);
    push(s);
    code.loadByte(kHeaderOffset);
    code.constant(kString);
    code.op(wI32Ne);
    code.branch(wBrIf, slow);
  }

  void emitStringLength(Node *node, const VarSet &live) {
    auto operands = emitOperands(node->args, 0, 1, live, {tAny});
    if (!facts.knows(node->args[0], Known::String)) {
      hasType(operands[0], kString);
      code.op(wI32Eqz);
      failIf(node, operands);
    }
    facts.learn(node->args[0], Known::String);
    push(operands[0]);
    code.load(kFieldOffset);
    code.constant(1u);
    code.op(wI32Shl);
    release(operands);
  }

  void emitStringRef(Node *node, const VarSet &live) {
    auto operands = emitOperands(node->args, 0, 2, live, {tAny, tAny});
    Operand &s = operands[0], &i = operands[1];
    uint32_t done = code.open(wBlock, wI32);
    uint32_t slow = code.open(wBlock);
    if (!facts.knows(node->args[0], Known::String)) checkString(s, slow);
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

  static bool isCons(const Node *node) { return node->kind == Kind::Prim && node->op == kCons; }

  static constexpr size_t kMaxPairs = 32;  // of one block

  // What a pair of a new block holds: another pair of it, or what was evaluated for it.
  struct Part {
    bool pair;
    size_t index;
  };
  struct NewPairs {
    std::vector<std::array<Part, 2>> pairs;
    std::vector<Node *> contents;  // in the order of evaluation
  };

  static Part addPair(Node *node, NewPairs &all) {
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
  void emitCons(Node *node, const VarSet &live) {
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

  // Goes to `slow` unless the operand is a vector.
  void checkVector(const Operand &v, uint32_t slow) {
    push(v);
    code.constant(7);
    code.op(wI32And);
    code.constant(kObjectTag);
    code.op(wI32Ne);
    code.branch(wBrIf, slow);
    push(v);
    code.loadByte(kHeaderOffset);
    code.constant(kVector);
    code.op(wI32Ne);
    code.branch(wBrIf, slow);
  }

  void emitVector(Node *node, const VarSet &live) {
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
  void checkElement(Node *node, const Operand &v, const Operand &i, uint32_t slow) {
    if (!facts.knows(node->args[0], Known::Vector)) checkVector(v, slow);
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

  void emitVectorLength(Node *node, const VarSet &live) {
    auto operands = emitOperands(node->args, 0, 1, live, {tAny});
    uint32_t done = code.open(wBlock, wI32);
    uint32_t slow = code.open(wBlock);
    checkVector(operands[0], slow);
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

  void emitToInexact(Node *node, const VarSet &live) {
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

  // ---- Calls ----

  // Stores operands on the stack from word `at`.
  void storeOperands(const std::vector<Operand> &operands, uint32_t at) {
    for (const Operand &operand : operands) {
      code.get(kSp);
      push(operand);
      code.store(4 * at++);
    }
  }

  // A builtin is called through its table slot, which is a constant of the guest. It collects nothing.
  void emitBuiltin(Node *node, const VarSet &live) {
    std::vector<TypeOf> words(node->args.size(), tAny);
    auto operands = emitOperands(node->args, 0, node->args.size(), live, words);
    bool even = !strcmp(node->builtin->name, "even?");
    if (worldClosed && (even || !strcmp(node->builtin->name, "odd?"))) {
      // Of a fixnum, the bit above the tag. #f and #t are 0x003 and 0x103.
      openFixnumTest(operands[0], nullptr, wI32);
      push(operands[0]);
      code.constant(2);
      code.op(wI32And);
      code.constant(even ? 2 : 0);
      code.op(wI32Xor);
      code.constant(7);
      code.op(wI32Shl);
      code.constant(kFalse);
      code.op(wI32Or);
      closeFixnumTest(operands[0], nullptr, [&] { callBuiltin(node, operands); });
      return release(operands);
    }
    if (worldClosed && operands.size() == 1 && !strcmp(node->builtin->name, "string")) emitStringOf(node, operands);
    else callBuiltin(node, operands);
    release(operands);
  }

  // (string c), of a character of one byte
  void emitStringOf(Node *node, const std::vector<Operand> &operands) {
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

  void callBuiltin(Node *node, const std::vector<Operand> &operands) {
    storeOperands(operands, 0);
    code.get(kSp);
    code.constant(operands.size());
    code.constant((uint32_t)node->builtin->function);
    code.op(wCallIndirect), code.u32(2), code.u32(0);
    checkFailure(node->place);
  }

  // What a call goes to, as far as it is known.
  struct Callee {
    Template *known = nullptr;   // the template, if the guard holds
    Symbol *global = nullptr;    // whose value it is; needs a guard
  };

  Callee calleeOf(Node *node) {
    Node *f = node->args[0];
    uint32_t argc = node->args.size() - 1;
    Callee callee;
    if (f->kind == Kind::Global) callee.known = constantProcedure(f->symbol, argc);
    if (callee.known) return callee;
    if (f->kind == Kind::Const && isClosure(f->value)) callee.known = templateOf(f->value);
    if (f->kind == Kind::Global) {
      callee.global = f->symbol;
      callee.known = f->symbol->function;
    } else if (f->kind == Kind::Local && f->var->binding && !f->var->assigned) {
      callee.known = f->var->lambda;
    }
    if (callee.known && (callee.known->rest || callee.known->params != argc || argc > kMaxCompiledParams)) callee.known = nullptr;
    return callee;
  }

  void emitCall(Node *node, const VarSet &live, bool tail) {
    Callee callee = calleeOf(node);
    std::vector<TypeOf> words(node->args.size(), tAny);
    if (callee.known && !callee.global && node->args[0]->kind == Kind::Global) return emitConstantCall(node, callee, live, tail, words);
    if (!callee.global) return emitCallOf(node, callee, live, tail, emitOperands(node->args, 0, node->args.size(), live, words));
    std::vector<Operand> operands = emitOperands(node->args, 1, node->args.size(), live, words);
    // The procedure gets a local here and its value below, for each way on its own.
    operands.insert(operands.begin(), {false, 0, takeLocal(wI32), tAny, true});
    emitCallOf(node, callee, live, tail, std::move(operands));
  }

  // Of a global that is constant. One that captures nothing needs no look at its closure.
  void emitConstantCall(Node *node, const Callee &callee, const VarSet &live, bool tail, const std::vector<TypeOf> &words) {
    std::vector<Operand> operands = emitOperands(node->args, 1, node->args.size(), live, words);
    if (callee.known->free.empty()) {
      operands.insert(operands.begin(), {true, closureOf(callee.known), 0, tAny, false});
    } else {
      operands.insert(operands.begin(), {false, 0, takeLocal(wI32), tAny, true});
      emitGlobal(node->args[0]);
      code.set(operands[0].local);
    }
    emitCallOf(node, callee, live, tail, std::move(operands));
  }

  // operands[0] is the procedure. With `tail`, all ways return.
  void emitCallOf(Node *node, const Callee &callee, const VarSet &live, bool tail, std::vector<Operand> operands) {
    unrootAll(operands);
    facts.forgetFields();
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
    checkFailure(node->place);
    if (tail) code.op(wReturn);
  }

  void pushArguments(const std::vector<Operand> &operands, uint32_t words) {
    if (words) pushStackEnd(words);
    else code.get(kSp);
    for (const Operand &operand : operands) push(operand);
  }

  void callKnown(Template *t, const std::vector<Operand> &operands, uint32_t words, bool tail) {
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

  void callThrough(uint32_t argc, bool tail) {
    code.op(tail ? wReturnCallIndirect : wCallIndirect), code.u32(argc + 2), code.u32(0);
  }

  // Through the interpreter's entry, which does all kinds of procedures.
  void callGuest(const std::vector<Operand> &operands, uint32_t words, bool tail) {
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
  void callUnknown(const std::vector<Operand> &operands, uint32_t words, bool tail, const VarSet &live) {
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

  void callSlotOrGuest(const Operand &f, const std::vector<Operand> &operands, uint32_t words, bool tail) {
    uint32_t argc = operands.size() - 1;
    uint32_t t = takeLocal(wI32);
    uint32_t done = code.open(wBlock, wI32);
    uint32_t guest = code.open(wBlock);
    push(f);
    code.constant(7);
    code.op(wI32And);
    code.constant(kObjectTag);
    code.op(wI32Ne);
    code.branch(wBrIf, guest);
    push(f);
    code.loadByte(kHeaderOffset);
    code.constant(kClosure);
    code.op(wI32Ne);
    code.branch(wBrIf, guest);
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

  void emitApply(Node *node, const VarSet &live, bool tail) {
    std::vector<TypeOf> types(node->args.size(), tAny);
    auto operands = emitOperands(node->args, 0, node->args.size(), live, types);
    unrootAll(operands);
    facts.forgetFields();
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
    failHere(node->place);
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
    checkFailure(node->place);
    if (tail) code.op(wReturn);
  }

  void pushApplied(uint32_t words, uint32_t argc) {
    pushStackEnd(words + 1);
    code.get(argc);
    code.constant(2);
    code.op(wI32Shl);
    code.op(wI32Add);
    code.get(argc);
  }

  // ---- Tail position: every way out returns ----

  void emitTail(Node *node) {
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
};

}  // namespace

bool canCompile(const Template *t) {
  return t->frameParams() <= kMaxCompiledParams && t->vars.size() + countVars(t->body) < kMaxVars;
}

Bytes compileFunction(Template *t) { return Compiler(t).run(); }
