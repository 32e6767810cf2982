/*
 * The expander: data to Nodes. Syntax is known by name unless a local variable hides the name.
 *
 * Loops are found here: a local procedure of which every call but one is a tail call of its own body
 * is no procedure but a Loop, and those calls are its Continues. So both compilers have named let,
 * `do` and inner helper procedures as plain jumps, with variables in place of arguments.
 */
#include "heap.h"
#include "memory.h"
#include "print.h"
#include "program.h"
#include "reader.h"

std::vector<Template *> allForms;

Template *newTemplate(bool isForm) {
  static Pool lambdas(sizeof(Template)), forms(sizeof(Template));
  return new ((isForm ? forms : lambdas).take()) Template;
}

Value closureOf(Template *t) {
  if (t->closure) return t->closure;
  InHeap inHeap;
  t->closure = allocateObject(kClosure, 0, 1);
  field(t->closure, 0) = (uint32_t)t;
  return keep(t->closure);
}

static Arena trees;

void *allocateForTrees(size_t bytes) { return trees.take(bytes); }

namespace {

struct Scope {
  Symbol *name;
  Var *var;
  const Scope *outer;
};

struct Names {
  Symbol *define, *lambda, *let, *letStar, *letrec, *letrecStar, *if_, *cond, *case_, *and_, *or_, *when, *unless,
      *do_, *begin, *set, *quote, *quasiquote, *unquote, *unquoteSplicing, *else_, *arrow, *apply, *main,
      *program;  // the name of a form
  Builtin *append, *listToVector;  // for quasiquote, whatever a program makes of these names
  Names() {
    define = intern("define"), lambda = intern("lambda"), let = intern("let"), letStar = intern("let*");
    letrec = intern("letrec"), letrecStar = intern("letrec*"), if_ = intern("if"), cond = intern("cond");
    case_ = intern("case"), and_ = intern("and"), or_ = intern("or"), when = intern("when");
    unless = intern("unless"), do_ = intern("do"), begin = intern("begin"), set = intern("set!");
    quote = intern("quote"), quasiquote = intern("quasiquote"), unquote = intern("unquote");
    unquoteSplicing = intern("unquote-splicing"), else_ = intern("else"), arrow = intern("=>");
    apply = intern("apply"), main = intern("main"), program = intern("program");
    append = intern("append")->standard, listToVector = intern("list->vector")->standard;
  }
};

// Is every use of `var` in `node` a call with `argc` arguments in tail position, outside of lambdas?
bool onlyTailCalls(const Node *node, const Var *var, size_t argc, bool tail) {
  auto all = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
      if (!onlyTailCalls(node->args[i], var, argc, false)) return false;
    }
    return true;
  };
  size_t n = node->args.size();
  switch (node->kind) {
    case Kind::Local: return node->var != var;
    case Kind::SetLocal: return node->var != var && all(0, n);
    case Kind::Lambda: return onlyTailCalls(node->lambda->body, var, argc, false);
    case Kind::If:
      return all(0, 1) && onlyTailCalls(node->args[1], var, argc, tail) && onlyTailCalls(node->args[2], var, argc, tail);
    case Kind::Or:
    case Kind::Seq:
    case Kind::Let:
    case Kind::Fix:
    case Kind::Loop: return all(0, n - 1) && onlyTailCalls(node->args[n - 1], var, argc, tail);
    case Kind::Call:
      if (tail && node->args[0]->kind == Kind::Local && node->args[0]->var == var) return n == argc + 1 && all(1, n);
      return all(0, n);
    default: return all(0, n);
  }
}

// Turns the calls of `var` in `node` into Continues of `loop`.
void makeContinues(Node *node, const Var *var, Node *loop) {
  if (node->kind == Kind::Call && node->args[0]->kind == Kind::Local && node->args[0]->var == var) {
    node->kind = Kind::Continue;
    node->target = loop;
    node->args.erase(node->args.begin());
  }
  for (Node *arg : node->args) makeContinues(arg, var, loop);
}

// The only call of `var` in `node` outside of lambdas, if it has only that one use.
Node *findCall(Node *node, const Var *var) {
  if (node->kind == Kind::Call && node->args[0]->kind == Kind::Local && node->args[0]->var == var) return node;
  if (node->kind == Kind::Lambda) return nullptr;
  for (Node *arg : node->args) {
    if (Node *found = findCall(arg, var)) return found;
  }
  return nullptr;
}

uint32_t countUses(const Node *node, const Var *var) {
  uint32_t uses = (node->kind == Kind::Local || node->kind == Kind::SetLocal) && node->var == var;
  if (node->kind == Kind::Lambda) uses += countUses(node->lambda->body, var);
  for (const Node *arg : node->args) uses += countUses(arg, var);
  return uses;
}

