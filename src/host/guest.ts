/**
 * A running guest: instantiated from its instrumented module, with its host and its live linker.
 */

import { type FreezeError, GuestError } from '../errors/classes.ts';
import { grewTooMuch, nearLimit } from '../errors/limit.ts';
import { engineLacks, importedState, missingImports, noMemory, tooMuchState } from '../errors/unsupported.ts';
import { hostUnfit, preloadUnfit } from '../errors/usage.ts';
import { deferStart, freeName } from '../link/defer.ts';
import { type EntityRef, sameImport } from '../link/entity.ts';
import { instrument, type Probes } from '../link/instrument.ts';
import type { GuestLinks } from '../link/link.ts';
import { auxExportName, hasThawedFlag, THAWED } from '../link/open.ts';
import type { Stub } from '../link/stub.ts';
import { encode } from '../wasm/encode.ts';
import { type Import, type Module, spaces } from '../wasm/module.ts';
import { type FuncIdx, isRef, type ValType } from '../wasm/types.ts';
import { type CallCounters, tablesOf } from './counter.ts';
import { compile, trap } from './engine.ts';
import { type Hosts, hosted } from './hosts.ts';
import type { GivenState, StateImports } from './imported-state.ts';
import {
  type Caps,
  capped,
  fullestFirst,
  type Limits,
  ownCaps,
  Room,
  type Sizes,
  type Use,
  usesOf,
  withImported,
} from './limits.ts';
import { LINK_STATUS, LiveLinker, type LiveOutcome, type Resolve } from './live.ts';
import { type Preload, preload } from './preload.ts';
import type { Driven } from './recorder/resolve.ts';
import { Registry } from './registry.ts';
import { guestError, hostError } from './trap.ts';
import type { WasiHost } from './wasi/types.ts';

/** The import of include/freeze.h through which a guest hands code over. */
export const PUSH_IMPORT = { module: 'freeze', name: 'link' } as const;

/** Makes the WASI host for a compiled guest. */
export type HostFactory = (compiled: WebAssembly.Module) => Promise<WasiHost>;

export interface GuestOptions {
  readonly module: Module;
  /** Gives it the memories, tables, globals and tags that it imports; without, they are refused. */
  readonly stateImports?: StateImports | undefined;
  readonly host: HostFactory;
  /** Imported functions that are stubs, by funcidx. */
  readonly stubs: ReadonlyMap<number, Stub>;
  readonly limits: Limits;
  /** Whether a module that cannot be linked is left out; otherwise it stops the build. */
  readonly skipBadModules: boolean;
  /** Modules that imports come from, before the host: see preload.ts. */
  readonly preloads?: readonly Preload[];
  /** Whether a function that nobody gives is refused (the default), or traps when it is called. */
  readonly unknownImports?: UnknownImports;
  /** Runs each call into the guest; it may end one by throwing. */
  readonly supervise?: Supervise;
  /** Told of every module, linked or not. */
  readonly onLink?: (event: LinkEvent) => void;
  /** Whether code is linked at all; default true. Otherwise a guest that hands some over is told that it is not. */
  readonly links?: boolean;
  /** Whether what is linked is recorded, so that it can be frozen; default true. */
  readonly record?: boolean;
  /** Counts calls through table slots, where that is wanted. */
  readonly counters?: CallCounters;
  /** Names of the modules that were linked before the guest was frozen. */
  readonly linkedBefore?: readonly string[];
}

/** `doing` says what the work is: `in _initialize`, `while it ran a.scm`. */
export type Supervise = <T>(work: () => T, doing: string) => T;

export type UnknownImports = 'refuse' | 'trap';

export interface LinkEvent {
  readonly name: string;
  readonly size: number;
  readonly outcome: LiveOutcome;
}

const PAGE = 65_536;
/** https://webassembly.github.io/spec/js-api/#limits */
const MOST_EXPORTS = 100_000;

const NONE: ReadonlyMap<number, Import> = new Map();

/** A host that gives nothing: for a guest whose own JavaScript gives it its imports, or who may have none. */
export const NO_WASI: WasiHost = {
  imports: {},
  bind: () => {},
  filesWritten: () => [],
  openFiles: () => [],
  drawn: () => 0,
  draws: () => [],
};

/** What the JS API gives and takes for numbers; references are opaque here. */
export type WasmValue = number | bigint | undefined | null | object;

