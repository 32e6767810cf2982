/*
 * The JIT: a warm word and all that it calls become one auxiliary module. `freeze_link` puts it
 * beside this guest, or says that nobody links here; then the words go on being interpreted.
 *
 * A word is a function (sp, depth) -> sp. While code runs straight on, what it has on the stack is
 * in locals; before a call, a branch or a label they are spilled. So there memory is what it is in
 * the interpreter, and an instruction that is not worth translating is handed to `step`.
 */
#include "freeze.h"

#include <stdio.h>
#include <string.h>
#include "mini.h"
#include "wasm.h"

static struct word *batch[MAX_WORDS], *imported[MAX_WORDS]; /* words to compile; compiled before */
static uint32_t batched, imports;
static bool unavailable; /* asked once, and again after a restore */

/* Functions: imports come first. Types: that of words, `fail` and `step`; that of the start. */
enum { FAIL, STEP, FIRST_WORD, WORD_TYPE = 0, START_TYPE = 1 };

/* Locals of a word: its parameters, index and limit of each loop, cells of the stack. */
enum { SP, DEPTH, LOOPS, REACH = 8, CELLS = LOOPS + 2 * MAX_LOOPS, END = CELLS + 2 * REACH };
static int low, high; /* these cells are in locals, counted from where `sp` was when none were */
static int loop;      /* the local of the innermost loop's index; the next one has its limit */

static void get(int cell) { with(W_GET, CELLS + REACH + cell); }
static void set(int cell) { with(W_SET, CELLS + REACH + cell); }
static void move_sp(int cells) { with(W_GET, SP), constant(4 * cells), put(W_ADD), with(W_SET, SP); }

static void spill(void) {
  for (int i = low; i < high; i++) with(W_GET, SP), get(i), memory(W_STORE, 4 * (i - low));
  if (high > low) move_sp(high - low);
  low = high = 0;
}

/* Takes the top cell, spills what lies below, and leaves the cell on WebAssembly's own stack. */
static void take(void) {
  int top = --high;
  spill(), get(top);
}

/* After a condition: where it holds, the program fails. An address is a constant, for this memory
   is the memory in which the code will run, in the frozen module too. */
static void guard(const struct instr *in, const char *why) {
  with(W_IF, W_VOID), address(in), address(why), with(W_CALL, FAIL), put(W_RETURN), put(W_END);
}
static void guard_room(const struct instr *in) {
  with(W_GET, SP), address(stack + STACK_MARK), put(W_GT_U), guard(in, "stack overflow");
}

/* Loads what an instruction takes and is not in locals yet; makes room in them for one cell more. */
static void prepare(const struct instr *in) {
  int missing = ops[in->op].takes - (high - low);
  if (low - missing < -REACH || high + 1 >= REACH) spill(), missing = ops[in->op].takes;
  if (missing <= 0) return;
  with(W_GET, SP), address(stack + missing), put(W_LT_U), guard(in, "stack underflow");
  move_sp(-missing);
  low -= missing;
  for (int i = 0; i < missing; i++) with(W_GET, SP), memory(W_LOAD, 4 * i), set(low + i);
}

/* After a call that answers `sp`, or 0 where the program failed. */
static void check(void) {
  with(W_TEE, SP), put(W_EQZ), with(W_IF, W_VOID), constant(0), put(W_RETURN), put(W_END);
}

static const uint8_t binary[OPS] = {
  [OP_ADD] = W_ADD, [OP_SUB] = W_SUB, [OP_MUL] = W_MUL, [OP_AND] = W_AND, [OP_OR] = W_OR,
  [OP_XOR] = W_XOR, [OP_EQ] = W_EQ, [OP_NE] = W_NE, [OP_LT] = W_LT_S, [OP_GT] = W_GT_S,
};

