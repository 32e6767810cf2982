/*
 * An assembler for WebAssembly: bytes, numbers in LEB128, and lengths that are filled in when what
 * they measure is complete. It knows the binary format (https://webassembly.github.io/spec/core/binary/)
 * and nothing of Forth.
 */
#pragma once
#include <stdint.h>

enum {
  W_I32 = 0x7f, W_FUNCREF = 0x70, W_VOID = 0x40, W_FUNC = 0x60,
  W_UNREACHABLE = 0x00, W_BLOCK = 0x02, W_LOOP = 0x03, W_IF = 0x04, W_ELSE = 0x05, W_END = 0x0b,
  W_BR = 0x0c, W_BR_IF = 0x0d, W_RETURN = 0x0f, W_CALL = 0x10, W_GET = 0x20, W_SET = 0x21, W_TEE = 0x22,
  W_LOAD = 0x28, W_STORE = 0x36, W_CONST = 0x41, W_EQZ = 0x45, W_EQ = 0x46, W_NE = 0x47, W_LT_S = 0x48,
  W_LT_U = 0x49, W_GT_S = 0x4a, W_GT_U = 0x4b, W_GE_U = 0x4f, W_ADD = 0x6a, W_SUB = 0x6b, W_MUL = 0x6c,
  W_AND = 0x71, W_OR = 0x72, W_XOR = 0x73, W_SHL = 0x74, W_DIV64 = 0x7f, W_REM64 = 0x81, W_WRAP = 0xa7,
  W_EXTEND = 0xac, W_REF_NULL = 0xd0, W_PREFIX = 0xfc, W_TABLE_INIT = 12, W_TABLE_GROW = 15,
};

static uint8_t bytes[1 << 17];
static uint32_t size; /* beyond the end of `bytes`, what came last is lost */

static void put(uint32_t byte) {
  if (size++ < sizeof bytes) bytes[size - 1] = (uint8_t)byte;
}
static void put_u32(uint32_t n) {
  for (; n >= 0x80; n >>= 7) put(n | 0x80);
  put(n);
}
static void put_s32(int32_t n) {
  for (; n < -64 || n >= 64; n >>= 7) put((n & 0x7f) | 0x80);
  put(n & 0x7f);
}
static void put_name(const char *name, uint32_t length) {
  for (put_u32(length); length-- > 0;) put((uint8_t)*name++);
}

/* A length has five bytes, as any u32 may have, and is known when it is closed. */
static uint32_t open_size(void) { return size += 5; }
static void close_size(uint32_t start) {
  uint32_t length = size - start, end = size;
  size = start - 5;
  for (int i = 0; i < 5; i++, length >>= 7) put((length & 0x7f) | (i < 4 ? 0x80 : 0));
  size = end;
}
static uint32_t open_section(int id) { return put(id), open_size(); }

/* Instructions: with an index, with a constant, with an alignment and an offset. */
static void with(int op, uint32_t n) { put(op), put_u32(n); }
static void constant(int32_t n) { put(W_CONST), put_s32(n); }
static void address(const void *p) { constant((int32_t)(uintptr_t)p); }
static void memory(int op, uint32_t offset) { with(op, 2), put_u32(offset); }
