import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import { assembleBody } from '../../src/wasm/instructions.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { TagIdx } from '../../src/wasm/types.ts';
import { differential, hostWith } from '../support/differential.ts';
import { needs } from '../support/features.ts';
import { wat } from '../support/wat.ts';

/** A guest with everything exported that modules import, and callers of slots by type. */
const GUEST = `
  (type $i (func (result i32))) (type $ii (func (param i32) (result i32))) (type $l (func (result i64)))
  (memory (export "memory") 1 9) (table $t (export "table") 10 40 funcref)
  (global (export "counter") (mut i32) (i32.const 100))
  (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
  (func (export "i") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))
  (func (export "ii") (param i32 i32) (result i32) (call_indirect (type $ii) (local.get 1) (local.get 0)))
  (func (export "l") (param i32) (result i64) (call_indirect (type $l) (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "size") (result i32) (table.size $t))`;

const guest = (fields = ''): string => `(module ${GUEST} ${fields})`;

describe('auxiliary modules', () => {
  it('patch by a start function that grows the table and stores the slot', async () => {
    const { results } = await differential({
      guest: guest(),
      auxes: [
        `(module (import "env" "memory" (memory 1)) (import "env" "table" (table $t 1 funcref))
          (import "env" "double" (func $double (param i32) (result i32)))
          (elem $e func $f) (func $f (param i32) (result i32) (call $double (i32.add (local.get 0) (i32.const 1))))
          (func $start (local $slot i32)
            (local.set $slot (table.grow $t (ref.null func) (i32.const 1)))
            (table.init $t $e (local.get $slot) (i32.const 0) (i32.const 1))
            (i32.store (i32.const 64) (local.get $slot)))
          (start $start))`,
      ],
      calls: [['size'], ['load', 64], ['ii', 10, 20], ['ii', 9, 20]],
      engines: 'all',
    });
    assert.deepEqual(results, ['11', '10', '42', 'trap: indirect call']);
  });

  it('patch by active segments, with a table minimum above what the guest declared', async () => {
    const { results } = await differential({
      guest:
        `(module ${GUEST} (func (export "warm") (drop (table.grow $t (ref.null func) (i32.const 20)))))`.replace(
          '(func (export "warm")',
          '(start $grow) (func $grow',
        ),
      auxes: [
        `(module (import "env" "memory" (memory 1)) (import "env" "table" (table 25 funcref))
          (elem (i32.const 24) $f) (data (i32.const 8) "\\2a") (func $f (result i32) (i32.load (i32.const 8))))`,
      ],
      calls: [['i', 24], ['load', 8], ['size']],
      engines: 'all',
    });
    assert.deepEqual(results, ['42', '42', '30']);
  });

  it('passive segments of a module that live code uses are there, and dropped ones are not', async () => {
    const { output, results } = await differential({
      guest: guest(),
      auxes: [
        `(module (import "env" "memory" (memory 1)) (import "env" "table" (table $t 1 funcref))
          (data $unused "unused") (data $d "\\2a\\00\\00\\00") (data $gone "gone") (data $active (i32.const 0) "act")
          (elem $e func $h) (elem (i32.const 1) $data $elem $gone)
          (func $h (result i32) (i32.const 77))
          (func $data (result i32) (memory.init $d (i32.const 32) (i32.const 0) (i32.const 4)) (i32.load (i32.const 32)))
          (func $elem (result i32) (table.init $t $e (i32.const 5) (i32.const 0) (i32.const 1)) (i32.const 5))
          (func $gone (result i32) (memory.init $active (i32.const 0) (i32.const 0) (i32.const 1)) (i32.const 0))
          (func $start (data.drop $gone)) (start $start))`,
        `(module (import "env" "memory" (memory 1)) (import "env" "table" (table $t 1 funcref))
          (data $d "other") (elem (i32.const 4) $f)
          (func $f (result i32) (memory.init $d (i32.const 40) (i32.const 0) (i32.const 5)) (i32.load8_u (i32.const 44))))`,
      ],
      calls: [
        ['i', 5],
        ['i', 2],
        ['i', 5],
        ['i', 1],
        ['i', 3],
        ['i', 4],
      ],
      engines: 'all',
    });
    assert.deepEqual(results, [
      'trap: indirect call',
      '5',
      '77',
      '42',
      'trap: out of bounds memory access',
      '114',
    ]);
    // The data of a module that no live code names does not come along.
    assert.equal(
      output.datas.some((data) => new TextDecoder().decode(data.bytes).includes('unused')),
      false,
    );
  });

  it('a function that only the segment of its module declared, which has run, is declared again', async () => {
    const { results } = await differential({
      guest: guest(),
      auxes: [
        `(module (import "env" "table" (table $t 1 funcref))
          (elem (i32.const 1) $f) (elem declare func $g) (func $g (result i32) (i32.const 8))
          (func (export "h") (result i32) (i32.const 9)) (global $k (mut funcref) (ref.func $only)) (func $only (result i32) (i32.const 10))
          (func $f (result i32)
            (table.set $t (i32.const 2) (ref.func $g)) (table.set $t (i32.const 3) (ref.func 1))
            (global.set $k (ref.null func)) (table.set $t (i32.const 4) (ref.func $only)) (i32.const 1)))`,
      ],
      calls: [
        ['i', 1],
        ['i', 2],
        ['i', 3],
        ['i', 4],
      ],
      engines: 'all',
    });
    assert.deepEqual(results, ['1', '8', '9', '10']);
  });

  it('own mutable globals of every type, v128 included', async () => {
    const { results } = await differential({
      guest: guest(`(func (export "warm") (drop (call_indirect (type $i) (i32.const 1))))`),
      auxes: [
        `(module (import "env" "table" (table 1 funcref)) (elem (i32.const 1) $f $g)
          (global $a (mut i32) (i32.const 5)) (global $b (mut i64) (i64.const 6))
          (global $c (mut f32) (f32.const nan:0x200001)) (global $d (mut f64) (f64.const -0))
          (global $e (mut v128) (v128.const i64x2 1 2)) (global $f (mut funcref) (ref.null func)) (global $k i64 (i64.const 1000))
          (func $f (result i32)
            (global.set $a (i32.add (global.get $a) (i32.const 1)))
            (global.set $b (i64.mul (global.get $b) (global.get $k)))
            (global.set $e (i64x2.add (global.get $e) (v128.const i64x2 10 20)))
            (global.set $f (ref.func $g))
            (i32.add (global.get $a) (i32.reinterpret_f32 (global.get $c))))
          (func $g (result i64)
            (i64.add (global.get $b) (i64.add (i64x2.extract_lane 1 (global.get $e)) (i64.reinterpret_f64 (global.get $d))))))`,
      ],
      options: { warmups: [{ kind: 'call', export: 'warm', args: [] }], rounds: 1 },
      calls: [
        ['i', 1],
        ['l', 2],
      ],
      engines: 'all',
    });
    assert.equal(results[0], String(0x7fa00001 + 7));
  });

  it('mutable globals of the guest are the very same ones, also by way of another module', async () => {
    const { output, results } = await differential({
      guest: guest('(func (export "counter_") (result i32) (global.get 0))'),
      auxes: [
        {
          name: 'first',
          text: `(module (import "env" "counter" (global $c (mut i32))) (import "env" "table" (table 1 funcref))
            (global $own (mut i32) (i32.const 7)) (export "again" (global $c)) (export "own" (global $own))
            (elem (i32.const 1) $f)
            (func $f (result i32) (global.set $c (i32.add (global.get $c) (global.get $own))) (global.get $c)))`,
        },
        {
          name: 'second',
          text: `(module (import "first" "again" (global $c (mut i32))) (import "first" "own" (global $o (mut i32)))
            (import "env" "table" (table 1 funcref)) (elem (i32.const 2) $f)
            (func $f (result i32) (global.set $o (i32.const 1000)) (global.set $c (i32.const 1)) (global.get $c)))`,
        },
      ],
      calls: [['i', 1], ['i', 2], ['i', 1], ['counter_']],
      engines: 'all',
    });
    assert.deepEqual(results, ['107', '1', '1001', '1001']);
    assert.equal(output.globals.length, 2);
  });

  it('immutable globals of the guest and of earlier modules, of every type', async () => {
    const { results } = await differential({
      guest:
        guest(`(global (export "I") i32 (i32.const -5)) (global (export "L") i64 (i64.const 0x8000000000000001))
        (global (export "F") f32 (f32.const nan:0x200001)) (global (export "D") f64 (f64.const -0))
        (global (export "V") v128 (v128.const i64x2 3 4)) (global (export "R") funcref (ref.func 0)) (global (export "N") funcref (ref.null func))`),
      auxes: [
        {
          name: 'one',
          text: `(module (import "env" "table" (table $t 1 funcref)) (import "env" "I" (global $i i32)) (import "env" "L" (global $l i64))
          (import "env" "F" (global $f f32)) (import "env" "D" (global $d f64)) (import "env" "V" (global $v v128))
          (import "env" "R" (global $r funcref)) (import "env" "N" (global $n funcref))
          (global $copy (export "copy") i32 (global.get $i)) (global $func (export "func") funcref (ref.func $i)) (global $vv v128 (global.get $v))
          (global $m (mut f64) (global.get $d)) (elem (i32.const 1) $i $l) (elem $p funcref (global.get $r) (global.get $n))
          (func $i (result i32) (table.init $t $p (i32.const 7) (i32.const 0) (i32.const 2))
            (i32.add (global.get $copy) (i32.reinterpret_f32 (global.get $f))))
          (func $l (result i64)
            (table.set $t (i32.const 5) (global.get $r)) (table.set $t (i32.const 6) (global.get $n))
            (i64.add (global.get $l) (i64.add (i64x2.extract_lane 1 (global.get $vv)) (i64.reinterpret_f64 (global.get $m))))))`,
        },
        `(module (import "one" "copy" (global $c i32)) (import "one" "func" (global $f funcref)) (import "env" "table" (table $t 1 funcref))
          (elem (i32.const 3) $i) (func $i (result i32) (table.set $t (i32.const 4) (global.get $f)) (global.get $c)))`,
      ],
      calls: [
        ['i', 1],
        ['l', 2],
        ['i', 3],
        ['i', 4],
        ['ii', 5, 21],
        ['i', 6],
        ['ii', 7, 4],
      ],
      engines: 'all',
    });
    assert.equal(results[2], '-5');
    assert.equal(results[3], results[0]);
    assert.deepEqual(results.slice(4), ['42', 'trap: indirect call', '8']);
  });

  it('import a slot, an earlier export, a function of the host, and export what they import', async () => {
    const { results, output } = await differential({
      guest: guest(
        `(import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32))) (elem (i32.const 3) 1)`,
      ).replace(/\(module (.*?)(\(import .*?\)\)\))/s, '(module $2 $1'),
      auxes: [
        {
          name: 'one',
          text: `(module (import "slot" "3" (func $three (param i32) (result i32))) (import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))
          (export "three" (func $three)) (export "yield" (func $y))
          (func (export "inc") (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))`,
        },
        {
          name: 'two',
          text: `(module (import "one" "three" (func $three (param i32) (result i32))) (import "one" "inc" (func $inc (param i32) (result i32)))
          (import "one" "yield" (func $y (result i32))) (import "env" "table" (table 1 funcref)) (elem (i32.const 5) $f $y $three $inc)
          (func $f (param i32) (result i32) (i32.add (call $y) (call $inc (call $three (local.get 0))))))`,
        },
      ],
      calls: [
        ['ii', 5, 20],
        ['i', 6],
        ['ii', 7, 4],
        ['ii', 8, 4],
      ],
      engines: 'all',
    });
    assert.deepEqual(results, ['41', '0', '8', '5']);
    assert.equal(output.imports.length, 1);
  });

  it('own tables, with functions of both sides in them', async () => {
    const { output, results } = await differential({
      guest: guest(),
      auxes: [
        `(module (type $ii (func (param i32) (result i32))) (import "env" "table" (table $t 1 funcref)) (import "env" "double" (func $d (param i32) (result i32)))
          (table $own 3 9 funcref) (elem (table $own) (i32.const 1) func $d $h) (elem (table $t) (i32.const 1) func $f)
          (func $h (param i32) (result i32) (i32.const 9))
          (func $start (drop (table.grow $own (ref.func $h) (i32.const 2))) (table.copy $t $own (i32.const 4) (i32.const 1) (i32.const 1))) (start $start)
          (func $f (param i32) (result i32) (call_indirect $own (type $ii) (i32.const 21) (local.get 0))))`,
      ],
      calls: [
        ['ii', 1, 0],
        ['ii', 1, 1],
        ['ii', 1, 2],
        ['ii', 1, 4],
        ['ii', 1, 5],
        ['ii', 4, 3],
      ],
      engines: 'all',
    });
    assert.deepEqual(results.slice(1, 4), ['42', '9', '9']);
    assert.equal(output.tables.length, 2);
    assert.equal(output.tables[1]?.type.limits.min, 5n);
  });

  it('an own memory: loads, stores, copies both ways, size and growth', needs('multi-memory'), async () => {
    const { output } = await differential({
      guest: guest(),
      auxes: [
        `(module (memory $own 1 3) (import "env" "table" (table $t 1 funcref)) (data $d "passive") (data (memory $own) (i32.const 4) "\\05")
          (elem (i32.const 1) $add $grow $init)
          (func $add (param i32) (result i32)
            (i32.store (i32.const 0) (i32.add (i32.load offset=4 align=1 (i32.const 0)) (local.get 0)))
            (i32.atomic.store (i32.const 8) (i32.const 1)) (v128.store64_lane 1 (i32.const 16) (v128.const i64x2 1 2)) (i32.load (i32.const 0)))
          (func $grow (result i32) (drop (memory.grow (i32.const 1))) (memory.fill (i32.const 100) (i32.const 7) (i32.const 5)) (memory.size))
          (func $init (result i32) (memory.init $d (i32.const 200) (i32.const 0) (i32.const 7)) (i32.load (i32.const 201)))
          (func $start (drop (call $add (i32.const 3)))) (start $start))`.replace(
          /\(memory \$own 1 3\) (\(import.*?\)\))/,
          '$1 (memory $own 1 3)',
        ),
        `(module (import "env" "table" (table 1 funcref)) (import "env" "memory" (memory $guest 1)) (memory $own 2) (data (memory $own) (i32.const 0) "own!")
          (elem (i32.const 4) $f $sizes)
          (func $f (result i32) (memory.copy $guest $own (i32.const 300) (i32.const 0) (i32.const 4))
            (memory.copy $own $guest (i32.const 8) (i32.const 300) (i32.const 4)) (i32.load $own (i32.const 8)))
          (func $sizes (result i32) (i32.add (i32.mul (memory.size $own) (i32.const 10)) (memory.size $guest))))`,
      ],
      calls: [
        ['ii', 1, 4],
        ['i', 2],
        ['i', 3],
        ['i', 4],
        ['i', 5],
        ['load', 300],
      ],
      engines: 'modern',
    });
    assert.equal(output.mems.length, 3);
  });

  it('types are merged by structure, and calls through the table are still checked', async () => {
    const { output, results, frozen } = await differential({
      guest: guest(),
      auxes: [
        `(module (type $pad (func (param f64 f64))) (type $l (func (result i64))) (type $i (func (result i32)))
          (import "env" "table" (table $t 1 funcref)) (elem (i32.const 1) $a $b $c $d)
          (func $a (type $i) (i32.const 1)) (func $b (type $l) (i64.const 2)) (func $c (type $pad))
          (func $d (type $i) (call_indirect (type $pad) (f64.const 0) (f64.const 0) (i32.const 3)) (block (result i32 i32) (i32.const 4) (i32.const 5)) (drop)))`,
      ],
      calls: [
        ['i', 1],
        ['l', 2],
        ['i', 2],
        ['l', 1],
        ['i', 3],
        ['i', 4],
      ],
      engines: 'all',
    });
    const mismatch = 'trap: indirect call';
    assert.deepEqual(results, ['1', '2', mismatch, mismatch, mismatch, '4']);
    assert.equal(frozen.report.linked.typesAdded, 2);
    // Five of the guest's, of which two belong to its exports only.
    assert.equal(output.types.length, 5 + 2);
  });

  it('types in recursion groups and subtypes', needs('gc'), async () => {
    const types = `(rec (type $a (sub (struct (field (mut i32)) (field (ref null $b))))) (type $b (sub $a (struct (field (mut i32)) (field (ref null $b)) (field i64)))))
      (type $mk (func (param i32) (result (ref $a)))) (type $f (sub (func (result i32)))) (type $g (sub $f (func (result i32))))`;
    const { frozen, results } = await differential({
      guest: `(module (type $first (func)) ${types} (table (export "table") 10 funcref)
        (elem (i32.const 0) $mk) (func $mk (type $mk) (struct.new $a (local.get 0) (ref.null $b)))
        (func (export "is_b") (param i32) (result i32) (ref.test (ref $b) (call_indirect (type $mk) (i32.const 5) (local.get 0))))
        (func (export "get") (param i32) (result i32) (struct.get $a 0 (call_indirect (type $mk) (i32.const 5) (local.get 0))))
        (func (export "f") (param i32) (result i32) (call_indirect (type $f) (local.get 0)))
        (func (export "g") (param i32) (result i32) (call_indirect (type $g) (local.get 0))))`,
      auxes: [
        `(module (type $x (array i8)) (type $own (struct (field (ref null $x)))) (type $i (func (result i32))) ${types}
          (import "env" "table" (table 1 funcref)) (elem (i32.const 1) $mkb $ff $gg $plain $cast)
          (func $mkb (type $mk) (struct.new $b (local.get 0) (ref.null $b) (i64.const 1)))
          (func $ff (type $f) (i32.const 1)) (func $gg (type $g) (i32.const 2)) (func $plain (type $i) (array.len (array.new_default $x (i32.const 3))))
          (func $cast (type $f) (local $o (ref null $own)) (local.set $o (struct.new $own (array.new_default $x (i32.const 4))))
            (array.len (struct.get $own 0 (ref.cast (ref $own) (local.get $o))))))`,
      ],
      calls: [
        ['is_b', 0],
        ['is_b', 1],
        ['get', 1],
        ['f', 2],
        ['f', 3],
        ['g', 2],
        ['g', 3],
        ['f', 4],
        ['f', 5],
      ],
      engines: 'modern',
    });
    assert.deepEqual(results.slice(0, 5), ['0', '1', '5', '1', '2']);
    assert.equal(results[5], 'trap: indirect call');
    assert.equal(frozen.report.linked.typesAdded, 3);
  });

  it('tail calls, direct and through the table', needs('tail calls'), async () => {
    await differential({
      guest: guest(),
      auxes: [
        `(module (type $ii (func (param i32) (result i32))) (import "env" "table" (table $t 1 funcref)) (import "env" "double" (func $d (type $ii)))
          (elem (i32.const 1) $loop $direct)
          (func $loop (type $ii) (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
            (return_call_indirect $t (type $ii) (i32.sub (local.get 0) (i32.const 1)) (i32.const 1)))
          (func $direct (type $ii) (return_call $d (local.get 0))))`,
      ],
      calls: [
        ['ii', 1, 200000],
        ['ii', 2, 21],
      ],
      engines: 'all',
    });
  });

  it(
    'a tag of the guest, and one of its own: thrown in one module, caught in another',
    needs('exnref'),
    async () => {
      const { results } = await differential({
        guest: guest(`(tag $e (export "tag") (param i32)) (type $v (func (param i32)))
        (func (export "try") (param i32 i32) (result i32)
          (block $any
            (block $caught (result i32)
              (try_table (catch $e $caught) (catch_all $any) (call_indirect (type $v) (local.get 1) (local.get 0)))
              (return (i32.const -1)))
            (return))
          (i32.const -2))`),
        auxes: [
          {
            name: 'one',
            text: `(module (import "env" "tag" (tag $e (param i32))) (import "env" "table" (table 1 funcref)) (tag $own (export "own") (param i32))
          (elem (i32.const 1) $throw $other $none)
          (func $throw (param i32) (throw $e (local.get 0))) (func $other (param i32) (throw $own (local.get 0))) (func $none (param i32)))`,
          },
          `(module (import "one" "own" (tag $o (param i32))) (import "slot" "2" (func $other (param i32))) (import "env" "table" (table 1 funcref)) (elem (i32.const 4) $f)
          (func $f (param i32) (result i32)
            (block $caught (result i32) (try_table (catch $o $caught) (call $other (local.get 0))) (i32.const 0))))`,
        ],
        calls: [
          ['try', 1, 42],
          ['try', 2, 42],
          ['try', 3, 42],
          ['ii', 4, 13],
        ],
        engines: 'modern',
      });
      assert.deepEqual(results, ['42', '-2', '-1', '13']);
    },
  );

  it('a tag of the guest, caught by the legacy instructions', async () => {
    // The assembler has dropped them: a body is put in by hand.
    const parsed = parse(
      await wat(
        guest(`(tag $e (export "tag") (param i32)) (type $v (func (param i32)))
          (func (export "try") (param i32 i32) (result i32) (i32.const 0))`),
      ),
    );
    const code = assembleBody([
      ['try', { block: 'i32' }],
      ['local.get', 1],
      ['local.get', 0],
      ['call_indirect', 3, 0],
      ['i32.const', -1],
      ['catch', 0 as TagIdx],
      ['catch_all'],
      ['i32.const', -2],
      ['end'],
    ]);
    const codes = parsed.codes.with(-1, madeSpan(code, 'legacy'));
    const { results } = await differential({
      guest: encode({ ...parsed, codes }),
      auxes: [
        `(module (import "env" "tag" (tag $e (param i32))) (import "env" "table" (table 1 funcref)) (tag $own (param i32)) (elem (i32.const 1) $throw $other)
          (func $throw (param i32) (throw $e (local.get 0))) (func $other (param i32) (throw $own (local.get 0))))`,
      ],
      calls: [
        ['try', 1, 42],
        ['try', 2, 42],
      ],
    });
    assert.deepEqual(results, ['42', '-2']);
  });

  it('names of functions, locals, tables and globals stand under the name of their module', async () => {
    const { output } = await differential({
      guest: `(module $guest ${GUEST} (func $own (param $p i32) (local.get $p) (drop)))`,
      auxes: [
        {
          name: 'fib',
          text: `(module $m (import "env" "table" (table $shared 1 funcref)) (table $mine 1 funcref) (global $state (mut i32) (i32.const 0))
            (elem (table $shared) (i32.const 1) func $f 1) (func $f (result i32) (local $x i32) (table.set $mine (i32.const 0) (ref.null func)) (global.set $state (i32.const 1)) (local.get $x))
            (func (export "exported") (result i32) (i32.const 3)))`,
        },
        {
          name: 'fib',
          text: `(module (import "env" "table" (table 1 funcref)) (elem (i32.const 3) 0) (func (result i32) (i32.const 4)))`,
        },
      ],
    });
    const names = moduleNames(output);
    assert.equal(names.module, 'guest');
    const added = [...names.func].filter(([, name]) => name.startsWith('fib'));
    assert.deepEqual(
      added.map(([, name]) => name),
      ['fib.f', 'fib.exported', 'fib#2.func0'],
    );
    const [[first = -1] = []] = added;
    assert.deepEqual([...(names.local.get(first)?.values() ?? [])], ['x']);
    assert.deepEqual([...names.table.values()].sort(), ['fib.mine', 't']);
    assert.deepEqual([...names.global.values()], ['fib.state']);
  });

  it('a module that traps half-way leaves what it wrote, and its functions are known', async () => {
    const { results, frozen } = await differential({
      guest: guest(),
      auxes: [
        `(module (import "env" "memory" (memory 1)) (import "env" "table" (table $t 1 funcref))
          (elem (i32.const 1) $f) (elem $late (i32.const 100) $f $f) (elem $later (i32.const 2) $g) (data $never (i32.const 0) "never")
          (func $f (result i32) (table.init $t $later (i32.const 5) (i32.const 0) (i32.const 1))
            (memory.init $never (i32.const 0) (i32.const 0) (i32.const 5)) (i32.const 11))
          (func $g (result i32) (i32.const 12)))`,
        `(module (import "env" "memory" (memory 1)) (import "env" "table" (table $t 1 funcref)) (elem $e func $f)
          (func $f (result i32) (i32.const 33))
          (func $start (table.init $t $e (i32.const 3) (i32.const 0) (i32.const 1)) (i32.store (i32.const 8) (i32.const 1)) (unreachable)) (start $start))`,
      ],
      options: { skipBadModules: true },
      calls: [
        ['i', 1],
        ['i', 2],
        ['i', 5],
        ['i', 3],
        ['load', 8],
      ],
      engines: 'all',
    });
    assert.deepEqual(results, ['11', 'trap: indirect call', '12', '33', '1']);
    assert.deepEqual(
      frozen.report.modules.map((module) => module.linked),
      [false, false],
    );
  });

  it('element segments of externref, and a table of them', async () => {
    const { results } = await differential({
      guest: guest(),
      auxes: [
        `(module (import "env" "table" (table $t 1 funcref)) (table $x 3 externref) (elem $n externref (ref.null extern)) (elem $gone externref (ref.null extern))
          (elem (table $t) (i32.const 1) func $f $g)
          (func $f (result i32) (table.init $x $n (i32.const 1) (i32.const 0) (i32.const 1)) (ref.is_null (table.get $x (i32.const 1))))
          (func $g (result i32) (table.init $x $gone (i32.const 1) (i32.const 0) (i32.const 1)) (i32.const 0))
          (func $s (elem.drop $gone)) (start $s))`,
      ],
      calls: [
        ['i', 1],
        ['i', 2],
      ],
      engines: 'all',
    });
    assert.deepEqual(results, ['1', 'trap: out of bounds table access']);
  });

  it('active segments are written in order, elements before data', async () => {
    const { results } = await differential({
      guest: guest(),
      auxes: [
        `(module (import "env" "memory" (memory 1)) (import "env" "table" (table 1 funcref))
          (data (i32.const 0) "aaaa") (data (i32.const 2) "bb") (elem (i32.const 1) $a $a) (elem (i32.const 2) $b)
          (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2))
          (func $s (i32.store8 (i32.const 3) (i32.const 0x63))) (start $s))`,
      ],
      calls: [
        ['load', 0],
        ['i', 1],
        ['i', 2],
      ],
    });
    assert.deepEqual(results, [String(0x63626161), '1', '2']);
  });

  it('a frozen module is frozen again, with more modules that build on the first ones', async () => {
    const { frozen } = await differential({
      guest: guest(),
      auxes: [
        {
          name: 'fib',
          text: `(module (import "env" "table" (table 1 funcref)) (global $n (mut i32) (i32.const 5)) (elem (i32.const 1) $f)
            (func $f (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))`,
        },
      ],
    });
    const { results, output } = await differential({
      guest: frozen.bytes,
      auxes: [
        {
          name: 'fib',
          text: `(module (import "env" "table" (table 1 funcref)) (import "slot" "1" (func $f (result i32))) (elem (i32.const 2) $g)
            (func $g (result i32) (i32.mul (call $f) (i32.const 10))))`,
        },
      ],
      calls: [
        ['i', 2],
        ['i', 1],
      ],
      engines: 'all',
    });
    assert.deepEqual(results, ['60', '7']);
    assert.deepEqual(
      [...moduleNames(output).func.values()].filter((name) => name.startsWith('fib')),
      ['fib.f', 'fib#2.g'],
    );
  });

  it('a function of the host with the wrong type cannot be linked', async () => {
    const { frozen } = await differential({
      guest: `(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32))) (table (export "table") 2 funcref))`,
      auxes: [
        `(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (param i64) (result i32))) (import "env" "table" (table 1 funcref))
          (elem (i32.const 0) $f) (func $f (result i32) (call $yield (i64.const 1))))`,
      ],
      options: { skipBadModules: true },
    });
    assert.match(
      frozen.report.modules[0]?.error ?? '',
      /"wasi_snapshot_preview1" "sched_yield".*does not fit/,
    );
  });

  it('a function of the guest that is exported under two names, and a host function given twice', async () => {
    const same = (): number => 5;
    const { results } = await differential({
      guest: `(module (import "h" "a" (func $a (result i32))) (import "h" "b" (func $b (result i32))) ${GUEST}
        (elem (i32.const 1) $a $b) (export "alias" (func 2)) (export "a" (func $a)) (export "b" (func $b)))`,
      auxes: [
        `(module (import "env" "alias" (func $d (param i32) (result i32))) (import "env" "a" (func $a (result i32))) (import "h" "b" (func $b (result i32)))
          (import "env" "table" (table 1 funcref)) (elem (i32.const 3) $d $a $b))`,
      ],
      options: { host: hostWith('h', { a: same, b: same }) },
      calls: [
        ['ii', 3, 2],
        ['i', 4],
        ['i', 5],
      ],
    });
    assert.deepEqual(results, ['4', '5', '5']);
  });

  it('strange names: prototypes, instrumentation, the empty name', async () => {
    const { frozen } = await differential({
      guest: guest(`(export "" (func 1)) (export "\\00freeze:m0" (func 1)) (export "\\00start" (func 1))`),
      auxes: [
        { name: '', text: `(module (import "__proto__" "polluted" (func)))` },
        { name: '', text: `(module (import "constructor" "assign" (func)))` },
        {
          name: '__proto__',
          text: `(module (import "env" "" (func $d (param i32) (result i32))) (export "\\00patch" (func $f)) (export "\\00freeze:f" (func $f)) (func $f (unreachable)))`,
        },
        { name: 'peek', text: `(module (import "__proto__" "\\00\\00freeze:f" (table 0 funcref)))` },
      ],
      options: { skipBadModules: true },
    });
    assert.deepEqual(
      frozen.report.modules.map((module) => module.linked),
      [false, false, true, false],
    );
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });
});
