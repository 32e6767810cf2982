// Numbers as text in the Scheme guest, which reads and writes decimal digits itself: JavaScript's
// Number reads exactly, and BigInt writes exactly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numbersFrom, startScheme } from '../support/scheme.ts';

const view = new DataView(new ArrayBuffer(8));
const doubleOf = (bits: bigint): number => {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
};
const bitsOf = (value: number): bigint => {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
};

/** |value| is digits / 10^scale. */
interface Exact {
  readonly digits: bigint;
  readonly scale: number;
}

/** m * 2^e, with all digits there are. */
const exactly = (m: bigint, e: number): Exact =>
  e >= 0 ? { digits: m << BigInt(e), scale: 0 } : { digits: m * 5n ** BigInt(-e), scale: -e };

function parts(value: number): { m: bigint; e: number } {
  const bits = bitsOf(Math.abs(value));
  const exponent = Number(bits >> 52n);
  const fraction = bits & ((1n << 52n) - 1n);
  return exponent === 0 ? { m: fraction, e: -1074 } : { m: fraction | (1n << 52n), e: exponent - 1075 };
}

const exactOf = (value: number): Exact => {
  const { m, e } = parts(value);
  return exactly(m, e);
};

/** Rounded to so many digits behind the point (before it, where it is negative); a middle goes to the even one. */
function rounded({ digits, scale }: Exact, places: number): Exact {
  if (places >= scale) return { digits, scale };
  const unit = 10n ** BigInt(scale - places);
  const rest = digits % unit;
  const down = digits / unit;
  const up = 2n * rest > unit || (2n * rest === unit && down % 2n === 1n);
  return { digits: up ? down + 1n : down, scale: places };
}

/** Without exponent, with at least so many digits behind the point. */
function positional({ digits, scale }: Exact, places: number): string {
  const at = Math.max(scale, places);
  const text = String(digits * 10n ** BigInt(at - scale)).padStart(at + 1, '0');
  return at === 0 ? text : `${text.slice(0, -at)}.${text.slice(-at)}`;
}

/** What `write` prints: the shortest of 15, 16 and 17 digits that reads back as the same number. */
function written(value: number): string {
  const sign = Object.is(value, -0) || value < 0 ? '-' : '';
  if (value === 0) return `${sign}0.0`;
  if (!Number.isFinite(value)) return value > 0 ? '+inf.0' : '-inf.0';
  const exact = exactOf(value);
  for (let precision = 15; ; precision++) {
    const places = exact.scale - String(exact.digits).length + precision;
    const short = rounded(exact, places);
    const text = String(short.digits);
    const exponent = text.length - 1 - short.scale;
    if (precision < 17 && Number(`${text}e${-short.scale}`) !== Math.abs(value)) continue;
    const significant = text.replace(/0+$/, '');
    if (exponent >= -4 && exponent < precision) {
      const trimmed = { digits: BigInt(significant), scale: significant.length - 1 - exponent };
      const whole =
        trimmed.scale < 0 ? { digits: trimmed.digits * 10n ** BigInt(-trimmed.scale), scale: 0 } : trimmed;
      return sign + positional(whole, 1);
    }
    return `${sign}${significant.slice(0, 1)}${significant.length > 1 ? '.' : ''}${significant.slice(1)}e${exponent}`;
  }
}

/** 17 digits, and -0 has its sign. */
const scientific = (value: number): string => (Object.is(value, -0) ? '-' : '') + value.toExponential(16);

const fixed = (value: number, places: number): string =>
  (Object.is(value, -0) || value < 0 ? '-' : '') + positional(rounded(exactOf(value), places), places);

