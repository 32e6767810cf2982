// The analysis's implementation; its idea stands in analysis.h.
#include "analysis.h"

#include "bytecode.h"
#include "closed.h"

namespace {

bool isArithmetic(uint16_t op) { return op <= kMax && !(op >= kLess && op <= kNumEqual); }

// Can anybody see that the node's own operation was done?
bool changesState(const Node *node) {
  switch (node->kind) {
    case Kind::Builtin: return node->builtin->effects;
    case Kind::Call:
    case Kind::Apply:
    case Kind::SetLocal:
    case Kind::SetGlobal:
    case Kind::Define: return true;
    case Kind::Prim: return node->op == kSetCar || node->op == kSetCdr || node->op == kVectorSet;
    default: return false;
  }
}

TypeOf typeOfConstant(Value value) {
  if (isFlonum(value)) return tFlonum;
  if (!isFixnum(value)) return tAny;
  return worldClosed && fixnumOf(value) >= 0 ? tNatural : tFixnum;
}

// By a constant that is no positive fixnum?
bool dividesOddly(const Node *node) {
  bool divides = node->kind == Kind::Prim && (node->op == kQuotient || node->op == kRemainder || node->op == kModulo);
  return divides && node->args[1]->kind == Kind::Const && !Analysis::dividesSafely(node->args[1]);
}

// After a Continue control is elsewhere.
constexpr uint32_t kNever = ~0u;
uint32_t joinExits(uint32_t a, uint32_t b) { return a == kNever || a == b ? b : b == kNever ? a : 0; }

}  // namespace

Analysis::Analysis(Template *lambda) : lambda(lambda) {
  infos.emplace_back();
  exits.emplace_back();
  for (Var *var : lambda->vars) addVar(var);
  number(lambda->body);
  if (worldClosed) {
    // The interpreter gets the arguments as they came.
    bool keepsArguments = !lambda->rest;
    for (Var *var : lambda->vars) keepsArguments &= !var->boxed();
    placeExits(lambda->body, keepsArguments ? newExit(From::Entry, nullptr) : 0);
  }
  setParamTypes();
  infer(lambda->body);
}

void Analysis::addVar(Var *var) {
  var->id = vars.size();
  var->type = var->likely = tAny;
  var->expected = false;
  vars.push_back(var);
}

void Analysis::number(Node *node) {
  node->info = infos.size();
  infos.emplace_back();
  for (Var *var : node->vars) addVar(var);
  Info info;
  for (size_t i = 0; i < node->args.size(); i++) {
    Node *arg = node->args[i];
    number(arg);
    VarSet uses = of(arg).uses;
    if (i + 1 == node->args.size()) {
      for (Var *var : node->vars) uses.remove(var);
    }
    info.uses = info.uses | uses;
    info.pauses |= of(arg).pauses;
    info.pure &= of(arg).pure;
  }
  if (node->kind == Kind::Fix) {
    for (Var *var : node->vars) info.uses.remove(var);
  }
  if (node->var && own(node->var)) info.uses.add(node->var);
  if (node->kind == Kind::Lambda) {
    for (Var *var : node->lambda->free) {
      if (own(var)) info.uses.add(var);
    }
  }
  bool calls = node->kind == Kind::Call || node->kind == Kind::Apply;
  info.pauses |= calls || node->kind == Kind::Loop || node->kind == Kind::Inline;
  info.pure &= !changesState(node);
  of(node) = info;
}

// ---- Exits ----

uint32_t Analysis::newExit(From from, Node *node) {
  exits.push_back({from, node});
  return exits.size() - 1;
}

// `exit` is where the node may leave for when it begins. Returns where what comes behind it may.
uint32_t Analysis::placeExits(Node *node, uint32_t exit) {
  switch (node->kind) {
    case Kind::If: {
      uint32_t tested = placeExits(node->args[0], exit);
      uint32_t then = placeExits(node->args[1], tested);
      return joinExits(then, placeExits(node->args[2], tested));
    }
    case Kind::Or: {
      uint32_t first = placeExits(node->args[0], exit);
      return joinExits(first, placeExits(node->args[1], first));
    }
    case Kind::Inline: {
      size_t n = node->vars.size();
      for (size_t i = 0; i < n; i++) exit = placeExits(node->args[i], exit);
      of(node).exit = exit;
      return placeExits(node->body(), exit);
    }
    case Kind::Loop: {
      size_t n = node->vars.size();
      for (size_t i = 0; i < n; i++) exit = placeExits(node->args[i], exit);
      uint32_t outer = of(node).pure ? exit : 0;
      of(node).behind = outer;
      of(node).exit = hasProcedure(node) ? newExit(From::Round, node) : 0;
      placeExits(node->body(), hasProcedure(node) ? of(node).exit : outer);
      return outer;
    }
    case Kind::Continue: return placeInContinue(node, exit), kNever;
    case Kind::Lambda: return exit;
    default: {
      for (Node *arg : node->args) exit = placeExits(arg, exit);
      of(node).exit = exit;
      return changesState(node) ? 0 : exit;
    }
  }
}

