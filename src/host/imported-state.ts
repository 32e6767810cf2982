/**
 * The memories, tables, globals and tags that a guest imports, while it runs. Its host gives them, or a
 * preloaded module; nobody but `freeze` gives the others. Memories and tables are then of the least size,
 * globals are zero or null; but where the imports are kept, an immutable global that can hold what is the
 * host's holds something that nobody else has: wherever it comes up again, that global is meant.
 */
import { importedTwice } from '../errors/driver.ts';
import { importedReference, importedState } from '../errors/unsupported.ts';
import type { EntityRef } from '../link/entity.ts';
import type { Probes } from '../link/instrument.ts';
import { type Constants, type ImportState, ownState, zeroOf } from '../link/keep-imports.ts';
import { encode, madeSpan } from '../wasm/encode.ts';
import { assemble, type Op } from '../wasm/instructions.ts';
import {
  EMPTY_MODULE,
  type Export,
  type ExportIndex,
  type ExternKind,
  type Global,
  type Import,
  type Module,
  type Table,
} from '../wasm/module.ts';
import { type GlobalType, isRef, type MemType, type TagIdx, type TypeIdx } from '../wasm/types.ts';
import { constantOp, holdsHosts, plainValue } from './constant.ts';
import { compileNow } from './engine.ts';
import { type Hosts, hosted } from './hosts.ts';
import { type Caps, capped } from './limits.ts';
import type { Registry } from './registry.ts';

/** How a guest gets the state that it imports; {@link Guest} knows no more of it. */
export interface StateImports {
  /** Finds or makes it all. Throws an UnsupportedError where there is nothing that something could start as. */
  readonly give: (module: Module, hosts: Hosts, caps: Caps) => GivenState;
  /** Takes stock when the instance is there. */
  readonly settle: (module: Module, given: GivenState, instance: Running) => Settled;
}

/** The instance that it was given to. */
export interface Running {
  readonly exports: WebAssembly.Exports;
  readonly probes: Probes;
  readonly registry: Registry;
}

export interface Settled {
  /** The module, with all that it imports but functions its own. Indices are the same. */
  readonly own: Module;
  /** The immutable globals, by index, that were given references of the host's. */
  readonly rebound: ReadonlyMap<number, Import>;
}

export function importing(mode: ImportState): StateImports {
  return {
    give: (module, hosts, caps) => giveState(module, hosts, mode, caps),
    settle: (module, given, instance) => {
      register(module, given, instance.registry);
      const constants = readConstants(module, given, mode, instance);
      return { own: ownState(module, constants), rebound: reboundGlobals(module, constants) };
    },
  };
}

export interface GivenState {
  /** What each import that is no function is given, by its place. */
  readonly values: ReadonlyMap<number, unknown>;
  /** What `freeze` itself gave of that. */
  readonly own: ReadonlySet<number>;
}

function giveState(module: Module, hosts: Hosts, mode: ImportState, caps: Caps): GivenState {
  const values = new Map<number, unknown>();
  const own = new Set<number>();
  module.imports.forEach((item, i) => {
    const { desc } = item;
    if (desc.kind === 'func') return;
    const value = hosted(hosts, item);
    if (value !== undefined) values.set(i, value);
    else if (mode === 'keep' && desc.kind === 'global' && canBeHosts(desc.type))
      values.set(i, stranger(item));
    else own.add(i);
    // Each has its place in the order of imports.
    if (own.has(i)) values.set(i, undefined);
  });
  const made = makeState(module, own, caps);
  for (const i of own) values.set(i, made[String(i)]);
  refuseTwice(module, values);
  return { values, own };
}

function canBeHosts({ val, mutable }: GlobalType): boolean {
  return !mutable && isRef(val) && holdsHosts(val);
}

/** An object that only this import has. */
function stranger({ module, name }: Import): object {
  return Object.freeze({ import: `${module}.${name}` });
}

