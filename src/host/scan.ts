/**
 * The scan of a memory for what is not zero, at memory speed: a kernel in Wasm that imports the
 * memory and looks at 128 bytes a step. It adds each run to a list by a call, for it has no other memory.
 *
 * The runs are those of src/snapshot/runs.ts, whichever of the two finds them.
 */
import { addRuns, closedGap, nonZeroRuns, type Runs, WIDE_ADDRESSES } from '../snapshot/runs.ts';
import { encode, madeSpan } from '../wasm/encode.ts';
import { assembleBody, type Op } from '../wasm/instructions.ts';
import { EMPTY_MODULE, type Module } from '../wasm/module.ts';
import type { FuncIdx, FuncType, TypeIdx } from '../wasm/types.ts';
import { compileNow } from './engine.ts';
import { ADD, RunList } from './run-list.ts';
import type { Touched } from './touched.ts';

/** Bytes that are looked at a step; the kernel takes whole steps. */
const STEP = 128;
const BLOCK = 16;

/**
 * Bytes a call. V8 runs a function as its baseline compiler made it until the optimized one is there,
 * and changes over between calls, not inside a loop: with one call for all, a scan is five times slower.
 */
const CHUNK = 1 << 17;

/** Below so many bytes, compiling the kernel takes longer than the scan. */
const WORTH_IT = 1 << 18;

/** The runs of a memory that is not shared and counts its addresses in 32 bits; others by bytes alone. */
export function scan(memory: WebAssembly.Memory, touched?: Touched): Runs {
  const bytes = new Uint8Array(memory.buffer);
  const kernel = bytes.length >= WORTH_IT ? kernelFor(memory) : undefined;
  if (kernel === undefined) return nonZeroRuns(bytes);
  const { start } = WIDE_ADDRESSES;
  // Pages are whole steps; the last bytes of 4 GiB have narrow addresses again.
  const end = Math.min(bytes.length, WIDE_ADDRESSES.end);
  addRuns(kernel.list, bytes, 0, start);
  const last = end - STEP;
  // Where it is known what was never touched, the rest is not looked at.
  for (const part of touched?.(bytes) ?? [{ start, end: last }]) {
    const stop = Math.min(last, part.end);
    for (let from = Math.max(start, part.start); from < stop; ) {
      const to = Math.min(stop, from - (from % CHUNK) + CHUNK);
      kernel.scan(from, to);
      from = to;
    }
  }
  const runs = kernel.list.runs();
  // Not by the kernel: behind the end of 4 GiB there is no address to stop at.
  addRuns(runs, bytes, end - STEP, bytes.length);
  return runs;
}

interface Kernel {
  readonly list: RunList;
  /** Adds the runs of bytes [from, to), whole steps. */
  readonly scan: (from: number, to: number) => void;
}

/** null where this engine does not take it. */
let compiled: WebAssembly.Module | null | undefined;

function kernelFor(memory: WebAssembly.Memory): Kernel | undefined {
  try {
    if (compiled === undefined) compiled = compileNow(encode(KERNEL));
    if (compiled === null) return undefined;
    const list = new RunList();
    const { exports } = new WebAssembly.Instance(compiled, { '': { memory, add: list.function } });
    const scanned = exports['scan'] as CallableFunction;
    return {
      list,
      scan: (from, to) => {
        scanned(from | 0, to | 0, closedGap(from, to));
      },
    };
  } catch (error) {
    // No vectors.
    if (error instanceof WebAssembly.CompileError) compiled = null;
    // A memory of 64-bit addresses, or a shared one.
    else if (!(error instanceof WebAssembly.LinkError)) throw error;
    return undefined;
  }
}

/** scan(from, to, gap): gaps of up to so many zeros are closed. */
const SCAN: FuncType = { kind: 'func', params: ['i32', 'i32', 'i32'], results: [] };
const AT = 0;
const TO = 1;
const GAP = 2;
/** The run that is open; -1 where none is. No run begins at the last byte, see above. */
const START = 3;
/** Behind the last byte that is not zero. */
const LAST = 4;
/** A bit for each byte of a block: whether it is not zero. */
const MASK = 5;
/** The address of the next such byte, and where the block ends. */
const BYTE = 6;
const BLOCK_END = 7;