/*
 * A Fix of one lambda that is called once from outside, else only by its own tail calls, becomes a
 * Loop in the place of that call.
 */
Node *loopFromFix(Node *fix) {
  if (fix->vars.size() != 1) return fix;
  Var *var = fix->vars[0];
  Template *lambda = fix->args[0]->lambda;
  Node *body = fix->body();
  if (var->assigned || lambda->rest || countUses(body, var) != 1) return fix;
  Node *call = findCall(body, var);
  if (!call || call->args.size() != lambda->vars.size() + 1) return fix;
  if (!onlyTailCalls(lambda->body, var, lambda->vars.size(), true)) return fix;
  // The loop must not be entered again by an outer loop's Continue in the midst of its arguments:
  // it cannot, for its first values are evaluated before it begins.
  call->kind = Kind::Loop;
  call->vars = lambda->vars;
  call->args.erase(call->args.begin());
  call->args.push_back(lambda->body);
  makeContinues(lambda->body, var, call);
  return body;
}

class Expander {
 public:
  Expander(uint32_t file, Reader &reader) : file(file), reader(reader) {}

  bool failed = false;

  Template *expandForm(Value form) {
    auto lambda = newTemplate(true);
    lambda->name = keep(names().program->name);
    lambda->place = currentPlace = placeAt(form);
    lambda->library = file == 0;
    current = lambda;
    lambda->body = expandTop(form);
    return lambda;
  }

  Place placeAt(Value form) {
    uint32_t line = reader.lineOf(form, currentPlace & ((1 << kLineBits) - 1));
    return placeOf(file, line);
  }

  static const Names &names() {
    static const Names instance;
    return instance;
  }

 private:
  uint32_t file;
  Reader &reader;
  Place currentPlace = 0;
  Template *current = nullptr;

  // ---- Making nodes ----

  Node *make(Kind kind) {
    Node *node = newNode();
    node->kind = kind;
    node->place = currentPlace;
    return node;
  }

  Node *constant(Value value) {
    Node *node = make(Kind::Const);
    node->value = value;
    return node;
  }

  Node *error(const Text &text) {
    if (!failed) {
      fail(text);
      failAt(currentPlace);
    }
    failed = true;
    return constant(kUnspecified);
  }

  Node *syntaxError(Value form) { return error("bad syntax: " + written(form)); }

  Node *local(Var *var) {
    Node *node = make(Kind::Local);
    node->var = var;
    var->uses++;
    return node;
  }

  Node *setLocal(Var *var, Node *value) {
    Node *node = make(Kind::SetLocal);
    node->var = var;
    var->assigned = true;
    node->args = {value};
    return node;
  }

  Node *makeIf(Node *test, Node *then, Node *otherwise) {
    Node *node = make(Kind::If);
    node->args = {test, then, otherwise};
    return node;
  }

  Node *prim(PrimOp op, Nodes args) {
    Node *node = make(Kind::Prim);
    node->op = op;
    node->args = std::move(args);
    return node;
  }

  Node *builtinCall(Builtin *builtin, Nodes args) {
    Node *node = make(Kind::Builtin);
    node->builtin = builtin;
    node->args = std::move(args);
    return node;
  }

  Node *sequence(Nodes nodes) {
    if (nodes.empty()) return constant(kUnspecified);
    if (nodes.size() == 1) return nodes[0];
    Node *node = make(Kind::Seq);
    node->args = std::move(nodes);
    return node;
  }

  Node *makeLet(Vars vars, Nodes values, Node *body) {
    Node *node = make(Kind::Let);
    node->vars = std::move(vars);
    node->args = std::move(values);
    node->args.push_back(body);
    return node;
  }

  Var *variable(Value name) {
    Var *var = newVar();
    var->name = symbolOf(name);
    return var;
  }

  // ---- Looking at data ----

  static int lengthOfList(Value list) {
    int n = 0;
    for (; isPair(list); list = cdr(list)) n++;
    return list == kNil ? n : -1;
  }
  static Value second(Value list) { return car(cdr(list)); }
  static Value third(Value list) { return car(cdr(cdr(list))); }
  static Value rest(Value list, int n) {
    while (n--) list = cdr(list);
    return list;
  }

  static Var *lookup(Symbol *name, const Scope *scope) {
    for (; scope; scope = scope->outer) {
      if (scope->name == name) return scope->var;
    }
    return nullptr;
  }

  // The symbol at the head of `form` when it means syntax here.
  static Symbol *keyword(Value form, const Scope *scope) {
    if (!isPair(form) || !isSymbol(car(form))) return nullptr;
    Symbol *name = symbolOf(car(form));
    return lookup(name, scope) ? nullptr : name;
  }

