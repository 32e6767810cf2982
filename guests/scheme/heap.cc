// The heap's implementation; its idea stands in heap.h.
#include "heap.h"

#include <utility>
#include <vector>

#include "memory.h"
#include "space.h"
#include "words.h"

Vm vm;
Value *stack;
HeapStatistics heapStatistics;
bool collectAlways;

namespace {

constexpr uint32_t kChunkSize = 1 << kChunkBits;
constexpr uint32_t kGranules = kChunkSize / 8, kBitmapWords = kGranules / 32;
constexpr uint32_t kFirstGranule = kBitmapWords * 4 / 8;  // the bitmap lies at the chunk's start
constexpr uint32_t kLarge = 4096;          // a block of this size or more is malloc'ed
constexpr uint32_t kMinRun = 4;            // granules; a shorter free run is not worth a visit
constexpr uint32_t kFirstRun = 4096;       // granules of the one that a start finds
constexpr uint32_t kMinHeap = 4 << 20;     // no collection before this much is in use
constexpr uint32_t kEdenChunks = kMinHeap / kChunkSize;

struct Large {
  Large *next;
  uint32_t size;
  uint32_t marked;
  uint32_t padding;  // keeps the block behind it aligned to 8
};

Words chunks;
std::vector<Value> kept;
Words pending;  // marked, contents not yet visited
Large *larges;
uint32_t largeBytes;                    // allocated as large blocks since the last collection
uint32_t largeQuota = kMinHeap;
uint32_t chunkQuota = kEdenChunks;      // chunks to be added before the next collection is wanted
uint32_t sweepChunk, sweepGranule;      // where the search for the next free run goes on

uint32_t *bitmapOf(uint32_t chunk) { return (uint32_t *)chunk; }
bool testBit(const uint32_t *bitmap, uint32_t i) { return bitmap[i >> 5] >> (i & 31) & 1; }

void wantCollection() { vm.limit = vm.interpreterLimit = 0; }

void addChunk() {
  auto chunk = (uint32_t)takePages(kChunkSize);
  if (!chunk) __builtin_trap();  // the host gives no more memory: nothing can go on
  memset((void *)chunk, 0, kFirstGranule * 8);
  isChunk[chunk >> kChunkBits] = 1;
  chunks.push(chunk);
  heapStatistics.chunks = chunks.size();
}

// The stack lies behind the first chunk, and what is free before it is malloc's: so most of what a
// program leaves behind once it is loaded lies close together at the start of memory. Engines that
// map a snapshot make an image of all from its first byte to its last.
void addStack() {
  addChunk();
  chunkQuota--;
  stack = (Value *)takePages(kStackWords * sizeof *stack);
  if (!stack) __builtin_trap();
}

// First granule at or after `i` whose bit is `bit`, or kGranules.
uint32_t scan(const uint32_t *bitmap, uint32_t i, bool bit) {
  while (i < kGranules) {
    uint32_t word = bit ? bitmap[i >> 5] : ~bitmap[i >> 5];
    word >>= i & 31;
    if (word) return i + __builtin_ctz(word);
    i = (i | 31) + 1;
  }
  return kGranules;
}

// Moves vm.free to the next free run of at least `granules`; false when the chunks are used up.
bool nextRun(uint32_t granules) {
  for (; sweepChunk < chunks.size(); sweepChunk++, sweepGranule = kFirstGranule) {
    uint32_t chunk = chunks[sweepChunk];
    while (sweepGranule < kGranules) {
      uint32_t start = scan(bitmapOf(chunk), sweepGranule, false);
      uint32_t end = start < kGranules ? scan(bitmapOf(chunk), start, true) : kGranules;
      sweepGranule = end;
      if (end - start >= granules && end - start >= kMinRun) {
        vm.free = chunk + start * 8;
        vm.freeEnd = chunk + end * 8;
        return true;
      }
    }
  }
  return false;
}

uint32_t allocateLarge(uint32_t size) {
  auto large = (Large *)malloc(sizeof(Large) + size);
  if (!large) __builtin_trap();
  *large = {larges, size, 0, 0};
  larges = large;
  largeBytes += size;
  if (largeBytes > largeQuota) wantCollection();
  return (uint32_t)(large + 1);
}

uint32_t blockOf(Value v) {
  switch (v & 7) {
    case kPairTag: return v + kCarOffset;
    case kFlonumTag: return v + kFlonumOffset;
    default: return v + kHeaderOffset;
  }
}

// Symbols and builtins are permanent, and the symbol table is a root of its own, but where only
// entries will run.
void (*reachTemplate)(Template *);

void markPermanent(Value v) {
  if (!reachTemplate) return;
  bool &reached = isSymbol(v) ? symbolOf(v)->reached : builtinOf(v)->reached;
  if (isSymbol(v) && !reached) pending.push(v);
  reached = true;
}

uint32_t sizeOf(Value v) {
  if (!isObject(v)) return 8;
  uint32_t length = lengthOf(v);
  uint32_t payload = isString(v) ? 4 + length : isClosure(v) ? 4 + 4 * length : 4 * length;
  return (4 + payload + 7) & ~7u;
}

}  // namespace

