/**
 * Shaking: what nothing reaches goes, and everything behind it moves up. The order stays, so two
 * indices that stay keep theirs.
 *
 * A table keeps its length and the place of each slot. Slots that no instruction can tell from null
 * are null; those at the end go where no instruction can tell the length either.
 *
 * Moving up costs a walk over all code. Where next to nothing of a big module would go, all of it stays.
 */
import { declareReferenced } from '../link/declare.ts';
import { CODE_METADATA, moveHints } from '../link/hints.ts';
import { EMPTY_DATA, emptyElem } from '../link/link.ts';
import { withNames } from '../link/names.ts';
import { GONE, type IndexMap, type Maps, mapIndex, relocateBody, relocateExpr } from '../link/relocate.ts';
import { madeSpan } from '../wasm/encode.ts';
import { assemble } from '../wasm/instructions.ts';
import {
  type ConstExpr,
  type Elem,
  type ExternType,
  type Global,
  type Module,
  spaces,
  type Table,
} from '../wasm/module.ts';
import { type IndirectNameMap, moduleNames, type NameMap } from '../wasm/names.ts';
import {
  type FuncIdx,
  type GlobalIdx,
  isRef,
  type MemIdx,
  mapRefType,
  mapSubType,
  mapValType,
  type TableIdx,
  type TypeIdx,
} from '../wasm/types.ts';
import { INDEX_NAMES, type IndexName } from '../wasm/walk.ts';
import { NULL_SLOT, type Slots } from './constants.ts';
import type { Reached } from './reachable.ts';
import type { FunctionUses } from './uses.ts';
import type { World } from './world.ts';

export interface Shaken {
  readonly module: Module;
  /** Where everything is now; {@link GONE} for what went. A kind of which none moved has no map. */
  readonly maps: Maps;
  /** How many of each kind went. */
  readonly removed: Readonly<Record<IndexName, number>>;
  /** Slots that became null or went. */
  readonly slots: number;
}

export interface ShakeFacts {
  readonly uses: FunctionUses;
  readonly reached: Reached;
  readonly world: World;
  /** What each table starts as, where it may be written anew. */
  readonly slots: readonly (Slots | undefined)[];
}

/** Smaller code is walked in no time: StarlingMonkey's 7 MB take 0.1 s. */
const BIG_CODE = 1 << 20;
/** The least part of big code that is worth it: of real modules with all exports kept, most lose less than that. */
const LEAST_PART = 1 / 200;

export function shake(given: Module, known: ShakeFacts): Shaken {
  const moves = isWorthMoving(given, known.reached);
  const facts = moves ? known : { ...known, reached: all(known.reached) };
  // Dead code that stays may write a global still.
  const module = moves ? withFixedGlobals(given, known.world) : given;
  const tables = shakenTables(module, facts);
  const elems = shakenElems(module, facts, tables);
  const maps = mapsOf(facts.reached, elems);
  const removed = {
    ...(Object.fromEntries(INDEX_NAMES.map((name) => [name, goneIn(maps[name])])) as Shaken['removed']),
    elem: Math.max(0, goneIn(maps.elem) - elems.added.length),
  };
  const slots = tables.reduce((sum, table) => sum + table.emptied, 0);
  const stays = INDEX_NAMES.every((name) => maps[name] === undefined);
  if (stays && slots === 0 && !tables.some(isChanged)) return { module, maps, removed, slots };
  return { module: moved(module, facts, maps, tables, elems), maps, removed, slots };
}

/** Whether so much code goes, or any import, which a host would have to give. */
function isWorthMoving(module: Module, reached: Reached): boolean {
  const { imported } = spaces(module);
  const kinds = ['func', 'table', 'mem', 'global', 'tag'] as const;
  const importGoes = kinds.some((kind) =>
    Array.from({ length: imported[kind] }, (_, i) => i).some((i) => !reached.has(kind, i)),
  );
  if (importGoes) return true;
  let [total, going] = [0, 0];
  module.codes.forEach(({ start, end }, i) => {
    total += end - start;
    if (!reached.has('func', imported.func + i)) going += end - start;
  });
  return total < BIG_CODE || going >= total * LEAST_PART;
}

/** As if everything were reached. */
function all(reached: Reached): Reached {
  const funcs = Array.from({ length: reached.nodes.counts.func }, (_, i) => i as FuncIdx);
  return { nodes: reached.nodes, has: () => true, reason: (node) => reached.reason(node), funcs };
}

