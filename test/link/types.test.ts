// Merging types: groups that are the same are one, and nothing else is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TypePool } from '../../src/link/types.ts';
import { encode } from '../../src/wasm/encode.ts';
import { EMPTY_MODULE } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { RecType } from '../../src/wasm/types.ts';
import { needs } from '../support/features.ts';
import { wat } from '../support/wat.ts';

async function typesOf(text: string): Promise<readonly RecType[]> {
  return parse(await wat(`(module ${text})`)).types;
}

/** Where the types of `added` are among those of `guest` and what came to them, and how many there are. */
async function merged(
  guest: string,
  added: string,
): Promise<readonly [map: readonly number[], groups: number]> {
  const pool = new TypePool(await typesOf(guest));
  const map = pool.add(await typesOf(added));
  return [[...map], pool.recs.length];
}

test('a type that the output has is used again', async () => {
  const guest = '(type (func)) (type (func (param i32))) (type (func))';
  assert.deepEqual(await merged(guest, '(type (func (param i32))) (type (func))'), [[1, 0], 3]);
});

test('a type that it lacks is appended, once', async () => {
  const added = '(type (func (result f32))) (type (func)) (type (func (result f32)))';
  assert.deepEqual(await merged('(type (func))', added), [[1, 0, 1], 2]);
});

test('a group of one is the same with and without rec', async () => {
  assert.deepEqual(await merged('(type (func))', '(rec (type (func)))'), [[0], 1]);
  assert.deepEqual(await merged('(rec (type (func)))', '(type (func))'), [[0], 1]);
});

test('a type in a larger group is another type than the same one alone', async () => {
  const guest = '(type (func))';
  assert.deepEqual(await merged(guest, '(rec (type (func)) (type (struct)))'), [[1, 2], 2]);
  assert.deepEqual(await merged('(rec (type (func)) (type (struct)))', '(type (func))'), [[2], 2]);
});

test('groups that refer to themselves are compared as they unroll', async () => {
  const list = '(rec (type $a (struct (field (ref null $b)))) (type $b (struct (field (ref null $a) i32))))';
  // Elsewhere in the index space, under other names.
  assert.deepEqual(await merged(list, `(type (func)) ${list}`), [[2, 0, 1], 2]);
  const other = '(rec (type $a (struct (field (ref null $a)))) (type $b (struct (field (ref null $a) i32))))';
  assert.deepEqual(await merged(list, other), [[2, 3], 2]);
});

test('references to earlier types are compared by what they refer to', async () => {
  const guest = '(type $x (struct (field i32))) (type $y (struct (field (ref $x))))';
  const added = '(type (func)) (type $p (struct (field i32))) (type $q (struct (field (ref $p))))';
  assert.deepEqual(await merged(guest, added), [[2, 0, 1], 3]);
  const differs = '(type $p (struct (field i64))) (type $q (struct (field (ref $p))))';
  assert.deepEqual(await merged(guest, differs), [[2, 3], 4]);
});

test('finality, supertypes and mutability tell types apart', async () => {
  const guest = '(type $a (sub (struct (field i32))))';
  assert.deepEqual(await merged(guest, '(type (struct (field i32)))'), [[1], 2]);
  assert.deepEqual(await merged(guest, '(type (sub (struct (field (mut i32)))))'), [[1], 2]);
  const sub = `${guest} (type (sub $a (struct (field i32))))`;
  assert.deepEqual(await merged(sub, sub), [[0, 1], 2]);
});

test('an interned type is the one that is there', async () => {
  const pool = new TypePool(await typesOf('(type (func)) (type (func (param i64)))'));
  const comp = { kind: 'func', params: ['i64'], results: [] } as const;
  const rec = { explicit: false, types: [{ final: true, supers: [], comp }] };
  assert.equal(pool.intern(rec), 1);
  const other = { ...rec, types: [{ final: true, supers: [], comp: { ...comp, params: ['f64'] as const } }] };
  assert.equal(pool.intern(other), 2);
  assert.equal(pool.intern(other), 2);
  assert.equal(pool.recs.length, 3);
});

test('what is merged validates', needs('gc'), async () => {
  const list =
    '(rec (type $a (struct (field (ref null $b)))) (type $b (sub (struct (field (ref null $a) i32)))))';
  const pool = new TypePool(await typesOf('(type (func)) (type (array i8))'));
  pool.add(
    await typesOf(`(type (func (param i32))) ${list} (type (sub $b (struct (field (ref null $a) i32 i64))))`),
  );
  const bytes = encode({ ...EMPTY_MODULE, types: pool.recs });
  assert.ok(WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>));
});
