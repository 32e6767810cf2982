/*
 * What the compiler knows of values in the closed world, where control has come to: that one is a
 * pair, or a fixnum, because it was tested, and what the car or cdr of a pair is, because it was looked
 * at. A value is known by the variable that holds it: one of the program that nothing assigns, or one
 * made here for what was looked at.
 */
#pragma once
#include "analysis.h"
#include "closed.h"

// What a value may be known to be.
enum class Known : uint8_t {
  Nothing, Fixnum, Natural, Number, Pair, Vector, String, Symbol, Char,
  List,  // that nothing can make another: only the compiler's own (Compiler::isAccumulator)
};

class Facts {
 public:
  explicit Facts(Analysis &analysis) : analysis(analysis) {}

  bool knows(const Node *node, Known what) const {
    const Var *value = valueOf(node);
    for (const Fact &fact : facts) {
      if (value && fact.value == value && fact.what == what) return true;
    }
    return false;
  }

  void learn(const Node *node, Known what) {
    if (const Var *value = valueOf(node); value && !knows(node, what)) facts.push_back({value, what});
  }

  // Is it a path of cars and cdrs from a variable? Nothing is to be done but to look.
  static bool isPath(const Node *node) {
    while (node->kind == Kind::Prim && (node->op == kCar || node->op == kCdr)) node = node->args[0];
    return node->kind == Kind::Local;
  }

  void learn(const Var *var, Known what) {
    if (worldClosed && !var->assigned && !var->checked) facts.push_back({var, what});
  }

  // What follows from a test's outcome.
  void learnFrom(const Node *test, bool outcome) {
    if (test->kind == Kind::Prim && test->op == kNot) return learnFrom(test->args[0], !outcome);
    if (test->kind == Kind::Prim && outcome) {
      if (test->op == kPairP) return learn(test->args[0], Known::Pair);
      if (test->op == kVectorP) return learn(test->args[0], Known::Vector);
      if (test->op == kStringP) return learn(test->args[0], Known::String);
      if (test->op == kSymbolP) return learn(test->args[0], Known::Symbol);
      if (test->op == kNumberP) return learn(test->args[0], Known::Number);
      if (test->op == kCharP) return learn(test->args[0], Known::Char);
    }
    if (test->kind == Kind::Prim && test->op >= kLess && test->op <= kNumEqual) return learnFromCompare(test, outcome);
    bool isAnd = test->kind == Kind::If && test->args[2]->kind == Kind::Const && test->args[2]->value == kFalse;
    if (!isAnd || !outcome) return;
    learnFrom(test->args[0], true);
    learnFrom(test->args[1], true);
  }

  // The variable holds what the node is, as long as it lives.
  void bind(const Var *var, const Node *node) {
    if (const Var *value = valueOf(node); value && !var->assigned && !var->checked) names.push_back({var, value});
  }

  // The local that holds the car or cdr that the node is, as it was when it was last looked at; or 0.
  uint32_t localOf(const Node *node) const {
    const Field *field = fieldOf(node);
    return field ? field->value->local : 0;
  }

  // The local holds the car or cdr that the node is. May it be asked for again?
  bool canHold(const Node *node) const { return valueOf(node->args[0]); }
  void hold(const Node *node, uint32_t local) {
    Var *value = newVar();
    value->local = local;
    fields.push_back({valueOf(node->args[0]), node->op, value});
  }

  // Pairs change in calls, and at set-car! and set-cdr!.
  void forgetFields() { fields.clear(); }

  // Emits what may be passed by: what it learns is forgotten.
  template <class Emit> void branch(Emit emit) {
    size_t known = facts.size(), named = names.size();
    std::vector<Field> before = fields;
    emit();
    facts.resize(known);
    names.resize(named);
    // What is still there is so on both ways.
    std::vector<Field> after = std::move(fields);
    fields.clear();
    for (Field &field : before) {
      for (Field &other : after) {
        if (field.value == other.value) fields.push_back(field);
      }
    }
  }

 private:
  struct Fact {
    const Var *value;
    Known what;
  };
  struct Name {
    const Var *var, *value;
  };
  struct Field {
    const Var *pair;
    uint16_t op;
    Var *value;
  };
  Analysis &analysis;
  std::vector<Fact> facts;
  std::vector<Name> names;  // variables that hold what others hold
  std::vector<Field> fields;

  // The node that gives the value of a block, whose variables are names by then.
  const Node *resultOf(const Node *node) const {
    for (;;) {
      bool guarded = node->kind == Kind::Inline && Analysis::expects(node) && !analysis.of((Node *)node).exit;
      bool isBlock = node->kind == Kind::Inline || node->kind == Kind::Let || node->kind == Kind::Seq;
      if (!isBlock || guarded) return node;
      node = node->args.back();
    }
  }

  // The variable that the value of a node is known by, or null. Of what is more than a path of cars and
  // cdrs from a variable, that may only be asked behind its evaluation.
  const Var *valueOf(const Node *node) const {
    if (!worldClosed) return nullptr;
    node = resultOf(node);
    if (node->kind != Kind::Local) {
      const Field *field = fieldOf(node);
      return field ? field->value : nullptr;
    }
    if (node->var->assigned || node->var->checked) return nullptr;
    for (const Name &name : names) {
      if (name.var == node->var) return name.value;
    }
    return node->var;
  }

  const Field *fieldOf(const Node *node) const {
    node = resultOf(node);
    if (node->kind != Kind::Prim || (node->op != kCar && node->op != kCdr)) return nullptr;
    const Var *pair = valueOf(node->args[0]);
    for (const Field &field : fields) {
      if (pair && field.pair == pair && field.op == node->op) return &field;
    }
    return nullptr;
  }

  // A fixnum that was found to be above a constant is not negative, perhaps.
  void learnFromCompare(const Node *test, bool outcome) {
    Node *x = test->args[0], *than = test->args[1];
    if (than->kind != Kind::Const || !isFixnum(than->value)) return;
    if (!isFixnumType(analysis.of(x).type) && !knows(x, Known::Fixnum)) return;
    int32_t n = fixnumOf(than->value);
    bool equal = test->op == kNumEqual && outcome;
    bool atLeast = (test->op == kLess && !outcome) || (test->op == kGreaterEqual && outcome) || equal;
    bool above = (test->op == kLessEqual && !outcome) || (test->op == kGreater && outcome);
    if ((atLeast && n >= 0) || (above && n >= -1)) learn(x, Known::Natural);
  }
};
