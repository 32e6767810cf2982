import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { spaces } from '../../src/wasm/module.ts';
import { differential } from '../support/differential.ts';
import { needs } from '../support/features.ts';

const WARM = { warmups: [{ kind: 'call', export: 'warm', args: [] }] } as const;

describe('memories', () => {
  it('a memory that grew starts at the size that it had', async () => {
    const { output, results } = await differential({
      guest: `(module (memory (export "memory") 1 5)
        (func (export "warm") (drop (memory.grow (i32.const 2))) (i64.store (i32.const 131072) (i64.const -1)))
        (func (export "size") (result i32) (memory.size)) (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export "load") (param i32) (result i64) (i64.load (local.get 0))))`,
      options: { ...WARM, rounds: 1 },
      calls: [['size'], ['load', 131072], ['load', 196608], ['grow', 2], ['grow', 1], ['load', 196608]],
      engines: 'all',
    });
    assert.equal(output.mems[0]?.min, 3n);
    assert.deepEqual(results, ['3', '-1', 'trap: out of bounds memory access', '3', '-1', '0']);
  });

  it('a shared memory, which no other thread has written', async () => {
    const { output, results } = await differential({
      guest: `(module (memory (export "memory") 1 3 shared) (data (i32.const 8) "abcd")
        (func (export "warm") (drop (memory.grow (i32.const 1)))
          (drop (i32.atomic.rmw.add (i32.const 70000) (i32.const 5))) (i32.atomic.store (i32.const 8) (i32.const 0)))
        (func (export "add") (param i32) (result i32) (i32.atomic.rmw.add (local.get 0) (i32.const 1)))
        (func (export "size") (result i32) (memory.size)))`,
      options: { ...WARM, rounds: 1 },
      calls: [['size'], ['add', 70000], ['add', 70000], ['add', 8]],
    });
    assert.deepEqual(results, ['2', '5', '6', '0']);
    assert.equal(output.mems[0]?.shared, true);
  });

  it('a memory at its maximum, and one of no pages at all', async () => {
    await differential({
      guest: `(module (memory (export "memory") 1 2)
        (func (export "warm") (drop (memory.grow (i32.const 1))))
        (func (export "grow") (result i32) (memory.grow (i32.const 1))))`,
      options: WARM,
      calls: [['grow']],
    });
    const { output, results } = await differential({
      guest: `(module (memory (export "memory") 0 1) (func (export "size") (result i32) (memory.size))
        (func (export "load") (result i32) (i32.load8_u (i32.const 0)))
        (func (export "grow") (result i32) (memory.grow (i32.const 1))))`,
      calls: [['size'], ['load'], ['grow'], ['load']],
      engines: 'all',
    });
    assert.deepEqual(results, ['0', 'trap: out of bounds memory access', '0', '0']);
    assert.equal(output.datas.length, 0);
  });

  it('the first and the very last byte of a memory', async () => {
    await differential({
      guest: `(module (memory (export "memory") 2)
        (func (export "warm") (i32.store8 (i32.const 0) (i32.const 1)) (i32.store8 (i32.const 131071) (i32.const 255)))
        (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))`,
      options: WARM,
      calls: [
        ['load', 0],
        ['load', 131071],
        ['load', 131072],
      ],
      engines: 'all',
    });
  });

  it('a memory without a zero in it is one segment', async () => {
    const { output } = await differential({
      guest: `(module (memory (export "memory") 2)
        (func (export "warm") (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 131072))))`,
      options: WARM,
    });
    assert.equal(output.datas.length, 1);
  });

  it('single bytes far apart, more than there may be segments, are joined up to the limit', async () => {
    // 40 apart: a gap of 39 zeros costs more than a segment and its price, and there are 157,286 of them.
    const { output, frozen } = await differential({
      guest: `(module (memory (export "memory") 96) (memory.fill)
        (func (export "warm") (local $i i32)
          (loop $l
            (i32.store8 (local.get $i) (i32.const 7))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 40))) (i32.const 6291440)))))
        (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))`.replace(
        '(memory.fill)',
        '',
      ),
      options: WARM,
      calls: [
        ['load', 40 * 9000],
        ['load', 40 * 9000 + 1],
      ],
    });
    assert.equal(output.datas.length, 95_000);
    assert.equal(frozen.report.snapshot.segments, 95_000);
  });

  it('every other byte, over 10,000 of them, is one segment', async () => {
    const { output } = await differential({
      guest: `(module (memory (export "memory") 1)
        (func (export "warm") (local $i i32)
          (loop $l
            (i32.store8 (local.get $i) (i32.const 7))
            (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 2))) (i32.const 65536))))))`,
      options: WARM,
    });
    assert.equal(output.datas.length, 1);
  });

  it('data that instantiation wrote and the guest cleared is not written again', async () => {
    const { output, results } = await differential({
      guest: `(module (memory (export "memory") 1) (data (i32.const 8) "abcd") (data (i32.const 100) "keep")
        (func (export "warm") (i32.store (i32.const 8) (i32.const 0)))
        (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))`,
      options: WARM,
      calls: [
        ['load', 8],
        ['load', 100],
      ],
      engines: 'all',
    });
    assert.equal(results[0], '0');
    assert.equal(output.datas.length, 1);
  });

  it('an address in the upper half of a memory of 4 GiB is written as it is', async () => {
    // Growing to 2 GiB and a page costs nothing until it is touched; the scan touches it once.
    const { results } = await differential({
      guest: `(module (memory (export "memory") 1)
        (func (export "warm") (drop (memory.grow (i32.const 32768))) (i32.store (i32.const 0x80000004) (i32.const 5)))
        (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))`,
      options: { ...WARM, rounds: 1 },
      calls: [['load', 0x80000004 | 0]],
    });
    assert.deepEqual(results, ['5']);
  });

  it('several memories, each with its own contents and size', needs('multi-memory'), async () => {
    const { output } = await differential({
      guest: `(module (memory $a (export "memory") 1) (memory $b 2 9) (memory $c 0)
        (data $p "passive") (data (memory $b) (i32.const 3) "active")
        (func (export "warm")
          (i32.store $a (i32.const 4) (i32.const 1)) (i32.store $b (i32.const 65536) (i32.const 2))
          (drop (memory.grow $c (i32.const 1))) (i32.store $c (i32.const 65532) (i32.const 3)))
        (func (export "load") (param i32) (result i32 i32 i32)
          (i32.load $a (local.get 0)) (i32.load $b (local.get 0)) (i32.load $c (local.get 0)))
        (func (export "init") (memory.init $b $p (i32.const 10) (i32.const 0) (i32.const 7)))
        (func (export "sizes") (result i32 i32 i32) (memory.size $a) (memory.size $b) (memory.size $c)))`,
      options: { ...WARM, rounds: 1 },
      calls: [['load', 4], ['load', 65532], ['sizes'], ['init'], ['load', 8]],
      engines: 'modern',
    });
    assert.deepEqual(
      spaces(output).mems.map((mem) => mem.min),
      [1n, 2n, 1n],
    );
  });

  it('a 64-bit memory', needs('memory64'), async () => {
    const { results } = await differential({
      guest: `(module (memory (export "memory") i64 1 4) (data (i64.const 20) "hello")
        (func (export "warm") (drop (memory.grow (i64.const 1))) (i64.store (i64.const 131064) (i64.const -2)))
        (func (export "load") (param i64) (result i64) (i64.load (local.get 0)))
        (func (export "size") (result i64) (memory.size)))`,
      options: { ...WARM, rounds: 1 },
      calls: [['load', 131064n], ['load', 131065n], ['load', 20n], ['size']],
      engines: 'modern',
    });
    assert.equal(results[0], '-2');
  });
});
