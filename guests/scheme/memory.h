// Memory: malloc and free of the whole guest, and pages for the heap. See memory.cc.
#pragma once
#include <stdint.h>
#include <stdlib.h>

// `size` bytes, a power of two and whole pages, aligned to it, for good; null where the host gives no more.
void *takePages(uint32_t size);

// While it lives, a block of `size` bytes lies as low as it can, and so do smaller ones: what a snapshot
// keeps of a program comes to lie together, in the first holes that the rest left.
class Low {
 public:
  explicit Low(uint32_t size);
  ~Low();

 private:
  struct Block *held = nullptr;  // what is free higher up
};

// Moves what a vector holds there.
template <class Vector> void settle(Vector &vector) {
  Low low(vector.size() * sizeof *vector.data());
  Vector(vector).swap(vector);
}

// Fills the content of all free blocks with 0.
void clearFreeMemory();

// Makes small free blocks part of the blocks before them, so that not even their headers are there.
void giveFreeMemoryAway();

// Memory that goes all at once: nothing in it is freed by itself.
class Arena {
 public:
  // `bytes`, aligned to 8.
  void *take(uint32_t bytes);
  void clear();

 private:
  struct Block {
    Block *next;
    uint32_t padding;  // what lies behind it is aligned to 8
  };
  Block *blocks = nullptr;
  uint32_t next = 0, end = 0;
};
constexpr uint32_t kArenaBlock = 64 << 10;

// Memory for objects of one kind, which are not freed: they lie close together, whatever else is
// allocated meanwhile, so that the few of them that a snapshot keeps are on few pages.
class Pool {
 public:
  explicit constexpr Pool(uint32_t size) : size(size) {}
  void *take();

 private:
  uint32_t size, next = 0, end = 0;
};
