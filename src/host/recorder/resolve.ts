/**
 * Resolving: every import of every recorded instance, by the identity of the value that it was
 * given. The guest's definitions, those of the other instances, and what JavaScript made are all
 * there is; a function of JavaScript's own stays an import, or is refused where live code needs it.
 */

import {
  badHandover,
  foreignState,
  hostFunction,
  importedTwice,
  unknownOrigin,
} from '../../errors/driver.ts';
import type { Adopted, Binding, EntityRef } from '../../link/entity.ts';
import type { Probes } from '../../link/instrument.ts';
import { type Given, internalize } from '../../link/internalize.ts';
import type { Kept } from '../../link/link.ts';
import { assemble } from '../../wasm/instructions.ts';
import { type ExternKind, type Import, type Module, spaces } from '../../wasm/module.ts';
import { type FuncType, type GlobalType, isRef, type TypeIdx } from '../../wasm/types.ts';
import { constantOp, holdsHosts, plainValue } from '../constant.ts';
import type { LiveAux } from '../live.ts';
import { Registry } from '../registry.ts';
import { hostState, zero } from './host-state.ts';
import { dispatcher, entriesOf, type FunctionMap, importedFunction, nameOf, tableOf } from './maps.ts';
import type { Recording } from './recording.ts';
import type { AnyFunction, InstanceRecord } from './records.ts';

/** A guest that JavaScript brought up, and everything that it was linked with. */
export interface Driven {
  readonly bytes: Uint8Array;
  /** The guest's module; what it imported but for functions is its own now. */
  readonly module: Module;
  readonly probes: Probes;
  readonly exports: WebAssembly.Exports;
  /** What it was given, by the names of its imports. */
  readonly imports: WebAssembly.Imports;
  readonly registry: Registry;
  readonly auxes: readonly LiveAux[];
  /** The instances that the driver's JavaScript made, but for the guest. */
  readonly instances: readonly InstanceRecord[];
  readonly forwards: ReadonlyMap<number, EntityRef>;
  /** The guest's immutable globals, by index, that were given objects of JavaScript: they stay imports. */
  readonly rebound: ReadonlyMap<number, Import>;
  readonly adopted: readonly Adopted[];
  readonly kept: readonly Kept[];
}

/** What the driver said of the host's side. */
export interface Handover {
  readonly hosts: ReadonlyMap<AnyFunction, { readonly module: string; readonly name: string }>;
  readonly kept: ReadonlyMap<string, unknown>;
  readonly maps: ReadonlyMap<string, FunctionMap>;
  readonly dispatches: ReadonlyMap<string, { readonly functions: FunctionMap; readonly id: number }>;
  /** Whether functions that the driver did not name are kept as well. */
  readonly keepHostFunctions: boolean;
}

export function resolve(recording: Recording, guest: InstanceRecord, handover: Handover): Driven {
  return new Resolver(recording, guest, handover).resolve();
}

const KIND_NAMES: Readonly<Record<ExternKind, string>> = {
  func: 'function',
  table: 'table',
  mem: 'memory',
  global: 'global',
  tag: 'tag',
};

class Resolver {
  readonly #recording: Recording;
  readonly #guest: InstanceRecord;
  readonly #handover: Handover;
  readonly #registry = new Registry();
  /** The guest's imports that are functions of JavaScript. */
  readonly #guestFuncs = new Map<unknown, { readonly index: number; readonly item: Import }[]>();
  readonly #hostNames = new Map<AnyFunction, { readonly module: string; readonly name: string }>();
  readonly #takenNames = new Set<string>();

  constructor(recording: Recording, guest: InstanceRecord, handover: Handover) {
    this.#recording = recording;
    this.#guest = guest;
    this.#handover = handover;
    for (const { module, name } of handover.hosts.values()) this.#takenNames.add(`${module}\0${name}`);
  }