const i32 = (value: number): Op => ['i32.const', value];
const get = (local: number): Op => ['local.get', local];
const set = (local: number): Op => ['local.set', local];
const load = (offset: number): readonly Op[] => [
  get(AT),
  ['v128.load', { align: 4, mem: 0, offset: BigInt(offset) }],
];

/** Leaves whether any of the next bytes is not zero. */
const anyInStep: readonly Op[] = [
  ...load(0),
  ...Array.from({ length: STEP / BLOCK - 1 }, (_, i) => [...load((i + 1) * BLOCK), ['v128.or'] as Op]).flat(),
  ['v128.any_true'],
];

/** Adds the open run, if there is one. */
const add: readonly Op[] = [
  get(START),
  i32(-1),
  ['i32.ne'],
  ['if', { block: undefined }],
  get(START),
  get(LAST),
  get(GAP),
  ['call', 0],
  ['end'],
];

/** Takes the bytes of MASK one group of ones at a time. */
const takeMask: readonly Op[] = [
  ['loop', { block: undefined }],
  get(MASK),
  ['if', { block: undefined }],
  // The next byte that is not zero begins a run where the gap before it is wide enough.
  get(AT),
  get(MASK),
  ['i32.ctz'],
  ['i32.add'],
  ['local.tee', BYTE],
  get(LAST),
  ['i32.sub'],
  get(GAP),
  ['i32.gt_u'],
  ['if', { block: undefined }],
  ...add,
  get(BYTE),
  set(START),
  ['end'],
  // Adding the lowest one carries through the ones above it: what is left is behind them.
  get(MASK),
  get(MASK),
  get(MASK),
  i32(0),
  get(MASK),
  ['i32.sub'],
  ['i32.and'],
  ['i32.add'],
  ['local.tee', MASK],
  ['i32.ctz'],
  get(AT),
  ['i32.add'],
  set(LAST),
  get(MASK),
  ['i32.and'],
  set(MASK),
  ['br', 1],
  ['end'],
  ['end'],
];

const takeStep: readonly Op[] = [
  get(AT),
  i32(STEP),
  ['i32.add'],
  set(BLOCK_END),
  ['loop', { block: undefined }],
  ...load(0),
  ['v128.const', new Uint8Array(16)],
  ['i8x16.ne'],
  ['i8x16.bitmask'],
  set(MASK),
  ...takeMask,
  get(AT),
  i32(BLOCK),
  ['i32.add'],
  ['local.tee', AT],
  get(BLOCK_END),
  ['i32.ne'],
  ['br_if', 0],
  ['end'],
];

const body: readonly Op[] = [
  i32(-1),
  set(START),
  // So far before, that the first byte begins a run.
  get(AT),
  i32(STEP),
  ['i32.sub'],
  set(LAST),
  ['loop', { block: undefined }],
  get(AT),
  get(TO),
  ['i32.lt_u'],
  ['if', { block: undefined }],
  ...anyInStep,
  ['if', { block: undefined }],
  ...takeStep,
  ['else'],
  get(AT),
  i32(STEP),
  ['i32.add'],
  set(AT),
  ['end'],
  ['br', 1],
  ['end'],
  ['end'],
  ...add,
];

const KERNEL: Module = {
  ...EMPTY_MODULE,
  types: [ADD, SCAN].map((comp) => ({ types: [{ final: true, supers: [], comp }], explicit: false })),
  imports: [
    {
      module: '',
      name: 'memory',
      desc: { kind: 'mem', type: { address: 'i32', shared: false, min: 0n, max: undefined } },
    },
    { module: '', name: 'add', desc: { kind: 'func', type: 0 as TypeIdx } },
  ],
  funcs: [1 as TypeIdx],
  exports: [{ name: 'scan', kind: 'func', index: 1 as FuncIdx }],
  codes: [madeSpan(assembleBody(body, [{ count: 5, type: 'i32' }]), 'scan')],
};
