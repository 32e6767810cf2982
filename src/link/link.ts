/**
 * Static linking: the types, functions, tables, memories, globals, tags, passive segments and names
 * of auxiliary modules become the guest's own. The guest's indices stay (but for its functions,
 * where an import comes in or goes); the auxiliary ones are mapped.
 *
 * Active segments and start functions of auxiliary modules have run live: they are not taken over.
 * What they did is in the snapshot, which `bake` writes into the module that comes out of here.
 */
import { madeSpan, spanBytes } from '../wasm/encode.ts';
import { assemble, assembleBody, type Op, readExpr } from '../wasm/instructions.ts';
import {
  type Body,
  type Data,
  type Elem,
  type Export,
  type ExportIndex,
  type ExternKind,
  type Global,
  type Import,
  type Module,
  spaces,
  type Table,
} from '../wasm/module.ts';
import {
  type FuncIdx,
  type GlobalType,
  isRef,
  type MemType,
  mapRefType,
  mapValType,
  type TypeIdx,
  type ValType,
} from '../wasm/types.ts';
import type { Adopted, Aux, Binding, EntityRef } from './entity.ts';
import { addHints, BRANCH_HINTS, type FunctionHints, type Place, placedHints } from './hints.ts';
import { mergeNames } from './names.ts';
import { type Held, hostKey, type LiveParts, Owners, reach } from './reach.ts';
import { GONE, type IndexMap, type Maps, mapIndex, relocateBody, relocateExpr } from './relocate.ts';
import { changeImports } from './renumber.ts';
import { TypePool } from './types.ts';

export interface LinkInput {
  readonly guest: Module;
  /** In the order in which they were linked live. */
  readonly auxes: readonly Aux[];
  readonly held: Held;
  /** Imported functions of the guest that become functions of the output, by funcidx. */
  readonly stubs?: ReadonlyMap<number, Body>;
  /** Imported functions of the guest that are functions of auxiliary modules, by funcidx. */
  readonly forwards?: ReadonlyMap<number, EntityRef>;
  /** What auxiliary modules define and the guest imported, `internalize`d since. */
  readonly adopted?: readonly Adopted[];
  /** What the output exports beside the guest's exports. */
  readonly kept?: readonly Kept[];
}

/** How a guest is tied to what its host's JavaScript made. */
export type GuestLinks = Pick<LinkInput, 'forwards' | 'adopted' | 'kept'>;

export interface Kept {
  readonly name: string;
  readonly entity: EntityRef;
}

export interface Linked {
  readonly module: Module;
  /** Where an entity of the guest or of an auxiliary module is now; undefined where it has gone. */
  readonly indexOf: (entity: EntityRef) => number | undefined;
  /** Which entity each index of the output is. */
  readonly origin: Readonly<Record<'table' | 'mem' | 'global', readonly EntityRef[]>>;
  /** Which instance and segment each segment of the output is. */
  readonly elems: readonly SegmentRef[];
  readonly datas: readonly SegmentRef[];
  /** Where the functions of each auxiliary module are, those of which some are left. */
  readonly auxFunctions: readonly FunctionRange[];
  readonly stats: LinkStats;
}

export interface FunctionRange {
  readonly name: string;
  readonly first: number;
  readonly count: number;
}

export interface SegmentRef {
  readonly instance: number;
  readonly index: number;
}

export interface LinkStats {
  /** Functions of auxiliary modules that are part of the output, and their bytes. */
  readonly functions: number;
  readonly codeBytes: number;
  /** Functions that nothing reaches: patches that have run, code whose slots were used again. */
  readonly unreached: number;
  readonly typesAdded: number;
  readonly importsAdded: number;
}

