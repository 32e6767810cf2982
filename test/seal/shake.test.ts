// What nothing reaches goes; what is left behaves as before, under its own names.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CALL_TARGETS, readHints, writeHints } from '../../src/link/hints.ts';
import { seal } from '../../src/seal/seal.ts';
import { whyReachable } from '../../src/seal/why.ts';
import { type Module, spaces } from '../../src/wasm/module.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { FuncIdx } from '../../src/wasm/types.ts';
import { needs } from '../support/features.ts';
import { wat } from '../support/wat.ts';
import { type SealCall, sealedText } from './sealed.ts';

const names = (module: Module): readonly string[] => [...moduleNames(module).func.values()];
const shaken = async (
  text: string,
  calls: readonly SealCall[] = [],
  options: Parameters<typeof sealedText>[2] = {},
): Promise<Module> => parse((await sealedText(text, calls, options)).bytes);

describe('what nothing reaches goes', () => {
  it('functions with their types and names, also those that call each other', async () => {
    const module = await shaken(
      `(module (type $gone (func (param f64))) (type $stays (func (param i32) (result i32)))
        (func $a (type $gone) (call $b (local.get 0))) (func $b (type $gone) (call $a (local.get 0)))
        (func $helper (type $stays) (local $x i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "run") (type $stays) (call $helper (local.get 0))))`,
      [['run', 41]],
    );
    assert.equal(module.codes.length, 2);
    assert.equal(module.types.length, 1);
    assert.deepEqual(names(module), ['helper']);
    assert.equal(moduleNames(module).local.get(0)?.get(1), 'x');
    assert.deepEqual([...moduleNames(module).type.values()], ['stays']);
  });

  it('of big code only where it is enough of it, or an import goes', async () => {
    const big = (dead: number, imports = ''): string => {
      const nops = (count: number): string => 'nop '.repeat(count);
      return `(module ${imports} (func (export "run") (param i32) (result i32) ${nops(1_100_000)} (local.get 0))
        (func ${nops(dead)}) (func $caller (drop (call $last))) (func $last (result i32) (i32.const 3))
        (func (export "last") (result i32) (call $last)))`;
    };
    const calls: readonly SealCall[] = [['run', 41], ['last']];
    const functions = async (text: string, options = {}): Promise<number> =>
      (await shaken(text, calls, options)).codes.length;
    assert.equal(await functions(big(2_000)), 5);
    assert.equal(await functions(big(20_000)), 3);
    const gone = { imports: { a: { b: () => {} } } };
    assert.equal(await functions(big(2_000, '(import "a" "b" (func $gone))'), gone), 3);
  });

  it('imports, globals, memories, tables, tags and passive segments', async () => {
    const module = await shaken(
      `(module (import "a" "gone" (func $gone)) (import "a" "kept" (func $kept (result i32)))
        (import "a" "g" (global $ig i32)) (global $dead i32 (i32.const 1)) (global $live i32 (i32.const 2))
        (table $t 1 funcref) (elem (table $t) (i32.const 0) func $dead)
        (memory 1) (data $p "gone") (data $q "kept") (data (i32.const 8) "\\05")
        (func $dead (call $gone) (drop (global.get $ig)) (drop (global.get $dead)) (data.drop $p) (drop (table.get $t (i32.const 0))))
        (func (export "run") (result i32) (memory.init $q (i32.const 0) (i32.const 0) (i32.const 1))
          (i32.add (i32.add (call $kept) (global.get $live)) (i32.load8_u (i32.const 8)))))`,
      [['run']],
      { imports: { a: { gone: () => {}, kept: () => 7, g: 3 } } },
    );
    assert.deepEqual(
      module.imports.map(({ name }) => name),
      ['kept'],
    );
    assert.deepEqual([module.globals.length, module.tables.length, module.elems.length], [1, 0, 0]);
    assert.deepEqual([module.mems.length, module.datas.length, module.dataCount?.count], [1, 2, 2]);
  });

  it('memories and their segments where there are several', needs('multi-memory', 'exnref'), async () => {
    const module = await shaken(
      `(module (memory $dead 1) (memory $live 1) (tag $x) (tag $y (param i32))
        (data (memory $dead) (i32.const 0) "dead") (data (memory $live) (i32.const 0) "\\07")
        (func (export "run") (result i32)
          (block $h (result i32) (try_table (catch $y $h) (throw $y (i32.load8_u $live (i32.const 0)))) (i32.const 0))))`,
      [['run']],
    );
    assert.deepEqual([module.mems.length, module.datas.length, module.tags.length], [1, 1, 1]);
  });

  it('recursion groups stay whole', needs('gc'), async () => {
    const module = await shaken(
      `(module
      (type $dead (struct)) (rec (type $a (struct (field (ref null $b)))) (type $b (struct (field i32))))
      (func (export "run") (result i32) (struct.get $b 0 (struct.new $b (i32.const 9)))))`,
      [['run']],
    );
    assert.deepEqual(
      module.types.map(({ types }) => types.length),
      [2, 1],
    );
  });
});

