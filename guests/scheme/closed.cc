// The closed world's implementation; its idea stands in closed.h.
#include "closed.h"

#include "heap.h"
#include "library.h"
#include "lift.h"

bool worldClosed = false;

namespace {

template <class Visit> void eachNode(const Node *body, const Visit &visit) {
  eachOwnNode(body, [&](const Node *node) {
    visit(node);
    if (node->kind == Kind::Lambda) eachNode(node->lambda->body, visit);
  });
}

// Defining it again as a closure of the same lambda expression, which captures nothing, changes nothing.
bool definesTheSame(const Node *node) {
  const Node *value = node->args[0];
  return value->kind == Kind::Lambda && value->lambda == node->symbol->function && value->lambda->free.empty();
}

}  // namespace

void closeWorld(const std::vector<Template *> &running) {
  worldClosed = true;
  for (Template *form : allForms) {
    eachNode(form->body, [](const Node *node) {
      if (node->kind == Kind::Global && node->symbol->value != kUnbound) node->symbol->constant = true;
    });
  }
  for (Template *form : allForms) {
    eachNode(form->body, [](const Node *node) {
      if (node->kind == Kind::SetGlobal) node->symbol->constant = false;
    });
  }
  for (Template *form : running) {
    eachNode(form->body, [](const Node *node) {
      if (node->kind == Kind::Define && !definesTheSame(node)) node->symbol->constant = false;
    });
  }
}

bool breaksClosedWorld(const std::vector<Template *> &forms) {
  bool breaks = false;
  for (Template *form : forms) {
    eachNode(form->body, [&](const Node *node) {
      breaks |= (node->kind == Kind::SetGlobal || node->kind == Kind::Define) && node->symbol->constant;
    });
  }
  return breaks;
}

void countSites(const std::vector<Template *> &templates) {
  for (const Template *t : templates) {
    eachOwnNode(t->body, [](const Node *node) {
      if (node->kind == Kind::Lambda) node->lambda->sites++;
      bool names = node->kind == Kind::Global && node->symbol->constant && node->symbol->function;
      if (names) node->symbol->function->sites++;
    });
  }
}

bool copiesBody(const Node *node) {
  if (node->kind == Kind::Lambda) return node->lambda->free.empty();
  if (node->kind == Kind::Fix || node->kind == Kind::Define) return false;
  if (node->var && node->var->checked) return false;
  for (const Node *arg : node->args) {
    if (!copiesBody(arg)) return false;
  }
  return true;
}

Template *constantProcedure(const Symbol *symbol, uint32_t argc) {
  if (!worldClosed || !symbol->constant) return nullptr;
  Template *t = symbol->function;
  return t && !t->rest && t->params == argc && argc <= kMaxCompiledParams ? t : nullptr;
}

namespace {

constexpr uint32_t kMaxInlined = 40;       // nodes of a body that is inlined, and of the lambdas in it
constexpr uint32_t kMaxOnce = 150;         // of one without loops that is named at one place, where its own code mostly goes
constexpr uint32_t kMaxSelfInlined = 24;   // of one that is inlined into itself twice, not once
constexpr uint32_t kMaxGrowth = 600;       // nodes that a function may get in all
constexpr uint32_t kMaxCopied = 80;        // nodes of a body with a rest, times the calls of it
constexpr uint32_t kMaxNesting = 8;        // bodies in bodies
constexpr uint32_t kMaxGuessed = 24;       // nodes of a call that stands twice, for a guess
constexpr uint32_t kMaxSpread = 16;        // arguments of a call whose rest becomes a list

// With the lambdas in it, which will stand in places of calls too.
uint32_t sizeOf(const Node *node) {
  uint32_t size = 1;
  if (node->kind == Kind::Lambda) size += sizeOf(node->lambda->body);
  for (const Node *arg : node->args) size += sizeOf(arg);
  return size;
}

// Or a lambda, which is mostly for a procedure that loops.
bool hasLoop(const Node *node) {
  if (node->kind == Kind::Loop || node->kind == Kind::Lambda) return true;
  for (const Node *arg : node->args) {
    if (hasLoop(arg)) return true;
  }
  return false;
}

bool binds(const Node *node) {
  if (!node->vars.empty() || node->kind == Kind::Lambda) return true;
  for (const Node *arg : node->args) {
    if (binds(arg)) return true;
  }
  return false;
}

bool callsItself(const Node *call, const Template *t) {
  return call->args[0]->kind == Kind::Global && constantProcedure(call->args[0]->symbol, call->args.size() - 1) == t;
}

// Is there a call of `t` in tail position?
bool loops(const Node *node, const Template *t) {
  switch (node->kind) {
    case Kind::Call: return callsItself(node, t);
    case Kind::If: return loops(node->args[1], t) || loops(node->args[2], t);
    case Kind::Or:
    case Kind::Seq:
    case Kind::Let:
    case Kind::Loop: return loops(node->body(), t);
    default: return false;
  }
}

class Inliner {
 public:
  explicit Inliner(Template *root) : root(root) {}

