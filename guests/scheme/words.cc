// Words; see words.h.
#include "words.h"

#include <stdlib.h>
#include <string.h>

void Words::grow() {
  room = room ? 2 * room : 64;
  auto more = (uint32_t *)malloc(room * sizeof *words);
  if (!more) __builtin_trap();  // the host gives no more memory: nothing can go on
  memcpy(more, words, length * sizeof *words);
  free(words);
  words = more;
}

void Words::clear() {
  free(words);
  words = nullptr;
  length = room = 0;
}