it('hints of what a call mostly calls name functions where they are now', async () => {
  const text = `(module (type $i (func (result i32))) (table 2 funcref) (elem (i32.const 0) $one $two)
    (func $dead) (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
    (func (export "run") (param i32) (result i32) (call_indirect (type $i) (local.get 0))))`;
  const before = parse(await wat(text));
  const bytes = writeHints([
    // Of function 3, at its call: 2 mostly, 1 sometimes, 0 never more; and one that cannot be read.
    {
      func: 3,
      hints: [
        { offset: 3, value: Uint8Array.of(2, 90, 1, 9, 0, 1) },
        { offset: 5, value: Uint8Array.of(2) },
      ],
    },
  ]);
  const custom = { name: CALL_TARGETS, bytes, after: 3 };
  const { module } = await seal({ ...before, customs: [custom, ...before.customs] });
  const moved = module.customs.find(({ name }) => name === CALL_TARGETS);
  assert.deepEqual(moved && readHints(moved.bytes), [
    { func: 2, hints: [{ offset: 3, value: Uint8Array.of(1, 90, 0, 9) }] },
  ]);
});

describe('a global that no code writes any more', () => {
  const text = `(module (global $never (mut i32) (i32.const 1)) (global $dead (mut i64) (i64.const 2))
    (global $live (mut i32) (i32.const 3)) (global $shown (export "shown") (mut i32) (i32.const 4))
    (func $writer (global.set $dead (i64.const 5))) (func (export "write") (global.set $live (i32.const 6)))
    (func (export "sum") (result i32) (i32.add (global.get $never)
      (i32.add (i32.wrap_i64 (global.get $dead)) (i32.add (global.get $live) (global.get $shown))))))`;
  const calls: readonly SealCall[] = [['sum'], ['write'], ['sum']];

  it('is immutable', async () => {
    const module = await shaken(text, calls);
    assert.deepEqual(
      module.globals.map(({ type }) => type.mutable),
      [false, false, true, true],
    );
  });

  it('stays as it is where dead code that writes it stays', async () => {
    const module = await shaken(text, calls, { keepOffsets: true });
    assert.ok(module.globals.every(({ type }) => type.mutable));
  });
});

describe('what something can see stays', () => {
  it('what the host gives and a segment fills', async () => {
    const text = `(module (import "a" "t" (table $t 4 funcref)) (import "a" "m" (memory 1))
      (func $f (result i32) (i32.const 5)) (elem (i32.const 1) $f) (data (i32.const 0) "\\09"))`;
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 4 });
    const memory = new WebAssembly.Memory({ initial: 1 });
    const module = await shaken(text, [], { imports: { a: { t: table, m: memory } } });
    assert.equal(module.imports.length, 2);
    assert.equal((table.get(1) as () => number)(), 5);
  });

  it('the start function and what it calls', async () => {
    const module = await shaken(
      `(module (global $g (mut i32) (i32.const 0)) (func $s (call $set)) (func $set (global.set $g (i32.const 3)))
      (func $dead) (start $s) (func (export "run") (result i32) (global.get $g)))`,
      [['run']],
    );
    assert.deepEqual(names(module), ['s', 'set']);
  });

  it('functions that only ref.func names are declared still', needs('typed references'), async () => {
    const module = await shaken(
      `(module (type $i (func (result i32))) (table 2 funcref) (elem (i32.const 0) $dead $f) (func $dead (result f32) (f32.const 0))
      (func $f (type $i) (i32.const 4)) (global $g (mut (ref null $i)) (ref.null $i))
      (func (export "set") (global.set $g (ref.func $f))) (func (export "run") (result i32) (call_ref $i (global.get $g))))`,
      [['run'], ['set'], ['run']],
    );
    assert.deepEqual(names(module), ['f']);
  });
});

