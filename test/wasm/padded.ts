// Code as a linker that knows nothing yet would write it: every LEB takes as many bytes as it may.
import { type Operand, readBody, writeInstruction } from '../../src/wasm/instructions.ts';
import type { OpcodeRow } from '../../src/wasm/opcodes.ts';
import { writeValType } from '../../src/wasm/types.ts';
import type { Span } from '../../src/wasm/walk.ts';
import { Writer } from '../../src/wasm/writer.ts';

/** Bytes of the longest LEB of 32 bits, or of 33, and of 64. */
const [LONGEST, LONGEST_64] = [5, 10];

class PaddingWriter extends Writer {
  readonly #offsetWidth: number;

  constructor(offsetWidth: number) {
    super();
    this.#offsetWidth = offsetWidth;
  }

  override u32(value: number): this {
    return this.u32Padded(value, LONGEST);
  }

  /** An offset of a memarg. */
  override u64(value: bigint): this {
    return this.#padded(value, value >> 32n === 0n ? this.#offsetWidth : LONGEST_64);
  }

  override s33(value: number): this {
    return this.#padded(BigInt(value), LONGEST);
  }

  override s64(value: bigint): this {
    return this.#padded(BigInt.asIntN(64, value), LONGEST_64);
  }

  #padded(value: bigint, width: number): this {
    for (let i = 0; i < width; i++) {
      const byte = Number((value >> BigInt(7 * i)) & 0x7fn);
      this.u8(i === width - 1 ? byte : byte | 0x80);
    }
    return this;
  }
}

/** A body with every LEB in it at its longest that engines take: offsets of 32 bits in five bytes. */
export function paddedBody(body: Span): Uint8Array {
  const { locals, code } = readBody(body);
  const w = new PaddingWriter(LONGEST);
  w.vec(locals, (v, { count, type }) => writeValType(v.u32(count), type));
  for (const { row, operands } of code) writeInstruction(w, row, operands);
  return w.finish();
}

/** An instruction with every LEB at the longest that the format has. */
export function paddedInstruction(row: OpcodeRow, operands: readonly Operand[]): Uint8Array {
  const w = new PaddingWriter(LONGEST_64);
  writeInstruction(w, row, operands);
  return w.finish();
}
