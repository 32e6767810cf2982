/**
 * A list of runs that Wasm adds to, in a memory of its own. A call from one Wasm instance to another costs a
 * few nanoseconds, one to JavaScript ten times as much, and a memory can have millions of runs.
 */
import { closedGap, Runs } from '../snapshot/runs.ts';
import { encode, madeSpan } from '../wasm/encode.ts';
import { assembleBody, type Op } from '../wasm/instructions.ts';
import { EMPTY_MODULE, type Module } from '../wasm/module.ts';
import type { FuncIdx, FuncType, TypeIdx } from '../wasm/types.ts';
import { compileNow } from './engine.ts';

/** add(start, end, gap): gaps of up to so many zeros are closed. Ends are below 4 GiB. */
export const ADD: FuncType = { kind: 'func', params: ['i32', 'i32', 'i32'], results: [] };

export class RunList {
  readonly #exports: WebAssembly.Exports;
  readonly #memory: WebAssembly.Memory;

  /** Room for so many runs, or nearly; where it is used up, or the host gives no more, the last run reaches on. */
  constructor(most: number = MOST_PAGES * RUNS_A_PAGE) {
    compiled ??= compileNow(encode(LIST));
    const maximum = Math.max(GROWN_PAGES, Math.min(MOST_PAGES, Math.floor(most / RUNS_A_PAGE)));
    this.#memory = new WebAssembly.Memory({ initial: GROWN_PAGES, maximum });
    this.#exports = new WebAssembly.Instance(compiled, { '': { memory: this.#memory } }).exports;
  }

  /** The function that adds, for a kernel to import. */
  get function(): WebAssembly.ExportValue {
    return this.#exports['add'] as WebAssembly.ExportValue;
  }

  add(start: number, end: number): void {
    (this.function as CallableFunction)(start | 0, end | 0, closedGap(start, start + 1));
  }

  /** The runs, as they stand in its memory; nothing is added to the list from here on. */
  runs(): Runs {
    const size = (this.#exports['size'] as CallableFunction)() as number;
    return new Runs(new Float64Array(this.#memory.buffer), (size >>> 0) / RUN_SIZE);
  }
}

let compiled: WebAssembly.Module | undefined;

/** Two doubles: addresses of 32 bits need more than an i32, and JavaScript counts in doubles. */
const RUN_SIZE = 16;

/** What the memory begins with, and grows by: as good as nothing is touched before it is used. */
const GROWN_PAGES = 64;

/** So that its size is a number of 32 bits. There is no memory of so many runs that segments could tell apart. */
const MOST_PAGES = 65_536 - GROWN_PAGES;

const RUNS_A_PAGE = 65_536 / RUN_SIZE;

const START = 0;
const END = 1;
const GAP = 2;

/** The size of the list in bytes, the end of its last run, and how far the memory reaches. */
const SIZE = 0;
const LAST = 1;
const ROOM = 2;

const i32 = (value: number): Op => ['i32.const', value];
const get = (local: number): Op => ['local.get', local];
const number = (local: number, offset: number): readonly Op[] => [
  ['global.get', SIZE],
  get(local),
  ['f64.convert_i32_u'],
  ['f64.store', { align: 3, mem: 0, offset: BigInt(offset) }],
];

/** The last run becomes longer. */
const lengthen: readonly Op[] = [
  get(END),
  ['global.set', LAST],
  ['global.get', SIZE],
  i32(RUN_SIZE / 2),
  ['i32.sub'],
  get(END),
  ['f64.convert_i32_u'],
  ['f64.store', { align: 3, mem: 0, offset: 0n }],
  ['return'],
];

const body: readonly Op[] = [
  // Near the last run: it is no run of its own.
  ['global.get', SIZE],
  ['if', { block: undefined }],
  get(START),
  ['global.get', LAST],
  ['i32.sub'],
  get(GAP),
  ['i32.le_u'],
  ['if', { block: undefined }],
  ...lengthen,
  ['end'],
  ['end'],
  ['global.get', SIZE],
  ['global.get', ROOM],
  ['i32.eq'],
  ['if', { block: undefined }],
  i32(GROWN_PAGES),
  ['memory.grow', 0],
  i32(0),
  ['i32.lt_s'],
  ['if', { block: undefined }],
  ...lengthen,
  ['end'],
  ['global.get', ROOM],
  i32(GROWN_PAGES << 16),
  ['i32.add'],
  ['global.set', ROOM],
  ['end'],
  ...number(START, 0),
  ...number(END, RUN_SIZE / 2),
  ['global.get', SIZE],
  i32(RUN_SIZE),
  ['i32.add'],
  ['global.set', SIZE],
  get(END),
  ['global.set', LAST],
];

const counter = (from: number): Module['globals'][number] => ({
  type: { val: 'i32', mutable: true },
  init: madeSpan(assembleBody([i32(from)]).subarray(1), 'run list'),
});

const LIST: Module = {
  ...EMPTY_MODULE,
  types: [ADD, { kind: 'func', params: [], results: ['i32'] } as const].map((comp) => ({
    types: [{ final: true, supers: [], comp }],
    explicit: false,
  })),
  funcs: [0 as TypeIdx, 1 as TypeIdx],
  imports: [
    {
      module: '',
      name: 'memory',
      desc: { kind: 'mem', type: { address: 'i32', shared: false, min: 0n, max: undefined } },
    },
  ],
  globals: [counter(0), counter(0), counter(GROWN_PAGES << 16)],
  exports: [
    { name: 'add', kind: 'func', index: 0 as FuncIdx },
    { name: 'size', kind: 'func', index: 1 as FuncIdx },
  ],
  codes: [
    madeSpan(assembleBody(body), 'run list'),
    madeSpan(assembleBody([['global.get', SIZE]]), 'run list'),
  ],
};
