/**
 * Instrumentation: every piece of state becomes reachable from outside, by exports alone. Types are
 * appended, functions are appended; what the module itself does is unchanged, and so are its indices.
 *
 * Memories, tables and tags are exported as they are. A global is read through a function that gives
 * its bits as integers, because the JS API cannot read a v128 and may quieten a NaN
 * (https://webassembly.github.io/spec/js-api/#towebassemblyvalue). Functions that a table or a
 * global can hold stand in a table of their own, so that a reference can be told by identity: only
 * what an element segment, an initializer or an export names can be held (spec: the `refs` of a
 * context).
 *
 * Whether a passive segment was dropped is seen by reading nothing from its end: `memory.init` of 0
 * bytes at offset `length` traps where the segment has length 0 now.
 */
import { madeSpan } from '../wasm/encode.ts';
import { assemble, assembleBody, type Op } from '../wasm/instructions.ts';
import { type Elem, type Export, type Module, spaces, type Table } from '../wasm/module.ts';
import {
  FUNCREF,
  type FuncIdx,
  isRef,
  type NumType,
  type RefType,
  type TableIdx,
  type ValType,
} from '../wasm/types.ts';
import { INDEX_KIND, walkExpr } from '../wasm/walk.ts';
import { AddedFunctions } from './added-functions.ts';

/** Names of the exports that instrumentation adds, all with one prefix that no export has. */
export interface Probes {
  readonly prefix: string;
  readonly mem: (index: number) => string;
  readonly table: (index: number) => string;
  readonly global: (index: number) => string;
  readonly tag: (index: number) => string;
  /** Functions [] → [i32 | i64]: the bits of global `index`; part 1 is the upper half of a v128. */
  readonly globalBits: (index: number, part: 0 | 1) => string;
  /** Functions [] → [i32]: whether reference global `index` is null. */
  readonly globalIsNull: (index: number) => string;
  /** Functions [slot] → [i32]: whether it is null, of tables that JavaScript cannot look into. */
  readonly tableIsNull: (index: number) => string;
  /** Functions [] → []: trap where the segment was dropped. */
  readonly elemAlive: (index: number) => string;
  readonly dataAlive: (index: number) => string;
  readonly isSegmentProbe: (name: string) => boolean;
  /** A table of the functions that a reference can be to, in the order of `funcs`. */
  readonly funcTable: string;
  readonly funcs: readonly FuncIdx[];
}

export interface Instrumented {
  readonly module: Module;
  readonly probes: Probes;
}

/** A prefix that no export begins with: guests choose theirs, so it is not refused but avoided. */
function freePrefix(module: Module): string {
  let prefix = '\0freeze:';
  while (module.exports.some((item) => item.name.startsWith(prefix))) prefix = `\0${prefix}`;
  return prefix;
}

function probeNames(prefix: string, funcs: readonly FuncIdx[]): Probes {
  const named = (kind: string) => (index: number) => `${prefix}${kind}${index}`;
  return {
    prefix,
    mem: named('m'),
    table: named('t'),
    global: named('g'),
    tag: named('e'),
    funcTable: `${prefix}f`,
    globalBits: (index, part) => `${prefix}${part === 0 ? 'b' : 'h'}${index}`,
    globalIsNull: named('n'),
    tableIsNull: named('u'),
    elemAlive: named('s'),
    dataAlive: named('d'),
    isSegmentProbe: (name) => name.startsWith(`${prefix}s`) || name.startsWith(`${prefix}d`),
    funcs,
  };
}

