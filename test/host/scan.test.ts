import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RunList } from '../../src/host/run-list.ts';
import { scan } from '../../src/host/scan.ts';
import { nonZeroRuns } from '../../src/snapshot/runs.ts';

const PAGES = 5;
const SIZE = PAGES * 65_536;
/** Cells near each other, at the seams between kernel and bytes, and anywhere. */
const cell = fc.oneof(
  fc.nat(SIZE - 1),
  fc.integer({ min: 8100, max: 8300 }),
  fc.integer({ min: SIZE - 200, max: SIZE - 1 }),
  fc.integer({ min: 100_000, max: 100_300 }),
);
const cells = fc.array(fc.tuple(cell, fc.integer({ min: 1, max: 255 }), fc.integer({ min: 1, max: 150 })), {
  maxLength: 150,
});

describe('the scan of a memory', () => {
  it('finds the runs that a look at every byte finds', () => {
    const memory = new WebAssembly.Memory({ initial: PAGES });
    const bytes = new Uint8Array(memory.buffer);
    fc.assert(
      fc.property(cells, (list) => {
        bytes.fill(0);
        for (const [at, byte, count] of list) bytes.fill(byte, at, at + count);
        assert.deepEqual([...scan(memory)], [...nonZeroRuns(bytes)]);
      }),
    );
  });

  it('of memory that is dense with zeros in between', () => {
    const memory = new WebAssembly.Memory({ initial: PAGES });
    const bytes = new Uint8Array(memory.buffer);
    for (let gap = 1; gap < 20; gap++) {
      bytes.fill(0);
      for (let at = gap; at < SIZE; at += gap) bytes[at] = 1;
      assert.deepEqual([...scan(memory)], [...nonZeroRuns(bytes)], `every ${gap}th byte`);
    }
  });

  it('of memory that is empty, full, or has only a first and a last byte', () => {
    const memory = new WebAssembly.Memory({ initial: PAGES });
    const bytes = new Uint8Array(memory.buffer);
    assert.equal(scan(memory).length, 0);
    bytes[0] = 1;
    bytes[SIZE - 1] = 1;
    assert.deepEqual(
      [...scan(memory)],
      [
        { start: 0, end: 1 },
        { start: SIZE - 1, end: SIZE },
      ],
    );
    bytes.fill(9);
    assert.deepEqual([...scan(memory)], [{ start: 0, end: SIZE }]);
  });

  it('of a shared memory, which no kernel for others can import', () => {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
    new Uint8Array(memory.buffer)[70_000] = 1;
    assert.deepEqual([...scan(memory)], [{ start: 70_000, end: 70_001 }]);
  });

  it('to the very end of 4 GiB', () => {
    const memory = new WebAssembly.Memory({ initial: 65_536 });
    const bytes = new Uint8Array(memory.buffer);
    bytes[2 ** 32 - 1] = 1;
    bytes[2 ** 31 + 5] = 1;
    assert.deepEqual(
      [...scan(memory)].map(({ end }) => end),
      [2 ** 31 + 6, 2 ** 32],
    );
  });

  it('into a list that is full, whose last run then reaches on: nothing is lost', () => {
    const list = new RunList(2 ** 18);
    for (let i = 0; i < 2 ** 18 + 1000; i++) list.add(100 * i, 100 * i + 1);
    const runs = list.runs();
    assert.equal(runs.length, 2 ** 18);
    assert.deepEqual(
      [runs.length - 2, runs.length - 1].map((i) => [...runs.bounds.subarray(2 * i, 2 * i + 2)]),
      [
        [100 * (2 ** 18 - 2), 100 * (2 ** 18 - 2) + 1],
        [100 * (2 ** 18 - 1), 100 * (2 ** 18 + 999) + 1],
      ],
    );
  });
});