  static bool isName(Value v, Symbol *name) { return isSymbol(v) && symbolOf(v) == name; }

  // ---- Forms ----

  Node *expandTop(Value form) {
    Symbol *head = keyword(form, nullptr);
    if (head == names().begin && lengthOfList(form) > 1) {
      Nodes nodes;
      for (Value p = cdr(form); isPair(p); p = cdr(p)) nodes.push_back(expandTop(car(p)));
      return sequence(std::move(nodes));
    }
    if (head != names().define) return expand(form, nullptr);
    currentPlace = placeAt(form);
    Value name;
    Node *node = make(Kind::Define);
    Node *value = expandDefinition(form, nullptr, name);
    if (!value) return syntaxError(form);
    node->symbol = symbolOf(name);
    node->args = {value};
    return node;
  }

  // `(define name value)` or `(define (name . params) body...)`: its value's node, and its name.
  Node *expandDefinition(Value form, const Scope *scope, Value &name) {
    int n = lengthOfList(form);
    if (n < 2) return nullptr;
    Value target = second(form);
    if (isPair(target)) {
      name = car(target);
      if (!isSymbol(name) || n < 3) return nullptr;
      return expandLambda(cdr(target), rest(form, 2), scope, symbolOf(name), placeAt(form));
    }
    name = target;
    if (!isSymbol(name) || n > 3) return nullptr;
    if (n == 2) return constant(kUnspecified);
    return expandNamed(third(form), scope, symbolOf(name));
  }

  // An expression whose value gets a name: a lambda takes it over.
  Node *expandNamed(Value form, const Scope *scope, Symbol *name) {
    if (keyword(form, scope) == names().lambda && lengthOfList(form) >= 3) {
      return expandLambda(second(form), rest(form, 2), scope, name, placeAt(form));
    }
    return expand(form, scope);
  }

  Node *expandLambda(Value params, Value body, const Scope *scope, Symbol *name, Place place) {
    auto lambda = newTemplate();
    lambda->name = keep(name->name);
    lambda->place = place;
    lambda->library = file == 0;
    lambda->outer = current;
    Template *saved = current;
    current = lambda;
    std::vector<Scope> scopes;
    scopes.reserve(64);
    for (; params != kNil; params = cdr(params)) {
      bool isRest = !isPair(params);
      Value param = isRest ? params : car(params);
      if (!isSymbol(param) || scopes.size() >= 60) {
        current = saved;
        return error("lambda: bad parameters");
      }
      lambda->vars.push_back(variable(param));
      scopes.push_back({symbolOf(param), lambda->vars.back(), scopes.empty() ? scope : &scopes.back()});
      if (isRest) {
        lambda->rest = true;
        break;
      }
    }
    lambda->params = lambda->vars.size() - lambda->rest;
    Place savedPlace = currentPlace;
    lambda->body = expandBody(body, scopes.empty() ? scope : &scopes.back());
    currentPlace = savedPlace;
    current = saved;
    Node *node = make(Kind::Lambda);
    node->lambda = lambda;
    return node;
  }

  // ---- Bodies with definitions ----

  struct Item {
    Value form;
    Var *var;  // null for an expression
  };

  void collectItems(Value body, const Scope *scope, std::vector<Item> &items, std::vector<Symbol *> &defined) {
    for (; isPair(body); body = cdr(body)) {
      Value form = car(body);
      Symbol *head = keyword(form, scope);
      if (head == names().begin) {
        collectItems(cdr(form), scope, items, defined);
        continue;
      }
      Var *var = nullptr;
      if (head == names().define && isPair(cdr(form))) {
        Value name = isPair(second(form)) ? car(second(form)) : second(form);
        if (isSymbol(name)) {
          var = variable(name);
          defined.push_back(symbolOf(name));
        }
      }
      items.push_back({form, var});
    }
  }

  Node *expandBody(Value body, const Scope *scope) {
    std::vector<Item> items;
    std::vector<Symbol *> defined;
    collectItems(body, scope, items, defined);
    if (defined.empty()) {
      Nodes nodes;
      for (Item &item : items) nodes.push_back(expand(item.form, scope));
      return nodes.empty() ? error("a body without an expression") : sequence(std::move(nodes));
    }
    std::vector<Scope> scopes;
    scopes.reserve(defined.size());
    size_t next = 0;
    for (Item &item : items) {
      if (!item.var) continue;
      scopes.push_back({defined[next++], item.var, scopes.empty() ? scope : &scopes.back()});
    }
    return expandItems(items, &scopes.back());
  }

  struct Expanded {
    Node *node;
    Var *var;
    bool forward;  // was it used above its definition?
  };

