// --cache: the same bytes, sooner, or never the wrong ones.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Report } from '../../src/report/report.ts';
import { wat } from '../support/wat.ts';
import { folder, good } from './cli.ts';

const GUEST = (first: number): string => `(module (memory (export "memory") 1)
  (func (export "warm") (i32.store (i32.const 8) (i32.const ${first}))))`;

interface Built {
  readonly bytes: Buffer;
  readonly report: Report;
  readonly stderr: string;
}

async function built(cwd: string, ...more: readonly string[]): Promise<Built> {
  rmSync(join(cwd, 'out.wasm'), { force: true });
  const line = [
    'build',
    'guest.wasm',
    '--warmup',
    'warm()',
    '-o',
    'out.wasm',
    '--json',
    'out.json',
    '--cache',
    'kept',
  ];
  const { stderr } = await good([...line, ...more], { cwd });
  const report = JSON.parse(readFileSync(join(cwd, 'out.json'), 'utf8')) as Report;
  return { bytes: readFileSync(join(cwd, 'out.wasm')), report, stderr };
}

test('a second build of the same is taken from the cache, and says so', async () => {
  const cwd = folder({ 'guest.wasm': await wat(GUEST(7)) });
  const first = await built(cwd);
  assert.equal(first.report.cache, 'miss');
  const second = await built(cwd, '--report', 'page.html', '--target', 'node');
  assert.equal(second.report.cache, 'hit');
  assert.match(second.stderr, /^cache: hit$/m);
  assert.deepEqual(second.bytes, first.bytes);
  assert.match(readFileSync(join(cwd, 'page.html'), 'utf8'), /What the module is made of/);
});

test('whatever changes what comes out is another build', async () => {
  const cwd = folder({ 'guest.wasm': await wat(GUEST(7)) });
  const { bytes } = await built(cwd);
  assert.equal((await built(cwd, '--entry', 'again=warm()')).report.cache, 'miss');
  writeFileSync(join(cwd, 'guest.wasm'), await wat(GUEST(8)));
  const changed = await built(cwd);
  assert.equal(changed.report.cache, 'miss');
  assert.notDeepEqual(changed.bytes, bytes);
});

test('a damaged file of the cache is told, and built anew', async () => {
  const cwd = folder({ 'guest.wasm': await wat(GUEST(7)) });
  const { bytes } = await built(cwd);
  const [name = ''] = readdirSync(join(cwd, 'kept'));
  const path = join(cwd, 'kept', name);
  const whole = readFileSync(path);
  const flipped = Buffer.from(whole);
  flipped[flipped.length - 20] = (flipped[flipped.length - 20] ?? 0) ^ 1;
  for (const damaged of [flipped, whole.subarray(0, -1), Buffer.from('{}'), Buffer.alloc(0)]) {
    writeFileSync(path, damaged);
    const again = await built(cwd);
    assert.equal(again.report.cache, 'miss');
    assert.match(again.stderr, /^warning: the cache is damaged: .* \[cache-damaged\]$/m);
    assert.deepEqual(
      again.report.warnings.map(({ code }) => code),
      ['cache-damaged'],
    );
    assert.deepEqual(again.bytes, bytes);
    const last = await built(cwd);
    assert.equal(last.report.cache, 'hit');
    assert.deepEqual(last.report.warnings, [], 'what was wrong with the cache is not kept in it');
    assert.deepEqual(last.bytes, bytes);
  }
});

test('a cache that cannot be written is a warning, and nothing more', async () => {
  const cwd = folder({ 'guest.wasm': await wat(GUEST(7)), kept: 'no folder' });
  const { stderr, report } = await built(cwd);
  assert.equal(report.cache, 'miss');
  assert.match(stderr, /^warning: cannot write the cache: .* \[cache-write\]$/m);
  assert.ok(report.warnings.some(({ code }) => code === 'cache-write'));
  if (process.getuid?.() === 0) return;
  rmSync(join(cwd, 'kept'));
  mkdirSync(join(cwd, 'kept'));
  chmodSync(join(cwd, 'kept'), 0o555);
  assert.match((await built(cwd)).stderr, /cannot write the cache: /);
});

test('what freeze does not see all of is not cached', async () => {
  const cwd = folder({ 'guest.wasm': await wat(GUEST(7)) });
  const { stderr, report } = await built(cwd, '--dir', '.::/here');
  assert.match(stderr, /^warning: not cached: a guest may read anything in --dir \[not-cached\]$/m);
  assert.equal(report.cache, undefined);
});
