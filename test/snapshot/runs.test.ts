import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addressWidth, nonZeroRuns, type Run } from '../../src/snapshot/runs.ts';
import { signedWidth } from '../../src/wasm/writer.ts';

/** By the definition: byte by byte, gaps closed that no header is shorter than. */
function naive(bytes: Uint8Array): readonly Run[] {
  const runs: { start: number; end: number }[] = [];
  bytes.forEach((byte, at) => {
    if (byte === 0) return;
    const last = runs.at(-1);
    if (last !== undefined && (at === last.end || at - last.end <= 3 + signedWidth(at))) last.end = at + 1;
    else runs.push({ start: at, end: at + 1 });
  });
  // A byte behind a gap begins a run of its own, whose other bytes join it.
  return runs;
}

const SIZE = 3 * 8192;
/** Cells near each other, near the start and where addresses become wide. */
const cell = fc.oneof(fc.nat(200), fc.integer({ min: 8000, max: 8400 }), fc.nat(SIZE - 1));
const sparse = fc
  .array(fc.tuple(cell, fc.integer({ min: 1, max: 255 }), fc.integer({ min: 1, max: 20 })), {
    maxLength: 200,
  })
  .map((cells) => {
    const bytes = new Uint8Array(SIZE);
    for (const [at, byte, count] of cells) bytes.fill(byte, at, at + count);
    return bytes;
  });

describe('runs', () => {
  it('are the non-zero bytes, with the gaps closed that cost less than any segment', () => {
    fc.assert(fc.property(sparse, (bytes) => assert.deepEqual([...nonZeroRuns(bytes)], naive(bytes))));
  });

  it('of a part of a buffer, at any offset and of any length', () => {
    fc.assert(
      fc.property(sparse, fc.nat(40), fc.nat(40), (bytes, from, less) => {
        const part = bytes.subarray(from, bytes.length - less);
        assert.deepEqual([...nonZeroRuns(part)], naive(part));
      }),
    );
  });

  it('of full, empty and no memory', () => {
    assert.deepEqual([...nonZeroRuns(new Uint8Array(0))], []);
    assert.deepEqual([...nonZeroRuns(new Uint8Array(65536))], []);
    assert.deepEqual([...nonZeroRuns(new Uint8Array(65536).fill(1))], [{ start: 0, end: 65536 }]);
  });

  it('an address is as wide as its i32.const, in the upper half too', () => {
    assert.deepEqual(
      [0, 63, 64, 8191, 8192, 2 ** 20, 2 ** 27, 2 ** 31 - 1].map(addressWidth),
      [1, 1, 2, 2, 3, 4, 5, 5],
    );
    assert.deepEqual(
      [2 ** 31, 2 ** 32 - 2 ** 27, 2 ** 32 - 64, 2 ** 32 - 65].map(addressWidth),
      [5, 4, 1, 2],
    );
  });
});
