// Adapters: small modules between a module under test and JavaScript.
// The JavaScript API refuses v128 and exception references, and may quieten a NaN on the way through a
// number. An adapter imports what an instance exports and hands it on under a signature of integers: floats
// reinterpreted, a v128 as two i64. References pass as they are, beside a number that says what they are,
// since JavaScript cannot tell a struct from an array.
// The adapter starts with a copy of the module's own types, so that every type in a signature means the same.
import type { Export, FuncType, Signature, ValType } from './signature.ts';

/** What a value type looks like from JavaScript. */
type Passage = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'ref' | 'any' | 'exn';

/** A value as it came out, or as it goes in. */
export type Observed =
  | { readonly type: 'i32' | 'i64' | 'f32' | 'f64'; readonly bits: bigint }
  | { readonly type: 'v128'; readonly bits: bigint }
  /** `what` says which of these an `any` is; other references have "ref". */
  | {
      readonly type: 'ref';
      readonly value: unknown;
      readonly what: 'ref' | 'i31' | 'struct' | 'array' | 'host' | 'exn';
    };

export interface Adapter {
  /** Calls the function, or reads the global. Throws what it throws. */
  call(args: readonly Observed[]): readonly Observed[];
}

type AdaptedExport = Exclude<Export, { kind: 'other' }>;

/** Binary codes used below. https://webassembly.github.io/spec/core/appendix/index-instructions.html */
const I32 = 0x7f;
const I64 = 0x7e;
const op = {
  end: 0x0b,
  call: 0x10,
  localGet: 0x20,
  localSet: 0x21,
  globalGet: 0x23,
  i32Const: 0x41,
  i32Or: 0x72,
  i32Shl: 0x74,
  refNull: 0xd0,
  refIsNull: 0xd1,
  i32FromF32: 0xbc,
  i64FromF64: 0xbd,
  f32FromI32: 0xbe,
  f64FromI64: 0xbf,
  gc: 0xfb,
  refTest: 0x14,
  simd: 0xfd,
  i64x2Splat: 0x12,
  i64x2Extract: 0x1d,
  i64x2Replace: 0x1e,
} as const;

/** Heap types that are asked for, in the order of the bits of the number beside an `any`; bit 0 is null. */
const TESTS = [
  ['i31', 0x6c],
  ['struct', 0x6b],
  ['array', 0x6a],
] as const;

/** One adapter module for all functions and globals that an instance exports. */
export function adapt(signature: Signature, exports: WebAssembly.Exports): ReadonlyMap<string, Adapter> {
  const adapted = signature.exports.filter((item): item is AdaptedExport => item.kind !== 'other');
  const bytes = encodeAdapter(signature, adapted);
  const imports: Record<string, WebAssembly.ImportValue> = {};
  adapted.forEach((item, index) => {
    const value = exports[item.name];
    if (value === undefined) throw new Error(`the instance does not export ${item.name}`);
    imports[`i${index}`] = value;
  });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { '': imports });
  const adapters = new Map<string, Adapter>();
  adapted.forEach((item, index) => {
    const entry = instance.exports[`e${index}`];
    if (typeof entry === 'function')
      adapters.set(item.name, createAdapter(signature, item, entry as (...args: unknown[]) => unknown));
  });
  return adapters;
}

function createAdapter(
  signature: Signature,
  item: AdaptedExport,
  entry: (...args: unknown[]) => unknown,
): Adapter {
  const type = typeOf(signature, item);
  const params = type.params.map((param) => passageOf(param, signature));
  const results = type.results.map((result) => passageOf(result, signature));
  return {
    call(args) {
      if (args.length !== params.length)
        throw new Error(`${item.name} takes ${params.length} arguments, not ${args.length}`);
      const answer = entry(...args.flatMap((arg, index) => lower(arg, params[index])));
      const flat =
        results.length === 0 ? [] : Array.isArray(answer) ? (answer as readonly unknown[]) : [answer];
      let at = 0;
      return results.map((passage) => {
        const first = flat[at++];
        const second = passage === 'v128' || passage === 'any' ? flat[at++] : undefined;
        return lift(passage, first, second);
      });
    },
  };
}

