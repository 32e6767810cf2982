/**
 * Live linking: an auxiliary module is validated, instantiated beside the running guest with the
 * guest's own values, and patched in. What was linked is recorded, each import with the entity
 * that it was given: names are only how a value is found, identity is what counts.
 */
import { deferInstantiation, freeName, runsNothing } from '../link/defer.ts';
import type { Aux, Binding } from '../link/entity.ts';
import { instrument, type Probes } from '../link/instrument.ts';
import { encode } from '../wasm/encode.ts';
import {
  auxInvalid,
  auxLimit,
  auxTooLarge,
  auxTrapped,
  FreezeError,
  type LimitError,
  type LinkError,
  unresolvedImport,
} from '../wasm/errors.ts';
import { assemble } from '../wasm/instructions.ts';
import { exportNamed, type Import, type Module } from '../wasm/module.ts';
import { parse } from '../wasm/parse.ts';
import { compileNow } from './engine.ts';
import type { Registry } from './registry.ts';
import { WasiExit } from './wasi/wasi.ts';

/** How linking went, as the guest is told: the statuses of include/freeze.h. */
export const LINK_STATUS = {
  ok: 0,
  unavailable: 1,
  invalid: 2,
  unlinkable: 3,
  trapped: 4,
  limit: 5,
} as const;
export type LinkStatus = (typeof LINK_STATUS)[keyof typeof LINK_STATUS];

export interface LiveAux extends Aux {
  readonly instance: WebAssembly.Instance;
  readonly probes: Probes;
  readonly size: number;
  /** As the guest made it; none where it was put together here. */
  readonly bytes?: Uint8Array;
}

/** Finds the value for an import; undefined where there is none. */
export type Resolve = (item: Import) => unknown;

export interface LiveLimits {
  /** Auxiliary modules in all. */
  readonly modules: number;
  /** Bytes of auxiliary modules in all. */
  readonly bytes: number;
  /** Functions, and segments of data and elements, that auxiliary modules define in all. */
  readonly functions: number;
  readonly segments: number;
}

export interface LiveOutcome {
  readonly status: LinkStatus;
  /** Why, where the status is not `ok`. */
  readonly error: LinkError | LimitError | undefined;
}

interface Resolved {
  readonly values: WebAssembly.Imports;
  readonly bindings: readonly Binding[];
}

export class LiveLinker {
  /** In the order in which they were linked: instance n is at n - 1. */
  readonly auxes: LiveAux[] = [];
  readonly #registry: Registry;
  readonly #limits: LiveLimits;
  readonly #names = new Set<string>();
  readonly #repeats = new Map<string, number>();
  #bytes = 0;
  #functions = 0;
  #segments = 0;

  constructor(registry: Registry, limits: LiveLimits) {
    this.#registry = registry;
    this.#limits = limits;
  }

  /**
   * Links a module. What is wrong with it is in the outcome; what its patch does to the guest
   * (an exit, an error of the host) comes out as an exception.
   */
  link(bytes: Uint8Array, wanted: string | undefined, resolve: Resolve): LiveOutcome {
    const name = this.#uniqueName(wanted);
    this.#bytes += bytes.length;
    const tooMany = this.#overLimit(name);
    if (tooMany !== undefined) return tooMany;
    let module: Module;
    let compiled: WebAssembly.Module;
    let probes: Probes;
    let patch: string;
    try {
      module = parse(bytes);
      this.#functions += module.codes.length;
      this.#segments += module.elems.length + module.datas.length;
      const tooMuch = this.#overLimit(name);
      if (tooMuch !== undefined) return tooMuch;
      patch = freeName(module, '\0patch');
      const quiet = runsNothing(module) ? module : deferInstantiation(module, patch);
      const instrumented = instrument(quiet);
      probes = instrumented.probes;
      compiled = compileNow(encode(instrumented.module));
    } catch (error) {
      if (error instanceof FreezeError || error instanceof WebAssembly.CompileError) {
        return failed(LINK_STATUS.invalid, auxInvalid(name, plainMessage(error)));
      }
      throw error;
    }
    const resolved = this.#resolve(name, module, resolve);
    if ('status' in resolved) return resolved;
    let instance: WebAssembly.Instance;
    try {
      instance = new WebAssembly.Instance(compiled, resolved.values);
    } catch (error) {
      if (error instanceof WebAssembly.LinkError)
        return failed(LINK_STATUS.unlinkable, importMismatch(name, module, error));
      // Its own memories and tables cannot be had, or an initializer of its own traps.
      if (error instanceof RangeError)
        return failed(LINK_STATUS.limit, auxTooLarge(name, plainMessage(error)));
      if (error instanceof WebAssembly.RuntimeError)
        return failed(LINK_STATUS.trapped, auxTrapped(name, plainMessage(error)));
      throw error;
    }
    const aux = { name, module, bindings: resolved.bindings, instance, probes, size: bytes.length, bytes };
    this.auxes.push(aux);
    this.#registry.addInstance(this.auxes.length, module, probes, instance.exports);
    return this.#patch(aux, patch);
  }

