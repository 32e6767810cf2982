import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { closeGaps, nonZeroRuns, type Run } from '../../src/snapshot/runs.ts';

/** So many zeros are cheaper than a segment. */
const GAP = 8;

/** By the definition: byte by byte. */
function naive(bytes: Uint8Array): readonly Run[] {
  const runs: { start: number; end: number }[] = [];
  bytes.forEach((byte, at) => {
    if (byte === 0) return;
    const last = runs.at(-1);
    if (last !== undefined && at - last.end <= GAP) last.end = at + 1;
    else runs.push({ start: at, end: at + 1 });
  });
  return runs;
}

const sparse = fc
  .array(fc.tuple(fc.nat(4095), fc.integer({ min: 1, max: 255 })), { maxLength: 200 })
  .map((cells) => {
    const bytes = new Uint8Array(4096);
    for (const [at, byte] of cells) bytes[at] = byte;
    return bytes;
  });

describe('runs', () => {
  it('are the non-zero bytes, with the gaps closed that cost less than a segment', () => {
    fc.assert(fc.property(sparse, (bytes) => assert.deepEqual(nonZeroRuns(bytes), naive(bytes))));
  });

  it('of a part of a buffer, at any offset and of any length', () => {
    fc.assert(
      fc.property(sparse, fc.nat(40), fc.nat(40), (bytes, from, less) => {
        const part = bytes.subarray(from, bytes.length - less);
        assert.deepEqual(nonZeroRuns(part), naive(part));
      }),
    );
  });

  it('of full, empty and no memory', () => {
    assert.deepEqual(nonZeroRuns(new Uint8Array(0)), []);
    assert.deepEqual(nonZeroRuns(new Uint8Array(65536)), []);
    assert.deepEqual(nonZeroRuns(new Uint8Array(65536).fill(1)), [{ start: 0, end: 65536 }]);
  });

  it('closing gaps leaves as many runs as allowed, loses none of their bytes, and closes the smallest', () => {
    fc.assert(
      fc.property(sparse, fc.integer({ min: 1, max: 30 }), (bytes, most) => {
        const runs = nonZeroRuns(bytes);
        const closed = closeGaps(runs, most);
        assert.equal(closed.length, Math.min(runs.length, most));
        const inside = (run: Run): boolean =>
          closed.some((one) => one.start <= run.start && run.end <= one.end);
        assert.ok(runs.every(inside));
        const gaps = (of: readonly Run[]): readonly number[] =>
          of.slice(1).map((run, i) => run.start - (of[i]?.end ?? 0));
        const sum = (of: readonly number[]): number => of.reduce((total, gap) => total + gap, 0);
        const smallest = gaps(runs)
          .toSorted((a, b) => a - b)
          .slice(0, runs.length - closed.length);
        assert.equal(sum(gaps(runs)) - sum(gaps(closed)), sum(smallest));
      }),
    );
  });
});
