// A guest, and JavaScript that brings it up in the manner of one system. It is run three ways:
// interpreted (its JIT is never asked), live (modules are made beside it), and frozen, on every engine
// at hand. All three must give the same. The guest is written so that compiled code leaves a mark in
// `compiled()`, so that no test passes because nothing was compiled.
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach } from 'node:test';
import { type Frozen, freezeDriven } from '../../src/freeze.ts';
import { trapKind } from '../../src/host/engines/trap.ts';
import type { DriverHandle } from '../../src/host/recorder.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { type Module, spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { closeEngines, type Engine, enginesAtHand } from '../engines/engines.ts';

after(closeEngines);

/** Where bench/systems.ts wants a line for each system that was the same three ways. */
const record = process.env['FREEZE_SYSTEMS'];
let testName = '';
beforeEach((context) => {
  testName = 'name' in context ? context.name : '';
});

/** One system, as it was run. */
export interface SystemRecord {
  readonly test: string;
  readonly engines: readonly string[];
  readonly modules: number;
  readonly functions: number;
}

export type Later = readonly [name: string, ...args: (number | bigint)[]];
export type Exports = Record<string, (...args: (number | bigint)[]) => number | bigint>;

/** JavaScript of a guest's own: it knows nothing of freeze. */
export interface BroughtUp {
  readonly instance: WebAssembly.Instance;
  /** Makes code: called until the guest is warm, where there is a JIT. A driver does not wait for what it gives. */
  readonly warm?: () => unknown;
  /** What a driver says besides `guest` and `done`. */
  readonly handOver?: (freeze: DriverHandle) => void;
}
export type System = () => BroughtUp | Promise<BroughtUp>;

export interface Case {
  readonly system: System;
  readonly calls: readonly Later[];
  readonly options?: Omit<FreezeOptions, 'driver'>;
  /** Those that lack what the guest is written with are left out. */
  readonly engines?: (engine: Engine) => boolean;
}

/** The guest's imports of JavaScript: in the output they trap. */
export const NO_IMPORTS: FreezeOptions = { stubs: [{ pattern: '*', stub: { kind: 'trap' } }] };

/** The same JavaScript as a driver. */
export async function drive(system: System, freeze: DriverHandle): Promise<void> {
  const { instance, warm, handOver } = await system();
  freeze.guest(instance);
  warm?.();
  handOver?.(freeze);
  freeze.done();
}

export function freezeSystem(system: System, options: FreezeOptions = {}): Promise<Frozen> {
  return freezeDriven(({ freeze }) => drive(system, freeze), options);
}

export async function sameThreeWays(it: Case): Promise<{ frozen: Frozen; module: Module }> {
  const interpreted = call((await it.system()).instance, it.calls);
  const live = await it.system();
  await live.warm?.();
  const linked = call(live.instance, it.calls);
  assert.deepEqual(linked, interpreted, 'live and interpreted');
  const before = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly');
  const frozen = await freezeSystem(it.system, it.options);
  assert.deepEqual(Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly'), before);
  const again = await freezeSystem(it.system, it.options);
  assert.deepEqual(again.bytes, frozen.bytes, 'the same bytes each time');
  const ran: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'freeze-driver-'));
  try {
    const path = join(folder, 'frozen.wasm');
    writeFileSync(path, frozen.bytes);
    for (const engine of (await enginesAtHand()).filter(it.engines ?? (() => true))) {
      const invoke = it.calls.map(([name, ...args]) => ({ name, args }));
      const { results } = await engine.run(path, { invoke, keepGoing: true });
      assert.deepEqual(
        results.map((row) => row.join(' ')),
        interpreted,
        `frozen, on ${engine.name}`,
      );
      ran.push(engine.name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (record !== undefined) {
    const { modules, linked } = frozen.report;
    const line: SystemRecord = {
      test: testName,
      engines: ran,
      modules: modules.length,
      functions: linked.functions,
    };
    appendFileSync(record, `${JSON.stringify(line)}\n`);
  }
  return { frozen, module: parse(frozen.bytes) };
}

export function call(instance: WebAssembly.Instance, calls: readonly Later[]): string[] {
  const exports = instance.exports as Exports;
  return calls.map(([name, ...args]) => {
    const func = exports[name];
    assert(func !== undefined, `the guest exports ${name}`);
    try {
      const result: unknown = func(...args);
      return Array.isArray(result) ? result.join(' ') : String(result ?? '');
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) return `trap: ${trapKind(error.message)}`;
      if (error instanceof WebAssembly.Exception) return 'trap: uncaught exception';
      throw error;
    }
  });
}

export function exportsOf(instance: WebAssembly.Instance): Exports {
  return instance.exports as Exports;
}

/** Instantiates what the frozen module's importer gives. */
export async function thaw(frozen: Frozen, imports: WebAssembly.Imports = {}): Promise<WebAssembly.Instance> {
  const compiled = await WebAssembly.compile(frozen.bytes as Uint8Array<ArrayBuffer>);
  return await WebAssembly.instantiate(compiled, imports);
}

/** How many things of each kind a module has, imports included. */
export function counts(module: Module): Record<string, number> {
  const { funcs, tables, mems, globals, tags } = spaces(module);
  return {
    funcs: funcs.length,
    tables: tables.length,
    mems: mems.length,
    globals: globals.length,
    tags: tags.length,
    imports: module.imports.length,
  };
}
