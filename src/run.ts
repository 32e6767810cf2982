/**
 * Runs a module under the WASI host that guests are frozen under: a command by its `_start`, a
 * reactor by `_initialize` and calls. What `freeze run` does; a frozen module needs none of this.
 */

import { Bare } from './host/bare.ts';
import { type HostFactory, refuseImportedState } from './host/guest.ts';
import { createWasi, WasiExit } from './host/wasi/wasi.ts';
import { type StubOption, stubbedImports } from './stubs.ts';
import { nothingToRun } from './wasm/errors.ts';
import { exportNamed, type Module } from './wasm/module.ts';
import { parse } from './wasm/parse.ts';
import { exportCall, type Workload } from './workloads.ts';

export interface RunOptions {
  /** Calls to make, in order, on one instance; without any, the module is run as a command. */
  readonly invokes?: readonly Extract<Workload, { kind: 'call' }>[];
  /** Imports that are stubs while it runs; the first pattern that fits counts. */
  readonly stubs?: readonly StubOption[];
  /** Makes the module's WASI host; default one in memory in which there is nothing. */
  readonly host?: HostFactory;
  /** Told of the result of each call: nothing, a value, or several. */
  readonly onResult?: (results: readonly unknown[]) => void;
}

/** Runs `bytes`, and gives the code that it exits with: 0 where it returns. Throws what `freeze` throws. */
export async function run(bytes: Uint8Array, options: RunOptions = {}): Promise<number> {
  const module = parse(bytes);
  refuseImportedState(module, 'and nobody here gives it');
  const calls = (options.invokes ?? []).map((workload) => exportCall(module, workload));
  if (calls.length === 0 && exportNamed(module, '_start', 'func') === undefined)
    throw nothingToRun(functionNames(module));
  const stubs = stubbedImports(module, options.stubs ?? []);
  const host: HostFactory = options.host ?? ((compiled) => createWasi({}, compiled));
  const instance = await Bare.start(module, bytes, host, stubs);
  try {
    if (exportNamed(module, '_initialize', 'func') !== undefined)
      instance.call('_initialize', [], 'in _initialize');
    if (calls.length === 0) instance.call('_start', [], 'in _start');
    for (const call of calls)
      options.onResult?.(resultsOf(instance.call(call.export, call.args, `in ${call.label}`)));
    return 0;
  } catch (error) {
    if (error instanceof WasiExit) return error.code;
    throw error;
  }
}

function functionNames(module: Module): readonly string[] {
  return module.exports.filter((item) => item.kind === 'func').map((item) => item.name);
}

function resultsOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