  Node *expandItems(const std::vector<Item> &items, const Scope *scope) {
    std::vector<Expanded> done;
    for (const Item &item : items) {
      if (!item.var) {
        done.push_back({expand(item.form, scope), nullptr, false});
        continue;
      }
      currentPlace = placeAt(item.form);
      Value name;
      uint32_t usesAbove = item.var->uses;
      Node *node = expandDefinition(item.form, scope, name);
      if (!node) return syntaxError(item.form);
      bool isLambda = node->kind == Kind::Lambda;
      done.push_back({node, item.var, isLambda ? usesAbove > 0 : item.var->uses > 0});
    }
    return joinLetrec(done);
  }

  /*
   * The sequence of definitions and expressions as nested nodes. Neighbouring lambdas that are never
   * assigned make a Fix, and may use each other. A definition that nothing above uses is a Let. The
   * rest is bound to "unbound" at the top, and assigned in its place.
   */
  Node *joinLetrec(std::vector<Expanded> &items) {
    auto isFixable = [](const Expanded &e) { return e.var && e.node->kind == Kind::Lambda && !e.var->assigned; };
    for (size_t start = 0; start < items.size();) {
      size_t end = start;
      while (end < items.size() && isFixable(items[end])) end++;
      // Uses from within the same group of lambdas are what Fix is for.
      for (size_t i = start; i < end; i++) {
        uint32_t above = 0;
        for (size_t k = 0; k < start; k++) above += countUses(items[k].node, items[i].var);
        items[i].forward = above > 0;
      }
      start = end + 1;
    }
    Vars early;
    for (Expanded &e : items) {
      if (e.var && (e.forward || (e.node->kind == Kind::Lambda && e.var->assigned))) {
        early.push_back(e.var);
        e.var->checked = e.var->assigned = true;
      }
    }
    Node *node = joinFrom(items, 0);
    if (early.empty()) return node;
    Nodes unbound(early.size());
    for (Node *&value : unbound) value = constant(kUnbound);
    return makeLet(early, unbound, node);
  }

  Node *joinFrom(std::vector<Expanded> &items, size_t i) {
    if (i == items.size()) return constant(kUnspecified);
    Expanded &e = items[i];
    bool last = i + 1 == items.size();
    if (!e.var || e.var->checked) {
      Nodes nodes;
      for (; i < items.size() && (!items[i].var || items[i].var->checked); i++) {
        nodes.push_back(items[i].var ? setLocal(items[i].var, items[i].node) : items[i].node);
      }
      if (i < items.size() || items[i - 1].var) nodes.push_back(joinFrom(items, i));
      return sequence(std::move(nodes));
    }
    if (e.node->kind != Kind::Lambda) return makeLet({e.var}, {e.node}, last ? constant(kUnspecified) : joinFrom(items, i + 1));
    Node *fix = make(Kind::Fix);
    for (; i < items.size() && items[i].var && !items[i].var->checked && items[i].node->kind == Kind::Lambda; i++) {
      items[i].var->binding = fix;
      items[i].var->lambda = items[i].node->lambda;
      fix->vars.push_back(items[i].var);
      fix->args.push_back(items[i].node);
    }
    fix->args.push_back(joinFrom(items, i));
    return loopFromFix(fix);
  }

  // ---- Expressions ----

  Node *expand(Value form, const Scope *scope) {
    if (isSymbol(form)) return expandName(symbolOf(form), scope);
    if (!isPair(form)) return form == kNil ? error("bad syntax: ()") : constant(form);
    Place saved = currentPlace;
    currentPlace = placeAt(form);
    Node *node;
    if (lengthOfList(form) < 0) {
      node = syntaxError(form);
    } else {
      Symbol *head = keyword(form, scope);
      node = head ? expandSyntax(head, form, scope) : nullptr;
      if (!node) node = expandCall(form, scope);
    }
    currentPlace = saved;
    return node;
  }

  Node *expandName(Symbol *name, const Scope *scope) {
    if (Var *var = lookup(name, scope)) return local(var);
    Node *node = make(Kind::Global);
    node->symbol = name;
    return node;
  }

  Nodes expandAll(Value forms, const Scope *scope) {
    Nodes nodes;
    for (; isPair(forms); forms = cdr(forms)) nodes.push_back(expand(car(forms), scope));
    return nodes;
  }

  Node *expandCall(Value form, const Scope *scope) {
    if (Symbol *name = keyword(form, scope); name && name->standard) {
      if (Node *node = expandStandard(name->standard, form, scope)) return node;
    }
    if (isLambda(car(form), scope)) {
      if (Node *node = expandLiteralCall(car(form), expandAll(cdr(form), scope), scope)) return node;
    }
    Node *node = make(Kind::Call);
    Place place = currentPlace;
    node->args = expandAll(form, scope);
    currentPlace = place;
    if (node->args.size() > 60) return error("a call with too many arguments");
    return node;
  }