export class Guest {
  /** What it imports but for functions is its own here; indices are the same. */
  readonly module: Module;
  readonly probes: Probes;
  readonly instance: WebAssembly.Instance;
  readonly registry: Registry;
  readonly linker: LiveLinker;
  readonly wasi: WasiHost;
  /** What a driver linked the guest with, for the static linker. */
  readonly links: GuestLinks;
  /** The immutable globals, by index, that it was given references of the host's in: they stay these imports. */
  readonly rebound: ReadonlyMap<number, Import>;
  /** Bytes of its module, where a driver brought it. */
  readonly size: number;
  readonly #options: GuestOptions;
  /** How far its memories and tables may grow. */
  readonly #caps: Caps;
  readonly #imports: WebAssembly.Imports;
  #closed = false;

  private constructor(
    options: GuestOptions,
    probes: Probes,
    instance: WebAssembly.Instance,
    wasi: WasiHost,
    imports: WebAssembly.Imports,
    registry: Registry,
    linker: LiveLinker,
    rebound: ReadonlyMap<number, Import>,
    links: GuestLinks = {},
    size = 0,
  ) {
    this.links = links;
    this.rebound = rebound;
    this.size = size;
    this.module = options.module;
    this.probes = probes;
    this.instance = instance;
    this.wasi = wasi;
    this.registry = registry;
    this.linker = linker;
    this.#options = options;
    this.#caps = new Room(options.limits).guest(options.module);
    this.#imports = imports;
  }

  /** Compiles and instantiates; its start function runs here, `_initialize` does not. */
  static async start(options: GuestOptions): Promise<Guest> {
    const { module, stateImports } = options;
    if (stateImports === undefined) refuseImportedState(module);
    // The start function runs when the host knows the guest: it may call WASI, and hand code over.
    const startName = freeName(module, '\0start');
    const { counters } = options;
    const counting = counters?.instrument(module);
    const running = counting?.module ?? module;
    const caps = new Room(options.limits).guest(withImported(running));
    const { module: instrumented, probes } = instrument(
      capped(deferStart(running, startName), ownCaps(running, caps)),
      { importedFunctions: true, importedGlobals: true },
    );
    if (instrumented.exports.length > MOST_EXPORTS && module.exports.length <= MOST_EXPORTS)
      throw tooMuchState(instrumented.exports.length, MOST_EXPORTS);
    const compiled = await compile(encode(instrumented), 'the guest', module);
    const wasi = await options.host(compiled).catch((error: unknown) => {
      throw hostError(error);
    });
    const preloaded = await preload(options.preloads ?? [], options.host);
    const registry = new Registry();
    const { limits, links = true, record = true, linkedBefore = [] } = options;
    const linker = new LiveLinker(registry, { limits, record, linkedBefore, counters });
    let guest: Guest | undefined;
    const push = (address: number, size: number): number =>
      (links ? guest?.push(address >>> 0, size >>> 0) : undefined) ?? LINK_STATUS.unavailable;
    const hosts = { ...wasi.imports, ...preloaded };
    const imports = guestImports(module, hosts, options.stubs, push, registry, options.unknownImports);
    let state: GivenState | undefined;
    try {
      state = stateImports?.give(module, hosts, caps);
      for (const [i, value] of state?.values ?? []) addImport(imports, module.imports[i] as Import, value);
      const instance = await WebAssembly.instantiate(compiled, imports);
      const { exports } = instance;
      const { own, rebound } =
        stateImports && state
          ? stateImports.settle(module, state, { exports, probes, registry })
          : { own: module, rebound: NONE };
      guest = new Guest(
        { ...options, module: own },
        probes,
        instance,
        wasi,
        imports,
        registry,
        linker,
        rebound,
      );
      registry.addInstance(0, own, probes, exports);
      counters?.attach(counting?.counters, tablesOf(own, probes, exports), exports);
      if (guest.has('memory')) wasi.bind(instance);
      const start = instance.exports[startName];
      if (typeof start === 'function') guest.#supervised(() => start(), 'while it was instantiated');
    } catch (error) {
      if (error instanceof WebAssembly.LinkError)
        throw unfit(error.message, (options.preloads ?? []).length > 0, state);
      throw guestError(error, 'while it was instantiated');
    }
    return guest;
  }

  /** A guest that its own JavaScript has brought up, with everything that it was linked with. */
  static driven(options: Omit<GuestOptions, 'host' | 'module'>, driven: Driven): Guest {
    const { module, probes, exports, imports, registry, rebound, forwards, adopted, kept } = driven;
    const { limits, counters } = options;
    const linker = new LiveLinker(registry, { limits, record: true, counters });
    for (const aux of driven.auxes) linker.adopt(aux);
    const host: HostFactory = async () => NO_WASI;
    const instance = { exports };
    return new Guest(
      { ...options, host, module },
      probes,
      instance,
      NO_WASI,
      imports,
      registry,
      linker,
      rebound,
      { forwards, adopted, kept },
      driven.bytes.length,
    );
  }

