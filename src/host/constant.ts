/**
 * What an immutable global that an instance imports was given, as an instruction that makes it.
 */
import type { Probes } from '../link/instrument.ts';
import type { Op } from '../wasm/instructions.ts';
import { isRef, type RefType, type ValType } from '../wasm/types.ts';

/** Undefined for a reference that is not null. `value` is what stood in the import object. */
export function constantOp(
  exports: WebAssembly.Exports,
  probes: Probes,
  type: ValType,
  index: number,
  value: unknown,
): Op | undefined {
  // JavaScript may quieten a NaN and cannot read a vector, so the bits come out of the instance.
  const part = (which: 0 | 1): bigint => {
    const read = exports[probes.globalBits(index, which)];
    if (typeof read !== 'function') throw new TypeError(`no probe reads global ${index}`);
    return BigInt(read());
  };
  if (type === 'f32') return ['f32.const', BigInt.asUintN(32, part(0))];
  if (type === 'f64') return ['f64.const', BigInt.asUintN(64, part(0))];
  if (type === 'v128') {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setBigInt64(0, part(0), true);
    view.setBigInt64(8, part(1), true);
    return ['v128.const', bytes];
  }
  const plain = plainValue(value);
  if (type === 'i64') return ['i64.const', BigInt.asIntN(64, BigInt(plain as bigint))];
  if (type === 'i32') return ['i32.const', Number(plain) | 0];
  return isRef(type) && plain === null ? ['ref.null', { heap: type.heap }] : undefined;
}

/** Whether a value of this type can be an object of the host's. */
export function holdsHosts({ heap }: RefType): boolean {
  return heap === 'extern' || heap === 'any';
}

/** What a global is given is its value, or a `WebAssembly.Global` that holds it. */
export function plainValue(value: unknown): unknown {
  return value instanceof WebAssembly.Global ? value.value : value;
}