void mark(Value v) {
  if (isFixnum(v) || (v & 7) == kImmediateTag) return;
  uint32_t block = blockOf(v);
  uint32_t chunk = block & ~(kChunkSize - 1);
  uint32_t size;
  if (isChunk[block >> kChunkBits]) {
    uint32_t *bitmap = bitmapOf(chunk);
    uint32_t first = (block - chunk) >> 3;
    if (testBit(bitmap, first)) return;
    size = sizeOf(v);
    for (uint32_t i = first; i < first + size / 8; i++) bitmap[i >> 5] |= 1u << (i & 31);
  } else {
    if (isSymbol(v) || isBuiltin(v)) return markPermanent(v);
    Large *large = (Large *)block - 1;
    if (large->marked) return;
    large->marked = 1;
    size = large->size;
  }
  heapStatistics.liveBytes += size;
  if (!isFlonum(v) && !isString(v)) pending.push(v);
}

namespace {

bool isBlock(Value v) { return !isFixnum(v) && (v & 7) != kImmediateTag; }

void markSymbol(Symbol *s) {
  mark(s->value);
  mark(s->name);
}

void markContents(Value v) {
  if (isSymbol(v)) return markSymbol(symbolOf(v));
  if (isPair(v)) {
    mark(car(v));
    mark(cdr(v));
    return;
  }
  uint32_t first = isClosure(v) ? 1 : 0;  // a closure's template is permanent
  if (first && reachTemplate) reachTemplate(templateOf(v));
  uint32_t count = first + lengthOf(v);
  for (uint32_t i = first; i < count; i++) {
    if (isBlock(field(v, i))) mark(field(v, i));
  }
}

void markPending() {
  while (!pending.empty()) markContents(pending.pop());
}

constexpr uint32_t kBuckets = 256;
Symbol *symbols[kBuckets];
Symbol *droppedSymbols;

void dropSymbols() {
  for (Symbol *&bucket : symbols) {
    for (Symbol **link = &bucket; Symbol *s = *link;) {
      if (s->reached) {
        link = &s->next;
      } else {
        *link = s->next;
        s->next = droppedSymbols;
        droppedSymbols = s;
      }
    }
  }
}

bool isMarked(Value v) {
  if (!isBlock(v)) return false;
  uint32_t block = blockOf(v), chunk = block & ~(kChunkSize - 1);
  if (isChunk[block >> kChunkBits]) return testBit(bitmapOf(chunk), (block - chunk) >> 3);
  return !isSymbol(v) && !isBuiltin(v) && ((Large *)block - 1)->marked;
}

void clearMarks() {
  heapStatistics.collections++;
  heapStatistics.liveBytes = 0;
  for (uint32_t chunk : chunks) memset((void *)chunk, 0, kFirstGranule * 8);
}

void markRoots(Value *top) {
  for (Value *p = stack; p < top; p++) {
    if ((*p & 0xffff) == kSkip) p += (*p >> 16) - 1;
    else mark(*p);
  }
  for (Value v : kept) mark(v);
  for (Symbol *bucket : symbols) {
    for (Symbol *s = bucket; s; s = s->next) markSymbol(s);
  }
}

void freeLarges() {
  for (Large **link = &larges; *link;) {
    Large *large = *link;
    if (large->marked) {
      large->marked = 0;
      link = &large->next;
    } else {
      *link = large->next;
      free(large);
    }
  }
}

Arena aside;
bool isAside;
uint32_t otherFree, otherEnd;  // vm.free and vm.freeEnd of the other place: the heap's, or aside

// Where the next blocks come from.
void change(bool toAside) {
  std::swap(vm.free, otherFree);
  std::swap(vm.freeEnd, otherEnd);
  isAside = toAside;
}

uint32_t allocateAside(uint32_t size) {
  uint32_t room = size > kArenaBlock ? size : kArenaBlock;
  vm.free = (uint32_t)aside.take(room);
  vm.freeEnd = vm.free + room;
  return allocate(size);
}

}  // namespace

Aside::Aside() { change(true); }

Aside::~Aside() {
  aside.clear();
  vm.free = vm.freeEnd = 0;
  change(false);
}

InHeap::InHeap() : wasAside(isAside) {
  if (wasAside) change(false);
}

InHeap::~InHeap() {
  if (wasAside) change(true);
}

uint32_t allocateSlow(uint32_t size) {
  if (isAside) return allocateAside(size);
  if (!stack) {
    sweepGranule = kFirstGranule;
    addStack();
  }
  if (size >= kLarge) return allocateLarge(size);
  while (!nextRun(size / 8)) {
    if (chunkQuota > 0) chunkQuota--;
    else wantCollection();
    addChunk();
  }
  return allocate(size);
}

