// What a browser loads: small enough, and nothing of freezing in it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundle } from '../../bench/bundle.ts';

const MOST_GZIPPED = 30_000;

test('the live runtime, WASI apart, is under 30 kB, from ./live and from ./browser', async () => {
  for (const file of ['live.js', 'browser.js']) {
    const { code, gzipped } = await bundle(file, ['instantiate']);
    assert.ok(gzipped < MOST_GZIPPED, `${file}: ${gzipped} bytes`);
    assert.doesNotMatch(code, /fd_write|["`']node:/, `${file} brings what it does not need`);
  }
});

test('what is measured is the whole of it: with freezing it is bigger', async () => {
  const [runtime, all] = [await bundle('live.js', '*'), await bundle('browser.js', ['freeze'])];
  assert.ok(all.gzipped > runtime.gzipped + 10_000);
});
