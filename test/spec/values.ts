// The constants of a .wast script as bit patterns.
// Plain strings of hexadecimal digits, so that they survive JSON and nothing on the way can quieten a NaN
// or round a number: JavaScript's own floats appear nowhere here.
// https://webassembly.github.io/spec/core/text/values.html
import type { List, Node } from './sexpr.ts';
import { headOf } from './sexpr.ts';

export type Shape = 'i8x16' | 'i16x8' | 'i32x4' | 'i64x2' | 'f32x4' | 'f64x2';

/** `0x…`, or a class of NaNs where a result is expected. */
export type Bits = string;

export type Value =
  | { readonly type: 'i32' | 'i64' | 'f32' | 'f64'; readonly bits: Bits }
  | { readonly type: 'v128'; readonly shape: Shape; readonly lanes: readonly Bits[] }
  /** `ref.null`, with its heap type where the script gives one. */
  | { readonly type: 'null'; readonly heap?: string }
  /** A value of the host, told apart by its number. */
  | { readonly type: 'extern' | 'host'; readonly id: number };

/** What a result is compared with: a value, any reference of a kind, or one of several values. */
export type Expected =
  | Value
  | { readonly type: 'ref'; readonly kind: RefKind }
  | { readonly type: 'either'; readonly of: readonly Expected[] };

export type RefKind = 'func' | 'extern' | 'exn' | 'any' | 'eq' | 'i31' | 'struct' | 'array';

interface FloatFormat {
  readonly fraction: number;
  readonly exponent: number;
}

/** Widths in bits of the two fields of IEEE 754 binary32 and binary64. */
const F32: FloatFormat = { fraction: 23, exponent: 8 };
const F64: FloatFormat = { fraction: 52, exponent: 11 };

const LANES: ReadonlyMap<string, readonly [count: number, lane: 'int' | 'float', width: number]> = new Map([
  ['i8x16', [16, 'int', 8]],
  ['i16x8', [8, 'int', 16]],
  ['i32x4', [4, 'int', 32]],
  ['i64x2', [2, 'int', 64]],
  ['f32x4', [4, 'float', 32]],
  ['f64x2', [2, 'float', 64]],
]);

export function isShape(text: string): text is Shape {
  return LANES.has(text);
}

export function laneWidth(shape: Shape): number {
  return LANES.get(shape)?.[2] ?? 0;
}

/** An argument of an invocation. */
export function readValue(node: Node): Value {
  const value = readExpected(node);
  if (value.type === 'ref' || value.type === 'either') throw new SyntaxError(`${value.type} is no argument`);
  return value;
}

export function readExpected(node: Node): Expected {
  const head = headOf(node);
  if (head === undefined || node.kind !== 'list') throw new SyntaxError('a constant is a list');
  switch (head) {
    case 'i32.const':
      return { type: 'i32', bits: integerBits(atomAt(node, 1), 32) };
    case 'i64.const':
      return { type: 'i64', bits: integerBits(atomAt(node, 1), 64) };
    case 'f32.const':
      return { type: 'f32', bits: floatBits(atomAt(node, 1), 32) };
    case 'f64.const':
      return { type: 'f64', bits: floatBits(atomAt(node, 1), 64) };
    case 'v128.const':
      return readVector(node);
    case 'ref.null':
      return node.items.length > 1 ? { type: 'null', heap: atomAt(node, 1) } : { type: 'null' };
    case 'ref.extern':
      return node.items.length > 1
        ? { type: 'extern', id: Number(atomAt(node, 1)) }
        : { type: 'ref', kind: 'extern' };
    case 'ref.host':
      return { type: 'host', id: Number(atomAt(node, 1)) };
    case 'either':
      return { type: 'either', of: node.items.slice(1).map(readExpected) };
    case 'ref.func':
    case 'ref.exn':
    case 'ref.any':
    case 'ref.eq':
    case 'ref.i31':
    case 'ref.struct':
    case 'ref.array':
      return { type: 'ref', kind: head.slice(4) as RefKind };
    default:
      throw new SyntaxError(`unknown constant ${head}`);
  }
}

function readVector(node: List): Value {
  const shape = atomAt(node, 1);
  const layout = LANES.get(shape);
  if (layout === undefined || !isShape(shape)) throw new SyntaxError(`unknown shape ${shape}`);
  const [count, lane, width] = layout;
  const lanes: Bits[] = [];
  for (let index = 0; index < count; index++) {
    const text = atomAt(node, index + 2);
    lanes.push(lane === 'int' ? integerBits(text, width) : floatBits(text, width));
  }
  return { type: 'v128', shape, lanes };
}

