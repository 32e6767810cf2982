/**
 * A running guest: instantiated from its instrumented module, with its host and its live linker.
 */
import { instrument, type Probes } from '../link/instrument.ts';
import type { Stub } from '../link/stub.ts';
import { encode } from '../wasm/encode.ts';
import { engineLacks, importedState, missingImports, UnsupportedError } from '../wasm/errors.ts';
import { type Import, type Module, spaces } from '../wasm/module.ts';
import type { ValType } from '../wasm/types.ts';
import { isRef } from '../wasm/types.ts';
import { compile } from './engine.ts';
import { LINK_STATUS, type LiveLimits, LiveLinker, type LiveOutcome, type Resolve } from './live.ts';
import { Registry } from './registry.ts';
import { guestError } from './trap.ts';
import type { WasiHost } from './wasi/wasi.ts';

/** The import of include/freeze.h through which a guest hands code over. */
export const PUSH_IMPORT = { module: 'freeze', name: 'link' } as const;

/** Makes the WASI host for a compiled guest. */
export type HostFactory = (compiled: WebAssembly.Module) => Promise<WasiHost>;

export interface GuestOptions {
  readonly module: Module;
  readonly host: HostFactory;
  /** Imported functions that are stubs, by funcidx. */
  readonly stubs: ReadonlyMap<number, Stub>;
  readonly limits: LiveLimits;
  /** Whether a module that cannot be linked is left out; otherwise it stops the build. */
  readonly skipBadModules: boolean;
  /** Told of every module, linked or not. */
  readonly onLink?: (event: LinkEvent) => void;
}

export interface LinkEvent {
  readonly name: string | undefined;
  readonly size: number;
  readonly outcome: LiveOutcome;
}

/** What the JS API gives and takes for numbers; references are opaque here. */
export type WasmValue = number | bigint | undefined | null | object;

export class Guest {
  readonly module: Module;
  readonly probes: Probes;
  readonly instance: WebAssembly.Instance;
  readonly registry: Registry;
  readonly linker: LiveLinker;
  readonly wasi: WasiHost;
  readonly #options: GuestOptions;
  readonly #imports: WebAssembly.Imports;

  private constructor(
    options: GuestOptions,
    probes: Probes,
    instance: WebAssembly.Instance,
    wasi: WasiHost,
    imports: WebAssembly.Imports,
    registry: Registry,
    linker: LiveLinker,
  ) {
    this.module = options.module;
    this.probes = probes;
    this.instance = instance;
    this.wasi = wasi;
    this.registry = registry;
    this.linker = linker;
    this.#options = options;
    this.#imports = imports;
  }

  /** Compiles and instantiates; its start function runs here, `_initialize` does not. */
  static async start(options: GuestOptions): Promise<Guest> {
    const { module } = options;
    refuseImportedState(module);
    const { module: instrumented, probes } = instrument(module);
    const compiled = await compile(encode(instrumented), 'the guest');
    const wasi = await options.host(compiled);
    const registry = new Registry();
    const linker = new LiveLinker(registry, options.limits);
    let guest: Guest | undefined;
    const push = (address: number, size: number): number =>
      guest?.push(address >>> 0, size >>> 0) ?? LINK_STATUS.unavailable;
    const imports = guestImports(module, wasi, options.stubs, push, registry);
    try {
      const instance = await WebAssembly.instantiate(compiled, imports);
      guest = new Guest(options, probes, instance, wasi, imports, registry, linker);
    } catch (error) {
      if (error instanceof WebAssembly.LinkError) throw engineLacks(error.message);
      throw guestError(error, 'while it was instantiated');
    }
    registry.addInstance(0, module, probes, guest.instance.exports);
    if (guest.has('memory')) wasi.bind(guest.instance);
    return guest;
  }

  /** Whether it exports a function, or a memory, of this name. */
  has(name: string): boolean {
    return this.instance.exports[name] !== undefined;
  }