/** Doubles of all sizes: any bits, powers of two and their neighbours, everyday numbers. */
function doubles(): number[] {
  const random = numbersFrom(1);
  const all = [
    0,
    -0,
    5e-324,
    2.2250738585072014e-308,
    2.225073858507201e-308,
    Number.MAX_VALUE,
    2 ** 49 + 0.125,
  ];
  for (let e = -1074; e < 1024; e += 3)
    all.push(2 ** e, doubleOf(bitsOf(2 ** e) - 1n), -doubleOf(bitsOf(2 ** e) + 1n));
  for (let e = -25; e < 25; e++) all.push(10 ** e, 1.5 * 10 ** e, 123456789.125 * 10 ** e);
  for (let i = 0; i < 1500; i++) {
    const bits = (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
    if (Number.isFinite(doubleOf(bits))) all.push(doubleOf(bits));
    all.push(random(100_000_000) / 100, (random(2 ** 32) * 2 ** 20 + random(2 ** 20)) / 2 ** random(60));
  }
  return all;
}

/** The digits of what lies in the middle between a double and the next one, and a little on either side of it. */
function middles(value: number): string[] {
  const { m, e } = parts(value);
  const middle = exactly(2n * m + 1n, e - 1);
  const beside = (more: bigint): Exact => ({
    digits: middle.digits * 10n ** 9n + more,
    scale: middle.scale + 9,
  });
  const sign = value < 0 ? '-' : '';
  return [middle, beside(1n), beside(-1n)].map((exact) => sign + positional(exact, 1));
}

/** Runs `expression` for each text, in one program for a hundred of them, and gives back the lines. */
async function evaluate(texts: readonly string[], expression: (text: string) => string): Promise<string[]> {
  const scheme = await startScheme();
  const lines: string[] = [];
  for (let i = 0; i < texts.length; i += 100) {
    const program = texts.slice(i, i + 100).map((text) => `(write ${expression(text)}) (newline)\n`);
    lines.push(...scheme.run(program.join('')).trimEnd().split('\n'));
  }
  return lines;
}

test('a text is read as the nearest double, and written as the shortest text that gives it again', async () => {
  const random = numbersFrom(2);
  const texts: string[] = [];
  for (const value of doubles()) {
    texts.push(scientific(value), value.toPrecision(1 + random(25)).replace(/^(-?\d+)$/, '$1.'));
  }
  for (const value of doubles().slice(0, 800)) texts.push(...middles(value));
  texts.push(
    '1e400',
    '-1e400',
    '1e-400',
    '1e99999999999',
    '0e99999999999',
    '1e-99999999999',
    '1.7976931348623159e308',
  );
  texts.push(
    '.5',
    '5.',
    '+.5',
    '-.5e-3',
    '1E5',
    '1.e3',
    `1${'0'.repeat(400)}e-400`,
    `0.${'0'.repeat(400)}1e401`,
  );
  texts.push(
    '123456789012345678901234567890',
    '9007199254740993',
    '100000000000000000000000',
    `1${'0'.repeat(400)}`,
  );
  const lines = await evaluate(texts, (text) => `(string->number "${text}")`);
  for (const [i, text] of texts.entries()) assert.equal(lines[i], written(Number(text)), text);
});

test('what is no number is none', async () => {
  const texts = [
    '.',
    '1e',
    '1e+',
    '.e3',
    '--5',
    '+-5',
    '1.2.3',
    '1e5e3',
    '1e5.3',
    '0x1p3',
    'nan',
    'inf',
    '1_',
    '- 1',
    '',
  ];
  const lines = await evaluate(texts, (text) => `(string->number "${text}")`);
  assert.deepEqual(lines, Array(texts.length).fill('#f'));
});

test('a fixed number of digits is rounded once, from all that there are', async () => {
  const values = [...doubles(), 0.5, 1.5, 2.5, 0.125, 0.375, 999.995, 0.05, 0.005, 9.5, 99.5];
  const places = values.map((_, i) => [0, 1, 2, 5, 20][i % 5] ?? 0);
  const texts = values.map((value, i) => `${scientific(value)}" ${places[i]}`);
  const lines = await evaluate(texts, (text) => {
    const [number, digits] = text.split('" ');
    return `(string->symbol (number->fixed (string->number "${number}") ${digits}))`;
  });
  for (const [i, value] of values.entries()) assert.equal(lines[i], fixed(value, places[i] ?? 0), texts[i]);
});