describe('slots of a table', () => {
  const guest = (fields: string, table = '(table $t 12 funcref)'): string => `(module
    (type $i (func (result i32))) (type $j (func (result i64)))
    ${table} (elem (i32.const 2) $a $wide $b) (elem (i32.const 7) $wide) (elem (i32.const 3) $c)
    (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2)) (func $c (result i32) (i32.const 3))
    (func $wide (result i64) (i64.const 4))
    (func (export "run") (param i32) (result i32) (call_indirect $t (type $i) (local.get 0))) ${fields})`;
  const calls: readonly SealCall[] = Array.from({ length: 14 }, (_, i) => ['run', i] as const);

  it('go where no reachable call has their type, and the end with them', async () => {
    const module = await shaken(guest(''), calls);
    assert.deepEqual(names(module), ['a', 'b', 'c']);
    assert.deepEqual(module.tables[0]?.type.limits, { address: 'i32', min: 5n, max: 5n });
  });

  it('stay where a call has their type', async () => {
    const module = await shaken(
      guest('(func (export "wide") (param i32) (result i64) (call_indirect $t (type $j) (local.get 0)))'),
      [...calls, ['wide', 7], ['wide', 3], ['wide', 2]],
    );
    assert.deepEqual(names(module), ['a', 'b', 'c', 'wide']);
    assert.equal(module.tables[0]?.type.limits.min, 8n);
  });

  it('stay where slots are read, and where the length can be told', async () => {
    const read = '(func (export "null") (param i32) (result i32) (ref.is_null (table.get $t (local.get 0))))';
    const module = await shaken(guest(read), [...calls, ['null', 7], ['null', 11], ['null', 12]]);
    assert.equal(module.codes.length, 6);
    assert.equal(module.tables[0]?.type.limits.min, 12n);
    const size = '(func (export "size") (result i32) (table.size $t))';
    const sized = await shaken(guest(size), [...calls, ['size']]);
    assert.equal(sized.tables[0]?.type.limits.min, 12n);
    assert.deepEqual(names(sized), ['a', 'b', 'c']);
  });

  it('all stay, and the table as it is, where the host has it', async () => {
    const module = await shaken(guest('', '(table $t (export "table") 12 funcref)'), calls);
    assert.equal(module.codes.length, 5);
    assert.deepEqual(module.tables[0]?.type.limits, { address: 'i32', min: 12n, max: undefined });
  });

  it('all stay where the host has it and the user vouches that it does not write it', async () => {
    const text = guest('', '(table $t (export "table") 12 funcref)');
    const { module } = await sealedText(text, calls, { assumeTables: true });
    assert.deepEqual(module.tables[0]?.type.limits, { address: 'i32', min: 12n, max: undefined });
  });

  it('move with table.init, table.copy and table.grow of what is left', async () => {
    const more = `(table $other 3 funcref) (elem $dead func $wide) (elem $p func $b $a)
      (func (export "init") (table.init $t $p (i32.const 0) (i32.const 0) (i32.const 2)))
      (func (export "copy") (table.copy $t $other (i32.const 4) (i32.const 0) (i32.const 1)))
      (func (export "grow") (result i32) (table.grow $t (ref.func $b) (i32.const 2)))
      (func (export "drop") (elem.drop $p))`;
    const module = await shaken(guest(more), [
      ...calls,
      ['init'],
      ...calls,
      ['copy'],
      ...calls,
      ['grow'],
      ...calls,
      ['drop'],
      ['init'],
    ]);
    assert.deepEqual(names(module), ['a', 'b', 'c']);
    assert.equal(module.tables.length, 2);
  });

  it('stay where no null can take their place', needs('typed references'), async () => {
    const module = await shaken(
      `(module (type $i (func (result i32)))
      (table $t 3 (ref $i) (ref.func $a)) (elem (table $t) (i32.const 1) (ref $i) (ref.func $b))
      (func $a (type $i) (i32.const 1)) (func $b (type $i) (i32.const 2))
      (func (export "run") (param i32) (result i32) (call_indirect $t (type $i) (local.get 0))))`,
      [
        ['run', 0],
        ['run', 1],
        ['run', 2],
        ['run', 3],
      ],
    );
    assert.equal(module.codes.length, 3);
  });
});

describe('why', () => {
  const text = `(module (type $i (func (result i32))) (table $t 4 funcref) (elem (i32.const 2) $slot $dead)
    (func $leaf (result i32) (i32.const 1)) (func $slot (result i32) (call $leaf)) (func $dead)
    (func $caller (result i32) (call_indirect $t (type $i) (i32.const 2)))
    (func (export "run") (result i32) (call $caller)))`;

  it('names each step from a root on', async () => {
    const chain = whyReachable(parse(await wat(text)), 0 as FuncIdx);
    assert.deepEqual(
      chain?.map(({ shown, how }) => `${shown}: ${how}`),
      [
        'function 4: export "run"',
        'function 3 (caller): which it calls',
        'function 1 (slot): in slot 2 of table 0, where it calls functions of type 0',
        'function 0 (leaf): which it calls',
      ],
    );
  });

  it('has no chain to what nothing reaches, which is what goes', async () => {
    const before = parse(await wat(text));
    const { maps, stats } = await sealedText(text, [['run']]);
    assert.equal(stats.directCalls, 1);
    for (let i = 0; i < spaces(before).funcs.length; i++) {
      const gone = maps.func?.[i] === 0xffff_ffff;
      assert.equal(whyReachable(before, i as FuncIdx) === undefined, gone, `function ${i}`);
    }
  });
});
