/*
 * What `freeze` sees of this Forth: the functions of freeze.h, a few lines each. A runtime that can
 * load a text and run it is most of the way there.
 */
#include "freeze.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mini.h"

FREEZE_GUEST

void *freeze_alloc(uint32_t size) { return malloc(size); }
void freeze_free(void *address, uint32_t size) { (void)size, free(address); }

static void complain(void) { fflush(stdout), fprintf(stderr, "%s\n", error_text); }

/* Compiles the definitions. The host frees both texts after the call, and words point into them:
   they are copied. A handle is any number above 0; here it tells which word is the program. */
int32_t freeze_load(const char *name, uint32_t name_size, const char *text, uint32_t text_size) {
  char *file = strndup(name, name_size), *program = strndup(text, text_size);
  struct word *word = NULL;
  strcpy(error_text, "out of memory");
  if (file && program) word = forth_load(file, program);
  if (word) return (int32_t)(word - words) + 1;
  complain();
  free(file), free(program);
  return 0;
}

/* Any number of times, before the snapshot and after, so it relies on nothing that the run before
   left. Variables do keep their values, from run to run and through the snapshot. */
int32_t freeze_run(int32_t handle) {
  if (handle < 1 || handle > word_count || !words[handle - 1].code) return 2;
  error_text[0] = 0;
  bool fine = run(&words[handle - 1], stack, 0) != NULL;
  if (!fine) complain();
  fflush(stdout); /* what is still in a buffer at the snapshot, every instance would print again */
  return fine ? 0 : 1;
}

const char *freeze_error(void) { return error_text[0] ? error_text : NULL; }

/* What the warm-up left lying about would be in every instance: cells on the stack, the bytes of
   modules that are linked by now. Zeros cost nothing in a snapshot. */
void freeze_before_snapshot(void) {
  memset(stack, 0, sizeof stack);
  jit_clear(false);
}

/* What must not be the same in every instance, and what may have changed: perhaps somebody links
   here. It is part of each start, so it only takes notes: `random` draws when it is first used. */
void freeze_after_restore(void) {
  seed_again();
  jit_clear(true);
}
