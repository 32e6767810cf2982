// What this Node cannot run is run by the newest Node at hand: the same tests once more, there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { places, root } from './engines/places.ts';
import { HAS_EVERYTHING } from './support/features.ts';

/** The tests that depend on what the engine has, by the beginning of their paths. */
const TESTS = ['freeze/', 'link/', 'random/', 'seal/', 'wizer/core', 'wizer/command-line'];
const newest = places.nodes.majors
  .map((major) => join(root, places.nodes.binary.replace('{major}', String(major))))
  .filter((binary) => existsSync(binary))
  .at(-1);

function skip(): string | false {
  if (HAS_EVERYTHING) return 'this engine lacks nothing';
  return newest === undefined && 'no newer Node at hand (node scripts/engines.mjs --nodes)';
}

it('the newest Node at hand agrees, with the features that this one lacks', { skip: skip() }, () => {
  const here = dirname(fileURLToPath(import.meta.url));
  const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.js') && TESTS.some((start) => file.startsWith(start)))
    .map((file) => join(here, file));
  assert.ok(files.length > TESTS.length);
  // One engine is enough for the others' sake: they have run from here, where they could.
  const env = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    FREEZE_ENGINES: 'wasmtime',
    FREEZE_RANDOM: '400',
  };
  const args = ['--test', '--test-reporter=tap', ...files];
  const { status, stdout } = spawnSync(newest ?? '', args, { env, encoding: 'utf8' });
  const failures = stdout.split('\n').filter((line) => /^\s*not ok/.test(line));
  assert.deepEqual(failures, []);
  assert.equal(status, 0, stdout.slice(-2000));
});
