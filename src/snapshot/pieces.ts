/**
 * Data segments that are pieces of memories. There can be a hundred thousand, so each is made when somebody
 * asks for it, and the data section is written without asking: objects and views for all of them take several
 * times as long as their bytes.
 */
import { madeSpan } from '../wasm/encode.ts';
import { type Data, type OwnWriter, rememberWriter } from '../wasm/module.ts';
import { opcodeNamed } from '../wasm/opcodes.ts';
import type { MemIdx } from '../wasm/types.ts';
import { SMALL, signedWidth, unsignedWidth, Writer } from '../wasm/writer.ts';
import type { Runs } from './runs.ts';

/** Which pieces of a memory become segments. */
export interface Pieces {
  readonly mem: MemIdx;
  readonly address: 'i32' | 'i64';
  /** All bytes of the memory. */
  readonly bytes: Uint8Array;
  readonly segments: Runs;
}

/** From so many bytes on a segment is worth a view: it is not copied on its way to a file. */
const WORTH_A_VIEW = 1 << 16;

const END = 0x0b;

/** The data segments, memory by memory. */
export function dataSegments(memories: readonly Pieces[]): readonly Data[] {
  const count = memories.reduce((sum, { segments }) => sum + segments.length, 0);
  const writer: OwnWriter = {
    write: (w, contents) => {
      w.u32(count);
      for (const pieces of memories) {
        if (contents) writePieces(w, pieces);
        else writeEmpty(w, pieces);
      }
    },
  };
  return rememberWriter(madeLate(count, pieceAt(memories)), writer);
}

/** Which piece a segment is, by its index among those of all memories. */
function pieceAt(memories: readonly Pieces[]): (index: number) => Data {
  return (index) => {
    let rest = index;
    for (const pieces of memories) {
      if (rest < pieces.segments.length) return new Piece(pieces, rest);
      rest -= pieces.segments.length;
    }
    throw new RangeError(`there is no segment ${index}`);
  };
}

/** An array of so many items, each made when somebody asks for it. */
function madeLate<T>(count: number, make: (index: number) => T): readonly T[] {
  const fill = (items: T[], key: string | symbol): void => {
    const index = typeof key === 'string' ? Number(key) : Number.NaN;
    if (Number.isInteger(index) && index >= 0 && index < count && !(index in items))
      items[index] = make(index);
  };
  return new Proxy(new Array<T>(count), {
    get: (items, key) => {
      fill(items, key);
      return Reflect.get(items, key);
    },
    // Methods of arrays ask first whether there is a hole.
    has: (items, key) => {
      fill(items, key);
      return Reflect.has(items, key);
    },
  });
}

class Piece implements Data {
  readonly #pieces: Pieces;
  readonly #index: number;

  constructor(pieces: Pieces, index: number) {
    this.#pieces = pieces;
    this.#index = index;
  }