  /** Whether its own JavaScript brought it up. */
  get driven(): boolean {
    return this.size > 0;
  }

  /** Whether it exports a function, or a memory, of this name. */
  has(name: string): boolean {
    return this.instance.exports[name] !== undefined;
  }

  /** A guest that is an open module: in what comes of it, the after-restore hook is to run again. */
  unthaw(): void {
    if (!hasThawedFlag(this.module)) return;
    (this.instance.exports[THAWED] as WebAssembly.Global<'i32'>).value = 0;
  }

  /** Calls an exported function. `doing` goes on from "the guest trapped": "in _initialize". */
  call(name: string, args: readonly WasmValue[], doing: string): WasmValue {
    const func = this.instance.exports[name];
    if (typeof func !== 'function') throw new TypeError(`the guest exports no function ${name}`);
    try {
      return this.#supervised(() => func(...args), doing);
    } catch (error) {
      throw this.#withUse(guestError(error, doing));
    }
  }

  #supervised<T>(work: () => T, doing: string): T {
    const { supervise } = this.#options;
    return supervise === undefined ? work() : supervise(work, doing);
  }

  /** Throws a LimitError where a memory or a table has grown to all that it may have. */
  checkLimits(): void {
    // Who has all that 32 bits address was not refused more by us.
    for (const { option, ...use } of this.#uses())
      if (option !== undefined && use.used >= use.cap) throw grewTooMuch({ ...use, option });
  }

  /** The fullest first. */
  #uses(): readonly Use[] {
    const { limits } = this.#options;
    const auxes = this.linker.auxes.flatMap(({ name, module, probes, instance: { exports }, caps }) => {
      const uses = caps === undefined ? [] : usesOf(module, caps, limits, sizesOf(probes, exports));
      return uses.map((use) => ({ ...use, what: `${use.what} of auxiliary module ${name}` }));
    });
    const own = usesOf(this.module, this.#caps, limits, sizesOf(this.probes, this.instance.exports));
    return fullestFirst([...own, ...auxes]);
  }

  /**
   * A guest that is refused memory fails in ways of its own, and no engine says that it was refused.
   * One that asks for as much again as it has can be refused from half of the limit on.
   */
  #withUse(error: FreezeError): FreezeError {
    const [use] = this.#uses();
    if (!(error instanceof GuestError) || use === undefined || use.used * 2 < use.cap) return error;
    return nearLimit(error, use);
  }

  /** The memory that is exported as `memory`, as it is now: growth makes earlier views empty. */
  memory(): Uint8Array {
    const memory = this.instance.exports['memory'];
    if (!(memory instanceof WebAssembly.Memory)) {
      throw noMemory();
    }
    return new Uint8Array(memory.buffer);
  }

  /** A copy of bytes of the memory; undefined where they are not all inside it. */
  read(address: number, size: number): Uint8Array | undefined {
    const memory = this.memory();
    return address + size <= memory.length ? memory.slice(address, address + size) : undefined;
  }

  /**
   * Links an auxiliary module; its status for the guest. Where bad modules are not skipped, one
   * stops the build with the error.
   */
  link(bytes: Uint8Array | undefined, name: string | undefined): number {
    const outcome = this.linker.link(bytes ?? new Uint8Array(0), name, this.#resolve);
    this.#options.onLink?.({ name: outcome.name, size: bytes?.length ?? 0, outcome });
    if (outcome.error !== undefined && !this.#options.skipBadModules) throw outcome.error;
    return outcome.status;
  }

  /** From here on code that the guest hands over is answered as it is where nobody links. */
  close(): void {
    this.#closed = true;
  }

  push(address: number, size: number): number {
    if (this.#closed) return LINK_STATUS.unavailable;
    return this.link(this.read(address, size), undefined);
  }

  /** The rules of include/freeze.h: guest exports, slots, the guest's own imports, earlier modules (also of earlier freezes). */
  readonly #resolve: Resolve = (item: Import) => {
    const { module, name } = item;
    if (module === 'env' && !name.startsWith(this.probes.prefix) && this.has(name))
      return this.instance.exports[name];
    if (module === 'slot' && /^\d+$/.test(name)) return this.#slot(Number(name));
    return (
      this.#hostFunction(module, name) ??
      this.linker.exportOf(module, name) ??
      this.instance.exports[auxExportName(module, name)]
    );
  };

  /** A function of the host as the guest has it: with a type, so that the engine sees whether it fits. */
  #hostFunction(module: string, name: string): unknown {
    const index = spaces(this.module).imports.func.findIndex((item) => sameImport(item, module, name));
    const functions = this.instance.exports[this.probes.funcTable];
    const at = this.probes.funcs.indexOf(index as FuncIdx);
    if (at >= 0 && functions instanceof WebAssembly.Table) return functions.get(at);
    return this.#imports[module]?.[name];
  }

  /** The function in a slot of one of its tables; undefined where there is none, or nobody knows it. */
  functionIn(table: number, slot: number): EntityRef | undefined {
    return this.registry.of(this.#slot(slot, table) ?? undefined);
  }

  #slot(slot: number, index = 0): unknown {
    const table = this.instance.exports[this.probes.table(index)];
    if (!(table instanceof WebAssembly.Table) || slot >= table.length) return undefined;
    return table.get(slot);
  }
}