function atomAt(list: List, index: number): string {
  const node = list.items[index];
  if (node?.kind !== 'atom') throw new SyntaxError(`item ${index} of (${headOf(list)} …) is no atom`);
  return node.text;
}

function integerBits(text: string, width: number): Bits {
  const [negative, digits] = splitSign(text.replaceAll('_', ''));
  const magnitude = BigInt(digits);
  return hex(BigInt.asUintN(width, negative ? -magnitude : magnitude));
}

/** The bit pattern of a float constant, correctly rounded, or the class of NaNs that it names. */
export function floatBits(text: string, width: number): Bits {
  if (text === 'nan:canonical' || text === 'nan:arithmetic') return text;
  const format = width === 32 ? F32 : F64;
  const [negative, digits] = splitSign(text.replaceAll('_', ''));
  const sign = negative ? 1n << BigInt(width - 1) : 0n;
  return hex(sign | magnitudeBits(digits, format));
}

function magnitudeBits(digits: string, format: FloatFormat): bigint {
  const infinity = ((1n << BigInt(format.exponent)) - 1n) << BigInt(format.fraction);
  if (digits === 'inf') return infinity;
  if (digits === 'nan') return infinity | (1n << BigInt(format.fraction - 1));
  if (digits.startsWith('nan:')) return infinity | BigInt(digits.slice(4));
  const [numerator, denominator] = readRational(digits);
  return roundToEven(numerator, denominator, format);
}

/** A decimal or hexadecimal float as the exact fraction that it is. */
function readRational(digits: string): readonly [numerator: bigint, denominator: bigint] {
  const match = /^(?<hex>0x)?(?<whole>[0-9a-f]*)\.?(?<part>[0-9a-f]*)(?:p(?<power>[+-]?\d+))?$/iu.exec(
    digits,
  );
  const decimal = /^(?<whole>\d*)\.?(?<part>\d*)(?:e(?<power>[+-]?\d+))?$/iu.exec(digits);
  const isHex = match?.groups?.['hex'] !== undefined;
  const groups = isHex ? match?.groups : decimal?.groups;
  if (groups === undefined) throw new SyntaxError(`${digits} is no float`);
  const whole = groups['whole'] ?? '';
  const part = groups['part'] ?? '';
  const power = Number(groups['power'] ?? '0');
  const mantissa = BigInt(`${isHex ? '0x' : ''}${whole}${part}`);
  const base = isHex ? 2n : 10n;
  const exponent = power - part.length * (isHex ? 4 : 1);
  return exponent >= 0 ? [mantissa * base ** BigInt(exponent), 1n] : [mantissa, base ** BigInt(-exponent)];
}

/** Round half to even, with gradual underflow, overflowing to infinity. */
function roundToEven(numerator: bigint, denominator: bigint, format: FloatFormat): bigint {
  if (numerator === 0n) return 0n;
  const bias = (1 << (format.exponent - 1)) - 1;
  // The exponent e with 2^e <= value < 2^(e+1), from the lengths, then put right by at most one.
  let exponent = bitLength(numerator) - bitLength(denominator);
  if (compareScaled(numerator, denominator, exponent) < 0) exponent--;
  const unit = Math.max(exponent, 1 - bias) - format.fraction;
  const scaledUp = unit < 0 ? numerator << BigInt(-unit) : numerator;
  const divisor = unit < 0 ? denominator : denominator << BigInt(unit);
  let quotient = scaledUp / divisor;
  const twice = (scaledUp % divisor) * 2n;
  if (twice > divisor || (twice === divisor && (quotient & 1n) === 1n)) quotient++;
  // The hidden bit adds one to the exponent field by itself, and a carry out of the fraction does too.
  const field = BigInt(unit + format.fraction + bias - 1);
  const infinity = ((1n << BigInt(format.exponent)) - 1n) << BigInt(format.fraction);
  const bits = (field << BigInt(format.fraction)) + quotient;
  return bits > infinity ? infinity : bits;
}

function bitLength(value: bigint): number {
  return value.toString(2).length;
}

/** The sign of numerator/denominator - 2^exponent. */
function compareScaled(numerator: bigint, denominator: bigint, exponent: number): number {
  const left = exponent < 0 ? numerator << BigInt(-exponent) : numerator;
  const right = exponent < 0 ? denominator : denominator << BigInt(exponent);
  return left < right ? -1 : left > right ? 1 : 0;
}

function splitSign(text: string): readonly [negative: boolean, digits: string] {
  if (text.startsWith('-')) return [true, text.slice(1)];
  return [false, text.startsWith('+') ? text.slice(1) : text];
}

function hex(bits: bigint): Bits {
  return `0x${bits.toString(16)}`;
}
