/**
 * Instructions as values, for printing and for building: slower than walk.ts, and made for code
 * that a person looks at or that `freeze` itself writes. Both directions follow the opcode table.
 */
import { badByte, unknownOpcode } from '../errors/malformed.ts';
import { type Immediate, type OpcodeRow, opcodeNamed, opcodeRow, prefixed } from './opcodes.ts';
import { Reader } from './reader.ts';
import {
  type HeapType,
  readHeapType,
  readValType,
  type TagIdx,
  type TypeIdx,
  type ValType,
  writeHeapType,
  writeValType,
} from './types.ts';
import type { Span } from './walk.ts';
import { Writer } from './writer.ts';

export interface MemArg {
  /** Base-2 logarithm of the alignment. */
  readonly align: number;
  readonly mem: number;
  readonly offset: bigint;
}

export type BlockType = undefined | ValType | TypeIdx;

export interface Catch {
  readonly kind: 'catch' | 'catch_ref' | 'catch_all' | 'catch_all_ref';
  readonly tag: TagIdx | undefined;
  readonly label: number;
}
const CATCH_KINDS = ['catch', 'catch_ref', 'catch_all', 'catch_all_ref'] as const;

/** What an immediate is as a value. Floats are bit patterns, so that NaN payloads survive. */
export type Operand =
  | number
  | bigint
  | Uint8Array
  | MemArg
  | { readonly block: BlockType }
  | { readonly heap: HeapType }
  | { readonly types: readonly ValType[] }
  | { readonly labels: readonly number[] }
  | { readonly catches: readonly Catch[] };

export interface Instruction {
  readonly row: OpcodeRow;
  readonly operands: readonly Operand[];
  /** Where it starts, from the start of the span's view. */
  readonly at: number;
}

export interface LocalGroup {
  readonly count: number;
  readonly type: ValType;
}

function readBlockType(r: Reader): BlockType {
  const byte = r.peek();
  if (byte === 0x40) {
    r.u8();
    return undefined;
  }
  if (byte > 0x40 && byte < 0x80) return readValType(r);
  const at = r.offset;
  const index = r.s33();
  if (index < 0) throw badByte('block type', byte, r.section, at);
  return index as TypeIdx;
}

function readCatch(r: Reader): Catch {
  const at = r.offset;
  const code = r.u8();
  const kind = CATCH_KINDS[code];
  if (kind === undefined) throw badByte('catch clause', code, r.section, at);
  return { kind, tag: code < 2 ? (r.u32() as TagIdx) : undefined, label: r.u32() };
}

function readMemArg(r: Reader): MemArg {
  const flags = r.u32();
  const mem = (flags & 0x40) !== 0 ? r.u32() : 0;
  return { align: flags & 0x3f, mem, offset: r.u64() };
}

function little(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function readOperand(r: Reader, immediate: Immediate): Operand {
  switch (immediate) {
    case 'i32':
      return r.s32();
    case 'i64':
      return r.s64();
    case 'f32':
      return little(r.take(4));
    case 'f64':
      return little(r.take(8));
    case 'v128':
    case 'lanes':
      return r.take(16);
    case 'laneidx':
    case 'castop':
    case 'zero':
      return r.u8();
    case 'blocktype':
      return { block: readBlockType(r) };
    case 'heaptype':
      return { heap: readHeapType(r) };
    case 'valtypes':
      return { types: r.vec(readValType) };
    case 'memarg':
      return readMemArg(r);
    case 'labels':
      return { labels: [...r.vec((s) => s.u32()), r.u32()] };
    case 'catches':
      return { catches: r.vec(readCatch) };
    default:
      return r.u32();
  }
}

function readInstruction(r: Reader): Instruction {
  const at = r.pos;
  const byte = r.u8();
  const opcode = byte < 0xfb ? byte : prefixed(byte, r.u32());
  const row = opcodeRow(opcode);
  if (row === undefined) throw unknownOpcode(`0x${byte.toString(16)}`, r.section, r.base + at);
  return { row, operands: row.immediates.map((immediate) => readOperand(r, immediate)), at };
}

function readerOf(span: Span): Reader {
  return new Reader(span.bytes.subarray(0, span.end), span.label, span.base, span.start);
}

/** The instructions of an expression, one at a time. */
export function* readExpr(span: Span): Generator<Instruction> {
  const reader = readerOf(span);
  while (!reader.eof) yield readInstruction(reader);
}

/** The local declarations and the instructions of a function body. */
export function readBody(span: Span): {
  readonly locals: readonly LocalGroup[];
  readonly code: Generator<Instruction>;
} {
  const reader = readerOf(span);
  const locals = reader.vec((r) => ({ count: r.u32(), type: readValType(r) }));
  return { locals, code: readExpr({ ...span, start: reader.pos }) };
}

function writeOperand(w: Writer, immediate: Immediate, operand: Operand): void {
  if (typeof operand === 'number') {
    if (immediate === 'i32') w.s33(operand);
    else if (immediate === 'laneidx' || immediate === 'castop' || immediate === 'zero') w.u8(operand);
    else w.u32(operand);
  } else if (typeof operand === 'bigint') {
    if (immediate === 'i64') w.s64(operand);
    else w.little(operand, immediate === 'f32' ? 4 : 8);
  } else if (operand instanceof Uint8Array) {
    w.raw(operand);
  } else if ('align' in operand) {
    w.u32(operand.align | (operand.mem === 0 ? 0 : 0x40));
    if (operand.mem !== 0) w.u32(operand.mem);
    w.u64(operand.offset);
  } else if ('block' in operand) {
    if (operand.block === undefined) w.u8(0x40);
    else if (typeof operand.block === 'number') w.s33(operand.block);
    else writeValType(w, operand.block);
  } else if ('heap' in operand) {
    writeHeapType(w, operand.heap);
  } else if ('types' in operand) {
    w.vec(operand.types, writeValType);
  } else if ('labels' in operand) {
    w.u32(operand.labels.length - 1);
    for (const label of operand.labels) w.u32(label);
  } else {
    w.vec(operand.catches, (v, { kind, tag, label }) => {
      v.u8(CATCH_KINDS.indexOf(kind));
      if (tag !== undefined) v.u32(tag);
      v.u32(label);
    });
  }
}

export function writeInstruction(w: Writer, row: OpcodeRow, operands: readonly Operand[]): void {
  if (row.prefix !== 0) w.u8(row.prefix).u32(row.code);
  else w.u8(row.code);
  row.immediates.forEach((immediate, i) => {
    const operand = operands[i];
    if (operand === undefined) throw new TypeError(`${row.name} wants ${row.immediates.join(', ')}`);
    writeOperand(w, immediate, operand);
  });
}

/** One line of code that `freeze` writes: an instruction's name and its operands. */
export type Op = readonly [name: string, ...operands: Operand[]];

/** An expression with its `end`. */
export function assemble(ops: readonly Op[]): Uint8Array {
  const w = new Writer(32);
  for (const [name, ...operands] of ops) writeInstruction(w, opcodeNamed(name), operands);
  return w.u8(0x0b).finish();
}

/** A function body: local declarations, then an expression. */
export function assembleBody(ops: readonly Op[], locals: readonly LocalGroup[] = []): Uint8Array {
  const w = new Writer(64).vec(locals, (v, { count, type }) => writeValType(v.u32(count), type));
  return w.raw(assemble(ops)).finish();
}
