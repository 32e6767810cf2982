/**
 * Baking: the state sections of a linked module are rewritten from the snapshot. Memories and tables
 * start at the size they had grown to, mutable globals start as constants, segments write what was
 * there, and nothing runs at instantiation any more.
 *
 * https://webassembly.github.io/spec/core/exec/modules.html#instantiation
 */
import { declareFunctions } from '../link/declare.ts';
import type { EntityRef } from '../link/entity.ts';
import { EMPTY_DATA, emptyElem, type Linked, type SegmentRef } from '../link/link.ts';
import { madeSpan } from '../wasm/encode.ts';
import { assemble, type Op } from '../wasm/instructions.ts';
import {
  type ConstExpr,
  type Data,
  type Elem,
  type Global,
  type Module,
  spaces,
  type Table,
} from '../wasm/module.ts';
import type { FuncIdx, GlobalType, MemIdx, MemType, RefType, TableIdx } from '../wasm/types.ts';
import { isRef } from '../wasm/types.ts';
import { INDEX_KIND, walkBody } from '../wasm/walk.ts';
import { closeGaps, nonZeroRuns } from './runs.ts';
import type { GlobalState, RefValue, Snapshot, TableState } from './state.ts';

/** V8 takes 100,000 data segments, other engines 10,000 comfortably: the lower one holds for all. */
const MAX_SEGMENTS = 10_000;

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
  const datas = [...keptDatas(linked, snapshot), ...memories.datas];
  const tables = bakeTables(linked, snapshot);
  const baked: Module = {
    ...module,
    mems: memories.mems,
    tables: tables.tables,
    globals: bakeGlobals(linked, snapshot),
    start: undefined,
    elems: [...keptElems(linked, snapshot), ...tables.elems],
    datas,
    dataCount: module.dataCount && { count: datas.length },
  };
  const segmentBytes = memories.datas.reduce((sum, data) => sum + data.bytes.length, 0);
  return {
    module: declareFunctions(baked),
    stats: {
      segments: memories.datas.length,
      segmentBytes,
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

function bakeMemories(linked: Linked, snapshot: Snapshot): { mems: MemType[]; datas: Data[]; bytes: number } {
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
    return { mem: mem as MemIdx, type, bytes: state.bytes, runs: nonZeroRuns(state.bytes) };
  });
  // Placeholders count against the limit too; with several memories each gets its share by runs.
  const room = Math.max(MAX_SEGMENTS - keptDataCount(linked), states.length);
  const runs = states.reduce((sum, state) => sum + state.runs.length, 0);
  const datas: Data[] = [];
  for (const state of states) {
    const share =
      runs <= room ? state.runs.length : Math.max(1, Math.floor((room * state.runs.length) / runs));
    for (const { start, end } of closeGaps(state.runs, share)) {
      const mode = { kind: 'active', mem: state.mem, offset: address(state.type.address, start) } as const;
      datas.push({ mode, bytes: state.bytes.subarray(start, end) });
    }
  }
  return { mems, datas, bytes: states.reduce((sum, state) => sum + state.bytes.length, 0) };
}

/**
 * How many data segments must keep their index. Without a data count section no instruction can
 * name one; with it, those up to the last that one names.
 */
function keptDataCount(linked: Linked): number {
  const { module } = linked;
  if (module.dataCount === undefined) return 0;
  let last = -1;
  const visitor = {
    kinds: INDEX_KIND.data,
    index: (_kind: number, index: number) => {
      last = Math.max(last, index);
    },
  };
  for (const body of module.codes) walkBody(body, visitor);
  return last + 1;
}

function keptDatas(linked: Linked, snapshot: Snapshot): Data[] {
  return linked.module.datas.slice(0, keptDataCount(linked)).map((data, i) => {
    const { instance, index } = linked.datas[i] as SegmentRef;
    return snapshot.instances[instance]?.droppedDatas.has(index) === true ? EMPTY_DATA : data;
  });
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

function globalInit(linked: Linked, type: GlobalType, state: GlobalState): ConstExpr {
  if (state.kind === 'ref') {
    if (!isRef(type.val)) throw new TypeError('a reference in a global of a number type');
    return constExpr(refOp(linked, type.val, state.ref));
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

function refOp(linked: Linked, type: RefType, ref: RefValue): Op {
  return ref === null ? ['ref.null', { heap: type.heap }] : ['ref.func', funcIndex(linked, ref)];
}

function funcIndex(linked: Linked, ref: EntityRef): FuncIdx {
  const index = linked.indexOf(ref);
  if (index === undefined)
    throw new TypeError(`function ${ref.index} of instance ${ref.instance} was not linked`);
  return index as FuncIdx;
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

/** A segment for each run of functions. Nulls are what slots start as. */
function tableSegments(linked: Linked, table: Table, index: TableIdx, state: TableState): Elem[] {
  const { ref, limits } = table.type;
  const elems: Elem[] = [];
  for (let at = 0; at < state.slots.length; ) {
    if (state.slots[at] === null) {
      at++;
      continue;
    }
    const start = at;
    const funcs: FuncIdx[] = [];
    for (let slot = state.slots[at]; slot !== null && slot !== undefined; slot = state.slots[++at]) {
      funcs.push(funcIndex(linked, slot));
    }
    const mode = { kind: 'active', table: index, offset: address(limits.address, start) } as const;
    if (ref.heap === 'func') {
      elems.push({ mode, type: { nullable: false, heap: 'func' }, items: { kind: 'funcs', funcs } });
    } else {
      const exprs = funcs.map((func) => constExpr(['ref.func', func]));
      elems.push({ mode, type: ref, items: { kind: 'exprs', exprs } });
    }
  }
  return elems;
}

/** Segments keep their indices, because instructions may name them; those that are gone are empty. */
function keptElems(linked: Linked, snapshot: Snapshot): readonly Elem[] {
  return linked.module.elems.map((elem, i) => {
    const { instance, index } = linked.elems[i] as SegmentRef;
    return snapshot.instances[instance]?.droppedElems.has(index) === true ? emptyElem(elem) : elem;
  });
}
