// A stub takes an import away, and every function behind it gets another index: in code, segments,
// initializers, exports, the start section, names and hints.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BRANCH_HINTS, readHints, writeHints } from '../../src/link/hints.ts';
import { changeImports } from '../../src/link/renumber.ts';
import { stubBody } from '../../src/link/stub.ts';
import { encode, spanBytes } from '../../src/wasm/encode.ts';
import { type Module, spaces } from '../../src/wasm/module.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { TypeIdx } from '../../src/wasm/types.ts';
import { differential } from '../support/differential.ts';
import { needs } from '../support/features.ts';
import { wat } from '../support/wat.ts';

const NOTHING = { kind: 'func', params: [], results: [] } as const;

/** The module with its n-th import a function that does nothing, parsed again from its bytes. */
function withStub(module: Module, index: number): Module {
  const stubs = new Map([[index, stubBody({ kind: 'nop' }, NOTHING)]]);
  return parse(encode(changeImports(module, { added: [], stubs }).module));
}

/** The first functions of a module, with a body that is as long as `width` makes its call. */
const padded = (opcode: number, index: number, width: number): readonly number[] => {
  const bytes = [opcode];
  for (let rest = index, left = width; left > 0; left--, rest >>>= 7)
    bytes.push((rest & 0x7f) | (left > 1 ? 0x80 : 0));
  return bytes;
};

function codeSize(module: Module): number {
  return module.codes.reduce((sum, body) => sum + body.end - body.start, 0);
}

const GUEST = `(module
  (import "a" "gone" (func $gone)) (import "wasi_snapshot_preview1" "sched_yield" (func $kept (result i32)))
  (type $i (func (result i32))) (table $t (export "table") 6 funcref) (memory (export "memory") 1)
  (elem (i32.const 0) $kept $one) (elem $p func $two $gone) (elem $x funcref (ref.func $one) (ref.null func))
  (global $g (mut funcref) (ref.func $two)) (global $c funcref (ref.func $one))
  (func $one (result i32) (local $a i32) (call $gone) (i32.add (call $two) (local.get $a)))
  (func $two (export "two") (result i32) (i32.const 2))
  (func $start (call $gone) (table.set $t (i32.const 2) (ref.func $two))) (start $start)
  (func (export "run") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))
  (func (export "init") (table.init $t $p (i32.const 3) (i32.const 0) (i32.const 2)) (table.init $t $x (i32.const 5) (i32.const 0) (i32.const 1)))
  (func (export "globals") (table.set $t (i32.const 0) (global.get $g)) (table.set $t (i32.const 1) (global.get $c)))
  (func (export "tail") (result i32) (return_call $one)))`;

