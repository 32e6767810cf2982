// The printer against wasm-tools: every opcode by its name and the order of its immediates, and every
// function of the spec suite and of small real modules by assembling again what was printed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse as assembleText, print } from '@bytecodealliance/jco';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import { assembleBody, type Op, type Operand } from '../../src/wasm/instructions.ts';
import { EMPTY_MODULE, type Module, spaces } from '../../src/wasm/module.ts';
import { type Immediate, OPCODES, type OpcodeRow } from '../../src/wasm/opcodes.ts';
import { parse } from '../../src/wasm/parse.ts';
import { Ids, printFunction } from '../../src/wasm/print.ts';
import type { CompType, SubType } from '../../src/wasm/types.ts';
import { Writer } from '../../src/wasm/writer.ts';
import { realModules } from '../real/modules.ts';
import { allModules, findSuite, loadSuite, repoRoot } from '../spec/suite.ts';
import { wat } from '../support/wat.ts';
import { canonicalBody, canonicalBytes, someInstruction } from './canonical.ts';

/** Printing and assembling a real module of more than this takes longer than a test should. */
const LARGEST = 800_000;

const absent: string | false = findSuite() === undefined && 'the spec suite is not here';

test('every opcode of the table has the name and the immediates that wasm-tools prints', async () => {
  const module = moduleOfAll(OPCODES);
  const theirs = functionsOf(await print(encode(module)));
  const ids = new Ids(module);
  OPCODES.forEach((row, i) => {
    const ours = printFunction(module, i, ids).trimEnd().split('\n');
    assert.deepEqual(ours.map(normal), theirs[i]?.map(normal), row.name);
  });
});

test('every valid module of the spec suite assembles to the same code from what is printed', {
  skip: absent,
}, async () => {
  const suite = await loadSuite();
  assert.ok(suite !== undefined);
  let functions = 0;
  for (const { kind, file, line, bytes } of allModules(suite)) {
    if (kind === 'valid') functions += await reassembles(bytes, `${file}:${line}`);
  }
  assert.ok(functions > 8_000, `${functions} functions`);
});

const small: readonly { readonly name: string; readonly path: string }[] = [
  { name: 'lambda', path: join(repoRoot(), 'guests', 'lambda', 'lambda.wasm') },
  ...realModules().filter(({ size }) => size < LARGEST),
];
for (const { name, path } of small) {
  test(`${name} assembles to the same code from what is printed`, async () => {
    await reassembles(new Uint8Array(readFileSync(path)), name);
  });
}

/** Puts what we print in the place of each function that wasm-tools prints, and assembles it all. */
async function reassembles(bytes: Uint8Array, place: string): Promise<number> {
  const parsed = parse(bytes);
  // wasm-tools makes names unique in its own way: without them both print indices.
  const module = { ...parsed, customs: [] };
  if (module.codes.length === 0) return 0;
  const first = spaces(module).imported.func;
  const ids = new Ids(module);
  const text = spliced(await print(encode(module)), (i) => printFunction(module, first + i, ids));
  const again = parse(await wat(text));
  assert.equal(again.codes.length, module.codes.length, place);
  module.codes.forEach((body, i) => {
    const got = canonicalBytes(again.codes[i] ?? body);
    const want = canonicalBytes(body);
    if (Buffer.compare(got, want) !== 0) {
      const at = printFunction(module, first + i, ids);
      assert.equal(Buffer.from(got).toString('hex'), Buffer.from(want).toString('hex'), `${place}\n${at}`);
    }
  });
  return module.codes.length;
}

/** Each line of wasm-tools' print, with the index of the function that it is part of. */
function* linesOf(text: string): Generator<readonly [line: string, func: number | undefined]> {
  let index = -1;
  let inside = false;
  for (const line of text.split('\n')) {
    const begins = line.startsWith('  (func ');
    if (begins) index++;
    yield [line, begins || inside ? index : undefined];
    // A function on one line closes what it opens; others end with a parenthesis of their own.
    if (begins) inside = line.split('(').length !== line.split(')').length;
    else if (line === '  )') inside = false;
  }
}

function spliced(text: string, printed: (index: number) => string): string {
  const out: string[] = [];
  let last = -1;
  for (const [line, func] of linesOf(text)) {
    if (func === undefined) out.push(line);
    else if (func !== last) out.push(printed(func));
    last = func ?? last;
  }
  return out.join('\n');
}

