/**
 * Data segments that are pieces of memories. There can be a hundred thousand, so what each is made of is made
 * when somebody asks, and the data section is written without asking: objects and views for all of them take
 * several times as long as their bytes.
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
  const datas: Data[] = [];
  for (const pieces of memories)
    for (let i = 0; i < pieces.segments.length; i++) datas.push(new Piece(pieces, i));
  const writer: OwnWriter = {
    write: (w, contents) => {
      w.u32(datas.length);
      for (const pieces of memories) writePieces(w, pieces, contents);
    },
  };
  return rememberWriter(datas, writer);
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
function writePieces(w: Writer, pieces: Pieces, contents: boolean): void {
  const { bounds, length } = pieces.segments;
  let first = 0;
  for (let i = 0; i < length && contents; i++) {
    const [start, end] = [bounds[2 * i] as number, bounds[2 * i + 1] as number];
    if (end - start < WORTH_A_VIEW) continue;
    writeSome(w, pieces, first, i, true);
    const header = new Uint8Array(SMALL);
    w.raw(header.subarray(0, writeHeader(header, 0, pieces, start, end - start)));
    w.raw(pieces.bytes.subarray(start, end));
    first = i + 1;
  }
  writeSome(w, pieces, first, length, contents);
}

/** Segments [from, to). */
function writeSome(w: Writer, pieces: Pieces, from: number, to: number, contents: boolean): void {
  if (from === to) return;
  const { bounds } = pieces.segments;
  let size = 0;
  for (let i = from; i < to; i++) {
    const start = bounds[2 * i] as number;
    const length = contents ? (bounds[2 * i + 1] as number) - start : 0;
    size += headerSize(pieces, start, length) + length;
  }
  w.later({ size, filler: () => new Filler(pieces, from, to, contents).fill });
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
  readonly #contents: boolean;
  #index: number;
  /** How many bytes of the segment are written; -1 before its header. */
  #done = -1;

  constructor(pieces: Pieces, from: number, to: number, contents: boolean) {
    this.#pieces = pieces;
    this.#index = from;
    this.#to = to;
    this.#contents = contents;
  }

  readonly fill = (target: Uint8Array, from: number): number => {
    const { bytes, segments } = this.#pieces;
    const { bounds } = segments;
    let at = from;
    for (; this.#index < this.#to; this.#index++) {
      const start = bounds[2 * this.#index] as number;
      const length = this.#contents ? (bounds[2 * this.#index + 1] as number) - start : 0;
      if (this.#done < 0) {
        // At the end of the last buffer there may be less, and the header fits all the same.
        const fits =
          target.length - at >= SMALL || target.length - at >= headerSize(this.#pieces, start, length);
        if (!fits) return at;
        at = writeHeader(target, at, this.#pieces, start, length);
        this.#done = 0;
      }
      const count = Math.min(length - this.#done, target.length - at);
      if (count > 0) target.set(bytes.subarray(start + this.#done, start + this.#done + count), at);
      at += count;
      this.#done += count;
      if (this.#done < length) return at;
      this.#done = -1;
    }
    return at;
  };
}
