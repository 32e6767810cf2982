import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { dataSegments } from '../../src/snapshot/pieces.ts';
import { nonZeroRuns, Runs } from '../../src/snapshot/runs.ts';
import { encode, encodeForValidation, written } from '../../src/wasm/encode.ts';
import { type Data, EMPTY_MODULE, type Module } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { MemIdx } from '../../src/wasm/types.ts';

/** Lengths about where segments are split, seen as a whole, or written with a wider LEB. */
const length = fc.oneof(
  fc.integer({ min: 1, max: 200 }),
  fc.constantFrom(16_383, 16_384, 65_535, 65_536, 2 ** 20, 2 ** 21),
);
const gap = fc.oneof(fc.nat(100), fc.constantFrom(8192, 2 ** 20));

/** Segments with their bytes, in a memory that is as long as they reach. */
const pieces = fc.array(fc.tuple(gap, length), { maxLength: 12 }).map((steps) => {
  const segments = new Runs();
  let at = 0;
  for (const [zeros, count] of steps) {
    segments.push(at + zeros, at + zeros + count);
    at += zeros + count;
  }
  return { segments, bytes: Uint8Array.from({ length: at }, (_, i) => (i * 31) >> 3) };
});

const address = fc.constantFrom('i32' as const, 'i64' as const);

/** The same module with segments that are objects like any others. */
function plain(module: Module): Module {
  return { ...module, datas: module.datas.map(({ mode, bytes }): Data => ({ mode, bytes })) };
}

function joined(chunks: Iterable<Uint8Array>): Uint8Array {
  // Copied one by one, for a buffer is used again.
  return Buffer.concat([...chunks].map((chunk) => Uint8Array.from(chunk)));
}

function copied(chunks: Iterable<Uint8Array>): Uint8Array {
  const all: Uint8Array[] = [];
  for (const chunk of chunks) all.push(chunk.slice());
  return joined(all);
}

describe('pieces of memories as data segments', () => {
  it('are an array like any other, of pieces that are made once', () => {
    const segments = nonZeroRuns(Uint8Array.from({ length: 100 }, (_, i) => (i % 20 === 0 ? 1 : 0)));
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
    const one = { segments, bytes, address: 'i32' } as const;
    const datas = dataSegments([
      { ...one, mem: 0 as MemIdx },
      { ...one, mem: 1 as MemIdx },
    ]);
    const first = [0, 20, 40, 60, 80];
    assert.equal(datas.length, 10);
    assert.ok(Array.isArray(datas));
    assert.deepEqual(
      datas.map((data) => data.bytes[0]),
      [...first, ...first],
    );
    assert.deepEqual(
      [...datas].map(({ mode }) => mode.kind === 'active' && mode.mem),
      [0, 0, 0, 0, 0, 1, 1, 1, 1, 1],
    );
    assert.equal(datas[7], datas.at(-3));
    assert.equal(datas[7], datas.slice(5)[2]);
    assert.equal(datas[10], undefined);
    assert.equal(datas.filter(({ bytes: own }) => own.length > 0).length, 10);
  });

  it('are written as any segments are, in one piece or in many', () => {
    fc.assert(
      fc.property(pieces, address, fc.constantFrom(0, 1, 300), (one, type, mem) => {
        const datas = dataSegments([{ ...one, mem: mem as MemIdx, address: type }]);
        const module = { ...EMPTY_MODULE, datas };
        const bytes = encode(plain(module));
        assert.deepEqual(encode(module), bytes);
        assert.deepEqual(new Uint8Array(copied(written(module).chunks())), bytes);
      }),
      { numRuns: 40 },
    );
  });

  it('at addresses from 2 GiB on, and from 4 GiB on in a memory of 64 bits', () => {
    for (const [type, starts] of [
      ['i32', [2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2 ** 27, 2 ** 32 - 65, 2 ** 32 - 64]],
      ['i64', [2 ** 31, 2 ** 32, 2 ** 34 - 1, 2 ** 34, 2 ** 41]],
    ] as const) {
      const segments = new Runs();
      // No memory is so long here: the segments have no bytes.
      for (const start of starts) segments.push(start, start);
      const bytes = encode({
        ...EMPTY_MODULE,
        datas: dataSegments([{ segments, bytes: new Uint8Array(0), mem: 0 as MemIdx, address: type }]),
      });
      const datas = parse(bytes).datas;
      assert.deepEqual(
        datas.map(
          ({ mode }) =>
            mode.kind === 'active' && [...mode.offset.bytes.subarray(mode.offset.start, mode.offset.end)],
        ),
        dataSegments([{ segments, bytes: new Uint8Array(0), mem: 0 as MemIdx, address: type }]).map(
          ({ mode }) => mode.kind === 'active' && [...mode.offset.bytes],
        ),
      );
    }
  });

  it('validate without their bytes where they do with them, and only there', () => {
    const segments = nonZeroRuns(Uint8Array.from({ length: 70_000 }, (_, i) => (i % 20 === 0 ? 1 : 0)));
    const bytes = new Uint8Array(70_000);
    const memory = { address: 'i32', shared: false, min: 2n, max: undefined } as const;
    for (const [mem, address, valid] of [
      [0, 'i32', true],
      [0, 'i64', false],
      [1, 'i32', false],
    ] as const) {
      const datas = dataSegments([{ segments, bytes, mem: mem as MemIdx, address }]);
      const module = { ...EMPTY_MODULE, mems: [memory], datas };
      for (const one of [module, plain(module)]) {
        assert.equal(WebAssembly.validate(encode(one) as Uint8Array<ArrayBuffer>), valid);
        const without = encodeForValidation(one);
        assert.equal(WebAssembly.validate(without as Uint8Array<ArrayBuffer>), valid);
        assert.ok(without.length < encode(one).length);
        assert.equal(parse(without).datas.length, segments.length);
      }
    }
  });
});
