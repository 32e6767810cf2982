/**
 * Runs a module under the WASI host that guests are frozen under: a command by its `_start`, a
 * reactor by `_initialize` and calls. What `freeze run` does; a frozen module needs none of this.
 */

import { nothingToRun } from './errors/usage.ts';
import { Bare } from './host/bare.ts';
import { type HostFactory, refuseImportedState, type WasmValue } from './host/guest.ts';
import { guestError } from './host/trap.ts';
import { createWasi, WasiExit } from './host/wasi/wasi.ts';
import { instantiate } from './live.ts';
import { type StubOption, stubbedImports } from './stubs.ts';
import { exportNamed, type Module } from './wasm/module.ts';
import { parse } from './wasm/parse.ts';
import { exportCall, type Workload } from './workloads.ts';

export interface RunOptions {
  /** Calls to make, in order, on one instance; without any, the module is run as a command. */
  readonly invokes?: readonly Extract<Workload, { kind: 'call' }>[];
  /** Whether the code that it generates is linked, live; otherwise it is told that nobody does. */
  readonly jit?: boolean;
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
  try {
    const instance = await (options.jit === true ? linking(bytes, options) : asItIs(module, bytes, options));
    if (calls.length === 0) instance.call('_start', [], 'in _start');
    for (const call of calls)
      options.onResult?.(resultsOf(instance.call(call.export, call.args, `in ${call.label}`)));
    return 0;
  } catch (error) {
    if (error instanceof WasiExit) return error.code;
    throw error;
  }
}

type Callable = Pick<Bare, 'call'>;

const emptyHost: HostFactory = (compiled) => createWasi({}, compiled);

/** Instantiated and initialized, with nothing of ours around it. */
async function asItIs(module: Module, bytes: Uint8Array, options: RunOptions): Promise<Callable> {
  const { host = emptyHost, stubs = [] } = options;
  const instance = await Bare.start(module, bytes, host, stubbedImports(module, stubs));
  if (exportNamed(module, '_initialize', 'func') !== undefined)
    instance.call('_initialize', [], 'in _initialize');
  return instance;
}

async function linking(bytes: Uint8Array, { host = emptyHost, stubs = [] }: RunOptions): Promise<Callable> {
  const { exports } = await instantiate(bytes, { jit: true, host, stubs });
  return {
    call(name, args, doing) {
      try {
        return (exports[name] as (...args: readonly WasmValue[]) => unknown)(...args);
      } catch (error) {
        throw error instanceof WasiExit ? error : guestError(error, doing);
      }
    },
  };
}

function functionNames(module: Module): readonly string[] {
  return module.exports.filter((item) => item.kind === 'func').map((item) => item.name);
}

function resultsOf(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
