/**
 * Live linking: an auxiliary module is validated, instantiated beside the running guest with the
 * guest's own values, and patched in. What was linked is recorded, each import with the entity
 * that it was given: names are only how a value is found, identity is what counts.
 */

import { FreezeError, type LimitError, type LinkError } from '../errors/classes.ts';
import { auxLimit } from '../errors/limit.ts';
import { auxInvalid, auxTooLarge, auxTrapped, unresolvedImport } from '../errors/link.ts';
import { deferInstantiation, freeName, runsNothing } from '../link/defer.ts';
import type { Aux, Binding } from '../link/entity.ts';
import { instrument, type Probes } from '../link/instrument.ts';
import { encode } from '../wasm/encode.ts';
import { assemble } from '../wasm/instructions.ts';
import { exportNamed, type Import, type Module } from '../wasm/module.ts';
import { ownName } from '../wasm/names.ts';
import { parse } from '../wasm/parse.ts';
import { type CallCounters, tablesOf } from './counter.ts';
import { compileNow } from './engine.ts';
import { type Caps, capped, type Excess, type Limits, type LiveLimits, Room } from './limits.ts';
import type { Registry } from './registry.ts';
import { WasiExit } from './wasi/types.ts';

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
  /** How far its own memories and tables may grow. */
  readonly caps?: Caps;
  readonly size: number;
  /** As the guest made it; none where it was put together here. */
  readonly bytes?: Uint8Array;
}

/** Finds the value for an import; undefined where there is none. */
export type Resolve = (item: Import) => unknown;

export interface LiveOutcome {
  /** The module's name: unique among all. */
  readonly name: string;
  readonly status: LinkStatus;
  /** Why, where the status is not `ok`. */
  readonly error: LinkError | LimitError | undefined;
}

export interface LiveOptions {
  readonly limits: Limits;
  /**
   * Whether what is linked is recorded, so that it can be frozen. Otherwise a module is instantiated
   * as it is, and lives as long as a table or a later module holds something of it.
   */
  readonly record: boolean;
  /** Names of modules that were linked before this guest was frozen: they stay theirs. */
  readonly linkedBefore?: readonly string[];
  /** What counts calls through table slots, where that is wanted. */
  readonly counters?: CallCounters | undefined;
}

interface Resolved {
  readonly values: WebAssembly.Imports;
  readonly bindings: readonly Binding[];
}

/** A module that is about to be instantiated. */
interface Compiled {
  readonly module: Module;
  readonly compiled: WebAssembly.Module;
  /** How it was instrumented, where it is recorded: its probes, and the export that patches it in. */
  readonly recorded:
    | {
        readonly probes: Probes;
        readonly patch: string;
        readonly counters: string | undefined;
        readonly caps: Caps;
      }
    | undefined;
}

export class LiveLinker {
  /** In the order in which they were linked: instance n is at n - 1. Empty where nothing is recorded. */
  readonly auxes: LiveAux[] = [];
  /** How many modules were linked. */
  count = 0;
  readonly #registry: Registry;
  readonly #limits: LiveLimits;
  /** For memories and tables of their own. */
  readonly #room: Room;
  readonly #record: boolean;
  /** What counts calls through table slots, where that is wanted. */
  readonly counters: CallCounters | undefined;
  readonly #names: Set<string>;
  readonly #before: number;
  readonly #repeats = new Map<string, number>();
  /** The exports of each module that has any, by its name: for later modules to import. */
  readonly #exports = new Map<string, { readonly module: Module; readonly exports: WebAssembly.Exports }>();
  #bytes = 0;
  #functions = 0;
  #segments = 0;

  constructor(registry: Registry, { limits, record, linkedBefore = [], counters }: LiveOptions) {
    this.counters = counters;
    this.#registry = registry;
    this.#limits = limits;
    this.#room = new Room(limits);
    this.#record = record;
    this.#names = new Set(linkedBefore);
    this.#before = linkedBefore.length;
  }

  /**
   * Links a module. What is wrong with it is in the outcome; what its patch does to the guest
   * (an exit, an error of the host) comes out as an exception.
   */
  link(bytes: Uint8Array, wanted: string | undefined, resolve: Resolve): LiveOutcome {
    this.#bytes += bytes.length;
    const given = this.#compile(bytes);
    const name = this.#uniqueName(wanted ?? ('module' in given ? ownName(given.module) : undefined));
    if ('excess' in given) {
      const { most, what, option } = given.excess;
      return failed(name, LINK_STATUS.limit, auxLimit(name, most, what, option));
    }
    if ('problem' in given) return failed(name, LINK_STATUS.invalid, auxInvalid(name, given.problem));
    const { module, compiled, recorded } = given;
    const resolved = this.#resolve(name, module, resolve);
    if ('status' in resolved) return resolved;
    let instance: WebAssembly.Instance;
    try {
      instance = new WebAssembly.Instance(compiled, resolved.values);
    } catch (error) {
      if (error instanceof WebAssembly.LinkError)
        return failed(name, LINK_STATUS.unlinkable, importMismatch(name, module, error));
      // Its own memories and tables cannot be had, or an initializer of its own traps.
      if (error instanceof RangeError && recorded !== undefined)
        return failed(name, LINK_STATUS.limit, auxTooLarge(name, plainMessage(error)));
      return trapped(name, error);
    }
    this.count++;
    if (module.exports.length > 0) this.#exports.set(name, { module, exports: instance.exports });
    if (recorded === undefined) return { name, status: LINK_STATUS.ok, error: undefined };
    const { probes, patch, caps } = recorded;
    const { bindings } = resolved;
    const aux = { name, module, bindings, instance, probes, caps, size: bytes.length, bytes };
    this.auxes.push(aux);
    this.#registry.addInstance(this.auxes.length, module, probes, instance.exports);
    this.counters?.attach(recorded.counters, tablesOf(module, probes, instance.exports), instance.exports);
    return this.#patch(aux, patch);
  }

