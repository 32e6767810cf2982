// Parse and encode: the identity on every valid module, copied section by section or written anew.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { relocateBody } from '../../src/link/relocate.ts';
import { checkCode } from '../../src/wasm/check.ts';
import { encode } from '../../src/wasm/encode.ts';
import { parse } from '../../src/wasm/parse.ts';
import { realModules } from '../real/modules.ts';
import { allModules, findSuite, loadSuite, type SuiteModule } from '../spec/suite.ts';
import { canonicalBytes } from './canonical.ts';
import { inverse, shiftMaps } from './shift.ts';

const absent: string | false = findSuite() === undefined && 'the spec suite is not here';

async function validModules(): Promise<readonly SuiteModule[]> {
  const suite = await loadSuite();
  assert.ok(suite !== undefined);
  return [...allModules(suite)].filter(({ kind }) => kind === 'valid');
}

function validates(bytes: Uint8Array): boolean {
  return WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

test('parsing and encoding is the identity on every valid module of the spec suite', {
  skip: absent,
}, async () => {
  for (const { file, line, bytes } of await validModules()) {
    assert.ok(same(encode(parse(bytes)), bytes), `${file}:${line}`);
  }
});

test('every valid module of the spec suite has code that checks', { skip: absent }, async () => {
  for (const { bytes } of await validModules()) checkCode(parse(bytes));
});

test('a module written anew validates where the original does, and is stable', { skip: absent }, async () => {
  for (const { file, line, bytes } of await validModules()) {
    const fresh = encode(parse(bytes), { fresh: true });
    assert.equal(validates(fresh), validates(bytes), `${file}:${line}`);
    assert.ok(same(encode(parse(fresh), { fresh: true }), fresh), `${file}:${line}`);
    assert.ok(fresh.length <= bytes.length, `${file}:${line}`);
  }
});

test('moving every index there and back is the identity', { skip: absent }, async () => {
  for (const { file, line, bytes } of await validModules()) {
    const module = parse(bytes);
    const there = shiftMaps(module, true);
    const back = inverse(there);
    for (const body of module.codes) {
      for (const keepWidth of [false, true]) {
        const again = relocateBody(relocateBody(body, there, { keepWidth }), back, { keepWidth });
        assert.ok(same(canonicalBytes(again), canonicalBytes(body)), `${file}:${line}`);
      }
    }
  }
});

for (const { name, path, size } of realModules()) {
  test(`${name} (${(size / 1e6).toFixed(1)} MB): the identity, copied and written anew`, () => {
    const bytes = new Uint8Array(readFileSync(path));
    const module = parse(bytes);
    assert.ok(same(encode(module), bytes));
    checkCode(module);
    const fresh = encode(module, { fresh: true });
    assert.ok(same(encode(parse(fresh)), fresh));
    assert.ok(same(encode(parse(fresh), { fresh: true }), fresh));
    assert.ok(validates(fresh));
  });
}
