/*
 * The JIT's compiler: a lambda's Nodes to one Wasm function of type
 * (stack pointer, closure, arguments...) -> result.
 */
#pragma once
#include "assembler.h"
#include "program.h"

// Guest exports that every module imports, as functions 0 and up.
enum HelperFunction {
  hPrimitive1, hPrimitive2, hPrimitive3, hFail, hAllocate, hSafepoint, hCall, hInterpret, hMiss,
  hCallable, hUnbound, hUnchecked, hSetGlobal, hDefine, hSpread, hAllocateBlock,
  kHelpers
};

// Type k is that of a function of k words.
inline uint32_t functionType(const Template *t) { return t->frameParams() + 2; }

bool canCompile(const Template *t);
// The body, with its locals, as it stands in the code section. Templates with a batch number are in
// the same module, as function kHelpers + batch - 1.
Bytes compileFunction(Template *t);