  /** Takes in a module that was instantiated elsewhere; its entities are in the registry. */
  adopt(aux: LiveAux): void {
    this.#names.add(aux.name);
    this.#bytes += aux.size;
    this.auxes.push(aux);
  }

  /** The export of an earlier module, by the module's name. */
  exportOf(aux: string, name: string): unknown {
    const found = this.auxes.find((one) => one.name === aux);
    // What instrumentation exports beside is not to be had.
    return found && exportNamed(found.module, name) && found.instance.exports[name];
  }

  /** Whether the modules that came so far are more than is allowed. */
  #overLimit(name: string): LiveOutcome | undefined {
    const { modules, bytes, functions, segments } = this.#limits;
    if (this.auxes.length >= modules)
      return failed(LINK_STATUS.limit, auxLimit(name, modules, 'modules', '--max-modules'));
    if (this.#bytes > bytes)
      return failed(LINK_STATUS.limit, auxLimit(name, bytes, 'bytes of modules', '--max-module-bytes'));
    if (this.#functions > functions)
      return failed(LINK_STATUS.limit, auxLimit(name, functions, 'functions', '--max-functions'));
    if (this.#segments > segments)
      return failed(LINK_STATUS.limit, auxLimit(name, segments, 'segments', '--max-segments'));
    return undefined;
  }

  #patch(aux: LiveAux, patch: string): LiveOutcome {
    const run = aux.instance.exports[patch];
    try {
      if (typeof run === 'function') run();
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) {
        return failed(LINK_STATUS.trapped, auxTrapped(aux.name, error.message));
      }
      if (error instanceof FreezeError || error instanceof WasiExit) throw error;
      return failed(LINK_STATUS.trapped, auxTrapped(aux.name, plainMessage(error)));
    }
    return { status: LINK_STATUS.ok, error: undefined };
  }

  #resolve(name: string, module: Module, resolve: Resolve): Resolved | LiveOutcome {
    // Module names are the guest's to choose, "__proto__" among them.
    const values: Record<string, Record<string, WebAssembly.ImportValue>> = Object.create(null);
    const bindings: Binding[] = [];
    for (const item of module.imports) {
      const value = resolve(item);
      const binding = value === undefined || value === null ? undefined : this.#binding(item, value);
      if (binding === undefined) {
        const why =
          value === undefined || value === null
            ? 'which nothing gives'
            : 'which is given a value of unknown origin';
        return failed(LINK_STATUS.unlinkable, unresolvedImport(name, item.module, item.name, why));
      }
      const namespace = values[item.module] ?? Object.create(null);
      namespace[item.name] = value as WebAssembly.ImportValue;
      values[item.module] = namespace;
      bindings.push(binding);
    }
    return { values, bindings };
  }

  /** By identity. A number, or an immutable global of one, is a constant. */
  #binding(item: Import, value: unknown): Binding | undefined {
    const entity = this.#registry.of(value);
    if (entity !== undefined) return { kind: 'entity', entity };
    if (item.desc.kind !== 'global' || item.desc.type.mutable) return undefined;
    const plain = value instanceof WebAssembly.Global ? value.value : value;
    const { val } = item.desc.type;
    if (val === 'i32' && typeof plain === 'number')
      return { kind: 'constant', code: assemble([['i32.const', plain | 0]]).subarray(0, -1) };
    if (val === 'i64' && typeof plain === 'bigint') {
      return { kind: 'constant', code: assemble([['i64.const', BigInt.asIntN(64, plain)]]).subarray(0, -1) };
    }
    return undefined;
  }

  /** Names stand before the names of functions, so no two modules share one. */
  #uniqueName(wanted: string | undefined): string {
    const base = wanted === undefined || wanted === '' ? `jit${this.auxes.length + 1}` : wanted;
    let name = base;
    let n = this.#repeats.get(base) ?? 2;
    for (; this.#names.has(name); n++) name = `${base}#${n}`;
    // Guests give one name a hundred thousand times: the search goes on where it ended.
    this.#repeats.set(base, n);
    this.#names.add(name);
    return name;
  }
}

function failed(status: LinkStatus, error: LinkError | LimitError): LiveOutcome {
  return { status, error };
}

function plainMessage(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^WebAssembly\.\w+\(\): /, '');
}

/** V8 says `Import #2 "env" "f": …`: the import, and what does not fit. */
function importMismatch(aux: string, module: Module, error: Error): LinkError {
  const match = /Import #(\d+)(?: "[^"]*" "[^"]*")?: (.*)$/.exec(error.message);
  const item = module.imports[Number(match?.[1] ?? 0)];
  return unresolvedImport(
    aux,
    item?.module ?? '',
    item?.name ?? '',
    `which does not fit: ${match?.[2] ?? plainMessage(error)}`,
  );
}
