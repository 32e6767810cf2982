import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differential } from '../support/differential.ts';
import { needs } from '../support/features.ts';

describe('globals', () => {
  it('integers keep their values at the ends of their ranges', async () => {
    const { results } = await differential({
      guest: `(module
        (global $a (mut i32) (i32.const 1)) (global $b (mut i32) (i32.const 0))
        (global $c (mut i64) (i64.const 1)) (global $d (mut i64) (i64.const 0))
        (func (export "warm")
          (global.set $a (i32.const 0x80000000)) (global.set $b (i32.const -1))
          (global.set $c (i64.const 0x8000000000000000)) (global.set $d (i64.const 0x7fffffffffffffff)))
        (func (export "get") (result i32 i32 i64 i64)
          (global.get $a) (global.get $b) (global.get $c) (global.get $d)))`,
      options: { warmups: [{ kind: 'call', export: 'warm', args: [] }] },
      calls: [['get']],
      engines: 'all',
    });
    assert.deepEqual(results, ['-2147483648 -1 -9223372036854775808 9223372036854775807']);
  });

  it('floats keep -0, infinities, and quiet and signalling NaNs with their payloads', async () => {
    const { results } = await differential({
      guest: `(module
        (global $a (mut f32) (f32.const 0)) (global $b (mut f32) (f32.const 0)) (global $c (mut f32) (f32.const 0))
        (global $d (mut f64) (f64.const 0)) (global $e (mut f64) (f64.const 0)) (global $f (mut f64) (f64.const 0))
        (func (export "warm")
          (global.set $a (f32.const -0)) (global.set $b (f32.const nan:0x200001)) (global.set $c (f32.const -nan:0x7fffff))
          (global.set $d (f64.const -0)) (global.set $e (f64.const -nan:0x4000000000001)) (global.set $f (f64.const -inf)))
        (func (export "f32s") (result i32 i32 i32)
          (i32.reinterpret_f32 (global.get $a)) (i32.reinterpret_f32 (global.get $b)) (i32.reinterpret_f32 (global.get $c)))
        (func (export "f64s") (result i64 i64 i64)
          (i64.reinterpret_f64 (global.get $d)) (i64.reinterpret_f64 (global.get $e)) (i64.reinterpret_f64 (global.get $f))))`,
      options: { warmups: [{ kind: 'call', export: 'warm', args: [] }] },
      calls: [['f32s'], ['f64s']],
      engines: 'all',
    });
    assert.deepEqual(results, [
      `${0x80000000 | 0} ${0x7fa00001} ${0xffffffff | 0}`,
      [0x8000000000000000n, 0xfff4000000000001n, 0xfff0000000000000n]
        .map((bits) => BigInt.asIntN(64, bits))
        .join(' '),
    ]);
  });

  it('a v128 keeps all its bits', async () => {
    const { results } = await differential({
      guest: `(module (global $v (mut v128) (v128.const i64x2 0 0)) (global $c v128 (v128.const i64x2 5 6))
        (func (export "warm") (global.set $v (v128.const i32x4 0x7fa00001 0x80000000 0xffffffff 0x12345678)))
        (func (export "get") (result i64 i64 i64)
          (i64x2.extract_lane 0 (global.get $v)) (i64x2.extract_lane 1 (global.get $v)) (i64x2.extract_lane 1 (global.get $c))))`,
      options: { warmups: [{ kind: 'call', export: 'warm', args: [] }] },
      calls: [['get']],
      engines: 'all',
    });
    assert.equal(results[0], `${BigInt.asIntN(64, 0x800000007fa00001n)} ${0x12345678ffffffffn} 6`);
  });

  it('a funcref global holds null, a function of the guest, or one of an auxiliary module', async () => {
    const { results } = await differential({
      guest: `(module (type $f (func (result i32))) (table $t (export "table") 4 funcref)
        (global $null (mut funcref) (ref.func $one)) (global $own (mut funcref) (ref.null func))
        (global $aux (export "g") (mut funcref) (ref.null func))
        (elem declare func $two) (elem (i32.const 3) $two)
        (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
        (func (export "warm") (global.set $null (ref.null func)) (global.set $own (ref.func $two)))
        (func (export "run") (param i32) (result i32)
          (table.set $t (i32.const 0) (global.get $null)) (table.set $t (i32.const 1) (global.get $own))
          (table.set $t (i32.const 2) (global.get $aux))
          (call_indirect (type $f) (local.get 0))))`,
      auxes: [
        `(module (import "env" "g" (global $g (mut funcref))) (func $f (result i32) (i32.const 33))
          (elem declare func $f) (func $start (global.set $g (ref.func $f))) (start $start))`,
      ],
      options: { warmups: [{ kind: 'call', export: 'warm', args: [] }] },
      calls: [
        ['run', 0],
        ['run', 1],
        ['run', 2],
        ['run', 3],
      ],
      engines: 'all',
    });
    assert.deepEqual(results, ['trap: indirect call', '2', '33', '2']);
  });

  it('a funcref global holds a function of the host', async () => {
    await differential({
      guest: `(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (type $f (func (result i32))) (table $t 1 funcref) (memory (export "memory") 1)
        (global $g (mut funcref) (ref.null func)) (elem declare func $yield)
        (func (export "warm") (global.set $g (ref.func $yield)))
        (func (export "run") (result i32)
          (table.set $t (i32.const 0) (global.get $g)) (call_indirect (type $f) (i32.const 0))))`,
      options: { warmups: [{ kind: 'call', export: 'warm', args: [] }] },
      calls: [['run']],
      engines: 'all',
    });
  });

  it('a function that only the old value of a global declared may still be named in code', async () => {
    await differential({
      guest: `(module (type $f (func (result i32))) (table $t 1 funcref)
        (global $g (mut funcref) (ref.func $only)) (func $only (result i32) (i32.const 7))
        (func (export "warm") (global.set $g (ref.null func)))
        (func (export "run") (result i32)
          (table.set $t (i32.const 0) (ref.func $only)) (call_indirect (type $f) (i32.const 0))))`,
      options: { warmups: [{ kind: 'call', export: 'warm', args: [] }] },
      calls: [['run']],
      engines: 'all',
    });
  });

  it('immutable globals stay what they are, exported or not', async () => {
    const { output } = await differential({
      guest: `(module (global (export "i") i32 (i32.const 4)) (global $n f64 (f64.const nan:0x4000000000001))
        (global $m (export "m") (mut i32) (i32.const 0)) (global $f funcref (ref.func $g)) (func $g)
        (func (export "run") (result i64 i32)
          (i64.reinterpret_f64 (global.get $n)) (ref.is_null (global.get $f)))
        (func (export "bump") (global.set $m (i32.const 9))))`,
      options: { warmups: [{ kind: 'call', export: 'bump', args: [] }] },
      calls: [['run'], ['bump']],
    });
    assert.deepEqual(
      output.globals.map((global) => global.type.mutable),
      [false, false, true, false],
    );
  });

  it('a typed reference global that cannot be null is written again', needs('typed references'), async () => {
    const { results } = await differential({
      guest: `(module (type $f (func (result i32)))
        (global $g (mut (ref $f)) (ref.func $a)) (global $h (mut (ref null $f)) (ref.null $f))
        (func $a (type $f) (i32.const 1)) (func $b (type $f) (i32.const 2)) (elem declare func $b)
        (func (export "warm") (global.set $g (ref.func $b)))
        (func (export "run") (result i32) (call_ref $f (global.get $g)))
        (func (export "null") (result i32) (call_ref $f (global.get $h)))
        (func (export "reset") (global.set $g (ref.func $a))))`,
      options: { warmups: [{ kind: 'call', export: 'warm', args: [] }] },
      calls: [['run'], ['null'], ['reset'], ['run']],
      engines: 'modern',
    });
    assert.deepEqual(results, ['2', 'trap: null reference', '', '1']);
  });

  it('extended constant expressions and globals made of other globals stay', needs('gc'), async () => {
    const { results } = await differential({
      guest: `(module (global $a i32 (i32.const 40)) (global $b (export "b") i32 (i32.add (global.get $a) (i32.const 2)))
        (global $c (mut i32) (global.get $b))
        (func (export "run") (result i32 i32) (global.get $b) (global.get $c)))`,
      auxes: [`(module (import "env" "b" (global $b i32)) (func (export "f") (result i32) (global.get $b)))`],
      calls: [['run']],
      engines: 'modern',
    });
    assert.deepEqual(results, ['42 42']);
  });
});
