/*
 * freeze.h: the contract between `freeze` and a guest that makes code at run time. Version 1.
 *
 * `freeze` instantiates your runtime (the guest), gives it programs, links the WebAssembly modules
 * that its JIT emits (auxiliary modules), takes a snapshot of everything, and writes one plain
 * module in which the generated functions are ordinary functions. This header is all that a guest
 * needs. It has no dependency beyond <stdint.h>, works in C and C++, and targets wasm32.
 *
 * HOW TO USE IT
 *   1. Include it, and write FREEZE_GUEST once, in one source file, at file scope.
 *   2. Define those of the functions below that your runtime has a use for. The header declares
 *      them with their export names, so defining one exports it. Each one is optional, except
 *      that freeze_load needs freeze_run, freeze_alloc and freeze_free, and freeze_linked needs
 *      freeze_poll.
 *   3. Pick a way to hand over code: pull (define freeze_poll) or push (call freeze_link).
 *   4. Export the memory (the linker does) and the table (-Wl,--export-table), and let the table
 *      grow (-Wl,--growable-table). A reactor (-mexec-model=reactor) suits a runtime best.
 *
 * THE ORDER OF CALLS
 *   _initialize (or the start function)
 *   freeze_profile_load  for every --profile
 *   freeze_load    for every --load and --warmup, in the order of the command line
 *   then, in rounds, until a round brings no new code:
 *     freeze_run   for every --warmup
 *     freeze_poll  until it returns 0; each module is linked, then freeze_linked tells how it went
 *   freeze_profile_save  for --profile-out
 *   freeze_entry   for every --entry that is a program, where nothing else will run any more
 *   freeze_seal    where the module will be sealed (docs/sealing.md)
 *   freeze_poll    after it, once more until it returns 0
 *   freeze_before_snapshot
 *   freeze_constants
 *   ... the snapshot is taken here; what follows happens in every instance of the frozen module:
 *   freeze_after_restore, once, before any other export does its work
 *   freeze_run     when the host calls an export that was baked with --entry NAME=FILE
 *
 * WHAT AN AUXILIARY MODULE MAY IMPORT
 *   "env" NAME        the guest's export NAME, whatever it is: memory, table, function, global, tag
 *   "slot" N          the function in slot N (decimal) of the guest's table 0 at this moment. In C
 *                     a function pointer is its slot: what `helper` points to needs no export
 *   MODULE NAME       the value that the guest itself imports as MODULE NAME
 *   AUX NAME          the export NAME of the earlier auxiliary module that was named AUX. Two
 *                     modules of one name are told apart: the second of "f" is "f#2"
 *   Types must fit, as for any import. Anything else fails with FREEZE_UNLINKABLE.
 *
 * HOW ITS CODE BECOMES CALLABLE (its "patch")
 *   With active element segments, or with a start function that does table.grow, table.init or
 *   table.set and stores the new slots where your runtime looks for them. A slot that is written
 *   twice keeps its last function. Patches run once, live; the frozen module never runs them again.
 */
#ifndef FREEZE_H
#define FREEZE_H

#include <stdint.h>

#ifdef __cplusplus
#define FREEZE_C extern "C"
#define FREEZE_ASSERT static_assert
#else
#define FREEZE_C
#define FREEZE_ASSERT _Static_assert
#endif

/* The version of this contract. A later version only adds; a guest of version 1 stays valid. */
#define FREEZE_CONTRACT 1

#define FREEZE_EXPORT(name) FREEZE_C __attribute__((export_name(#name)))

/* Says "this module follows the contract": exports freeze_contract, which returns the version. */
#define FREEZE_GUEST \
  FREEZE_EXPORT(freeze_contract) uint32_t freeze_contract(void) { return FREEZE_CONTRACT; }

FREEZE_EXPORT(freeze_contract) uint32_t freeze_contract(void);

/*
 * How linking a module went. In a build anything but FREEZE_OK is an error that ends it, before the
 * guest is told, unless `freeze build` was given --skip-bad-modules.
 */