  bool isLambda(Value form, const Scope *scope) {
    return isPair(form) && keyword(form, scope) == names().lambda && lengthOfList(form) > 2;
  }

  // A call of a lambda expression that stands there is a let. Null if the arguments do not fit.
  Node *expandLiteralCall(Value lambda, Nodes values, const Scope *scope) {
    Vars vars;
    std::vector<Scope> scopes;
    scopes.reserve(values.size());
    Value params = second(lambda);
    for (; isPair(params) && vars.size() < values.size() && isSymbol(car(params)); params = cdr(params)) {
      vars.push_back(variable(car(params)));
      scopes.push_back({symbolOf(car(params)), vars.back(), scopes.empty() ? scope : &scopes.back()});
    }
    if (params != kNil || vars.size() != values.size()) return nullptr;
    Node *body = expandBody(rest(lambda, 2), scopes.empty() ? scope : &scopes.back());
    return vars.empty() ? body : makeLet(std::move(vars), std::move(values), body);
  }

  // What follows => is called with the value of a variable.
  Node *expandArrow(Value receiver, Var *var, const Scope *scope) {
    if (isLambda(receiver, scope)) {
      if (Node *node = expandLiteralCall(receiver, {local(var)}, scope)) return node;
    }
    Node *call = make(Kind::Call);
    call->args = {expand(receiver, scope), local(var)};
    return call;
  }

  Node *expandStandard(Builtin *builtin, Value form, const Scope *scope) {
    uint32_t argc = lengthOfList(form) - 1;
    if (symbolOf(car(form)) == names().apply && argc >= 2) {
      Node *node = make(Kind::Apply);
      node->args = expandAll(cdr(form), scope);
      return node;
    }
    if (!builtin->takes(argc)) return nullptr;
    Nodes args = expandAll(cdr(form), scope);
    auto op = (PrimOp)builtin->op;
    if (op >= kCar && op < kVectorSet && argc == 1) return prim(op, args);
    if (op == kVectorSet && argc == 3) return prim(op, args);
    if (op > kNoOp && op < kCar && argc == 2) return prim(op, args);
    bool folds = op == kAdd || op == kMul || ((op == kSub || op == kDiv) && argc > 0);
    if (folds && argc > 2) {
      Node *node = args[0];
      for (uint32_t i = 1; i < argc; i++) node = prim(op, {node, args[i]});
      return node;
    }
    if (Node *node = expandAccess(builtin->name, args)) return node;
    return builtinCall(builtin, std::move(args));
  }

  // cadr and its kin, as chains of car and cdr.
  Node *expandAccess(const char *name, Nodes &args) {
    size_t n = strlen(name);
    if (n < 4 || name[0] != 'c' || name[n - 1] != 'r' || args.size() != 1) return nullptr;
    for (size_t i = 1; i < n - 1; i++) {
      if (name[i] != 'a' && name[i] != 'd') return nullptr;
    }
    Node *node = args[0];
    for (size_t i = n - 2; i > 0; i--) node = prim(name[i] == 'a' ? kCar : kCdr, {node});
    return node;
  }

  // Null when `head` is no syntax.
  Node *expandSyntax(Symbol *head, Value form, const Scope *scope) {
    const Names &k = names();
    int n = lengthOfList(form);
    if (head == k.quote) return n == 2 ? constant(second(form)) : syntaxError(form);
    if (head == k.if_) return n == 3 || n == 4 ? expandIf(form, n, scope) : syntaxError(form);
    if (head == k.define) return error("define: not at the start of a body");
    if (head == k.set) return expandSet(form, n, scope);
    if (head == k.lambda) {
      return n >= 3 ? expandLambda(second(form), rest(form, 2), scope, names().lambda, currentPlace) : syntaxError(form);
    }
    if (head == k.begin) return n >= 2 ? sequence(expandAll(cdr(form), scope)) : constant(kUnspecified);
    if (head == k.let) return n >= 3 ? expandLet(form, scope) : syntaxError(form);
    if (head == k.letStar) return n >= 3 ? expandLetStar(second(form), rest(form, 2), scope) : syntaxError(form);
    if (head == k.letrec || head == k.letrecStar) return n >= 3 ? expandLetrec(form, scope) : syntaxError(form);
    if (head == k.and_) return expandAnd(cdr(form), scope);
    if (head == k.or_) return expandOr(cdr(form), scope);
    if (head == k.when || head == k.unless) {
      if (n < 3) return syntaxError(form);
      Node *test = expand(second(form), scope);
      Node *body = sequence(expandAll(rest(form, 2), scope));
      Node *none = constant(kUnspecified);
      return head == k.when ? makeIf(test, body, none) : makeIf(test, none, body);
    }
    if (head == k.cond) return expandCond(cdr(form), scope);
    if (head == k.case_) return n >= 2 ? expandCase(form, scope) : syntaxError(form);
    if (head == k.do_) return n >= 3 ? expandDo(form, scope) : syntaxError(form);
    if (head == k.quasiquote) return n == 2 ? expandQuasi(second(form), 1, scope) : syntaxError(form);
    if (head == k.else_ || head == k.arrow || head == k.unquote || head == k.unquoteSplicing) return syntaxError(form);
    return nullptr;
  }

