/* A guest with debug information: what a debugger reads must still be true of the frozen module. */
#include <stdint.h>

__attribute__((import_module("env"), import_name("log"))) void host_log(int32_t value);
__attribute__((import_module("env"), import_name("now"))) int32_t host_now(void);

struct node {
  int32_t value;
  struct node *next;
};

static struct node pool[64];
static int32_t used;
static int32_t started = 7;
static const char greeting[] = "a traced guest";

static struct node *push(struct node *list, int32_t value) {
  struct node *fresh = &pool[used++];
  fresh->value = value;
  fresh->next = list;
  return fresh;
}

static struct node *list;

/* Leaves a secret in the dead part of the stack. */
__attribute__((noinline)) static int32_t scratch(int32_t seed) {
  volatile uint8_t secret[256];
  for (int32_t i = 0; i < 256; i++) secret[i] = (uint8_t)(0xa5 ^ seed);
  return secret[seed & 255];
}

__attribute__((export_name("warm"))) int32_t warm(int32_t count) {
  started += host_now();
  for (int32_t i = 0; i < count; i++) list = push(list, i * i);
  return scratch(count);
}

__attribute__((export_name("sum"))) int32_t sum(void) {
  int32_t total = 0;
  for (struct node *at = list; at != 0; at = at->next) {
    int32_t value = at->value;
    if (value > 1000) {
      host_log(value);
      total -= 1;
    }
    total += value;
  }
  return total + started + greeting[used & 7];
}

__attribute__((export_name("fail"))) int32_t fail(int32_t value) {
  if (value > 3) __builtin_trap();
  return value + sum();
}
