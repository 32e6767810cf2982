// Bytes that are no module: an error of ours with a place in the file, never an exception of
// JavaScript's own, never a hang, never a deep stack.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { FreezeError, MalformedError } from '../../src/errors/classes.ts';
import { inspectModule, renderInspection } from '../../src/report/inspect.ts';
import { checkCode } from '../../src/wasm/check.ts';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import { featuresUsed } from '../../src/wasm/features.ts';
import { EMPTY_MODULE, type Module } from '../../src/wasm/module.ts';
import { parse, readSections } from '../../src/wasm/parse.ts';
import { Ids, printFunction } from '../../src/wasm/print.ts';
import { walkBody } from '../../src/wasm/walk.ts';
import { Writer } from '../../src/wasm/writer.ts';
import { realModules } from '../real/modules.ts';
import { allModules, findSuite, loadSuite, repoRoot } from '../spec/suite.ts';
import { wat } from '../support/wat.ts';
import { canonicalBody } from './canonical.ts';

/** Everything that reads: whatever throws must throw an error of ours that says where. */
function readAll(bytes: Uint8Array, printing = true): FreezeError | undefined {
  let module: Module;
  const steps: readonly (() => void)[] = [
    () => checkCode(module),
    () => featuresUsed(module),
    () => encode(module, { fresh: true }),
    () => {
      for (const body of module.codes) canonicalBody(body);
    },
    () => {
      if (!printing) return;
      const ids = new Ids(module);
      for (const i of module.codes.keys()) printFunction(module, i + importedFunctions(module), ids);
    },
    () => renderInspection(inspectModule(bytes)),
  ];
  let first: FreezeError | undefined;
  try {
    module = parse(bytes);
  } catch (error) {
    first = ours(error, bytes);
    return first;
  }
  for (const step of steps) {
    try {
      step();
    } catch (error) {
      first ??= ours(error, bytes);
    }
  }
  return first;
}

function importedFunctions(module: Module): number {
  return module.imports.filter(({ desc }) => desc.kind === 'func').length;
}

function ours(error: unknown, bytes: Uint8Array): FreezeError {
  if (!(error instanceof FreezeError)) throw error;
  // A component is unsupported, not malformed.
  if (error instanceof MalformedError) {
    assert.ok(error.offset >= 0 && error.offset <= bytes.length, error.message);
    assert.ok(error.section !== '', error.message);
  }
  return error;
}

test('every malformed module of the spec suite is refused, and the reading of invalid ones ends', {
  skip: findSuite() === undefined && 'the spec suite is not here',
}, async () => {
  const suite = await loadSuite();
  assert.ok(suite !== undefined);
  for (const { file, line, bytes, kind } of allModules(suite)) {
    if (kind === 'valid') continue;
    const error = readAll(bytes);
    assert.ok(kind === 'invalid' || error !== undefined, `${file}:${line}`);
  }
});

test('a real module that ends at a section boundary, or around one, is no crash', () => {
  for (const { path, size } of realModules()) {
    if (size > 3_000_000) continue;
    const bytes = new Uint8Array(readFileSync(path));
    for (const { at, offset } of readSections(bytes)) {
      for (const end of new Set([at, at + 1, offset, offset + 1])) readAll(bytes.subarray(0, end), false);
    }
  }
});

const SMALL = `(module
  (rec (type $s (struct (field i32) (field (mut (ref null $s))))) (type $f (func (param i32) (result i32))))
  (import "a" "f" (func $i (type $f))) (import "a" "g" (global $g i32)) (import "a" "t" (tag $e (param i32)))
  (table $t 3 funcref (ref.null func)) (memory $m 1 4) (memory $n i64 1)
  (global $h (mut i64) (i64.add (i64.const -5) (i64.const 7)))
  (export "x" (func $x)) (start $st)
  (elem (table $t) (offset (global.get $g)) func $x $i) (elem declare func $x) (elem funcref (ref.func $x) (ref.null func))
  (data (memory $m) (offset (i32.const 9)) "hello") (data $p "passive")
  (func $st)
  (func $x (type $f) (local i64 i32) (local v128)
    (block $l (result i32) (try_table (catch $e $l) (call $i (local.get 0)) (br_if $l) drop) (i32.const 0x12345))
    (if (then (memory.init $p (i32.const 0) (i32.const 0) (i32.const 1))) (else nop))
    (v128.const i32x4 1 2 3 4) local.set 3
    (f64.store $n offset=0x1234567890 (i64.const 0) (f64.const 1.5))
    (block (br_table 0 0 0 (i32.const 1)))
    (struct.get $s 0 (ref.cast (ref $s) (ref.null $s)))
    (select (result i32) (i32.const 1) (i32.const 1))))`;

