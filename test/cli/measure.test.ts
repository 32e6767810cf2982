// freeze build --measure: guest and output, timed side by side. Only what is beyond any noise is judged.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Report } from '../../src/report/report.ts';
import { wat } from '../support/wat.ts';
import { folder, good } from './cli.ts';

/** Starting it takes millions of turns, which a frozen one has behind it. `one()` and `trap()` take none. */
const SLOW_START = `(module
  (func (export "_initialize")
    (local $i i32) (local.set $i (i32.const 50_000_000))
    (loop (br_if 0 (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
  (global $n (export "n") (mut i32) (i32.const 0))
  (func (export "one") (result i32)
    (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n))
  (func (export "once") (result i32)
    (if (global.get $n) (then unreachable))
    (global.set $n (i32.const 1)) (i32.const 7)))`;

test('guest and output take turns; the summary, the JSON and the page say the same', async () => {
  const cwd = folder({ 'g.wasm': await wat(SLOW_START) });
  const line = ['build', 'g.wasm', '--warmup', 'one()', '-o', 'f.wasm', '--measure'];
  const { stderr } = await good([...line, '--json', 'r.json', '--report', 'r.html'], { cwd });
  const { measured, warnings } = JSON.parse(readFileSync(join(cwd, 'r.json'), 'utf8')) as Report;
  assert.deepEqual(warnings, []);
  assert.ok(measured !== undefined);
  assert.equal(measured.call, 'one');
  assert.match(measured.engine, /^node\d+$/);
  assert.deepEqual(
    measured.modules.map(({ module }) => module),
    ['guest', 'frozen'],
  );
  for (const { cold, steady } of measured.modules) {
    assert.ok(cold.least > 0 && cold.least <= cold.median && cold.median <= cold.most);
    assert.ok(steady !== undefined && steady.least <= steady.median && steady.median <= steady.most);
  }
  assert.ok((measured.cold ?? 0) > 1, `the guest starts as fast as the frozen one: ${measured.cold}`);
  assert.match(stderr, /^ {2}measured +one on node\d+: cold start .* -> .* \([\d.]+x\), steady state /m);
  const page = readFileSync(join(cwd, 'r.html'), 'utf8');
  assert.match(page, /<h2>Time, measured<\/h2>/);
  assert.match(page, /<th scope="row">cold start<\/th>.*<th scope="row">steady state<\/th>/);
});

test('state that the guest imports is given to both, a reference too where it is kept', async () => {
  // Kept, the global holds what is the host's; taken in, it is null.
  const guest = `(module (import "env" "memory" (memory 1)) (import "env" "doc" (global $doc externref))
    (table $t 2 externref) (global $kept (export "kept") (mut i32) (i32.const 0))
    (func (export "warm") (i32.store (i32.const 8) (i32.const 77))
      (table.set $t (i32.const 1) (global.get $doc))
      (global.set $kept (i32.eqz (ref.is_null (global.get $doc)))))
    (func (export "run") (result i32)
      (if (i32.eq (global.get $kept) (ref.is_null (table.get $t (i32.const 1)))) (then unreachable))
      (i32.load (i32.const 8))))`;
  const cwd = folder({ 'g.wasm': await wat(guest) });
  for (const state of ['keep', 'internalize']) {
    const line = ['build', 'g.wasm', '--warmup', 'warm()', '--import-state', state, '-o', 'f.wasm'];
    const { stderr } = await good([...line, '--entry', 'main=run()', '--measure'], { cwd });
    assert.match(stderr, /^ {2}measured +main on node\d+: cold start /m, state);
    assert.doesNotMatch(stderr, /warning/);
  }
});

test('what cannot be measured is a warning, and the module is written', async () => {
  const cwd = folder({ 'g.wasm': await wat(SLOW_START) });
  for (const [more, says] of [
    [[], /no --entry to call, and no --warmup is a call/],
    [['--entry', 'main=once()'], /guest: .*unreachable/],
  ] as const) {
    const line = ['build', 'g.wasm', ...more, '-o', 'f.wasm', '--measure'];
    const { stderr } = await good(line, { cwd });
    assert.match(stderr, /^warning: nothing was measured .* \[not-measured\]$/m);
    assert.match(stderr, says);
    assert.ok(WebAssembly.validate(new Uint8Array(readFileSync(join(cwd, 'f.wasm')))));
  }
});
