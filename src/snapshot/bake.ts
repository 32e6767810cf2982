/**
 * Baking: the state sections of a linked module are rewritten from the snapshot. Memories and tables
 * start at the size they had grown to, mutable globals start as constants, segments write what was
 * there, and nothing runs at instantiation any more.
 *
 * https://webassembly.github.io/spec/core/exec/modules.html#instantiation
 */
import { namedSegments } from '../link/code-search.ts';
import { declaredFunctions, declareFunctions } from '../link/declare.ts';
import type { EntityRef } from '../link/entity.ts';
import { EMPTY_DATA, emptyElem, type Linked, type SegmentRef } from '../link/link.ts';
import { madeSpan } from '../wasm/encode.ts';
import { assemble, type Op } from '../wasm/instructions.ts';
import {
  type ConstExpr,
  type CustomSection,
  type Data,
  type Elem,
  type Global,
  type Module,
  spaces,
  type Table,
} from '../wasm/module.ts';
import type { FuncIdx, GlobalType, MemIdx, MemType, RefType, TableIdx } from '../wasm/types.ts';
import { isRef } from '../wasm/types.ts';
import { dataSegments } from './pieces.ts';
import { nonZeroRuns, type Runs } from './runs.ts';
import { bigFirst, chooseSegments } from './segments.ts';
import type { GlobalState, RefValue, Snapshot, TableState } from './state.ts';

/**
 * Engines take 100,000 (https://webassembly.github.io/spec/js-api/#limits). What comes after, an adapter of
 * components or another tool, may add some: a module at the limit, as Go makes them, is one that nobody can touch.
 */
const MAX_SEGMENTS = 95_000;

/**
 * So many segments cost an engine nothing to speak of: among them only bytes count. Wizer makes 10,000 at most,
 * and among equal gaps may be luckier in which it closes, by a few bytes: the others save more than that.
 * A module that came with more of them is not to grow by being frozen: there, bytes count for all.
 */
const FREE_SEGMENTS = 11_000;

export interface BakeStats {
  readonly segments: number;
  /** Bytes in them, and bytes of the memories they fill. */
  readonly segmentBytes: number;
  readonly memoryBytes: number;
  readonly tableSlots: number;
}

export interface Baked {
  readonly module: Module;
  readonly stats: BakeStats;
}

export function bake(linked: Linked, snapshot: Snapshot): Baked {
  const { module } = linked;
  const memories = bakeMemories(linked, snapshot);
  const datas = placeDatas(linked, snapshot, memories.datas);
  const tables = bakeTables(linked, snapshot);
  const baked: Module = {
    ...module,
    mems: memories.mems,
    tables: tables.tables,
    globals: bakeGlobals(linked, snapshot),
    start: undefined,
    elems: placeElems(linked, snapshot, tables.elems),
    datas,
    dataCount: module.dataCount && { count: datas.length },
    customs: behindDatas(module, datas),
  };
  return {
    module: declareFunctions(baked, { declared: declaredFunctions(module), codes: guestCodes(linked) }),
    stats: {
      segments: memories.datas.length,
      segmentBytes: memories.written,
      memoryBytes: memories.bytes,
      tableSlots: tables.slots,
    },
  };
}

function constExpr(...ops: readonly Op[]): ConstExpr {
  return madeSpan(assemble(ops), 'snapshot');
}

function address(type: 'i32' | 'i64', value: number): ConstExpr {
  return type === 'i64' ? constExpr(['i64.const', BigInt(value)]) : constExpr(['i32.const', value | 0]);
}

// ---- memories ----------------------------------------------------------------------------------

interface BakedMemories {
  readonly mems: readonly MemType[];
  readonly datas: readonly Data[];
  /** Bytes of the memories, and of them in segments. */
  readonly bytes: number;
  readonly written: number;
}

function bakeMemories(linked: Linked, snapshot: Snapshot): BakedMemories {
  const { module, origin } = linked;
  const imported = spaces(module).imported.mem;
  const mems: MemType[] = [];
  const states = module.mems.map((type, position) => {
    const mem = imported + position;
    const { instance, index } = origin.mem[mem] as EntityRef;
    const state = snapshot.instances[instance]?.memories.get(index);
    if (state === undefined)
      throw new TypeError(`the snapshot lacks memory ${index} of instance ${instance}`);
    mems.push({ ...type, min: state.pages });
    return { mem: mem as MemIdx, type, bytes: state.bytes, runs: state.runs ?? nonZeroRuns(state.bytes) };
  });
  // Those that stay count against the limit too.
  const room = Math.max(MAX_SEGMENTS - module.datas.filter(isPassive).length, states.length);
  const free = module.datas.length > FREE_SEGMENTS ? room : FREE_SEGMENTS;
  const chosen = chooseSegments(states, room, free);
  const pieces = states.map(({ mem, type, bytes }, i) => {
    return { mem, address: type.address, bytes, segments: bigFirst(chosen[i] as Runs) };
  });
  return {
    mems,
    datas: dataSegments(pieces),
    bytes: states.reduce((sum, state) => sum + state.bytes.length, 0),
    written: pieces.reduce((sum, { segments }) => sum + segments.size(), 0),
  };
}