/** The imports at these places, made as they say. JavaScript could not make all of them: a module does. */
function makeState(module: Module, places: ReadonlySet<number>, caps: Caps): WebAssembly.Exports {
  if (places.size === 0) return {};
  const mems: MemType[] = [];
  const tables: Table[] = [];
  const globals: Global[] = [];
  const tags: TypeIdx[] = [];
  const exports = [...places].map((i): Export => {
    const { desc, ...named } = module.imports[i] as Import;
    const name = String(i);
    const at = (length: number): ExportIndex => (length - 1) as TagIdx;
    if (desc.kind === 'mem') return { name, kind: 'mem', index: at(mems.push(desc.type)) };
    if (desc.kind === 'tag') return { name, kind: 'tag', index: at(tags.push(desc.type)) };
    if (desc.kind === 'table') {
      refuseNotNull(desc.type.ref.nullable, 'table', named);
      return { name, kind: 'table', index: at(tables.push({ type: desc.type, init: undefined })) };
    }
    if (desc.kind === 'func') throw new TypeError(`import ${i} is a function`);
    const zero = zeroOf(desc.type.val);
    refuseNotNull(zero !== undefined, 'global', named);
    const init = madeSpan(assemble(zero === undefined ? [] : [zero]), 'imported state');
    return { name, kind: 'global', index: at(globals.push({ type: desc.type, init })) };
  });
  const maker: Module = { ...EMPTY_MODULE, types: module.types, mems, tables, globals, tags, exports };
  return new WebAssembly.Instance(compileNow(encode(capped(maker, capsOf(module, places, caps))))).exports;
}

/** The caps of the memories and tables at these places. */
function capsOf(module: Module, places: ReadonlySet<number>, { pages, slots }: Caps): Caps {
  const made = (kind: 'mem' | 'table'): readonly boolean[] =>
    module.imports.flatMap(({ desc }, i) => (desc.kind === kind ? [places.has(i)] : []));
  const [mems, tables] = [made('mem'), made('table')];
  return { pages: pages.filter((_, i) => mems[i]), slots: slots.filter((_, i) => tables[i]) };
}

function refuseNotNull(
  canStart: boolean,
  kind: string,
  { module, name }: { readonly module: string; readonly name: string },
): void {
  if (!canStart) throw importedState(kind, module, name, 'which cannot start as null, and nobody gives it');
}

/** What two imports share would be two things in the output. */
function refuseTwice(module: Module, values: ReadonlyMap<number, unknown>): void {
  const seen = new Set<unknown>();
  for (const [i, value] of values) {
    const { module: from, name, desc } = module.imports[i] as Import;
    if (desc.kind === 'global' && !desc.type.mutable) continue;
    if (seen.has(value)) throw importedTwice(desc.kind === 'mem' ? 'memory' : desc.kind, from, name);
    seen.add(value);
  }
}

/** Who else imports it is linked to the guest's. */
function register(module: Module, { values }: GivenState, registry: Registry): void {
  const next: Record<ExternKind, number> = { func: 0, table: 0, mem: 0, global: 0, tag: 0 };
  for (const [i, value] of values) {
    const { desc } = module.imports[i] as Import;
    const entity = { instance: 0, kind: desc.kind, index: next[desc.kind]++ };
    if (desc.kind !== 'global' || desc.type.mutable) registry.add(value, entity);
  }
}

/**
 * What the immutable globals were given, as the instance has it. References of the host's can only be
 * kept: the registry knows them from here on.
 */
function readConstants(
  module: Module,
  { values, own }: GivenState,
  mode: ImportState,
  instance: Running,
): Constants {
  const constants = new Map<number, Op | 'rebound'>();
  let next = 0;
  module.imports.forEach((item, i) => {
    const { desc } = item;
    if (desc.kind !== 'global') return;
    const index = next++;
    if (desc.type.mutable || own.has(i)) return;
    const op = orNothing(() =>
      constantOp(instance.exports, instance.probes, desc.type.val, index, values.get(i)),
    );
    if (op === undefined && mode !== 'keep') throw importedReference(item.module, item.name);
    if (op === undefined) {
      const global: EntityRef = { instance: 0, kind: 'global', index };
      instance.registry.addGiven(
        orNothing(() => plainValue(values.get(i))),
        global,
      );
    }
    constants.set(i, op ?? 'rebound');
  });
  return constants;
}

/** Undefined for what JavaScript cannot hold. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** The imported globals, by index, that stay the host's. */
function reboundGlobals(module: Module, constants: Constants): ReadonlyMap<number, Import> {
  const places = module.imports.flatMap(({ desc }, i) => (desc.kind === 'global' ? [i] : []));
  return new Map(
    places.flatMap((i, index) =>
      constants.get(i) === 'rebound' ? [[index, module.imports[i] as Import] as const] : [],
    ),
  );
}
