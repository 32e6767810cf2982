// What a snapshot of memory and numbers alone cannot hold, each in a small module: instructions on
// tables and segments, references, and what came to WebAssembly later.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differential } from '../support/differential.ts';
import { needs } from '../support/features.ts';

const WARM = { warmups: [{ kind: 'call', export: 'warm', args: [] }], rounds: 1 } as const;

describe('what Wizer refuses', () => {
  it('table.copy, table.init, table.fill, table.grow, table.set and elem.drop', async () => {
    const { results } = await differential({
      guest: `(module (type $f (func (result i32))) (table $t 8 20 funcref) (table $u 4 funcref)
        (elem $e func $a $b $c) (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2)) (func $c (result i32) (i32.const 3))
        (func (export "warm")
          (table.init $u $e (i32.const 1) (i32.const 0) (i32.const 3)) (elem.drop $e)
          (table.copy $t $u (i32.const 2) (i32.const 1) (i32.const 3)) (table.fill $t (i32.const 6) (ref.func $b) (i32.const 2))
          (table.set $t (i32.const 0) (table.get $u (i32.const 3))) (drop (table.grow $t (ref.func $a) (i32.const 2))))
        (func (export "t") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0)))
        (func (export "init") (table.init $u $e (i32.const 0) (i32.const 0) (i32.const 1))))`,
      options: WARM,
      calls: [['t', 0], ['t', 1], ['t', 2], ['t', 4], ['t', 6], ['t', 9], ['t', 10], ['init']],
    });
    assert.deepEqual(results, [
      '3',
      'trap: indirect call',
      '1',
      '3',
      '2',
      '1',
      'trap: out of bounds table access',
      'trap: out of bounds table access',
    ]);
  });

  it('data.drop and memory.init', async () => {
    const { results } = await differential({
      guest: `(module (memory (export "memory") 1) (data $a "first") (data $b "second")
        (func (export "warm") (memory.init $a (i32.const 3) (i32.const 1) (i32.const 4)) (data.drop $a))
        (func (export "a") (memory.init $a (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "b") (memory.init $b (i32.const 0) (i32.const 0) (i32.const 6)))
        (func (export "load") (result i64) (i64.load (i32.const 0))))`,
      options: WARM,
      calls: [['load'], ['a'], ['b'], ['load']],
    });
    assert.equal(results[1], 'trap: out of bounds memory access');
  });

  it('mutable globals of reference types', async () => {
    const { results } = await differential({
      guest: `(module (type $f (func (result i32))) (global $g (mut funcref) (ref.null func)) (global $n (mut funcref) (ref.func $a))
        (global $x (mut externref) (ref.null extern)) (table $t 1 funcref)
        (func $a (result i32) (i32.const 5)) (elem declare func $a)
        (func (export "warm") (global.set $g (ref.func $a)) (global.set $n (ref.null func)))
        (func (export "g") (result i32) (table.set $t (i32.const 0) (global.get $g)) (call_indirect $t (type $f) (i32.const 0)))
        (func (export "n") (result i32 i32) (ref.is_null (global.get $n)) (ref.is_null (global.get $x))))`,
      options: WARM,
      calls: [['g'], ['n']],
    });
    assert.deepEqual(results, ['5', '1 1']);
  });

  it('tail calls, and exceptions that stay inside', needs('exnref'), async () => {
    const { results } = await differential({
      guest: `(module (tag $e (param i32)) (global $n (mut i32) (i32.const 0))
        (func $count (param i32 i32) (result i32)
          (if (result i32) (local.get 0)
            (then (return_call $count (i32.sub (local.get 0) (i32.const 1)) (i32.add (local.get 1) (i32.const 2))))
            (else (local.get 1))))
        (func $throw (param i32) (throw $e (local.get 0)))
        (func $catch (param i32) (result i32)
          (block $caught (result i32) (try_table (catch $e $caught) (call $throw (local.get 0))) (i32.const -1)))
        (func (export "warm") (global.set $n (i32.add (call $count (i32.const 100000) (i32.const 0)) (call $catch (i32.const 4)))))
        (func (export "n") (result i32) (global.get $n))
        (func (export "count") (param i32) (result i32) (call $count (local.get 0) (i32.const 1)))
        (func (export "catch") (param i32) (result i32) (call $catch (local.get 0)))
        (func (export "throw") (param i32) (call $throw (local.get 0))))`,
      options: WARM,
      calls: [['n'], ['count', 50_000], ['catch', 9], ['throw', 1]],
    });
    assert.deepEqual(results, ['200004', '100001', '9', 'trap: uncaught exception']);
  });

  it(
    'objects that live in functions alone, and null references of every kind',
    needs('gc', 'exnref'),
    async () => {
      const { results } = await differential({
        guest: `(module (type $p (struct (field (mut i32)) (field i32))) (type $a (array (mut i8))) (type $f (func (result i32)))
        (global $sum (mut i32) (i32.const 0)) (global $s (mut (ref null $p)) (ref.null $p)) (global $any (mut anyref) (ref.null any))
        (global $eq (mut eqref) (ref.null eq)) (global $i (mut i31ref) (ref.null i31)) (global $f (mut (ref null $f)) (ref.null $f))
        (global $x (mut exnref) (ref.null exn)) (data $text "object")
        (func $seven (type $f) (i32.const 7)) (elem declare func $seven)
        (func $work (param i32) (result i32) (local $s (ref $p)) (local $a (ref $a))
          (local.set $s (struct.new $p (local.get 0) (i32.const 2)))
          (local.set $a (array.new_data $a $text (i32.const 0) (i32.const 6)))
          (struct.set $p 0 (local.get $s) (i32.mul (struct.get $p 0 (local.get $s)) (struct.get $p 1 (local.get $s))))
          (i32.add (struct.get $p 0 (local.get $s)) (array.get_u $a (local.get $a) (i32.const 1))))
        (func (export "warm")
          (global.set $sum (call $work (i32.const 10))) (global.set $f (ref.func $seven))
          (global.set $s (struct.new_default $p)) (global.set $s (ref.null $p)))
        (func (export "sum") (result i32) (global.get $sum))
        (func (export "work") (param i32) (result i32) (call $work (local.get 0)))
        (func (export "f") (result i32) (call_ref $f (global.get $f)))
        (func (export "nulls") (result i32 i32 i32 i32 i32) (ref.is_null (global.get $s)) (ref.is_null (global.get $any))
          (ref.is_null (global.get $eq)) (ref.is_null (global.get $i)) (ref.is_null (global.get $x))))`,
        options: WARM,
        calls: [['sum'], ['work', 3], ['f'], ['nulls']],
      });
      assert.deepEqual(results, ['118', '104', '7', '1 1 1 1 1']);
    },
  );
});
