// The tools that read the spec suite, on small inputs of their own: these run without the suite.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createAssembler } from './assemble.ts';
import { differences, runFile } from './run.ts';
import { headOf, readForms, stringBytes } from './sexpr.ts';
import { SPECTEST_PARTS } from './spectest.ts';
import type { Command, Suite, SuiteFile } from './suite.ts';
import { floatBits, readExpected } from './values.ts';
import { readCommands } from './wast.ts';

test('comments nest, strings hide parentheses, annotations are dropped at every depth', () => {
  const forms = readForms('(; a (; b ;) ( ;) (a ")(;" ;; )\n) (@note (x) "y") ((@n) b (@n ")"))');
  assert.deepEqual(forms.map(headOf), ['a', 'b']);
});

test('forms nest deeper than the JavaScript stack', () => {
  const depth = 200_000;
  assert.equal(readForms('(a '.repeat(depth) + ')'.repeat(depth)).length, 1);
});

test('an unbalanced text is refused with its line', () => {
  assert.throws(() => readForms('\n(a'), /line 2/u);
  assert.throws(() => readForms('(a)\n)'), /line 2/u);
  assert.throws(() => readForms('(; (; ;)'), /never closed/u);
});

test('string escapes become bytes', () => {
  assert.deepEqual(
    [...stringBytes('a\\00\\ff\\n\\"\\u{20ac}é')],
    [97, 0, 255, 10, 34, 0xe2, 0x82, 0xac, 0xc3, 0xa9],
  );
});

test('decimal floats round as JavaScript rounds them', () => {
  const view = new DataView(new ArrayBuffer(8));
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      view.setFloat64(0, value);
      const text = Object.is(value, -0) ? '-0' : String(value);
      assert.equal(BigInt(floatBits(text, 64)), view.getBigUint64(0));
      // A single is a double too, so its shortest decimal is exact enough to come back.
      const single = Math.fround(value);
      if (!Number.isFinite(single)) return;
      view.setFloat32(0, single);
      assert.equal(Number(floatBits(Object.is(single, -0) ? '-0' : String(single), 32)), view.getUint32(0));
    }),
  );
});

test('floats at the edges have the bits that the specification gives them', () => {
  const cases: readonly (readonly [text: string, width: number, bits: string])[] = [
    ['0x1p-149', 32, '0x1'],
    ['0x1p-150', 32, '0x0'],
    ['0x1.8p-150', 32, '0x1'],
    ['0x1.fffffep+127', 32, '0x7f7fffff'],
    ['0x1.ffffffp+127', 32, '0x7f800000'],
    ['-0x1p-126', 32, '0x80800000'],
    // Halfway between two singles for a double, just above for the decimal: rounding twice goes wrong.
    ['1.00000017881393432617187500001', 32, '0x3f800002'],
    ['1_0.5', 64, '0x4025000000000000'],
    ['-nan:0x200000', 32, '0xffa00000'],
    ['nan', 64, '0x7ff8000000000000'],
    ['-inf', 32, '0xff800000'],
    ['nan:canonical', 32, 'nan:canonical'],
  ];
  for (const [text, width, bits] of cases) assert.equal(floatBits(text, width), bits, text);
});

test('constants of every kind are read', () => {
  const read = (text: string): unknown => readForms(text).map(readExpected)[0];
  assert.deepEqual(read('(i32.const -1)'), { type: 'i32', bits: '0xffffffff' });
  assert.deepEqual(read('(i64.const 0x8000_0000_0000_0000)'), { type: 'i64', bits: '0x8000000000000000' });
  assert.deepEqual(read('(v128.const i64x2 -1 2)'), {
    type: 'v128',
    shape: 'i64x2',
    lanes: ['0xffffffffffffffff', '0x2'],
  });
  assert.deepEqual(read('(ref.null extern)'), { type: 'null', heap: 'extern' });
  assert.deepEqual(read('(ref.extern 7)'), { type: 'extern', id: 7 });
  assert.deepEqual(read('(ref.func)'), { type: 'ref', kind: 'func' });
  assert.deepEqual(read('(either (i32.const 1) (i32.const 2))'), {
    type: 'either',
    of: [
      { type: 'i32', bits: '0x1' },
      { type: 'i32', bits: '0x2' },
    ],
  });
  assert.throws(() => read('(f16.const 1)'), /unknown constant/u);
});

test('module commands are told apart', () => {
  const commands = readCommands(
    '(module definition $D (func)) (module instance $I $D) (module $B binary "\\00asm" "\\01\\00\\00\\00") (module quote "(func)")\n(thread $T)',
  );
  assert.deepEqual(
    commands.map(({ kind, line }) => `${kind} ${line}`),
    ['definition 1', 'instance 1', 'module 1', 'module 1', 'other 2'],
  );
  assert.equal(readCommands('(memory 1) (func)').length, 1);
});

