/**
 * Types as plain values, their reader and their writer.
 *
 * https://webassembly.github.io/spec/core/binary/types.html
 */
import { badByte } from '../errors/malformed.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

declare const brand: unique symbol;
/** Index types are branded, so that a funcidx cannot be passed as a typeidx. */
type Index<Kind extends string> = number & { readonly [brand]: Kind };
export type TypeIdx = Index<'typeidx'>;
export type FuncIdx = Index<'funcidx'>;
export type TableIdx = Index<'tableidx'>;
export type MemIdx = Index<'memidx'>;
export type GlobalIdx = Index<'globalidx'>;
export type TagIdx = Index<'tagidx'>;

const NUMBER_TYPES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b } as const;
export type NumType = keyof typeof NUMBER_TYPES;

const HEAP_TYPES = {
  noexn: 0x74,
  nofunc: 0x73,
  noextern: 0x72,
  none: 0x71,
  func: 0x70,
  extern: 0x6f,
  any: 0x6e,
  eq: 0x6d,
  i31: 0x6c,
  struct: 0x6b,
  array: 0x6a,
  exn: 0x69,
} as const;
export type AbsHeapType = keyof typeof HEAP_TYPES;
export type HeapType = AbsHeapType | TypeIdx;

export interface RefType {
  readonly nullable: boolean;
  readonly heap: HeapType;
}
export type ValType = NumType | RefType;
export type StorageType = ValType | 'i8' | 'i16';

export interface FieldType {
  readonly storage: StorageType;
  readonly mutable: boolean;
}
export interface FuncType {
  readonly kind: 'func';
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}
export interface StructType {
  readonly kind: 'struct';
  readonly fields: readonly FieldType[];
}
export interface ArrayType {
  readonly kind: 'array';
  readonly field: FieldType;
}
export type CompType = FuncType | StructType | ArrayType;

export interface SubType {
  readonly final: boolean;
  readonly supers: readonly TypeIdx[];
  readonly comp: CompType;
}

/** A recursion group. A lone type without 0x4e is a group of one; `explicit` keeps the difference. */
export interface RecType {
  readonly types: readonly SubType[];
  readonly explicit: boolean;
}

export interface Limits {
  readonly address: 'i32' | 'i64';
  readonly min: bigint;
  readonly max: bigint | undefined;
}
export interface MemType extends Limits {
  readonly shared: boolean;
}
export interface TableType {
  readonly ref: RefType;
  readonly limits: Limits;
}
export interface GlobalType {
  readonly val: ValType;
  readonly mutable: boolean;
}

export const FUNCREF: RefType = { nullable: true, heap: 'func' };

const numberOf = new Map<number, NumType>(
  Object.entries(NUMBER_TYPES).map(([name, code]) => [code, name as NumType]),
);
const heapOf = new Map<number, AbsHeapType>(
  Object.entries(HEAP_TYPES).map(([name, code]) => [code, name as AbsHeapType]),
);

export function isRef(type: StorageType): type is RefType {
  return typeof type === 'object';
}

export function readHeapType(r: Reader): HeapType {
  const at = r.offset;
  const byte = r.peek();
  const abstract = heapOf.get(byte);
  if (abstract !== undefined) {
    r.u8();
    return abstract;
  }
  const index = r.s33();
  if (index < 0) throw badByte('heap type', byte, r.section, at);
  return index as TypeIdx;
}

export function readRefType(r: Reader): RefType {
  const at = r.offset;
  const byte = r.u8();
  if (byte === 0x63 || byte === 0x64) return { nullable: byte === 0x63, heap: readHeapType(r) };
  const heap = heapOf.get(byte);
  if (heap === undefined) throw badByte('reference type', byte, r.section, at);
  return { nullable: true, heap };
}

export function readValType(r: Reader): ValType {
  const number = numberOf.get(r.peek());
  if (number === undefined) return readRefType(r);
  r.u8();
  return number;
}

function readFlag(r: Reader, what: string): boolean {
  const at = r.offset;
  const byte = r.u8();
  if (byte > 1) throw badByte(what, byte, r.section, at);
  return byte === 1;
}

function readFieldType(r: Reader): FieldType {
  const byte = r.peek();
  let storage: StorageType;
  if (byte === 0x78 || byte === 0x77) {
    r.u8();
    storage = byte === 0x78 ? 'i8' : 'i16';
  } else {
    storage = readValType(r);
  }
  return { storage, mutable: readFlag(r, 'mutability') };
}

function readCompType(r: Reader): CompType {
  const at = r.offset;
  const byte = r.u8();
  if (byte === 0x60) return { kind: 'func', params: r.vec(readValType), results: r.vec(readValType) };
  if (byte === 0x5f) return { kind: 'struct', fields: r.vec(readFieldType) };
  if (byte === 0x5e) return { kind: 'array', field: readFieldType(r) };
  throw badByte('composite type', byte, r.section, at);
}

function readSubType(r: Reader): SubType {
  const byte = r.peek();
  if (byte !== 0x50 && byte !== 0x4f) return { final: true, supers: [], comp: readCompType(r) };
  r.u8();
  return { final: byte === 0x4f, supers: r.vec((s) => s.u32() as TypeIdx), comp: readCompType(r) };
}

export function readRecType(r: Reader): RecType {
  if (r.peek() !== 0x4e) return { types: [readSubType(r)], explicit: false };
  r.u8();
  return { types: r.vec(readSubType), explicit: true };
}