  resolve(): Driven {
    const { made, exports, imports } = this.#guest;
    const { module, probes } = made;
    this.#collectGuestFunctions();
    const kept = new Map(this.#handover.kept);
    for (const [name, functions] of this.#handover.maps)
      kept.set(name, tableOf(this.#recording, `map("${name}")`, functions));
    const dispatched = this.#dispatchers();

    const records = this.#recording.instances.filter((one) => one !== this.#guest);
    const host = hostState(this.#recording.hostMade, (func, type) =>
      this.#hostBinding(undefined, func, showSignature(type)),
    );
    const defined = this.#definitions(records, host);
    const { given, adopted, forwards, rebound } = this.#guestImports(defined, host, records);
    const registry = this.#registry;
    adopted.forEach(({ value, guest }) => {
      registry.add(value, guest);
    });
    this.#register(registry, records, host, 'definitions');
    this.#register(registry, records, host, 'all');
    for (const [func, { record, check }] of dispatched) {
      check();
      forwards.set(func, { instance: records.indexOf(record) + 1, kind: 'func', index: 0 });
    }
    const names = new Set(host === undefined ? [] : [host.name]);
    const auxes = records.map((record) => this.#aux(record, uniqueName(record.name, names)));
    // Modules that are linked later find them by name, at the type of the guest's import.
    for (const [func, [first]] of this.#guestFuncs) {
      if (first !== undefined) registry.add(func, { instance: 0, kind: 'func', index: first.index });
    }
    return {
      bytes: made.bytes,
      module: internalize(module, given),
      probes,
      exports,
      imports: importObject(module, imports),
      registry,
      instances: records,
      auxes: host === undefined ? auxes : [...auxes, host],
      forwards,
      rebound,
      adopted,
      kept: [...kept].map(([name, value]) => ({ name, entity: this.#keptEntity(name, value) })),
    };
  }

  #collectGuestFunctions(): void {
    const { made, imports } = this.#guest;
    let index = 0;
    made.module.imports.forEach((item, i) => {
      if (item.desc.kind !== 'func') return;
      const known = this.#guestFuncs.get(imports[i]) ?? [];
      known.push({ index: index++, item });
      this.#guestFuncs.set(imports[i], known);
    });
  }

  /** A module for each import that calls by id; `check` wants to know who defines what. */
  #dispatchers(): ReadonlyMap<number, { readonly record: InstanceRecord; readonly check: () => void }> {
    const { module } = this.#guest.made;
    const found = new Map<number, { readonly record: InstanceRecord; readonly check: () => void }>();
    for (const [name, { functions, id }] of this.#handover.dispatches) {
      const func = importedFunction(module, 'dispatch', name);
      const table = tableOf(this.#recording, `dispatch("${name}")`, functions);
      const { record, callee } = dispatcher(this.#recording, module, func, table, id);
      const check = (): void => {
        this.#checkTypes(name, functions, showSignature(callee));
      };
      found.set(func, { record, check });
    }
    return found;
  }

  /** A function of another type would trap where JavaScript converted. */
  #checkTypes(name: string, functions: FunctionMap, wanted: string): void {
    const instances = [this.#guest, ...this.#recording.instances.filter((one) => one !== this.#guest)];
    for (const [id, func] of entriesOf(functions)) {
      const entity = this.#registry.of(func);
      const module = entity && instances[entity.instance]?.made.module;
      const type = module && spaces(module).funcs[entity.index];
      if (module === undefined || type === undefined || typeKey(module, type, name) === wanted) continue;
      throw badHandover(
        `dispatch("${name}")`,
        `the id ${String(id)} stands for a function of another type than the import without its id`,
      );
    }
  }

  #register(
    registry: Registry,
    records: readonly InstanceRecord[],
    host: LiveAux | undefined,
    which: 'all' | 'definitions',
  ): void {
    const add = ({ made, exports }: InstanceRecord, instance: number): void => {
      registry.addInstance(instance, made.module, made.probes, exports, which);
    };
    add(this.#guest, 0);
    records.forEach((record, i) => {
      add(record, i + 1);
    });
    // The module that defines what JavaScript made imports functions only, and those are known by it.
    if (host !== undefined)
      registry.addInstance(records.length + 1, host.module, host.probes, host.instance.exports);
  }

  /** Who defines what, before the guest adopts some of it. */
  #definitions(records: readonly InstanceRecord[], host: LiveAux | undefined): Registry {
    const defined = new Registry();
    this.#register(defined, records, host, 'definitions');
    return defined;
  }

  // ---- the guest's imports ---------------------------------------------------------------------

  #guestImports(
    defined: Registry,
    host: LiveAux | undefined,
    records: readonly InstanceRecord[],
  ): {
    readonly given: readonly Given[];
    readonly adopted: readonly (Adopted & { readonly value: unknown })[];
    readonly forwards: Map<number, EntityRef>;
    readonly rebound: ReadonlyMap<number, Import>;
  } {
    const { made, imports } = this.#guest;
    const adopted: (Adopted & { readonly value: unknown })[] = [];
    const forwards = new Map<number, EntityRef>();
    const rebound = new Map<number, Import>();
    const next: Record<ExternKind, number> = { func: 0, table: 0, mem: 0, global: 0, tag: 0 };
    const given = made.module.imports.map((item, i): Given => {
      const { desc } = item;
      const value = imports[i];
      const index = next[desc.kind]++;
      const entity = defined.of(value);
      if (desc.kind === 'func') {
        if (entity !== undefined) forwards.set(index, entity);
        return {};
      }
      if (desc.kind === 'global' && !desc.type.mutable) {
        const init = this.#constant(this.#guest, desc.type, index, value);
        if (init !== undefined) return { init };
        if (!isRef(desc.type.val) || !holdsHosts(desc.type.val))
          throw foreignState('global', item.module, item.name);
        rebound.set(index, item);
        this.#registry.addGiven(plainValue(value), { instance: 0, kind: 'global', index });
        return { rebound: true };
      }
      if (entity === undefined || entity.kind !== desc.kind)
        throw foreignState(KIND_NAMES[desc.kind], item.module, item.name);
      const known = adopted.find((one) => one.value === value);
      if (known !== undefined && (desc.kind === 'mem' || desc.kind === 'table'))
        throw importedTwice(KIND_NAMES[desc.kind], item.module, item.name);
      if (known === undefined)
        adopted.push({ value, entity, guest: { instance: 0, kind: desc.kind, index } });
      const alias = known === undefined ? {} : { alias: known.guest.index };
      if (desc.kind === 'global') return { ...alias, init: assemble([zero(desc.type.val)]).subarray(0, -1) };
      const owner = records[entity.instance - 1]?.made.module ?? host?.module;
      return owner === undefined ? alias : { ...alias, ...limitsOf(owner, entity) };
    });
    return { given, adopted, forwards, rebound };
  }

  // ---- auxiliary modules -----------------------------------------------------------------------

  #aux(record: InstanceRecord, name: string): LiveAux {
    const { made, exports, imports } = record;
    const next: Record<ExternKind, number> = { func: 0, table: 0, mem: 0, global: 0, tag: 0 };
    const bindings = made.module.imports.map((item, i) =>
      this.#binding(record, name, item, next[item.desc.kind]++, imports[i]),
    );
    const { module, probes, bytes } = made;
    return { name, module, bindings, instance: { exports }, probes, size: bytes.length, bytes };
  }

  #binding(record: InstanceRecord, aux: string, item: Import, index: number, value: unknown): Binding {
    const { desc } = item;
    const unknown = (what: string): Binding => ({
      kind: 'unknown',
      refuse: (place) => unknownOrigin(aux, item, what, place),
    });
    if (desc.kind === 'global' && !desc.type.mutable) {
      const code = this.#constant(record, desc.type, index, value);
      if (code !== undefined) return { kind: 'constant', code };
      const plain = plainValue(value);
      const given = this.#registry.givenTo(plain);
      if (given !== undefined) return { kind: 'entity', entity: given };
      const func = this.#registry.of(plain);
      return func === undefined ? unknown('a global') : { kind: 'ref', entity: func };
    }
    const entity = this.#registry.of(value);
    if (entity !== undefined && entity.kind === desc.kind) return { kind: 'entity', entity };
    if (desc.kind !== 'func' || typeof value !== 'function') return unknown(`a ${KIND_NAMES[desc.kind]}`);
    const type = typeKey(record.made.module, desc.type, aux);
    const same = this.#guestFuncs
      .get(value)
      ?.find(
        (one) =>
          one.item.desc.kind === 'func' && typeKey(this.#guest.made.module, one.item.desc.type, '') === type,
      );
    if (same !== undefined)
      return { kind: 'entity', entity: { instance: 0, kind: 'func', index: same.index } };
    return this.#hostBinding({ aux, module: item.module, name: item.name }, value, type);
  }

  /** A function of JavaScript that the guest does not import at this type. */
  #hostBinding(
    given: { readonly aux: string; readonly module: string; readonly name: string } | undefined,
    func: AnyFunction,
    type: string,
  ): Binding {
    const name =
      this.#handover.hosts.get(func) ?? this.#guestFuncs.get(func)?.[0]?.item ?? this.#keptName(func);
    if (name !== undefined) return { kind: 'host', module: name.module, name: name.name, type };
    return { kind: 'unknown', refuse: (place) => hostFunction(given, nameOf(func), place) };
  }

  /** Where all functions are kept: one name for each, made from its own. */
  #keptName(func: AnyFunction): { readonly module: string; readonly name: string } | undefined {
    if (!this.#handover.keepHostFunctions) return undefined;
    const known = this.#hostNames.get(func);
    if (known !== undefined) return known;
    const base = func.name === '' ? 'f' : func.name;
    let name = base;
    for (let n = 2; this.#takenNames.has(`host\0${name}`); n++) name = `${base}#${n}`;
    this.#takenNames.add(`host\0${name}`);
    const made = { module: 'host', name };
    this.#hostNames.set(func, made);
    return made;
  }

  /** The value of an immutable global that an instance imports, as a constant; undefined for what is none. */
  #constant(record: InstanceRecord, type: GlobalType, index: number, value: unknown): Uint8Array | undefined {
    const op = constantOp(record.exports, record.made.probes, type.val, index, value);
    // The index of a type is that of its own module.
    if (op === undefined || (isRef(type.val) && typeof type.val.heap === 'number')) return undefined;
    return assemble([op]).subarray(0, -1);
  }

  #keptEntity(name: string, value: unknown): EntityRef {
    const entity = this.#registry.of(value);
    if (entity !== undefined) return entity;
    const what =
      typeof value === 'function' ? `the JavaScript function ${nameOf(value)}` : `a ${typeof value}`;
    throw badHandover(
      `keep("${name}")`,
      `${what} is neither an export of a recorded instance nor made while the driver ran`,
    );
  }
}

/** The limits that whoever defines a memory or a table gave it. */
function limitsOf(owner: Module, { kind, index }: EntityRef): Given {
  const all = spaces(owner);
  if (kind === 'mem') return { limits: { max: all.mems[index]?.max } };
  return kind === 'table' ? { limits: { max: all.tables[index]?.limits.max } } : {};
}

/** Names stand before the names of functions, so no two modules share one. */
function uniqueName(base: string, taken: Set<string>): string {
  let name = base;
  for (let n = 2; taken.has(name); n++) name = `${base}#${n}`;
  taken.add(name);
  return name;
}

/** A function type as text, the same for the same types of two modules; types that refer to others are each their own. */
function typeKey(module: Module, type: TypeIdx, whose: string): string {
  const comp = spaces(module).types[type]?.comp;
  const key = comp?.kind === 'func' ? showSignature(comp) : '';
  return /"heap":\d/.test(key) ? `${key} ${whose} ${type}` : key;
}

function showSignature({ params, results }: FuncType): string {
  return JSON.stringify([params, results]);
}

function importObject(module: Module, values: readonly unknown[]): WebAssembly.Imports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = Object.create(null);
  module.imports.forEach((item, i) => {
    const namespace = imports[item.module] ?? Object.create(null);
    namespace[item.name] = values[i] as WebAssembly.ImportValue;
    imports[item.module] = namespace;
  });
  return imports;
}
