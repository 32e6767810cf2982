/**
 * Which bytes of a memory must be written: the runs of non-zero bytes, joined where a gap of zeros
 * costs less than a segment of its own.
 *
 * Most memories are mostly zeros, so zeros are skipped eight bytes at a time, several words a step.
 * Inside a run four bytes are looked at: a gap that is worth a new segment is longer than seven
 * bytes, so it holds an aligned word of zeros.
 */

/** Bytes [start, end) of a memory. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/**
 * A data segment costs flag, `i32.const`, address, `end` and length: 1 + 1 + 3..5 + 1 + 1..4 bytes.
 * A gap of up to so many zeros is cheaper written out. It must be 7 or more, see above.
 */
const SEGMENT_COST = 8;

/** One memory, seen three ways. Memories are whole pages, so all views have the same end. */
interface Views {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly longs: BigInt64Array;
}

function viewsOf(memory: Uint8Array): Views {
  const fits = memory.byteOffset % 8 === 0 && memory.length % 8 === 0;
  // Copied where it is no memory of an engine: a test's, or a part of something.
  const bytes = fits ? memory : new Uint8Array(Math.ceil(memory.length / 8) * 8);
  if (!fits) bytes.set(memory);
  return {
    bytes,
    words: new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4),
    longs: new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8),
  };
}

/** The first non-zero byte at or behind `from`, a multiple of 8; the length where there is none. */
function nextNonZero({ bytes, longs }: Views, from: number): number {
  const { length } = longs;
  let at = from / 8;
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
  let byte = at * 8;
  while (byte < bytes.length && bytes[byte] === 0) byte++;
  return byte;
}

/** Where the run that holds byte `from` ends: behind its last non-zero byte before a gap worth it. */
function runEnd({ bytes, words }: Views, from: number): number {
  const { length } = words;
  // Not by a shift: a memory can have more bytes than an int32 counts.
  for (let word = Math.floor(from / 4); ; ) {
    while (word < length && words[word] !== 0) word++;
    let start = word * 4;
    while (bytes[start - 1] === 0) start--;
    while (word < length && words[word] === 0 && word * 4 - start <= SEGMENT_COST) word++;
    let end = word * 4;
    while (end - start <= SEGMENT_COST && bytes[end] === 0) end++;
    if (end - start > SEGMENT_COST || end >= bytes.length) return start;
    word = Math.floor(end / 4);
  }
}

/** The runs of non-zero bytes, gaps of up to a segment's cost closed. */
export function nonZeroRuns(memory: Uint8Array): Run[] {
  const views = viewsOf(memory);
  const { length } = views.bytes;
  const runs: Run[] = [];
  for (let at = nextNonZero(views, 0); at < length; ) {
    const end = runEnd(views, at);
    runs.push({ start: at, end });
    at = nextAfter(views, end);
  }
  return runs;
}

function nextAfter(views: Views, end: number): number {
  let at = end;
  for (; (at & 7) !== 0; at++) if (views.bytes[at] !== 0) return at;
  return nextNonZero(views, at);
}

/**
 * At most `most` runs: the smallest gaps are closed, so that the fewest zeros are written. Among
 * equal gaps the first ones close, so that the result is the same everywhere.
 */
export function closeGaps(runs: readonly Run[], most: number): readonly Run[] {
  if (runs.length <= most) return runs;
  const gaps = runs.slice(1).map((run, i) => run.start - (runs[i] as Run).end);
  const excess = runs.length - Math.max(most, 1);
  const limit = gaps.toSorted((a, b) => a - b)[excess - 1] as number;
  let atLimit = excess - gaps.filter((gap) => gap < limit).length;
  const merged: { start: number; end: number }[] = [];
  runs.forEach((run, i) => {
    const gap = gaps[i - 1];
    const last = merged.at(-1);
    const close = gap !== undefined && (gap < limit || (gap === limit && atLimit-- > 0));
    if (close && last !== undefined) last.end = run.end;
    else merged.push({ ...run });
  });
  return merged;
}
