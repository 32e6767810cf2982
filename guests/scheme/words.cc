// Words; see words.h.
#include "words.h"

#include "memory.h"

#include <stdlib.h>
#include <string.h>

void Words::moveTo(uint32_t size) {
  auto more = (uint32_t *)malloc(size * sizeof *words);
  if (!more) __builtin_trap();  // the host gives no more memory: nothing can go on
  memcpy(more, words, length * sizeof *words);
  free(words);
  words = more;
  room = size;
}

void Words::settle() {
  if (length == 0) return;
  Low low(length * sizeof *words);
  moveTo(length);
}

void Words::clear() {
  free(words);
  words = nullptr;
  length = room = 0;
}
