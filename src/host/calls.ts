/**
 * Calls whose results are compared: arguments go in and results come out as bits, through an adapter, and what
 * ends a call is told in words that all engines share.
 */
import { exportNamed, type Module, spaces } from '../wasm/module.ts';
import { isRef, type TypeIdx, type ValType } from '../wasm/types.ts';
import { compileNow } from './engine.ts';
import { adapterFor } from './engines/adapter.ts';
import { trapKind } from './engines/trap.ts';
import { SeededBytes } from './wasi/random.ts';
import { WasiExit } from './wasi/types.ts';

/** A call of an export. For f32, f64 and v128 a bigint is the exact bits, a number the value. */
export interface ExportCall {
  readonly name: string;
  readonly args: readonly (number | bigint)[];
}

/** How deep a stack is depends on the engine, and on what it has optimized: what comes after cannot be compared. */
export const EXHAUSTED = 'trap: call stack exhausted';

/** Makes calls of the exports of an instance; `bytes` are its module, as it was before instrumentation. */
export class Caller {
  readonly #call: (call: ExportCall) => readonly string[];

  /** Throws where one of `names` is no export that takes and gives numbers only. */
  constructor(bytes: Uint8Array, exports: WebAssembly.Exports, names: readonly string[]) {
    const adapter = adapterFor(bytes, [...new Set(names)]);
    const wrapped = new WebAssembly.Instance(compileNow(adapter.bytes), { guest: exports }).exports;
    this.#call = ({ name, args }) => {
      const func = wrapped[name] as (...values: readonly (number | bigint)[]) => unknown;
      const lowered = adapter.lower(name, args).map((one) => (typeof one === 'string' ? BigInt(one) : one));
      const value = func(...lowered);
      const values: readonly unknown[] = value === undefined ? [] : Array.isArray(value) ? value : [value];
      return adapter.lift(name, values.map(String));
    };
  }

  /** The results, or what ended the call: `trap: unreachable`, `exit: 0`. */
  call(call: ExportCall): readonly string[] {
    try {
      return this.#call(call);
    } catch (error) {
      if (error instanceof WasiExit) return [`exit: ${error.code}`];
      if (error instanceof WebAssembly.Exception) return ['trap: uncaught exception'];
      const message = error instanceof Error ? error.message : String(error);
      // A stub that traps says so while the guest is live; its body is `unreachable`.
      if (message.endsWith('--stub-import makes it trap')) return ['trap: unreachable'];
      return [`trap: ${trapKind(message)}`];
    }
  }
}

/** The parameters of an exported function that takes and gives numbers only. */
export function numericParams(module: Module, name: string): readonly ValType[] | undefined {
  const item = exportNamed(module, name, 'func');
  const { funcs, types } = spaces(module);
  const comp = item && types[funcs[item.index] as TypeIdx]?.comp;
  if (comp?.kind !== 'func' || [...comp.params, ...comp.results].some(isRef)) return undefined;
  return comp.params;
}

/** Words that code goes wrong at. */
const EDGES = [0n, 1n, -1n, 2n, 0x7fffffffn, 0x80000000n, 0x7fffffffffffffffn, 0x8000000000000000n] as const;
/** Of a NaN with a payload, of infinity, of -0 and of 1, in each width. */
const FLOATS: Readonly<Record<'f32' | 'f64', readonly bigint[]>> = {
  f32: [0x7fa00001n, 0x7f800000n, 0x80000000n, 0x3f800000n],
  f64: [0x7ff4000000000001n, 0x7ff0000000000000n, 0x8000000000000000n, 0x3ff0000000000000n],
};

/** The same calls for the same exports and seed: small numbers mostly, edges, and any bits. */
export function randomCalls(
  exports: ReadonlyMap<string, readonly ValType[]>,
  count: number,
  seed: bigint,
): readonly ExportCall[] {
  const bytes = new SeededBytes(seed);
  const names = [...exports.keys()];
  const word = (): bigint => {
    const eight = new Uint8Array(8);
    bytes.fill(eight);
    return new DataView(eight.buffer).getBigUint64(0, true);
  };
  const below = (most: number): number => Number(word() % BigInt(most));
  const integer = (): bigint => {
    const kind = below(4);
    if (kind < 2) return BigInt(below(64));
    return kind === 2 ? (EDGES[below(EDGES.length)] ?? 0n) : word();
  };
  const argument = (type: ValType): bigint | number => {
    if (type === 'f32' || type === 'f64') {
      const bits = below(2) === 0 ? word() : (FLOATS[type][below(4)] ?? 0n);
      return BigInt.asUintN(type === 'f32' ? 32 : 64, bits);
    }
    if (type === 'v128') return (word() << 64n) | word();
    return integer();
  };
  return Array.from({ length: names.length === 0 ? 0 : count }, () => {
    const name = names[below(names.length)] ?? '';
    return { name, args: (exports.get(name) ?? []).map(argument) };
  });
}
