import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { lackingFeatures } from '../../src/host/features.ts';
import { parse } from '../../src/wasm/parse.ts';
import { HAS_EVERYTHING } from '../support/features.ts';
import { wat } from '../support/wat.ts';

/** Modules of what came after Node 20, one a feature, each used by function 1. */
const MODULES: Readonly<Record<string, string>> = {
  'relaxed-simd':
    '(func) (func $f (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))))',
  'multi-memory': '(memory 1) (memory $m 1) (func) (func $f (drop (i32.load $m (i32.const 0))))',
  'function-references': '(type $t (func)) (func) (func $f (drop (ref.null $t)))',
  gc: '(type $s (struct (field i32))) (func) (func $f (drop (struct.new_default $s)))',
  exceptions: '(tag $e) (func) (func $f (block $b (try_table (catch $e $b))))',
};

describe('what the engine lacks', () => {
  for (const [feature, fields] of Object.entries(MODULES)) {
    it(`${feature}: nothing where the module validates, else the feature and its function`, async () => {
      const bytes = await wat(`(module ${fields})`);
      const lacking = lackingFeatures(parse(bytes));
      if (WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)) {
        assert.deepEqual(lacking, []);
        return;
      }
      const found = lacking.find((one) => one.feature === feature);
      assert.deepEqual(found, { feature, where: 'function 1 (f)', node: 22 });
      await assert.rejects(freeze(bytes), {
        code: 'engine',
        message: new RegExp(`lacks .*${feature}, which function 1 \\(f\\) needs`),
        hint: 'run freeze with Node 22 or newer',
      });
    });
  }

  it('a 64-bit table, by its section', async () => {
    const bytes = await wat('(module (table i64 1 funcref))');
    const lacking = lackingFeatures(parse(bytes));
    const expected = [{ feature: 'table64', where: 'the table section', node: 24 }];
    assert.deepEqual(lacking, HAS_EVERYTHING ? [] : expected);
  });

  it('two functions need it', async () => {
    const bytes = await wat(
      '(module (memory $a 1) (memory $b 1) (func $f (drop (memory.size $b))) (func $g (drop (memory.size $b))))',
    );
    if (WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)) return;
    await assert.rejects(freeze(bytes), { message: /multi-memory, which functions 0 \(f\), 1 \(g\) need$/ });
  });

  it('a module that is wrong, not new, is invalid', async () => {
    const bytes = await wat('(module (func (result i32) (i32.const 1)))');
    const broken = Uint8Array.from(bytes);
    // i32.const 1 → f32.const, which takes what is behind it.
    broken[broken.length - 3] = 0x43;
    await assert.rejects(freeze(broken), (error: Error & { code?: string }) => error.code !== 'engine');
  });
});

describe('relaxed vector instructions', () => {
  it('are told of, by name and function', async (context) => {
    const bytes = await wat(`(module ${MODULES['relaxed-simd']})`);
    if (!WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)) {
      context.diagnostic('this engine lacks relaxed SIMD: refused, see above');
      await assert.rejects(freeze(bytes), { code: 'engine' });
      return;
    }
    const { report } = await freeze(bytes);
    const [warning] = report.warnings;
    assert.equal(warning?.code, 'relaxed-simd');
    assert.match(warning?.message ?? '', /i8x16\.relaxed_swizzle in function 1/);
    const without = await freeze(
      await wat('(module (func (drop (i8x16.swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))'),
    );
    assert.deepEqual(without.report.warnings, []);
  });
});
