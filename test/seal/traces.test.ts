// A trap in a sealed module, whose functions have moved and whose calls were made direct and inlined:
// what engines say of where it happened is true. Lines of C come from DWARF, which wasmtime reads.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { findWasmtime, plainEnvironment } from '../../src/host/engines/find.ts';
import type { Engine } from '../../src/host/engines/job.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import { pushGuest } from '../cli/guests.ts';
import { places, root } from '../engines/places.ts';
import { inTemporaryFile } from '../support/files.ts';
import { wat } from '../support/wat.ts';

/** wasmtime that looks at DWARF when something traps; undefined where it is not at hand. */
async function tracingWasmtime(): Promise<Engine | undefined> {
  const paths = [join(root, places.wasmtime.folder), process.env['PYTHONPATH'] ?? ''];
  const env = {
    ...plainEnvironment(process.env),
    PYTHONPATH: paths.filter((one) => one !== '').join(delimiter),
    WASMTIME_BACKTRACE_DETAILS: '1',
  };
  const found = await findWasmtime(process.env['FREEZE_PYTHON'] ?? 'python3', env);
  return typeof found === 'string' ? undefined : found;
}

const wasmtime = await tracingWasmtime();
const AT_HAND = { skip: wasmtime === undefined && 'wasmtime is not at hand' };

/** The functions that V8 names, innermost first, with their indices. */
async function framesHere(bytes: Uint8Array, name: string, argument: number): Promise<readonly string[]> {
  const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>);
  try {
    (instance.exports[name] as CallableFunction)(argument);
  } catch (error) {
    assert.ok(error instanceof WebAssembly.RuntimeError);
    const names = moduleNames(parse(bytes)).func;
    const frames = (error.stack ?? '').matchAll(/at (\S+) \(wasm:\S*wasm-function\[(\d+)\]/g);
    return [...frames].map(([, said = '', index]) => {
      const name = names.get(Number(index)) ?? '';
      // Before it stands the module's name.
      assert.ok(said === name || said.endsWith(`.${name}`), `function ${index} is ${name}, and not ${said}`);
      return name;
    });
  }
  assert.fail('it did not trap');
}

/** What wasmtime says of it. */
async function saidByWasmtime(bytes: Uint8Array, name: string, argument: number): Promise<string> {
  const { trapMessage } = await inTemporaryFile('traced.wasm', bytes, (file) =>
    (wasmtime as Engine).run(file, { invoke: [{ name, args: [argument] }] }),
  );
  return trapMessage ?? 'it did not trap';
}

describe('a trap in generated code', () => {
  // $outer calls $inner through a slot, and $inner a helper of the guest, which traps.
  const AUX = `(module $jit (type $i (func (param i32) (result i32)))
    (import "env" "table" (table 3 funcref)) (import "env" "divide" (func $divide (param i32) (result i32)))
    (elem (i32.const 2) $outer $inner)
    (func $outer (type $i) (i32.add (i32.const 1) (call_indirect (type $i) (local.get 0) (i32.const 3))))
    (func $inner (type $i) (i32.add (i32.const 1) (call $divide (local.get 0)))))`;
  const MORE = `(type $i (func (param i32) (result i32)))
    (func $dead (export "dead") (result i32) (i32.const 1))
    (func $divide (export "divide") (param i32) (result i32) (i32.div_u (i32.const 100) (local.get 0)))
    (func $run (export "run") (param i32) (result i32) (call_indirect (type $i) (local.get 0) (i32.const 2)))`;
  const OPTIONS: FreezeOptions = {
    warmups: [{ kind: 'call', export: 'warm', args: [] }],
    seal: true,
    drop: ['dead', 'warm', 'status', 'seven', 'apply', 'divide'],
  };
  const built = async (options: FreezeOptions): Promise<Uint8Array> => {
    const { bytes, report } = await freeze(await pushGuest(await wat(AUX), { more: MORE }), {
      ...OPTIONS,
      ...options,
    });
    assert.ok(Number(report.sealed?.removed.functions) > 3, 'functions go, and others move up');
    assert.equal(report.sealed?.directCalls, 2);
    return bytes;
  };

  it('has each function in its stack where nothing was inlined', async () => {
    const frames = await framesHere(await built({ optimize: 'none' }), 'run', 0);
    assert.deepEqual(frames, ['divide', 'jit.inner', 'jit.outer', 'run']);
  });

  it('has what is left of them where it was inlined, each under its name', async () => {
    const frames = await framesHere(await built({}), 'run', 0);
    assert.deepEqual(frames, ['jit.outer', 'run']);
  });

  it('is told by wasmtime with the same names', AT_HAND, async () => {
    const said = await saidByWasmtime(await built({ optimize: 'none' }), 'run', 0);
    assert.match(said, /divide.*jit\.inner.*jit\.outer.*run/s);
  });
});

describe('a trap in the guest', () => {
  const file = (name: string): string => join(root, 'guests/traced', name);
  const source = readFileSync(file('traced.c'), 'utf8').split('\n');
  const line = 1 + source.findIndex((text) => text.includes('__builtin_trap'));

  for (const [what, options] of [
    ['sealed', { drop: ['warm'] }],
    ['sealed with --debug', { drop: ['warm'], debug: true }],
  ] as const) {
    it(`${what} is in its function and its line`, AT_HAND, async () => {
      const { bytes, report } = await freeze(new Uint8Array(readFileSync(file('traced.wasm'))), {
        stubs: [
          { pattern: 'env.log', stub: { kind: 'nop' } },
          { pattern: 'env.now', stub: { kind: 'const', value: 3n } },
        ],
        warmups: [{ kind: 'call', export: 'warm', args: ['5'] }],
        rounds: 1,
        seal: true,
        ...options,
      });
      assert.equal(Number(report.sealed?.removed.functions) > 0, !('debug' in options));
      assert.deepEqual(await framesHere(bytes, 'fail', 9), ['fail']);
      const said = await saidByWasmtime(bytes, 'fail', 9);
      assert.match(said, new RegExp(`fail\\n[^\\n]*traced\\.c:${line}:`));
    });
  }
});
