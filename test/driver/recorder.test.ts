// What JavaScript sees of the WebAssembly that records, what a guest may import, and what is refused.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { FreezeError } from '../../src/errors/classes.ts';
import { type Frozen, freeze, freezeDriven } from '../../src/freeze.ts';
import type { DriverHandle } from '../../src/host/recorder.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { driverOf } from '../../src/protocols/driver.ts';
import { spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { bytesLiteral, wat } from '../support/wat.ts';
import { call, type Exports, exportsOf, freezeSystem, type System, sameThreeWays, thaw } from './support.ts';

const real = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly');

afterEach(() => {
  assert.deepEqual(
    Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly'),
    real,
    'the global is restored',
  );
});

const source = async (text: string): Promise<Uint8Array<ArrayBuffer>> => Uint8Array.from(await wat(text));

const make = (code: Uint8Array, imports?: WebAssembly.Imports): WebAssembly.Instance =>
  new WebAssembly.Instance(new WebAssembly.Module(code as Uint8Array<ArrayBuffer>), imports);

const valueIn = (instance: WebAssembly.Instance, name: string): WebAssembly.ExportValue =>
  instance.exports[name] as WebAssembly.ExportValue;

/** A guest with a table: `call` calls a slot, `peek` reads memory. */
const HOLDER = `(module
  (type $f (func (param i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "table") 4 funcref)
  (func (export "call") (param i32 i32) (result i32)
    (call_indirect (type $f) (local.get 1) (local.get 0)))
  (func (export "peek") (param i32) (result i32) (i32.load (local.get 0))))`;
const IDENTITY = `(module (func (export "f") (param i32) (result i32) local.get 0))`;

/** Refused with this code, and says this. */
async function refused(
  code: string,
  says: RegExp,
  run: (freeze: DriverHandle) => unknown,
  options: FreezeOptions = {},
): Promise<void> {
  await assert.rejects(
    freezeDriven(({ freeze: handle }) => run(handle), options),
    (error: unknown) => {
      assert(error instanceof FreezeError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      return true;
    },
  );
}

// ---- what JavaScript sees ------------------------------------------------------------------------

test('what JavaScript sees of the recording WebAssembly is what it always sees', async () => {
  const bytes = await source(`(module
    (import "a" "f" (func))
    (memory 1) (table 1 funcref)
    (global (mut i32) (i32.const 1))
    (func $start) (start $start)
    (func (export "g") (result i32) i32.const 4)
    (func (export "\\00patch"))
    (data (i32.const 0) "x")
    (@custom "note" "hello"))`);
  const engine = WebAssembly;
  await freezeDriven(async ({ freeze: handle }) => {
    assert.notEqual(WebAssembly, engine);
    assert.equal(Object.prototype.toString.call(WebAssembly), '[object WebAssembly]');
    const module = new WebAssembly.Module(bytes);
    assert(module instanceof WebAssembly.Module && module instanceof engine.Module);
    assert.deepEqual(WebAssembly.Module.exports(module), engine.Module.exports(new engine.Module(bytes)));
    assert.deepEqual(WebAssembly.Module.imports(module), [{ module: 'a', name: 'f', kind: 'function' }]);
    assert.equal(new TextDecoder().decode(WebAssembly.Module.customSections(module, 'note')[0]), 'hello');
    const imports = { a: { f: () => {} } };
    const instance = new WebAssembly.Instance(module, imports);
    assert(instance instanceof WebAssembly.Instance && instance instanceof engine.Instance);
    assert.deepEqual(Object.keys(instance.exports), ['g', '\0patch']);
    assert.equal(Object.getPrototypeOf(instance.exports), null);
    assert(Object.isFrozen(instance.exports));
    assert.equal(instance.exports, instance.exports);
    assert.deepEqual(Object.keys(instance), []);
    const both = await WebAssembly.instantiate(bytes, imports);
    assert(both.module instanceof WebAssembly.Module && both.instance instanceof WebAssembly.Instance);
    assert((await WebAssembly.instantiate(module, imports)) instanceof WebAssembly.Instance);
    assert((await WebAssembly.compile(bytes.buffer)) instanceof WebAssembly.Module);
    const response = (type: string): Promise<Response> =>
      Promise.resolve(new Response(bytes, { headers: { 'Content-Type': type } }));
    const wasm = 'application/wasm';
    assert((await WebAssembly.compileStreaming(response(wasm))) instanceof WebAssembly.Module);
    assert.deepEqual(
      Object.keys((await WebAssembly.instantiateStreaming(response(wasm), imports)).instance.exports),
      ['g', '\0patch'],
    );
    await assert.rejects(WebAssembly.compileStreaming(response('text/plain')), TypeError);
    assert.equal(WebAssembly.validate(bytes), true);
    const memory = new WebAssembly.Memory({ initial: 1 });
    assert(memory instanceof WebAssembly.Memory && memory instanceof engine.Memory);
    assert(new WebAssembly.Table({ element: 'anyfunc', initial: 1 }) instanceof WebAssembly.Table);
    assert(new WebAssembly.Global({ value: 'f64' }, 1) instanceof WebAssembly.Global);
    handle.guest(instance);
    await handle.done();
  });
});

test('errors come in the engine’s own words', async () => {
  const bad = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 99, 0);
  const untyped = await source('(module (func (result i32) i64.const 1))');
  const needy = await source('(module (import "a" "b" (func)))');
  const failures = async (): Promise<readonly string[]> => {
    const told: string[] = [];
    for (const attempt of [
      () => new WebAssembly.Module(bad),
      () => new WebAssembly.Module(untyped),
      () => new WebAssembly.Module('x' as unknown as BufferSource),
      () => WebAssembly.compile(bad),
      () => WebAssembly.compile(untyped),
      () => WebAssembly.instantiate(untyped),
      () => make(needy),
      () => make(needy, {}),
      () => make(needy, { a: {} }),
    ]) {
      try {
        await attempt();
        told.push('nothing');
      } catch (error) {
        told.push(String(error));
      }
    }
    return told;
  };
  const expected = await failures();
  assert(!expected.includes('nothing'));
  await freezeSystem(async () => {
    assert.deepEqual(await failures(), expected);
    return { instance: make(await source(IDENTITY)) };
  });
});

// ---- what a guest may import ---------------------------------------------------------------------

test('what a guest imports of its JavaScript, and of earlier modules, is its own in the output', async () => {
  const helper = await source(`(module
    (memory (export "memory") 1 5)
    (global (export "counter") (mut i64) (i64.const 40))
    (global (export "nan") f32 (f32.const nan:0x200001))
    (func (export "count") (result i64)
      (global.set 0 (i64.add (global.get 0) (i64.const 1))) (global.get 0))
    (func (export "poke") (param i32 i32) (i32.store (local.get 0) (local.get 1))))`);
  const guest = await source(`(module
    (import "h" "memory" (memory 1))
    (import "h" "counter" (global $counter (mut i64)))
    (import "h" "count" (func $count (result i64)))
    (import "h" "poke" (func $poke (param i32 i32)))
    (import "js" "level" (global $level (mut f64)))
    (import "js" "same" (global $same (mut f64)))
    (import "js" "base" (global $base i32))
    (import "js" "nan" (global $nan f32))
    (import "js" "wide" (global $wide i64))
    (import "js" "none" (global $none funcref))
    (import "js" "table" (table $t 2 funcref))
    (import "js" "tag" (tag $e (param i32)))
    (import "js" "log" (func $log (param i32)))
    (type $f (func (result i64)))
    (global $later i32 (global.get $base))
    (elem (global.get $base) $count)
    (data (global.get $base) "abcd")
    (func (export "warm") (f64.store (i32.const 64) (global.get $same))
      (global.set $same (f64.const nan:0x4000000000007)))
    (func (export "counter") (result i64) (global.get $counter))
    (func (export "count") (result i64) (call $count))
    (func (export "through") (result i64) (call_indirect $t (type $f) (i32.const 1)))
    (func (export "poke") (param i32) (result i32) (call $poke (i32.const 8) (local.get 0)) (i32.load (i32.const 8)))
    (func (export "level") (result i64) (i64.reinterpret_f64 (global.get $level)))
    (func (export "nan") (result i32) (i32.reinterpret_f32 (global.get $nan)))
    (func (export "wide") (result i64) (global.get $wide))
    (func (export "later") (result i32) (i32.add (global.get $later) (i32.load (i32.const 1))))
    (func (export "none") (result i32) (ref.is_null (global.get $none)))
    (func (export "throw") (throw $e (i32.const 3)))
    (func (export "grow") (result i32) (memory.grow (i32.const 4))))`);
  const system: System = () => {
    const h = make(helper).exports as WebAssembly.ModuleImports;
    const level = new WebAssembly.Global({ value: 'f64', mutable: true }, 1.5);
    const { Tag } = WebAssembly as unknown as { Tag: new (type: object) => WebAssembly.ExportValue };
    const instance = make(guest, {
      h,
      js: {
        level,
        same: level,
        base: 1,
        nan: h['nan'] as WebAssembly.Global,
        wide: new WebAssembly.Global({ value: 'i64' }, -1n),
        none: new WebAssembly.Global({ value: 'anyfunc' }, null as never),
        table: new WebAssembly.Table({ element: 'anyfunc', initial: 3, maximum: 3 }),
        tag: new Tag({ parameters: ['i32'] }),
        log: () => {},
      },
    });
    exportsOf(instance)['warm']?.();
    return { instance };
  };
  const { module, frozen } = await sameThreeWays({
    system,
    options: { stubs: [{ pattern: 'js.log', stub: { kind: 'nop' } }] },
    calls: [
      ['counter'],
      ['count'],
      ['through'],
      ['counter'],
      ['poke', 99],
      ['level'],
      ['nan'],
      ['wide'],
      ['later'],
      ['none'],
      ['throw'],
      ['grow'],
      ['grow'],
    ],
  });
  assert.deepEqual(module.imports, []);
  assert.deepEqual(frozen.report.stubbed, ['js.log']);
  assert.equal(spaces(module).mems[0]?.max, 5n);
});

test('WASI that the driver gives stays an import of the output', async () => {
  const guest = await source(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func (export "f") (param i32) (result i32) (if (local.get 0) (then (call $exit (i32.const 1)))) i32.const 5))`);
  const frozen = await freezeSystem(() => ({
    instance: make(guest, { wasi_snapshot_preview1: { proc_exit: () => {} } }),
  }));
  assert.deepEqual(frozen.report.output.imports, ['wasi_snapshot_preview1.proc_exit']);
});

test('instances from before the guest and after it, and a guest that is checked against its file', async () => {
  const holder = await source(HOLDER);
  const early = await source(IDENTITY);
  const frozen = await freeze(holder, {
    driverArgs: ['3'],
    entries: [{ name: 'two', workload: { kind: 'call', export: 'call', args: ['1', '2'] } }],
    driver: async ({ freeze: handle, args, wasm }) => {
      assert(wasm !== undefined);
      const f = valueIn(make(early), 'f');
      const instance = make(wasm);
      (valueIn(instance, 'table') as WebAssembly.Table).set(1, f);
      (valueIn(instance, 'table') as WebAssembly.Table).set(Number(args[0]), valueIn(make(early), 'f'));
      handle.guest(instance);
      handle.guest(instance);
      await handle.done();
      await handle.done();
    },
  });
  const thawed = await thaw(frozen);
  assert.deepEqual(call(thawed, [['two'], ['call', 3, 9]]), ['2', '9']);
  assert.deepEqual(
    frozen.report.modules.map(({ name, linked }) => [name, linked]),
    [
      ['jit0', true],
      ['jit2', true],
    ],
  );
});

test('a guest that follows freeze.h is brought up by a driver, then loads programs and hands over code', async () => {
  const aux = await wat(`(module
    (import "env" "table" (table 1 funcref))
    (import "host" "bias" (func $bias (result i32)))
    (import "env" "depth" (global $depth (mut i32)))
    (func $f (result i32)
      (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
      (i32.add (call $bias) (global.get $depth)))
    (elem (i32.const 2) $f))`);
  const guest = await source(`(module
    (import "host" "bias" (func (result i32)))
    (import "js" "table" (table $t 3 funcref))
    (import "js" "depth" (global $depth (mut i32)))
    (export "table" (table $t))
    (export "depth" (global $depth))
    (type $f (func (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 32) "\\00\\04\\00\\00\\${aux.length.toString(16).padStart(2, '0')}\\00\\00\\00")
    (data (i32.const 1024) ${bytesLiteral(aux)})
    (global $polled (mut i32) (i32.const 32))
    (global $loaded (mut i32) (i32.const 0))
    (func (export "freeze_contract") (result i32) i32.const 1)
    (func (export "freeze_alloc") (param i32) (result i32) i32.const 4096)
    (func (export "freeze_free") (param i32 i32))
    (func (export "freeze_load") (param i32 i32 i32 i32) (result i32)
      (global.set $loaded (i32.load8_u (local.get 2))) i32.const 1)
    (func (export "freeze_run") (param i32) (result i32) i32.const 0)
    (func (export "freeze_poll") (result i32) (global.get $polled) (global.set $polled (i32.const 0)))
    (func (export "loaded") (result i32) (global.get $loaded))
    (func (export "call") (result i32) (call_indirect $t (type $f) (i32.const 2))))`);
  const frozen = await freeze(guest, {
    warmups: [{ kind: 'program', name: 'p', bytes: Uint8Array.of(65) }],
    driver: async ({ freeze: handle }) => {
      const { instance } = await WebAssembly.instantiate(guest, {
        host: { bias: () => 100 },
        js: {
          table: new WebAssembly.Table({ element: 'anyfunc', initial: 3 }),
          depth: new WebAssembly.Global({ value: 'i32', mutable: true }, 7),
        },
      });
      handle.guest(instance);
      handle.done();
    },
  });
  assert.equal(frozen.report.protocol, 'freeze');
  assert.deepEqual(frozen.report.output.imports, ['host.bias']);
  const thawed = await thaw(frozen, { host: { bias: () => 100 } });
  assert.deepEqual(call(thawed, [['loaded'], ['call'], ['call']]), ['65', '108', '109']);
});

test('the skeleton to start from is a driver', async () => {
  const skeleton = new URL('../../../examples/driver-skeleton.mjs', import.meta.url);
  const driver = driverOf(await import(skeleton.href), 'driver-skeleton.mjs');
  const frozen = await freeze(await source(HOLDER), { driver });
  assert.equal(frozen.report.protocol, 'driver');
});

// ---- functions of JavaScript ---------------------------------------------------------------------

/** Emscripten's addFunction(jsFunction): a module around it, as a table takes no other. */
async function withJsFunction(): Promise<{ holder: Uint8Array; wrapper: Uint8Array; caller: Uint8Array }> {
  return {
    holder: await source(HOLDER),
    wrapper: await source('(module (import "e" "f" (func (param i32) (result i32))) (export "f" (func 0)))'),
    caller: await source(`(module (import "e" "f" (func $f (param i32) (result i32)))
      (func (export "f") (param i32) (result i32) (i32.add (call $f (local.get 0)) (i32.const 1))))`),
  };
}

const inSlot =
  (
    holder: Uint8Array,
    code: Uint8Array,
    func: (value: number) => number,
    say?: (freeze: DriverHandle) => void,
  ) =>
  (handle: DriverHandle): void => {
    const instance = make(holder);
    (valueIn(instance, 'table') as WebAssembly.Table).set(2, valueIn(make(code, { e: { f: func } }), 'f'));
    handle.guest(instance);
    say?.(handle);
    handle.done();
  };

test('a JavaScript function in a slot is refused, with the slot and its name', async () => {
  const { holder, wrapper, caller } = await withJsFunction();
  function twice(value: number): number {
    return value * 2;
  }
  await refused(
    'host-function',
    /slot 2 of table 0 holds.*"twice": auxiliary module jit1 imports "e" "f"/,
    inSlot(holder, wrapper, twice),
  );
  await refused('host-function', /jit1 imports "e" "f".*"twice"/, inSlot(holder, caller, twice));
});

test('a JavaScript function is kept as an import, by the name that the driver gives or by its own', async () => {
  const { holder, wrapper, caller } = await withJsFunction();
  const twice = (value: number): number => value * 2;
  const named = await freezeDriven(({ freeze: handle }) =>
    inSlot(holder, caller, twice, (one) => one.host(twice, 'math', 'double'))(handle),
  );
  assert.deepEqual(named.report.output.imports, ['math.double']);
  assert.deepEqual(call(await thaw(named, { math: { double: twice } }), [['call', 2, 4]]), ['9']);
  const kept = await freezeDriven(({ freeze: handle }) => inSlot(holder, wrapper, twice)(handle), {
    keepHostFunctions: true,
  });
  assert.deepEqual(kept.report.output.imports, ['host.twice']);
  assert.deepEqual(call(await thaw(kept, { host: { twice } }), [['call', 2, 4]]), ['8']);
});

test('one JavaScript function at two types, one of them the guest’s', async () => {
  const guest = await source(`(module
    (import "env" "id" (func $id (param i32) (result i32)))
    (table (export "table") 2 funcref)
    (type $f (func (param i32) (result i32)))
    (func (export "call") (param i32 i32) (result i32) (call_indirect (type $f) (local.get 1) (local.get 0)))
    (func (export "own") (param i32) (result i32) (call $id (local.get 0))))`);
  const aux = await source(`(module
    (import "x" "same" (func $same (param i32) (result i32)))
    (import "x" "other" (func $other (param f64) (result f64)))
    (func (export "f") (param i32) (result i32)
      (i32.trunc_f64_s (call $other (f64.convert_i32_s (call $same (local.get 0)))))))`);
  const id = (value: number): number => value + 1;
  const frozen = await freezeSystem(() => {
    const instance = make(guest, { env: { id } });
    const { f } = make(aux, { x: { same: id, other: id } }).exports;
    (valueIn(instance, 'table') as WebAssembly.Table).set(0, f);
    return { instance };
  });
  assert.deepEqual(frozen.report.output.imports, ['env.id', 'env.id']);
  assert.deepEqual(
    call(await thaw(frozen, { env: { id } }), [
      ['call', 0, 5],
      ['own', 5],
    ]),
    ['7', '6'],
  );
});

// ---- bad input -----------------------------------------------------------------------------------

test('a driver that throws, synchronously, later, or out of the guest', async () => {
  await refused('driver-threw', /the driver threw: no luck/, () => {
    throw new Error('no luck');
  });
  await refused('driver-threw', /later/, () => Promise.reject(new Error('later')));
  const trapping = await source('(module (func (export "f") unreachable))');
  await refused('driver-threw', /unreachable/, () => exportsOf(make(trapping))['f']?.());
});

test('a driver that never calls done, has no guest, does not end, or is no driver', async () => {
  const identity = await source(IDENTITY);
  await refused('never-done', /never called freeze.done/, (handle) => handle.guest(make(identity)));
  await refused('no-guest', /which instance is the guest/, (handle) => handle.done());
  await refused('driver-timeout', /20 ms/, () => new Promise(() => {}), { driverTimeoutMs: 20 });
  assert.throws(() => driverOf({}, 'drive.mjs'), /drive.mjs exports no default function/);
});

test('an instance that is not the guest’s, or that nobody saw being made', async () => {
  const [holder, identity] = [await source(HOLDER), await source(IDENTITY)];
  const unseen = make(identity);
  await refused('not-recorded', /was not made while the driver ran/, (handle) => handle.guest(unseen));
  await refused('not-recorded', /was not made/, (handle) => handle.guest({ exports: {} }));
  await assert.rejects(
    freeze(holder, {
      driver: ({ freeze: handle }) => {
        handle.guest(make(identity));
      },
    }),
    { code: 'not-the-guest' },
  );
});

test('two guests, and also where the driver catches the error', async () => {
  const identity = await source(IDENTITY);
  await refused('two-guests', /two instances/, (handle) => {
    handle.guest(make(identity));
    try {
      handle.guest(make(identity));
    } catch {}
    handle.done();
  });
});

test('two drivers at once: the second is refused, the first goes on', async () => {
  const identity = await source(IDENTITY);
  await freezeSystem(async () => {
    await assert.rejects(
      freezeDriven(() => {}),
      { code: 'driver-running' },
    );
    return { instance: make(identity) };
  });
});

test('a module that nothing reaches goes, even with a JavaScript function in it', async () => {
  const { holder, caller } = await withJsFunction();
  const frozen = await freezeSystem(() => {
    make(caller, { e: { f: (value: number) => value } });
    return { instance: make(holder) };
  });
  assert.equal(frozen.report.linked.functions, 0);
  assert.deepEqual(frozen.report.output.imports, []);
});

test('a slot that holds a function of unknown origin is refused, with the slot', async () => {
  const holder = await source(HOLDER);
  const foreign = valueIn(make(await source(IDENTITY)), 'f');
  await refused('unknown-function', /slot 3 of table 0/, (handle) => {
    const instance = make(holder);
    (valueIn(instance, 'table') as WebAssembly.Table).set(3, foreign);
    handle.guest(instance);
    handle.done();
  });
});

test('state that was made before the driver ran is refused by name', async () => {
  const guest = await source('(module (import "env" "memory" (memory 1)))');
  const memory = new WebAssembly.Memory({ initial: 1 });
  await refused('foreign-state', /memory "env" "memory"/, (handle) => {
    handle.guest(make(guest, { env: { memory } }));
    handle.done();
  });
  const twice = await source(
    '(module (import "a" "t" (table 1 funcref)) (import "a" "u" (table 1 funcref)))',
  );
  await refused('imported-twice', /table "a" "u"/, (handle) => {
    const t = new WebAssembly.Table({ element: 'anyfunc', initial: 1 });
    handle.guest(make(twice, { a: { t, u: t } }));
    handle.done();
  });
  const sharing = await source('(module (import "env" "memory" (memory 1 2 shared)))');
  await refused('shared-memory', /memory 0 is shared/, (handle) => {
    handle.guest(
      make(sharing, { env: { memory: new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true }) } }),
    );
    handle.done();
  });
});

test('what a module writes into the guest’s memory, wherever, is in the snapshot', async () => {
  const holder = await source(HOLDER);
  const writer = await source(`(module (import "env" "memory" (memory 1))
    (data (i32.const 60000) "\\09\\00\\00\\00"))`);
  const frozen = await freezeSystem(() => {
    const instance = make(holder);
    make(writer, { env: { memory: valueIn(instance, 'memory') } });
    return { instance };
  });
  assert.deepEqual(call(await thaw(frozen), [['peek', 60000]]), ['9']);
});

test('a start that traps half-way stops the build, or leaves what it did, which is never done again', async () => {
  const holder = await source(HOLDER);
  const trapping = await source(`(module
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 1 funcref))
    (elem (i32.const 1) $f)
    (func $f (param i32) (result i32) (i32.mul (local.get 0) (i32.const 6)))
    (func $start
      (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1)))
      unreachable)
    (start $start))`);
  const run = (handle: DriverHandle): void => {
    const instance = make(holder);
    const { memory, table } = instance.exports as Record<string, WebAssembly.ExportValue>;
    assert.throws(
      () => make(trapping, { env: { memory, table } as WebAssembly.ModuleImports }),
      WebAssembly.RuntimeError,
    );
    handle.guest(instance);
    handle.done();
  };
  await refused('aux-trapped', /jit1 trapped/, run);
  const frozen = await freezeDriven(({ freeze: handle }) => run(handle), { skipBadModules: true });
  assert.deepEqual(
    call(await thaw(frozen), [
      ['peek', 16],
      ['call', 1, 7],
    ]),
    ['1', '42'],
  );
  assert.equal(frozen.report.modules[0]?.linked, false);
});

test('a module with a function type that the guest does not have', async () => {
  const holder = await source(HOLDER);
  const aux = await source(`(module
    (import "env" "peek" (func $peek (param i32) (result i32)))
    (type $odd (func (param f64 i64) (result f32)))
    (func $odd (type $odd) (f32.const 2.5))
    (func (export "f") (param i32) (result i32)
      (i32.trunc_f32_s (call $odd (f64.const 1) (i64.const 2)))))`);
  const frozen = await freezeSystem(() => {
    const instance = make(holder);
    const { peek } = instance.exports as Record<string, WebAssembly.ExportValue>;
    const { f } = make(aux, { env: { peek } as WebAssembly.ModuleImports }).exports;
    (valueIn(instance, 'table') as WebAssembly.Table).set(0, f);
    return { instance };
  });
  assert.deepEqual(call(await thaw(frozen), [['call', 0, 1]]), ['2']);
});

test('modules made after done', async () => {
  const identity = await source(IDENTITY);
  await refused('after-done', /after freeze.done/, async (handle) => {
    handle.guest(make(identity));
    await handle.done();
    try {
      make(identity);
    } catch {}
  });
  await refused('after-done', /after freeze.done/, async (handle) => {
    const module = new WebAssembly.Module(identity);
    handle.guest(new WebAssembly.Instance(module));
    await handle.done();
    await WebAssembly.instantiate(module);
  });
});

test('more modules than the limit', async () => {
  const identity = await source(IDENTITY);
  await refused(
    'aux-limit',
    /more than 2 modules/,
    (handle) => {
      handle.guest(make(identity));
      for (let n = 0; n < 5; n++) {
        try {
          make(identity);
        } catch {}
      }
      handle.done();
    },
    { limits: { modules: 2, bytes: 1000 } },
  );
});

test('more functions, segments, memory or table slots than the limits', async () => {
  const identity = await source(IDENTITY);
  const more = await source(`(module (memory 2) (table 20 funcref)
    (func) (func) (func) (data (i32.const 0) "a") (data (i32.const 1) "b") (elem (i32.const 0) 0))`);
  // An error counts also where the driver catches it, and however the module is compiled.
  const makes =
    (compile: (bytes: Uint8Array<ArrayBuffer>) => unknown) =>
    async (handle: DriverHandle): Promise<void> => {
      handle.guest(make(identity));
      try {
        await compile(more);
      } catch {}
      await handle.done();
    };
  const ways: readonly ((bytes: Uint8Array<ArrayBuffer>) => unknown)[] = [
    (bytes) => new WebAssembly.Module(bytes),
    (bytes) => WebAssembly.compile(bytes),
  ];
  for (const way of ways) {
    const no = (code: string, says: RegExp, limits: FreezeOptions['limits']): Promise<void> =>
      refused(code, says, makes(way), { limits: limits ?? {} });
    await no('aux-limit', /more than 3 functions \(--max-functions\)/, { functions: 3 });
    await no('aux-limit', /more than 2 segments \(--max-segments\)/, { segments: 2 });
  }
  // A memory or a table takes nothing before there is an instance.
  const instances: readonly ((bytes: Uint8Array<ArrayBuffer>) => unknown)[] = [
    (bytes) => new WebAssembly.Instance(new WebAssembly.Module(bytes)),
    (bytes) => WebAssembly.instantiate(bytes),
    async (bytes) => WebAssembly.instantiate(await WebAssembly.compile(bytes)),
  ];
  const memory = { limits: { memory: 65536 } };
  for (const way of instances) {
    const says = /memory 0 starts with 131072 bytes, more than the 65536 of --max-memory/;
    await refused('limit', says, makes(way), memory);
    await refused('limit', /table 0 starts with 20 slots, more than the 19 of --max-table/, makes(way), {
      limits: { table: 19 },
    });
  }
  await freezeDriven(({ freeze: handle }) => makes((bytes) => WebAssembly.compile(bytes))(handle), memory);
  await freezeDriven(({ freeze: handle }) => makes((bytes) => WebAssembly.compile(bytes))(handle));
});

test('what a driver’s timers write after done is no part of the snapshot, or all of it', async () => {
  const guest = await source(`(module (memory (export "m") 8) (global (export "g") (mut i32) (i32.const 1))
    (func (export "f") (param i32) (result i32) local.get 0))`);
  const code = await source(`(module (func (export "h") (param i32) (result i32)
    (i32.add (i32.add (local.get 0) (i32.const 1)) (i32.const 2))))`);
  let over = false;
  const { bytes } = await freezeDriven(
    ({ freeze: handle }) => {
      const instance = make(guest);
      const { m, g } = instance.exports as unknown as { m: WebAssembly.Memory; g: WebAssembly.Global };
      handle.guest(instance);
      handle.keep('h', make(code).exports['h'] as WebAssembly.ExportValue);
      const memory = new Uint8Array(m.buffer);
      const tick = (): void => {
        if (over) return;
        const next = 1 + (Number(g.value) % 200);
        memory.fill(next);
        g.value = next;
        setImmediate(tick);
      };
      tick();
      handle.done();
    },
    { seal: true },
  ).finally(() => {
    over = true;
  });
  const { m, g } = make(bytes).exports as unknown as { m: WebAssembly.Memory; g: WebAssembly.Global };
  assert.deepEqual(new Set(new Uint8Array(m.buffer)), new Set([g.value]));
});

test('hand-overs that cannot be', async () => {
  const guest = await source(`(module (import "env" "call" (func (param i32 f32)))
    (func (export "f") (param f32)) (func (export "g") (param i32)))`);
  const env = { call: () => {} };
  const with_ =
    (say: (handle: DriverHandle, exports: Exports) => void) =>
    (handle: DriverHandle): void => {
      const instance = make(guest, { env });
      handle.guest(instance);
      say(handle, exportsOf(instance));
      handle.done();
    };
  const no = (says: RegExp, say: (handle: DriverHandle, exports: Exports) => void): Promise<void> =>
    refused('driver-call', says, with_(say));
  await no(/id 1 stands for the JavaScript function "hidden"/, (handle) => {
    handle.map('m', { 1: function hidden() {} });
  });
  await no(/id NaN/, (handle, { f }) => handle.map('m', { x: f } as never));
  await no(/id 5000000/, (handle, { f }) => handle.map('m', new Map([[5_000_000, f as () => void]])));
  await no(/imports no function env.nothing; it imports env.call/, (handle) =>
    handle.dispatch('env.nothing', {}),
  );
  await no(/parameter 1/, (handle) => handle.dispatch('env.call', {}, { id: 1 }));
  await no(/id 0 stands for a function of another type/, (handle, { g }) =>
    handle.dispatch('env.call', { 0: g as () => void }),
  );
  await no(/neither an export/, (handle) => handle.keep('x', (() => {}) as never));
  await no(/was given before/, (handle, { f }) => {
    handle.keep('x', f as never);
    handle.map('x', {});
  });
  await refused(
    'entry',
    /"f"/,
    with_((handle, { g }) => handle.keep('f', g as never)),
  );
  await freezeDriven(({ freeze: handle }) =>
    with_((one, { f }) => one.dispatch('env.call', { 0: f as () => void }))(handle),
  );
});

test('bytes that are no module are left to the engine', async () => {
  const holder = await source(HOLDER);
  const frozen: Frozen = await freezeSystem(async () => {
    assert.equal(await WebAssembly.compile(Uint8Array.of(1, 2, 3)).catch(() => 'refused'), 'refused');
    return { instance: make(holder) };
  });
  assert.equal(parse(frozen.bytes).codes.length, 2);
});