/** Where CustomSection says that it is: behind the code, behind the data. */
const CODE = 10;
const DATA = 11;

/** Behind code that was the last section stand, above all, names; and these are to come behind the data. */
function behindDatas(module: Module, datas: readonly Data[]): readonly CustomSection[] {
  if (module.datas.length > 0 || datas.length === 0) return module.customs;
  return module.customs.map((custom) => (custom.after === CODE ? { ...custom, after: DATA } : custom));
}

// ---- segments that code names ------------------------------------------------------------------

function isPassive({ mode }: Data | Elem): boolean {
  return mode.kind === 'passive';
}

/**
 * Segments in their places. Code names segments by index: one that is still there stays where it is,
 * and in the place of one that was dropped anything may stand that instantiation drops, which is what
 * it does with active segments. So those that write the state fill these places, and only where they
 * do not suffice, or do not fit, an empty one stands. Behind the last one that code names, and where
 * it names none, nothing has a place.
 */
function place<T>(made: readonly T[], old: Places<T>): readonly T[] {
  let fit = 0;
  while (fit < old.segments.length && !old.alive(fit)) {
    const next = made[fit];
    if (next === undefined || !old.fits(fit, next)) break;
    fit++;
  }
  if (fit === old.segments.length) return made;
  const names = old.named();
  const last = [...names].reduce((most, index) => Math.max(most, index), -1);
  const placed: T[] = [];
  let used = 0;
  for (let index = 0; index <= last; index++) {
    const next = made[used];
    if (names.has(index) && old.alive(index)) {
      placed.push(old.segments[index] as T);
    } else if (next !== undefined && (!names.has(index) || old.fits(index, next))) {
      placed.push(next);
      used++;
    } else {
      placed.push(old.empty(index));
    }
  }
  return [...placed, ...made.slice(used)];
}

/** The segments of the linked module, which may be named. */
interface Places<T> {
  readonly segments: readonly T[];
  /** Whether it was not dropped. */
  readonly alive: (index: number) => boolean;
  /** What stands for one that was dropped, and what else may. */
  readonly empty: (index: number) => T;
  readonly fits: (index: number, made: T) => boolean;
  /** Those that code names. */
  readonly named: () => ReadonlySet<number>;
}

function placeDatas({ module, datas }: Linked, snapshot: Snapshot, made: readonly Data[]): readonly Data[] {
  return place(made, {
    // Without a data count section no instruction can name one.
    segments: module.dataCount === undefined ? [] : module.datas,
    alive: (at) => {
      const { instance, index } = datas[at] as SegmentRef;
      return snapshot.instances[instance]?.droppedDatas.has(index) !== true;
    },
    empty: () => EMPTY_DATA,
    fits: () => true,
    named: () => namedSegments(module.codes, 'data'),
  });
}

function placeElems({ module, elems }: Linked, snapshot: Snapshot, made: readonly Elem[]): readonly Elem[] {
  const old = (at: number): Elem => module.elems[at] as Elem;
  return place(made, {
    segments: module.elems,
    alive: (at) => {
      const { instance, index } = elems[at] as SegmentRef;
      return snapshot.instances[instance]?.droppedElems.has(index) !== true;
    },
    empty: (at) => emptyElem(old(at)),
    // `table.init` wants a segment of its table's type.
    fits: (at, { type }) => type.heap === old(at).type.heap && (old(at).type.nullable || !type.nullable),
    named: () => namedSegments(module.codes, 'elem'),
  });
}

/** The functions of the guest come before those that were linked. */
function guestCodes(linked: Linked): number {
  const first = linked.auxFunctions[0]?.first;
  if (first === undefined) return linked.module.codes.length;
  return first - spaces(linked.module).imported.func;
}

// ---- globals -----------------------------------------------------------------------------------