const MODULE = `
  (module
    (func (export "nan") (result f32) (f32.reinterpret_i32 (i32.const 0x7fa00001)))
    (func (export "id") (param f32 v128 i64) (result f32 v128 i64) (local.get 0) (local.get 1) (local.get 2))
    (func (export "ref") (param externref) (result externref) (local.get 0))
    (func (export "trap") (result v128) (unreachable))
    (func $loop (export "loop") (call $loop))
    (global (export "g") f64 (f64.const -nan:0x4000000000001)))`;

async function scriptOf(text: string): Promise<[Suite, SuiteFile]> {
  const assembler = createAssembler();
  const commands: Command[] = [];
  for (const command of readCommands(text)) {
    commands.push(
      'module' in command ? { ...command, module: await assembler.assemble(command.module, false) } : command,
    );
  }
  const spectest: Uint8Array[] = [];
  for (const part of SPECTEST_PARTS) {
    const { bytes } = await assembler.assemble({ form: 'text', text: part }, false);
    if (bytes !== undefined) spectest.push(bytes);
  }
  const file = { name: 'script.wast', commands };
  return [{ files: [file], spectest, unparsed: [] }, file];
}

test('values cross the boundary bit for bit: signalling NaNs, v128, references', async () => {
  const [suite, file] = await scriptOf(`${MODULE}
    (assert_return (invoke "nan") (f32.const nan:0x200001))
    (assert_return (get "g") (f64.const -nan:0x4000000000001))
    (assert_return (invoke "id" (f32.const -nan:0x200000) (v128.const f32x4 nan:0x200000 -0 1 inf) (i64.const -2))
      (f32.const -nan:0x200000) (v128.const f32x4 nan:0x200000 -0 1 inf) (i64.const -2))
    (assert_return (invoke "ref" (ref.extern 3)) (ref.extern 3))
    (assert_return (invoke "ref" (ref.null extern)) (ref.null extern))
    (assert_trap (invoke "trap") "unreachable")
    (assert_exhaustion (invoke "loop") "call stack exhausted")`);
  const { outcomes, counts } = await runFile(suite, file);
  assert.deepEqual(
    outcomes.filter(({ status }) => status !== 'passed'),
    [],
  );
  assert.equal(counts.passed, 8);
});

test('what is wrong is found', async () => {
  const [suite, file] = await scriptOf(`${MODULE}
    (assert_return (invoke "nan") (f32.const nan:canonical))
    (assert_return (invoke "nan") (f32.const nan:arithmetic))
    (assert_return (get "g") (f64.const nan:0x4000000000001))
    (assert_return (invoke "id" (f32.const 0) (v128.const i32x4 0 0 0 0) (i64.const 0))
      (f32.const -0) (v128.const i32x4 0 0 0 0) (i64.const 0))
    (assert_return (invoke "id" (f32.const 0) (v128.const i32x4 0 0 0 0) (i64.const 0))
      (f32.const 0) (v128.const i32x4 0 0 0 1) (i64.const 0))
    (assert_return (invoke "ref" (ref.extern 3)) (ref.extern 4))
    (assert_return (invoke "ref" (ref.extern 3)) (ref.null extern))
    (assert_return (invoke "trap") (v128.const i32x4 0 0 0 0))
    (assert_trap (invoke "loop") "unreachable")
    (assert_exhaustion (invoke "trap") "call stack exhausted")
    (assert_trap (invoke "nan") "unreachable")
    (assert_return (invoke "absent"))
    (assert_invalid (module) "nothing")
    (assert_malformed (module binary "\\00asm\\01\\00\\00\\00") "nothing")
    (assert_unlinkable (module (import "spectest" "print" (func))) "nothing")
    (assert_trap (module (import "spectest" "print_i32" (func))) "nothing")`);
  const { counts } = await runFile(suite, file);
  assert.deepEqual(counts, { passed: 1, failed: 16, unsupported: 0, skipped: 0 });
});

test('a transformation takes the place of each valid module, or declines, or fails', async () => {
  const [suite, file] = await scriptOf(`(module (func (export "f") (result i32) (i32.const 1)))
    (assert_return (invoke "f") (i32.const 1))
    (assert_invalid (module (func (result i32))) "type mismatch")`);
  const before = await runFile(suite, file);
  assert.deepEqual(differences(before, before), []);
  const kinds: string[] = [];
  const changed = await runFile(suite, file, {
    transform(bytes, { kind }) {
      kinds.push(kind);
      // i32.const 1 becomes i32.const 2.
      return bytes.map((byte, index) => (bytes[index - 1] === 0x41 ? byte + 1 : byte));
    },
  });
  assert.deepEqual(kinds, ['module']);
  assert.equal(differences(before, changed).length, 1);
  const declined = await runFile(suite, file, { transform: () => ({ skip: 'not today' }) });
  assert.deepEqual(declined.counts, { passed: 1, failed: 0, unsupported: 0, skipped: 2 });
  const failed = await runFile(suite, file, { transform: () => Promise.reject(new Error('no')) });
  assert.deepEqual(failed.counts, { passed: 1, failed: 2, unsupported: 0, skipped: 0 });
});
