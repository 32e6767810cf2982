// Relocation, one kind of index at a time: what is written is what an assembler would have written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LinkError } from '../../src/errors/classes.ts';
import { GONE, type Maps, movedKinds, relocateBody, relocateExpr } from '../../src/link/relocate.ts';
import { madeSpan, spanBytes } from '../../src/wasm/encode.ts';
import { assemble, assembleBody, type LocalGroup, type Op, readBody } from '../../src/wasm/instructions.ts';
import type { TagIdx, TypeIdx } from '../../src/wasm/types.ts';
import { INDEX_KIND, type IndexName, walkBody } from '../../src/wasm/walk.ts';
import { canonicalBody } from '../wasm/canonical.ts';

const LENGTH = 5000;

/** Every index moves by this much. */
function by(amount: number, ...names: readonly IndexName[]): Maps {
  const map = Uint32Array.from({ length: LENGTH }, (_, i) => i + amount);
  return Object.fromEntries(names.map((name) => [name, map]));
}

const type = (index: number): { readonly heap: TypeIdx; readonly nullable: boolean } => ({
  heap: index as TypeIdx,
  nullable: true,
});

/** Code with index n, for each kind of place that an index stands in. */
type CodeWith = (n: number) => { readonly ops: readonly Op[]; readonly locals?: readonly LocalGroup[] };
const ops =
  (...make: readonly ((n: number) => Op)[]): CodeWith =>
  (n) => ({ ops: make.map((one) => one(n)) });

const end = (): Op => ['end'];
const PLACES: readonly (readonly [IndexName, string, CodeWith])[] = [
  ['func', 'call', ops((n) => ['call', n])],
  ['func', 'return_call', ops((n) => ['return_call', n])],
  ['func', 'ref.func', ops((n) => ['ref.func', n])],
  ['type', 'call_indirect', ops((n) => ['call_indirect', n, 0])],
  ['table', 'call_indirect', ops((n) => ['call_indirect', 1, n])],
  ['table', 'return_call_indirect', ops((n) => ['return_call_indirect', 1, n])],
  ['type', 'call_ref', ops((n) => ['call_ref', n])],
  ['type', 'block', ops((n) => ['block', { block: n as TypeIdx }], end)],
  ['type', 'loop', ops((n) => ['loop', { block: n as TypeIdx }], end)],
  ['type', 'try_table', ops((n) => ['try_table', { block: n as TypeIdx }, { catches: [] }], end)],
  ['type', 'block of a reference', ops((n) => ['block', { block: type(n) }], end)],
  ['type', 'ref.null', ops((n) => ['ref.null', { heap: n as TypeIdx }])],
  ['type', 'ref.test', ops((n) => ['ref.test', { heap: n as TypeIdx }])],
  ['type', 'ref.cast', ops((n) => ['ref.cast_null', { heap: n as TypeIdx }])],
  ['type', 'br_on_cast', ops((n) => ['br_on_cast', 3, 0, { heap: n as TypeIdx }, { heap: n as TypeIdx }])],
  ['type', 'br_on_cast_fail', ops((n) => ['br_on_cast_fail', 1, 0, { heap: 'any' }, { heap: n as TypeIdx }])],
  ['type', 'select', ops((n) => ['select', { types: [type(n), 'i32'] }])],
  ['type', 'struct.get', ops((n) => ['struct.get', n, 3])],
  ['type', 'array.copy', ops((n) => ['array.copy', n, n])],
  ['type', 'array.new_fixed', ops((n) => ['array.new_fixed', n, 3])],
  ['data', 'array.new_data', ops((n) => ['array.new_data', 3, n])],
  ['elem', 'array.init_elem', ops((n) => ['array.init_elem', 3, n])],
  [
    'type',
    'locals',
    (n) => ({
      ops: [],
      locals: [
        { count: 2, type: type(n) },
        { count: 1, type: 'i64' },
      ],
    }),
  ],
  ['table', 'table.get', ops((n) => ['table.get', n])],
  ['table', 'table.copy', ops((n) => ['table.copy', n, n])],
  ['table', 'table.init', ops((n) => ['table.init', 4, n])],
  ['elem', 'table.init', ops((n) => ['table.init', n, 4])],
  ['elem', 'elem.drop', ops((n) => ['elem.drop', n])],
  ['data', 'memory.init', ops((n) => ['memory.init', n, 4])],
  ['mem', 'memory.init', ops((n) => ['memory.init', 4, n])],
  ['data', 'data.drop', ops((n) => ['data.drop', n])],
  ['mem', 'memory.size', ops((n) => ['memory.size', n])],
  ['mem', 'memory.copy', ops((n) => ['memory.copy', n, n])],
  ['mem', 'load', ops((n) => ['i32.load', { align: 2, mem: n, offset: 1n << 33n }])],
  ['mem', 'lane', ops((n) => ['v128.load8_lane', { align: 0, mem: n, offset: 300n }, 5])],
  ['mem', 'atomic', ops((n) => ['i64.atomic.rmw.add', { align: 3, mem: n, offset: 0n }])],
  ['global', 'global.get', ops((n) => ['global.get', n])],
  ['global', 'global.set', ops((n) => ['global.set', n])],
  ['tag', 'throw', ops((n) => ['throw', n])],
  [
    'tag',
    'catch',
    ops(
      () => ['try', { block: undefined }],
      (n) => ['catch', n],
      end,
    ),
  ],
  [
    'tag',
    'catches',
    ops(
      (n) => [
        'try_table',
        { block: undefined },
        {
          catches: [
            { kind: 'catch', tag: n as TagIdx, label: 0 },
            { kind: 'catch_all', tag: undefined, label: 1 },
            { kind: 'catch_ref', tag: n as TagIdx, label: 2 },
          ],
        },
      ],
      end,
    ),
  ],
];

