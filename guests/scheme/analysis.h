/*
 * What the compiler finds out about a lambda's tree before it writes code: for every node, which of
 * the lambda's variables it uses, and what type its value has: a fixnum, a flonum, or any. It starts
 * from constants and from the arguments that the interpreter saw (the function's entry checks
 * those), and assumes of loop variables what their first values are until a Continue says otherwise.
 *
 * In the closed world there are exits too. Where nothing that anybody could see has happened since
 * the procedure was entered, or since a round of a loop began, code that meets a value of another
 * kind than it expects need not know what to do: it leaves, and the interpreter does all of it
 * again from there. So a sum of fixnums is a fixnum, which its overflow is not. For loops, lift.h
 * says what the interpreter is given.
 */
#pragma once
#include "program.h"

constexpr uint32_t kMaxVars = 256;

// What is known of a value. None: control never gets there. Natural: a fixnum that is not negative.
enum TypeOf : uint8_t { tNone, tNatural, tFixnum, tFlonum, tAny };
inline bool isFixnumType(TypeOf type) { return type == tNatural || type == tFixnum; }
inline TypeOf join(TypeOf a, TypeOf b) {
  if (a == tNone || a == b) return b;
  if (b == tNone) return a;
  return isFixnumType(a) && isFixnumType(b) ? tFixnum : tAny;
}
inline bool fits(TypeOf type, TypeOf wanted) { return join(type, wanted) == wanted; }

// A set of the lambda's own variables, by id.
struct VarSet {
  uint64_t words[kMaxVars / 64] = {};
  void add(const Var *v) { words[v->id / 64] |= 1ull << (v->id % 64); }
  void remove(const Var *v) { words[v->id / 64] &= ~(1ull << (v->id % 64)); }
  bool has(const Var *v) const { return words[v->id / 64] >> (v->id % 64) & 1; }
  VarSet operator|(const VarSet &other) const {
    VarSet out;
    for (uint32_t i = 0; i < kMaxVars / 64; i++) out.words[i] = words[i] | other.words[i];
    return out;
  }
};

// From where on all is done again.
enum class From : uint8_t {
  Nowhere,
  Entry,  // the procedure's
  Round,  // of a loop
  Next,   // the sums and products that a Continue gives to its loop; then the round that they are for
};

struct Exit {
  From from = From::Nowhere;
  Node *node = nullptr;  // the Loop or Continue
  uint32_t label = 0;    // while code is written: of the block behind which the way out is
  bool taken = false;    // is there a branch to it?
};

struct Info {
  VarSet uses;  // of variables bound outside of the node
  TypeOf type = tAny;
  bool pauses = false;  // may it come to a safepoint?
  bool pure = true;     // does it change nothing that anybody could see?
  uint32_t exit = 0;    // where its operation may leave for; Exit 0 is none
  uint32_t behind = 0;  // of a Loop: where what comes behind it may
};

class Analysis {
 public:
  Template *lambda;
  Vars vars;
  std::vector<Info> infos;
  std::vector<Exit> exits;

  explicit Analysis(Template *lambda);

  Info &of(Node *node) { return infos[node->info]; }
  Exit &exitOf(Node *node) { return exits[of(node).exit]; }

  // May the operation leave instead of handling other kinds of operands?
  bool leaves(Node *node);
  // Has it met other operands than fixnums, or overflowed?
  bool met(const Node *node) const;
  // A sum or product of two fixnums in variables or constants. When it is computed makes no difference.
  bool isSimple(const Node *node) const;
  // Is the value that a Continue gives to its loop such a one, and computed last?
  bool isLate(Node *arg, Node *next);

  // Is a variable's type one that is expected, and checked?
  static bool expects(const Node *node);
  // Is there a procedure that goes on with a loop's round, for an exit?
  static bool hasProcedure(const Node *loop) { return loop->lambda != nullptr; }
  // A constant divisor for which the machine's division needs no check.
  static bool dividesSafely(const Node *divisor);

 private:
  struct LoopTypes {
    Node *loop;
    std::vector<TypeOf> next;
  };
  std::vector<LoopTypes> loops;

  void addVar(Var *var);
  bool own(const Var *var) const { return var->owner == lambda; }
  void number(Node *node);

  uint32_t newExit(From from, Node *node);
  uint32_t placeExits(Node *node, uint32_t exit);
  void placeInContinue(Node *node, uint32_t exit);

  bool counts(const Node *node, const Var *var);
  static TypeOf seen(const Template *t, size_t i);
  void setParamTypes();

  TypeOf infer(Node *node);
  TypeOf inferKind(Node *node);
  TypeOf inferLoop(Node *loop);
  TypeOf inferInline(Node *node);
  TypeOf inferContinue(Node *node);
  TypeOf inferPrim(Node *node);
  TypeOf likely(Node *node);
};