function goneIn(map: IndexMap | undefined): number {
  return map === undefined ? 0 : map.reduce((count, to) => count + (to === GONE ? 1 : 0), 0);
}

// ---- tables and element segments ---------------------------------------------------------------

interface ShakenTable {
  readonly index: TableIdx;
  readonly table: Table;
  /** The segments that fill it from now on; undefined where those that it has stay. */
  readonly segments: readonly Elem[] | undefined;
  readonly emptied: number;
  readonly changed: boolean;
}

function isChanged({ changed }: ShakenTable): boolean {
  return changed;
}

/** Tables of the module's own that are reachable. */
function shakenTables(module: Module, facts: ShakeFacts): readonly ShakenTable[] {
  const { imported } = spaces(module);
  const sized = new Set(facts.reached.funcs.flatMap((func) => facts.uses.of(func)?.sized ?? []));
  // A host sees how long a table is, also where somebody vouches that it does not write it.
  const shown = new Set(module.exports.flatMap(({ kind, index }) => (kind === 'table' ? [index] : [])));
  return module.tables.flatMap((table, i): ShakenTable[] => {
    const index = (imported.table + i) as TableIdx;
    if (!facts.reached.has('table', index)) return [];
    const known = facts.slots[index];
    const fixed = facts.world.tables[index]?.fixed === true && !shown.has(index);
    const live = known?.map((func) =>
      func !== NULL_SLOT && facts.reached.has('func', func) ? func : NULL_SLOT,
    );
    const length = live !== undefined && fixed && !sized.has(index) ? lastUsed(live) + 1 : undefined;
    const { limits } = table.type;
    const min = length === undefined ? limits.min : BigInt(length);
    // A table that never grows says so: engines then know where it ends.
    const max = fixed ? min : limits.max;
    const emptied = count(known) - count(live);
    const changed = min !== limits.min || max !== limits.max || emptied > 0;
    const type = { ...table.type, limits: { ...limits, min, max } };
    const stay = emptied === 0 && segmentsStay(module, index, facts.reached);
    const segments = live === undefined || stay ? undefined : segmentsOf(table, index, live);
    return [{ index, table: changed ? { ...table, type } : table, segments, emptied, changed }];
  });
}

const I32_CONST = 0x41;
const I64_CONST = 0x42;

/** Whether the segments of a table say no more than what its slots hold in the end, and say it plainly. */
function segmentsStay(module: Module, table: TableIdx, reached: Reached): boolean {
  return module.elems.every(({ mode, items }) => {
    if (mode.kind !== 'active' || mode.table !== table) return true;
    const first = mode.offset.bytes[mode.offset.start];
    const plain = first === I32_CONST || first === I64_CONST;
    return (
      plain &&
      items.kind === 'funcs' &&
      items.funcs.length > 0 &&
      items.funcs.every((func) => reached.has('func', func))
    );
  });
}

function lastUsed(slots: Slots): number {
  return slots.findLastIndex((func) => func !== NULL_SLOT);
}

function count(slots: Slots | undefined): number {
  return slots?.reduce((sum, func) => (func === NULL_SLOT ? sum : sum + 1), 0) ?? 0;
}

/** An active segment for each run of functions; null is what slots start as. */
function segmentsOf({ type }: Table, table: TableIdx, slots: Slots): readonly Elem[] {
  const elems: Elem[] = [];
  for (let at = 0; at < slots.length; at++) {
    const start = at;
    while (at < slots.length && slots[at] !== NULL_SLOT) at++;
    if (at === start) continue;
    const funcs = [...slots.subarray(start, at)] as FuncIdx[];
    const address =
      type.limits.address === 'i64'
        ? (['i64.const', BigInt(start)] as const)
        : (['i32.const', start] as const);
    const mode = { kind: 'active', table, offset: madeSpan(assemble([address]), 'sealed table') } as const;
    elems.push(
      type.ref.heap === 'func'
        ? { mode, type: { nullable: false, heap: 'func' }, items: { kind: 'funcs', funcs } }
        : { mode, type: type.ref, items: { kind: 'exprs', exprs: funcs.map(refFunc) } },
    );
  }
  return elems;
}

function refFunc(func: FuncIdx): ConstExpr {
  return madeSpan(assemble([['ref.func', func]]), 'sealed table');
}

/**
 * What each segment becomes, by its old index; undefined for one that goes. New ones come first: they fit,
 * which segments of the host's tables may not, and what is behind such a one is not written.
 */
interface ShakenElems {
  readonly kept: readonly (Elem | undefined)[];
  readonly added: readonly Elem[];
}

