/*
 * Programs after expansion: a tree of Nodes with every variable resolved, from which both the
 * interpreter's code and the generated Wasm come. Templates are never freed, nor do they move: their
 * addresses stand in generated code. Trees go when no more code will be generated (forgetTrees).
 */
#pragma once
#include <new>
#include <vector>

#include "error.h"
#include "text.h"
#include "value.h"

// Operations that both compilers know inline. Each is a standard procedure as well.
enum PrimOp : uint16_t {
  kNoOp,
  // two numbers
  kAdd, kSub, kMul, kLess, kGreater, kLessEqual, kGreaterEqual, kNumEqual,
  kDiv, kQuotient, kRemainder, kModulo, kMin, kMax,
  // two values
  kCons, kEq, kEqv, kSetCar, kSetCdr, kVectorRef, kStringRef, kCharEqual,
  // one value
  kCar, kCdr, kNullP, kPairP, kNot, kZeroP, kVectorLength, kStringLength, kToInexact, kSqrt, kAbs,
  kCharToInteger, kSymbolP, kStringP, kVectorP, kCharP, kNumberP, kProcedureP, kEofP,
  // three values
  kVectorSet,
  kPrimOps
};

enum class Kind : uint8_t {
  Const,      // value
  Local,      // var
  Global,     // symbol
  SetLocal,   // var = args[0]
  SetGlobal,  // symbol = args[0]
  Define,     // symbol = args[0]
  If,         // args: test, then, otherwise
  Or,         // args: two
  Lambda,     // lambda
  Seq,        // args, at least one
  Let,        // vars; args: their values, then the body
  Fix,        // vars; args: their lambdas, which see all vars; then the body
  Loop,       // vars; args: their first values, then the body, which may Continue
  Continue,   // target; args: the next values of its vars. Always in its tail position
  Prim,       // op; args
  Builtin,    // builtin; args
  Call,       // args: procedure, arguments
  Apply,      // args: procedure, arguments, list of more arguments
  Inline,     // a call whose procedure's body stands here (closed.cc). vars; args: their values, then the body.
              // var: the procedure, if it captures anything
};

// Memory that goes when trees go, all at once: so it needs no care, and what a program keeps lies close
// together, on few pages of a snapshot.
void *allocateForTrees(size_t size);
template <class T> struct TreeMemory {
  using value_type = T;
  TreeMemory() = default;
  template <class Other> TreeMemory(const TreeMemory<Other> &) {}
  T *allocate(size_t n) { return (T *)allocateForTrees(n * sizeof(T)); }
  void deallocate(T *, size_t) {}
  bool operator==(const TreeMemory &) const { return true; }
};

struct Node;
struct Var;
using Nodes = std::vector<Node *, TreeMemory<Node *>>;
using Vars = std::vector<Var *, TreeMemory<Var *>>;

struct Var {
  Symbol *name = nullptr;
  Template *owner = nullptr;   // the lambda that binds it
  Node *binding = nullptr;     // the Fix or Inline whose lambda it names, if it is only ever that
  Template *lambda = nullptr;  // that lambda
  uint32_t uses = 0;
  const Node *known = nullptr;  // the Const that it always holds: of an Inline (closed.cc)
  bool captured = false;  // by an inner lambda
  bool assigned = false;  // by set!, or after its binding
  bool checked = false;   // it may be used before it has a value
  bool expected = false;  // generated code: its type is checked wherever it gets a value
  uint32_t slot = 0;      // interpreter: index from the frame pointer
  uint32_t id = 0;        // generated code: its number in the owner, its Wasm local, its kind
  uint32_t local = 0;
  uint8_t type = 0;
  uint8_t likely = 0;
  bool boxed() const { return captured && assigned; }
  // Is it a parameter of an inlined call that is always a closure of `lambda`?
  bool isKnownClosure() const;
};

struct Node {
  Kind kind;
  uint16_t op = 0;
  Place place = 0;
  Value value = 0;
  Var *var = nullptr;
  Symbol *symbol = nullptr;
  // Of a Lambda; of an Inline or a Loop, the procedure that is called for values of other kinds; of a
  // copied operation, whose code its site is in.
  Template *lambda = nullptr;
  Vars carried;  // of a Loop: what its procedure takes before the loop's variables (lift.h)
  Builtin *builtin = nullptr;
  Node *target = nullptr;
  Vars vars;
  Nodes args;
  bool listed = false;   // a Call of a procedure of the same module, its rest made a list (closed.cc)
  bool guessed = false;  // an operation that stands for a call of an unknown procedure (closed.cc)
  uint32_t info = 0;  // generated code: index of what is known of this node
  uint32_t site = 0;  // where the interpreter's instruction lies in its code, for what it saw there
  Node *body() const { return args.back(); }
};
inline bool Var::isKnownClosure() const { return lambda && binding->kind == Kind::Inline; }

