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
 * New blocks are cut off the room, memory behind all blocks that was not used yet: a header of size 0,
 * in use, stands at its start, and nothing in it, so that a snapshot has no page of it. A block that is
 * freed right before the room is room again. Where the room ends and more memory is elsewhere, what is
 * left of it becomes a free block, with such a header at its end. Such a row of blocks is a region; the
 * regions are a list, for who must see all blocks.
 */
#include "memory.h"

#include <string.h>

#include <new>

// From where on memory is free; the linker defines it.
extern uint8_t __heap_base;

struct Block {
  uint32_t header;
  Block *next, **link;  // where it is free: the next of its class, and what leads to this one
  uint32_t size() const { return header & ~7u; }
  Block *behind() const { return (Block *)((uint32_t)this + size()); }
  uint32_t &sizeBefore() { return (&header)[-1]; }  // of the block before it, if that is free
};

namespace {

constexpr uint32_t kPage = 1 << 16;
constexpr uint32_t kMaxPages = 0xffff;  // the end of the last page that there can be has no 32-bit address
constexpr uint32_t kUsed = 1, kUsedBefore = 2;
constexpr uint32_t kMinSize = 16;  // header, links and size of a free block
constexpr uint32_t kMaxGiven = 128 << 10;  // of a free block: with more, its headers are worth a page
constexpr uint32_t kPoolBlock = 64 << 10;  // for most programs the only one
constexpr uint32_t kExactBits = 8, kExactClasses = (1 << kExactBits) / 8;
constexpr uint32_t kClasses = kExactClasses + (32 - kExactBits) * 8;

Block *lists[kClasses];
uint32_t filled[kClasses / 32];  // a bit for each class: is there a block?
Block *room;                     // the header at its start; what lies before it is in use
uint32_t roomEnd, roomUsed;      // its end, and up to where there may be something else than 0 in it
uint32_t lastRegion;             // memory that is a row of blocks; its first word says where the one before it is

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

void openRoom(uint32_t at, uint32_t end) {
  room = (Block *)at;
  room->header = kUsed | kUsedBefore;
  roomEnd = end;
}

// Makes a free block of `size` bytes, joined with a free one behind it, or room. The one before it is
// in use.
void putFree(Block *block, uint32_t size) {
  auto behind = (Block *)((uint32_t)block + size);
  if (behind == room) return openRoom((uint32_t)block, roomEnd);
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

// Memory from `start` on, which is aligned to 8, is free to use.
void addRoom(uint32_t start, uint32_t end) {
  if (room && roomEnd == start) {
    roomEnd = end;
    return;
  }
  *(uint32_t *)start = lastRegion;
  lastRegion = start;
  uint32_t left = room ? roomEnd - 4 - (uint32_t)room : 0;
  Block *old = room;
  openRoom(start + 4, end);  // so that contents are aligned
  if (left < kMinSize) return;
  auto behind = (Block *)((uint32_t)old + left);
  behind->header = kUsed;
  putFree(old, left);
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

// At the start there is what the host gave already.
void begin() {
  if (room) return;
  uint32_t start = ((uint32_t)&__heap_base + 7) & ~7u;
  if (memoryEnd() - start < kMinSize && !growMemory(kPage)) __builtin_trap();
  addRoom(start, memoryEnd());
}

uint32_t roomSize() { return roomEnd - 4 - (uint32_t)room; }

// A new block, in use, for which the host gives more memory if need be; or null.
Block *cutOff(uint32_t size) {
  begin();
  if (roomSize() < size) {
    uint32_t end = memoryEnd();
    if (!growMemory(roomEnd == end ? size - roomSize() : size + 8)) return nullptr;
    addRoom(end, memoryEnd());
  }
  Block *block = room;
  block->header = size | kUsed | kUsedBefore;
  openRoom((uint32_t)block->behind(), roomEnd);
  if (roomUsed < (uint32_t)room + 4) roomUsed = (uint32_t)room + 4;
  return block;
}

// A free block, of which the rest stays free.
Block *use(Block *block, uint32_t size) {
  takeOut(block);
  uint32_t rest = block->size() - size;
  if (rest >= kMinSize) {
    block->header -= rest;
    putFree(block->behind(), rest);
  }
  block->header |= kUsed;
  block->behind()->header |= kUsedBefore;
  return block;
}

// With its header.
uint32_t blockSize(uint32_t content) {
  uint32_t size = (content + 4 + 7) & ~7u;
  return size < kMinSize ? kMinSize : size;
}

}  // namespace

Low::Low(uint32_t content) {
  uint32_t size = blockSize(content);
  Block *lowest = nullptr;
  for (Block *block : lists) {
    for (; block; block = block->next) {
      if (block->size() >= size && (!lowest || block < lowest)) lowest = block;
    }
  }
  for (Block **list = lists; list < lists + kClasses; list++) {
    for (Block **at = list; Block *block = *at;) {
      if (block <= lowest) {
        at = &block->next;
        continue;
      }
      use(block, block->size());
      block->next = held;
      held = block;
    }
  }
}

Low::~Low() {
  while (Block *block = held) {
    held = block->next;
    release(block);
  }
}

extern "C" void *malloc(size_t bytes) {
  if (bytes > 0x7fffffff) return nullptr;
  uint32_t size = blockSize(bytes);
  Block *block = findFree(size);
  block = block ? use(block, size) : cutOff(size);
  return block ? &block->next : nullptr;
}

extern "C" void free(void *content) {
  if (content) release((Block *)((uint32_t)content - 4));
}

void *takePages(uint32_t size) {
  begin();
  uint32_t end = memoryEnd(), start = (end + size - 1) & ~(size - 1);
  if (start < end || !growMemory(start - end + size)) return nullptr;
  if (start > end) addRoom(end, start);
  return (void *)start;
}

void clearFreeMemory() {
  for (Block *block : lists) {
    for (; block; block = block->next) memset(block + 1, 0, block->size() - sizeof(Block) - 4);
  }
  uint32_t start = (uint32_t)room + 4, end = roomUsed < roomEnd ? roomUsed : roomEnd;
  if (start < end) memset((void *)start, 0, end - start);
  roomUsed = start;
}

void giveFreeMemoryAway() {
  for (uint32_t region = lastRegion; region; region = *(uint32_t *)region) {
    Block *before = nullptr;
    for (auto block = (Block *)(region + 4), behind = block; block->size() > 0; block = behind) {
      behind = block->behind();
      if (block->header & kUsed) {
        before = block;
      } else if (before && block->size() < kMaxGiven) {
        takeOut(block);
        before->header += block->size();
        behind->header |= kUsedBefore;
        memset(block, 0, block->size());
      }
    }
  }
}

void *Arena::take(uint32_t bytes) {
  uint32_t size = (bytes + 7) & ~7u;
  if (size > end - next) {
    uint32_t room = size > kArenaBlock ? size : kArenaBlock;
    auto block = (Block *)operator new(sizeof(Block) + room);
    block->next = blocks;
    blocks = block;
    next = (uint32_t)(block + 1);
    end = next + room;
  }
  uint32_t start = next;
  next += size;
  return (void *)start;
}

void Arena::clear() {
  while (Block *block = blocks) {
    blocks = block->next;
    free(block);
  }
  next = end = 0;
}

void *Pool::take() {
  if (end - next < size) {
    uint32_t room = kPoolBlock / size * size;
    next = (uint32_t)operator new(room);
    end = next + room;
  }
  uint32_t object = next;
  next += size;
  return (void *)object;
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