enum {
  FREEZE_OK = 0,          /* linked; its start function has run */
  FREEZE_UNAVAILABLE = 1, /* nobody links here: a frozen module, or a host without `freeze` */
  FREEZE_INVALID = 2,     /* the bytes are no valid module */
  FREEZE_UNLINKABLE = 3,  /* an import names nothing, or its type does not fit */
  FREEZE_TRAPPED = 4,     /* an active segment or the start function trapped: what it had written
                             by then stays written */
  FREEZE_LIMIT = 5        /* too many modules, or too large a one */
};

/*
 * An auxiliary module in the guest's memory. 16 bytes, aligned to 4.
 *
 *   offset size
 *        0    4  code       address of the module's first byte ("\0asm")
 *        4    4  code_size  its length in bytes
 *        8    4  name       address of a name in UTF-8, or 0
 *       12    4  name_size  the name's length in bytes; 0 for none
 *
 * The name stands in messages and, before a dot, in the names of the module's functions.
 */
typedef struct freeze_module {
  const void *code;
  uint32_t code_size;
  const char *name;
  uint32_t name_size;
} freeze_module;

FREEZE_ASSERT(sizeof(freeze_module) == 16, "freeze_module is 16 bytes on wasm32");
FREEZE_ASSERT(_Alignof(freeze_module) == 4, "freeze_module is aligned to 4 on wasm32");

/* ---- Programs ------------------------------------------------------------------------------ */

/* Room for `size` bytes that the host will fill; 0 when there is none. */
FREEZE_EXPORT(freeze_alloc) void *freeze_alloc(uint32_t size);

/* Gives back what freeze_alloc gave. */
FREEZE_EXPORT(freeze_free) void freeze_free(void *address, uint32_t size);

/*
 * Makes the program in `text` ready to run, and keeps it: returns a handle above 0 that stays valid
 * in the frozen module, or 0 when it cannot be loaded (freeze_error then says why). `name` is what
 * the user called it, for your messages. Both texts are UTF-8, not NUL-terminated, and the host
 * frees them after the call: copy what you keep.
 */
FREEZE_EXPORT(freeze_load)
int32_t freeze_load(const char *name, uint32_t name_size, const char *text, uint32_t text_size);

/*
 * Runs a loaded program: 0 when it went well, another status when not (freeze_error says why).
 * It may be called any number of times, before the snapshot and after. Flush what it printed. Write
 * errors to standard error too: in a frozen module nobody asks freeze_error.
 */
FREEZE_EXPORT(freeze_run) int32_t freeze_run(int32_t handle);

/* Why the last freeze_load or freeze_run failed: NUL-terminated UTF-8, or 0. */
FREEZE_EXPORT(freeze_error) const char *freeze_error(void);

/* ---- Pull: the host asks for code ----------------------------------------------------------- */

/*
 * The next auxiliary module, or 0 when there is none now. The struct, the code and the name must
 * stay where they are until freeze_linked is called with this same address or, where that is not
 * defined, until the next call of freeze_poll.
 */
FREEZE_EXPORT(freeze_poll) const freeze_module *freeze_poll(void);

/* How that went: FREEZE_OK or another of the statuses. The module's memory is yours again. */
FREEZE_EXPORT(freeze_linked) void freeze_linked(const freeze_module *module, int32_t status);

/* ---- Push: the guest hands code over when it has some ---------------------------------------- */

/*
 * Links the module at `code` now; when this returns FREEZE_OK its patch has run. Its name is the one
 * in its own name section (so is that of a module which freeze_poll gives without). In a frozen
 * module it is no import any more (but with --open) and returns FREEZE_UNAVAILABLE: be ready to go
 * on interpreting. Use it or freeze_poll, not both. A guest that never calls it does not import it.
 */
FREEZE_C __attribute__((import_module("freeze"), import_name("link")))
int32_t freeze_link(const void *code, uint32_t code_size);

