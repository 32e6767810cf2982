// LEBs that a linker has padded, in their shortest form: what an assembler writes is the measure, and
// what code does.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { BRANCH_HINTS, CALL_TARGETS, readHints, writeHints } from '../../src/link/hints.ts';
import { seal } from '../../src/seal/seal.ts';
import { shorten } from '../../src/seal/shorten.ts';
import { encode, madeSpan, spanBytes } from '../../src/wasm/encode.ts';
import { assembleBody, type Op, type Operand } from '../../src/wasm/instructions.ts';
import { EMPTY_MODULE, type Module } from '../../src/wasm/module.ts';
import { type Immediate, OPCODES } from '../../src/wasm/opcodes.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { TagIdx, TypeIdx } from '../../src/wasm/types.ts';
import { wat } from '../support/wat.ts';
import { canonicalBody, someInstruction } from '../wasm/canonical.ts';
import { paddedBody, paddedInstruction } from '../wasm/padded.ts';
import { outcomes, type SealCall } from './sealed.ts';

/** Around each number from which on a LEB has a byte more, whether signed or not. */
const POWERS = [6, 7, 13, 14, 20, 21, 27, 28];
const POWERS_64 = [...POWERS, 31, 34, 35, 41, 42, 48, 49, 55, 56, 62, 63];
const MOST = 2 ** 32 - 1;
const UNSIGNED = [0, 1, ...POWERS.flatMap((n) => [2 ** n - 1, 2 ** n]), MOST];
const UNSIGNED_64 = [
  0n,
  ...POWERS_64.flatMap((n) => [(1n << BigInt(n)) - 1n, 1n << BigInt(n)]),
  2n ** 64n - 1n,
];
const SIGNED = [0, -1, ...POWERS.flatMap((n) => [2 ** n - 1, 2 ** n, -(2 ** n), -(2 ** n) - 1])];
const SIGNED_32 = [...SIGNED, 2 ** 31 - 1, -(2 ** 31)];
const SIGNED_64 = [
  0n,
  -1n,
  ...POWERS_64.slice(0, -1).flatMap((n) => [
    (1n << BigInt(n)) - 1n,
    -(1n << BigInt(n)),
    1n << BigInt(n),
    -(1n << BigInt(n)) - 1n,
  ]),
  -(1n << 63n),
  (1n << 63n) - 1n,
];

/** Immediates that are no LEB have bytes in them that look like padded ones. */
const LOOKS_PADDED = 0x0080_0080_0080_0080n;
const PADDED_LANES = Uint8Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? 0x80 : 0));

/** What an instruction can have there: every width, and each sign. */
function operands(immediate: Immediate): readonly Operand[] {
  switch (immediate) {
    case 'i32':
      return SIGNED_32;
    case 'i64':
      return SIGNED_64;
    case 'f32':
      return [LOOKS_PADDED & 0xffff_ffffn];
    case 'f64':
      return [LOOKS_PADDED];
    case 'v128':
    case 'lanes':
      return [PADDED_LANES];
    case 'laneidx':
    case 'castop':
      return [1];
    case 'zero':
      return [0];
    case 'blocktype':
      return [{ block: undefined }, { block: 'i64' }, ...UNSIGNED.map((n) => ({ block: n as TypeIdx }))];
    case 'heaptype':
      return UNSIGNED.map((n) => ({ heap: n as TypeIdx }));
    case 'valtypes':
      return UNSIGNED.map((n) => ({ types: ['i32', { nullable: true, heap: n as TypeIdx }] }));
    case 'memarg':
      return [
        ...UNSIGNED_64.map((offset) => ({ align: 2, mem: 0, offset })),
        ...UNSIGNED.map((mem) => ({ align: 2, mem, offset: 64n })),
      ];
    case 'labels':
      return UNSIGNED.map((n) => ({ labels: [n, 0, n] }));
    case 'catches':
      return UNSIGNED.map((n) => ({
        catches: [
          { kind: 'catch', tag: n as TagIdx, label: n },
          { kind: 'catch_all', tag: undefined, label: n },
        ],
      }));
    default:
      return UNSIGNED;
  }
}