  /** Takes in a module that was instantiated elsewhere; its entities are in the registry. */
  adopt(aux: LiveAux): void {
    this.#names.add(aux.name);
    this.#bytes += aux.size;
    this.count++;
    this.#exports.set(aux.name, { module: aux.module, exports: aux.instance.exports });
    this.auxes.push(aux);
  }

  /** The export of an earlier module, by the module's name. */
  exportOf(aux: string, name: string): unknown {
    const found = this.#exports.get(aux);
    // What instrumentation exports beside is not to be had.
    return found && exportNamed(found.module, name) && found.exports[name];
  }

  #compile(bytes: Uint8Array): Compiled | { readonly problem: string } | { readonly excess: Excess } {
    // What is too large is not even read.
    const tooLarge = this.#excess();
    if (tooLarge !== undefined) return { excess: tooLarge };
    try {
      const module = parse(bytes);
      this.#functions += module.codes.length;
      this.#segments += module.elems.length + module.datas.length;
      const excess = this.#excess();
      if (excess !== undefined) return { excess };
      if (!this.#record) return { module, compiled: compileNow(bytes), recorded: undefined };
      const patch = freeName(module, '\0patch');
      const caps = this.#room.aux(module);
      if ('option' in caps) return { excess: caps };
      const held = capped(module, caps);
      const quiet = runsNothing(held) ? held : deferInstantiation(held, patch);
      const counting = this.counters?.instrument(quiet);
      const instrumented = instrument(counting?.module ?? quiet);
      const recorded = { probes: instrumented.probes, patch, counters: counting?.counters, caps };
      return { module, compiled: compileNow(encode(instrumented.module)), recorded };
    } catch (error) {
      if (error instanceof FreezeError || error instanceof WebAssembly.CompileError)
        return { problem: plainMessage(error) };
      throw error;
    }
  }

  /** What of the modules that came so far is more than is allowed. */
  #excess(): Excess | undefined {
    const { modules, bytes, functions, segments } = this.#limits;
    if (this.count >= modules) return { most: modules, what: 'modules', option: '--max-modules' };
    if (this.#bytes > bytes) return { most: bytes, what: 'bytes of modules', option: '--max-module-bytes' };
    if (this.#functions > functions) return { most: functions, what: 'functions', option: '--max-functions' };
    if (this.#segments > segments) return { most: segments, what: 'segments', option: '--max-segments' };
    return undefined;
  }

  #patch(aux: LiveAux, patch: string): LiveOutcome {
    const { name } = aux;
    const run = aux.instance.exports[patch];
    try {
      if (typeof run === 'function') run();
    } catch (error) {
      return trapped(name, error);
    }
    return { name, status: LINK_STATUS.ok, error: undefined };
  }

  #resolve(name: string, module: Module, resolve: Resolve): Resolved | LiveOutcome {
    // Module names are the guest's to choose, "__proto__" among them.
    const values: Record<string, Record<string, WebAssembly.ImportValue>> = Object.create(null);
    const bindings: Binding[] = [];
    for (const item of module.imports) {
      const value = resolve(item);
      const nothing = value === undefined || value === null;
      const binding = nothing || !this.#record ? undefined : this.#binding(item, value);
      if (nothing || (this.#record && binding === undefined)) {
        const why = nothing ? 'which nothing gives' : 'which is given a value of unknown origin';
        return failed(name, LINK_STATUS.unlinkable, unresolvedImport(name, item.module, item.name, why));
      }
      const namespace = values[item.module] ?? Object.create(null);
      namespace[item.name] = value as WebAssembly.ImportValue;
      values[item.module] = namespace;
      if (binding !== undefined) bindings.push(binding);
    }
    return { values, bindings };
  }

  /** By identity. A number, or an immutable global of one, is a constant. */
  #binding(item: Import, value: unknown): Binding | undefined {
    const entity = this.#registry.of(value) ?? this.#registry.givenTo(value);
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
    const base = wanted === undefined || wanted === '' ? `jit${this.#before + this.count + 1}` : wanted;
    let name = base;
    let n = this.#repeats.get(base) ?? 2;
    for (; this.#names.has(name); n++) name = `${base}#${n}`;
    // Guests give one name a hundred thousand times: the search goes on where it ended.
    this.#repeats.set(base, n);
    this.#names.add(name);
    return name;
  }
}

function failed(name: string, status: LinkStatus, error: LinkError | LimitError): LiveOutcome {
  return { name, status, error };
}

/** What a patch threw: the guest's affair, unless it is an exit or an error of the host. */
function trapped(name: string, error: unknown): LiveOutcome {
  if (error instanceof FreezeError || error instanceof WasiExit) throw error;
  const trap = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
  const message = trap ? error.message : plainMessage(error);
  return failed(name, LINK_STATUS.trapped, auxTrapped(name, message));
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
