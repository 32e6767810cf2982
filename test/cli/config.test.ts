// Builds that a file describes: freeze.config.*, many at a time, and again when a file changes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { configSchema } from '../../src/cli/config-schema.ts';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, LAMBDA, LAMBDA_STUB, MAIN, ROOT } from './cli.ts';
import { COUNTER } from './guests.ts';

const counter = await wat(COUNTER);
const FIB = '(letrec ((fib (lambda (n) (if (< n 2) 1 (+ (fib (- n 1)) (fib (- n 2))))))) (fib 15))';

/** A folder with the counting guest and a config. */
function withConfig(config: unknown, name = 'freeze.config.json'): string {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  return folder({ 'guest.wasm': counter, [name]: text });
}

test('a config says what a line says: the same bytes', async () => {
  const cwd = folder({
    'fib.scm': FIB,
    'freeze.config.json': JSON.stringify({
      guest: LAMBDA,
      output: 'config.wasm',
      warmup: 'fib.scm',
      entry: { run: 'fib.scm' },
      'stub-import': { 'env.throw_error': 'trap' },
      quiet: true,
    }),
  });
  await good(['build'], { cwd });
  await good(
    ['build', LAMBDA, '-o', 'line.wasm', '--warmup', 'fib.scm', '--entry', 'run=fib.scm', ...LAMBDA_STUB],
    { cwd },
  );
  assert.deepEqual(readFileSync(join(cwd, 'config.wasm')), readFileSync(join(cwd, 'line.wasm')));
});

test('what --print-config prints is a config that says the same', async () => {
  const cwd = withConfig({
    guest: 'guest.wasm',
    builds: { a: { output: 'a.wasm', warmup: ['f()', 'g()'] }, b: { quiet: true, rounds: 3 } },
  });
  const { stdout } = await good(['build', '--print-config'], { cwd });
  const printed = stdout.toString();
  assert.deepEqual(JSON.parse(printed), {
    builds: {
      a: { guest: 'guest.wasm', output: 'a.wasm', warmup: ['f()', 'g()'] },
      b: { guest: 'guest.wasm', rounds: '3', quiet: true },
    },
  });
  writeFileSync(join(cwd, 'freeze.config.json'), printed);
  assert.equal((await good(['build', '--print-config'], { cwd })).stdout.toString(), printed);
  assert.deepEqual(readdirSync(cwd).sort(), ['freeze.config.json', 'guest.wasm']);
  const line = await good(['build', 'guest.wasm', '--warmup', 'f()', '--print-config'], { cwd });
  assert.deepEqual(JSON.parse(line.stdout.toString()), { guest: 'guest.wasm', warmup: ['f()'] });
});

test('a config may be JavaScript, or a function that gives one; a line goes before it', async () => {
  const cwd = withConfig(
    "export default { guest: 'guest.wasm', output: 'a.wasm', quiet: true };",
    'freeze.config.mjs',
  );
  await good(['build', '--output', 'b.wasm'], { cwd });
  assert.deepEqual(readdirSync(cwd).sort(), ['b.wasm', 'freeze.config.mjs', 'guest.wasm']);
  const other = withConfig("export default async () => ({ guest: 'guest.wasm', quiet: true });", 'own.mjs');
  await good(['build', '--config', join(other, 'own.mjs')], { cwd });
  assert.ok(existsSync(join(other, 'guest.frozen.wasm')), 'paths in a config are relative to its folder');
});

test('what is wrong with a config is told, with its place', async () => {
  const cases: readonly (readonly [config: unknown, says: RegExp, hint?: RegExp])[] = [
    [
      { guest: 'guest.wasm', warmpu: 'f()' },
      /freeze\.config\.json: unknown key warmpu/,
      /did you mean warmup\?/,
    ],
    [
      { builds: { a: { guest: 'guest.wasm', outptu: 'x' } } },
      /unknown key builds\.a\.outptu/,
      /did you mean output\?/,
    ],
    [{ guest: 7 }, /guest is a path, a string/],
    [{ guest: 'guest.wasm', quiet: 'yes' }, /quiet is true or false/],
    [{ guest: 'guest.wasm', output: ['a'] }, /output is a string$/],
    [{ guest: 'guest.wasm', warmup: 5 }, /warmup is a string, or a list of them/],
    [{ guest: 'guest.wasm', rounds: true }, /rounds is a number or a string/],
    [{ guest: 'guest.wasm', warmup: [true] }, /warmup is a string, or a list of them/],
    [{ guest: 'guest.wasm', entry: 1.5, warmup: { a: 'b' } }, /warmup is a string, or a list of them/],
    [{ guest: 'guest.wasm', watch: true }, /unknown key watch/],
    [{ builds: {} }, /builds has no build/],
    [{ builds: { a: {} } }, /build a names no guest/],
    [{ guest: 'guest.wasm', builds: { a: {}, b: {} } }, /build a and build b both write guest\.frozen\.wasm/],
    ['{ "guest": ', /freeze\.config\.json: .*JSON/],
    ['[]', /a config is an object/],
  ];
  for (const [config, says, hint] of cases) {
    const cwd = withConfig(config);
    const before = readdirSync(cwd);
    const { code, stderr } = await cli(['build'], { cwd });
    assert.equal(code, 2, stderr);
    errorLine(stderr, says);
    if (hint !== undefined) assert.match(stderr, hint);
    assert.deepEqual(readdirSync(cwd), before);
  }
  const throwing = withConfig("throw new Error('no luck');", 'freeze.config.mjs');
  errorLine((await cli(['build'], { cwd: throwing })).stderr, /freeze\.config\.mjs: it threw: no luck/);
  const none = await cli(['build'], { cwd: folder() });
  assert.equal(none.code, 2);
  errorLine(none.stderr, /no guest is given, and this folder has no config/);
  const missing = await cli(['build', '--config', 'none.json'], { cwd: folder() });
  assert.equal(missing.code, 5);
  errorLine(missing.stderr, /cannot read none\.json: no such file/);
});

