// References of the host's: null, or what an immutable global was given that is imported. Where that comes
// up again, in a global or a table, the frozen module has what its host gives for the import.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Frozen, freeze, freezeDriven } from '../../src/freeze.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { verify } from '../../src/verify.ts';
import { type Import, spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { hostWith } from '../support/differential.ts';
import { needs } from '../support/features.ts';
import { wat } from '../support/wat.ts';

const WARM = { warmups: [{ kind: 'call', export: 'warm', args: [] }], rounds: 1 } as const;
const KEEP = { ...WARM, importState: 'keep' } as const;

/** Two imports, numbers around them, and every place that can hold one. */
const GUEST = `(module
  (import "env" "n" (global $n (mut i32))) (import "env" "a" (global $a externref))
  (import "env" "k" (global $k i64)) (import "env" "b" (global $b externref))
  (table $t 6 externref) (elem $late externref (global.get $b) (ref.null extern))
  (elem (table $t) (i32.const 5) externref (global.get $b))
  (global $own (mut externref) (ref.null extern)) (global $copy externref (global.get $a)) (global $i (mut i32) (i32.const 0))
  (func (export "warm")
    (global.set $own (global.get $b)) (table.set $t (i32.const 1) (global.get $a)) (table.set $t (i32.const 2) (global.get $copy))
    (table.set $t (i32.const 4) (table.get $t (i32.const 5))) (table.set $t (i32.const 5) (ref.null extern)) (global.set $i (i32.const 7)))
  (func (export "t") (param i32) (result externref) (table.get $t (local.get 0)))
  (func (export "own") (result externref) (global.get $own)) (func (export "copy") (result externref) (global.get $copy))
  (func (export "i") (result i32) (global.get $i)) (func (export "k") (result i64) (global.get $k))
  (func (export "late") (param i32) (table.init $t $late (local.get 0) (i32.const 0) (i32.const 1)))
  (export "a" (global $a)))`;

type Exports = Record<string, (...args: unknown[]) => unknown>;

async function thaw(bytes: Uint8Array, env: object): Promise<Exports> {
  const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>, {
    env: env as WebAssembly.ModuleImports,
  });
  return instance.exports as unknown as Exports;
}

const globalsOf = (bytes: Uint8Array): readonly string[] =>
  parse(bytes).imports.map(({ module, name, desc }: Import) => `${desc.kind} ${module}.${name}`);

async function check(bytes: Uint8Array, k = 0n): Promise<void> {
  const [a, b] = [{ name: 'a' }, { name: 'b' }];
  const n = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
  const exports = await thaw(bytes, { a, b, n, k });
  const call = (name: string, ...args: unknown[]): unknown => exports[name]?.(...args);
  const slots = [0, 1, 2, 3, 4, 5].map((slot) => call('t', slot));
  assert.deepEqual(
    slots.map((slot) => (slot === a ? 'a' : slot === b ? 'b' : slot)),
    [null, 'a', 'a', null, 'b', null],
  );
  assert.ok(call('own') === b && call('copy') === a);
  assert.deepEqual([call('i'), call('k')], [7, k]);
  call('late', 0);
  assert.ok(call('t', 0) === b);
  assert.ok((exports['a'] as unknown as WebAssembly.Global).value === a);
}

