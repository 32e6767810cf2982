/**
 * The descriptors of the JS API as types of a module. The engine has taken them already, so they are
 * read without checks of our own.
 *
 * https://webassembly.github.io/spec/js-api/#memories (and #tables, #globals, #tags)
 */
import type {
  FuncType,
  GlobalType,
  Limits,
  MemType,
  NumType,
  RefType,
  TableType,
  ValType,
} from '../../wasm/types.ts';

type Descriptor = Readonly<Record<string, unknown>>;

const HEAPS: Readonly<Record<string, RefType['heap']>> = {
  anyfunc: 'func',
  funcref: 'func',
  externref: 'extern',
  anyref: 'any',
  eqref: 'eq',
  i31ref: 'i31',
  structref: 'struct',
  arrayref: 'array',
  exnref: 'exn',
  nullfuncref: 'nofunc',
  nullexternref: 'noextern',
  nullref: 'none',
  nullexnref: 'noexn',
};

function refType(name: unknown): RefType {
  return { nullable: true, heap: HEAPS[String(name)] ?? 'func' };
}

export function valType(name: unknown): ValType {
  const text = String(name);
  return ['i32', 'i64', 'f32', 'f64', 'v128'].includes(text) ? (text as NumType) : refType(text);
}

function limits(descriptor: Descriptor): Limits {
  const { address, index, maximum } = descriptor;
  const wide = address === 'i64' || index === 'i64';
  // The minimum is the size at the snapshot, which `bake` writes.
  return {
    address: wide ? 'i64' : 'i32',
    min: 0n,
    max: maximum === undefined ? undefined : BigInt(maximum as number | bigint),
  };
}

export function memoryType(descriptor: unknown): MemType {
  const fields = descriptor as Descriptor;
  return { ...limits(fields), shared: fields['shared'] === true };
}

export function tableType(descriptor: unknown): TableType {
  const fields = descriptor as Descriptor;
  return { ref: refType(fields['element']), limits: limits(fields) };
}

export function globalType(descriptor: unknown): GlobalType {
  const { value, mutable } = descriptor as Descriptor;
  return { val: valType(value), mutable: mutable === true };
}

/** Of a tag, which has parameters only, or a function. */
export function signature(descriptor: unknown): FuncType {
  const { parameters = [], results = [] } = descriptor as Record<string, Iterable<unknown> | undefined>;
  return { kind: 'func', params: Array.from(parameters, valType), results: Array.from(results, valType) };
}
