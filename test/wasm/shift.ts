// A module with fillers before everything that it defines: the same to whoever uses it, and with every
// index another one that takes more bytes.
import {
  GONE,
  type IndexMap,
  type Maps,
  mapIndex,
  relocateBody,
  relocateExpr,
} from '../../src/link/relocate.ts';
import { madeSpan } from '../../src/wasm/encode.ts';
import type { Elem, Export, ExternType, Module, Table } from '../../src/wasm/module.ts';
import { spaces } from '../../src/wasm/module.ts';
import {
  FUNCREF,
  type GlobalType,
  mapRefType,
  mapSubType,
  mapValType,
  type TypeIdx,
} from '../../src/wasm/types.ts';
import type { IndexName } from '../../src/wasm/walk.ts';

/** A signed LEB needs a second byte from 64 on, an unsigned one from 128 on. */
const FILLERS = 130;
/** Engines take fewer memories. */
const FILLER_MEMORIES = 2;

const NOTHING = { final: true, supers: [], comp: { kind: 'func', params: [], results: [] } } as const;
const EMPTY_TABLE: Table = {
  type: { ref: FUNCREF, limits: { address: 'i32', min: 0n, max: undefined } },
  init: undefined,
};

function times<T>(count: number, item: T): readonly T[] {
  return new Array<T>(count).fill(item);
}

/** Indices from `from` on move by `by`. */
function shift(length: number, from: number, by: number): IndexMap {
  return Uint32Array.from({ length }, (_, i) => (i < from ? i : i + by));
}

/** How everything moves; memories only where the engine takes several. */
export function shiftMaps(module: Module, severalMemories: boolean, fillers: number = FILLERS): Maps {
  const all = spaces(module);
  const { imported } = all;
  return {
    type: shift(all.types.length, 0, fillers),
    func: shift(all.funcs.length, imported.func, fillers),
    table: shift(all.tables.length, imported.table, fillers),
    ...(severalMemories ? { mem: shift(all.mems.length, imported.mem, FILLER_MEMORIES) } : {}),
    global: shift(all.globals.length, imported.global, fillers),
    tag: shift(all.tags.length, imported.tag, fillers),
    elem: shift(module.elems.length, 0, fillers),
    data: shift(module.datas.length, 0, fillers),
  };
}

export function shifted(
  module: Module,
  severalMemories: boolean,
  keepWidth: boolean,
  fillers: number = FILLERS,
): Module {
  const maps = shiftMaps(module, severalMemories, fillers);
  const move = <T extends number>(name: IndexName, index: T): T => mapIndex(maps, name, index, 'shift') as T;
  const type = (index: TypeIdx): TypeIdx => move('type', index);
  const globalType = ({ val, mutable }: GlobalType): GlobalType => ({ val: mapValType(val, type), mutable });
  const body = madeSpan(Uint8Array.of(0, 0x0b), 'filler');
  const zero = madeSpan(Uint8Array.of(0x41, 0x00, 0x0b), 'filler');
  const datas = [...times(fillers, { mode: { kind: 'passive' }, bytes: new Uint8Array(0) } as const)];
  return {
    ...module,
    types: [
      ...times(fillers, { explicit: false, types: [NOTHING] }),
      ...module.types.map((rec) => ({ ...rec, types: rec.types.map((one) => mapSubType(one, type)) })),
    ],
    imports: module.imports.map((item) => ({ ...item, desc: externType(item.desc, type, globalType) })),
    funcs: [...times(fillers, 0 as TypeIdx), ...module.funcs.map(type)],
    tables: [
      ...times(fillers, EMPTY_TABLE),
      ...module.tables.map((table) => ({
        type: { ...table.type, ref: mapRefType(table.type.ref, type) },
        init: table.init && relocateExpr(table.init, maps),
      })),
    ],
    mems: [
      ...times(severalMemories ? FILLER_MEMORIES : 0, {
        address: 'i32',
        min: 0n,
        max: undefined,
        shared: false,
      } as const),
      ...module.mems,
    ],
    tags: [...times(fillers, 0 as TypeIdx), ...module.tags.map(type)],
    globals: [
      ...times(fillers, { type: { val: 'i32', mutable: false }, init: zero } as const),
      ...module.globals.map((one) => ({ type: globalType(one.type), init: relocateExpr(one.init, maps) })),
    ],
    exports: module.exports.map((item): Export => ({ ...item, index: move(item.kind, item.index) })),
    start: module.start && { func: move('func', module.start.func) },
    elems: [
      ...times(fillers, {
        mode: { kind: 'passive' },
        type: FUNCREF,
        items: { kind: 'exprs', exprs: [] },
      } as const),
      ...module.elems.map((one) => elem(one, maps, type)),
    ],
    dataCount: { count: fillers + module.datas.length },
    codes: [
      ...times(fillers, body),
      ...module.codes.map((code) => ({ ...relocateBody(code, maps, { keepWidth }) })),
    ],
    datas: [
      ...datas,
      ...module.datas.map(({ mode, bytes }) => ({
        mode:
          mode.kind === 'passive'
            ? mode
            : { ...mode, mem: move('mem', mode.mem), offset: relocateExpr(mode.offset, maps) },
        bytes,
      })),
    ],
    customs: [],
  };
}

function externType(
  desc: ExternType,
  type: (index: TypeIdx) => TypeIdx,
  globalType: (one: GlobalType) => GlobalType,
): ExternType {
  switch (desc.kind) {
    case 'func':
    case 'tag':
      return { ...desc, type: type(desc.type) };
    case 'table':
      return { ...desc, type: { ...desc.type, ref: mapRefType(desc.type.ref, type) } };
    case 'mem':
      return desc;
    case 'global':
      return { ...desc, type: globalType(desc.type) };
  }
}

function elem(one: Elem, maps: Maps, type: (index: TypeIdx) => TypeIdx): Elem {
  const { mode, items } = one;
  return {
    mode:
      mode.kind !== 'active'
        ? mode
        : {
            ...mode,
            table: mapIndex(maps, 'table', mode.table, 'shift') as typeof mode.table,
            offset: relocateExpr(mode.offset, maps),
          },
    type: mapRefType(one.type, type),
    items:
      items.kind === 'funcs'
        ? {
            ...items,
            funcs: items.funcs.map((func) => mapIndex(maps, 'func', func, 'shift') as typeof func),
          }
        : { ...items, exprs: items.exprs.map((expr) => relocateExpr(expr, maps)) },
  };
}

/** The map back; indices that nothing moved to are GONE. */
export function inverse(maps: Maps): Maps {
  const back: Partial<Record<IndexName, IndexMap>> = {};
  for (const [name, map] of Object.entries(maps) as [IndexName, IndexMap][]) {
    const most = map.reduce((max, index) => Math.max(max, index), -1);
    const one = new Uint32Array(most + 1).fill(GONE);
    map.forEach((to, from) => {
      one[to] = from;
    });
    back[name] = one;
  }
  return back;
}