static void translate(const struct instr *in) {
  bool truth = binary[in->op] <= W_GT_U; /* 1 in WebAssembly is -1 in Forth */
  prepare(in);
  switch (in->op) {
    case OP_LIT: constant(in->operand), set(high++); return;
    case OP_I: with(W_GET, loop), set(high++); return;
    case OP_DUP: get(high - 1), set(high++); return;
    case OP_OVER: get(high - 2), set(high++); return;
    case OP_DROP: high--; return;
    case OP_SWAP: get(high - 2), get(high - 1), set(high - 2), set(high - 1); return;
    case OP_ZEQ: constant(0), get(high - 1), put(W_EQZ), put(W_SUB), set(high - 1); return;
    case OP_DIV: case OP_MOD:
      get(high - 1), put(W_EQZ), guard(in, "division by zero");
      get(high - 2), put(W_EXTEND), get(high - 1), put(W_EXTEND);
      put(in->op == OP_DIV ? W_DIV64 : W_REM64), put(W_WRAP), set(--high - 1);
      return;
    case OP_FETCH: case OP_STORE:
      get(high - 1), constant(DATA_CELLS), put(W_GE_U), guard(in, "an address outside of the data space");
      get(high - 1), constant(2), put(W_SHL);
      if (in->op == OP_FETCH) memory(W_LOAD, (uintptr_t)data), set(high - 1);
      else get(high - 2), memory(W_STORE, (uintptr_t)data), high -= 2;
      return;
    case OP_IF: take(), with(W_IF, W_VOID); return;
    case OP_ELSE: spill(), put(W_ELSE); return;
    case OP_THEN: spill(), put(W_END); return;
    case OP_BEGIN: spill(), with(W_BLOCK, W_VOID), with(W_LOOP, W_VOID), guard_room(in); return;
    case OP_WHILE: take(), put(W_EQZ), with(W_BR_IF, 1); return;
    case OP_UNTIL: take(), put(W_EQZ), with(W_BR_IF, 0), put(W_END), put(W_END); return;
    case OP_REPEAT: spill(), with(W_BR, 0), put(W_END), put(W_END); return;
    case OP_DO:
      loop += 2, get(--high), with(W_SET, loop), take(), with(W_SET, loop + 1);
      with(W_GET, loop), with(W_GET, loop + 1), put(W_LT_S), with(W_IF, W_VOID), with(W_LOOP, W_VOID);
      guard_room(in);
      return;
    case OP_LOOP:
      spill(), with(W_GET, loop), constant(1), put(W_ADD), with(W_TEE, loop);
      with(W_GET, loop + 1), put(W_LT_S), with(W_BR_IF, 0), put(W_END), put(W_END), loop -= 2;
      return;
    case OP_EXIT: spill(), with(W_GET, SP), put(W_RETURN); return;
    case OP_CALL:
      spill(), with(W_GET, SP), with(W_GET, DEPTH), constant(1), put(W_ADD);
      with(W_CALL, ((struct word *)in->operand)->func), check();
      return;
    default:
      if (binary[in->op]) {
        if (truth) constant(0);
        get(high - 2), get(high - 1), put(binary[in->op]), high--;
        if (truth) put(W_SUB);
        set(high - 1);
      } else spill(), address(in), with(W_GET, SP), with(W_CALL, STEP), check();
  }
}

static void translate_word(const struct word *word) {
  uint32_t body = open_size();
  put_u32(1), put_u32(END - LOOPS), put(W_I32);
  low = high = 0, loop = LOOPS - 2;
  const struct instr *first = word->code;
  with(W_GET, DEPTH), constant(MAX_DEPTH), put(W_GT_S), guard(first, "calls are nested too deeply");
  guard_room(first);
  for (int i = 0; i < word->value; i++) translate(&word->code[i]);
  put(W_END), close_size(body);
}

/* The patch: base = table.grow(count); table.init(base, all of them); word->entry = base + its
   number, for each. From then on `run` enters the code; nobody had to know a slot beforehand. */
