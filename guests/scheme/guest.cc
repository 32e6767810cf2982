/*
 * A Scheme with a JIT, as a guest of `freeze`: the functions of freeze.h.
 *
 * A program that defines `main` is evaluated when it is loaded, and running it calls (main). Any
 * other is evaluated when it runs, form by form, each time anew; what was compiled belongs to the
 * lambda expressions and stays. All programs share one global environment.
 */
#include "freeze.h"

#include <algorithm>
#include <vector>

#include "closed.h"
#include "entries.h"
#include "heap.h"
#include "interpret.h"
#include "jit.h"
#include "library.h"
#include "memory.h"
#include "ports.h"
#include "print.h"
#include "profile.h"

FREEZE_GUEST

namespace {

// Cleared once it is loaded: a snapshot leaves zeros out.
char prelude[] = {
#embed "prelude.scm"
};

struct LoadedProgram {
  std::vector<Value> forms;  // closures without parameters
  Value main = kUnbound;
};
std::vector<LoadedProgram> programs;
bool sealed = false;  // no more code is asked for
std::vector<int32_t> entries;  // handles of what will run, where nothing else will

Text lastError;

bool runForms(const LoadedProgram &program) {
  for (Value form : program.forms) {
    if (callFromHost(form) == kFail) return false;
  }
  return true;
}

bool loadForms(LoadedProgram &loaded, bool &definesMain, uint32_t file, const char *text, uint32_t size) {
  Program program;
  if (!expandProgram(program, file, text, size)) return false;
  for (Template *form : program.forms) loaded.forms.push_back(closureOf(form));
  definesMain = program.definesMain;
  // Nothing is compiled any more: what comes is interpreted, and all the rest with it.
  if (worldClosed && breaksClosedWorld(program.forms)) jitEnabled = false;
  return true;
}

// Programs that are no entry will not run, nor will forms that have.
void keepEntries() {
  std::vector<Value> roots;
  for (size_t i = 0; i < programs.size(); i++) {
    LoadedProgram &program = programs[i];
    bool runs = std::find(entries.begin(), entries.end(), (int32_t)i + 1) != entries.end();
    if (!runs || program.main != kUnbound) std::vector<Value>().swap(program.forms);
    if (!runs) program.main = kUnbound;
    else if (program.main != kUnbound) roots.push_back(program.main);
    roots.insert(roots.end(), program.forms.begin(), program.forms.end());
  }
  keepOnly(roots);
  std::vector<int32_t>().swap(entries);
}

void reportError() {
  lastError = errorMessage();
  flushOutput();
  Text line = lastError;
  line += '\n';
  writeError(line);
}

// Before the first program: the standard procedures.
void openLibrary() {
  static bool opened = false;
  if (opened) return;
  opened = true;
  definePrimitives();
  defineNumbers();
  defineLists();
  defineStrings();
  definePorts();
  LoadedProgram library;
  bool definesMain;
  if (!loadForms(library, definesMain, addFile("library", 7), prelude, sizeof prelude) || !runForms(library)) __builtin_trap();
  memset(prelude, 0, sizeof prelude);
}

}  // namespace

void define(Builtin *builtins, size_t count, bool effects) {
  for (Builtin *b = builtins; b < builtins + count; b++) {
    b->effects = effects || b->name[strlen(b->name) - 1] == '!';
    rememberBuiltin(b);
    Symbol *name = intern(b->name);
    name->standard = b;
    setGlobal(name, valueOf(b));
  }
}

void *freeze_alloc(uint32_t size) { return malloc(size); }

void freeze_free(void *address, uint32_t) { free(address); }

int32_t freeze_load(const char *name, uint32_t nameSize, const char *text, uint32_t size) {
  openLibrary();
  LoadedProgram loaded;
  bool definesMain;
  bool fine = loadForms(loaded, definesMain, addFile(name, nameSize), text, size);
  if (fine && definesMain) {
    fine = runForms(loaded);
    flushOutput();
    loaded.main = keep(intern("main")->value);
  }
  if (!fine) {
    reportError();
    return 0;
  }
  programs.push_back(std::move(loaded));
  return (int32_t)programs.size();
}

int32_t freeze_run(int32_t handle) {
  if (handle < 1 || handle > (int32_t)programs.size()) {
    lastError = "no such program";
    return 2;
  }
  const LoadedProgram &program = programs[handle - 1];
  bool fine;
  if (program.main == kUnbound) fine = runForms(program);
  else [[clang::always_inline]] fine = callFromHost(program.main) != kFail;
  if (!fine) reportError();
  flushOutput();
  return fine ? 0 : 1;
}

const char *freeze_error() { return lastError.empty() ? nullptr : lastError.c_str(); }

const freeze_module *freeze_poll() {
  if (!sealed) return nextModule();
  if (worldClosed || !jitEnabled) return nullptr;
  if (!entries.empty()) keepEntries();
  std::vector<Template *> running;
  for (const LoadedProgram &program : programs) {
    if (program.main != kUnbound) continue;
    for (Value form : program.forms) running.push_back(templateOf(form));
  }
  closeWorld(running);
  return lastModule();
}

void freeze_linked(const freeze_module *module, int32_t status) { moduleLinked(module, status); }

// A pointer and a size, for as long as nothing else is called.
const freeze_profile *freeze_profile_save() {
  static freeze_profile profile;
  const Text &text = profileText();
  profile = {text.data(), (uint32_t)text.size()};
  return &profile;
}

int32_t freeze_profile_load(const void *bytes, uint32_t size) {
  if (mergeProfile((const char *)bytes, size)) return 0;
  lastError = "this is no profile of a Scheme program";
  return 1;
}

void freeze_entry(int32_t handle) { entries.push_back(handle); }

void freeze_seal() { sealed = true; }

void freeze_before_snapshot() {
  closePorts();
  dropProfile(sealed);
  if (sealed) forgetTrees();
  freeUnreached();
  cleanForSnapshot();
  settleFiles();
  settle(programs);
  clearFreeMemory();  // a snapshot leaves zeros out
  if (sealed) giveFreeMemoryAway();
}

void freeze_after_restore() {
  seedIsOld = true;
}

// For comparison and tests: with the JIT off, neither is code generated nor generated code entered.
FREEZE_EXPORT(scheme_set_jit) void scheme_set_jit(int32_t on) { jitEnabled = on; }

// How many calls and loop iterations make a lambda expression worth compiling.
FREEZE_EXPORT(scheme_set_threshold) void scheme_set_threshold(int32_t threshold) {
  warmThreshold = threshold > 0 ? (uint32_t)threshold : 1;
}

// For tests of the collector: with `on`, every safepoint collects.
FREEZE_EXPORT(scheme_set_stress) void scheme_set_stress(int32_t on) {
  collectAlways = on;
  collect(stack);
}

FREEZE_EXPORT(scheme_collections) uint32_t scheme_collections() { return heapStatistics.collections; }