/** A body without locals of this code. */
function body(...code: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from([0, ...code.flatMap((bytes) => [...bytes]), 0x0b]);
}

function moduleOf(...bodies: readonly Uint8Array[]): Module {
  return { ...EMPTY_MODULE, codes: bodies.map((bytes) => madeSpan(bytes, 'test')) };
}

/** A module as a linker leaves it. */
function padded(module: Module): Module {
  return { ...module, codes: module.codes.map((one) => madeSpan(paddedBody(one), 'padded')) };
}

function bytesOf({ codes }: Module): readonly string[] {
  return codes.map((one) => Buffer.from(spanBytes(one)).toString('hex'));
}

/** What comes behind it: `i32.const -1; drop`. */
const after = Uint8Array.from([0x41, 0x7f, 0x1a]);

it('each instruction has every LEB in its shortest form', () => {
  for (const row of OPCODES) {
    const some = row.immediates.map(operands);
    const most = Math.max(1, ...some.map(({ length }) => length));
    const cases = Array.from({ length: most }, (_, i) =>
      some.map((values) => values[i % values.length] as Operand),
    );
    const short = moduleOf(...cases.map((one) => body(someInstruction(row, one), after)));
    const long = moduleOf(...cases.map((one) => body(paddedInstruction(row, one), after)));
    assert.deepEqual(bytesOf(shorten(long)), bytesOf(short), row.name);
    assert.equal(shorten(short), short, `${row.name}: nothing changes where nothing is padded`);
  }
});

it('LEBs with one byte too many, or a few', () => {
  const cases: readonly (readonly [name: string, long: readonly number[], short: readonly number[]])[] = [
    ['an index', [0x20, 0x81, 0x00], [0x20, 0x01]],
    ['an index that is no sign', [0x20, 0xc0, 0x80, 0x00], [0x20, 0x40]],
    ['a constant', [0x41, 0xbf, 0x80, 0x80, 0x00], [0x41, 0x3f]],
    ['a constant whose next byte is its sign', [0x41, 0xc0, 0x80, 0x00], [0x41, 0xc0, 0x00]],
    ['a negative one', [0x41, 0xc0, 0xff, 0x7f], [0x41, 0x40]],
    ['a negative one whose next byte is its sign', [0x42, 0xbf, 0xff, 0x7f], [0x42, 0xbf, 0x7f]],
    ['an alignment', [0x28, 0x82, 0x00, 0x04], [0x28, 0x02, 0x04]],
    ['an offset', [0x28, 0x02, 0xc4, 0x80, 0x00], [0x28, 0x02, 0x44]],
    ['the number behind a prefix', [0xfc, 0x88, 0x80, 0x00, 0x01, 0x00], [0xfc, 0x08, 0x01, 0x00]],
    ['the type of a block', [0x02, 0xc0, 0x80, 0x00, 0x0b], [0x02, 0xc0, 0x00, 0x0b]],
  ];
  for (const [name, long, short] of cases) {
    const shortened = shorten(moduleOf(body(Uint8Array.from(long))));
    assert.deepEqual(bytesOf(shortened), bytesOf(moduleOf(body(Uint8Array.from(short)))), name);
  }
});