static void translate_start(void) {
  uint32_t body = open_size();
  put_u32(1), put_u32(1), put(W_I32);
  with(W_REF_NULL, W_FUNCREF), constant(batched), put(W_PREFIX), with(W_TABLE_GROW, 0), with(W_TEE, 0);
  constant(-1), put(W_EQ), with(W_IF, W_VOID), put(W_UNREACHABLE), put(W_END);
  with(W_GET, 0), constant(0), constant(batched), put(W_PREFIX), with(W_TABLE_INIT, 0), put_u32(0);
  for (uint32_t i = 0; i < batched; i++)
    address(&batch[i]->entry), with(W_GET, 0), constant(i), put(W_ADD), memory(W_STORE, 0);
  put(W_END), close_size(body);
}

/* A function pointer in C is a slot of the table: any function can be imported by it. */
static void import_slot(uintptr_t slot) {
  char text[11];
  put_name("slot", 4), put_name(text, snprintf(text, sizeof text, "%lu", slot));
  put(0), put_u32(WORD_TYPE);
}

static void emit_module(void) {
  uint32_t section, names;
  size = 0;
  for (int i = 0; i < 8; i++) put((uint8_t)"\0asm\1\0\0\0"[i]);
  section = open_section(1), put_u32(2); /* types */
  put(W_FUNC), put_u32(2), put(W_I32), put(W_I32), put_u32(1), put(W_I32);
  put(W_FUNC), put_u32(0), put_u32(0);
  close_size(section), section = open_section(2), put_u32(FIRST_WORD + imports + 2); /* imports */
  import_slot((uintptr_t)fail), import_slot((uintptr_t)step);
  for (uint32_t i = 0; i < imports; i++) import_slot((uintptr_t)imported[i]->entry);
  put_name("env", 3), put_name("memory", 6), put(2), put(0), put_u32(0);
  put_name("env", 3), put_name("__indirect_function_table", 25), put(1), put(W_FUNCREF), put(0), put_u32(0);
  close_size(section), section = open_section(3), put_u32(batched + 1); /* functions */
  for (uint32_t i = 0; i < batched; i++) put_u32(WORD_TYPE);
  put_u32(START_TYPE);
  close_size(section), section = open_section(8), put_u32(FIRST_WORD + imports + batched); /* start */
  close_size(section), section = open_section(9), put_u32(1), put_u32(1), put(0), put_u32(batched);
  for (uint32_t i = 0; i < batched; i++) put_u32(batch[i]->func); /* elements: one passive segment */
  close_size(section), section = open_section(10), put_u32(batched + 1); /* code */
  for (uint32_t i = 0; i < batched; i++) translate_word(batch[i]);
  translate_start();
  close_size(section), section = open_section(0); /* names: for traces, and for `freeze inspect` */
  put_name("name", 4), put(1), names = open_size(), put_u32(batched);
  for (uint32_t i = 0; i < batched; i++)
    put_u32(batch[i]->func), put_name(batch[i]->name, name_size(batch[i]->name));
  close_size(names), close_size(section);
}

/* Visits a word once: one that is code already is imported, another goes along. */
static void visit(struct word *word) {
  if (word->func != 0) return;
  word->func = 1; /* any but 0, until its number is known */
  if (word->entry) imported[imports++] = word;
  else batch[batched++] = word;
}

void jit_compile(struct word *word) {
  if (unavailable || word->entry) return;
  batched = imports = 0;
  visit(word);
  for (uint32_t i = 0; i < batched; i++) {
    for (const struct instr *in = batch[i]->code; in < batch[i]->code + batch[i]->value; in++)
      if (in->op == OP_CALL) visit((struct word *)in->operand);
  }
  for (uint32_t i = 0; i < imports; i++) imported[i]->func = FIRST_WORD + i;
  for (uint32_t i = 0; i < batched; i++) batch[i]->func = FIRST_WORD + imports + i;
  emit_module();
  /* Whatever else it answers, words without code are interpreted, and not tried a second time. */
  if (size <= sizeof bytes) unavailable = freeze_link(bytes, size) == FREEZE_UNAVAILABLE;
  for (uint32_t i = 0; i < batched; i++) batch[i]->func = 0;
  for (uint32_t i = 0; i < imports; i++) imported[i]->func = 0;
}

void jit_clear(bool ask_again) {
  memset(bytes, 0, sizeof bytes);
  if (ask_again) unavailable = false;
}