// Whether an operation, called as a procedure of two arguments, met or gave anything but fixnums.
extern bool metOthers[kPrimOps];

// Kinds of arguments seen, to decide what generated code may expect.
enum : uint8_t { kSawFixnum = 1, kSawFlonum = 2, kSawOther = 4 };
constexpr uint32_t kMaxCompiledParams = 8;

constexpr uint32_t kShapeRest = 1 << 8, kShapeLibrary = 1 << 16;

enum class JitState : uint8_t { Cold, Queued, Sent, Linked, Refused };

/*
 * What a lambda expression is at run time, shared by all closures made from it.
 * `slot` comes first: generated code loads it at offset 0, and a module's start function stores it.
 */
struct Template {
  uint32_t slot = 0;     // table slot of its generated code, 0 for none
  uint32_t shape = 0;    // what a caller must know, for one compare: params and the bits above
  uint32_t params = 0;   // the required ones
  bool rest = false;
  JitState jit = JitState::Cold;
  bool reached = false;  // can an entry reach it? entries.cc
  bool called = false;   // can generated code come to it, or what is called from outside?
  bool guarded = true;   // may generated code expect the kinds of arguments seen so far?
  bool library = false;
  Value closure = 0;     // the only one there is of it, if it captures nothing (closureOf)
  uint32_t *code = nullptr;
  uint32_t words = 0;    // how long it is
  uint32_t places = 0;   // behind it, pairs of words: an offset in the code, and the Place from there on
  uint32_t maxStack = 0;  // words above the frame pointer
  uint32_t captured = 0;  // how many variables from outside a closure holds
  Value name = kFalse;   // a string
  Place place = 0;
  Template *outer = nullptr;
  uint32_t misses = 0;   // calls whose arguments the generated code did not expect

  // What only the compilers need, behind all else.
  uint32_t warmth = 0;  // calls and loop iterations so far
  uint8_t seen[kMaxCompiledParams] = {};
  Value builtins[kMaxCompiledParams] = {};  // the builtin that an argument was; kFail for others as well
  uint32_t sites = 0;   // where it stands, by name or itself, in what is compiled for the closed world
  uint32_t batch = 0;   // its number in the module under construction, from 1
  Vars vars;            // the parameters
  Vars free;            // captured from outside, in the order of the closure's fields
  Node *body = nullptr;

  // When no more code will be generated: a snapshot leaves zeros out.
  void forgetMaking() { memset((void *)&warmth, 0, (uint32_t)(this + 1) - (uint32_t)&warmth); }
  uint32_t frameParams() const { return params + rest; }
  uint32_t codeWords() const { return words + 2 * places; }
};

// The top-level forms of a program as templates without parameters, in order; empty with an error
// under way when there is a mistake in it.
struct Program {
  std::vector<Template *> forms;
  bool definesMain = false;
};
bool expandProgram(Program &program, uint32_t file, const char *text, uint32_t size);

// Of a lambda, or of a form, most of which go when they have run.
Template *newTemplate(bool isForm = false);
// The closure of a lambda that captures nothing: a constant, made when it is first wanted.
Value closureOf(Template *t);

// Visits the nodes of one body, without the lambdas in it.
template <class Visit> void eachOwnNode(const Node *node, const Visit &visit) {
  visit(node);
  for (const Node *arg : node->args) eachOwnNode(arg, visit);
}

inline Node *newNode() { return new (allocateForTrees(sizeof(Node))) Node; }
inline Var *newVar() { return new (allocateForTrees(sizeof(Var))) Var; }
// All top-level forms that were ever loaded.
extern std::vector<Template *> allForms;

// Frees the trees of all programs: only code generation needs them once a program runs.
void forgetTrees();

// Finds owners, captures and free variables of a top-level form, and keeps its constants.
void resolve(Template *form);
// Makes the interpreter's code of a form and all lambdas in it.
void compileToBytecode(Template *form);
