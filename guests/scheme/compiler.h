/*
 * What the files of the compiler share: one object for each function that is written. The idea stands
 * in compile.cc; what is known before is in analysis.h, of builtins in behaviour.h; what is learned on
 * the way in facts.h.
 *
 *   compile.cc          entry, exits, failures, and the tail position
 *   compile-values.cc   variables, constants, blocks; operands, and what lives across a call
 *   compile-tests.cc    what is only asked whether it holds
 *   compile-numbers.cc  arithmetic
 *   compile-objects.cc  pairs, strings, vectors, closures
 *   compile-loops.cc    loops, and calls in whose place a body stands
 *   compile-calls.cc    calls
 */
#pragma once
#include <array>
#include <vector>

#include "analysis.h"
#include "behaviour.h"
#include "closed.h"
#include "compile.h"
#include "facts.h"
#include "heap.h"

inline bool isCompare(uint16_t op) { return op >= kLess && op <= kNumEqual; }

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
  Bytes run();

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
  std::vector<uint32_t> held;  // exits for which what comes behind the loops around may leave
  // What a Continue gives to its loop, for the way out that begins there.
  struct NextRound {
    Node *node;
    std::vector<Operand> values;  // in order; of those that are late, none
  };
  std::vector<NextRound> nextRounds;
  // Of failures: the block behind which they go on, and the locals that say where it was.
  uint32_t failLabel = 0, failPlace = 0, failOuter = 0;
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
  uint32_t newLocal(uint8_t type);
  uint32_t takeLocal(uint8_t type);
  void giveLocal(uint32_t local) { freeLocals[locals[local] == wF64].push_back(local); }
  void bindLocal(Var *var);
  void unroot(uint32_t local);

  // ---- Entry ----
  // Has code been written that calls procedures? What does not needs no check of the stack, and whoever
  // comes back to it asks for collections.
  bool calls = false;
  void storeCall();
  void pushStackEnd(uint32_t words);
  void giveToInterpreter(HelperFunction helper);
  void safepoint(const Exit *exit);
  void isUnlike(TypeOf type);
  void checkArguments(const Exit *exit);
  void boxArguments();

  // ---- Exits ----
  Exit *exitAtEntry();
  uint32_t exitLabel(Node *node);
  void leaveIf(Node *node);
  void leaveUnlessFixnums(Node *node, const Operand &a, const Operand *b = nullptr);

  // ---- Failures ----
  enum class Of { Operation, Call };
  void checkFailure(Place place, Of what = Of::Operation);
  void failHere(Place place, Of what = Of::Operation);
  void fail();

  // ---- Allocation ----
  uint32_t emitAllocate(uint32_t size);
  void pushTagged(uint32_t block, uint32_t tagOffset);
  void boxFlonum();
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
  void emit(Node *node, const VarSet &live);
  void emitWord(Node *node, const VarSet &live);
  void emitAs(Node *node, TypeOf type, const VarSet &live);
  void emitEffect(Node *node, const VarSet &live);
  uint32_t freeOffset(const Var *var);
  void pushVar(const Var *var);
  void emitLocal(Node *node);
  void emitGlobal(Node *node);
  void emitSetLocal(Node *node, const VarSet &live);
  void emitSetGlobal(Node *node, const VarSet &live);
  void emitIf(Node *node, const VarSet &live);
  static bool isTest(const Node *node);
  void emitOr(Node *node, const VarSet &live);
  void emitSeq(Node *node, const VarSet &live);
  void emitSeqStart(Node *node, const VarSet &live);
  VarSet usesFrom(Node *node, size_t i);
  VarSet liveDuringBinding(Node *node, size_t i, const VarSet &live);
  void bindLet(Node *node, const VarSet &live);
  void boxVars(Node *node);

  // ---- Closures ----
  uint32_t emitEmptyClosure(Template *inner);
  void fillClosure(uint32_t block, Template *inner);
  void emitLambda(Template *inner);
  void bindFix(Node *node);

  // ---- Loops ----
  void emitLoop(Node *node, const VarSet &live, bool tail);
  void emitRound(Node *node, const VarSet &live, bool tail, uint32_t done);
  void emitRounds(Node *node, const VarSet &live, bool tail);
  void emitNextRound(const Exit &exit, const VarSet &live, bool tail);
  static bool isAccumulator(const Node *loop, size_t i);
  static bool onlyGrows(const Node *node, const Node *loop, size_t i);
  static bool isLonger(const Node *node, const Node *loop, size_t i);
  VarSet liveAtLoop(Node *node);
  std::vector<TypeOf> loopTypes(Node *loop);
  void assign(Node *loop, std::vector<Operand> &values);
  void loopSafepoint(const VarSet &live);
  void emitContinue(Node *node);
  void emitNext(Node *node, const LoopState &target);
  void keepForExit(Node *node, std::vector<Operand> &values);

  // ---- Inlined calls (closed.cc) ----
  bool pushUnexpected(Node *node, const std::vector<Operand> &values);
  void pushAs(const Operand &value, TypeOf type);
  void emitSelfCall(Node *node, const std::vector<Operand> &values, const VarSet &live, bool tail);
  std::vector<Operand> wordsOf(Template *t, const Var *closure, const std::vector<Operand> &values);
  Operand asWord(Operand value);
  void emitProcedureOf(Node *loop, std::vector<Operand> &values, const VarSet &live, bool tail);
  void emitInline(Node *node, const VarSet &live, bool tail, bool test = false);

  // ---- Roots ----
  uint32_t spill(const VarSet &live);
  uint32_t spillForCall(const VarSet &live);

  // ---- Operands ----
  std::vector<Operand> emitOperands(const Nodes &args, size_t from, size_t to, const VarSet &live,
                                    const std::vector<TypeOf> &types = {});
  bool isKnown(Node *node, Known what);
  void learnBinding(Var *var, Node *node);
  TypeOf knownType(const Node *node, TypeOf type);
  bool isStable(Node *node);
  void push(const Operand &operand);
  void release(std::vector<Operand> &operands);
  void unrootAll(std::vector<Operand> &operands);

  // ---- Tests ----
  void emitTest(Node *node, const VarSet &live);
  void emitTypeJump(Node *test, Type type, bool sense, uint32_t label, const VarSet &live);
  static bool isCompound(const Node *test);
  static bool isConstant(const Node *node, bool holds) {
    return node->kind == Kind::Const && (node->value != kFalse) == holds;
  }
  void emitJump(Node *test, bool sense, uint32_t label, const VarSet &live);
  void emitJumpOfTwo(Node *first, Node *second, bool any, bool sense, uint32_t label, const VarSet &live);
  void isTrue();
  // A constant that is eqv? to itself alone.
  static bool isIdentity(const Node *node) { return node->kind == Kind::Const && !isFlonum(node->value); }
  bool emitTestPrim(Node *node, const VarSet &live);
  void hasType(const Operand &operand, Type type);
  void emitCharEqual(Node *node, const VarSet &live);
  void emitZero(Node *node, const VarSet &live);
  static Wasm wordCompare(uint16_t op);
  static Wasm f64Compare(uint16_t op);
  void emitCompare(Node *node, const VarSet &live);

  // ---- Arithmetic ----
  // Two operands; a constant that meets a flonum becomes one.
  std::vector<Operand> emitNumbers(Node *node, const VarSet &live) { return emitOperands(node->args, 0, 2, live); }
  void openFixnumTest(const Operand &a, const Operand *b, uint8_t type);
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
  void isFlonumTest(const Operand &a);
  void callPrimitive2(Node *node, const Operand &a, const Operand &b);
  void pushF64(const Operand &a);
  void pushF64Pair(Node *node, const Operand &a, const Operand &b);
  void pushAnyAsF64(Node *node, const Operand &operand, bool first);
  void emitArithmetic(Node *node, const VarSet &live);
  static Wasm f64Operation(uint16_t op);
  void emitWordArithmetic(Node *node, const Operand &a, const Operand &b);
  void emitFixnumArithmetic(Node *node, const Operand &a, const Operand &b);
  void emitFixnumOperation(uint16_t op, const Operand &a, const Operand &b, uint32_t result, uint32_t slow);
  void emitMultiply(const Operand &a, const Operand &b, uint32_t result, uint32_t slow);
  uint32_t i64Local = 0;
  uint32_t newI64();
  void emitDivision(Node *node, const VarSet &live);
  void emitPositiveDivision(uint16_t op, const Operand &a, const Operand &b);
  void emitAsWordsAndCall(Node *node, std::vector<Operand> &operands);
  void emitToInexact(Node *node, const VarSet &live);

  // ---- Operations, and those of pairs ----
  void emitPrim(Node *node, const VarSet &live);
  void emitAccess(Node *node, const VarSet &live);
  void checkPair(Node *node, const std::vector<Operand> &operands);
  void failIf(Node *node, const std::vector<Operand> &operands);
  void emitSetField(Node *node, const VarSet &live);

  // ---- Strings of one byte a character; others are the guest's. New pairs, and vectors ----
  void branchUnlessType(const Operand &operand, Type type, uint32_t other);
  void emitStringLength(Node *node, const VarSet &live);
  void emitStringRef(Node *node, const VarSet &live);
  static constexpr size_t kMaxPairs = 32;  // of one block

  // What a pair of a new block holds: another pair of it, or what was evaluated for it.
  struct Part {
    bool pair;
    size_t index;
  };
  struct NewPairs {
    std::vector<std::array<Part, 2>> pairs;
    Nodes contents;  // in the order of evaluation
  };
  static Part addPair(Node *node, NewPairs &all);
  void emitCons(Node *node, const VarSet &live);
  void emitVector(Node *node, const VarSet &live);
  void checkElement(Node *node, const Operand &v, const Operand &i, uint32_t slow);
  void emitVectorLength(Node *node, const VarSet &live);

  // ---- Calls ----
  void storeOperands(const std::vector<Operand> &operands, uint32_t at);
  void emitBuiltin(Node *node, const VarSet &live);
  void emitSymbolToString(Node *node, const std::vector<Operand> &operands);
  void emitStringOf(Node *node, const std::vector<Operand> &operands);
  void callBuiltin(Node *node, const std::vector<Operand> &operands);
  bool cannotFail(Node *node, const Behaviour &behaviour);
  // What a call goes to, as far as it is known.
  struct Callee {
    Template *known = nullptr;   // the template, if the guard holds
    Symbol *global = nullptr;    // whose value it is; needs a guard
  };
  Callee calleeOf(Node *node);
  void emitCall(Node *node, const VarSet &live, bool tail);
  void emitCallOf(Node *node, const Callee &callee, const VarSet &live, bool tail,
                  std::vector<Operand> operands);
  void pushArguments(const std::vector<Operand> &operands, uint32_t words);
  void callKnown(Template *t, const std::vector<Operand> &operands, uint32_t words, bool tail);
  void callThrough(uint32_t argc, bool tail);
  void callGuest(const std::vector<Operand> &operands, uint32_t words, bool tail);
  void callUnknown(const std::vector<Operand> &operands, uint32_t words, bool tail, const VarSet &live);
  void callSlotOrGuest(const Operand &f, const std::vector<Operand> &operands, uint32_t words, bool tail);
  void emitApply(Node *node, const VarSet &live, bool tail);
  void pushApplied(uint32_t words, uint32_t argc);

  // ---- Tail position: every way out returns ----
  void emitTail(Node *node);
};
