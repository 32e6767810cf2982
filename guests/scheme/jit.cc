/*
 * The module side of the JIT: takes what got warm, has each lambda compiled, and wraps the functions
 * up as a module that patches itself in. Its start function grows the table, copies the functions
 * into the new slots, and stores each slot in its template: nobody needs to know a slot beforehand.
 */
#include "jit.h"

#include "assembler.h"
#include "closed.h"
#include "compile.h"
#include "entries.h"
#include "heap.h"
#include "interpret.h"
#include "library.h"
#include "print.h"

namespace {

// ---- What generated code calls ----

// A template that so many calls did not fit is compiled again, for any arguments.
constexpr uint32_t kMaxMisses = 30;

// May generated code go on with the stack at `sp`? Collects if that was asked for.
uint32_t passSafepoint(Value *sp) {
  if (!vm.interpreterLimit) collect(sp);
  return (uint32_t)sp < vm.trueLimit;
}

// Calls any value. Builtins, which generated code calls here when they come as values, are quick.
Value callAny(Value *sp, uint32_t argc) {
  Value callee = sp[-(int)argc - 1];
  if (!isBuiltin(callee) || callee == applyValue) return call(sp, argc);
  return checkCall(callee, argc) ? callBuiltin(builtinOf(callee), sp - argc, argc) : (Value)kFail;
}

Value interpretCall(Value *sp, uint32_t argc) { return interpret(sp, argc, true); }

// A call whose arguments are not of the kinds that the code was compiled for.
Value interpretMiss(Value *sp, uint32_t argc) {
  Template *t = templateOf(sp[-(int)argc - 1]);
  if (t->jit == JitState::Linked && ++t->misses == kMaxMisses) {
    t->guarded = false;
    t->jit = JitState::Queued;
    warmTemplates.push((uint32_t)t);
  }
  return interpret(sp, argc, true);
}

// May this be called with the caller's frame gone? Not if the caller's line is wanted for an error.
uint32_t isCallable(Value procedure, uint32_t argc) {
  if (!isClosure(procedure)) return 0;
  Template *t = templateOf(procedure);
  return !t->library && (t->rest ? argc >= t->params : argc == t->params);
}

Value define(Symbol *symbol, Value value) {
  setGlobal(symbol, value);
  return kUnspecified;
}

// Puts the elements of the list on top of the stack in its place; how many arguments there are then,
// or -1 with an error under way.
uint32_t spreadList(Value *sp, uint32_t argc) { return spread(sp, argc) ? argc : ~0u; }

// What allocates inline calls allocateSlow only where the run of free memory ends.
uint32_t allocateBlock(uint32_t size) { return allocate(size); }

// A function of `params` words, imported from its table slot, which in C its address is.
struct Helper {
  const char *name;
  uint32_t params;
  const void *function;
  uint32_t slot() const { return (uint32_t)function; }
};
// In the order of enum HelperFunction.
const Helper helpers[] = {
    {"primitive1", 2, (void *)primitive1},     {"primitive2", 3, (void *)primitive2},
    {"primitive3", 4, (void *)primitive3},   {"fail", 2, (void *)failWithin},
    {"allocate", 1, (void *)allocateSlow},   {"safepoint", 1, (void *)passSafepoint},
    {"call", 2, (void *)callAny},            {"interpret", 2, (void *)interpretCall},
    {"miss", 2, (void *)interpretMiss},      {"callable?", 2, (void *)isCallable},
    {"unbound", 1, (void *)failUnbound},     {"unchecked", 1, (void *)failUnchecked},
    {"set global", 2, (void *)setExistingGlobal}, {"define", 2, (void *)define},
    {"spread", 2, (void *)spreadList},       {"allocate block", 1, (void *)allocateBlock},
};
static_assert(sizeof helpers / sizeof *helpers == kHelpers);

// ---- Modules ----

// Type k is that of a function of k words; the start function's comes last.
constexpr uint32_t kTypes = kMaxCompiledParams + 3, kStartType = kTypes;

struct {
  freeze_module handle;
  Bytes code;
  Text name;
  std::vector<Template *> templates;
  uint32_t count;  // modules so far
} pending;
std::vector<Template *> linked;  // whose code has been linked

Bytes typeSection() {
  Bytes out;
  out.u32(kTypes + 1);
  for (uint32_t k = 0; k < kTypes; k++) {
    out.byte(0x60);
    out.u32(k);
    for (uint32_t i = 0; i < k; i++) out.byte(wI32);
    out.u32(1);
    out.byte(wI32);
  }
  out.byte(0x60);
  out.u32(0);
  out.u32(0);
  return out;
}

Bytes importSection() {
  Bytes out;
  out.u32(kHelpers + 2);
  for (const Helper &helper : helpers) {
    out.text("slot");
    out.text(decimal(helper.slot()));
    out.byte(0x00);
    out.u32(helper.params);
  }
  out.text("env");
  out.text("memory");
  out.byte(0x02);
  out.byte(0x00);
  out.u32(1);
  out.text("env");
  out.text("__indirect_function_table");
  out.byte(0x01);
  out.byte(wFuncref);
  out.byte(0x00);
  out.u32(1);
  return out;
}

Bytes functionSection(const std::vector<Template *> &templates) {
  Bytes out;
  out.u32(templates.size() + 1);
  for (Template *t : templates) out.u32(functionType(t));
  out.u32(kStartType);
  return out;
}

Bytes startSection(uint32_t functions) {
  Bytes out;
  out.u32(kHelpers + functions);
  return out;
}

Bytes elementSection(uint32_t functions) {
  Bytes out;
  out.u32(1);
  out.u32(1);      // passive
  out.byte(0x00);  // of functions
  out.u32(functions);
  for (uint32_t i = 0; i < functions; i++) out.u32(kHelpers + i);
  return out;
}

// Of what no entry calls, and of what this module, the last one, has imported.
std::vector<uint32_t> uselessSlots() {
  std::vector<uint32_t> slots = deadSlots();
  for (const Helper &helper : helpers) slots.push_back(helper.slot());
  return slots;
}

/*
 * base = table.grow(n); every template's slot = base + its number, where table.init puts its function.
 * A template that had a slot keeps it, and gets its new function there. Slots that nobody will call
 * become null.
 */
Bytes startFunction(const std::vector<Template *> &templates) {
  Code code;
  constexpr uint32_t kBase = 0;
  uint32_t fresh = 0;
  for (Template *t : templates) fresh += !(worldClosed && t->slot);
  code.byte(0xd0), code.byte(wFuncref);  // ref.null func
  code.constant(fresh);
  code.byte(0xfc), code.u32(15), code.u32(0);  // table.grow
  code.tee(kBase);
  code.constant(~0u);
  code.op(wI32Eq);
  code.open(wIf);
  code.op(wUnreachable);  // no room: the host is told that linking trapped
  code.close();
  uint32_t added = 0;
  for (uint32_t i = 0; i < templates.size(); i++) {
    bool keeps = worldClosed && templates[i]->slot;
    auto pushSlot = [&] {
      if (keeps) return code.constant(templates[i]->slot);
      code.get(kBase);
      code.constant(added);
      code.op(wI32Add);
    };
    pushSlot();
    code.constant(i);
    code.constant(1u);
    code.byte(0xfc), code.u32(12), code.u32(0), code.u32(0);  // table.init
    code.constant(templates[i]);
    pushSlot();
    code.store(0);
    added += !keeps;
  }
  for (uint32_t slot : worldClosed && onlyEntries ? uselessSlots() : std::vector<uint32_t>()) {
    code.constant(slot);
    code.byte(0xd0), code.byte(wFuncref);  // ref.null func
    code.byte(0x26), code.u32(0);          // table.set
  }
  code.op(wEnd);
  Bytes out;
  out.u32(1);
  out.u32(1);
  out.byte(wI32);
  out.append(code);
  return out;
}

Bytes nameSection(const Text &module, const std::vector<Template *> &templates) {
  Bytes moduleName, functionNames, out;
  moduleName.text(module);
  functionNames.u32(kHelpers + templates.size() + 1);
  for (uint32_t i = 0; i < kHelpers; i++) {
    functionNames.u32(i);
    functionNames.text(helpers[i].name);
  }
  for (uint32_t i = 0; i < templates.size(); i++) {
    Template *t = templates[i];
    uint32_t line = t->place & ((1 << kLineBits) - 1);
    functionNames.u32(kHelpers + i);
    functionNames.text(displayed(t->name) + " " + fileName(t->place >> kLineBits) + ":" + decimal(line));
  }
  functionNames.u32(kHelpers + templates.size());
  functionNames.text("link");
  out.text("name");
  out.byte(0);
  out.sized(moduleName);
  out.byte(1);
  out.sized(functionNames);
  return out;
}

void writeModule(const std::vector<Template *> &templates, const std::vector<Bytes> &functions) {
  Bytes &out = pending.code;
  uint32_t n = templates.size();
  out.data = {0, 'a', 's', 'm', 1, 0, 0, 0};
  out.section(1, typeSection());
  out.section(2, importSection());
  out.section(3, functionSection(templates));
  out.section(8, startSection(n));
  out.section(9, elementSection(n));
  Bytes code;
  code.u32(n + 1);
  for (const Bytes &function : functions) code.sized(function);
  code.sized(startFunction(templates));
  out.section(10, code);
  out.section(0, nameSection(pending.name, templates));
}

const freeze_module *makeModule(std::vector<Template *> templates) {
  std::vector<Bytes> functions;
  for (Template *t : templates) functions.push_back(compileFunction(t));
  for (Template *t : templates) t->batch = 0;
  pending.name = "jit" + decimal(++pending.count);
  writeModule(templates, functions);
  pending.templates = std::move(templates);
  pending.handle = {pending.code.data.data(), (uint32_t)pending.code.data.size(), pending.name.data(), (uint32_t)pending.name.size()};
  return &pending.handle;
}

}  // namespace

