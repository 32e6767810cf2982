import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addressWidth, type Run, Runs } from '../../src/snapshot/runs.ts';
import { bigFirst, chooseSegments as chooseOfAll } from '../../src/snapshot/segments.ts';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import { assemble } from '../../src/wasm/instructions.ts';
import { type Data, EMPTY_MODULE } from '../../src/wasm/module.ts';
import type { MemIdx } from '../../src/wasm/types.ts';

function runsOf(list: readonly Run[]): Runs {
  const runs = new Runs();
  for (const { start, end } of list) runs.add(start, end);
  return runs;
}

/** Of one memory. */
function chooseSegments(runs: Runs, mem: number, most: number, free?: number): Runs {
  return chooseOfAll([{ runs, mem }], most, free)[0] ?? new Runs();
}

/** What the encoder makes of it, without what all have in common. */
function encodedSize(segments: readonly Run[], mem: number): number {
  const datas = segments.map(({ start, end }): Data => {
    const offset = madeSpan(assemble([['i32.const', start]]), 'test');
    return { mode: { kind: 'active', mem: mem as MemIdx, offset }, bytes: new Uint8Array(end - start) };
  });
  const header = encode({ ...EMPTY_MODULE, datas: [] }).length;
  const bytes = encode({ ...EMPTY_MODULE, datas }).length;
  // Less the id, the size and the count of the section, whose widths depend on the rest.
  const contents = datas.reduce((sum, data) => {
    return sum + encode({ ...EMPTY_MODULE, datas: [data] }).length - header;
  }, 0);
  assert.ok(bytes > 0);
  return contents - sectionOverhead(datas);
}

function sectionOverhead(datas: readonly Data[]): number {
  return datas.reduce((sum, data) => {
    const whole = encode({ ...EMPTY_MODULE, datas: [data] }).length - 8;
    // id, the size's LEB, the count.
    const size = whole < 130 ? 1 : whole < 16_387 ? 2 : 3;
    return sum + 2 + size;
  }, 0);
}

/** The least over every choice of gaps. */
function bestSize(list: readonly Run[], mem: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let mask = 0; mask < 2 ** (list.length - 1); mask++) {
    const segments: { start: number; end: number }[] = [];
    list.forEach((run, i) => {
      const last = segments.at(-1);
      if (last !== undefined && ((mask >> (i - 1)) & 1) === 1) last.end = run.end;
      else segments.push({ ...run });
    });
    best = Math.min(best, encodedSize(segments, mem));
  }
  return best;
}

/** Runs with gaps about what a segment costs, and lengths about where their LEBs widen. */
const few = fc
  .tuple(
    fc.constantFrom(0, 40, 8100, 70_000, 1_048_500),
    fc.array(fc.tuple(fc.integer({ min: 5, max: 14 }), fc.constantFrom(1, 2, 60, 116, 122, 127, 128)), {
      minLength: 1,
      maxLength: 7,
    }),
  )
  .map(([first, steps]) => {
    let at = first;
    return steps.map(([gap, length]): Run => {
      const start = at + gap;
      at = start + length;
      return { start, end: at };
    });
  });