describe('what an imported global was given', () => {
  it('is given again to the frozen module, wherever the guest has put it', async () => {
    const { bytes } = await freeze(await wat(GUEST), KEEP);
    assert.deepEqual(globalsOf(bytes), ['global env.n', 'global env.a', 'global env.k', 'global env.b']);
    await check(bytes);
    const report = await verify(await wat(GUEST), bytes, KEEP);
    assert.deepEqual([report.differences, report.state], [[], 'compared']);
  });

  it('and sealed', async () => {
    const options: FreezeOptions = { ...KEEP, seal: true };
    const { bytes } = await freeze(await wat(GUEST), options);
    await check(bytes);
    const report = await verify(await wat(GUEST), bytes, options);
    assert.deepEqual([report.differences, report.state], [[], 'compared']);
  });

  it('frozen again, is the same', async () => {
    const once = await freeze(await wat(GUEST), KEEP);
    const twice = await freeze(once.bytes, { importState: 'keep' });
    await check(twice.bytes);
  });

  it('is not null: a host that gives null now gets a trap at once', async () => {
    const { bytes } = await freeze(await wat(GUEST), KEEP);
    const n = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
    await assert.rejects(thaw(bytes, { a: {}, b: null, n, k: 0n }), WebAssembly.RuntimeError);
  });

  it('of a type without null: nothing to trap for', needs('typed references'), async () => {
    const guest = `(module (import "env" "a" (global $a (ref extern))) (table $t 2 (ref extern) (global.get $a))
      (global $g (mut (ref extern)) (global.get $a)) (func (export "warm") (table.set $t (i32.const 0) (global.get $g)))
      (func (export "t") (param i32) (result externref) (table.get $t (local.get 0)))
      (func (export "g") (result externref) (global.get $g)))`;
    const { bytes } = await freeze(await wat(guest), KEEP);
    assert.equal(parse(bytes).start, undefined);
    const a = {};
    const exports = await thaw(bytes, { a });
    assert.ok([exports['t']?.(0), exports['t']?.(1), exports['g']?.()].every((one) => one === a));
    await assert.rejects(freeze(await wat(guest), { ...WARM, importState: 'internalize' }), {
      code: 'imported-state',
    });
  });

  it('as the other kind of reference, either way', needs('gc'), async () => {
    const guest = `(module (import "env" "a" (global $a externref)) (import "env" "b" (global $b anyref))
      (global $x (mut anyref) (ref.null any)) (table $t 2 anyref) (global $y (mut externref) (ref.null extern))
      (func (export "warm") (global.set $x (any.convert_extern (global.get $a)))
        (table.set $t (i32.const 1) (global.get $x)) (global.set $y (extern.convert_any (global.get $b))))
      (func (export "x") (result externref) (extern.convert_any (global.get $x)))
      (func (export "t") (param i32) (result anyref) (table.get $t (local.get 0))) (func (export "y") (result externref) (global.get $y)))`;
    const { bytes } = await freeze(await wat(guest), KEEP);
    const [a, b] = [{}, {}];
    const exports = await thaw(bytes, { a, b });
    assert.ok(exports['x']?.() === a && exports['t']?.(1) === a && exports['y']?.() === b);
    assert.equal(exports['t']?.(0), null);
  });

  it('in a table and a global that are imported too', async () => {
    const guest = `(module (import "env" "a" (global $a externref)) (import "env" "t" (table $t 2 externref)) (import "env" "m" (global $m (mut externref)))
      (func (export "warm") (table.set $t (i32.const 1) (global.get $a)) (global.set $m (global.get $a))))`;
    const { bytes } = await freeze(await wat(guest), KEEP);
    const a = {};
    const t = new WebAssembly.Table({ element: 'externref', initial: 2 }, 'before');
    const m = new WebAssembly.Global({ value: 'externref', mutable: true }, 'before');
    await thaw(bytes, { a, t, m });
    assert.ok(t.get(0) === null && t.get(1) === a && m.value === a);
  });

  it('taken in, there is nobody to give it: it is null, or what the host gave is refused', async () => {
    const { bytes } = await freeze(await wat(GUEST), { ...WARM, importState: 'internalize' });
    assert.deepEqual(globalsOf(bytes), []);
    const exports = await thaw(bytes, {});
    assert.deepEqual([exports['own']?.(), exports['t']?.(1), exports['copy']?.()], [null, null, null]);
    const given = { ...WARM, importState: 'internalize', host: hostWith('env', { a: {} as never }) } as const;
    await assert.rejects(freeze(await wat(GUEST), given), {
      code: 'imported-state',
      message: /global "env" "a", which was given a reference that only its host has/,
      hint: /--import-state keep/,
    });
  });

  it('by the host of the API: objects, functions, symbols, numbers with all their bits, and shared globals', async () => {
    const n = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
    const host = hostWith('env', { a: Symbol('a'), b: (() => {}) as never, n, k: 77n } as never);
    const { bytes } = await freeze(await wat(GUEST), { ...KEEP, host });
    await check(bytes, 77n);
    // The guest has seen 77: another number is another start.
    await assert.rejects(check(bytes, 78n), WebAssembly.RuntimeError);
    const floats = `(module (import "env" "f" (global $f f32)) (import "env" "n" (global $n (mut i32)))
      (global $own (mut f32) (f32.const 0)) (func (export "warm") (global.set $own (global.get $f)) (global.set $n (i32.add (global.get $n) (i32.const 1))))
      (func (export "own") (result i32) (i32.reinterpret_f32 (global.get $own))) (func (export "n") (result i32) (global.get $n)))`;
    const nan = await WebAssembly.instantiate(
      (await wat('(module (global (export "f") f32 (f32.const nan:0x200001)))')) as Uint8Array<ArrayBuffer>,
    );
    const shared = new WebAssembly.Global({ value: 'i32', mutable: true }, 41);
    const env = hostWith('env', { f: nan.instance.exports['f'], n: shared } as never);
    const frozen = await freeze(await wat(floats), { ...WARM, importState: 'internalize', host: env });
    const exports = await thaw(frozen.bytes, {});
    assert.deepEqual([exports['own']?.(), exports['n']?.(), shared.value], [0x7fa00001, 42, 42]);
  });

  it('one object for two imports is the first of them; what is not one of them is refused', async () => {
    const one = {};
    const host = hostWith('env', { a: one, b: one } as never);
    const { bytes } = await freeze(await wat(GUEST), { ...KEEP, host });
    const n = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
    const [a, b] = [{}, {}];
    assert.ok((await thaw(bytes, { a, b, n, k: 0n }))['own']?.() === a);
    // A number has no identity: who has the same has it from anywhere.
    const number = freeze(await wat(GUEST), { ...KEEP, host: hostWith('env', { b: 5, a: {} } as never) });
    await assert.rejects(number, {
      code: 'reference',
      message: /^global 4 \(own\) holds an externref that is not null/,
    });
  });

  it('by a preloaded module, which may share its memory as well', async () => {
    const giver = await wat(`(module (memory (export "memory") 1 4) (global (export "base") i32 (i32.const 5))
      (table (export "table") 2 funcref) (elem (i32.const 0) $f) (func $f (result i32) (i32.const 3))
      (global (export "f") funcref (ref.func $f)) (data (i32.const 8) "hi")
      (func (export "poke") (i32.store8 (i32.const 9) (i32.const 33))))`);
    const guest =
      await wat(`(module (import "p" "memory" (memory 1 4)) (import "p" "base" (global $base i32)) (import "p" "poke" (func $poke))
      (import "p" "f" (global $f funcref)) (table $t 3 funcref) (global $g (mut i32) (i32.const 0))
      (func (export "warm") (global.set $g (global.get $base)) (table.set $t (i32.const 1) (global.get $f)) (call $poke))
      (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))) (func (export "g") (result i32) (global.get $g))
      (func (export "call") (result i32) (call_indirect $t (result i32) (i32.const 1))))`);
    const preloads = [{ name: 'p', bytes: giver }];
    const { bytes } = await freeze(guest, { ...KEEP, preloads });
    const report = await verify(guest, bytes, { ...KEEP, preloads });
    assert.deepEqual([report.differences, report.state], [[], 'compared']);
    const given = await WebAssembly.instantiate(giver as Uint8Array<ArrayBuffer>);
    new Uint8Array((given.instance.exports['memory'] as WebAssembly.Memory).buffer).fill(1);
    const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>, {
      p: given.instance.exports as WebAssembly.ModuleImports,
    });
    const exports = instance.exports as unknown as Exports;
    assert.deepEqual(
      [
        exports['load']?.(8),
        exports['load']?.(9),
        exports['load']?.(0),
        exports['g']?.(),
        exports['call']?.(),
      ],
      [0x68, 33, 0, 5, 3],
    );
    const unfit = await wat('(module (global (export "base") i64 (i64.const 5)))');
    await assert.rejects(freeze(guest, { ...KEEP, preloads: [{ name: 'p', bytes: unfit }] }), {
      name: 'UnsupportedError',
      code: 'missing-import',
    });
  });

  it('that does not fit its import is told', async () => {
    const host = hostWith('env', { n: 5, a: {}, b: {}, k: 0n } as never);
    await assert.rejects(freeze(await wat(GUEST), { ...KEEP, host }), {
      code: 'host',
      message: /what the host gives for an import does not fit: .*"n"/,
    });
    const n = new WebAssembly.Global({ value: 'i32', mutable: true }, 0);
    const guest = '(module (import "env" "n" (global (mut i32))) (import "env" "m" (global (mut i32))))';
    const twice = freeze(await wat(guest), {
      importState: 'keep',
      host: hostWith('env', { n, m: n } as never),
    });
    await assert.rejects(twice, { code: 'imported-twice', message: /global "env" "m"/ });
  });

  it('by a module that is linked beside the guest', async () => {
    const guest = `(module (import "env" "a" (global $a externref)) (export "a" (global $a)) (memory (export "memory") 1)
      (table (export "table") 2 funcref) (type $f (func (result externref)))
      (func (export "call") (result externref) (call_indirect (type $f) (i32.const 0))))`;
    const aux = `(module (import "env" "a" (global $a externref)) (import "env" "table" (table 2 funcref)) (table $own 1 externref)
      (elem (i32.const 0) $f) (func $f (result externref) (table.get $own (i32.const 0)))
      (func $s (table.set $own (i32.const 0) (global.get $a))) (start $s))`;
    const { freezeAndKeep } = await import('../support/differential.ts');
    const { frozen } = await freezeAndKeep({ guest, auxes: [aux], options: { importState: 'keep' } });
    const a = {};
    assert.ok((await thaw(frozen.bytes, { a }))['call']?.() === a);
  });
});