  Node *run() {
    Scope scope{root, nullptr, copiesBody(root->body), {}, {}, nullptr};
    return scope.copies ? copyBody(scope, root->vars) : copy(root->body, scope, true);
  }

 private:
  // Where a copy goes on.
  struct Scope {
    Template *source;      // whose body it is
    const Scope *outer;    // where that is inlined
    bool copies;           // has it variables of its own?
    std::vector<std::pair<const Var *, Var *>> vars;
    std::vector<std::pair<const Node *, Node *>> loops;
    Node *self;            // what a tail call of itself continues
  };
  Template *root;
  uint32_t growth = 0;

  Var *copyVar(const Var *from, Scope &scope) {
    Var *var = newVar();
    var->name = from->name;
    var->owner = root;
    var->assigned = from->assigned;
    scope.vars.push_back({from, var});
    return var;
  }

  static Var *lookUp(Var *var, const Scope &scope) {
    for (size_t i = scope.vars.size(); i-- > 0;) {
      if (scope.vars[i].first == var) return scope.vars[i].second;
    }
    return var;
  }

  // The source's body, whose parameters have their values in `params`: a loop if it calls itself.
  Node *copyBody(Scope &scope, const Vars &params) {
    Template *t = scope.source;
    bool isLoop = !t->rest && loops(t->body, t);
    if (!isLoop) {
      for (size_t i = 0; i < params.size(); i++) scope.vars.push_back({t->vars[i], params[i]});
      return copy(t->body, scope, true);
    }
    Node *loop = newNode();
    loop->kind = Kind::Loop;
    loop->place = t->body->place;
    loop->lambda = t;
    for (Var *param : params) {
      Node *first = newNode();
      first->kind = Kind::Local;
      first->var = param;
      loop->args.push_back(first);
    }
    for (Var *var : t->vars) loop->vars.push_back(copyVar(var, scope));
    scope.self = loop;
    loop->args.push_back(copy(t->body, scope, true));
    return loop;
  }

  Node *copy(const Node *from, Scope &scope, bool tail) {
    if (from->kind == Kind::Lambda && from->lambda->free.empty()) return constant(closureOf(from->lambda));
    if (from->kind == Kind::Lambda) return const_cast<Node *>(from);
    if (from->kind == Kind::Global && from->symbol->constant) return constant(from->symbol->value);
    if (from->kind == Kind::Local) {
      if (const Node *known = lookUp(from->var, scope)->known) return constant(known->value);
    }
    if (from->kind == Kind::Call && tail && scope.self && callsItself(from, scope.source)) return copyContinue(from, scope);
    if (from->kind == Kind::Call) {
      Value callee = constantOf(from->args[0], scope);
      Var *closure = isClosure(callee) ? nullptr : argumentOf(from->args[0], scope);
      Template *t = isClosure(callee) ? templateOf(callee) : closure ? closure->lambda : nullptr;
      if (t && isInlinable(from, t, scope)) return inlineCall(from, t, closure, scope);
      if (isListed(from, callee)) return callListed(from, callee, scope);
      bool isKnown = isBuiltin(callee) && callee != applyValue && takes(builtinOf(callee), from);
      if (isKnown) return copyBuiltin(from, builtinOf(callee), 1, scope);
      if (Builtin *builtin = guess(from)) return guessCall(from, builtin, scope, tail);
    }
    if (from->kind == Kind::Builtin) return copyBuiltin(from, from->builtin, 0, scope);
    if (from->kind == Kind::If) return copyIf(from, scope, tail);
    return copyPlainly(from, scope, tail);
  }

  // What the node always is, or 0, which is no procedure.
  static Value constantOf(const Node *node, const Scope &scope) {
    if (node->kind == Kind::Const) return node->value;
    if (node->kind == Kind::Global && node->symbol->constant) return node->symbol->value;
    const Node *known = node->kind == Kind::Local ? lookUp(node->var, scope)->known : nullptr;
    return known ? known->value : 0;
  }

  // The variable of an inlined call that is always a closure of the same lambda expression, which stands
  // in the root's own body: so what that captures is at hand here.
  static Var *argumentOf(const Node *node, const Scope &scope) {
    Var *var = node->kind == Kind::Local ? lookUp(node->var, scope) : nullptr;
    return var && var->isKnownClosure() ? var : nullptr;
  }

