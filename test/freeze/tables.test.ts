import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { moduleNames } from '../../src/wasm/names.ts';
import { differential } from '../support/differential.ts';
import { needs } from '../support/features.ts';

const WARM = { warmups: [{ kind: 'call', export: 'warm', args: [] }], rounds: 1 } as const;

describe('tables', () => {
  it('growth, and nulls in the middle', async () => {
    const { output, results } = await differential({
      guest: `(module (type $f (func (result i32))) (table $t (export "table") 3 20 funcref)
        (elem (i32.const 0) $a $b $a) (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2))
        (func (export "warm")
          (drop (table.grow $t (ref.func $b) (i32.const 4))) (drop (table.grow $t (ref.null func) (i32.const 2)))
          (table.set $t (i32.const 1) (ref.null func)))
        (func (export "run") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
        (func (export "size") (result i32) (table.size $t)))`,
      options: WARM,
      calls: [['size'], ['run', 0], ['run', 1], ['run', 2], ['run', 6], ['run', 7], ['run', 9]],
      engines: 'all',
    });
    assert.equal(output.tables[0]?.type.limits.min, 9n);
    assert.deepEqual(results, [
      '9',
      '1',
      'trap: indirect call',
      '1',
      '2',
      'trap: indirect call',
      'trap: out of bounds table access',
    ]);
  });

  it('a table at its maximum stays there', async () => {
    const { results } = await differential({
      guest: `(module (table $t 1 3 funcref)
        (func (export "warm") (drop (table.grow $t (ref.null func) (i32.const 2))))
        (func (export "grow") (result i32) (table.grow $t (ref.null func) (i32.const 1))))`,
      options: WARM,
      calls: [['grow']],
      engines: 'all',
    });
    assert.deepEqual(results, ['-1']);
  });

  it('several tables, one of them of externref', async () => {
    await differential({
      guest: `(module (type $f (func (result i32))) (table $a 2 funcref) (table $b 3 funcref) (table $c 4 externref)
        (elem (table $b) (i32.const 1) func $one) (func $one (result i32) (i32.const 1))
        (func (export "warm") (table.set $a (i32.const 0) (table.get $b (i32.const 1))))
        (func (export "a") (param i32) (result i32) (call_indirect $a (type $f) (local.get 0)))
        (func (export "b") (param i32) (result i32) (call_indirect $b (type $f) (local.get 0)))
        (func (export "c") (param i32) (result i32) (ref.is_null (table.get $c (local.get 0)))))`,
      options: WARM,
      calls: [
        ['a', 0],
        ['b', 0],
        ['b', 1],
        ['c', 3],
      ],
      engines: 'all',
    });
  });

  it('functions of the host in a table, by element segment and by an auxiliary module', async () => {
    const { results } = await differential({
      guest: `(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (type $f (func (result i32))) (type $g (func (param i32) (result i32)))
        (memory (export "memory") 1) (table (export "table") 5 funcref) (elem (i32.const 1) $yield)
        (func (export "f") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
        (func (export "g") (param i32) (result i32) (call_indirect (type $g) (i32.const 77) (local.get 0)))
        (func (export "close") (result i32) (call $close (i32.const 77))))`,
      auxes: [
        `(module (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
          (import "env" "table" (table 1 funcref)) (elem (i32.const 2) $close))`,
      ],
      calls: [['f', 1], ['f', 2], ['g', 2], ['g', 1], ['close']],
      engines: 'all',
    });
    assert.equal(results[2], results[4]);
  });

  it('a slot that was written twice holds the last function, and the code of the first is gone', async () => {
    const aux = (value: number): string => `(module (import "env" "table" (table 1 funcref))
      (elem (i32.const 1) $compiled) (func $helper (result i32) (i32.const ${value}))
      (func $compiled (result i32) (call $helper)))`;
    const { output, results, frozen } = await differential({
      guest: `(module (type $f (func (result i32))) (table (export "table") 3 funcref)
        (func (export "run") (result i32) (call_indirect (type $f) (i32.const 1))))`,
      auxes: [
        { name: 'old', text: aux(11) },
        { name: 'new', text: aux(22) },
      ],
      calls: [['run']],
      engines: 'all',
    });
    assert.deepEqual(results, ['22']);
    assert.deepEqual([...moduleNames(output).func.values()].sort(), ['new.compiled', 'new.helper']);
    assert.equal(output.codes.length, 3);
    assert.equal(frozen.report.linked.unreached, 2);
  });

  it('tables of a function type, and one that cannot hold null', needs('typed references'), async () => {
    const { results } = await differential({
      guest: `(module (type $f (func (result i32)))
        (table $n 3 (ref null $f)) (table $t 2 9 (ref $f) (ref.func $a)) (table $u 2 (ref func) (ref.func $a))
        (func $a (type $f) (i32.const 1)) (func $b (type $f) (i32.const 2)) (elem declare func $b)
        (func (export "warm")
          (table.set $n (i32.const 1) (ref.func $b)) (table.set $t (i32.const 1) (ref.func $b))
          (drop (table.grow $t (ref.func $b) (i32.const 2))) (table.set $u (i32.const 0) (ref.func $b)))
        (func (export "n") (param i32) (result i32) (call_ref $f (table.get $n (local.get 0))))
        (func (export "t") (param i32) (result i32) (call_ref $f (table.get $t (local.get 0))))
        (func (export "u") (param i32) (result i32) (call_ref $f (ref.cast (ref $f) (table.get $u (local.get 0))))))`,
      options: WARM,
      calls: [
        ['n', 0],
        ['n', 1],
        ['t', 0],
        ['t', 3],
        ['t', 4],
        ['u', 0],
        ['u', 1],
      ],
      engines: 'modern',
    });
    assert.equal(results[0], 'trap: null reference');
    assert.deepEqual(results.slice(1, 4), ['2', '1', '2']);
  });

  it(
    'a table whose initializer was the only declaration of a function',
    needs('typed references'),
    async () => {
      await differential({
        guest: `(module (type $f (func (result i32))) (table $t 2 funcref (ref.func $a))
        (func $a (type $f) (i32.const 1))
        (func (export "warm") (table.fill $t (i32.const 0) (ref.null func) (i32.const 2)))
        (func (export "run") (result i32) (table.set $t (i32.const 0) (ref.func $a)) (call_indirect (type $f) (i32.const 0))))`,
        options: WARM,
        calls: [['run']],
        engines: 'modern',
      });
    },
  );

  it('tables of references that are all null', needs('gc', 'exnref'), async () => {
    await differential({
      guest: `(module (type $s (struct (field (mut i32)))) (table $a 2 anyref) (table $s 3 (ref null $s)) (table $i 1 i31ref) (table $x 2 exnref)
        (func (export "a") (result i32) (ref.is_null (table.get $a (i32.const 1))))
        (func (export "s") (result i32) (ref.is_null (table.get $s (i32.const 1))))
        (func (export "x") (result i32) (ref.is_null (table.get $x (i32.const 1)))))`,
      calls: [['a'], ['s'], ['x']],
    });
  });

  it('a 64-bit table', needs('table64'), async () => {
    await differential({
      guest: `(module (type $f (func (result i32))) (table $t (export "table") i64 2 10 funcref) (elem (table $t) (i64.const 1) func $a)
        (elem $p func $b)
        (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2))
        (func (export "warm") (drop (table.grow $t (ref.func $b) (i64.const 3))))
        (func (export "init") (table.init $t $p (i64.const 0) (i32.const 0) (i32.const 1)))
        (func (export "run") (param i64) (result i32) (call_indirect $t (type $f) (local.get 0))))`,
      auxes: [
        `(module (import "env" "table" (table i64 1 funcref)) (elem (i64.const 0) $f) (func $f (result i32) (i32.const 9)))`,
      ],
      options: WARM,
      calls: [['run', 0n], ['run', 1n], ['run', 4n], ['run', 5n], ['init'], ['run', 0n]],
    });
  });
});