export function link(input: LinkInput): Linked {
  const { guest, auxes, held, forwards = new Map(), adopted = [], kept = [] } = input;
  const owners = new Owners(auxes, adopted);
  const roots = [...forwards.values(), ...kept.map(({ entity }) => entity)];
  const live = reach(guest, auxes, owners, held, roots);
  const added = hostImports(auxes, live.hosts);
  const pool = new TypePool(guest.types);
  const typeMaps = auxes.map((aux) => pool.add(aux.module.types));
  const imports = added.map(({ item, instance }) => retyped(item, typeMaps[instance - 1] as IndexMap));
  const stubs = new Map(input.stubs);
  for (const func of forwards.keys()) stubs.set(func, PENDING);
  const renumbered = changeImports(guest, { added: imports, stubs });

  const out = new Output(renumbered.module, renumbered.func, owners, pool);
  added.forEach(({ key }, i) => {
    out.hostFuncs.set(key, renumbered.added[i] as FuncIdx);
  });
  // Indices first, then code: a function may name one that comes later.
  auxes.forEach((aux, i) => {
    out.place(i + 1, aux, live.parts[i] as LiveParts);
  });
  for (const [func, target] of forwards) out.forward(func, target);
  auxes.forEach((aux, i) => {
    out.append(i + 1, aux, live.parts[i] as LiveParts, typeMaps[i] as IndexMap, held);
  });
  return out.finish(auxes, live.parts, kept, {
    typesAdded: pool.recs.length - guest.types.length,
    importsAdded: imports.length,
  });
}

/** The body of a forward, until its target has an index. */
const PENDING: Body = madeSpan(assembleBody([['unreachable']]), 'forward');

interface HostImport {
  readonly key: string;
  readonly item: Import;
  readonly instance: number;
}

/** Functions of the host that live code calls and that the guest does not import, each once. */
function hostImports(auxes: readonly Aux[], live: ReadonlySet<string>): readonly HostImport[] {
  const found = new Map<string, HostImport>();
  auxes.forEach((aux, i) => {
    aux.module.imports.forEach((item, position) => {
      const binding = aux.bindings[position];
      if (binding?.kind !== 'host' || item.desc.kind !== 'func') return;
      const key = hostKey(binding);
      if (live.has(key) && !found.has(key)) {
        const { module, name } = binding;
        found.set(key, { key, item: { ...item, module, name }, instance: i + 1 });
      }
    });
  });
  return [...found.values()];
}

function retyped(item: Import, types: IndexMap): Import {
  if (item.desc.kind !== 'func') return item;
  return { ...item, desc: { kind: 'func', type: types[item.desc.type] as TypeIdx } };
}

class Output {
  readonly hostFuncs = new Map<string, FuncIdx>();
  readonly #guest: Module;
  readonly #guestFunc: IndexMap | undefined;
  readonly #owners: Owners;
  readonly #pool: TypePool;
  readonly #funcs: TypeIdx[];
  readonly #codes: Body[];
  readonly #tables: Table[];
  readonly #mems: MemType[];
  readonly #globals: Global[];
  readonly #tags: TypeIdx[];
  readonly #elems: Elem[];
  readonly #datas: Data[];
  readonly #origin: Record<'table' | 'mem' | 'global', EntityRef[]>;
  readonly #elemOrigin: SegmentRef[];
  readonly #dataOrigin: SegmentRef[];
  readonly #next: Record<ExternKind, number>;
  readonly #auxFunctions: FunctionRange[] = [];
  readonly #hints: FunctionHints[] = [];
  /** For each auxiliary module: its own index → the output's, definitions only; GONE otherwise. */
  readonly #placed: Record<ExternKind, IndexMap>[] = [];