const OTHERS: readonly Op[] = [['i32.const', -1], ['local.get', 200], ['nop']];

function body(code: CodeWith, n: number): Uint8Array {
  const { ops: some, locals } = code(n);
  return assembleBody([...OTHERS, ...some, ...OTHERS], locals);
}

const small = fc.integer({ min: 0, max: 300 });
const amounts = fc.oneof(small, fc.integer({ min: 0, max: 100_000 }));

for (const [name, where, code] of PLACES) {
  test(`${name} index of ${where}`, () => {
    fc.assert(
      fc.property(small, amounts, (n, amount) => {
        const before = madeSpan(body(code, n), 'test');
        for (const keepWidth of [false, true]) {
          const after = relocateBody(before, by(amount, name), { keepWidth });
          assert.deepEqual(canonicalBody(after), body(code, n + amount));
        }
        // Where nothing moves, nothing is copied.
        assert.equal(relocateBody(before, by(0, name)), before);
        assert.equal(relocateBody(before, {}), before);
      }),
    );
  });

  test(`${name} index of ${where} that is gone is refused by name`, () => {
    const before = madeSpan(body(code, 7), 'code of fib');
    const gone = Uint32Array.from({ length: 10 }, () => GONE);
    for (const map of [gone, new Uint32Array(0)]) {
      assert.throws(
        () => relocateBody(before, { [name]: map }),
        (error) => error instanceof LinkError && error.message.includes(`code of fib names ${name} 7`),
      );
    }
  });
}

test('a memory that was left unsaid is said where it must be', () => {
  const load = (mem: number): Uint8Array =>
    assembleBody([
      ['i32.load', { align: 2, mem, offset: 5n }],
      ['memory.size', mem],
    ]);
  const moved = relocateBody(madeSpan(load(0), 'test'), by(3, 'mem'));
  assert.deepEqual(spanBytes(moved), load(3));
  // Flags in a padded LEB keep their width.
  const padded = Uint8Array.of(0, 0x28, 0x82, 0x00, 0x05, 0x0b);
  assert.deepEqual(
    spanBytes(relocateBody(madeSpan(padded, 'test'), by(3, 'mem'))),
    Uint8Array.of(0, 0x28, 0xc2, 0x00, 0x03, 0x05, 0x0b),
  );
});

test('a LEB keeps its width where it can, so that what follows keeps its place', () => {
  const padded = Uint8Array.of(0, 0x10, 0x81, 0x80, 0x80, 0x80, 0x00, 0x0b);
  const after = spanBytes(relocateBody(madeSpan(padded, 'test'), by(200, 'func'), { keepWidth: true }));
  assert.deepEqual(after, Uint8Array.of(0, 0x10, 0xc9, 0x81, 0x80, 0x80, 0x00, 0x0b));
  const short = spanBytes(relocateBody(madeSpan(padded, 'test'), by(200, 'func')));
  assert.deepEqual(short, Uint8Array.of(0, 0x10, 0xc9, 0x01, 0x0b));
});