test('TypeScript is read where Node reads it, and refused with the version elsewhere', async () => {
  const cwd = withConfig(
    "const guest: string = 'guest.wasm'; export default { guest, quiet: true };",
    'freeze.config.ts',
  );
  const { code, stderr } = await cli(['build'], { cwd });
  if ('typescript' in process.features && process.features.typescript) {
    assert.equal(code, 0, stderr);
    assert.ok(existsSync(join(cwd, 'guest.frozen.wasm')));
  } else {
    assert.equal(code, 2);
    errorLine(stderr, /freeze\.config\.ts: this Node reads no TypeScript/);
  }
});

test('one build that fails does not stop the others, and its exit code is that of all', async () => {
  const cwd = withConfig({
    guest: 'guest.wasm',
    builds: {
      a: { output: 'a.wasm' },
      bad: { output: 'b.wasm', warmup: 'none.scm' },
      c: { output: 'c.wasm' },
    },
  });
  const { code, stderr } = await cli(['build', '--jobs', '2'], { cwd });
  assert.equal(code, 5);
  assert.match(stderr, /^bad: failed\nfreeze: cannot read none\.scm/m);
  assert.match(stderr, /2 built, 1 failed: bad\n$/);
  assert.deepEqual(readFileSync(join(cwd, 'a.wasm')), readFileSync(join(cwd, 'c.wasm')));
  assert.ok(!existsSync(join(cwd, 'b.wasm')));
  await good(['build', '--only', 'a', '--only', 'c'], { cwd });
  const wrong = await cli(['build', '--only', 'd'], { cwd });
  assert.equal(wrong.code, 2);
  errorLine(wrong.stderr, /the config has no build d/);
});

test('--watch builds again when an input changes, goes and comes back', async () => {
  const cwd = withConfig({ guest: 'guest.wasm', output: 'out.wasm', quiet: true });
  const child = spawn(process.execPath, [MAIN, 'build', '--watch'], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', (chunk) => {
    text += String(chunk);
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.once('exit', (_code, signal) => resolve(signal)),
  );
  const said = async (what: RegExp): Promise<void> => {
    while (!what.test(text)) {
      assert.equal(child.exitCode, null, text);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    text = '';
  };
  try {
    await said(/1 built\nwatching 2 files;/);
    const first = readFileSync(join(cwd, 'out.wasm'));
    writeFileSync(join(cwd, 'guest.wasm'), await wat('(module (func (export "other")))'));
    await said(/changed: guest\.wasm\n.*1 built\nwatching/s);
    assert.notDeepEqual(readFileSync(join(cwd, 'out.wasm')), first);
    rmSync(join(cwd, 'guest.wasm'));
    await said(/changed: guest\.wasm\n.*failed.*cannot read guest\.wasm.*watching/s);
    writeFileSync(join(cwd, 'guest.wasm'), counter);
    await said(/changed: guest\.wasm\n.*1 built\nwatching/s);
    assert.deepEqual(readFileSync(join(cwd, 'out.wasm')), first);
    // The config is watched, too; what it said before goes on while it is wrong.
    const configured = (text: string): void => writeFileSync(join(cwd, 'freeze.config.json'), text);
    configured('{ "guest": ');
    await said(/changed: freeze\.config\.json\nfreeze: .*JSON.* \[config\]\nwatching 2 files;/s);
    configured('{ "guest": "guest.wasm", "output": "other.wasm", "quiet": true }');
    await said(/changed: freeze\.config\.json\n.*1 built\nwatching 2 files;/s);
    assert.deepEqual(readFileSync(join(cwd, 'other.wasm')), first);
  } finally {
    child.kill('SIGINT');
  }
  assert.equal(await ended, 'SIGINT');
});

test('the schema in the repository is that of the options', () => {
  const written: unknown = JSON.parse(readFileSync(join(ROOT, 'src', 'cli', 'config.schema.json'), 'utf8'));
  assert.ok(isDeepStrictEqual(written, configSchema()), 'npm run schema writes it anew');
});
