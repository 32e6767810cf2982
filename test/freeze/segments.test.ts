import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { differential } from '../support/differential.ts';

const WARM = { warmups: [{ kind: 'call', export: 'warm', args: [] }] } as const;
const OUT_OF_MEMORY = 'trap: out of bounds memory access';
const OUT_OF_TABLE = 'trap: out of bounds table access';

describe('segments', () => {
  it('a passive data segment can still be used, a dropped one cannot', async () => {
    const { results } = await differential({
      guest: `(module (memory (export "memory") 1) (data $keep "keep") (data $drop "drop") (data $empty "")
        (func (export "warm") (data.drop $drop) (data.drop $empty))
        (func (export "keep") (memory.init $keep (i32.const 0) (i32.const 0) (i32.const 4)))
        (func (export "drop") (memory.init $drop (i32.const 0) (i32.const 0) (i32.const 4)))
        (func (export "none") (memory.init $drop (i32.const 0) (i32.const 0) (i32.const 0)))
        (func (export "load") (result i32) (i32.load (i32.const 0)))
        (func (export "forget") (data.drop $keep)))`,
      options: WARM,
      calls: [['keep'], ['load'], ['drop'], ['none'], ['forget'], ['keep']],
      engines: 'all',
    });
    assert.deepEqual(results, ['', '1885693291', OUT_OF_MEMORY, '', '', OUT_OF_MEMORY]);
  });

  it('a passive element segment can still be used, a dropped one cannot', async () => {
    const { results } = await differential({
      guest: `(module (type $f (func (result i32))) (table $t 4 funcref)
        (elem $keep func $a $b) (elem $drop funcref (ref.func $c) (ref.null func)) (elem $x externref (ref.null extern))
        (table $e 2 externref)
        (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2)) (func $c (result i32) (i32.const 3))
        (func (export "warm") (table.init $t $drop (i32.const 3) (i32.const 0) (i32.const 1)) (elem.drop $drop))
        (func (export "keep") (table.init $t $keep (i32.const 0) (i32.const 0) (i32.const 2)))
        (func (export "drop") (table.init $t $drop (i32.const 2) (i32.const 0) (i32.const 1)))
        (func (export "extern") (table.init $e $x (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "run") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0))))`,
      options: WARM,
      calls: [['run', 0], ['keep'], ['run', 0], ['run', 1], ['drop'], ['run', 3], ['extern']],
      engines: 'all',
    });
    assert.deepEqual(results, ['trap: indirect call', '', '1', '2', OUT_OF_TABLE, '3', '']);
  });

  it('active and declarative segments that code names are dropped', async () => {
    const { results } = await differential({
      guest: `(module (memory (export "memory") 1) (table $t 4 funcref)
        (data $d (i32.const 4) "data") (elem $e (i32.const 0) $f) (elem $r declare func $f) (func $f)
        (func (export "data") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "elem") (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "declared") (table.init $t $r (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "nothing") (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))
          (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop $d) (elem.drop $e)))`,
      calls: [['data'], ['elem'], ['declared'], ['nothing']],
      engines: 'all',
    });
    assert.deepEqual(results, [OUT_OF_MEMORY, OUT_OF_TABLE, OUT_OF_TABLE, '']);
  });

  it('segments that write the state stand where dropped ones stood: there are no others', async () => {
    const { output, results } = await differential({
      guest: `(module (type $f (func (result i32))) (memory (export "memory") 1) (table $t 9 funcref)
        (data $d (i32.const 4) "data") (data $e (i32.const 100) "more") (elem $e0 (i32.const 0) $f) (elem $e1 (i32.const 5) $f)
        (func $f (result i32) (i32.const 3))
        (func (export "warm") (i32.store (i32.const 1000) (i32.const 1)) (table.set $t (i32.const 7) (ref.func $f)))
        (func (export "data") (memory.init $e (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "elem") (table.init $t $e1 (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "run") (param i32) (result i32) (call_indirect (type $f) (local.get 0))))`,
      options: WARM,
      calls: [['data'], ['elem'], ['run', 0], ['run', 5], ['run', 7], ['run', 1]],
    });
    assert.deepEqual(results.slice(0, 5), [OUT_OF_MEMORY, OUT_OF_TABLE, '3', '3', '3']);
    assert.deepEqual(
      [...output.datas, ...output.elems].map(({ mode }) => mode.kind),
      Array.from({ length: 6 }, () => 'active'),
    );
  });

  it('code may go on naming a function that only an active segment declared', async () => {
    await differential({
      guest: `(module (type $f (func (result i32))) (table $t 2 funcref) (elem (i32.const 0) $a)
        (func $a (result i32) (i32.const 5))
        (func (export "warm") (table.set $t (i32.const 0) (ref.null func)))
        (func (export "run") (result i32) (table.set $t (i32.const 1) (ref.func $a)) (call_indirect (type $f) (i32.const 1))))`,
      options: WARM,
      calls: [['run']],
      engines: 'all',
    });
  });

  it('code may go on naming a function that only _initialize, exported, declared', async () => {
    const { output } = await differential({
      guest: `(module (type $f (func)) (table $t 1 funcref) (global $n (mut i32) (i32.const 0))
        (func $init (export "_initialize") (global.set $n (i32.add (global.get $n) (i32.const 1))))
        (func (export "run") (result i32)
          (table.set $t (i32.const 0) (ref.func $init)) (call_indirect (type $f) (i32.const 0)) (global.get $n)))`,
      calls: [['run']],
      engines: 'all',
    });
    assert.equal(
      output.exports.some((item) => item.name === '_initialize'),
      false,
    );
  });

  it('the start function does not run again', async () => {
    const { results } = await differential({
      guest: `(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
        (func $start (global.set $n (i32.add (global.get $n) (i32.const 1))) (i32.store8 (i32.const 0) (global.get $n)))
        (start $start) (func (export "n") (result i32) (global.get $n)))`,
      calls: [['n']],
      engines: 'all',
    });
    assert.deepEqual(results, ['1']);
  });

  it('a start function may call the host, which knows the memory by then', async () => {
    const { results } = await differential({
      guest: `(module (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (memory (export "memory") 1) (global $r (mut i32) (i32.const -1))
        (func $start (global.set $r (call $sizes (i32.const 0) (i32.const 4)))) (start $start)
        (func (export "r") (result i32) (global.get $r)))`,
      calls: [['r']],
    });
    assert.deepEqual(results, ['0']);
  });
});
