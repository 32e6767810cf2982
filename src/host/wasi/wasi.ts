// The default WASI host: in memory, the same in Node and in browsers, and with nothing of the
// machine's in it but what was given to it.
//
// A guest's calls meet three layers. `common.ts` answers what must not depend on the machine: time,
// randomness, waiting. `files.ts` answers for descriptors and paths, over a tree in memory whose
// mounts are read when they are looked at. What is left, arguments and environment, goes to
// @wasmer/wasi, which is loaded for guests that import it.

import { type Base, checkOptions, type Import, imported, memoryOf } from './base.ts';
import { FixedClock } from './clock.ts';
import { COMMON_CALLS } from './common.ts';
import { environmentCalls } from './environment.ts';
import { Files } from './files.ts';
import { GuestMemory, guarded } from './memory.ts';
import { CALLS, type CallName, type Calls, Errno, type Namespace, type WasiFunction } from './preview1.ts';
import { Random } from './random.ts';
import { Stdio } from './stdio.ts';
import { Tree } from './tree.ts';
import { type CommonOptions, DEFAULT_FILE_BYTES, type WasiHost, type WasiOptions } from './types.ts';

export * from './types.ts';

/** The calls left to @wasmer/wasi. */
const LEFT: ReadonlySet<string> = new Set(['args_get', 'args_sizes_get', 'environ_get', 'environ_sizes_get']);

/** Whether a module imports WASI preview 1 at all. */
export function importsWasi(module: WebAssembly.Module): boolean {
  return imported(module).length > 0;
}

/**
 * A WASI host for one instance of `module`. Merge `imports` into its import object, instantiate,
 * `bind`, and call its exports. Of a module that is still being compiled, what does not depend on it is
 * made meanwhile. Throws {@link WasiOptionError} for arguments and variables that cannot be.
 */
export async function createWasi(
  options: WasiOptions,
  module: WebAssembly.Module | Promise<WebAssembly.Module>,
): Promise<WasiHost> {
  checkOptions(options);
  const memory = new GuestMemory();
  const clock = new FixedClock(options.clock);
  const random = new Random(options.random);
  const stdio = new Stdio(memory, options);
  const tree = new Tree(options.maxFileBytes ?? DEFAULT_FILE_BYTES);
  const files = new Files(memory, clock, stdio, tree, options.mounts);
  const state = { memory, clock, random, readable: (fd: number) => files.readable(fd) };

  const wanted = imported(module instanceof Promise ? await module : module);
  const used = wanted.some(({ name }) => LEFT.has(name));
  // Imported here: it is only wanted where the library is.
  const base =
    used && options.light !== true ? await (await import('./wasmer.ts')).wasmerBase(options) : undefined;
  const ours = used ? (options.light === true ? environmentCalls : argumentsOf)(memory, options) : {};
  const imports = table(
    wanted,
    (name, namespace) =>
      COMMON_CALLS[name]?.(state, namespace) ??
      Files.calls[name]?.(files, namespace) ??
      ours[name] ??
      base?.call(namespace, name),
  );
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

/** The calls that a module imports, by namespace: what `find` finds, or ENOSYS. */
export function table(
  wanted: readonly Import[],
  find: (name: CallName, namespace: Namespace) => WasiFunction | undefined,
): WasiHost['imports'] {
  const out: Partial<Record<Namespace, Record<string, WasiFunction>>> = {};
  // for … of takes three times as long in code that runs once.
  wanted.forEach(({ module: namespace, name }) => {
    out[namespace] ??= {};
    if (isCall(name)) out[namespace][name] = importable(name, find(name, namespace) ?? nosys);
  });
  return out;
}

const nosys = (): Errno => Errno.nosys;

function isCall(name: string): name is CallName {
  return Object.hasOwn(CALLS, name);
}

type Anything = (...parameters: unknown[]) => number;

/** The most parameters are those of path_open, 9. */
const BY_PARAMETERS: readonly ((call: Anything) => WasiFunction)[] = [
  (f) => () => guarded(() => f()),
  (f) => (a) => guarded(() => f(a)),
  (f) => (a, b) => guarded(() => f(a, b)),
  (f) => (a, b, c) => guarded(() => f(a, b, c)),
  (f) => (a, b, c, d) => guarded(() => f(a, b, c, d)),
  (f) => (a, b, c, d, e) => guarded(() => f(a, b, c, d, e)),
  (f) => (a, b, c, d, e, g) => guarded(() => f(a, b, c, d, e, g)),
  (f) => (a, b, c, d, e, g, h) => guarded(() => f(a, b, c, d, e, g, h)),
  (f) => (a, b, c, d, e, g, h, i) => guarded(() => f(a, b, c, d, e, g, h, i)),
  (f) => (a, b, c, d, e, g, h, i, j) => guarded(() => f(a, b, c, d, e, g, h, i, j)),
];

/**
 * The call, guarded, as a function of as many parameters as the import has. For one of fewer, V8 makes
 * another adapter, and in Node 20 each instance compiles that anew: 0.1 ms of its start.
 */
function importable(name: CallName, call: WasiFunction): WasiFunction {
  return BY_PARAMETERS[CALLS[name].length]?.(call as Anything) ?? call;
}