  constructor(guest: Module, guestFunc: IndexMap | undefined, owners: Owners, pool: TypePool) {
    const all = spaces(guest);
    const own = (kind: ExternKind, count: number): EntityRef[] =>
      Array.from({ length: count }, (_, index) => ({ instance: 0, kind, index }));
    const segments = (count: number): SegmentRef[] =>
      Array.from({ length: count }, (_, index) => ({ instance: 0, index }));
    this.#guest = guest;
    this.#guestFunc = guestFunc;
    this.#owners = owners;
    this.#pool = pool;
    this.#funcs = [...guest.funcs];
    this.#codes = [...guest.codes];
    this.#tables = [...guest.tables];
    this.#mems = [...guest.mems];
    this.#globals = [...guest.globals];
    this.#tags = [...guest.tags];
    this.#elems = [...guest.elems];
    this.#datas = [...guest.datas];
    this.#origin = {
      table: own('table', all.tables.length),
      mem: own('mem', all.mems.length),
      global: own('global', all.globals.length),
    };
    this.#elemOrigin = segments(guest.elems.length);
    this.#dataOrigin = segments(guest.datas.length);
    this.#next = {
      func: all.funcs.length,
      table: all.tables.length,
      mem: all.mems.length,
      global: all.globals.length,
      tag: all.tags.length,
    };
  }

  /** Gives every live definition of a module its index. */
  place(instance: number, aux: Aux, live: LiveParts): void {
    const { imported } = spaces(aux.module);
    const map = (kind: ExternKind): IndexMap => {
      const flags = live[kind];
      const placed = new Uint32Array(flags.length).fill(GONE);
      for (let index = imported[kind]; index < flags.length; index++) {
        if (flags[index] !== 1) continue;
        placed[index] = this.#next[kind]++;
        if (kind === 'table' || kind === 'mem' || kind === 'global')
          this.#origin[kind].push({ instance, kind, index });
      }
      return placed;
    };
    const first = this.#next.func;
    this.#placed[instance] = {
      func: map('func'),
      table: map('table'),
      mem: map('mem'),
      global: map('global'),
      tag: map('tag'),
    };
    const count = this.#next.func - first;
    if (count > 0) this.#auxFunctions.push({ name: aux.name, first, count });
  }

  /** An imported function of the guest that calls one of an auxiliary module. */
  forward(func: number, target: EntityRef): void {
    const { funcs, types, imported } = spaces(this.#guest);
    const at = this.indexOf({ instance: 0, kind: 'func', index: func }) as number;
    const comp = types[funcs[at] as TypeIdx]?.comp;
    const callee = this.indexOf(target);
    if (comp?.kind !== 'func' || callee === undefined) throw new TypeError(`import ${func} leads nowhere`);
    const params = comp.params.map((_, i): Op => ['local.get', i]);
    this.#codes[at - imported.func] = madeSpan(assembleBody([...params, ['call', callee]]), 'forward');
  }

  indexOf(entity: EntityRef): number | undefined {
    const owner = this.#owners.owner(entity);
    if (!('instance' in owner)) {
      if (owner.kind === 'host') return this.hostFuncs.get(hostKey(owner));
      return undefined;
    }
    if (owner.instance === 0)
      return owner.kind === 'func' ? (this.#guestFunc?.[owner.index] ?? owner.index) : owner.index;
    const index = this.#placed[owner.instance]?.[owner.kind][owner.index];
    return index === GONE ? undefined : index;
  }

  /** What `global.get` of an imported constant of this type becomes. */
  #constant(binding: Binding, type: ValType): Uint8Array | undefined {
    if (binding.kind === 'constant') return binding.code;
    if (binding.kind !== 'ref' || !isRef(type)) return undefined;
    const func = binding.entity && this.indexOf(binding.entity);
    const code =
      func === undefined ? assemble([['ref.null', { heap: type.heap }]]) : assemble([['ref.func', func]]);
    return code.subarray(0, -1);
  }

  /**
   * What `global.get` of an immutable global becomes whose initializer is one instruction. In code it
   * could stay; constant expressions may name imported globals only, but where the engine has GC.
   */
  #initial(global: EntityRef): Uint8Array | undefined {
    const index = this.indexOf(global);
    if (index === undefined) return undefined;
    const found = this.#globals[index - spaces(this.#guest).imported.global];
    if (found === undefined || found.type.mutable) return undefined;
    const [first, second] = readExpr(found.init);
    if (first === undefined || second?.row.name !== 'end' || first.row.name === 'global.get')
      return undefined;
    return spanBytes(found.init).subarray(0, -1);
  }

  #maps(instance: number, types: IndexMap, elem: IndexMap, data: IndexMap): Maps {
    const placed = this.#placed[instance] as Record<ExternKind, IndexMap>;
    const whole = (kind: ExternKind): IndexMap => {
      const map = placed[kind].slice();
      this.#owners.imports(instance, kind).forEach((_, index) => {
        map[index] = this.indexOf({ instance, kind, index }) ?? GONE;
      });
      for (const { entity, guest } of this.#owners.adoptedFrom(instance, kind))
        map[entity.index] = guest.index;
      return map;
    };
    const constants = new Map<number, Uint8Array>();
    const { globals } = spaces(this.#owners.aux(instance).module);
    const type = (index: TypeIdx): TypeIdx => types[index] as TypeIdx;
    this.#owners.imports(instance, 'global').forEach((_, index) => {
      const owner = this.#owners.owner({ instance, kind: 'global', index });
      const val = mapValType((globals[index] as GlobalType).val, type);
      const code = 'instance' in owner ? this.#initial(owner) : this.#constant(owner, val);
      if (code !== undefined) constants.set(index, code);
    });
    return {
      type: types,
      func: whole('func'),
      table: whole('table'),
      mem: whole('mem'),
      global: whole('global'),
      tag: whole('tag'),
      elem,
      data,
      constants,
    };
  }

  /** Appends the live definitions of a module, relocated. */
  append(instance: number, aux: Aux, live: LiveParts, types: IndexMap, held: Held): void {
    const { module } = aux;
    const { imported } = spaces(module);
    const elem = this.#segmentMap(live.elem, this.#elems.length);
    const data = this.#segmentMap(live.data, this.#datas.length);
    const maps = this.#maps(instance, types, elem, data);
    const type = (index: TypeIdx): TypeIdx => mapIndex(maps, 'type', index, aux.name) as TypeIdx;
    const alive = (kind: ExternKind, position: number): boolean =>
      live[kind][imported[kind] + position] === 1;

    module.codes.forEach((body, i) => {
      if (!alive('func', i)) return;
      this.#funcs.push(type(module.funcs[i] as TypeIdx));
      this.#codes.push(relocateBody({ ...body, label: `code of ${aux.name}` }, maps));
    });
    this.#hint(instance, module);
    module.tables.forEach((table, i) => {
      if (!alive('table', i)) return;
      this.#tables.push({
        type: { ...table.type, ref: mapRefType(table.type.ref, type) },
        init: table.init && relocateExpr(table.init, maps),
      });
    });
    module.mems.forEach((mem, i) => {
      if (alive('mem', i)) this.#mems.push(mem);
    });
    module.globals.forEach((global, i) => {
      if (!alive('global', i)) return;
      this.#globals.push({
        type: { ...global.type, val: mapValType(global.type.val, type) },
        init: relocateExpr(global.init, maps),
      });
    });
    module.tags.forEach((tag, i) => {
      if (alive('tag', i)) this.#tags.push(type(tag));
    });
    module.elems.forEach((segment, index) => {
      if (live.elem[index] !== 1) return;
      const gone = held.droppedElem(instance, index);
      this.#elems.push(relocateElem(segment, maps, type, gone));
      this.#elemOrigin.push({ instance, index });
    });
    module.datas.forEach((segment, index) => {
      if (live.data[index] !== 1) return;
      this.#datas.push(held.droppedData(instance, index) ? EMPTY_DATA : { ...PASSIVE, bytes: segment.bytes });
      this.#dataOrigin.push({ instance, index });
    });
  }

  /** Takes over the branch hints of functions that were appended. */
  #hint(instance: number, module: Module): void {
    const hints = module.customs.find((custom) => custom.name === BRANCH_HINTS);
    if (hints === undefined) return;
    const first = spaces(module).imported.func;
    const place = (index: number): Place | undefined => {
      const func = this.#placed[instance]?.func[index] ?? GONE;
      const [before, after] = [
        module.codes[index - first],
        this.#codes[func - spaces(this.#guest).imported.func],
      ];
      return before && after && { func, before, after };
    };
    this.#hints.push(...placedHints(hints.bytes, place));
  }

  #segmentMap(flags: Uint8Array, first: number): IndexMap {
    let next = first;
    return Uint32Array.from(flags, (flag) => (flag === 1 ? next++ : GONE));
  }

  #export({ name, entity }: Kept): Export {
    const index = this.indexOf(entity);
    if (index === undefined) throw new TypeError(`what is exported as ${name} was not linked`);
    return { name, kind: entity.kind, index: index as ExportIndex };
  }

  finish(
    auxes: readonly Aux[],
    live: readonly LiveParts[],
    kept: readonly Kept[],
    added: { typesAdded: number; importsAdded: number },
  ): Linked {
    const guest = this.#guest;
    const guestFuncs = guest.codes.length;
    const same = <T>(items: readonly T[], before: readonly T[]): readonly T[] =>
      items.length === before.length ? before : items;
    const datas = same(this.#datas, guest.datas);
    const linked: Module = {
      ...guest,
      types: same(this.#pool.recs, guest.types),
      funcs: same(this.#funcs, guest.funcs),
      codes: same(this.#codes, guest.codes),
      tables: same(this.#tables, guest.tables),
      mems: same(this.#mems, guest.mems),
      globals: same(this.#globals, guest.globals),
      tags: same(this.#tags, guest.tags),
      elems: same(this.#elems, guest.elems),
      exports:
        kept.length === 0 ? guest.exports : [...guest.exports, ...kept.map((one) => this.#export(one))],
      datas,
      dataCount: datas === guest.datas ? guest.dataCount : { count: datas.length },
      customs: addHints(guest.customs, this.#hints),
    };
    const functions = this.#codes.length - guestFuncs;
    const all = auxes.reduce((sum, aux) => sum + aux.module.codes.length, 0);
    return {
      module: mergeNames(linked, auxes, live, (entity) => this.indexOf(entity)),
      indexOf: (entity) => this.indexOf(entity),
      origin: this.#origin,
      elems: this.#elemOrigin,
      datas: this.#dataOrigin,
      auxFunctions: this.#auxFunctions,
      stats: {
        functions,
        codeBytes: this.#codes.slice(guestFuncs).reduce((sum, body) => sum + body.end - body.start, 0),
        unreached: all - functions,
        ...added,
      },
    };
  }
}

function relocateElem(segment: Elem, maps: Maps, type: (index: TypeIdx) => TypeIdx, gone: boolean): Elem {
  const ref = mapRefType(segment.type, type);
  const mode = { kind: 'passive' } as const;
  if (segment.items.kind === 'funcs') {
    const funcs = gone
      ? []
      : segment.items.funcs.map((func) => mapIndex(maps, 'func', func, 'element section') as FuncIdx);
    return { mode, type: ref, items: { kind: 'funcs', funcs } };
  }
  const exprs = gone ? [] : segment.items.exprs.map((expr) => relocateExpr(expr, maps));
  return { mode, type: ref, items: { kind: 'exprs', exprs } };
}

/** A segment of which nothing is left: as after `elem.drop`. */
export function emptyElem(segment: Elem): Elem {
  return {
    mode: { kind: 'passive' },
    type: segment.type,
    items: segment.items.kind === 'funcs' ? { kind: 'funcs', funcs: [] } : { kind: 'exprs', exprs: [] },
  };
}

const PASSIVE = { mode: { kind: 'passive' } } as const;
export const EMPTY_DATA: Data = { ...PASSIVE, bytes: new Uint8Array(0) };
