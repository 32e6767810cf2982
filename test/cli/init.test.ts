// `freeze init --driver`: a file to start from, and never over another.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { cli, folder, good, ROOT } from './cli.ts';

const SKELETON = readFileSync(join(ROOT, 'examples', 'driver-skeleton.mjs'), 'utf8');

test('a driver is written where there is none', async () => {
  const cwd = folder();
  for (const [args, name] of [
    [['init', '--driver'], 'driver.mjs'],
    [['init', '--driver', 'mine.mjs'], 'mine.mjs'],
    [['init', 'other.mjs', '--driver'], 'other.mjs'],
  ] as const) {
    const { stderr } = await good(args, { cwd });
    assert.match(stderr, new RegExp(`^${name}: a driver to fill in`));
    assert.equal(readFileSync(join(cwd, name), 'utf8'), SKELETON);
  }
  const { stdout } = await good(['init', '--driver', '-'], { cwd });
  assert.equal(stdout.toString(), SKELETON);
});

test('what is there stays', async () => {
  const cwd = folder({ 'driver.mjs': 'mine' });
  const { code, stderr } = await cli(['init', '--driver'], { cwd });
  assert.equal(code, 5);
  assert.match(stderr, /driver\.mjs.*it is there already, and init writes over nothing/);
  assert.equal(readFileSync(join(cwd, 'driver.mjs'), 'utf8'), 'mine');
  const nowhere = await cli(['init', '--driver', 'no/such/folder.mjs'], { cwd });
  assert.equal(nowhere.code, 5);
});

test('what to write must be said', async () => {
  const { code, stderr } = await cli(['init'], { cwd: folder() });
  assert.equal(code, 2);
  assert.match(stderr, /does not say what to write[\s\S]*freeze init --driver/);
});
