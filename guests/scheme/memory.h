// Memory: malloc and free of the whole guest, and pages for the heap. See memory.cc.
#pragma once
#include <stdint.h>
#include <stdlib.h>

// `size` bytes, a power of two and whole pages, aligned to it, for good; null where the host gives no more.
void *takePages(uint32_t size);

// Moves what a vector holds to where memory is free now: what a snapshot keeps of a program comes to lie
// together, in the holes that the rest left.
template <class Vector> void settle(Vector &vector) { Vector(vector).swap(vector); }

// Fills the content of all free blocks with 0.
void clearFreeMemory();

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