const freeze_module *nextModule() {
  std::vector<Template *> templates;
  for (uint32_t word : warmTemplates) {
    auto t = (Template *)word;
    bool fits = canCompile(t);
    t->jit = fits ? JitState::Sent : JitState::Refused;
    if (fits) templates.push_back(t);
    t->batch = fits ? templates.size() : 0;
  }
  warmTemplates.clear();
  return templates.empty() ? nullptr : makeModule(std::move(templates));
}

const freeze_module *lastModule() {
  for (uint32_t word : warmTemplates) {
    auto t = (Template *)word;
    if (!t->slot) linked.push_back(t);
  }
  warmTemplates.clear();
  // Where nothing became warm, nobody asked for code.
  for (Template *t : linked.empty() ? std::vector<Template *>() : entryTemplates()) {
    if (!t->slot) linked.push_back(t);
  }
  std::vector<Template *> inlined;
  for (Template *t : linked) {
    if (t->batch || !isReached(t) || !canCompile(t)) continue;
    inlined.push_back(t);
    t->batch = inlined.size();
  }
  std::vector<Template *>().swap(linked);
  countSites(inlined);
  Nodes bodies;
  for (Template *t : inlined) bodies.push_back(inlinedBody(t));
  for (size_t i = 0; i < inlined.size(); i++) {
    Node *before = inlined[i]->body;
    inlined[i]->body = bodies[i];
    if (!canCompile(inlined[i])) inlined[i]->body = before;
  }
  findCalled();
  std::vector<Template *> templates;
  for (Template *t : inlined) {
    if (isCalled(t)) templates.push_back(t);
    else dropCode(t);
    t->batch = isCalled(t) ? templates.size() : 0;
  }
  return templates.empty() && deadSlots().empty() ? nullptr : makeModule(std::move(templates));
}

void moduleLinked(const freeze_module *module, int32_t status) {
  if (module != &pending.handle) return;
  for (Template *t : pending.templates) {
    if (status == FREEZE_OK && t->jit != JitState::Linked && !worldClosed) linked.push_back(t);
    t->jit = status == FREEZE_OK || t->slot ? JitState::Linked : JitState::Refused;
  }
  std::vector<Template *>().swap(pending.templates);
  Text().swap(pending.name);
  auto &bytes = pending.code.data;
  memset(bytes.data(), 0, bytes.size());  // a snapshot leaves zeros out
  std::vector<uint8_t>().swap(bytes);
}
