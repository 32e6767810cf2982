// The search finds what a search without any cleverness finds.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Search } from '../../src/report/search.ts';

/** Few letters, so that needles overlap, repeat and begin each other. */
const letters = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> =>
  fc.array(fc.constantFrom(0, 1, 2, 255), { minLength, maxLength }).map((all) => Uint8Array.from(all));

function found(needles: readonly Uint8Array[], bytes: Uint8Array): readonly string[] {
  const all: string[] = [];
  new Search(needles).in(bytes, (needle, at) => all.push(`${needle} at ${at}`));
  return all.sort();
}

function byHand(needles: readonly Uint8Array[], bytes: Uint8Array): readonly string[] {
  const text = Buffer.from(bytes);
  return needles
    .flatMap((needle, which) => {
      const places: string[] = [];
      for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
        places.push(`${which} at ${at}`);
      }
      return places;
    })
    .sort();
}

test('every place of every needle, and no other', () => {
  fc.assert(
    fc.property(fc.array(letters(2, 9), { maxLength: 8 }), letters(0, 200), (needles, bytes) => {
      assert.deepEqual(found(needles, bytes), byHand(needles, bytes));
    }),
  );
});

test('a needle longer than a jump, at both ends', () => {
  const long = Uint8Array.from({ length: 700 }, (_, i) => (i * 7 + (i >> 8) * 13) & 0xff);
  const bytes = new Uint8Array(2000);
  bytes.set(long, 0);
  bytes.set(long, 1300);
  assert.deepEqual(found([long, long.subarray(0, 400)], bytes), [
    '0 at 0',
    '0 at 1300',
    '1 at 0',
    '1 at 1300',
  ]);
});

test('a hundred thousand needles, each found where it stands', () => {
  let x = 1;
  const random = Uint8Array.from({ length: 800_000 }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 24;
  });
  const needles = Array.from({ length: 100_000 }, (_, n) => random.subarray(n * 8, n * 8 + 8));
  const at: number[] = [];
  new Search(needles).in(random, (needle, place) => {
    assert.ok(place === needle * 8 || Buffer.from(random).indexOf(needles[needle] ?? '', place) === place);
    at.push(place);
  });
  assert.deepEqual([...new Set(at)].filter((place) => place % 8 === 0).length, needles.length);
});