  get mode(): Data['mode'] {
    const { mem, address, segments } = this.#pieces;
    const { opcode } = opcodeNamed(`${address}.const`);
    const value = constant(address, segments.bounds[2 * this.#index] as number);
    const offset = madeSpan(new Writer(12).u8(opcode).s33(value).u8(END).finish(), 'snapshot');
    return { kind: 'active', mem, offset };
  }

  get bytes(): Uint8Array {
    const { bytes, segments } = this.#pieces;
    return bytes.subarray(segments.bounds[2 * this.#index], segments.bounds[2 * this.#index + 1]);
  }
}

/** The operand of the constant expression that gives an address: an i32 is signed. */
function constant(type: 'i32' | 'i64', address: number): number {
  return type === 'i32' ? address | 0 : address;
}

/** Segments one behind another are written together, but for those that are worth a view. */
function writePieces(w: Writer, pieces: Pieces): void {
  const { bounds, length } = pieces.segments;
  let first = 0;
  let size = 0;
  for (let i = 0; i < length; i++) {
    const start = bounds[2 * i] as number;
    const count = (bounds[2 * i + 1] as number) - start;
    if (count < WORTH_A_VIEW) {
      size += headerSize(pieces, start, count) + count;
      continue;
    }
    writeSome(w, pieces, first, i, size);
    const header = new Uint8Array(SMALL);
    w.raw(header.subarray(0, writeHeader(header, 0, pieces, start, count)));
    w.raw(pieces.bytes.subarray(start, start + count));
    first = i + 1;
    size = 0;
  }
  writeSome(w, pieces, first, length, size);
}

/** Segments [from, to), which take so many bytes. */
function writeSome(w: Writer, pieces: Pieces, from: number, to: number, size: number): void {
  if (from < to) w.later({ size, filler: () => new Filler(pieces, from, to).fill });
}

/** As many segments without a byte, all at address 0: to who validates, one address is as good as another. */
function writeEmpty(w: Writer, pieces: Pieces): void {
  const header = new Uint8Array(SMALL);
  const size = writeHeader(header, 0, pieces, 0, 0);
  const all = new Uint8Array(size * pieces.segments.length);
  all.set(header.subarray(0, Math.min(size, all.length)));
  for (let done = size; done < all.length; done *= 2) all.copyWithin(done, 0, done);
  w.raw(all);
}

/** Mode and memory, offset, length. */
function headerSize({ mem, address }: Pieces, start: number, length: number): number {
  const value = constant(address, start);
  const bits = value < 0 ? -1 - value : value;
  return 3 + (mem === 0 ? 0 : unsignedWidth(mem)) + signedWidth(bits) + unsignedWidth(length);
}

/** Writes what comes before the bytes of a segment, and says up to where. */
function writeHeader(to: Uint8Array, at: number, pieces: Pieces, start: number, length: number): number {
  const { mem, address } = pieces;
  let end = at;
  if (mem === 0) {
    to[end++] = 0;
  } else {
    to[end++] = 2;
    end = writeUnsigned(to, end, mem);
  }
  to[end++] = address === 'i32' ? I32_CONST : I64_CONST;
  end = writeSigned(to, end, constant(address, start));
  to[end++] = END;
  return writeUnsigned(to, end, length);
}

const I32_CONST = opcodeNamed('i32.const').opcode;
const I64_CONST = opcodeNamed('i64.const').opcode;

function writeUnsigned(to: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) to[end++] = (rest & 0x7f) | 0x80;
  to[end++] = rest;
  return end;
}

/** Not by shifts alone: addresses of 64 bits have more than an int32. */
function writeSigned(to: Uint8Array, at: number, value: number): number {
  let end = at;
  let rest = value;
  for (; rest >= 0x40 || rest < -0x40; rest = Math.floor(rest / 0x80)) to[end++] = (rest & 0x7f) | 0x80;
  to[end++] = rest & 0x7f;
  return end;
}

/** Writes segments to one buffer after another, and remembers where it stopped. */
class Filler {
  readonly #pieces: Pieces;
  readonly #to: number;
  #index: number;
  /** How many bytes of the segment are written; -1 before its header. */
  #done = -1;

  constructor(pieces: Pieces, from: number, to: number) {
    this.#pieces = pieces;
    this.#index = from;
    this.#to = to;
  }

  readonly fill = (target: Uint8Array, from: number): number => {
    const { bytes, segments } = this.#pieces;
    const { bounds } = segments;
    let at = from;
    for (; this.#index < this.#to; this.#index++) {
      const start = bounds[2 * this.#index] as number;
      const length = (bounds[2 * this.#index + 1] as number) - start;
      if (this.#done < 0) {
        // At the end of the last buffer there may be less, and the header fits all the same.
        const fits =
          target.length - at >= SMALL || target.length - at >= headerSize(this.#pieces, start, length);
        if (!fits) return at;
        at = writeHeader(target, at, this.#pieces, start, length);
        this.#done = 0;
      }
      const count = Math.min(length - this.#done, target.length - at);
      target.set(bytes.subarray(start + this.#done, start + this.#done + count), at);
      at += count;
      this.#done += count;
      if (this.#done < length) return at;
      this.#done = -1;
    }
    return at;
  };
}
