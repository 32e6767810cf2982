/**
 * Stubs: imports that become functions of the module, so that no host has to give them.
 */
import { madeSpan } from '../wasm/encode.ts';
import { assembleBody, type Op } from '../wasm/instructions.ts';
import type { Body } from '../wasm/module.ts';
import { type FuncType, isRef, type ValType } from '../wasm/types.ts';

export type Stub =
  | { readonly kind: 'trap' }
  /** Returns zero, null, or nothing. */
  | { readonly kind: 'nop' }
  /** Returns this value for every result, converted to its type. */
  | { readonly kind: 'const'; readonly value: bigint };

function floatBits(type: 'f32' | 'f64', value: bigint): bigint {
  const view = new DataView(new ArrayBuffer(8));
  if (type === 'f32') {
    view.setFloat32(0, Number(value));
    return BigInt(view.getUint32(0));
  }
  view.setFloat64(0, Number(value));
  return view.getBigUint64(0);
}

function result(type: ValType, value: bigint): Op {
  if (isRef(type)) return type.nullable ? ['ref.null', { heap: type.heap }] : ['unreachable'];
  switch (type) {
    case 'i32':
      return ['i32.const', Number(BigInt.asIntN(32, value))];
    case 'i64':
      return ['i64.const', BigInt.asIntN(64, value)];
    case 'f32':
    case 'f64':
      return [`${type}.const`, floatBits(type, value)];
    case 'v128':
      return ['v128.const', new Uint8Array(16)];
  }
}

/** The body of a function of this type that does what the stub says. */
export function stubBody(stub: Stub, type: FuncType): Body {
  const value = stub.kind === 'const' ? stub.value : 0n;
  const ops: readonly Op[] =
    stub.kind === 'trap' ? [['unreachable']] : type.results.map((one) => result(one, value));
  return madeSpan(assembleBody(ops), 'stub');
}
