// Memories, tables, globals and tags that a guest imports: taken in, or imported again and restored.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { parse } from '../../src/wasm/parse.ts';
import { needs } from '../support/features.ts';
import { wat } from '../support/wat.ts';

const GUEST = `(module (type $f (func (result i32)))
  (import "env" "memory" (memory 1 8)) (import "env" "table" (table $t 2 8 funcref))
  (import "env" "n" (global $n (mut i64))) (import "env" "base" (global $base i32))
  (import "env" "r" (global $r (mut funcref)))
  (global $own (mut i32) (global.get $base)) (table $u 2 funcref) (elem $p func $seven)
  (data $first (i32.const 8) "written by a segment") (data $late "late")
  (func $seven (type $f) (i32.const 7)) (func $eight (type $f) (i32.const 8)) (elem declare func $eight)
  (func (export "warm")
    (drop (memory.grow (i32.const 1))) (i32.store (i32.const 100000) (i32.const 42)) (i32.store8 (i32.const 8) (i32.const 0))
    (drop (table.grow $t (ref.null func) (i32.const 3))) (table.set $t (i32.const 3) (ref.func $eight))
    (table.set $u (i32.const 1) (ref.func $seven)) (global.set $n (i64.const -5)) (global.set $r (ref.func $eight))
    (global.set $own (i32.const 3)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "size") (result i32 i32) (memory.size) (table.size $t))
  (func (export "t") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0)))
  (func (export "u") (param i32) (result i32) (call_indirect $u (type $f) (local.get 0)))
  (func (export "n") (result i64) (global.get $n)) (func (export "own") (result i32) (global.get $own))
  (func (export "isNull") (result i32) (ref.is_null (global.get $r)))
  (func (export "late") (memory.init $late (i32.const 0) (i32.const 0) (i32.const 4)))
  (func (export "first") (memory.init $first (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "put") (table.init $t $p (i32.const 0) (i32.const 0) (i32.const 1))))`;

const WARM = { warmups: [{ kind: 'call', export: 'warm', args: [] }], rounds: 1 } as const;

interface Outer {
  readonly memory: WebAssembly.Memory;
  readonly table: WebAssembly.Table;
  readonly n: WebAssembly.Global;
  readonly r: WebAssembly.Global;
  readonly base: WebAssembly.Global | number;
}

/** State of the right types, with traces of another life in it. */
function outer(): Outer {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 8 });
  new Uint8Array(memory.buffer).fill(0xee);
  return {
    memory,
    table: new WebAssembly.Table({ element: 'anyfunc', initial: 2, maximum: 8 }),
    n: new WebAssembly.Global({ value: 'i64', mutable: true }, 1n),
    r: new WebAssembly.Global({ value: 'anyfunc', mutable: true }),
    base: 0,
  };
}

type Exports = Record<string, (...args: number[]) => unknown>;

async function thaw(bytes: Uint8Array, env: object): Promise<Exports> {
  const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>, {
    env: env as WebAssembly.ModuleImports,
  });
  return instance.exports as unknown as Exports;
}

/** What the warmed-up guest would answer. */
function check(exports: Exports): void {
  const call = (name: string, ...args: number[]): unknown => exports[name]?.(...args);
  assert.deepEqual(call('size'), [2, 5]);
  assert.deepEqual(
    [0, 8, 100_000, 131_068].map((at) => call('load', at)),
    [0, 0x74697200, 42, 0],
  );
  assert.deepEqual([call('t', 3), call('u', 1), call('n'), call('own'), call('isNull')], [8, 7, -5n, 3, 0]);
  assert.throws(() => call('t', 4), WebAssembly.RuntimeError);
  assert.throws(() => call('first'), WebAssembly.RuntimeError);
  call('late');
  call('put');
  assert.deepEqual([call('load', 0), call('t', 0)], [0x6574616c, 7]);
}

