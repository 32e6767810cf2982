/*
 * mini: a small Forth with a JIT, written to be read by whoever wants to freeze a runtime of theirs.
 *
 *     text -- forth.c --> instructions -- run.c --> output
 *                              \-- jit.c --> a WebAssembly module -- freeze_link --> output, sooner
 *
 * Only mini.c and jit.c know that `freeze` exists: mini.c says what a program is, jit.c hands over
 * code. Interpreter and generated code share one machine (the stack, the data space, the words), so
 * either can go on where the other stopped.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
typedef int32_t cell;

/* The instructions: a name, the word as it is written, the cells that it takes off the stack. */
#define INSTRUCTIONS(X) \
  X(ADD, "+", 2) X(SUB, "-", 2) X(MUL, "*", 2) X(DIV, "/", 2) X(MOD, "mod", 2) X(AND, "and", 2) \
  X(OR, "or", 2) X(XOR, "xor", 2) X(EQ, "=", 2) X(NE, "<>", 2) X(LT, "<", 2) X(GT, ">", 2) \
  X(ZEQ, "0=", 1) X(NEGATE, "negate", 1) X(DUP, "dup", 1) X(DROP, "drop", 1) X(SWAP, "swap", 2) \
  X(OVER, "over", 2) X(ROT, "rot", 3) X(FETCH, "@", 1) X(STORE, "!", 2) X(DOT, ".", 1) \
  X(EMIT, "emit", 1) X(CR, "cr", 0) X(TYPE, ".\"", 0) X(RANDOM, "random", 1) X(EXIT, "exit", 0) \
  X(I, "i", 0) X(IF, "if", 1) X(ELSE, "else", 0) X(THEN, "then", 0) X(BEGIN, "begin", 0) \
  X(WHILE, "while", 1) X(REPEAT, "repeat", 0) X(UNTIL, "until", 1) X(DO, "do", 2) X(LOOP, "loop", 0) \
  /* without a word of their own: a number, a call */ X(LIT, "", 0) X(CALL, "", 0)
#define ENUM(name, word, takes) OP_##name,
enum op { INSTRUCTIONS(ENUM) OPS };
extern const struct op_info { const char *word; int takes; } ops[OPS];

/* The operand of a jump is another instruction, of LIT its number, of CALL its word. */
struct instr {
  uint32_t op : 8, line : 24;
  cell operand;
};

/* A word as generated code. The stack grows up and `sp` is its first free cell; what comes back is
   the new `sp`, or NULL where the program failed. */
typedef cell *(*entry)(cell *sp, int depth);

struct word {
  entry entry;             /* NULL until a module's start function stores a table slot here */
  struct instr *code;      /* NULL for a constant, a variable, an array: they only have a value */
  cell value;              /* of a word with code: how many instructions it has */
  uint32_t heat;           /* calls and turns of loops that were interpreted */
  uint32_t func;           /* its funcidx while jit.c makes a module that needs it, otherwise 0 */
  const char *name, *file; /* the name stands in the program's text and ends at a space */
};
enum {
  MAX_WORDS = 4096, MAX_CODE = 1 << 16, DATA_CELLS = 1 << 18,
  MAX_LENGTH = 1024, /* instructions in a word */
  MAX_LOOPS = 4,     /* do-loops inside each other in a word */
  MAX_DEPTH = 1000,  /* calls inside each other: fewer than any engine's own stack allows */
  /* Room is looked for on each call and each turn of a loop: what a word pushes in between, at most
     a cell an instruction, fits in beyond the mark. */
  STACK_CELLS = 1 << 14, STACK_MARK = STACK_CELLS - MAX_LENGTH,
  WARM = 200,        /* this heat makes a word worth compiling */
};

extern cell stack[STACK_CELLS], data[DATA_CELLS]; /* @ and ! reach `data`; addresses count cells */
extern struct word words[MAX_WORDS + 1];          /* of all programs, the newest last */
extern int word_count;
extern char error_text[256];
struct word *forth_load(const char *file, const char *text); /* the word `main`, or NULL */
int name_size(const char *name);
cell *run(struct word *word, cell *sp, int depth);
cell *step(const struct instr *in, cell *sp);        /* no jump, no call; `sp` has what it takes */
cell *fail(const struct instr *in, const char *why); /* notes an error; always NULL */
void seed_again(void);
void jit_compile(struct word *word);
void jit_clear(bool ask_again);
