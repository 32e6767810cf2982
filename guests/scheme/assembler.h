/*
 * Writes Wasm: numbers in LEB128, instructions, sections. It knows the binary format and nothing of
 * Scheme. Opcodes are those of https://webassembly.github.io/spec/core/binary/instructions.html.
 */
#pragma once
#include <stdint.h>
#include <string.h>

#include "text.h"
#include <vector>

enum : uint8_t { wI32 = 0x7f, wF64 = 0x7c, wFuncref = 0x70, wVoid = 0x40 };

enum Wasm : uint8_t {
  wUnreachable = 0x00, wBlock = 0x02, wLoop = 0x03, wIf = 0x04, wElse = 0x05, wEnd = 0x0b, wBr = 0x0c,
  wBrIf = 0x0d, wReturn = 0x0f, wCall = 0x10, wCallIndirect = 0x11, wReturnCall = 0x12,
  wReturnCallIndirect = 0x13, wDrop = 0x1a, wSelect = 0x1b, wLocalGet = 0x20, wLocalSet = 0x21,
  wLocalTee = 0x22, wI32Load = 0x28, wF64Load = 0x2b, wI32Load8U = 0x2d, wI32Store = 0x36,
  wF64Store = 0x39, wI32Const = 0x41, wF64Const = 0x44, wI32Eqz = 0x45, wI32Eq = 0x46, wI32Ne = 0x47,
  wI32LtS = 0x48, wI32LtU = 0x49, wI32GtS = 0x4a, wI32GtU = 0x4b, wI32LeS = 0x4c, wI32GeS = 0x4e, wI32GeU = 0x4f,
  wI64Ne = 0x52, wF64Eq = 0x61, wF64Ne = 0x62, wF64Lt = 0x63, wF64Gt = 0x64, wF64Le = 0x65, wF64Ge = 0x66,
  wI32Add = 0x6a, wI32Sub = 0x6b, wI32Mul = 0x6c, wI32DivS = 0x6d, wI32DivU = 0x6e, wI32RemS = 0x6f,
  wI32RemU = 0x70, wI32And = 0x71,
  wI32Or = 0x72, wI32Xor = 0x73, wI32Shl = 0x74, wI32ShrS = 0x75, wI32ShrU = 0x76, wI64Mul = 0x7e,
  wF64Abs = 0x99, wF64Sqrt = 0x9f, wF64Add = 0xa0, wF64Sub = 0xa1, wF64Mul = 0xa2, wF64Div = 0xa3,
  wF64Min = 0xa4, wF64Max = 0xa5, wI32WrapI64 = 0xa7, wI64ExtendI32S = 0xac, wF64ConvertI32S = 0xb7,
};

class Bytes {
 public:
  std::vector<uint8_t> data;

  void byte(uint8_t b) { data.push_back(b); }
  void u32(uint32_t n) {
    for (; n >= 0x80; n >>= 7) byte(0x80 | (n & 0x7f));
    byte(n);
  }
  void s32(int32_t n) {
    for (;; n >>= 7) {
      bool last = n >= -64 && n < 64;
      byte((n & 0x7f) | (last ? 0 : 0x80));
      if (last) return;
    }
  }
  void text(const Text &s) {
    u32(s.size());
    data.insert(data.end(), s.begin(), s.end());
  }
  void append(const Bytes &other) { data.insert(data.end(), other.data.begin(), other.data.end()); }
  // With its length before it.
  void sized(const Bytes &other) {
    u32(other.data.size());
    append(other);
  }
  void section(uint8_t id, const Bytes &content) {
    byte(id);
    sized(content);
  }
};

// Instructions of one function, with the nesting depth that branches need.
class Code : public Bytes {
 public:
  uint32_t depth = 0;
  uint32_t calls = 0;  // written so far

  void op(Wasm opcode) {
    byte(opcode);
    calls += opcode >= wCall && opcode <= wReturnCallIndirect;
  }
  void local(Wasm opcode, uint32_t index) { op(opcode), u32(index); }
  void get(uint32_t index) { local(wLocalGet, index); }
  void set(uint32_t index) { local(wLocalSet, index); }
  void tee(uint32_t index) { local(wLocalTee, index); }
  void constant(uint32_t n) { op(wI32Const), s32((int32_t)n); }
  void constant(const void *address) { constant((uint32_t)address); }
  void number(double d) {
    op(wF64Const);
    uint8_t raw[8];
    memcpy(raw, &d, 8);
    data.insert(data.end(), raw, raw + 8);
  }
  // The alignment is that of the effective address: tags are made up for by the offset.
  void load(uint32_t offset) { op(wI32Load), u32(2), u32(offset); }
  void loadByte(uint32_t offset) { op(wI32Load8U), u32(0), u32(offset); }
  void store(uint32_t offset) { op(wI32Store), u32(2), u32(offset); }
  void loadF64(uint32_t offset) { op(wF64Load), u32(3), u32(offset); }
  void storeF64(uint32_t offset) { op(wF64Store), u32(3), u32(offset); }
  void call(uint32_t function) { op(wCall), u32(function); }

  // Opens a block and returns its label.
  uint32_t open(Wasm opcode, uint8_t type = wVoid) {
    op(opcode), byte(type);
    return ++depth;
  }
  void otherwise() { op(wElse); }
  void close() { op(wEnd), depth--; }
  void branch(Wasm opcode, uint32_t label) { op(opcode), u32(depth - label); }
};
