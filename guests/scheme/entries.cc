// What entries reach; the idea stands in entries.h.
#include "entries.h"

#include <algorithm>

#include "heap.h"
#include "library.h"
#include "memory.h"

const std::vector<Value> *onlyEntries;

namespace {

std::vector<Value> roots;

std::vector<Builtin *> builtins;  // all there are

// What the code of a template names. Trees have not been inlined into yet, and say it all.
void reach(Template *t) {
  if (t->reached) return;
  t->reached = true;
  mark(t->name);
  mark(t->closure);
  eachOwnNode(t->body, [](const Node *node) {
    if (node->kind == Kind::Const) mark(node->value);
    if (node->symbol) mark(valueOf(node->symbol));
    if (node->builtin) mark(valueOf(node->builtin));
    if (node->var && node->var->checked) mark(valueOf(node->var->name));  // named by its error
    if (node->lambda) reach(node->lambda);
  });
}

// All templates, each once: forms, and the lambdas in them.
void addTemplates(Template *t, std::vector<Template *> &all) {
  all.push_back(t);
  eachOwnNode(t->body, [&](const Node *node) {
    if (node->kind == Kind::Lambda) addTemplates(node->lambda, all);
  });
}

std::vector<Template *> reached, unreached;
std::vector<uint32_t> droppedSlots;  // of code that nothing calls any more

// What generated code can come to, from the entries on. Not the procedure of a body that stands in the
// place of a call: it is called with arguments that neither was made for, and is interpreted then.
class Calls {
 public:
  void from(Value v) {
    pending.push_back(v);
    while (!pending.empty()) {
      Value next = pending.back();
      pending.pop_back();
      visit(next);
    }
  }

 private:
  std::vector<bool> seen = std::vector<bool>(__builtin_wasm_memory_size(0) * (65536 / 8));  // by address
  std::vector<Value> pending;

  void visit(Value v) {
    bool holds = isPair(v) || isVector(v) || isClosure(v) || isType(v, kBox);
    if (!holds || seen[v >> 3]) return;
    seen[v >> 3] = true;
    if (isPair(v)) {
      pending.push_back(car(v));
      pending.push_back(cdr(v));
      return;
    }
    if (isClosure(v)) enter(templateOf(v));
    for (uint32_t i = isClosure(v) ? 1 : 0; i < lengthOf(v) + isClosure(v); i++) pending.push_back(field(v, i));
  }

  // Of a tree, too, that is only interpreted.
  void enter(Template *t) {
    if (t->called) return;
    t->called = true;
    look(t->body);
  }

  void look(const Node *node) {
    if (node->kind == Kind::Const) pending.push_back(node->value);
    if (node->kind == Kind::Lambda) enter(node->lambda);
    if (node->symbol) pending.push_back(node->symbol->value);
    if (node->kind == Kind::Local && node->var->isKnownClosure()) enter(node->var->lambda);
    for (size_t i = 0; i < node->args.size(); i++) {
      // Whatever uses the variable has its value there, or comes to its lambda here.
      bool known = node->kind == Kind::Inline && i < node->vars.size() && (node->vars[i]->known || node->vars[i]->isKnownClosure());
      if (!known) look(node->args[i]);
    }
  }
};

// Nothing points to it any more, and its memory is not used again: a snapshot leaves zeros out.
template <class T> void clear(T *object) { memset((void *)object, 0, sizeof *object); }

// Of what is left, forgets all but the interpreter's code, and moves that close together. The interpreter
// must not be running.
void packTemplates() {
  uint32_t words = 0;
  for (const Template *t : reached) words += t->codeWords();
  Low low(words * sizeof(uint32_t));
  auto to = new uint32_t[words];
  for (Template *t : reached) {
    memcpy(to, t->code, t->codeWords() * sizeof *to);
    delete[] t->code;
    t->code = to;
    to += t->codeWords();
    t->forgetMaking();
  }
  std::vector<Template *>().swap(reached);
}

bool isCode(uint32_t slot, const std::vector<uint32_t> &slots) {
  return std::find(slots.begin(), slots.end(), slot) != slots.end();
}

}  // namespace

void rememberBuiltin(Builtin *builtin) { builtins.push_back(builtin); }

void keepOnly(const std::vector<Value> &entries) {
  roots = entries;
  onlyEntries = &roots;
  std::vector<Template *> all;
  for (Template *form : allForms) addTemplates(form, all);
  std::vector<Value> marked = entries;
  marked.push_back(applyValue);  // calls are compared with it
  collectPermanent(marked, reach);
  for (Template *t : all) (t->reached ? reached : unreached).push_back(t);
}

std::vector<Template *> entryTemplates() {
  std::vector<Template *> all;
  if (!onlyEntries) return all;
  auto add = [&](Template *t) { addTemplates(t, all); };
  for (Value entry : *onlyEntries) {
    if (!isClosure(entry)) continue;
    Template *t = templateOf(entry);
    add(t);
    eachOwnNode(t->body, [&](const Node *node) {
      bool called = node->kind == Kind::Call && node->args[0]->kind == Kind::Global;
      if (called && node->args[0]->symbol->constant && node->args[0]->symbol->function) add(node->args[0]->symbol->function);
    });
  }
  std::vector<Template *> loaded;
  for (Template *form : allForms) addTemplates(form, loaded);
  for (Template *t : loaded) {
    if (t->warmth > 0) all.push_back(t);
  }
  return all;
}

void dropCode(Template *t) {
  if (t->slot) droppedSlots.push_back(t->slot);
  t->slot = 0;
  t->jit = JitState::Refused;
}

void rememberLifted(Template *t) { reached.push_back(t); }

void findCalled() {
  if (!onlyEntries) return;
  Calls calls;
  for (Value entry : *onlyEntries) calls.from(entry);
}

std::vector<uint32_t> deadSlots() {
  std::vector<uint32_t> live, dead;
  for (const Builtin *b : builtins) {
    if (b->reached) live.push_back(b->function.slot);
  }
  if (!onlyEntries) return dead;
  for (const Builtin *b : builtins) {
    uint32_t slot = b->function.slot;
    if (!isCode(slot, live) && !isCode(slot, dead)) dead.push_back(slot);
  }
  for (const Template *t : unreached) {
    if (t->slot) dead.push_back(t->slot);
  }
  dead.insert(dead.end(), droppedSlots.begin(), droppedSlots.end());
  dead.push_back((uint32_t)reach);  // it has been asked
  return dead;
}

void freeUnreached() {
  for (Template *t : unreached) {
    delete[] t->code;
    clear(t);
  }
  std::vector<Template *>().swap(unreached);
  if (!onlyEntries) return;
  packTemplates();
  freeDroppedSymbols();
  for (Builtin *b : builtins) {
    if (!b->reached) clear(b);
  }
  std::vector<Builtin *>().swap(builtins);
  std::vector<uint32_t>().swap(droppedSlots);
  std::vector<Value>().swap(roots);
}
