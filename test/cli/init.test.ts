// `freeze init --driver`: a file to start from, and never over another.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wat } from '../support/wat.ts';
import { cli, folder, good, MAIN, ROOT } from './cli.ts';
import { COUNTER } from './guests.ts';

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

test('a config is written of flags, and builds', async () => {
  const cwd = folder({ 'guest.wasm': await wat(COUNTER) });
  const { stderr } = await good(['init', '--guest', 'guest.wasm', '--output', 'out.wasm'], { cwd });
  assert.equal(stderr, 'freeze.config.json: a build; then freeze build\n');
  const config: unknown = JSON.parse(readFileSync(join(cwd, 'freeze.config.json'), 'utf8'));
  assert.deepEqual(
    { ...(config as object), $schema: '' },
    { $schema: '', guest: 'guest.wasm', output: 'out.wasm' },
  );
  await good(['build', '-q'], { cwd });
  assert.ok(readFileSync(join(cwd, 'out.wasm')).length > 0);
  const again = await cli(['init', '--guest', 'guest.wasm'], { cwd });
  assert.equal(again.code, 5);
  const printed = await good(['init', '--guest', 'g', '--warmup', 'a', '--warmup', 'b', '-'], { cwd });
  assert.deepEqual((JSON.parse(printed.stdout.toString()) as { warmup: unknown }).warmup, ['a', 'b']);
});

test('on a terminal it asks', async (t) => {
  const cwd = folder();
  // Python's pty gives it a terminal to ask on.
  const script = `import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.environ['TERM'] = 'xterm'
    os.environ.pop('CI', None)
    os.execv(sys.argv[1], sys.argv[1:])
for answer in ['app.wasm', 'app.scm', 'f(20)', '', 'out.wasm']:
    said = b''
    while b': ' not in said: said += os.read(fd, 4096)
    os.write(fd, answer.encode() + b'\\n')
try:
    while os.read(fd, 4096): pass
except OSError: pass
sys.exit(os.waitpid(pid, 0)[1])`;
  const run = spawnSync('python3', ['-c', script, process.execPath, MAIN, 'init'], { cwd, timeout: 30_000 });
  if (run.error !== undefined && 'code' in run.error && run.error.code === 'ENOENT')
    return t.skip('not at hand: python3');
  assert.equal(run.status, 0, String(run.stderr));
  const config: unknown = JSON.parse(readFileSync(join(cwd, 'freeze.config.json'), 'utf8'));
  assert.deepEqual(
    { ...(config as object), $schema: '' },
    { $schema: '', guest: 'app.wasm', load: 'app.scm', warmup: 'f(20)', output: 'out.wasm' },
  );
});

test('what to write must be said', async () => {
  const { code, stderr } = await cli(['init'], { cwd: folder() });
  assert.equal(code, 2);
  assert.match(stderr, /does not say what to write[\s\S]*freeze init --guest/);
});