function sizesOf(probes: Probes, exports: WebAssembly.Exports): Sizes {
  return {
    pages: (mem) => (exports[probes.mem(mem)] as WebAssembly.Memory).buffer.byteLength / PAGE,
    slots: (table) => Number((exports[probes.table(table)] as WebAssembly.Table).length),
  };
}

/** Which of those who give imports gave one that does not fit. */
function unfit(message: string, preloads: boolean, state: GivenState | undefined): FreezeError {
  if (preloads) return preloadUnfit(message);
  return state !== undefined && state.own.size < state.values.size
    ? hostUnfit(message)
    : engineLacks(message);
}

/** State that the guest does not own is not ours to write down. */
export function refuseImportedState(module: Module, why?: string): void {
  for (const { module: from, name, desc } of module.imports) {
    if (desc.kind === 'mem')
      throw importedState(desc.type.shared ? 'shared memory' : 'memory', from, name, why);
    if (desc.kind === 'table') throw importedState('table', from, name, why);
    if (desc.kind === 'global') throw importedState('global', from, name, why);
    if (desc.kind === 'tag') throw importedState('tag', from, name, why);
  }
}

/** What a module imports, from its hosts by module name, and its stubs. Throws where something is missing. */
export function guestImports(
  module: Module,
  hosts: Hosts,
  stubs: ReadonlyMap<number, Stub>,
  push: (address: number, size: number) => number,
  registry: Registry,
  unknown: UnknownImports = 'refuse',
): WebAssembly.Imports {
  // Names are the module's to choose: what every object has by inheritance is no host's.
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = Object.create(null);
  const missing: string[] = [];
  const { types } = spaces(module);
  spaces(module).imports.func.forEach((item, index) => {
    const stub = stubs.get(index);
    const comp = item.desc.kind === 'func' ? types[item.desc.type]?.comp : undefined;
    const results = comp?.kind === 'func' ? comp.results : [];
    let value = hosted(hosts, item);
    if (stub !== undefined) value = stubFunction(item, stub, results);
    else if (item.module === PUSH_IMPORT.module && item.name === PUSH_IMPORT.name) value = push;
    if (typeof value !== 'function' && unknown === 'trap') value = unknownFunction(item);
    if (typeof value !== 'function') {
      missing.push(`${item.module}.${item.name}`);
      return;
    }
    addImport(imports, item, value);
    registry.add(value, { instance: 0, kind: 'func', index });
  });
  if (missing.length > 0) throw missingImports(missing);
  return imports;
}

export function addImport(imports: WebAssembly.Imports, { module, name }: Import, value: unknown): void {
  const namespace = imports[module] ?? Object.create(null);
  namespace[name] = value as WebAssembly.ImportValue;
  imports[module] = namespace;
}

/** An import that nobody gives: it may be one that the guest does not call before the snapshot. */
function unknownFunction({ module, name }: Import): () => never {
  return () => trap(`unknown import: \`${module}::${name}\` has not been defined`);
}

/** What a stub does while the guest runs: the same as the function that takes its place. */
function stubFunction(item: Import, stub: Stub, results: readonly ValType[]): () => unknown {
  if (stub.kind === 'trap') {
    return () => trap(`${item.module}.${item.name} was called, and --stub-import makes it trap`);
  }
  const value = stub.kind === 'const' ? stub.value : 0n;
  const values = results.map((type) => {
    if (isRef(type)) return null;
    if (type === 'i64') return BigInt.asIntN(64, value);
    return type === 'i32' ? Number(BigInt.asIntN(32, value)) : Number(value);
  });
  return () => (values.length > 1 ? values : values[0]);
}
