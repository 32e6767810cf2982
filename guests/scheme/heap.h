/*
 * The heap: a mark and sweep collector that never moves anything.
 *
 * Small blocks live in chunks of 256 KiB. A chunk's bitmap has a bit for every 8 bytes; marking sets
 * the bits of every granule that a live block covers, so that a run of zero bits is free memory, and
 * allocation is a bump through the current run. Large blocks are malloc'ed, with a mark of their own.
 *
 * Garbage is collected at safepoints only: at the entry of a procedure that calls others, and at a
 * loop's back edge.
 * Allocation itself never collects; it takes more memory and asks for a collection by lowering the
 * stack limits to 0, which the stack check at every safepoint then sees. So no C++ code and no
 * straight-line generated code has roots to declare: the roots are the stack, exactly up to its
 * pointer and but for what frames skip (kSkip), the symbols, and the constants of programs.
 */
#pragma once
#include <vector>

#include "value.h"

// What generated code reads and writes at fixed addresses.
struct Vm {
  uint32_t free;       // where the next block goes
  uint32_t freeEnd;    // end of the current free run
  uint32_t limit;      // generated code may use the stack up to here; 0 asks for a collection
  uint32_t trueLimit;  // what `limit` is when nothing is asked for
  uint32_t interpreterLimit;  // the same for the interpreter: the stack's end, or 0
};
extern Vm vm;

constexpr uint32_t kStackWords = 1 << 20;
extern Value *stack;

// Words at the end of the stack that the interpreter leaves to generated code, whose budget they hold.
constexpr uint32_t kStackReserve = 4096;
inline uint32_t stackEnd() { return (uint32_t)(stack + kStackWords - kStackReserve); }

// A block of `size` bytes (a multiple of 8); its content is undefined.
uint32_t allocateSlow(uint32_t size);
inline uint32_t allocate(uint32_t size) {
  uint32_t block = vm.free;
  if (__builtin_expect(size > vm.freeEnd - block, 0)) return allocateSlow(size);
  vm.free = block + size;
  return block;
}

inline Value cons(Value a, Value d) {
  Value v = allocate(8) - kCarOffset;
  car(v) = a;
  cdr(v) = d;
  return v;
}

inline Value flonum(double d) {
  Value v = allocate(8) - kFlonumOffset;
  *(double *)(v + kFlonumOffset) = d;
  return v;
}

inline Value integer(int64_t n) { return fitsFixnum(n) ? fixnum((int32_t)n) : flonum((double)n); }

// An object with `words` words of payload, undefined; `length` goes into the header.
inline Value allocateObject(Type type, uint32_t length, uint32_t words) {
  Value v = allocate((4 + 4 * words + 7) & ~7u) - kHeaderOffset;
  wordAt(v, kHeaderOffset) = type | length << 8;
  return v;
}

inline Value makeBox(Value content) {
  Value v = allocateObject(kBox, 1, 1);
  field(v, 0) = content;
  return v;
}

Value makeVector(uint32_t length, Value fill);
Value makeString(const char *text, uint32_t bytes);
Value makeStringOf(const char *text);
// A string to be filled by the caller, who says how many characters its bytes are.
Value allocateString(uint32_t bytes, uint32_t chars);
uint32_t countChars(const char *text, uint32_t bytes);

/*
 * What a program is read into is garbage once it is expanded. It lies aside, in memory that is freed
 * then, so that what stays lies close together. Nothing may collect meanwhile.
 */
class Aside {
 public:
  Aside();
  ~Aside();
};
// In the midst of that, what stays.
class InHeap {
 public:
  InHeap();
  ~InHeap();

 private:
  bool wasAside;
};
// A copy of a datum, in the heap; of a symbol or a procedure, itself.
Value copyToHeap(Value v);

Symbol *intern(const char *text, uint32_t bytes);
Symbol *intern(const char *text);
void setGlobal(Symbol *symbol, Value value);

// Keeps `v` alive for good.
Value keep(Value v);

// Marks from the roots, the stack up to `top` among them, and frees the rest.
void collect(Value *top);
// Marks from these roots alone, through symbols and builtins too, which are permanent otherwise, and
// the templates of closures, of each of which `reach` marks the rest. What was not marked is kept no
// longer, and symbols among it are in no table any more. The stack must be empty.
void collectPermanent(const std::vector<Value> &roots, void (*reach)(Template *));
void mark(Value v);
// Frees those symbols.
void freeDroppedSymbols();
// What freeze_before_snapshot needs: collects, then fills free memory and the unused stack with 0.
void cleanForSnapshot();

struct HeapStatistics {
  uint32_t collections, liveBytes, chunks;
};
extern HeapStatistics heapStatistics;
// For tests: collect at every safepoint, so that a root that was missed shows at once.
extern bool collectAlways;