void Analysis::placeInContinue(Node *node, uint32_t exit) {
  Nodes late;
  for (Node *arg : node->args) {
    if (!exit && isSimple(arg)) late.push_back(arg);
    exit = placeExits(arg, exit);
  }
  if (!exit && hasProcedure(node->target)) exit = newExit(From::Next, node);
  of(node).exit = exit;
  for (Node *arg : late) of(arg).exit = exit;
}

bool Analysis::isSimple(const Node *node) const {
  if (node->kind != Kind::Prim || (node->op != kAdd && node->op != kSub && node->op != kMul)) return false;
  for (const Node *arg : node->args) {
    bool variable = arg->kind == Kind::Local && own(arg->var) && !arg->var->assigned && !arg->var->checked;
    if (!variable && !(arg->kind == Kind::Const && isFixnum(arg->value))) return false;
  }
  return true;
}

bool Analysis::isLate(Node *arg, Node *next) {
  return isSimple(arg) && exitOf(next).from == From::Next && of(arg).exit == of(next).exit && isFixnumType(of(arg).type);
}

bool Analysis::met(const Node *node) const {
  if (node->guessed) return metOthers[node->op];
  return (node->lambda ? node->lambda : lambda)->code[node->site] & kFeedbackBit;
}

bool Analysis::leaves(Node *node) {
  Exit &exit = exitOf(node);
  if (exit.from == From::Nowhere || node->op == kDiv || dividesOddly(node)) return false;
  if (isArithmetic(node->op) || (node->op >= kLess && node->op <= kNumEqual)) {
    if (met(node)) return false;
  }
  if (exit.from != From::Next) return true;
  return isFixnumType(of(node->args[0]).type) && isFixnumType(of(node->args[1]).type);
}

// ---- Types ----

// Is the parameter an operand of arithmetic? Else nothing is won by a check at the entry.
bool Analysis::counts(const Node *node, const Var *var) {
  bool arithmetic = node->kind == Kind::Prim && (node->op <= kMax || node->op == kZeroP || node->op == kVectorRef || node->op == kVectorSet);
  bool passesOn = node->kind == Kind::Inline || (node->kind == Kind::Loop && node->lambda);
  for (size_t i = 0; i < node->args.size(); i++) {
    const Node *arg = node->args[i];
    bool itself = arg->kind == Kind::Local && arg->var == var;
    if (itself && (arithmetic || (passesOn && i < node->vars.size() && counts(node->args.back(), node->vars[i])))) return true;
    if (counts(arg, var)) return true;
  }
  return false;
}

// What the interpreter saw of an argument.
TypeOf Analysis::seen(const Template *t, size_t i) {
  if (!t->guarded || i >= kMaxCompiledParams) return tAny;
  return t->seen[i] == kSawFixnum ? tFixnum : t->seen[i] == kSawFlonum ? tFlonum : tAny;
}

void Analysis::setParamTypes() {
  for (size_t i = 0; i < lambda->params; i++) {
    Var *var = lambda->vars[i];
    if (!var->assigned && counts(lambda->body, var)) var->type = seen(lambda, i);
  }
}

TypeOf Analysis::infer(Node *node) {
  TypeOf type = inferKind(node);
  of(node).type = type;
  return type;
}

TypeOf Analysis::inferKind(Node *node) {
  switch (node->kind) {
    case Kind::Const: return typeOfConstant(node->value);
    case Kind::Local: return own(node->var) ? (TypeOf)node->var->type : tAny;
    case Kind::If: {
      infer(node->args[0]);
      TypeOf then = infer(node->args[1]);
      return join(then, infer(node->args[2]));
    }
    case Kind::Or: return infer(node->args[0]), infer(node->args[1]), tAny;
    case Kind::Let:
      for (size_t i = 0; i < node->vars.size(); i++) {
        Var *var = node->vars[i];
        TypeOf type = infer(node->args[i]);
        var->type = var->assigned || type == tNone ? tAny : type;
        var->likely = var->assigned ? tAny : likely(node->args[i]);
      }
      return infer(node->body());
    case Kind::Inline: return inferInline(node);
    case Kind::Loop: return inferLoop(node);
    case Kind::Continue: return inferContinue(node);
    case Kind::Prim: return inferPrim(node);
    default: break;
  }
  TypeOf type = tAny;
  for (Node *arg : node->args) type = infer(arg);
  bool hasBody = node->kind == Kind::Seq || node->kind == Kind::Fix;
  return hasBody ? type : tAny;
}

/*
 * A variable that starts as a number stays one of its kind, as far as anybody can tell: what is
 * not known is checked, and the loop's procedure goes on with what does not fit. Where there is no
 * such procedure, a variable has the type that all its values have.
 */
