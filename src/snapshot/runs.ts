/**
 * Which bytes of a memory must be written: the runs of non-zero bytes, joined where a gap of zeros
 * costs less than a segment of its own.
 *
 * The scan looks at eight bytes at a time; most memories are mostly zeros.
 */

/** Bytes [start, end) of a memory. */
export interface Run {
  readonly start: number;
  readonly end: number;
}

/**
 * A data segment costs flag, `i32.const`, address, `end` and length: 1 + 1 + 3..5 + 1 + 1..4 bytes.
 * A gap of up to so many zeros is cheaper written out.
 */
const SEGMENT_COST = 8;

/**
 * The first non-zero byte at or behind `from`, or `bytes.length`. `words` views the same bytes; both
 * begin at a multiple of eight, as every memory does.
 */
function nextNonZero(bytes: Uint8Array, words: BigUint64Array, from: number): number {
  const { length } = bytes;
  let at = from;
  for (; at < length && (at & 7) !== 0; at++) if (bytes[at] !== 0) return at;
  let word = at / 8;
  const { length: wordCount } = words;
  // Four words a step: the test is the cost.
  for (; word + 4 <= wordCount; word += 4) {
    if (
      ((words[word] as bigint) |
        (words[word + 1] as bigint) |
        (words[word + 2] as bigint) |
        (words[word + 3] as bigint)) !==
      0n
    )
      break;
  }
  for (; word < wordCount && words[word] === 0n; word++);
  for (at = word * 8; at < length && bytes[at] === 0; at++);
  return at;
}

/** Where the zeros begin that end a run: at least `gap` of them, or the end of the memory. */
function runEnd(bytes: Uint8Array, from: number, gap: number): number {
  let zeros = 0;
  let at = from;
  for (; at < bytes.length; at++) {
    if (bytes[at] !== 0) zeros = 0;
    else if (++zeros > gap) return at - gap;
  }
  return at - zeros;
}

/** The runs of non-zero bytes, gaps of up to a segment's cost closed. */
export function nonZeroRuns(bytes: Uint8Array): Run[] {
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const words = new BigUint64Array(aligned.buffer, aligned.byteOffset, Math.floor(aligned.length / 8));
  const runs: Run[] = [];
  for (let at = nextNonZero(aligned, words, 0); at < aligned.length; ) {
    const end = runEnd(aligned, at, SEGMENT_COST);
    runs.push({ start: at, end });
    at = nextNonZero(aligned, words, end);
  }
  return runs;
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