  /** Calls an exported function. `doing` goes on from "the guest trapped": "in _initialize". */
  call(name: string, args: readonly WasmValue[], doing: string): WasmValue {
    const func = this.instance.exports[name];
    if (typeof func !== 'function') throw new TypeError(`the guest exports no function ${name}`);
    try {
      return func(...args);
    } catch (error) {
      throw guestError(error, doing);
    }
  }

  /** The memory that is exported as `memory`, as it is now: growth makes earlier views empty. */
  memory(): Uint8Array {
    const memory = this.instance.exports['memory'];
    if (!(memory instanceof WebAssembly.Memory)) {
      throw new UnsupportedError(
        'no-memory',
        'the guest exports no memory named "memory"',
        'export it: linkers do with --export-memory',
      );
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
    this.#options.onLink?.({
      name: this.linker.auxes.at(-1)?.name ?? name,
      size: bytes?.length ?? 0,
      outcome,
    });
    if (outcome.error !== undefined && !this.#options.skipBadModules) throw outcome.error;
    return outcome.status;
  }

  push(address: number, size: number): number {
    return this.link(this.read(address, size), undefined);
  }

  /** The rules of include/freeze.h: guest exports, slots, the guest's own imports, earlier modules. */
  readonly #resolve: Resolve = (item: Import) => {
    const { module, name } = item;
    if (module === 'env' && !name.startsWith(this.probes.prefix) && this.has(name))
      return this.instance.exports[name];
    if (module === 'slot' && /^\d+$/.test(name)) return this.#slot(Number(name));
    return this.#imports[module]?.[name] ?? this.linker.exportOf(module, name);
  };

  #slot(slot: number): unknown {
    const table = this.instance.exports[this.probes.table(0)];
    if (!(table instanceof WebAssembly.Table) || slot >= table.length) return undefined;
    return table.get(slot);
  }
}

/** State that the guest does not own is not ours to write down. */
function refuseImportedState(module: Module): void {
  for (const { module: from, name, desc } of module.imports) {
    if (desc.kind === 'mem') throw importedState('memory', from, name);
    if (desc.kind === 'table') throw importedState('table', from, name);
    if (desc.kind === 'global') throw importedState('global', from, name);
    if (desc.kind === 'tag') throw importedState('tag', from, name);
  }
}

function guestImports(
  module: Module,
  wasi: WasiHost,
  stubs: ReadonlyMap<number, Stub>,
  push: (address: number, size: number) => number,
  registry: Registry,
): WebAssembly.Imports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  const missing: string[] = [];
  const { types } = spaces(module);
  const hosts: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>> = wasi.imports;
  spaces(module).imports.func.forEach((item, index) => {
    const stub = stubs.get(index);
    const comp = item.desc.kind === 'func' ? types[item.desc.type]?.comp : undefined;
    const results = comp?.kind === 'func' ? comp.results : [];
    let value: unknown = hosts[item.module]?.[item.name];
    if (stub !== undefined) value = stubFunction(item, stub, results);
    else if (item.module === PUSH_IMPORT.module && item.name === PUSH_IMPORT.name) value = push;
    if (typeof value !== 'function') {
      missing.push(`${item.module}.${item.name}`);
      return;
    }
    const namespace = imports[item.module] ?? Object.create(null);
    namespace[item.name] = value as WebAssembly.ImportValue;
    imports[item.module] = namespace;
    registry.add(value, { instance: 0, kind: 'func', index });
  });
  if (missing.length > 0) throw missingImports(missing);
  return imports;
}

/** What a stub does while the guest runs: the same as the function that takes its place. */
function stubFunction(item: Import, stub: Stub, results: readonly ValType[]): () => unknown {
  if (stub.kind === 'trap') {
    return () => {
      throw new WebAssembly.RuntimeError(
        `${item.module}.${item.name} was called, and --stub-import makes it trap`,
      );
    };
  }
  const value = stub.kind === 'const' ? stub.value : 0n;
  const values = results.map((type) => {
    if (isRef(type)) return null;
    if (type === 'i64') return BigInt.asIntN(64, value);
    return type === 'i32' ? Number(BigInt.asIntN(32, value)) : Number(value);
  });
  return () => (values.length > 1 ? values : values[0]);
}