test('a small module cut at every byte, or with any byte replaced, is no crash', async () => {
  const bytes = await wat(SMALL);
  assert.equal(readAll(bytes), undefined);
  for (let end = 0; end < bytes.length; end++) {
    const error = readAll(bytes.subarray(0, end));
    // Between two sections the module is whole, or lacks what a later one would bring.
    assert.ok(error !== undefined || readSections(bytes).some(({ at }) => at === end), `cut at ${end}`);
  }
  for (let at = 0; at < bytes.length; at++) {
    for (const byte of [0, 1, 0x0b, 0x3f, 0x40, 0x63, 0x7f, 0x80, 0xfb, 0xfd, 0xff]) {
      const broken = bytes.slice();
      broken[at] = byte;
      readAll(broken);
    }
  }
});

const lambda: Uint8Array = new Uint8Array(readFileSync(join(repoRoot(), 'guests', 'lambda', 'lambda.wasm')));

test('a guest with bytes replaced, inserted or left out is no crash', () => {
  const edit = fc.record({
    at: fc.nat({ max: lambda.length - 1 }),
    remove: fc.nat({ max: 3 }),
    insert: fc.uint8Array({ maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let bytes = lambda;
      for (const { at, remove, insert } of edits) {
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...insert, ...bytes.subarray(at + remove)]);
      }
      readAll(bytes, false);
    }),
    { seed: 1, numRuns: 150 },
  );
});

test('any bytes behind a header are no crash', () => {
  const section = fc
    .tuple(fc.integer({ min: 0, max: 14 }), fc.uint8Array({ maxLength: 60 }))
    .map(([id, body]) => [id, ...new Writer().sized(body).finish()]);
  fc.assert(
    fc.property(fc.array(section, { maxLength: 6 }), fc.boolean(), (sections, component) => {
      const header = [0, 0x61, 0x73, 0x6d, component ? 0x0d : 1, 0, component ? 1 : 0, 0];
      readAll(Uint8Array.from([...header, ...sections.flat()]));
    }),
    { seed: 2, numRuns: 2000 },
  );
});

/** One function with this body. */
function moduleWith(body: Uint8Array): Module {
  return {
    ...EMPTY_MODULE,
    types: [
      {
        explicit: false,
        types: [{ final: true, supers: [], comp: { kind: 'func', params: [], results: [] } }],
      },
    ],
    funcs: [0 as Module['funcs'][number]],
    codes: [madeSpan(body, 'body')],
  };
}

test('blocks nested 100,000 deep cost time in proportion, and no stack', () => {
  const deep = 100_000;
  const w = new Writer().u8(0);
  for (let i = 0; i < deep; i++) w.u8(0x02).u8(0x40);
  for (let i = 0; i <= deep; i++) w.u8(0x0b);
  const module = parse(encode(moduleWith(w.finish())));
  const start = performance.now();
  checkCode(module);
  featuresUsed(module);
  for (const body of module.codes) {
    walkBody(body, { kinds: 0xff, index: () => {} });
    canonicalBody(body);
  }
  assert.ok(performance.now() - start < 2000);
});

test('reference types inside reference types are refused, however many', () => {
  for (const prefix of [0x63, 0x64]) {
    const type = new Uint8Array(100_000).fill(prefix);
    const asLocal = Uint8Array.from([1, 1, ...type, 0x70, 0x0b]);
    const asNull = Uint8Array.from([0, 0xd0, ...type, 0x70, 0x0b]);
    const asBlock = Uint8Array.from([0, 0x02, ...type, 0x70, 0x0b, 0x0b]);
    for (const body of [asLocal, asNull, asBlock]) {
      assert.ok(readAll(encode(moduleWith(body)), false) instanceof MalformedError);
    }
  }
});

test('counts that promise more than there is take no memory and no time', () => {
  const huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
  const start = performance.now();
  for (const id of [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 13]) {
    const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, id, 5, ...huge]);
    assert.throws(() => parse(bytes), MalformedError);
  }
  for (const code of [
    [...huge, 0x0b],
    [0, 0x0e, ...huge, 0x0b],
    [0, 0x1c, ...huge, 0x0b],
    [0, 0x1f, 0x40, ...huge, 0x0b],
  ]) {
    assert.ok(readAll(encode(moduleWith(Uint8Array.from(code)))) instanceof MalformedError);
  }
  // Four billion locals in a few bytes are well-formed.
  const locals = moduleWith(Uint8Array.from([2, ...huge, 0x7f, 0, 0x7e, 0x0b]));
  assert.equal(readAll(encode(locals)), undefined);
  assert.ok(performance.now() - start < 2000);
});

test('what a file is instead of a module is named', () => {
  assert.throws(() => parse(new Uint8Array(0)), /not a WebAssembly module.*0 bytes/);
  assert.throws(() => parse(Uint8Array.of(0x7f, 0x45, 0x4c, 0x46)), /starts with 7f 45 4c 46/);
  assert.throws(() => parse(Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0)), /version 2/);
  assert.throws(() => parse(Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0)), /component/);
  assert.throws(() => parse(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0)), /unexpected end/);
});
