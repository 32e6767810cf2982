/**
 * The live runtime: a guest with a JIT, on a host that allows code generation. The modules that it
 * makes are linked beside it by the linker of a build, under the same rules; nothing is frozen, and
 * nothing is recorded. WASI is apart: whoever wants it brings it.
 *
 * ```js
 * import { instantiate } from 'freeze/live';
 * const guest = await instantiate(bytes, { jit: true, imports: { env: { log: console.log } } });
 * guest.exports.run(40);      // code that the guest hands over now, or has ready after, is linked
 * ```
 */
import { Guest, type HostFactory, type LinkEvent, NO_WASI } from './host/guest.ts';
import { DEFAULT_LIMITS, type Limits } from './host/limits.ts';
import { type ProtocolName, protocolFor } from './protocols/detect.ts';
import type { Call, Program } from './protocols/protocol.ts';
import { linkedBefore } from './report/provenance.ts';
import { type StubOption, stubbedImports } from './stubs.ts';
import { exportNamed, type Module } from './wasm/module.ts';
import { parse } from './wasm/parse.ts';

export interface InstantiateOptions {
  /**
   * Whether the code that the guest generates is linked. Where it is not, the guest is told so, as
   * by any host that knows nothing of this: it is not asked for code.
   */
  readonly jit?: boolean;
  /** Functions that the guest imports, beside those of `host`. */
  readonly imports?: WebAssembly.Imports;
  /** Imports that are stubs; the first pattern that fits counts. */
  readonly stubs?: readonly StubOption[];
  /** Makes its WASI host: `(compiled) => createWasi({}, compiled)`, of `freeze/browser`. Default none. */
  readonly host?: HostFactory;
  /** Drives the guest by this protocol, whatever its exports tell. */
  readonly protocol?: ProtocolName;
  /**
   * When a guest is asked for code that does not hand it over by itself: when a call of an export
   * has come back, which is the default, or only by `poll`.
   */
  readonly poll?: 'after-calls' | 'by-hand';
  /** What it may generate in all; default {@link DEFAULT_LIMITS}. Beyond it, the guest is told so. */
  readonly limits?: Partial<Limits>;
  /** Told of every module, linked or not: what is wrong with one is the guest's affair. */
  readonly onLink?: (event: LinkEvent) => void;
}

export interface LiveGuest {
  /** What the module exports. Functions throw what a WebAssembly function throws. */
  readonly exports: WebAssembly.Exports;
  /** How many modules were linked. */
  linked(): number;
  /** Links what the guest has ready; says how many modules that was. Throws a GuestError. */
  poll(): number;
  /** Gives it a program that stays, as a build does with `loads`. Throws a GuestError where it refuses. */
  load(program: Program): Call;
  /** Runs a program that was loaded. Throws a GuestError where the guest reports a failure. */
  run(call: Call): void;
}

/**
 * Instantiates a guest, or a module that was frozen with `open`, and initializes it where it is a
 * reactor. Throws what `freeze` throws for a module that cannot be frozen.
 */
export async function instantiate(bytes: Uint8Array, options: InstantiateOptions = {}): Promise<LiveGuest> {
  const { jit = false, stubs = [], onLink } = options;
  const module = parse(bytes);
  const guest = await Guest.start({
    module,
    host: hostOf(options),
    stubs: stubbedImports(module, stubs),
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    links: jit,
    skipBadModules: true,
    record: false,
    linkedBefore: linkedBefore(module),
    ...(onLink === undefined ? {} : { onLink }),
  });
  if (exportNamed(module, '_initialize', 'func') !== undefined)
    guest.call('_initialize', [], 'in _initialize');
  const protocol = protocolFor(guest, options.protocol);
  const poll = (): number => (jit ? protocol.collect(guest) : 0);
  const after = options.poll === 'by-hand' ? () => 0 : poll;
  return {
    exports: exportsOf(module, guest.instance.exports, after),
    linked: () => guest.linker.count,
    poll,
    load: (program) => protocol.load(guest, program),
    run: (call) => {
      protocol.run(guest, call);
      after();
    },
  };
}

function hostOf({ host, imports }: InstantiateOptions): HostFactory {
  return async (compiled) => {
    const wasi = (await host?.(compiled)) ?? NO_WASI;
    const merged: Record<string, object> = Object.assign(Object.create(null), wasi.imports);
    for (const [module, functions] of Object.entries(imports ?? {}))
      merged[module] = { ...merged[module], ...functions };
    return {
      imports: merged,
      bind: (target) => {
        wasi.bind(target);
      },
      filesWritten: () => wasi.filesWritten(),
      openFiles: () => wasi.openFiles(),
      drawn: () => wasi.drawn(),
      draws: () => wasi.draws(),
    };
  };
}

/**
 * The exports of the module itself, without the probes. When the outermost call of one comes back,
 * `after` is called: not on the way, as the guest is in the middle of something, and not after an
 * exception, as nothing is known of it then.
 */
function exportsOf(module: Module, exports: WebAssembly.Exports, after: () => void): WebAssembly.Exports {
  const shown: WebAssembly.Exports = Object.create(null);
  let depth = 0;
  const wrapped = (func: CallableFunction) => {
    return (...args: readonly unknown[]): unknown => {
      let result: unknown;
      depth++;
      try {
        result = func(...args);
      } finally {
        depth--;
      }
      if (depth === 0) after();
      return result;
    };
  };
  for (const { name } of module.exports) {
    const value = exports[name];
    if (value !== undefined) shown[name] = typeof value === 'function' ? wrapped(value) : value;
  }
  return Object.freeze(shown);
}
