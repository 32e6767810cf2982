/**
 * Reads the primitive values of the binary format from a view, bounds-checked, with the offset in
 * the module at hand for messages.
 *
 * https://webassembly.github.io/spec/core/binary/values.html
 */
import { badLeb, badUtf8, unexpectedEnd } from '../errors/malformed.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class Reader {
  readonly bytes: Uint8Array;
  /** Offset of `bytes[0]` in the module. */
  readonly base: number;
  /** What is being read, for messages: `type section`. */
  readonly section: string;
  readonly end: number;
  pos: number;

  constructor(bytes: Uint8Array, section: string, base = 0, pos = 0) {
    this.bytes = bytes;
    this.section = section;
    this.base = base;
    this.pos = pos;
    this.end = bytes.length;
  }

  get eof(): boolean {
    return this.pos >= this.end;
  }

  /** Offset in the module of the next byte. */
  get offset(): number {
    return this.base + this.pos;
  }

  u8(): number {
    const byte = this.bytes[this.pos];
    if (byte === undefined) throw unexpectedEnd(this.section, this.offset);
    this.pos++;
    return byte;
  }

  peek(): number {
    const byte = this.bytes[this.pos];
    if (byte === undefined) throw unexpectedEnd(this.section, this.offset);
    return byte;
  }

  u32(): number {
    const first = this.u8();
    if (first < 0x80) return first;
    const start = this.offset - 1;
    let value = first & 0x7f;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.u8();
    if (last > 0x0f) throw badLeb('u32', this.section, start);
    return (value | (last << 28)) >>> 0;
  }

  u64(): bigint {
    const start = this.offset;
    let value = 0n;
    for (let shift = 0n; shift < 63n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.u8();
    if (last > 1) throw badLeb('u64', this.section, start);
    return value | (BigInt(last) << 63n);
  }

  s32(): number {
    const start = this.offset;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value << (25 - shift)) >> (25 - shift);
    }
    const last = this.u8();
    // The fifth byte holds 4 bits of the value; the rest must repeat its sign.
    if (last > 0x07 && (last < 0x78 || last > 0x7f)) throw badLeb('s32', this.section, start);
    return value | (last << 28);
  }

  /** A 33-bit signed integer: a heap type or a block type. */
  s33(): number {
    const start = this.offset;
    let value = 0;
    let scale = 1;
    for (let n = 0; n < 5; n++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
      if (byte < 0x80) {
        if (n === 4 && byte > 0x0f && byte < 0x70) break;
        const bits = Math.min(7 * (n + 1), 33);
        value %= 2 ** bits;
        return value >= 2 ** (bits - 1) ? value - 2 ** bits : value;
      }
    }
    throw badLeb('s33', this.section, start);
  }

  s64(): bigint {
    const start = this.offset;
    let value = 0n;
    for (let shift = 0n; shift < 63n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(Number(shift) + 7, value);
    }
    const last = this.u8();
    if (last !== 0 && last !== 0x7f) throw badLeb('s64', this.section, start);
    return BigInt.asIntN(64, value | (BigInt(last) << 63n));
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    if (length > this.end - this.pos) throw unexpectedEnd(this.section, this.base + this.end);
    const view = this.bytes.subarray(this.pos, this.pos + length);
    this.pos += length;
    return view;
  }

  name(): string {
    const at = this.offset;
    const view = this.take(this.u32());
    try {
      return utf8.decode(view);
    } catch {
      throw badUtf8(this.section, at);
    }
  }

  /**
   * The length of a vector. An entry takes a byte at least, so a count above the bytes that are
   * left is refused before anything is allocated for it.
   */
  count(): number {
    const at = this.offset;
    const count = this.u32();
    if (count > this.end - this.pos) throw unexpectedEnd(this.section, at);
    return count;
  }

  /** A vector: its length, then `read` that many times. */
  vec<T>(read: (reader: Reader, index: number) => T): T[] {
    const count = this.count();
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read(this, i));
    return items;
  }
}