/** Flag bits of limits: 1 has a maximum, 2 shared, 4 64-bit addresses. */
function readLimitFlags(r: Reader, allowed: number): { flags: number; limits: Limits } {
  const at = r.offset;
  const flags = r.u8();
  if ((flags & ~allowed) !== 0) throw badByte('limits flag', flags, r.section, at);
  const address = flags & 4 ? 'i64' : 'i32';
  const bound = (): bigint => (address === 'i64' ? r.u64() : BigInt(r.u32()));
  const min = bound();
  return { flags, limits: { address, min, max: flags & 1 ? bound() : undefined } };
}

export function readMemType(r: Reader): MemType {
  const { flags, limits } = readLimitFlags(r, 7);
  return { ...limits, shared: (flags & 2) !== 0 };
}

export function readTableType(r: Reader): TableType {
  return { ref: readRefType(r), limits: readLimitFlags(r, 5).limits };
}

export function readGlobalType(r: Reader): GlobalType {
  return { val: readValType(r), mutable: readFlag(r, 'mutability') };
}

export function readTagType(r: Reader): TypeIdx {
  const at = r.offset;
  const attribute = r.u8();
  if (attribute !== 0) throw badByte('tag attribute', attribute, r.section, at);
  return r.u32() as TypeIdx;
}

export function writeHeapType(w: Writer, heap: HeapType): void {
  if (typeof heap === 'number') w.s33(heap);
  else w.u8(HEAP_TYPES[heap]);
}

export function writeRefType(w: Writer, ref: RefType): void {
  if (ref.nullable && typeof ref.heap === 'string') w.u8(HEAP_TYPES[ref.heap]);
  else writeHeapType(w.u8(ref.nullable ? 0x63 : 0x64), ref.heap);
}

export function writeValType(w: Writer, type: ValType): void {
  if (isRef(type)) writeRefType(w, type);
  else w.u8(NUMBER_TYPES[type]);
}

function writeFieldType(w: Writer, field: FieldType): void {
  if (field.storage === 'i8') w.u8(0x78);
  else if (field.storage === 'i16') w.u8(0x77);
  else writeValType(w, field.storage);
  w.u8(field.mutable ? 1 : 0);
}

function writeCompType(w: Writer, comp: CompType): void {
  if (comp.kind === 'func') w.u8(0x60).vec(comp.params, writeValType).vec(comp.results, writeValType);
  else if (comp.kind === 'struct') w.u8(0x5f).vec(comp.fields, writeFieldType);
  else writeFieldType(w.u8(0x5e), comp.field);
}

function writeSubType(w: Writer, type: SubType): void {
  if (!type.final || type.supers.length > 0) {
    w.u8(type.final ? 0x4f : 0x50).vec(type.supers, (v, index) => v.u32(index));
  }
  writeCompType(w, type.comp);
}

export function writeRecType(w: Writer, rec: RecType): void {
  if (rec.explicit || rec.types.length !== 1) w.u8(0x4e).u32(rec.types.length);
  for (const type of rec.types) writeSubType(w, type);
}

function writeLimits(w: Writer, limits: Limits, shared: boolean): void {
  const wide = limits.address === 'i64';
  w.u8((limits.max === undefined ? 0 : 1) | (shared ? 2 : 0) | (wide ? 4 : 0));
  w.u64(limits.min);
  if (limits.max !== undefined) w.u64(limits.max);
}

export function writeMemType(w: Writer, type: MemType): void {
  writeLimits(w, type, type.shared);
}

export function writeTableType(w: Writer, type: TableType): void {
  writeRefType(w, type.ref);
  writeLimits(w, type.limits, false);
}

export function writeGlobalType(w: Writer, type: GlobalType): void {
  writeValType(w, type.val);
  w.u8(type.mutable ? 1 : 0);
}

/** The same type with every typeidx mapped; likewise below. */
export function mapRefType(type: RefType, map: (index: TypeIdx) => TypeIdx): RefType {
  return typeof type.heap === 'number' ? { nullable: type.nullable, heap: map(type.heap) } : type;
}

export function mapValType(type: ValType, map: (index: TypeIdx) => TypeIdx): ValType {
  return isRef(type) ? mapRefType(type, map) : type;
}

function mapCompType(comp: CompType, map: (index: TypeIdx) => TypeIdx): CompType {
  const field = ({ storage, mutable }: FieldType): FieldType => ({
    storage: isRef(storage) ? mapRefType(storage, map) : storage,
    mutable,
  });
  switch (comp.kind) {
    case 'func':
      return {
        kind: 'func',
        params: comp.params.map((type) => mapValType(type, map)),
        results: comp.results.map((type) => mapValType(type, map)),
      };
    case 'struct':
      return { kind: 'struct', fields: comp.fields.map(field) };
    case 'array':
      return { kind: 'array', field: field(comp.field) };
  }
}

export function mapSubType(type: SubType, map: (index: TypeIdx) => TypeIdx): SubType {
  return { final: type.final, supers: type.supers.map(map), comp: mapCompType(type.comp, map) };
}

/** As the text format writes it: `i32`, `funcref`, `(ref null 3)`. */
export function showType(type: StorageType): string {
  if (!isRef(type)) return type;
  if (type.nullable && typeof type.heap === 'string') {
    const short: Partial<Record<AbsHeapType, string>> = {
      none: 'nullref',
      nofunc: 'nullfuncref',
      noextern: 'nullexternref',
      noexn: 'nullexnref',
    };
    return short[type.heap] ?? `${type.heap}ref`;
  }
  return `(ref ${type.nullable ? 'null ' : ''}${type.heap})`;
}
