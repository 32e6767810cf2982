/**
 * Which bytes of a memory are not zero, as runs. Gaps that no choice of segments would leave open
 * are closed while the runs are found, so that dense memory does not make millions of them.
 *
 * Most memories are mostly zeros, so zeros are skipped eight bytes at a time, several words a step;
 * inside a run words of four bytes are looked at. src/host/scan.ts finds the same runs faster, where
 * an engine lets it.
 */
import { signedWidth } from '../wasm/writer.ts';

/** Bytes [start, end) of a memory. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/** https://webassembly.github.io/spec/core/binary/values.html#integers: the width of `i32.const` of an address. */
export function addressWidth(address: number): number {
  // From 2 GiB on an i32 is negative. (In a 64-bit memory it is not, and takes five bytes or more.)
  return signedWidth(address < 2 ** 31 ? address : address < 2 ** 32 ? 2 ** 32 - 1 - address : address);
}

/**
 * A segment costs its mode, the opcodes of its address and of `end`, and the address; and its length,
 * which may be part of what another one's length costs already. So much can always be saved by
 * joining a run to the one before it: a gap that is no longer is closed in every best choice.
 */
const LEAST_COST = 3;

/** Between these addresses an address takes three bytes or more, and gaps of up to six zeros are closed. */
export const WIDE_ADDRESSES: Run = { start: 0x2000, end: 2 ** 32 - 0x2000 };

/** Where addresses between those get wider, and narrower again. */
const WIDTHS = [
  WIDE_ADDRESSES.start,
  2 ** 20,
  2 ** 27,
  2 ** 32 - 2 ** 27,
  2 ** 32 - 2 ** 20,
  WIDE_ADDRESSES.end,
];

/** The longest gap that is closed wherever it is in bytes [from, to) of a memory. */
export function closedGap(from: number, to: number): number {
  return LEAST_COST + Math.min(addressWidth(from), addressWidth(to - 1));
}

/** No address is wider than ten bytes. */
const MOST_CLOSED = LEAST_COST + 10;

/**
 * Runs in the order of their addresses. One list of numbers, for there can be millions of them: run i
 * is bytes [bounds[2 * i], bounds[2 * i + 1]).
 */
export class Runs {
  bounds: Float64Array;
  length: number;

  /** Those that `bounds` begins with; more can be added. */
  constructor(bounds: Float64Array = new Float64Array(0), length = 0) {
    this.bounds = bounds;
    this.length = length;
  }

  /** Adds what stands behind all that was added before, to the last run where the gap is not worth it. */
  add(start: number, end: number): void {
    const at = 2 * this.length;
    const gap = start - (this.bounds[at - 1] as number);
    if (at > 0 && gap <= MOST_CLOSED && gap <= LEAST_COST + addressWidth(start)) {
      this.bounds[at - 1] = end;
    } else {
      this.push(start, end);
    }
  }

  /** Adds a run of its own, however near the last one is. */
  push(start: number, end: number): void {
    const at = 2 * this.length++;
    if (at === this.bounds.length) {
      const longer = new Float64Array(Math.max(32, 2 * at));
      longer.set(this.bounds);
      this.bounds = longer;
    }
    this.bounds[at] = start;
    this.bounds[at + 1] = end;
  }

  /** Bytes in them. */
  size(): number {
    let size = 0;
    for (let i = 0; i < this.length; i++)
      size += (this.bounds[2 * i + 1] as number) - (this.bounds[2 * i] as number);
    return size;
  }

  *[Symbol.iterator](): Generator<Run> {
    for (let i = 0; i < this.length; i++) {
      yield { start: this.bounds[2 * i] as number, end: this.bounds[2 * i + 1] as number };
    }
  }
}

/** The runs of a memory. */
export function nonZeroRuns(memory: Uint8Array): Runs {
  const runs = new Runs();
  const seams = WIDTHS.map((address) => Math.min(address, memory.length));
  let from = seams[0] as number;
  addRuns(runs, memory, 0, from);
  for (const to of seams.slice(1)) {
    if (to > from) addWideRuns(runs, memory, from, to);
    from = to;
  }
  addRuns(runs, memory, from, memory.length);
  return runs;
}

/** Adds the runs of bytes [from, to), byte by byte. */
export function addRuns(runs: Pick<Runs, 'add'>, memory: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; ) {
    while (at < to && memory[at] === 0) at++;
    const start = at;
    while (at < to && memory[at] !== 0) at++;
    if (at > start) runs.add(start, at);
  }
}

/** One memory, seen three ways. */
interface Views {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
}

/** Adds the runs of bytes [from, to), where gaps of up to six zeros, or more, are closed. */
function addWideRuns(runs: Runs, memory: Uint8Array, from: number, to: number): void {
  const fits = (memory.byteOffset + from) % 8 === 0;
  const part = memory.subarray(from, from + Math.floor((to - from) / 8) * 8);
  // Copied where it is no memory of an engine: a test's, or a part of something.
  const bytes = fits ? part : part.slice();
  const views = {
    bytes,
    words: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
    longs: new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8),
  };
  const gap = closedGap(from, to);
  for (let at = nextNonZero(views, 0); at < bytes.length; ) {
    const end = runEnd(views, at, gap);
    runs.add(from + at, from + end);
    at = nextNonZero(views, end);
  }
  addRuns(runs, memory, from + bytes.length, to);
}

/** The first non-zero byte at or behind `from`; the length where there is none. */
function nextNonZero({ bytes, longs }: Views, from: number): number {
  const { length } = longs;
  let byte = from;
  for (; byte % 8 !== 0; byte++) if (bytes[byte] !== 0) return byte;
  let at = byte / 8;
  // Eight words a step: the comparison is what costs.
  while (
    at + 8 <= length &&
    longs[at] === 0n &&
    longs[at + 1] === 0n &&
    longs[at + 2] === 0n &&
    longs[at + 3] === 0n &&
    longs[at + 4] === 0n &&
    longs[at + 5] === 0n &&
    longs[at + 6] === 0n &&
    longs[at + 7] === 0n
  ) {
    at += 8;
  }
  while (at < length && longs[at] === 0n) at++;
  byte = at * 8;
  while (byte < bytes.length && bytes[byte] === 0) byte++;
  return byte;
}

/** Where the run that holds byte `from` ends, before a longer gap than `gap`. One of seven zeros or more holds an aligned word of them. */
function runEnd({ bytes, words }: Views, from: number, gap: number): number {
  const { length } = words;
  // Not by a shift: a memory can have more bytes than an int32 counts.
  for (let word = Math.floor(from / 4); ; ) {
    while (word < length && words[word] !== 0) word++;
    const start = lastNonZero(bytes, word * 4);
    let end = word * 4;
    while (end - start <= gap && end < bytes.length && bytes[end] === 0) end++;
    if (end - start > gap || end >= bytes.length) return start;
    word = Math.floor(end / 4);
  }
}

/** Behind the last non-zero byte before `end`; there is one. */
function lastNonZero(bytes: Uint8Array, end: number): number {
  let at = end;
  while (bytes[at - 1] === 0) at--;
  return at;
}
