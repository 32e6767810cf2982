// The default WASI host: in memory, the same in Node and in browsers, and with nothing of the
// machine's in it but what was given to it.
//
// A guest's calls meet three layers. `common.ts` answers what must not depend on the machine: time,
// randomness, waiting. `files.ts` answers for descriptors and paths, over a tree in memory whose
// mounts are read when they are looked at. What is left, arguments and environment, goes to
// @wasmer/wasi, which is loaded for guests that import it.

import { type Base, checkOptions, imported, memoryOf } from './base.ts';
import { FixedClock } from './clock.ts';
import { commonCalls } from './common.ts';
import { environmentCalls } from './environment.ts';
import { Files } from './files.ts';
import { GuestMemory, guarded } from './memory.ts';
import { CALLS, type CallName, type Calls, Errno, type Namespace, type WasiFunction } from './preview1.ts';
import { randomOf } from './random.ts';
import { Stdio } from './stdio.ts';
import { Tree } from './tree.ts';
import {
  type CommonOptions,
  DEFAULT_CLOCK,
  DEFAULT_FILE_BYTES,
  type WasiHost,
  type WasiOptions,
} from './types.ts';

export * from './types.ts';

/** The calls left to @wasmer/wasi. */
const LEFT: readonly CallName[] = ['args_get', 'args_sizes_get', 'environ_get', 'environ_sizes_get'];

/** Whether a module imports WASI preview 1 at all. */
export function importsWasi(module: WebAssembly.Module): boolean {
  return imported(module).size > 0;
}

/**
 * A WASI host for one instance of `module`. Merge `imports` into its import object, instantiate,
 * `bind`, and call its exports. Throws {@link WasiOptionError} for arguments and variables that
 * cannot be.
 */
export async function createWasi(options: WasiOptions, module: WebAssembly.Module): Promise<WasiHost> {
  checkOptions(options);
  const memory = new GuestMemory();
  const clock = new FixedClock(options.clock ?? DEFAULT_CLOCK);
  const random = randomOf(options.random ?? { kind: 'denied' });
  const stdio = new Stdio(memory, options);
  const tree = new Tree(options.maxFileBytes ?? DEFAULT_FILE_BYTES);
  const files = new Files(memory, clock, stdio, tree, options.mounts ?? []);
  const state = { memory, clock, random, readable: (fd: number) => files.readable(fd) };

  const namespaces = imported(module);
  const used = [...namespaces.values()].some((names) => LEFT.some((name) => names.has(name)));
  // Imported here: it is only wanted where the library is.
  const base =
    used && options.light !== true ? await (await import('./wasmer.ts')).wasmerBase(options) : undefined;
  const imports: Partial<Record<Namespace, Readonly<Record<string, WasiFunction>>>> = {};
  for (const [namespace, names] of namespaces) {
    const ours = options.light === true ? environmentCalls : argumentsOf;
    const environment = used ? [base?.calls(namespace, LEFT) ?? {}, ours(memory, options)] : [];
    const layers = [...environment, files.calls(namespace), commonCalls(state, namespace)];
    imports[namespace] = table(layers, names);
  }
  return {
    imports,
    bind: (target) => attach(memory, base, memoryOf(target)),
    filesWritten: () => files.written(),
    openFiles: () => files.open(),
    drawn: () => random.drawn(),
    draws: () => random.draws(),
  };
}

/**
 * argc 0, where there are no arguments: for that, @wasmer/wasi gives one empty argument, and
 * node:wasi an error that wasi-libc exits at.
 */
export function argumentsOf(memory: GuestMemory, options: CommonOptions): Calls {
  if ((options.args ?? []).length > 0) return {};
  return {
    args_get: () => Errno.success,
    args_sizes_get: (count: number, size: number) => {
      memory.setU32(count, 0);
      memory.setU32(size, 0);
      return Errno.success;
    },
  };
}

/** Tells the memory to our layer and to what lies below it. */
export function attach(memory: GuestMemory, base: Base | undefined, target: WebAssembly.Memory): void {
  memory.attach(target);
  base?.attach(target);
}

/** The preview 1 calls among `names`: each from the last layer that has it, or ENOSYS. */
export function table(
  layers: readonly Calls[],
  names: ReadonlySet<string>,
): Readonly<Record<string, WasiFunction>> {
  const out: Record<string, WasiFunction> = {};
  for (const name of names) {
    if (!isCall(name)) continue;
    const layer = layers.findLast((calls) => calls[name] !== undefined);
    out[name] = withParameters(CALLS[name].length, guarded(layer?.[name] ?? (() => Errno.nosys)));
  }
  return out;
}

function isCall(name: string): name is CallName {
  return Object.hasOwn(CALLS, name);
}

type Anything = (...parameters: unknown[]) => number;

/** The most parameters are those of path_open, 9. */
const BY_PARAMETERS: readonly ((call: Anything) => WasiFunction)[] = [
  (f) => () => f(),
  (f) => (a) => f(a),
  (f) => (a, b) => f(a, b),
  (f) => (a, b, c) => f(a, b, c),
  (f) => (a, b, c, d) => f(a, b, c, d),
  (f) => (a, b, c, d, e) => f(a, b, c, d, e),
  (f) => (a, b, c, d, e, g) => f(a, b, c, d, e, g),
  (f) => (a, b, c, d, e, g, h) => f(a, b, c, d, e, g, h),
  (f) => (a, b, c, d, e, g, h, i) => f(a, b, c, d, e, g, h, i),
  (f) => (a, b, c, d, e, g, h, i, j) => f(a, b, c, d, e, g, h, i, j),
];

/**
 * The call as a function of as many parameters as the import has. For one of fewer, V8 makes another
 * adapter, and in Node 20 each instance compiles that anew: 0.1 ms of its start.
 */
function withParameters(count: number, call: WasiFunction): WasiFunction {
  return BY_PARAMETERS[count]?.(call as Anything) ?? call;
}