describe('a driver', () => {
  /** The guest, with what JavaScript gives it. */
  async function driven(text: string, env: () => Record<string, unknown>, more = ''): Promise<Frozen> {
    const [guest, other] = [await wat(text), await wat(more === '' ? '(module)' : more)];
    return freezeDriven(({ freeze: handle }) => {
      const given = env() as WebAssembly.ModuleImports;
      const make = (bytes: Uint8Array, extra: object = {}): WebAssembly.Instance =>
        new WebAssembly.Instance(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>), {
          env: { ...given, ...extra } as WebAssembly.ModuleImports,
        });
      const instance = make(guest);
      (instance.exports['warm'] as () => void)();
      if (more !== '') make(other, instance.exports);
      handle.guest(instance);
      handle.done();
    });
  }

  it('gives objects: these imports stay, all other state is the module’s own', async () => {
    const { bytes } = await driven(GUEST, () => ({
      a: { some: 'object' },
      b: (): void => {},
      n: new WebAssembly.Global({ value: 'i32', mutable: true }, 3),
      k: 9n,
    }));
    assert.deepEqual(globalsOf(bytes), ['global env.a', 'global env.b']);
    await check(bytes, 9n);
    const names = spaces(parse(bytes)).globals.map(({ val }) => (typeof val === 'string' ? val : val.heap));
    assert.deepEqual(names, ['extern', 'extern', 'i32', 'i64', 'extern', 'extern', 'i32']);
    await assert.rejects(thaw(bytes, { a: null, b: {} }), WebAssembly.RuntimeError);
  });

  it('gives the same object to another instance, and puts it into a table of its own', async () => {
    const guest = `(module (import "env" "a" (global $a externref)) (import "env" "t" (table $t 2 externref)) (table $calls (export "f") 1 funcref)
      (type $f (func (result externref))) (global $pad (mut i32) (i32.const 1))
      (func (export "warm") (global.set $pad (i32.const 2)))
      (func (export "t") (param i32) (result externref) (table.get $t (local.get 0)))
      (func (export "call") (result externref) (call_indirect $calls (type $f) (i32.const 0))))`;
    const other = `(module (import "env" "a" (global $a externref)) (import "env" "f" (table 1 funcref))
      (elem (i32.const 0) $f) (func $f (result externref) (global.get $a)))`;
    const { bytes } = await driven(
      guest,
      () => {
        const a = {};
        const t = new WebAssembly.Table({ element: 'externref', initial: 2 }, null);
        t.set(1, a);
        return { a, t };
      },
      other,
    );
    assert.deepEqual(globalsOf(bytes), ['global env.a']);
    const a = {};
    const exports = await thaw(bytes, { a });
    assert.ok(exports['t']?.(0) === null && exports['t']?.(1) === a && exports['call']?.() === a);
  });

  it('an object that no import was given is refused, with its place', async () => {
    const t = (): WebAssembly.Table => {
      const table = new WebAssembly.Table({ element: 'externref', initial: 2 }, null);
      table.set(1, { other: 1 });
      return table;
    };
    const guest = `(module (import "env" "a" (global externref)) (import "env" "t" (table 2 externref)) (func (export "warm")))`;
    await assert.rejects(
      driven(guest, () => ({ a: {}, t: t() })),
      {
        code: 'reference',
        message: 'slot 1 of table 0 holds an externref that is not null',
      },
    );
    // What JavaScript fills such a table with, unless it is told, is not null.
    const filled = (): object => ({ a: {}, t: new WebAssembly.Table({ element: 'externref', initial: 2 }) });
    await assert.rejects(driven(guest, filled as () => Record<string, unknown>), {
      message: 'slot 0 of table 0 holds an externref that is not null: undefined',
    });
  });
});