  Node *expandIf(Value form, int n, const Scope *scope) {
    Node *test = expand(second(form), scope);
    Node *then = expand(third(form), scope);
    return makeIf(test, then, n == 4 ? expand(car(rest(form, 3)), scope) : constant(kUnspecified));
  }

  Node *expandSet(Value form, int n, const Scope *scope) {
    if (n != 3 || !isSymbol(second(form))) return syntaxError(form);
    Symbol *name = symbolOf(second(form));
    Node *value = expandNamed(third(form), scope, symbolOf(second(form)));
    if (Var *var = lookup(name, scope)) {
      var->uses++;
      return setLocal(var, value);
    }
    if (name->standard) return error("set!: " + displayed(second(form)) + " is a standard procedure; define it to replace it");
    Node *node = make(Kind::SetGlobal);
    node->symbol = name;
    node->args = {value};
    return node;
  }

  bool isBinding(Value v) { return isPair(v) && isSymbol(car(v)) && lengthOfList(v) == 2; }

  Node *expandLet(Value form, const Scope *scope) {
    Value name = kFalse, bindings = second(form), body = rest(form, 2);
    if (isSymbol(bindings)) {
      if (!isPair(cdr(body))) return syntaxError(form);
      name = bindings;
      bindings = car(body);
      body = cdr(body);
    }
    int n = lengthOfList(bindings);
    if (n < 0) return syntaxError(form);
    if (name != kFalse) return expandNamedLet(name, bindings, body, scope);
    if (n == 0) return expandBody(body, scope);
    Vars vars;
    Nodes values;
    std::vector<Scope> scopes;
    scopes.reserve(n);
    for (; isPair(bindings); bindings = cdr(bindings)) {
      Value binding = car(bindings);
      if (!isBinding(binding)) return syntaxError(binding);
      values.push_back(expandNamed(second(binding), scope, symbolOf(car(binding))));
      vars.push_back(variable(car(binding)));
      scopes.push_back({symbolOf(car(binding)), vars.back(), scopes.empty() ? scope : &scopes.back()});
    }
    Node *inner = expandBody(body, &scopes.back());
    return makeLet(std::move(vars), std::move(values), inner);
  }

  Node *expandNamedLet(Value name, Value bindings, Value body, const Scope *scope) {
    Value params = kNil;
    std::vector<Value> list;
    for (Value p = bindings; isPair(p); p = cdr(p)) {
      if (!isBinding(car(p))) return syntaxError(car(p));
      list.push_back(car(p));
    }
    for (size_t i = list.size(); i-- > 0;) params = cons(car(list[i]), params);
    Node *call = make(Kind::Call);
    Var *var = variable(name);
    call->args.push_back(local(var));
    for (Value binding : list) call->args.push_back(expand(second(binding), scope));
    Scope inner = {symbolOf(name), var, scope};
    Place place = currentPlace;
    Node *lambda = expandLambda(params, body, &inner, symbolOf(name), place);
    if (lambda->kind != Kind::Lambda) return lambda;
    std::vector<Expanded> items = {{lambda, var, false}, {call, nullptr, false}};
    return joinLetrec(items);
  }

  Node *expandLetStar(Value bindings, Value body, const Scope *scope) {
    if (bindings == kNil) return expandBody(body, scope);
    if (!isPair(bindings) || !isBinding(car(bindings))) return syntaxError(bindings);
    Value binding = car(bindings);
    Node *value = expandNamed(second(binding), scope, symbolOf(car(binding)));
    Var *var = variable(car(binding));
    Scope inner = {symbolOf(car(binding)), var, scope};
    Node *node = expandLetStar(cdr(bindings), body, &inner);
    return makeLet({var}, {value}, node);
  }