it('numbers of every size', () => {
  const code = fc.record({
    i32: fc.integer(),
    i64: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    offset: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    locals: fc.array(fc.nat({ max: 20_000 }), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(code, ({ i32, i64, offset, locals }) => {
      const ops: readonly Op[] = [
        ['i32.const', i32],
        ['i64.const', i64],
        ['i64.store', { align: 3, mem: 0, offset }],
      ];
      const short = moduleOf(
        assembleBody(
          ops,
          locals.map((count) => ({ count, type: { nullable: true, heap: count as TypeIdx } })),
        ),
      );
      assert.deepEqual(bytesOf(shorten(padded(short))), bytesOf(short));
    }),
  );
});

const TEXT = `(module
  (import "a" "b" (func $imported (param i32) (result i32)))
  (memory 1) (table 2 funcref) (elem (i32.const 0) $leaf) (global $g (mut i64) (i64.const 5))
  (type $t (func (param i32) (result i32)))
  (func $leaf (type $t) (i32.add (local.get 0) (i32.const 64)))
  (func (export "run") (type $t) (local i64)
    (i32.store offset=128 (i32.const 64) (i32.const -65))
    (local.set 1 (i64.const -8193))
    (global.set $g (i64.add (local.get 1) (global.get $g)))
    (block $a
      (block $b (br_table $b $a (local.get 0)))
      (return (i32.wrap_i64 (global.get $g))))
    (local.get 0)
    (if (type $t) (i32.const 1)
      (then (i32.add (i32.load offset=64 (i32.const 128))))
      (else (i32.add (i32.const 8191))))
    (call_indirect (type $t) (i32.load8_u (i32.const 0)))
    (call $imported)))`;
const CALLS: readonly SealCall[] = [
  ['run', 0],
  ['run', 1],
  ['run', -70],
];
const IMPORTS = { a: { b: (n: number): number => n * 3 } };

describe('a module whose linker has padded it', () => {
  it('is as short as it was, and does the same', async () => {
    const given = await wat(TEXT);
    const long = padded(parse(given));
    const { module, stats } = await seal(long);
    assert.ok(stats.codeBytes > 100);
    assert.deepEqual(
      bytesOf(module),
      parse(given).codes.map((one) => Buffer.from(canonicalBody(one)).toString('hex')),
    );
    const results = await outcomes(given, CALLS, IMPORTS);
    assert.ok(!results.includes('trap'));
    assert.deepEqual(await outcomes(encode(long), CALLS, IMPORTS), results, 'padded');
    assert.deepEqual(await outcomes(encode(module), CALLS, IMPORTS), results, 'short again');
  });

  it('stays as it is where no code may move', async () => {
    const long = padded(parse(await wat(TEXT)));
    const { module, stats } = await seal(long, { keepOffsets: true });
    assert.deepEqual(bytesOf(module), bytesOf(long));
    assert.equal(stats.codeBytes, 0);
  });

  it('has its hints at their instructions, and all that calls call', async () => {
    const long = padded(parse(await wat(TEXT)));
    const [, run] = long.codes;
    assert.ok(run);
    const bytes = spanBytes(run);
    // A block of type 1 in five bytes is found nowhere else, nor is a call of function 0.
    const branch = indexOf(bytes, [0x04, 0x80, 0x80, 0x80, 0x80, 0x00]);
    const call = indexOf(bytes, [0x10, 0x80, 0x80, 0x80, 0x80, 0x00]);
    const hint = (name: string, offset: number, ...value: readonly number[]): Module['customs'][number] => ({
      name,
      bytes: writeHints([{ func: 2, hints: [{ offset, value: Uint8Array.from(value) }] }]),
      after: 12,
    });
    const customs = [hint(BRANCH_HINTS, branch, 1), hint(CALL_TARGETS, call, 0, 90, 1, 10)];
    const module = shorten({ ...long, customs });
    const short = spanBytes(module.codes[1] ?? run);
    const told = module.customs.map((custom) => {
      const [one] = readHints(custom.bytes);
      const [first] = one?.hints ?? [];
      return [one?.func, short[first?.offset ?? -1], [...(first?.value ?? [])]];
    });
    assert.deepEqual(told, [
      [2, 0x04, [1]],
      [2, 0x10, [0, 90, 1, 10]],
    ]);
  });
});

function indexOf(bytes: Uint8Array, wanted: readonly number[]): number {
  const at = Buffer.from(bytes).indexOf(Uint8Array.from(wanted));
  assert.ok(at > 0);
  return at;
}
