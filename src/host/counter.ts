/**
 * Counters of calls through table slots: for each table a small module with a memory of its own, an
 * i64 a slot, whose function counts the slot that it is given and gives it back.
 */
import { type Counting, countCalls } from '../link/count.ts';
import { type EntityRef, entityKey } from '../link/entity.ts';
import { encode, madeSpan } from '../wasm/encode.ts';
import { assembleBody, type Op } from '../wasm/instructions.ts';
import { EMPTY_MODULE, type Module } from '../wasm/module.ts';
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
  readonly table: EntityRef;
  readonly slot: number;
  readonly calls: number;
}

export class CallCounters {
  readonly #byTable = new Map<string, { readonly table: EntityRef; readonly exports: WebAssembly.Exports }>();
  #compiled: WebAssembly.Module | undefined;

  /** The module with its calls counted, once `attach` has given its instance who counts. */
  instrument(module: Module): Counting {
    return countCalls(module);
  }

  /** Gives an instance its counting functions: one for each of its tables, by who defines it. */
  attach(
    counters: string | undefined,
    tables: readonly (EntityRef | undefined)[],
    exports: WebAssembly.Exports,
  ): void {
    if (counters === undefined) return;
    const functions = exports[counters] as WebAssembly.Table;
    tables.forEach((table, index) => {
      if (table !== undefined) functions.set(index, this.#functionFor(table));
    });
  }

  /** The function that counts calls through this table, whichever module makes them. */
  #functionFor(table: EntityRef): unknown {
    const key = entityKey(table);
    let counter = this.#byTable.get(key);
    if (counter === undefined) {
      this.#compiled ??= compileNow(encode(COUNTER));
      counter = { table, exports: new WebAssembly.Instance(this.#compiled).exports };
      this.#byTable.set(key, counter);
    }
    return counter.exports['count'];
  }

  /** The slots that were called, in the order of tables and slots. */
  counts(): readonly CountedSlot[] {
    return [...this.#byTable.values()].flatMap(({ table, exports }) => {
      const { buffer } = exports['memory'] as WebAssembly.Memory;
      const calls = Array.from(new BigUint64Array(buffer), Number);
      return calls.flatMap((count, slot) => (count === 0 ? [] : [{ table, slot, calls: count }]));
    });
  }
}