TypeOf Analysis::inferLoop(Node *loop) {
  size_t n = loop->vars.size();
  for (size_t i = 0; i < n; i++) {
    TypeOf type = infer(loop->args[i]);
    Var *var = loop->vars[i];
    var->type = var->assigned || type == tNone ? tAny : type;
    var->expected = hasProcedure(loop) && var->type != tAny && counts(loop->body(), var);
  }
  for (;;) {
    loops.push_back({loop, std::vector<TypeOf>(n, tNone)});
    TypeOf result = infer(loop->body());
    std::vector<TypeOf> next = loops.back().next;
    loops.pop_back();
    bool changed = false;
    for (size_t i = 0; i < n; i++) {
      Var *var = loop->vars[i];
      TypeOf type = join((TypeOf)var->type, next[i]);
      changed |= type != var->type;
      var->type = type;
      if (type == tAny) var->expected = false;
    }
    if (!changed) return hasProcedure(loop) ? tAny : result;
  }
}

// The kinds of arguments are known, or those are expected that the interpreter saw.
TypeOf Analysis::inferInline(Node *node) {
  for (size_t i = 0; i < node->vars.size(); i++) {
    Var *var = node->vars[i];
    TypeOf type = infer(node->args[i]);
    var->type = var->assigned || type == tNone ? tAny : type;
    var->expected = false;
    if (var->type != tAny || var->assigned || node->lambda->rest || !counts(node->body(), var)) continue;
    var->type = seen(node->lambda, i);
    var->expected = var->type != tAny;
  }
  TypeOf result = infer(node->body());
  return expects(node) && !of(node).exit ? tAny : result;
}

TypeOf Analysis::inferContinue(Node *node) {
  Node *loop = node->target;
  for (size_t i = 0; i < node->args.size(); i++) {
    TypeOf type = infer(node->args[i]);
    const Var *var = loop->vars[i];
    if (var->expected && !fits(type, (TypeOf)var->type)) {
      TypeOf expected = isFixnumType(likely(node->args[i])) ? tFixnum : seen(loop->lambda, i);
      if (fits((TypeOf)var->type, expected)) type = expected;
    }
    for (LoopTypes &state : loops) {
      if (state.loop == loop) state.next[i] = join(state.next[i], type);
    }
  }
  return tNone;
}

TypeOf Analysis::inferPrim(Node *node) {
  TypeOf a = infer(node->args[0]);
  TypeOf b = node->args.size() > 1 ? infer(node->args[1]) : tAny;
  if (node->args.size() > 2) infer(node->args[2]);
  bool flonum = a == tFlonum || b == tFlonum;
  bool naturals = a == tNatural && b == tNatural;
  switch (node->op) {
    case kAdd:
    case kMul:
      if (flonum) return tFlonum;
      return leaves(node) ? naturals ? tNatural : tFixnum : tAny;
    case kSub:
      if (flonum) return tFlonum;
      return leaves(node) ? tFixnum : tAny;
    case kMin:
    case kMax: {
      if (flonum) return tFlonum;
      bool fixnums = isFixnumType(a) && isFixnumType(b);
      return worldClosed && (fixnums || leaves(node)) ? naturals ? tNatural : tFixnum : tAny;
    }
    case kDiv: return flonum ? tFlonum : tAny;
    case kToInexact: return tFlonum;
    case kSqrt:
    case kAbs: return a == tFlonum ? tFlonum : tAny;
    case kQuotient:
    case kRemainder:
    case kModulo: {
      if (flonum) return tAny;
      bool safe = isFixnumType(a) && dividesSafely(node->args[1]);
      if (!safe && !leaves(node)) return tAny;
      // The divisor is positive.
      return a == tNatural || (worldClosed && node->op == kModulo) ? tNatural : tFixnum;
    }
    case kVectorLength:
    case kStringLength:
    case kCharToInteger: return worldClosed ? tNatural : tFixnum;
    default: return tAny;
  }
}

// What type the node's value has if all is as the interpreter saw it.
TypeOf Analysis::likely(Node *node) {
  TypeOf type = of(node).type;
  if (type != tAny) return type;
  switch (node->kind) {
    case Kind::Local: return own(node->var) ? (TypeOf)node->var->likely : tAny;
    case Kind::If: return join(likely(node->args[1]), likely(node->args[2]));
    case Kind::Let:
    case Kind::Seq:
    case Kind::Fix:
    case Kind::Inline:
    case Kind::Loop: return likely(node->body());
    case Kind::Prim: return isArithmetic(node->op) && node->op != kDiv && !met(node) ? tFixnum : tAny;
    default: return tAny;
  }
}

bool Analysis::expects(const Node *node) {
  for (const Var *var : node->vars) {
    if (var->expected) return true;
  }
  return false;
}

bool Analysis::dividesSafely(const Node *divisor) {
  return divisor->kind == Kind::Const && isFixnum(divisor->value) && fixnumOf(divisor->value) > 0;
}