/** The functions that element segments, initializers and exports name, and the first ones. */
function referable(module: Module, first: number): readonly FuncIdx[] {
  const found = new Set<FuncIdx>(Array.from({ length: first }, (_, index) => index as FuncIdx));
  const visitor = {
    kinds: INDEX_KIND.func,
    index: (_: number, func: number) => {
      found.add(func as FuncIdx);
    },
  };
  for (const { items } of module.elems) {
    if (items.kind === 'funcs') for (const func of items.funcs) found.add(func);
    else for (const expr of items.exprs) walkExpr(expr, visitor);
  }
  for (const { init } of module.tables) if (init !== undefined) walkExpr(init, visitor);
  for (const { init } of module.globals) walkExpr(init, visitor);
  for (const item of module.exports) if (item.kind === 'func') found.add(item.index as FuncIdx);
  return [...found].sort((a, b) => a - b);
}

/** Exports that probe, and the functions behind some of them. */
class Additions {
  readonly functions: AddedFunctions;
  readonly exports: Export[] = [];

  constructor(module: Module) {
    this.functions = new AddedFunctions(module);
  }

  slotProbe(probes: Probes, table: number, address: 'i32' | 'i64'): void {
    const ops: readonly Op[] = [['local.get', 0], ['table.get', table], ['ref.is_null']];
    this.func(probes.tableIsNull(table), ['i32'], ops, [address]);
  }

  /** An exported function. */
  func(name: string, results: readonly ValType[], ops: readonly Op[], params: readonly ValType[] = []): void {
    const body = madeSpan(assembleBody(ops), 'instrumentation');
    this.exports.push({
      name,
      kind: 'func',
      index: this.functions.add({ kind: 'func', params, results }, body),
    });
  }
}

/** https://webassembly.github.io/spec/js-api/#dom-table-get throws for these, null or not. */
function isUnseen({ heap }: RefType): boolean {
  return heap === 'exn' || heap === 'noexn';
}

function globalProbes(add: Additions, probes: Probes, index: number, type: ValType): void {
  const get: Op = ['global.get', index];
  if (isRef(type)) {
    add.func(probes.globalIsNull(index), ['i32'], [get, ['ref.is_null']]);
    return;
  }
  const bits: Readonly<Record<Exclude<NumType, 'v128'>, readonly [NumType, readonly Op[]]>> = {
    i32: ['i32', []],
    i64: ['i64', []],
    f32: ['i32', [['i32.reinterpret_f32']]],
    f64: ['i64', [['i64.reinterpret_f64']]],
  };
  if (type === 'v128') {
    for (const part of [0, 1] as const) {
      add.func(probes.globalBits(index, part), ['i64'], [get, ['i64x2.extract_lane', part]]);
    }
    return;
  }
  const [result, convert] = bits[type];
  add.func(probes.globalBits(index, 0), [result], [get, ...convert]);
}

/** `n.const value` for an address of this type. */
function at(address: 'i32' | 'i64', value: number): Op {
  return address === 'i64' ? ['i64.const', BigInt(value)] : ['i32.const', value];
}

function elemCount({ items }: Elem): number {
  return items.kind === 'funcs' ? items.funcs.length : items.exprs.length;
}

/** V8 before 13 takes every segment that lists functions for one that may hold null. */
function takesAll(table: RefType, elem: RefType): boolean {
  return table.nullable && table.heap === elem.heap;
}

export interface InstrumentOptions {
  /**
   * Imported globals are read as the module's own are: who drives the guest may have made them, and
   * of an immutable float or vector only Wasm sees all bits.
   */
  readonly importedGlobals?: boolean;
  /** All imported functions are among those that can be told by identity. */
  readonly importedFunctions?: boolean;
}

function isExactOnlyInside(type: ValType): boolean {
  return type === 'f32' || type === 'f64' || type === 'v128';
}