  // Of a test that has one outcome only the branch that is taken is there.
  Node *copyIf(const Node *from, Scope &scope, bool tail) {
    Node *test = copy(from->args[0], scope, false);
    bool known = test->kind == Kind::Const, outcome = test->value != kFalse;
    if (test->kind == Kind::Prim && (test->op == kNullP || test->op == kPairP) && test->args[0]->kind == Kind::Const) {
      Value value = test->args[0]->value;
      known = true;
      outcome = test->op == kNullP ? value == kNil : isPair(value);
    }
    if (known) return copy(from->args[outcome ? 1 : 2], scope, tail);
    return nodeAt(from->place, Kind::If, {test, copy(from->args[1], scope, tail), copy(from->args[2], scope, tail)});
  }

  Node *copyPlainly(const Node *from, Scope &scope, bool tail) {
    Node *node = newNode();
    *node = *from;
    if (node->kind == Kind::Prim && scope.source != root) node->lambda = scope.source;
    if (node->var) node->var = lookUp(node->var, scope);
    if (scope.copies) {
      for (Var *&var : node->vars) var = copyVar(var, scope);
    }
    if (node->kind == Kind::Loop) {
      scope.loops.push_back({from, node});
      const Lifted &lifted = liftLoop(from, scope.source);
      node->lambda = lifted.procedure;
      node->carried = lifted.carried;
      for (Var *&var : node->carried) var = lookUp(var, scope);
    }
    if (node->kind == Kind::Continue) {
      for (auto &[loop, target] : scope.loops) {
        if (loop == from->target) node->target = target;
      }
    }
    size_t n = node->args.size();
    for (size_t i = 0; i < n; i++) {
      bool last = i + 1 == n;
      if (node->kind == Kind::Fix && !last) continue;  // its lambdas stay: their variables are bound together
      bool passes = node->kind == Kind::Or || node->kind == Kind::Seq || node->kind == Kind::Let ||
                    node->kind == Kind::Fix || node->kind == Kind::Loop;
      node->args[i] = copy(from->args[i], scope, tail && passes && last);
    }
    return node;
  }

  // ---- Calls of builtins by names that programs gave them ----

  static bool takes(const Builtin *builtin, const Node *call) {
    return builtin->takes(call->args.size() - 1);
  }

  // Its arguments are those of the node from `first` on.
  Node *copyBuiltin(const Node *call, Builtin *builtin, size_t first, Scope &scope) {
    Nodes arguments;
    for (size_t i = first; i < call->args.size(); i++) arguments.push_back(copy(call->args[i], scope, false));
    if (isPath(builtin->name)) return path(call->place, builtin, arguments[0]);
    if (!strcmp(builtin->name, "list") && arguments.size() <= kMaxSpread) {
      listRest(arguments, 0, call->place);
      return arguments[0];
    }
    bool inlined = builtin->op && arguments.size() == (builtin->op >= kCar ? 1 : 2) && builtin->op != kVectorSet;
    Node *operation = nodeAt(call->place, inlined ? Kind::Prim : Kind::Builtin, arguments);
    operation->op = inlined ? builtin->op : 0;
    operation->guessed = inlined;
    operation->builtin = builtin;
    return operation;
  }

  // ---- Procedures that came as arguments ----

  // The builtin that the procedure of a call was whenever the interpreter looked, if it fits.
  Builtin *guess(const Node *call) {
    const Node *f = call->args[0];
    if (f->kind != Kind::Local || f->var->assigned || f->var->checked) return nullptr;
    if (sizeOf(call) > kMaxGuessed || binds(call)) return nullptr;  // it will stand there twice
    const Template *owner = f->var->owner;
    for (size_t i = 0; owner && i < owner->vars.size() && i < kMaxCompiledParams; i++) {
      Value seen = owner->builtins[i];
      if (owner->vars[i] != f->var || !isBuiltin(seen) || seen == applyValue) continue;
      return takes(builtinOf(seen), call) ? builtinOf(seen) : nullptr;
    }
    return nullptr;
  }

  // (if (eq? f <the builtin>) its operation (f argument...))
  Node *guessCall(const Node *call, Builtin *builtin, Scope &scope, bool tail) {
    Node *test = nodeAt(call->place, Kind::Prim, {copy(call->args[0], scope, false), constant(valueOf(builtin))});
    test->op = kEq;
    Node *operation = copyBuiltin(call, builtin, 1, scope);
    return nodeAt(call->place, Kind::If, {test, operation, copyPlainly(call, scope, tail)});
  }

