// Memory: malloc and free of the whole guest, and pages for the heap. See memory.cc.
#pragma once
#include <stdint.h>
#include <stdlib.h>

// `size` bytes, a power of two and whole pages, aligned to it, for good; null where the host gives no more.
void *takePages(uint32_t size);

// Fills the content of all free blocks with 0.
void clearFreeMemory();