describe('imported state', () => {
  it('is refused with what can be said', async () => {
    await assert.rejects(freeze(await wat(GUEST), WARM), { code: 'imported-state', hint: /--import-state/ });
  });

  it('internalized, is the module’s own', async () => {
    const { bytes } = await freeze(await wat(GUEST), { ...WARM, importState: 'internalize' });
    assert.deepEqual(parse(bytes).imports, []);
    check(await thaw(bytes, {}));
  });

  it('kept, is imported again and restored, whatever was in it', async () => {
    const { bytes, report } = await freeze(await wat(GUEST), { ...WARM, importState: 'keep' });
    assert.deepEqual(parse(bytes).imports, parse(await wat(GUEST)).imports);
    assert.deepEqual(report.output.imports.length, 5);
    const env = outer();
    check(await thaw(bytes, env));
    // It is the host's: it sees what the guest does.
    assert.equal(new Uint8Array(env.memory.buffer)[0], 0x6c);
    assert.equal(env.n.value, -5n);
    assert.equal(env.table.length, 5);
    assert.equal(env.r.value, env.table.get(3));
  });

  it('kept, restores a memory that has already grown beyond, but for its size', async () => {
    const { bytes } = await freeze(await wat(GUEST), { ...WARM, importState: 'keep' });
    const env = outer();
    env.memory.grow(4);
    new Uint8Array(env.memory.buffer).fill(0xee);
    const exports = await thaw(bytes, env);
    assert.deepEqual(exports['size']?.(), [5, 5]);
    assert.deepEqual([exports['load']?.(200_000), exports['load']?.(100_000)], [0, 42]);
  });

  it('kept, traps where it cannot be what it was', async () => {
    const { bytes } = await freeze(await wat(GUEST), { ...WARM, importState: 'keep' });
    await assert.rejects(thaw(bytes, { ...outer(), base: 1 }), WebAssembly.RuntimeError);
    const small = await wat(GUEST.replace('(memory 1 8)', '(memory 1 2)'));
    const frozen = await freeze(small, { ...WARM, importState: 'keep' });
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    await assert.rejects(thaw(frozen.bytes, { ...outer(), memory }), WebAssembly.RuntimeError);
  });

  it('numbers of every type, by their bits', async () => {
    const text = (mut: (type: string) => string): string => `(module
      (import "env" "a" (global $a ${mut('f32')})) (import "env" "b" (global $b ${mut('f64')})) (import "env" "v" (global $v ${mut('v128')}))
      (func (export "warm")
        (global.set $a (f32.reinterpret_i32 (i32.const 0x7fa00001))) (global.set $b (f64.const -0))
        (global.set $v (v128.const i64x2 -1 5)))
      (func (export "a") (result i32) (i32.reinterpret_f32 (global.get $a))) (func (export "b") (result i64) (i64.reinterpret_f64 (global.get $b)))
      (func (export "v") (result i64) (i64x2.extract_lane 1 (global.get $v))))`;
    const bytes = await wat(text((type) => `(mut ${type})`));
    const { bytes: frozen } = await freeze(bytes, { ...WARM, importState: 'keep' });
    // JavaScript cannot make a global of a vector: a module gives it.
    const giver =
      await wat(`(module (global (export "a") (mut f32) (f32.const 1)) (global (export "b") (mut f64) (f64.const 1))
      (global (export "v") (mut v128) (v128.const i64x2 0 0)))`);
    const given = await WebAssembly.instantiate(giver as Uint8Array<ArrayBuffer>);
    const exports = await thaw(frozen, given.instance.exports);
    assert.deepEqual([exports['a']?.(), exports['b']?.(), exports['v']?.()], [0x7fa00001, -(2n ** 63n), 5n]);
  });

  it('a memory of 64-bit addresses and a 64-bit table, kept', needs('memory64', 'table64'), async () => {
    const bytes =
      await wat(`(module (import "env" "memory" (memory i64 1 4)) (import "env" "table" (table i64 1 4 funcref))
      (func $f (export "warm") (drop (memory.grow (i64.const 1))) (i64.store (i64.const 70000) (i64.const 9))
        (drop (table.grow (ref.func $f) (i64.const 2))))
      (func (export "load") (result i64 i64) (i64.load (i64.const 70000)) (table.size)))`);
    const { bytes: frozen } = await freeze(bytes, { ...WARM, importState: 'keep' });
    const giver = await wat(
      '(module (memory (export "memory") i64 1 4) (table (export "table") i64 1 4 funcref))',
    );
    const given = await WebAssembly.instantiate(giver as Uint8Array<ArrayBuffer>);
    const exports = await thaw(frozen, given.instance.exports);
    assert.deepEqual(exports['load']?.(), [9n, 3n]);
  });

  it('a tag, kept: who gives it can catch what the guest throws', async () => {
    const bytes = await wat(
      '(module (import "env" "e" (tag $e (param i32))) (func (export "throw") (throw $e (i32.const 5))))',
    );
    const { bytes: frozen } = await freeze(bytes, { importState: 'keep' });
    const e = new WebAssembly.Tag({ parameters: ['i32'] });
    const exports = await thaw(frozen, { e });
    assert.throws(
      () => exports['throw']?.(),
      (error: unknown) => error instanceof WebAssembly.Exception && error.is(e) && error.getArg(e, 0) === 5,
    );
  });

  it('a table that cannot hold null has nothing to start as', needs('typed references'), async () => {
    const bytes = await wat('(module (import "env" "t" (table 1 (ref func))))');
    await assert.rejects(freeze(bytes, { importState: 'keep' }), {
      code: 'imported-state',
      message: /cannot start as null/,
    });
  });

  it('frozen again, is the same', async () => {
    const once = await freeze(await wat(GUEST), { ...WARM, importState: 'keep' });
    const twice = await freeze(once.bytes, { importState: 'internalize' });
    check(await thaw(twice.bytes, {}));
  });
});