function lower(arg: Observed, passage: Passage | undefined): readonly unknown[] {
  if (passage === 'exn') return [];
  if (arg.type === 'ref') return [arg.value];
  if (arg.type !== passage) throw new Error(`an argument is ${arg.type} where ${passage} is taken`);
  if (arg.type === 'i32' || arg.type === 'f32') return [Number(BigInt.asIntN(32, arg.bits))];
  if (arg.type === 'v128') return [BigInt.asIntN(64, arg.bits), BigInt.asIntN(64, arg.bits >> 64n)];
  return [BigInt.asIntN(64, arg.bits)];
}

function lift(passage: Passage, first: unknown, second: unknown): Observed {
  switch (passage) {
    case 'i32':
    case 'f32':
      return { type: passage, bits: BigInt.asUintN(32, BigInt(first as number)) };
    case 'i64':
    case 'f64':
      return { type: passage, bits: BigInt.asUintN(64, first as bigint) };
    case 'v128':
      return {
        type: passage,
        bits: BigInt.asUintN(64, first as bigint) | (BigInt.asUintN(64, second as bigint) << 64n),
      };
    case 'exn':
      return { type: 'ref', value: first === 1 ? null : {}, what: 'exn' };
    case 'ref':
      return { type: 'ref', value: first, what: 'ref' };
    case 'any':
      return {
        type: 'ref',
        value: first,
        what: TESTS.find((_, index) => ((second as number) & (2 << index)) !== 0)?.[0] ?? 'host',
      };
  }
}

function typeOf(signature: Signature, item: AdaptedExport): FuncType {
  if (item.kind === 'global') return { params: [], results: [item.type] };
  const type = signature.funcTypes.get(item.type);
  if (type === undefined) throw new Error(`${item.name} has no function type`);
  return type;
}

function passageOf(type: ValType, signature: Signature): Passage {
  const [code = 0] = type;
  switch (code) {
    case 0x7f:
      return 'i32';
    case 0x7e:
      return 'i64';
    case 0x7d:
      return 'f32';
    case 0x7c:
      return 'f64';
    case 0x7b:
      return 'v128';
    case 0x63:
    case 0x64:
      return heapPassage(type.subarray(1), signature);
    default:
      return heapPassage(type, signature);
  }
}

/** Abstract heap types are one byte with bit 6 set, which makes them negative; concrete ones are a typeidx. */
function heapPassage(heap: Uint8Array, signature: Signature): Passage {
  const [code = 0] = heap;
  if (heap.length === 1 && (code & 0x40) !== 0) {
    // exn and noexn; func, nofunc, extern and noextern; the rest is below any.
    if (code === 0x69 || code === 0x74) return 'exn';
    return [0x70, 0x73, 0x6f, 0x72].includes(code) ? 'ref' : 'any';
  }
  let index = 0;
  heap.forEach((byte, place) => {
    index += (byte & 0x7f) * 128 ** place;
  });
  return signature.kinds[index] === 'func' ? 'ref' : 'any';
}

// Encoding

function encodeAdapter(signature: Signature, items: readonly AdaptedExport[]): Uint8Array<ArrayBuffer> {
  const typeBase = signature.kinds.length;
  const funcItems = items.filter((item) => item.kind === 'func');
  const types = items.map((item) => encodeType(typeOf(signature, item), signature));
  const imports = items.map((item, index) => [
    ...name(''),
    ...name(`i${index}`),
    ...(item.kind === 'func' ? [0, ...leb(item.type)] : [3, ...item.type, item.mutable ? 1 : 0]),
  ]);
  const exports = items.map((_, index) => [...name(`e${index}`), 0, ...leb(funcItems.length + index)]);
  let func = 0;
  let global = 0;
  const bodies = items.map((item) => {
    const source = item.kind === 'func' ? [op.call, ...leb(func++)] : [op.globalGet, ...leb(global++)];
    return encodeBody(typeOf(signature, item), source, signature);
  });
  return Uint8Array.from([
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, [...leb(signature.recTypeCount + types.length), ...signature.recTypes, ...types.flat()]),
    ...section(2, [...leb(imports.length), ...imports.flat()]),
    ...section(3, [...leb(items.length), ...items.flatMap((_, index) => leb(typeBase + index))]),
    ...section(7, [...leb(exports.length), ...exports.flat()]),
    ...section(10, [...leb(bodies.length), ...bodies.flat()]),
  ]);
}