  static Node *constant(Value value) {
    Node *node = newNode();
    node->kind = Kind::Const;
    node->value = value;
    return node;
  }

  static Node *nodeAt(Place place, Kind kind, Nodes args) {
    Node *node = newNode();
    node->kind = kind;
    node->place = place;
    node->args = std::move(args);
    return node;
  }

  // cadr and the like
  static bool isPath(const char *name) {
    size_t n = strlen(name);
    if (n < 4 || name[0] != 'c' || name[n - 1] != 'r') return false;
    for (size_t i = 1; i + 1 < n; i++) {
      if (name[i] != 'a' && name[i] != 'd') return false;
    }
    return true;
  }

  static Node *path(Place place, const Builtin *builtin, Node *node) {
    const char *name = builtin->name;
    for (size_t i = strlen(name) - 2; i >= 1; i--) {
      node = nodeAt(place, Kind::Prim, {node});
      node->op = name[i] == 'a' ? kCar : kCdr;
    }
    return node;
  }

  Node *copyContinue(const Node *call, Scope &scope) {
    Node *node = newNode();
    node->kind = Kind::Continue;
    node->place = call->place;
    node->target = scope.self;
    for (size_t i = 1; i < call->args.size(); i++) node->args.push_back(copy(call->args[i], scope, false));
    return node;
  }

  bool isInlinable(const Node *call, const Template *t, const Scope &scope) {
    uint32_t argc = call->args.size() - 1;
    bool fits = t->rest ? argc >= t->params && argc <= kMaxSpread : argc == t->params && argc <= kMaxCompiledParams;
    if (!fits || !copiesBody(t->body)) return false;
    uint32_t size = sizeOf(t->body), nesting = 0, selves = 0;
    for (const Scope *s = &scope; s; s = s->outer) nesting++, selves += s->source == t;
    bool once = t->sites == 1 && selves == 0 && !hasLoop(t->body);
    if (size > (once ? kMaxOnce : kMaxInlined) || growth + size > kMaxGrowth) return false;
    if (nesting > kMaxNesting || selves > (size > kMaxSelfInlined ? 1u : 2u)) return false;
    // What takes a rest is seldom small, nor are the lists of it.
    if (t->rest && !t->library && size * t->sites > kMaxCopied) return false;
    growth += size;
    return true;
  }

  // Can the rest of its arguments be made a list right here?
  static bool isListed(const Node *call, Value callee) {
    if (!isClosure(callee)) return false;
    const Template *t = templateOf(callee);
    uint32_t argc = call->args.size() - 1;
    return t->rest && t->batch && argc >= t->params && argc <= kMaxSpread;
  }

  Node *callListed(const Node *call, Value callee, Scope &scope) {
    Node *node = nodeAt(call->place, Kind::Call, {constant(callee)});
    node->listed = true;
    for (size_t i = 1; i < call->args.size(); i++) node->args.push_back(copy(call->args[i], scope, false));
    listRest(node->args, 1 + templateOf(callee)->params, call->place);
    return node;
  }

  Node *inlineCall(const Node *call, Template *callee, Var *closure, Scope &scope) {
    Node *node = newNode();
    node->kind = Kind::Inline;
    node->place = call->place;
    node->var = closure;
    node->lambda = callee;
    for (size_t i = 1; i < call->args.size(); i++) node->args.push_back(copy(call->args[i], scope, false));
    if (callee->rest) listRest(node->args, callee->params, call->place);
    Scope inner{callee, &scope, true, {}, {}, nullptr};
    for (size_t i = 0; i < callee->vars.size(); i++) {
      node->vars.push_back(copyVar(callee->vars[i], inner));
      if (!callee->vars[i]->assigned) learn(node->vars[i], node, node->args[i]);
    }
    node->args.push_back(copyBody(inner, node->vars));
    return node;
  }

  // Arguments from `first` on become one, a list.
  static void listRest(Nodes &args, size_t first, Place place) {
    Node *list = constant(kNil);
    for (; args.size() > first; args.pop_back()) {
      list = nodeAt(place, Kind::Prim, {args.back(), list});
      list->op = kCons;
    }
    args.push_back(list);
  }

  // What is known of a variable that has this value for good.
  static void learn(Var *var, Node *binding, const Node *value) {
    const Var *same = value->kind == Kind::Local && !value->var->assigned ? value->var : nullptr;
    if (value->kind == Kind::Const) var->known = value;
    if (value->kind == Kind::Lambda) var->lambda = value->lambda;
    if (same && same->binding) var->lambda = same->lambda;
    if (var->lambda) var->binding = binding;
  }
};

}  // namespace

Node *inlinedBody(Template *t) { return Inliner(t).run(); }
