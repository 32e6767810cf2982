/**
 * Counters of calls through table slots: for each table a small module with a memory of its own, an
 * i64 a slot, whose function counts the slot that it is given and gives it back.
 */
import { type Counting, countCalls } from '../link/count.ts';
import type { Probes } from '../link/instrument.ts';
import { encode, madeSpan } from '../wasm/encode.ts';
import { assembleBody, type Op } from '../wasm/instructions.ts';
import { EMPTY_MODULE, type Module, spaces } from '../wasm/module.ts';
import type { FuncIdx, TypeIdx } from '../wasm/types.ts';
import { compileNow } from './engine.ts';

/** Slots of 8 bytes in a page of 64 KiB, as a shift. */
const SLOTS_IN_PAGE = 13;
/** What lies beyond is in no table: its call traps, and is not counted. */
const MOST_SLOTS = 1 << 24;

const GROW: readonly Op[] = [
  ['local.get', 0],
  ['i32.const', SLOTS_IN_PAGE],
  ['i32.shr_u'],
  ['memory.size', 0],
  ['i32.ge_u'],
  ['if', { block: undefined }],
  ['local.get', 0],
  ['i32.const', SLOTS_IN_PAGE],
  ['i32.shr_u'],
  ['i32.const', 1],
  ['i32.add'],
  ['memory.size', 0],
  ['i32.sub'],
  ['memory.grow', 0],
  ['drop'],
  ['end'],
];

const ADDRESS: readonly Op[] = [['local.get', 0], ['i32.const', 3], ['i32.shl']];
const MEMARG = { align: 3, mem: 0, offset: 0n };

const COUNTER: Module = {
  ...EMPTY_MODULE,
  types: [
    {
      types: [{ final: true, supers: [], comp: { kind: 'func', params: ['i32'], results: ['i32'] } }],
      explicit: false,
    },
  ],
  funcs: [0 as TypeIdx],
  mems: [{ address: 'i32', shared: false, min: 0n, max: undefined }],
  exports: [
    { name: 'count', kind: 'func', index: 0 as FuncIdx },
    { name: 'memory', kind: 'mem', index: 0 as FuncIdx },
  ],
  codes: [
    madeSpan(
      assembleBody([
        ['local.get', 0],
        ['i32.const', MOST_SLOTS],
        ['i32.lt_u'],
        ['if', { block: undefined }],
        ...GROW,
        ...ADDRESS,
        ...ADDRESS,
        ['i64.load', MEMARG],
        ['i64.const', 1n],
        ['i64.add'],
        ['i64.store', MEMARG],
        ['end'],
        ['local.get', 0],
      ]),
      'counter',
    ),
  ],
};

export interface CountedSlot {
  /** By its index in that instance. */
  readonly table: number;
  readonly slot: number;
  readonly calls: number;
}

export class CallCounters {
  /** The memories of the counters, by the tables: the same table is always the same object in the JS API. */
  readonly #byTable = new Map<WebAssembly.Table, WebAssembly.Exports>();
  /** Made beforehand: while a driver runs, the global `WebAssembly` is one that records. */
  readonly #make: () => WebAssembly.Exports;

  constructor() {
    const { Instance } = WebAssembly;
    const compiled = compileNow(encode(COUNTER));
    this.#make = () => new Instance(compiled).exports;
  }

  /** The module with its calls counted, once `attach` has given its instance who counts. */
  instrument(module: Module): Counting {
    return countCalls(module);
  }

  /** Gives an instance its counting functions: one for each of its tables, in the order of their indices. */
  attach(counters: string | undefined, tables: readonly unknown[], exports: WebAssembly.Exports): void {
    if (counters === undefined) return;
    const functions = exports[counters] as WebAssembly.Table;
    tables.forEach((table, index) => {
      functions.set(index, this.#countersOf(table as WebAssembly.Table)['count']);
    });
  }

  /** What counts calls through this table, whichever module makes them. */
  #countersOf(table: WebAssembly.Table): WebAssembly.Exports {
    const known = this.#byTable.get(table) ?? this.#make();
    this.#byTable.set(table, known);
    return known;
  }

  /** The slots that were called of the tables of an instance, in order. */
  counts(module: Module, probes: Probes, exports: WebAssembly.Exports): readonly CountedSlot[] {
    return tablesOf(module, probes, exports).flatMap((object, table) => {
      const memory = this.#byTable.get(object as WebAssembly.Table)?.['memory'];
      if (memory === undefined) return [];
      const calls = Array.from(new BigUint64Array((memory as WebAssembly.Memory).buffer), Number);
      return calls.flatMap((count, slot) => (count === 0 ? [] : [{ table, slot, calls: count }]));
    });
  }
}

/** The tables of an instance, in the order of their indices. */
export function tablesOf(module: Module, probes: Probes, exports: WebAssembly.Exports): readonly unknown[] {
  return spaces(module).tables.map((_, index) => exports[probes.table(index)]);
}