/* ---- Profiles -------------------------------------------------------------------------------- */

/*
 * What a runtime has learned in a warm-up, in bytes of its own: which functions got warm, which types
 * they met. `freeze build --profile-out` writes it down, and `--profile` gives it to a later build,
 * several of them where several machines warmed up. Name things by what is the same in each build
 * (file, line, name), never by address; leave out what you do not know; and trust nothing, for a
 * program may have been edited since.
 */
typedef struct freeze_profile {
  const void *bytes; /* offset 0 */
  uint32_t size;     /* offset 4 */
} freeze_profile;

FREEZE_ASSERT(sizeof(freeze_profile) == 8, "freeze_profile is 8 bytes on wasm32");

/*
 * Called after the warm-up, before freeze_before_snapshot: all that is known, with what was merged
 * in. It must stay where it is until the next call; let go of it in freeze_before_snapshot. May be 0
 * when there is nothing to tell.
 */
FREEZE_EXPORT(freeze_profile_save) const freeze_profile *freeze_profile_save(void);

/*
 * Called before the first freeze_load, for each profile: merge it into what is known. The order of
 * profiles, and a profile given twice, must make no difference. 0 when it went well, another status
 * when these are no such bytes (freeze_error says why). Needs freeze_alloc and freeze_free; the host
 * frees the bytes after the call. What was warm is warm from the start: have its code ready at the
 * first freeze_poll, or when it is first run.
 */
FREEZE_EXPORT(freeze_profile_load) int32_t freeze_profile_load(const void *bytes, uint32_t size);

/* ---- Hooks ----------------------------------------------------------------------------------- */

/* Called last before the snapshot. Collect garbage, clear freed memory, close files. */
FREEZE_EXPORT(freeze_before_snapshot) void freeze_before_snapshot(void);

/* ---- Sealing: docs/sealing.md ---------------------------------------------------------------- */

/*
 * Called after the warm-up where the module will be sealed: no code will be linked but what
 * freeze_poll hands over right after it, or freeze_link links during it. All programs are loaded, so
 * this is the moment to compile once more what is warm, knowing all of it: what no code can change
 * any more is constant. (A sealed module without --entry takes programs still: they must not notice.)
 * Free what only your code generator needs, its trees and counters, and clear it, in
 * freeze_before_snapshot at the latest.
 */
FREEZE_EXPORT(freeze_seal) void freeze_seal(void);

/*
 * Where the sealed module exports entries, and nothing that loads or runs a program: `handle`, which
 * freeze_load gave, is one that will run. Called for each of them before freeze_seal, and not at all
 * where anything else may be loaded or run. So what no entry can reach is garbage: other programs,
 * most of a library. What holds it in the table becomes null by a table.set of the last module.
 */
FREEZE_EXPORT(freeze_entry) void freeze_entry(int32_t handle);

/* Bytes of memory 0. 8 bytes, aligned to 4: address, then length. */
typedef struct freeze_range {
  const void *start;
  uint32_t size;
} freeze_range;

FREEZE_ASSERT(sizeof(freeze_range) == 8, "freeze_range is 8 bytes on wasm32");

/*
 * Memory that nothing writes from now on, neither your code nor your host: a list that a range of
 * size 0 ends, or 0. A table slot that is stored there counts as a constant in a sealed module, and
 * a call through it becomes a direct call. Asked for last; writing there later is undefined.
 */
FREEZE_EXPORT(freeze_constants) const freeze_range *freeze_constants(void);

/* ---- Hooks, continued ------------------------------------------------------------------------ */

/*
 * Called once in each instance of the frozen module, before any other export does its work. Forget
 * what belonged to the build: have random generators seeded, arguments and environment read and
 * files opened again when they are next wanted. (Drawing entropy here makes a start fail on a host
 * that gives none.)
 */
FREEZE_EXPORT(freeze_after_restore) void freeze_after_restore(void);

#endif