describe('functions that move', () => {
  it('behave as before, wherever they are named', async () => {
    const { output, results } = await differential({
      guest: GUEST,
      options: { stubs: [{ pattern: 'a.gone', stub: { kind: 'nop' } }] },
      calls: [
        ['run', 0],
        ['run', 1],
        ['run', 2],
        ['init'],
        ['run', 3],
        ['run', 4],
        ['run', 5],
        ['globals'],
        ['run', 0],
        ['run', 1],
        ['tail'],
        ['two'],
      ],
      engines: 'all',
    });
    assert.deepEqual(results, ['0', '2', '2', '', '2', 'trap: indirect call', '2', '', '2', '2', '2', '2']);
    const names = moduleNames(output);
    assert.deepEqual(
      [...names.func].filter(([index]) => index < 5).map(([, name]) => name),
      ['kept', 'one', 'two', 'start'],
    );
    assert.equal(names.func.get(spaces(output).imported.func + output.codes.length - 1), 'gone');
    const [one] = [...names.func].find(([, name]) => name === 'one') ?? [];
    assert.equal(names.local.get(one ?? -1)?.get(0), 'a');
  });

  it('start, exports, segments and initializers name the moved ones', async () => {
    const before = parse(await wat(GUEST));
    const after = withStub(before, 0);
    assert.equal(after.start?.func, (before.start?.func ?? 0) - 1);
    assert.deepEqual(
      after.exports.flatMap((item) => (item.kind === 'func' ? [item.index] : [])),
      before.exports.flatMap((item) => (item.kind === 'func' ? [item.index - 1] : [])),
    );
    const funcs = (module: Module): readonly (readonly number[])[] =>
      module.elems.map(({ items }) => (items.kind === 'funcs' ? items.funcs : []));
    assert.deepEqual(funcs(before), [[1, 2], [3, 0], []]);
    assert.deepEqual(funcs(after), [[0, 1], [2, 8], []]);
    assert.ok(WebAssembly.validate(encode(after) as Uint8Array<ArrayBuffer>));
  });

  it('a code section keeps its size: indices stay as wide as they were', async () => {
    const before = parse(await wat(GUEST));
    const [first] = before.codes;
    assert.ok(first);
    // `call 3` in five bytes, as linkers write it, and in two: 3 becomes 2.
    const bytes = Uint8Array.of(0, ...padded(0x10, 3, 5), 0x1a, ...padded(0x10, 3, 2), 0x0b);
    const body = { ...first, bytes, start: 0, end: bytes.length };
    const wide = parse(encode({ ...before, codes: before.codes.with(0, body) }));
    const after = withStub(wide, 0);
    const own = after.codes.slice(0, before.codes.length);
    assert.equal(codeSize({ ...after, codes: own }), codeSize(wide));
    const [moved] = own;
    assert.deepEqual(moved && [...spanBytes(moved)], [
      0,
      ...padded(0x10, 2, 5),
      0x1a,
      ...padded(0x10, 2, 2),
      0x0b,
    ]);
  });

  it('an index that no longer fits takes a byte more, and hints behind it move along', async () => {
    // Stubs become the last functions: `call 0` of one byte must name one behind 130 others.
    const text = `(module (import "a" "gone" (func $gone)) (memory 1)
      (func $f (export "f") (param i32) (result i32) (call $gone) (call $gone)
        (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 2))))
      ${'(func)'.repeat(130)})`;
    const plain = parse(await wat(text));
    const [body] = plain.codes;
    assert.ok(body);
    const at = spanBytes(body).indexOf(0x04);
    const value = Uint8Array.of(1);
    const bytes = writeHints([{ func: 1, hints: [{ offset: at, value }] }]);
    const hinted = parse(encode({ ...plain, customs: [{ name: BRANCH_HINTS, bytes, after: 3 }] }));
    const after = withStub(hinted, 0);
    const custom = after.customs.find((one) => one.name === BRANCH_HINTS);
    assert.ok(custom);
    assert.deepEqual(readHints(custom.bytes), [{ func: 0, hints: [{ offset: at + 2, value }] }]);
    const [moved] = after.codes;
    assert.equal(moved && spanBytes(moved)[at + 2], 0x04);
    await differential({
      guest: encode(hinted),
      options: { stubs: [{ pattern: 'a.gone', stub: { kind: 'nop' } }] },
      calls: [
        ['f', 0],
        ['f', 1],
      ],
      engines: 'all',
    });
  });

  it('hints that cannot be read are left out', async () => {
    const plain = parse(await wat(GUEST));
    const broken = { name: BRANCH_HINTS, bytes: Uint8Array.of(200, 1), after: 9 };
    const after = withStub({ ...plain, customs: [broken] }, 0);
    assert.deepEqual([...(after.customs[0]?.bytes ?? [])], [0]);
  });

  it('without a change the very same module comes back', async () => {
    const module = parse(await wat(GUEST));
    const renumbered = changeImports(module, { added: [], stubs: new Map() });
    assert.equal(renumbered.module, module);
    assert.equal(renumbered.func, undefined);
  });

  it('an import that comes in moves what is behind it', async () => {
    const before = parse(await wat(GUEST));
    const item = { module: 'h', name: 'new', desc: { kind: 'func', type: 0 as TypeIdx } } as const;
    const { module, added, func } = changeImports(before, { added: [item], stubs: new Map() });
    assert.deepEqual(added, [2]);
    assert.deepEqual([...(func ?? [])].slice(0, 4), [0, 1, 3, 4]);
    assert.ok(WebAssembly.validate(encode(module) as Uint8Array<ArrayBuffer>));
  });
});

describe('names that move', () => {
  it('labels and locals too', needs(), async () => {
    const before = parse(
      await wat('(module (import "a" "gone" (func $gone)) (func $f (param $p i32) (block $b (br $b))))'),
    );
    const names = moduleNames(withStub(before, 0));
    assert.deepEqual(
      [...names.func],
      [
        [0, 'f'],
        [1, 'gone'],
      ],
    );
    assert.deepEqual([...(names.local.get(0) ?? [])], [[0, 'p']]);
    assert.deepEqual([...(names.label.get(0) ?? [])], [[0, 'b']]);
  });
});