  // As definitions at the head of a body: letrec is letrec* here.
  Node *expandLetrec(Value form, const Scope *scope) {
    std::vector<Item> items;
    std::vector<Scope> scopes;
    int n = lengthOfList(second(form));
    if (n < 0) return syntaxError(form);
    scopes.reserve(n + 1);
    for (Value p = second(form); isPair(p); p = cdr(p)) {
      if (!isBinding(car(p))) return syntaxError(car(p));
      Value definition = cons(valueOf(names().define), car(p));
      items.push_back({definition, variable(car(car(p)))});
      scopes.push_back({symbolOf(car(car(p))), items.back().var, scopes.empty() ? scope : &scopes.back()});
    }
    const Scope *inner = scopes.empty() ? scope : &scopes.back();
    Value body = cons(valueOf(names().let), cons(kNil, rest(form, 2)));
    items.push_back({body, nullptr});
    return expandItems(items, inner);
  }

  Node *expandAnd(Value forms, const Scope *scope) {
    if (forms == kNil) return constant(kTrue);
    Node *first = expand(car(forms), scope);
    if (cdr(forms) == kNil) return first;
    Node *others = expandAnd(cdr(forms), scope);
    return makeIf(first, others, constant(kFalse));
  }

  Node *makeOr(Node *a, Node *b) {
    Node *node = make(Kind::Or);
    node->args = {a, b};
    return node;
  }

  Node *expandOr(Value forms, const Scope *scope) {
    if (forms == kNil) return constant(kFalse);
    Node *first = expand(car(forms), scope);
    return cdr(forms) == kNil ? first : makeOr(first, expandOr(cdr(forms), scope));
  }

  Node *expandCond(Value clauses, const Scope *scope) {
    if (clauses == kNil) return constant(kUnspecified);
    Value clause = car(clauses);
    int n = lengthOfList(clause);
    if (n < 1) return syntaxError(clause);
    currentPlace = placeAt(clause);
    if (isName(car(clause), names().else_) && !lookup(names().else_, scope)) return sequence(expandAll(cdr(clause), scope));
    Node *test = expand(car(clause), scope);
    if (n == 1) return makeOr(test, expandCond(cdr(clauses), scope));
    if (n == 3 && isName(second(clause), names().arrow)) {
      Var *var = variable(car(cdr(clause)));
      Node *call = expandArrow(third(clause), var, scope);
      Node *otherwise = expandCond(cdr(clauses), scope);
      return makeLet({var}, {test}, makeIf(local(var), call, otherwise));
    }
    Node *body = sequence(expandAll(cdr(clause), scope));
    return makeIf(test, body, expandCond(cdr(clauses), scope));
  }

  Node *expandCase(Value form, const Scope *scope) {
    Node *key = expand(second(form), scope);
    Var *var = variable(car(form));
    return makeLet({var}, {key}, expandCaseClauses(rest(form, 2), var, scope));
  }

  Node *expandCaseClauses(Value clauses, Var *key, const Scope *scope) {
    if (clauses == kNil) return constant(kUnspecified);
    Value clause = car(clauses);
    if (lengthOfList(clause) < 2) return syntaxError(clause);
    currentPlace = placeAt(clause);
    bool arrow = isName(second(clause), names().arrow);
    Node *body;
    if (arrow) {
      body = expandArrow(third(clause), key, scope);
    } else {
      body = sequence(expandAll(cdr(clause), scope));
    }
    if (isName(car(clause), names().else_)) return body;
    Node *test = nullptr;
    Nodes tests;
    for (Value p = car(clause); isPair(p); p = cdr(p)) {
      // eq? does for all but flonums, which are no one's labels.
      tests.push_back(prim(isFlonum(car(p)) ? kEqv : kEq, {local(key), constant(car(p))}));
    }
    for (size_t i = tests.size(); i-- > 0;) test = test ? makeOr(tests[i], test) : tests[i];
    Node *others = expandCaseClauses(cdr(clauses), key, scope);
    return test ? makeIf(test, body, others) : others;
  }

  Node *expandDo(Value form, const Scope *scope) {
    Value specs = second(form), exit = third(form), body = rest(form, 3);
    if (lengthOfList(specs) < 0 || lengthOfList(exit) < 1) return syntaxError(form);
    Node *loop = make(Kind::Loop);
    std::vector<Scope> scopes;
    scopes.reserve(lengthOfList(specs) + 1);
    std::vector<Value> steps;
    for (Value p = specs; isPair(p); p = cdr(p)) {
      Value spec = car(p);
      int n = lengthOfList(spec);
      if (n < 2 || n > 3 || !isSymbol(car(spec))) return syntaxError(spec);
      loop->vars.push_back(variable(car(spec)));
      loop->args.push_back(expand(second(spec), scope));
      steps.push_back(n == 3 ? third(spec) : car(spec));
    }
    size_t i = 0;
    for (Value p = specs; isPair(p); p = cdr(p)) {
      scopes.push_back({symbolOf(car(car(p))), loop->vars[i++], scopes.empty() ? scope : &scopes.back()});
    }
    const Scope *inner = scopes.empty() ? scope : &scopes.back();
    Node *test = expand(car(exit), inner);
    Node *result = sequence(expandAll(cdr(exit), inner));
    Nodes nodes = expandAll(body, inner);
    Node *again = make(Kind::Continue);
    again->target = loop;
    for (Value step : steps) again->args.push_back(expand(step, inner));
    nodes.push_back(again);
    loop->args.push_back(makeIf(test, result, sequence(std::move(nodes))));
    return loop;
  }

