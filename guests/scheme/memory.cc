/*
 * malloc and free, in place of those of wasi-libc: a sealed module keeps them, and an engine must
 * compile them before it can start. These are a tenth of the code.
 *
 * A block is a header word and its content, which is aligned to 8. The header has the block's size,
 * and whether this block and the one before it are in use. A free block has its size in its last word
 * too, so that a block that is freed is joined with its free neighbours; and it is in the list of its
 * class, by size. Small sizes have a class each; beyond there are eight classes to an octave. A bit
 * for each class says whether its list has anything, so that the next bigger block is found at once.
 *
 * Memory that the guest takes from its host is a region: free blocks and blocks in use, and a header
 * of size 0, in use, at its end. Where the next region begins right there, it goes on from that header.
 */
#include "memory.h"

#include <string.h>

#include <new>

// From where on memory is free; the linker defines it.
extern uint8_t __heap_base;

namespace {

constexpr uint32_t kPage = 1 << 16;
constexpr uint32_t kMaxPages = 0xffff;  // the end of the last page that there can be has no 32-bit address
constexpr uint32_t kUsed = 1, kUsedBefore = 2, kFlags = 7;
constexpr uint32_t kMinSize = 16;  // header, links and size of a free block
constexpr uint32_t kExactBits = 8, kExactClasses = (1 << kExactBits) / 8;
constexpr uint32_t kClasses = kExactClasses + (32 - kExactBits) * 8;

struct Block {
  uint32_t header;
  Block *next, **link;  // where it is free: the next of its class, and what leads to this one
  uint32_t size() const { return header & ~kFlags; }
  Block *behind() const { return (Block *)((uint32_t)this + size()); }
  uint32_t &sizeBefore() { return (&header)[-1]; }  // of the block before it, if that is free
};

Block *lists[kClasses];
uint32_t filled[kClasses / 32];  // a bit for each class: is there a block?
Block *last;                     // the header at the end of the last region

uint32_t classOf(uint32_t size) {
  if (size < 1 << kExactBits) return size / 8;
  uint32_t octave = 31 - __builtin_clz(size);
  return kExactClasses + (octave - kExactBits) * 8 + (size >> (octave - 3) & 7);
}

void takeOut(Block *block) {
  *block->link = block->next;
  if (block->next) block->next->link = block->link;
  uint32_t c = classOf(block->size());
  if (!lists[c]) filled[c / 32] &= ~(1u << c % 32);
}

// Makes a free block of `size` bytes, joined with a free one behind it. The one before it is in use.
void putFree(Block *block, uint32_t size) {
  auto behind = (Block *)((uint32_t)block + size);
  if (!(behind->header & kUsed)) {
    takeOut(behind);
    size += behind->size();
    behind = behind->behind();
  }
  behind->header &= ~kUsedBefore;
  behind->sizeBefore() = size;
  uint32_t c = classOf(size);
  filled[c / 32] |= 1u << c % 32;
  *block = {size | kUsedBefore, lists[c], &lists[c]};
  if (block->next) block->next->link = &block->next;
  lists[c] = block;
}

__attribute__((noinline)) void release(Block *block) {
  uint32_t size = block->size();
  if (!(block->header & kUsedBefore)) {
    uint32_t before = block->sizeBefore();
    block = (Block *)((uint32_t)block - before);
    takeOut(block);
    size += before;
  }
  putFree(block, size);
}

uint32_t memoryEnd() { return __builtin_wasm_memory_size(0) * kPage; }

bool growMemory(uint32_t bytes) {
  uint32_t pages = (bytes + kPage - 1) / kPage;
  return __builtin_wasm_memory_size(0) + pages <= kMaxPages && __builtin_wasm_memory_grow(0, pages) != ~0u;
}

// Memory from `start`, which is aligned to 8, is free to use.
void addRegion(uint32_t start, uint32_t end) {
  Block *first = last;
  if (!last || (uint32_t)last + 4 != start) {
    first = (Block *)(start + 4);  // so that contents are aligned
    first->header = kUsedBefore;
  }
  last = (Block *)(end - 4);
  last->header = kUsed;
  first->header |= ((uint32_t)last - (uint32_t)first) | kUsed;
  release(first);
}

// A block of at least `size` bytes, or null. Those of its own class may be too small: only the first
// is looked at, which it often was that was freed last.
Block *findFree(uint32_t size) {
  uint32_t c = classOf(size);
  if (lists[c] && lists[c]->size() >= size) return lists[c];
  c++;
  for (uint32_t i = c / 32, mask = ~0u << c % 32; i < kClasses / 32; i++, mask = ~0u) {
    if (filled[i] & mask) return lists[i * 32 + __builtin_ctz(filled[i] & mask)];
  }
  return nullptr;
}

// Takes memory from the host, in addition to what is free at the end of the last region, and at the
// start, to what the host gave already. The new block is the first of its class, so that it is found.
Block *findNew(uint32_t size) {
  uint32_t end = memoryEnd();
  uint32_t start = last ? end : ((uint32_t)&__heap_base + 7) & ~7u;
  uint32_t needed = size + 8, there = end - start;
  if (last && (uint32_t)last + 4 == end) {
    needed = size;
    there = last->header & kUsedBefore ? 0 : last->sizeBefore();
    if (there >= size) there = size - 1;  // another of its class stood in front of it
  }
  if (needed > there && !growMemory(needed - there)) return nullptr;
  addRegion(start, memoryEnd());
  return findFree(size);
}

}  // namespace

extern "C" void *malloc(size_t bytes) {
  if (bytes > 0x7fffffff) return nullptr;
  uint32_t size = (bytes + 4 + 7) & ~7u;
  if (size < kMinSize) size = kMinSize;
  Block *block = findFree(size);
  if (!block && !(block = findNew(size))) return nullptr;
  takeOut(block);
  uint32_t rest = block->size() - size;
  if (rest >= kMinSize) {
    block->header -= rest;
    putFree(block->behind(), rest);
  }
  block->header |= kUsed;
  block->behind()->header |= kUsedBefore;
  return &block->next;
}

extern "C" void free(void *content) {
  if (content) release((Block *)((uint32_t)content - 4));
}

void *takePages(uint32_t size) {
  if (!last && !findNew(kMinSize)) return nullptr;  // what there is at the start is malloc's
  uint32_t end = memoryEnd(), start = (end + size - 1) & ~(size - 1);
  if (start < end || !growMemory(start - end + size)) return nullptr;
  if (start > end) addRegion(end, start);
  return (void *)start;
}

void clearFreeMemory() {
  for (Block *block : lists) {
    for (; block; block = block->next) memset(block + 1, 0, block->size() - sizeof(Block) - 4);
  }
}

// ---- What libc++ calls ----

void *operator new(size_t size) {
  void *content = malloc(size);
  if (!content) __builtin_trap();  // nothing can go on
  return content;
}
void *operator new[](size_t size) { return operator new(size); }
void operator delete(void *content) noexcept { free(content); }
void operator delete(void *content, size_t) noexcept { free(content); }
void operator delete[](void *content) noexcept { free(content); }
void operator delete[](void *content, size_t) noexcept { free(content); }

// A vector that would be too long; the one of libc++ brings printf along.
void std::__libcpp_verbose_abort(const char *, ...) noexcept { __builtin_trap(); }
