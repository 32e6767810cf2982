/*
 * Text to instructions. Loops and conditions stay recognisable: a jump goes from one of their words
 * to another, so that jit.c can turn them into WebAssembly's blocks as they stand.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mini.h"

#define INFO(name, word, takes) {word, takes},
const struct op_info ops[OPS] = {INSTRUCTIONS(INFO)};
struct word words[MAX_WORDS + 1];
int word_count;
char error_text[256];
static struct instr code[MAX_CODE + MAX_LENGTH];
static int code_used, data_used;
static const char *file, *at, *token;         /* what is read, where, and the token read last */
static int line, loops, open_count, open[MAX_LENGTH + 1]; /* `open` waits for then, until, loop */
static bool failed, defining, has_number;     /* `defining`: between : and ; */
static cell number;                           /* stands before `constant` or `array` */

int name_size(const char *name) { return (int)strcspn(name, " \t\r\n"); }
/* Notes the first error, and answers false, as do all below that something went wrong in. */
static bool syntax(const char *why) {
  if (failed) return false;
  failed = true;
  const char *colon = *token ? ": " : ""; /* there is no token at the end of the file */
  snprintf(error_text, sizeof error_text, "%s:%d: %s%s%.*s", file, line, why, colon, name_size(token), token);
  return false;
}

static bool next_token(void) {
  for (; *at && strchr(" \t\r\n", *at); at++) line += *at == '\n';
  token = at;
  at += name_size(at);
  return *token;
}
static bool is(const char *name) {
  return name_size(name) == at - token && memcmp(name, token, at - token) == 0;
}
static bool skip_past(char last) {
  const char *end = strchr(at, last);
  if (!end && last != '\n') return syntax("this goes on to the end of the file");
  for (; *at && (!end || at <= end); at++) line += *at == '\n';
  return true;
}

static bool emit(enum op op, cell operand) {
  if (!defining && op == OP_LIT) number = operand, has_number = true;
  else if (!defining) syntax("only declarations stand outside of definitions");
  else if (&code[code_used] - words[word_count].code == MAX_LENGTH) syntax("this word is too long");
  else code[code_used++] = (struct instr){op, line, operand};
  return !failed;
}

static bool open_with(enum op op) { return open[open_count++] = code_used, emit(op, 0); }

/* Closes the innermost open instruction, which must be one of two: it jumps to what comes next. */
static cell close(enum op op, enum op other) {
  struct instr *from = open_count > 0 ? &code[open[--open_count]] : NULL;
  if (!from || (from->op != op && from->op != other)) return syntax("this closes nothing"), 0;
  from->operand = (cell)&code[code_used];
  return (cell)from;
}

static struct word *new_word(void) {
  if (word_count == MAX_WORDS || code_used > MAX_CODE) syntax("there is no room for more words");
  if (defining) syntax("this cannot stand in a definition");
  if (!next_token()) syntax("a name must follow");
  words[word_count] = (struct word){.name = token, .file = file};
  return &words[word_count];
}

/* `variable x`, `10 array x`, `10 constant x`: words that stand for a number. */
static bool define_value(char kind) {
  cell cells = kind == 'v' ? 1 : kind == 'a' ? number : 0;
  struct word *word = new_word();
  if (kind != 'v' && !has_number) return syntax("a number must stand before this");
  if (cells < 0 || cells > DATA_CELLS - data_used) return syntax("there is no room for this");
  word->value = kind == 'c' ? number : data_used;
  data_used += cells, word_count++, has_number = false;
  return true;
}

static bool compile_instruction(enum op op) {
  switch (op) {
    case OP_IF: case OP_BEGIN: case OP_WHILE: return open_with(op);
    case OP_ELSE: close(OP_IF, OP_IF); return open_with(op);
    case OP_THEN: close(OP_IF, OP_ELSE); return emit(op, 0);
    case OP_REPEAT: close(OP_WHILE, OP_WHILE); return emit(op, close(OP_BEGIN, OP_BEGIN));
    case OP_UNTIL: return emit(op, close(OP_BEGIN, OP_BEGIN));
    case OP_DO: return loops++ == MAX_LOOPS ? syntax("too many loops in each other") : open_with(op);
    case OP_LOOP: loops--; return emit(op, close(OP_DO, OP_DO));
    case OP_I: return loops == 0 ? syntax("this is in no loop") : emit(op, 0);
    case OP_TYPE: emit(op, (cell)at + (*at != 0)); return skip_past('"');
    default: return emit(op, 0);
  }
}

static bool compile_token(void) {
  if (is("\\")) return skip_past('\n');
  if (is("(")) return skip_past(')');
  if (is("variable") || is("array") || is("constant")) return define_value(*token);
  if (is("recurse")) return emit(OP_CALL, (cell)&words[word_count]);
  if (is(":")) {
    new_word()->code = &code[code_used];
    return defining = true;
  }
  if (is(";")) {
    emit(OP_EXIT, 0);
    if (open_count > 0) syntax("something before this is not closed");
    words[word_count].value = (cell)(&code[code_used] - words[word_count].code);
    defining = false, word_count++; /* until here, the name meant what it meant before */
    return true;
  }
  for (struct word *word = words + word_count; word-- > words;) {
    if (is(word->name)) return word->code ? emit(OP_CALL, (cell)word) : emit(OP_LIT, word->value);
  }
  for (enum op op = 0; op < OP_LIT; op++) {
    if (is(ops[op].word)) return compile_instruction(op);
  }
  char *rest;
  errno = 0;
  cell n = strtol(token, &rest, 10);
  if (rest != at) return syntax("no such word");
  return errno == ERANGE ? syntax("this number has more than 32 bits") : emit(OP_LIT, n);
}

struct word *forth_load(const char *of_file, const char *text) {
  int had_words = word_count, had_code = code_used, had_data = data_used;
  file = of_file, at = text, line = 1, loops = open_count = 0, failed = defining = has_number = false;
  while (!failed && next_token()) compile_token();
  if (defining) syntax("the last definition has no ;");
  for (int i = word_count; !failed && i-- > had_words;) {
    const struct word *word = &words[i];
    if (word->code && name_size(word->name) == 4 && memcmp(word->name, "main", 4) == 0) return &words[i];
  }
  syntax("there is no word main");
  word_count = had_words, code_used = had_code, data_used = had_data; /* as if it had never been */
  return NULL;
}