function shakenElems(
  module: Module,
  { reached, slots }: ShakeFacts,
  tables: readonly ShakenTable[],
): ShakenElems {
  const byIndex = new Map(tables.map((table) => [table.index, table]));
  const kept = module.elems.map((elem, i): Elem | undefined => {
    const named = reached.has('elem', i);
    if (elem.mode.kind === 'active' && reached.has('table', elem.mode.table)) {
      const stays =
        slots[elem.mode.table] === undefined || byIndex.get(elem.mode.table)?.segments === undefined;
      if (stays) return elem;
    }
    if (!named) return undefined;
    // It was dropped when the module was instantiated, and code names it still.
    return elem.mode.kind === 'passive' ? elem : emptyElem(elem);
  });
  return { kept, added: tables.flatMap(({ segments }) => segments ?? []) };
}

// ---- indices -----------------------------------------------------------------------------------

function mapsOf(reached: Reached, elems: ShakenElems): Maps {
  const maps: Partial<Record<IndexName, IndexMap>> = {};
  for (const name of INDEX_NAMES) {
    const total = reached.nodes.counts[name];
    const stays = (index: number): boolean =>
      name === 'elem' ? elems.kept[index] !== undefined : reached.has(name, index);
    const first = name === 'elem' ? elems.added.length : 0;
    let next = first;
    const map = Uint32Array.from({ length: total }, (_, index) => (stays(index) ? next++ : GONE));
    if (first > 0 || next !== total) maps[name] = map;
  }
  return maps;
}

function moved(
  module: Module,
  facts: ShakeFacts,
  maps: Maps,
  tables: readonly ShakenTable[],
  elems: ShakenElems,
): Module {
  const { reached } = facts;
  const { imported, funcs } = spaces(module);
  const own = <T>(items: readonly T[], kind: IndexName, first: number): readonly T[] =>
    items.filter((_, i) => reached.has(kind, first + i));
  const type = (index: TypeIdx): TypeIdx => mapIndex(maps, 'type', index, 'type section') as TypeIdx;
  const expr = (one: ConstExpr): ConstExpr => relocateExpr(one, maps);
  const func = (index: FuncIdx, place: string): FuncIdx => mapIndex(maps, 'func', index, place) as FuncIdx;
  const codes = module.codes.map((body, i) =>
    reached.has('func', imported.func + i) ? relocateBody(body, maps) : undefined,
  );
  const shaken: Module = {
    ...module,
    types: shakenTypes(module, reached, type),
    imports: shakenImports(module, reached, type),
    funcs: own(funcs.slice(imported.func), 'func', imported.func).map(type),
    tables: tables.map(({ table }) => ({
      type: { ...table.type, ref: mapRefType(table.type.ref, type) },
      init: table.init && expr(table.init),
    })),
    mems: own(module.mems, 'mem', imported.mem),
    tags: own(module.tags, 'tag', imported.tag).map(type),
    globals: own(module.globals, 'global', imported.global).map((global) => ({
      type: { ...global.type, val: mapValType(global.type.val, type) },
      init: expr(global.init),
    })),
    exports: module.exports.map((item) => ({
      ...item,
      index: mapIndex(maps, item.kind, item.index, 'export section') as FuncIdx,
    })),
    start: module.start && { func: func(module.start.func, 'start section') },
    elems: [...elems.added, ...elems.kept.filter((elem) => elem !== undefined)].map((elem) =>
      movedElem(elem, maps, type, expr, func),
    ),
    codes: codes.filter((body) => body !== undefined),
    datas: module.datas.flatMap((data, i) => {
      if (!reached.has('data', i)) return [];
      const { mode, bytes } = data;
      if (mode.kind === 'passive') return [data];
      // It was dropped when the module was instantiated, and code drops it again.
      if (!reached.has('mem', mode.mem)) return [EMPTY_DATA];
      const mem = mapIndex(maps, 'mem', mode.mem, 'data section') as MemIdx;
      return [{ mode: { ...mode, mem, offset: expr(mode.offset) }, bytes }];
    }),
  };
  const counted = { ...shaken, dataCount: module.dataCount && { count: shaken.datas.length } };
  const hinted = withMovedHints(module, counted, maps, codes);
  const named = module.customs.some(({ name }) => name === 'name')
    ? withMovedNames(module, hinted, maps)
    : hinted;
  const refs = new Set(
    reached.funcs
      .flatMap((index) => facts.uses.of(index)?.refs ?? [])
      .map((index) => func(index, 'ref.func')),
  );
  return declareReferenced(named, refs);
}