describe('segments', () => {
  it('take the fewest bytes of all choices, in memory 0 and in another', () => {
    fc.assert(
      fc.property(few, fc.constantFrom(0, 1), (list, mem) => {
        const runs = runsOf(list);
        const chosen = [...chooseSegments(runs, mem, 100)];
        assert.equal(encodedSize(chosen, mem), bestSize([...runs], mem));
        for (const { start, end } of runs)
          assert.ok(chosen.some((one) => one.start <= start && end <= one.end));
      }),
      { numRuns: 60 },
    );
  });

  it('of a million runs, all of them near each other', () => {
    const runs = new Runs();
    for (let at = 0; at < 1_000_000; at++) runs.add(32 * at, 32 * at + 1);
    assert.equal(chooseSegments(runs, 0, 1_000_000).length, 1_000_000);
    assert.equal(chooseSegments(runs, 0, 1000).length, 1000);
  });

  it('beyond those that are free only where they save their price', () => {
    const runs = new Runs();
    let at = 0;
    // Behind a gap of 30 a segment saves about 22 bytes, behind one of 12 about 4.
    for (let i = 0; i < 40_000; i++) {
      at += i % 2 === 0 ? 30 : 12;
      runs.add(at, ++at);
    }
    const chosen = [...chooseSegments(runs, 0, 100_000, 10_000)];
    assert.equal(chooseSegments(runs, 0, 100_000, 30_000).length, 30_000);
    assert.equal(chosen.length, 20_000);
    assert.ok(chosen.every(({ start, end }) => end - start === 14));
    const cheap = new Runs();
    for (let i = 0; i < 40_000; i++) cheap.add(13 * i, 13 * i + 1);
    assert.equal(chooseSegments(cheap, 0, 100_000, 10_000).length, 10_000);
  });

  it('a length about to widen is not widened for nothing', () => {
    // Closing the gap of 7 saves a header of 7 and costs a second byte of length.
    const list = [
      { start: 70_000, end: 70_120 },
      { start: 70_127, end: 70_128 },
    ];
    assert.equal(chooseSegments(runsOf(list), 0, 10).length, 2);
  });

  it('where there are too many, leave as many as allowed, lose no bytes, and close the cheapest gaps', () => {
    fc.assert(
      fc.property(few, fc.integer({ min: 1, max: 9 }), (list, most) => {
        const runs = runsOf(list);
        const all = [...chooseSegments(runs, 0, 100)];
        const limited = [...chooseSegments(runs, 0, most)];
        assert.equal(limited.length, Math.min(all.length, most));
        assert.ok(list.every((run) => limited.some((one) => one.start <= run.start && run.end <= one.end)));
        // What closing a gap costs: its zeros, less the header of the segment behind it.
        const costs = (of: readonly Run[]): readonly number[] =>
          of.slice(1).map((run, i) => run.start - (of[i]?.end ?? 0) - 3 - addressWidth(run.start));
        const sum = (of: readonly number[]): number => of.reduce((total, cost) => total + cost, 0);
        const cheapest = costs(all)
          .toSorted((a, b) => a - b)
          .slice(0, all.length - limited.length);
        assert.equal(sum(costs(all)) - sum(costs(limited)), sum(cheapest));
      }),
    );
  });

  it('of a megabyte and more come first, the others as they were', () => {
    const MIB = 2 ** 20;
    const list = [
      { start: 8, end: 9 },
      { start: 20, end: 20 + MIB },
      { start: 3 * MIB, end: 4 * MIB - 1 },
      { start: 5 * MIB, end: 7 * MIB },
      { start: 8 * MIB, end: 8 * MIB + 1 },
    ];
    const [small, big, nearly, bigger, last] = list;
    assert.deepEqual([...bigFirst(runsOf(list))], [big, bigger, small, nearly, last]);
    assert.deepEqual([...bigFirst(runsOf(list.slice(1, 3)))], [big, nearly]);
    assert.deepEqual([...bigFirst(new Runs())], []);
  });

  it('of several memories share one limit, and what closing a gap costs decides whose close', () => {
    const near = new Runs();
    const far = new Runs();
    for (let i = 0; i < 20_000; i++) {
      near.add(70_000 + 20 * i, 70_001 + 20 * i);
      far.add(70_000 + 50 * i, 70_001 + 50 * i);
    }
    const lengths = (most: number, free?: number): readonly number[] =>
      chooseOfAll(
        [near, far].map((runs, mem) => ({ runs, mem })),
        most,
        free,
      ).map(({ length }) => length);
    assert.deepEqual(lengths(100_000), [20_000, 20_000]);
    assert.deepEqual(lengths(25_000), [5_000, 20_000]);
    assert.deepEqual(lengths(10_000), [1, 9_999]);
    // A segment of the first saves 11 bytes or 12, of the second 40 or so.
    assert.deepEqual(lengths(100_000, 10_000), [1, 20_000]);
    assert.deepEqual(lengths(100_000, 30_000), [10_000, 20_000]);
  });
});
