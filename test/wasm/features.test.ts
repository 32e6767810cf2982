// Each feature is found where it is used, by a module that uses nothing else, and no feature is found
// in a module that uses none.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import { FEATURES, featuresUsed } from '../../src/wasm/features.ts';
import { assembleBody } from '../../src/wasm/instructions.ts';
import { EMPTY_MODULE, type Module } from '../../src/wasm/module.ts';
import { OPCODES } from '../../src/wasm/opcodes.ts';
import { parse } from '../../src/wasm/parse.ts';
import { wat } from '../support/wat.ts';

/** Text, and what is found: `feature: functions [first] sections`. */
const CASES: readonly (readonly [text: string, ...found: string[]])[] = [
  ['(module)'],
  [
    `(module (import "a" "f" (func (param i32) (result i64))) (table 2 funcref) (memory 1 2)
      (global i32 (i32.const 1)) (global (mut i64) (i64.const 1)) (export "m" (memory 0))
      (elem (i32.const 0) func 0) (data (i32.const 0) "a") (start 1)
      (func (local i32 f64) (block (result i32) (i32.load (i32.const 0))) drop
        (call_indirect (param i32) (result i64) (i32.const 0) (i32.const 0)) drop))`,
  ],
  ['(module (func) (func (drop (i32.extend8_s (i32.const 1)))))', 'sign-extension: 1 [1]'],
  ['(module (func (drop (i32.trunc_sat_f32_s (f32.const 1)))))', 'saturating-float-to-int: 1 [0]'],
  ['(module (import "a" "g" (global (mut i32))))', 'mutable-globals: 0 [] import'],
  ['(module (global (export "g") (mut i32) (i32.const 0)))', 'mutable-globals: 0 [] export'],
  ['(module (type (func (result i32 i32))))', 'multi-value: 0 [] type'],
  ['(module (func (i32.const 1) (block (param i32) drop)))', 'multi-value: 1 [0]'],
  [
    '(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))',
    'bulk-memory: 1 [0]',
  ],
  ['(module (data "a"))', 'bulk-memory: 0 [] data'],
  ['(module (table 1 externref))', 'reference-types: 0 [] table'],
  ['(module (table 1 funcref) (table 1 funcref))', 'reference-types: 0 [] table'],
  ['(module (func (local externref)))', 'reference-types: 1 [0]'],
  ['(module (func (param externref)))', 'reference-types: 0 [] type'],
  [
    '(module (func (drop (select (result i32) (i32.const 1) (i32.const 1) (i32.const 1)))))',
    'reference-types: 1 [0]',
  ],
  ['(module (func $f) (elem declare func $f))', 'reference-types: 0 [] element'],
  ['(module (func $f) (elem func $f))', 'bulk-memory: 0 [] element'],
  ['(module (global v128 (v128.const i64x2 0 0)))', 'simd: 0 [] global'],
  ['(module (func (local v128)))', 'simd: 1 [0]'],
  ['(module (func (block (result v128) unreachable) drop))', 'simd: 1 [0]'],
  ['(module (func unreachable i32x4.relaxed_trunc_f32x4_s drop))', 'relaxed-simd: 1 [0]'],
  ['(module (memory 1 1 shared))', 'threads: 0 [] memory'],
  ['(module (func atomic.fence))', 'threads: 1 [0]'],
  ['(module (func $f (return_call $f)))', 'tail-call: 1 [0]'],
  ['(module (global i32 (i32.add (i32.const 1) (i32.const 2))))', 'extended-const: 0 [] global'],
  [
    '(module (memory 1) (data (offset (i32.mul (i32.const 1) (i32.const 2))) "a"))',
    'extended-const: 0 [] data',
  ],
  ['(module (memory 1) (memory 1))', 'multi-memory: 0 [] memory'],
  ['(module (import "a" "m" (memory 1)) (import "a" "n" (memory 1)))', 'multi-memory: 0 [] import'],
  [
    '(module (memory 1) (memory 1) (func (i32.load 1 (i32.const 0)) drop) (data (memory 1) (i32.const 0) "a"))',
    'multi-memory: 1 [0] memory, data',
  ],
  ['(module (memory i64 1))', 'memory64: 0 [] memory'],
  ['(module (import "a" "t" (table i64 1 funcref)))', 'table64: 0 [] import'],
  ['(module (tag))', 'exceptions: 0 [] tag'],
  ['(module (tag) (func (throw 0)) (func (try_table (catch_all 0))))', 'exceptions: 2 [0,1] tag'],
  ['(module (func (local exnref)))', 'exceptions: 1 [0]'],
  ['(module (type (func)) (func (local (ref null 0))))', 'function-references: 1 [0]'],
  [
    '(module (func $f) (table 1 (ref func) (ref.func $f)))',
    'reference-types: 0 [] table',
    'function-references: 0 [] table',
  ],
  ['(module (type (struct)))', 'gc: 0 [] type'],
  ['(module (rec (type (func))))', 'gc: 0 [] type'],
  ['(module (func (local anyref)))', 'gc: 1 [0]'],
  ['(module (global i32 (i32.const 1)) (global i32 (global.get 0)))', 'gc: 0 [] global'],
];

function found(module: Module): readonly string[] {
  return [...featuresUsed(module)].map(([feature, { functions, first, sections }]) =>
    `${feature}: ${functions} [${first.join()}] ${sections.join(', ')}`.trimEnd(),
  );
}

for (const [text, ...expected] of CASES) {
  const names = expected.map((one) => one.replace(/:.*/, ''));
  test(`${names.join(' and ') || 'nothing'} in ${text.replace(/\s+/g, ' ').slice(0, 90)}`, async () => {
    assert.deepEqual(found(parse(await wat(text))), expected);
  });
}

const type = {
  explicit: false,
  types: [{ final: true, supers: [], comp: { kind: 'func', params: [], results: [] } }],
} as const;

function withBody(body: Uint8Array): Module {
  const module = {
    ...EMPTY_MODULE,
    types: [type],
    funcs: [0 as Module['funcs'][number]],
    tags: [0 as Module['tags'][number]],
    codes: [madeSpan(body, 'body')],
  };
  return parse(encode(module));
}

test('tags and throw count for the kind of exception handling that the rest of the module uses', () => {
  const block = { block: undefined };
  const legacy = assembleBody([['try', block], ['throw', 0], ['catch_all'], ['end']]);
  assert.deepEqual(found(withBody(legacy)), ['legacy-exceptions: 1 [0] tag']);
  assert.deepEqual(found(withBody(assembleBody([['throw', 0]]))), ['exceptions: 1 [0] tag']);
});

test('a table index in more than one byte needs reference types', () => {
  const padded = Uint8Array.of(0, 0x00, 0x11, 0x00, 0x80, 0x80, 0x80, 0x80, 0x00, 0x0b);
  assert.ok(featuresUsed(withBody(padded)).has('reference-types'));
  const short = Uint8Array.of(0, 0x00, 0x11, 0x00, 0x00, 0x0b);
  assert.ok(!featuresUsed(withBody(short)).has('reference-types'));
});

test('every feature of the opcode table is one that is known, and fits a bit beside one more', () => {
  for (const { feature } of OPCODES) assert.ok(FEATURES.includes(feature));
  assert.ok(FEATURES.length < 31);
});