export function instrument(module: Module, options: InstrumentOptions = {}): Instrumented {
  const all = spaces(module);
  const imports = options.importedFunctions === true ? all.imported.func : 0;
  const funcs = referable(module, imports);
  const probes = probeNames(freePrefix(module), funcs);
  const add = new Additions(module);
  const extern = (kind: Export['kind'], name: (index: number) => string, count: number): void => {
    for (let index = 0; index < count; index++)
      add.exports.push({ name: name(index), kind, index: index as FuncIdx });
  };
  extern('mem', probes.mem, all.mems.length);
  extern('table', probes.table, all.tables.length);
  module.tables.forEach(({ type }, i) => {
    if (isUnseen(type.ref)) add.slotProbe(probes, all.imported.table + i, type.limits.address);
  });
  extern('tag', probes.tag, all.tags.length);
  all.globals.forEach((type, index) => {
    const own = index >= all.imported.global;
    const wanted = own || options.importedGlobals === true;
    if (!type.mutable) {
      if (!own && wanted && isExactOnlyInside(type.val)) globalProbes(add, probes, index, type.val);
      return;
    }
    add.exports.push({ name: probes.global(index), kind: 'global', index: index as FuncIdx });
    if (wanted) globalProbes(add, probes, index, type.val);
  });
  const segments = segmentProbes(module, add, probes);
  const { tables, elems } = functionTable(module, segments.tables, add, probes);
  return {
    module: {
      ...module,
      ...add.functions.sections(),
      exports: [...module.exports, ...add.exports],
      mems: segments.mems,
      tables,
      elems,
    },
    probes,
  };
}

/**
 * The functions that a reference can be to, in a table of their own: one export whatever their
 * number (V8 takes 100,000 exports), and no function object before one is asked for.
 */
function functionTable(
  module: Module,
  tables: readonly Table[],
  add: Additions,
  { funcs, funcTable }: Probes,
): Pick<Module, 'tables' | 'elems'> {
  if (funcs.length === 0) return { tables, elems: module.elems };
  const table = (spaces(module).imported.table + tables.length) as TableIdx;
  const size = BigInt(funcs.length);
  const limits = { address: 'i32', min: size, max: size } as const;
  const offset = madeSpan(assemble([['i32.const', 0]]), 'instrumentation');
  add.exports.push({ name: funcTable, kind: 'table', index: table });
  return {
    tables: [...tables, { type: { ref: FUNCREF, limits }, init: undefined }],
    elems: [
      ...module.elems,
      {
        mode: { kind: 'active', table, offset },
        type: { nullable: false, heap: 'func' },
        items: { kind: 'funcs', funcs },
      },
    ],
  };
}

/** Probes for passive segments, and the empty memory and tables that they read into. */
function segmentProbes(module: Module, add: Additions, probes: Probes): Pick<Module, 'mems' | 'tables'> {
  const all = spaces(module);
  let mems = module.mems;
  const tables = [...module.tables];
  module.datas.forEach((data, index) => {
    if (data.mode.kind !== 'passive' || data.bytes.length === 0 || module.dataCount === undefined) return;
    if (all.mems.length + (mems.length - module.mems.length) === 0) {
      mems = [...mems, { address: 'i32', shared: false, min: 0n, max: 0n }];
    }
    const to = at(all.mems[0]?.address ?? 'i32', 0);
    add.func(
      probes.dataAlive(index),
      [],
      [to, ['i32.const', data.bytes.length], ['i32.const', 0], ['memory.init', index, 0]],
    );
  });
  module.elems.forEach((elem, index) => {
    const count = elemCount(elem);
    if (elem.mode.kind !== 'passive' || count === 0) return;
    const known = [...all.tables, ...tables.slice(module.tables.length).map((table) => table.type)];
    let table = known.findIndex((type) => takesAll(type.ref, elem.type));
    if (table < 0) {
      const ref = { nullable: true, heap: elem.type.heap };
      table = known.length;
      tables.push({ type: { ref, limits: { address: 'i32', min: 0n, max: 0n } }, init: undefined });
    }
    const to = at(known[table]?.limits.address ?? 'i32', 0);
    add.func(
      probes.elemAlive(index),
      [],
      [to, ['i32.const', count], ['i32.const', 0], ['table.init', index, table]],
    );
  });
  return { mems, tables: tables.length === module.tables.length ? module.tables : tables };
}