function functionsOf(text: string): readonly (readonly string[])[] {
  const functions: string[][] = [];
  for (const [line, func] of linesOf(text)) {
    if (func !== undefined) functions[func] = [...(functions[func] ?? []), line];
  }
  return functions;
}

/** Without comments, and floats (which wasm-tools writes in hex) as numbers. */
function normal(line: string): string {
  return line
    .replace(/;; label = .*$/, '')
    .replace(/ ?\(;.*?;\)/g, '')
    .replace(/^(\s*f(?:32|64)\.const) .*$/, '$1')
    .trimEnd();
}

const TYPES: readonly CompType[] = [
  { kind: 'func', params: [], results: [] },
  {
    kind: 'struct',
    fields: [
      { storage: 'i8', mutable: true },
      { storage: 'i32', mutable: true },
    ],
  },
  { kind: 'array', field: { storage: 'i8', mutable: true } },
];

/** Each row in a function of its own; nothing of it needs to validate. */
function moduleOfAll(rows: readonly OpcodeRow[]): Module {
  const types = TYPES.map((comp): SubType => ({ final: true, supers: [], comp }));
  const text = { explicit: false };
  return {
    ...EMPTY_MODULE,
    types: types.map((type) => ({ ...text, types: [type] })),
    funcs: rows.map(() => 0 as Module['funcs'][number]),
    tables: [0, 1].map(() => ({
      type: { ref: { nullable: true, heap: 'func' }, limits: { address: 'i32', min: 0n, max: undefined } },
      init: undefined,
    })),
    mems: [0, 1].map(() => ({ address: 'i32', min: 0n, max: undefined, shared: false })),
    tags: [0 as Module['tags'][number]],
    codes: rows.map((row) => madeSpan(bodyWith(row), row.name)),
  };
}

const AROUND: Readonly<Record<string, readonly [readonly Op[], readonly Op[]]>> = {
  block: [[], [['end']]],
  loop: [[], [['end']]],
  if: [[], [['end']]],
  else: [[['if', { block: undefined }]], [['end']]],
  end: [[['block', { block: undefined }]], []],
  try: [[], [['end']]],
  catch: [[['try', { block: undefined }]], [['end']]],
  catch_all: [[['try', { block: undefined }]], [['end']]],
  rethrow: [[['try', { block: undefined }], ['catch_all']], [['end']]],
  delegate: [[['try', { block: undefined }]], []],
  try_table: [[], [['end']]],
};

function bodyWith(row: OpcodeRow): Uint8Array {
  const [before, after] = AROUND[row.name] ?? [[], []];
  const w = new Writer().u8(0);
  const put = (ops: readonly Op[]): void => {
    w.raw(assembleBody(ops).subarray(1, -1));
  };
  put(before);
  w.raw(
    someInstruction(
      row,
      row.immediates.map((immediate, i) => sample(row, immediate, i)),
    ),
  );
  put(after);
  return w.u8(0x0b).finish();
}

/** Different values where two immediates could be taken for one another. */
function sample(row: OpcodeRow, immediate: Immediate, position: number): Operand {
  switch (immediate) {
    case 'typeidx':
      if (row.name.startsWith('struct')) return 1;
      return row.name.startsWith('array') ? 2 : 0;
    case 'tableidx':
    case 'memidx':
      return position;
    case 'fieldidx':
      return 1;
    case 'i32':
      return -123456;
    case 'i64':
      return -(1n << 63n);
    case 'f32':
      return 0x7fc0_0001n;
    case 'f64':
      return 0x4009_21fb_5444_2d18n;
    case 'v128':
      return Uint8Array.from({ length: 16 }, (_, i) => i * 17);
    case 'lanes':
      return Uint8Array.from({ length: 16 }, (_, i) => 31 - i);
    case 'laneidx':
      return 1;
    case 'castop':
      return 2;
    case 'zero':
      return 0;
    case 'blocktype':
      return { block: 'i64' };
    case 'heaptype':
      return { heap: position === 3 ? 'i31' : 'any' };
    case 'valtypes':
      return { types: ['f32'] };
    case 'memarg':
      return { align: 0, mem: 0, offset: 77n };
    case 'labels':
      return { labels: [0, 0] };
    case 'catches':
      return { catches: [] };
    case 'u32':
      return 3;
    default:
      return 0;
  }
}

