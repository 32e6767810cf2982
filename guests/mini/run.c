/*
 * The interpreter, and what generated code shares with it: `step` performs one instruction, `fail`
 * notes an error, for both. An error comes back as NULL through all calls, so nothing is unwound: a
 * guest must stay fit to run the next program.
 */
#include <stdio.h>
#include <unistd.h>
#include "mini.h"

cell stack[STACK_CELLS], data[DATA_CELLS];

cell *fail(const struct instr *in, const char *why) {
  const struct word *word = words;
  for (int i = 0; i < word_count; i++) {
    if (words[i].code && words[i].code <= in) word = &words[i];
  }
  int size = name_size(word->name);
  snprintf(error_text, sizeof error_text, "%s:%d: %s, in %.*s", word->file, in->line, why, size, word->name);
  return NULL;
}

/* While a program is warmed up, `random` gives the same numbers each time: entropy that went into
   a snapshot would be the same in every instance. Each instance draws its own, at the first
   `random` after its start and not before, as a host may have none to give. */
static uint32_t seed = 2463534242u;
static bool seed_is_old;
void seed_again(void) { seed_is_old = true; }

static cell next_random(cell bound) {
  if (seed_is_old && (getentropy(&seed, sizeof seed) != 0 || seed == 0)) seed = 1;
  seed_is_old = false;
  seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5; /* Marsaglia's xorshift */
  return (cell)(seed % (uint32_t)bound);
}

static inline cell *perform(const struct instr *in, cell *sp) {
#define A sp[-1]
#define B sp[-2]
#define BINARY(OP, result) case OP_##OP: B = (result); return sp - 1;
  switch (in->op) {
    BINARY(ADD, B + A) BINARY(SUB, B - A) BINARY(MUL, B * A) BINARY(AND, B & A) BINARY(OR, B | A)
    BINARY(XOR, B ^ A) BINARY(EQ, -(B == A)) BINARY(NE, -(B != A)) BINARY(LT, -(B < A)) BINARY(GT, -(B > A))
    case OP_DIV: case OP_MOD: /* in 64 bits, where the smallest number divided by -1 is a number */
      if (A == 0) return fail(in, "division by zero");
      B = (cell)(in->op == OP_DIV ? (int64_t)B / A : (int64_t)B % A);
      return sp - 1;
    case OP_ZEQ: A = -(A == 0); return sp;
    case OP_NEGATE: A = -A; return sp;
    case OP_DUP: sp[0] = A; return sp + 1;
    case OP_DROP: return sp - 1;
    case OP_SWAP: sp[0] = A, A = B, B = sp[0]; return sp;
    case OP_OVER: sp[0] = B; return sp + 1;
    case OP_ROT: sp[0] = sp[-3], sp[-3] = B, B = A, A = sp[0]; return sp;
    case OP_FETCH: case OP_STORE:
      if ((uint32_t)A >= DATA_CELLS) return fail(in, "an address outside of the data space");
      if (in->op == OP_STORE) return data[A] = B, sp - 2;
      return A = data[A], sp;
    case OP_DOT: printf("%d ", (int)A); return sp - 1;
    case OP_EMIT: putchar(A & 0xff); return sp - 1;
    case OP_CR: putchar('\n'); return sp;
    case OP_TYPE:
      for (const char *c = (const char *)in->operand; *c != '"'; c++) putchar(*c);
      return sp;
    case OP_RANDOM:
      if (A <= 0) return fail(in, "random below a number that is not above 0");
      return A = next_random(A), sp;
    default: __builtin_unreachable();
  }
}

cell *step(const struct instr *in, cell *sp) { return perform(in, sp); }

static void warm(struct word *word) {
  if (++word->heat == WARM) jit_compile(word);
}

cell *run(struct word *word, cell *sp, int depth) {
  if (!word->entry) warm(word);
  if (word->entry) return word->entry(sp, depth);
  if (depth > MAX_DEPTH) return fail(word->code, "calls are nested too deeply");
  if (sp > stack + STACK_MARK) return fail(word->code, "stack overflow");
  cell index[MAX_LOOPS], limit[MAX_LOOPS];
  int loop = -1;
  for (const struct instr *in = word->code;; in++) {
    if (sp - stack < ops[in->op].takes) return fail(in, "stack underflow");
    switch (in->op) {
      case OP_LIT: *sp++ = in->operand; break;
      case OP_I: *sp++ = index[loop]; break;
      case OP_CALL:
        if (!(sp = run((struct word *)in->operand, sp, depth + 1))) return NULL;
        break;
      case OP_EXIT: return sp;
      case OP_IF: case OP_WHILE:
        if (!*--sp) in = (const struct instr *)in->operand;
        break;
      case OP_ELSE: in = (const struct instr *)in->operand; break;
      case OP_THEN: break;
      case OP_UNTIL:
        if (*--sp) break; /* fall through */
      case OP_REPEAT: in = (const struct instr *)in->operand; /* fall through */
      case OP_BEGIN:
      turn: /* a loop turns, and `in` is what began it */
        if (sp > stack + STACK_MARK) return fail(in, "stack overflow");
        warm(word);
        break;
      case OP_DO: /* unlike in other Forths, not even once when there is nothing to count */
        limit[++loop] = sp[-2], index[loop] = sp[-1], sp -= 2;
        if (index[loop] < limit[loop]) goto turn;
        loop--, in = (const struct instr *)in->operand;
        break;
      case OP_LOOP:
        if (++index[loop] < limit[loop]) {
          in = (const struct instr *)in->operand;
          goto turn;
        }
        loop--;
        break;
      default:
        if (!(sp = perform(in, sp))) return NULL;
    }
  }
}