function bakeGlobals(linked: Linked, snapshot: Snapshot): readonly Global[] {
  const { module, origin } = linked;
  const imported = spaces(module).imported.global;
  return module.globals.map((global, position) => {
    if (!global.type.mutable) return global;
    const { instance, index } = origin.global[imported + position] as EntityRef;
    const state = snapshot.instances[instance]?.globals.get(index);
    if (state === undefined)
      throw new TypeError(`the snapshot lacks global ${index} of instance ${instance}`);
    return { type: global.type, init: globalInit(linked, global.type, state) };
  });
}

/** The initializer that makes a global what it was. */
export function globalInit(linked: Linked, type: GlobalType, state: GlobalState): ConstExpr {
  if (state.kind === 'ref') {
    if (!isRef(type.val)) throw new TypeError('a reference in a global of a number type');
    return constExpr(...refOps(linked, type.val, state.ref));
  }
  const { bits } = state;
  switch (type.val) {
    case 'i32':
      return constExpr(['i32.const', Number(BigInt.asIntN(32, bits))]);
    case 'i64':
      return constExpr(['i64.const', BigInt.asIntN(64, bits)]);
    case 'f32':
      return constExpr(['f32.const', bits]);
    case 'f64':
      return constExpr(['f64.const', bits]);
    case 'v128': {
      const bytes = Uint8Array.from({ length: 16 }, (_, i) => Number((bits >> BigInt(8 * i)) & 0xffn));
      return constExpr(['v128.const', bytes]);
    }
    default:
      throw new TypeError('a number in a global of a reference type');
  }
}

/** What makes a reference in a place of this type. */
function refOps(linked: Linked, type: RefType, ref: RefValue): readonly Op[] {
  if (ref === null) return [['ref.null', { heap: type.heap }]];
  const index = indexOf(linked, ref);
  if (ref.kind === 'func') return [['ref.func', index]];
  const get: Op = ['global.get', index];
  const given = spaces(linked.module).globals[index]?.val;
  if (given === undefined || !isRef(given) || isExtern(given) === isExtern(type)) return [get];
  return [get, isExtern(type) ? ['extern.convert_any'] : ['any.convert_extern']];
}

function isExtern({ heap }: RefType): boolean {
  return heap === 'extern' || heap === 'noextern';
}

function indexOf(linked: Linked, ref: EntityRef): number {
  const index = linked.indexOf(ref);
  if (index === undefined)
    throw new TypeError(`${ref.kind} ${ref.index} of instance ${ref.instance} was not linked`);
  return index;
}

// ---- tables ------------------------------------------------------------------------------------

function bakeTables(linked: Linked, snapshot: Snapshot): { tables: Table[]; elems: Elem[]; slots: number } {
  const { module, origin } = linked;
  const imported = spaces(module).imported.table;
  const elems: Elem[] = [];
  let slots = 0;
  const tables = module.tables.map((table, position) => {
    const index = imported + position;
    const entity = origin.table[index] as EntityRef;
    const state = snapshot.instances[entity.instance]?.tables.get(entity.index);
    if (state === undefined)
      throw new TypeError(`the snapshot lacks table ${entity.index} of instance ${entity.instance}`);
    slots += state.slots.length;
    elems.push(...tableSegments(linked, table, index as TableIdx, state));
    const { limits } = table.type;
    return {
      type: { ...table.type, limits: { ...limits, min: BigInt(state.slots.length) } },
      // A table that cannot hold null needs a first value; segments then write over it.
      init: table.type.ref.nullable ? undefined : table.init,
    };
  });
  return { tables, elems, slots };
}

/** A segment for each run of references. Nulls are what slots start as. */
function tableSegments(linked: Linked, table: Table, index: TableIdx, state: TableState): Elem[] {
  const { ref, limits } = table.type;
  const elems: Elem[] = [];
  for (let at = 0; at < state.slots.length; ) {
    if (state.slots[at] === null) {
      at++;
      continue;
    }
    const start = at;
    const refs: EntityRef[] = [];
    for (let slot = state.slots[at]; slot !== null && slot !== undefined; slot = state.slots[++at])
      refs.push(slot);
    const mode = { kind: 'active', table: index, offset: address(limits.address, start) } as const;
    if (ref.heap === 'func' && refs.every(({ kind }) => kind === 'func')) {
      const funcs = refs.map((one) => indexOf(linked, one) as FuncIdx);
      elems.push({ mode, type: { nullable: false, heap: 'func' }, items: { kind: 'funcs', funcs } });
    } else {
      const exprs = refs.map((one) => constExpr(...refOps(linked, ref, one)));
      elems.push({ mode, type: ref, items: { kind: 'exprs', exprs } });
    }
  }
  return elems;
}
