import assert from 'node:assert/strict';
import { it } from 'node:test';
import { spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { reduce } from './reduce.ts';
import { wat } from './wat.ts';

const returnsSeven = (bytes: Uint8Array): boolean => {
  try {
    const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
    const run = new WebAssembly.Instance(module, {}).exports['run'];
    return typeof run === 'function' && run(3) === 7;
  } catch {
    return false;
  }
};

it('what a predicate does not need goes, and what it needs stays', async () => {
  const bytes =
    await wat(`(module (memory (export "m") 2) (table 3 funcref) (elem (i32.const 0) $a $b) (data (i32.const 4) "abcdef")
    (global $g (mut i32) (i32.const 7))
    (func $a (result i32) (i32.const 9)) (func $b (param i64) (drop (call $a)))
    (func (export "run") (param i32) (result i32) (local i32)
      (drop (call $a)) (loop $l (br_if $l (i32.eqz (local.tee 1 (i32.add (local.get 1) (i32.const 1))))))
      (if (result i32) (local.get 0) (then (global.get $g)) (else (call $a))))
    (func (export "other")))`);
  const small = await reduce(bytes, returnsSeven);
  assert.ok(returnsSeven(small));
  const module = parse(small);
  assert.deepEqual(
    module.exports.map(({ name }) => name),
    ['run'],
  );
  assert.equal(module.datas.length + module.elems.length + spaces(module).mems.length, 0);
  assert.ok(small.length < 70, `${small.length} bytes are left of ${bytes.length}`);
});

it('a module that is not interesting is refused', async () => {
  await assert.rejects(async () => reduce(await wat('(module)'), returnsSeven), RangeError);
});