test('names stand for indices where they are unambiguous, and are quoted where they must be', async () => {
  const bytes = await wat(`(module
    (type $pair (struct (field $x i32) (field (mut (ref null $pair)))))
    (import "a" "b\\n\\"" (func $log (param i32)))
    (memory 1) (memory $other i64 1) (tag $oops (param i32)) (data $text "abc") (elem $table func $f)
    (table $slots 1 funcref)
    (func $f (param $a i32) (param i32) (result i32) (local $"x y" f64) (local i32 i32) (local $z v128)
      (block $l (block $l (br $l) (br 1)) (br $l))
      (block $c (try_table (catch_all $c) (call $log (local.get $a))))
      (i32.load8_u $other offset=0x100000000 (i64.const 0)) drop
      (struct.get $pair $x (ref.null $pair)) drop
      (i32.const 0) (i32.const 1) (i32.const 2) (memory.init $text)
      (i32.const 0) (i32.const 1) (i32.const 2) (table.init $slots $table)
      (local.set $"x y" (f64.const 0.1)) (f32.const -0.1) drop
      (throw $oops (i32.const 1))))`);
  const module = parse(bytes);
  const text = printFunction(module, 1);
  assert.equal(
    printFunction(module, 0),
    '  (import "a" "b\\u{a}\\u{22}" (func $log (;0;) (type 1) (param i32)))\n',
  );
  assert.equal(
    text,
    `  (func $f (;1;) (type 2) (param $a i32) (param i32) (result i32)
    (local $"x y" f64) (local i32 i32) (local $z v128)
    block $l
      block $l
        br $l
        br 1
      end
      br $l
    end
    block $c
      try_table (catch_all $c)
        local.get $a
        call $log
      end
    end
    i64.const 0
    i32.load8_u $other offset=4294967296
    drop
    ref.null $pair
    struct.get $pair $x
    drop
    i32.const 0
    i32.const 1
    i32.const 2
    memory.init $text
    i32.const 0
    i32.const 1
    i32.const 2
    table.init $table
    f64.const 0.1
    local.set $"x y"
    f32.const -0.1
    drop
    i32.const 1
    throw $oops
  )
`,
  );
});

test('floats are printed so that they are read back bit for bit', async () => {
  const f32 = [0n, 0x8000_0000n, 1n, 0x7f80_0000n, 0xff80_0000n, 0x7fc0_0000n, 0xffc0_0000n, 0x7f80_0001n];
  const more = Array.from({ length: 400 }, (_, i) => BigInt.asUintN(32, BigInt(i) * 0x9e37_79b9n));
  const wide = [...f32, ...more].map((bits) => BigInt.asUintN(64, (bits << 32n) | (bits * 0x85eb_ca6bn)));
  const ops: Op[] = [...f32, ...more].map((bits) => ['f32.const', bits]);
  ops.push(...[...wide, 0x7ff8n << 48n, 0x7ff0n << 48n].map((bits): Op => ['f64.const', bits]));
  const body = madeSpan(assembleBody(ops), 'floats');
  const types = [{ explicit: false, types: [{ final: true, supers: [], comp: TYPES[0] as CompType }] }];
  const module: Module = { ...EMPTY_MODULE, types, funcs: [0 as Module['funcs'][number]], codes: [body] };
  const text = `(module (type (func))\n${printFunction(module, 0)})`;
  const again = parse(await assembleText(text)).codes[0];
  assert.ok(again !== undefined);
  assert.deepEqual(canonicalBody(again), canonicalBody(body));
});

test('nesting of 100,000 is printed in little space', () => {
  const w = new Writer().u8(0);
  for (let i = 0; i < 100_000; i++) w.u8(0x02).u8(0x40);
  for (let i = 0; i <= 100_000; i++) w.u8(0x0b);
  const types = [{ explicit: false, types: [{ final: true, supers: [], comp: TYPES[0] as CompType }] }];
  const codes = [madeSpan(w.finish(), 'deep')];
  const module: Module = { ...EMPTY_MODULE, types, funcs: [0 as Module['funcs'][number]], codes };
  assert.ok(printFunction(module, 0).length < 25_000_000);
});