  Node *expandQuasi(Value form, int depth, const Scope *scope) {
    if (isVector(form)) {
      Value list = kNil;
      for (uint32_t i = lengthOf(form); i-- > 0;) list = cons(field(form, i), list);
      return builtinCall(names().listToVector, {expandQuasi(list, depth, scope)});
    }
    if (!isPair(form)) return constant(form);
    if (isName(car(form), names().unquote) && lengthOfList(form) == 2) {
      if (depth == 1) return expand(second(form), scope);
      return requote(form, depth - 1, scope);
    }
    if (isName(car(form), names().quasiquote) && lengthOfList(form) == 2) return requote(form, depth + 1, scope);
    Value first = car(form);
    if (depth == 1 && isPair(first) && isName(car(first), names().unquoteSplicing) && lengthOfList(first) == 2) {
      Node *spliced = expand(second(first), scope);
      if (cdr(form) == kNil) return spliced;
      return builtinCall(names().append, {spliced, expandQuasi(cdr(form), depth, scope)});
    }
    Node *head = expandQuasi(first, depth, scope);
    Node *tail = expandQuasi(cdr(form), depth, scope);
    if (head->kind == Kind::Const && tail->kind == Kind::Const) return constant(cons(head->value, tail->value));
    return prim(kCons, {head, tail});
  }

  Node *requote(Value form, int depth, const Scope *scope) {
    return prim(kCons, {constant(car(form)), expandQuasi(cdr(form), depth, scope)});
  }
};

// Calls `visit` with the name of every definition in a top-level form.
template <class Visit> void eachDefinition(Value form, const Visit &visit) {
  if (!isPair(form) || !isSymbol(car(form)) || !isPair(cdr(form))) return;
  if (symbolOf(car(form)) == Expander::names().begin) {
    for (Value p = cdr(form); isPair(p); p = cdr(p)) eachDefinition(car(p), visit);
  }
  if (symbolOf(car(form)) != Expander::names().define) return;
  Value target = car(cdr(form));
  if (isPair(target)) target = car(target);
  if (isSymbol(target)) visit(symbolOf(target));
}

}  // namespace

bool expandProgram(Program &program, uint32_t file, const char *text, uint32_t size) {
  Aside aside;
  Reader reader(text, size);
  std::vector<Value> data;
  for (;;) {
    Value datum = reader.read();
    if (datum == kUnbound) break;
    if (datum == kFail) {
      fail("bad syntax: " + reader.problem);
      failAt(placeOf(file, reader.line));
      return false;
    }
    data.push_back(datum);
  }
  // A name that a program defines is no standard procedure any more, in this program from its start.
  for (Value datum : data) {
    eachDefinition(datum, [&](Symbol *name) {
      name->standard = nullptr;
      program.definesMain |= name == Expander::names().main;
    });
  }
  Expander expander(file, reader);
  for (Value datum : data) {
    Template *form = expander.expandForm(datum);
    if (expander.failed) return false;
    resolve(form);
    compileToBytecode(form);
    program.forms.push_back(form);
    allForms.push_back(form);
  }
  return true;
}

// ---- Owners, captures, free variables ----

namespace {

void addFree(Template *lambda, Var *var) {
  for (; lambda && lambda != var->owner; lambda = lambda->outer) {
    for (Var *known : lambda->free) {
      if (known == var) return;
    }
    lambda->free.push_back(var);
    var->captured = true;
  }
}

void resolveNode(Node *node, Template *lambda) {
  if (node->kind == Kind::Const) node->value = keep(copyToHeap(node->value));
  for (Var *var : node->vars) var->owner = lambda;
  if (node->var && node->var->owner != lambda) addFree(lambda, node->var);
  if (node->kind == Kind::Lambda) {
    Template *inner = node->lambda;
    inner->outer = lambda;
    for (Var *var : inner->vars) var->owner = inner;
    inner->shape = inner->params | (inner->rest ? kShapeRest : 0) | (inner->library ? kShapeLibrary : 0);
    resolveNode(inner->body, inner);
  }
  for (Node *arg : node->args) resolveNode(arg, lambda);
}

}  // namespace

void resolve(Template *form) { resolveNode(form->body, form); }

void forgetTrees() {
  trees.clear();
  std::vector<Template *>().swap(allForms);
}