Value keep(Value v) {
  kept.push_back(v);
  return v;
}

namespace {

void sweep() {
  freeLarges();
  // The heap may grow to twice what lives before the next collection.
  uint32_t live = heapStatistics.liveBytes;
  uint32_t wanted = (2 * live > kMinHeap ? 2 * live : kMinHeap) / kChunkSize;
  chunkQuota = wanted > chunks.size() ? wanted - chunks.size() : 0;
  largeQuota = live > kMinHeap ? live : kMinHeap;
  largeBytes = 0;
  vm.free = vm.freeEnd = 0;
  sweepChunk = 0;
  sweepGranule = kFirstGranule;
  vm.limit = vm.trueLimit;
  vm.interpreterLimit = stackEnd();
  if (collectAlways) wantCollection();
}

}  // namespace

void collect(Value *top) {
  clearMarks();
  markRoots(top);
  markPending();
  sweep();
}

void collectPermanent(const std::vector<Value> &roots, void (*reach)(Template *)) {
  clearMarks();
  reachTemplate = reach;
  for (Value v : roots) mark(v);
  markPending();
  reachTemplate = nullptr;
  dropSymbols();
  std::erase_if(kept, [](Value v) { return !isMarked(v); });
  kept.shrink_to_fit();
  sweep();
  pending.clear();
}

void freeDroppedSymbols() {
  while (Symbol *s = droppedSymbols) {
    droppedSymbols = s->next;
    memset((void *)s, 0, sizeof *s);
  }
}

void cleanForSnapshot() {
  collect(stack);
  pending.clear();
  for (uint32_t chunk : chunks) {
    uint32_t *bitmap = bitmapOf(chunk);
    for (uint32_t i = kFirstGranule; i < kGranules; i++) {
      if (!testBit(bitmap, i)) *(uint64_t *)(chunk + i * 8) = 0;
    }
  }
  settle(kept);
  chunks.settle();
  memset(stack, 0, kStackWords * sizeof *stack);
  // A run that does for a while: shorter ones before it wait for the next collection.
  if (!nextRun(kFirstRun)) sweepChunk = 0, sweepGranule = kFirstGranule;
}

Value makeVector(uint32_t length, Value fill) {
  Value v = allocateObject(kVector, length, length);
  for (uint32_t i = 0; i < length; i++) field(v, i) = fill;
  return v;
}

uint32_t countChars(const char *text, uint32_t bytes) {
  uint32_t chars = 0;
  for (uint32_t i = 0; i < bytes; i++) chars += (text[i] & 0xc0) != 0x80;
  return chars;
}

Value allocateString(uint32_t bytes, uint32_t chars) {
  Value v = allocateObject(kString, bytes, 1 + (bytes + 3) / 4);
  field(v, 0) = chars;
  return v;
}

Value makeString(const char *text, uint32_t bytes) {
  Value v = allocateString(bytes, countChars(text, bytes));
  memcpy(stringText(v), text, bytes);
  return v;
}

Value makeStringOf(const char *text) { return makeString(text, strlen(text)); }

namespace {

Value copyOf(Value v) {
  if (isFixnum(v) || (v & 7) == kImmediateTag) return v;
  if (isPair(v)) {
    Value copy = cons(copyOf(car(v)), kNil), last = copy;
    for (v = cdr(v); isPair(v); v = cdr(v)) last = cdr(last) = cons(copyOf(car(v)), kNil);
    cdr(last) = copyOf(v);
    return copy;
  }
  if (isFlonum(v)) return flonum(flonumOf(v));
  if (isString(v)) return makeString(stringText(v), stringBytes(v));
  if (!isVector(v)) return v;
  Value copy = makeVector(lengthOf(v), kNil);
  for (uint32_t i = 0; i < lengthOf(v); i++) field(copy, i) = copyOf(field(v, i));
  return copy;
}

}  // namespace

Value copyToHeap(Value v) {
  InHeap inHeap;
  return copyOf(v);
}

Symbol *intern(const char *text, uint32_t bytes) {
  uint32_t hash = 5381;
  for (uint32_t i = 0; i < bytes; i++) hash = hash * 33 + (uint8_t)text[i];
  Symbol **bucket = &symbols[hash % kBuckets];
  for (Symbol *s = *bucket; s; s = s->next) {
    if (stringBytes(s->name) == bytes && !memcmp(stringText(s->name), text, bytes)) return s;
  }
  static Pool pool(sizeof(Symbol));
  InHeap inHeap;
  auto symbol = new (pool.take()) Symbol{kSymbol, kUnbound, nullptr, makeString(text, bytes), nullptr, *bucket, false, false};
  return *bucket = symbol;
}

Symbol *intern(const char *text) { return intern(text, strlen(text)); }

void setGlobal(Symbol *symbol, Value value) {
  symbol->value = value;
  symbol->function = isClosure(value) ? templateOf(value) : nullptr;
}