/** The module with those globals immutable that no reachable code writes; the very same where there is none. */
export function withFixedGlobals(module: Module, world: World): Module {
  const { imported } = spaces(module);
  const isFixed = ({ type }: Global, i: number): boolean =>
    type.mutable && world.isConstant((imported.global + i) as GlobalIdx);
  if (!module.globals.some(isFixed)) return module;
  const globals = module.globals.map((global, i) =>
    isFixed(global, i) ? { ...global, type: { ...global.type, mutable: false } } : global,
  );
  return { ...module, globals };
}

function shakenTypes(module: Module, reached: Reached, type: (index: TypeIdx) => TypeIdx): Module['types'] {
  let first = 0;
  return module.types.flatMap((rec) => {
    const stays = reached.has('type', first);
    first += rec.types.length;
    return stays ? [{ ...rec, types: rec.types.map((one) => mapSubType(one, type)) }] : [];
  });
}

function shakenImports(
  module: Module,
  reached: Reached,
  type: (index: TypeIdx) => TypeIdx,
): Module['imports'] {
  const next: Record<ExternType['kind'], number> = { func: 0, table: 0, mem: 0, global: 0, tag: 0 };
  return module.imports.flatMap((item) => {
    const { desc } = item;
    if (!reached.has(desc.kind, next[desc.kind]++)) return [];
    return [{ ...item, desc: movedExtern(desc, type) }];
  });
}

function movedExtern(desc: ExternType, type: (index: TypeIdx) => TypeIdx): ExternType {
  switch (desc.kind) {
    case 'func':
    case 'tag':
      return { ...desc, type: type(desc.type) };
    case 'table':
      return { ...desc, type: { ...desc.type, ref: mapRefType(desc.type.ref, type) } };
    case 'global':
      return { ...desc, type: { ...desc.type, val: mapValType(desc.type.val, type) } };
    case 'mem':
      return desc;
  }
}

function movedElem(
  elem: Elem,
  maps: Maps,
  type: (index: TypeIdx) => TypeIdx,
  expr: (one: ConstExpr) => ConstExpr,
  func: (index: FuncIdx, place: string) => FuncIdx,
): Elem {
  const { mode, items } = elem;
  return {
    mode:
      mode.kind === 'active'
        ? {
            ...mode,
            table: mapIndex(maps, 'table', mode.table, 'element section') as TableIdx,
            offset: expr(mode.offset),
          }
        : mode,
    type: isRef(elem.type) ? mapRefType(elem.type, type) : elem.type,
    items:
      items.kind === 'funcs'
        ? { kind: 'funcs', funcs: items.funcs.map((index) => func(index, 'element section')) }
        : { kind: 'exprs', exprs: items.exprs.map(expr) },
  };
}

// ---- custom sections ---------------------------------------------------------------------------

function withMovedHints(
  before: Module,
  after: Module,
  maps: Maps,
  codes: readonly (Module['codes'][number] | undefined)[],
): Module {
  const first = spaces(before).imported.func;
  const customs = after.customs.map((custom) => {
    if (!custom.name.startsWith(CODE_METADATA)) return custom;
    const bytes = moveHints(custom, (index) => {
      const [old, body] = [before.codes[index - first], codes[index - first]];
      const func = maps.func?.[index] ?? index;
      return old === undefined || body === undefined ? undefined : { func, before: old, after: body };
    });
    return { name: custom.name, bytes, after: custom.after };
  });
  return { ...after, customs };
}

function withMovedNames(before: Module, after: Module, maps: Maps): Module {
  const names = moduleNames(before);
  const move = <T>(map: ReadonlyMap<number, T>, kind: IndexName): ReadonlyMap<number, T> =>
    new Map(
      [...map].flatMap(([index, value]) => {
        const to = maps[kind] === undefined ? index : (maps[kind][index] ?? GONE);
        return to === GONE ? [] : [[to, value] as const];
      }),
    );
  const direct = Object.fromEntries(
    INDEX_NAMES.map((kind) => [kind, move<string>(names[kind], kind)]),
  ) as Record<IndexName, NameMap>;
  return withNames(after, {
    ...names,
    ...direct,
    local: move<NameMap>(names.local, 'func') as IndirectNameMap,
    label: move<NameMap>(names.label, 'func') as IndirectNameMap,
    field: move<NameMap>(names.field, 'type') as IndirectNameMap,
  });
}