test('a type index of 64 and more is no negative block type', () => {
  for (const index of [63, 64, 127, 128, 8191, 8192, 2 ** 20]) {
    const before = madeSpan(assembleBody([['block', { block: 0 as TypeIdx }], ['end']]), 'test');
    const map = Uint32Array.of(index);
    const [block] = readBody(relocateBody(before, { type: map })).code;
    assert.deepEqual(block?.operands, [{ block: index }]);
  }
});

test('a global that is a constant becomes its code, in bodies and in constant expressions', () => {
  const constants = new Map([
    [1, assemble([['i32.const', 12345]]).subarray(0, -1)],
    [200, assemble([['ref.func', 3]]).subarray(0, -1)],
  ]);
  const global = Uint32Array.from({ length: 300 }, (_, i) => (constants.has(i) ? GONE : i + 100));
  const maps: Maps = { global, constants };
  const before = assembleBody([
    ['global.get', 0],
    ['global.get', 1],
    ['global.get', 200],
    ['global.set', 7],
    ['global.get', 1],
  ]);
  const after = assembleBody([
    ['global.get', 100],
    ['i32.const', 12345],
    ['ref.func', 3],
    ['global.set', 107],
    ['i32.const', 12345],
  ]);
  assert.deepEqual(spanBytes(relocateBody(madeSpan(before, 'test'), maps)), after);
  const expr = assemble([['global.get', 1], ['i32.const', 1], ['i32.add']]);
  assert.deepEqual(
    spanBytes(relocateExpr(madeSpan(expr, 'test'), maps)),
    assemble([['i32.const', 12345], ['i32.const', 1], ['i32.add']]),
  );
  // The constant's own indices are those of the output: they are not mapped again.
  const constantOnly = relocateExpr(madeSpan(assemble([['global.get', 200]]), 'test'), {
    ...maps,
    ...by(50, 'func'),
  });
  assert.deepEqual(spanBytes(constantOnly), assemble([['ref.func', 3]]));
});

test('only kinds that move are looked at', () => {
  assert.equal(movedKinds({}), 0);
  assert.equal(
    movedKinds({ func: new Uint32Array(0), mem: new Uint32Array(0) }),
    INDEX_KIND.func | INDEX_KIND.mem,
  );
  assert.equal(movedKinds({ constants: new Map() }), 0);
  assert.equal(movedKinds({ constants: new Map([[0, new Uint8Array(0)]]) }), INDEX_KIND.global);
});

test('relocated bodies do not disturb one another, whatever their size', () => {
  const sizes = [1, 10, 100_000, 3, 300_000, 5, 1_000_000, 2];
  const calls = (count: number, func: number): Op[] => Array.from({ length: count }, () => ['call', func]);
  const spans = sizes.map((size) => madeSpan(assembleBody(calls(size, 1)), 'test'));
  const moved = spans.map((span) => relocateBody(span, by(1000, 'func')));
  sizes.forEach((size, i) => {
    const want = assembleBody(calls(size, 1001));
    assert.equal(Buffer.compare(spanBytes(moved[i] ?? madeSpan(want, '')), want), 0, `${size} calls`);
  });
});

test('an error on the way leaves nothing behind for the next body', () => {
  const gone = Uint32Array.of(5, GONE);
  const bad = madeSpan(
    assembleBody([
      ['call', 0],
      ['call', 1],
    ]),
    'bad',
  );
  const good = madeSpan(assembleBody([['call', 0]]), 'good');
  assert.throws(() => relocateBody(bad, { func: gone }), LinkError);
  assert.deepEqual(spanBytes(relocateBody(good, { func: gone })), assembleBody([['call', 5]]));
});

test('offsets in messages still count from where the body stood', () => {
  const bytes = Uint8Array.from([
    ...new Uint8Array(50),
    ...assembleBody([
      ['call', 0],
      ['call', 1],
    ]),
  ]);
  const span = { bytes, start: 50, end: bytes.length, base: 1000, label: 'code section' };
  const moved = relocateBody(span, by(1, 'func'));
  assert.equal(moved.base + moved.start, 1050);
  const seen: number[] = [];
  walkBody(moved, { kinds: 0xff, index: (_, index, at) => seen.push(index, moved.base + at) });
  assert.deepEqual(seen, [1, 1052, 2, 1054]);
});