/** The signature that JavaScript sees. */
function encodeType(type: FuncType, signature: Signature): readonly number[] {
  const params = type.params.map((param): readonly number[][] => {
    const passage = passageOf(param, signature);
    return passage === 'exn' ? [] : passage === 'any' ? [[...param]] : seen(passage, param);
  });
  const results = type.results.map((result) => seen(passageOf(result, signature), result));
  return [0x60, ...vec(params.flat()), ...vec(results.flat())];
}

function seen(passage: Passage, type: ValType): readonly number[][] {
  switch (passage) {
    case 'i32':
    case 'f32':
    case 'exn':
      return [[I32]];
    case 'i64':
    case 'f64':
      return [[I64]];
    case 'v128':
      return [[I64], [I64]];
    case 'ref':
      return [[...type]];
    case 'any':
      return [[...type], [I32]];
  }
}

function encodeBody(type: FuncType, source: readonly number[], signature: Signature): readonly number[] {
  const code: number[] = [];
  let local = 0;
  for (const param of type.params) {
    const passage = passageOf(param, signature);
    code.push(...encodeArgument(passage, local, param));
    local += passage === 'exn' ? 0 : passage === 'v128' ? 2 : 1;
  }
  code.push(...source);
  // Results are on the stack in order: the last is taken off first.
  for (let index = type.results.length - 1; index >= 0; index--)
    code.push(op.localSet, ...leb(local + index));
  code.push(
    ...type.results.flatMap((result, index) => encodeResult(passageOf(result, signature), local + index)),
  );
  const locals = type.results.map((result) => [1, ...result]);
  const body = [...vec(locals), ...code, op.end];
  return [...leb(body.length), ...body];
}

function encodeArgument(passage: Passage, local: number, type: ValType): readonly number[] {
  const get = [op.localGet, ...leb(local)];
  switch (passage) {
    case 'f32':
      return [...get, op.f32FromI32];
    case 'f64':
      return [...get, op.f64FromI64];
    case 'v128':
      return [...get, op.simd, op.i64x2Splat, op.localGet, ...leb(local + 1), op.simd, op.i64x2Replace, 1];
    case 'exn':
      // Only null can come from outside.
      return [op.refNull, type[0] === 0x63 || type[0] === 0x64 ? (type[1] ?? 0) : (type[0] ?? 0)];
    default:
      return get;
  }
}

function encodeResult(passage: Passage, local: number): readonly number[] {
  const get = [op.localGet, ...leb(local)];
  switch (passage) {
    case 'f32':
      return [...get, op.i32FromF32];
    case 'f64':
      return [...get, op.i64FromF64];
    case 'v128':
      return [...get, op.simd, op.i64x2Extract, 0, ...get, op.simd, op.i64x2Extract, 1];
    case 'exn':
      return [...get, op.refIsNull];
    case 'any': {
      const tests = TESTS.flatMap(([, heap], index) => [
        ...get,
        op.gc,
        op.refTest,
        heap,
        op.i32Const,
        index + 1,
        op.i32Shl,
        op.i32Or,
      ]);
      return [...get, ...get, op.refIsNull, ...tests];
    }
    default:
      return get;
  }
}

function section(id: number, content: readonly number[]): readonly number[] {
  return [id, ...leb(content.length), ...content];
}

function vec(items: readonly (readonly number[])[]): readonly number[] {
  return [...leb(items.length), ...items.flat()];
}

function name(text: string): readonly number[] {
  const bytes = new TextEncoder().encode(text);
  return [...leb(bytes.length), ...bytes];
}

function leb(value: number): readonly number[] {
  const bytes: number[] = [];
  let left = value;
  do {
    bytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    left >>>= 7;
  } while (left !== 0);
  return bytes;
}
