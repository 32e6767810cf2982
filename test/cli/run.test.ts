// `freeze run`: results, streams, exit codes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, LAMBDA, MAIN } from './cli.ts';
import { COMMAND, COUNTER, PROBE } from './guests.ts';

test('calls are made in order on one instance, and what they return is printed', async () => {
  const cwd = folder({ 'c.wasm': await wat(COUNTER) });
  const calls = ['add(1)', ' add( -3 ) ', 'both()', 'half(5)', 'half(-0.0)', 'half(nan)', 'half(1e400)'];
  const { stdout } = await good(['run', 'c.wasm', ...calls.flatMap((call) => ['--invoke', call])], { cwd });
  assert.equal(stdout.toString(), '1\n-2\n-2 -2\n2.5\n-0\nNaN\nInfinity\n');
});

test('a command reads stdin, writes stdout, and ends with its own code', async () => {
  const cwd = folder({ 'c.wasm': await wat(COMMAND), 'in.txt': 'from a file' });
  const big = 'x'.repeat(300_000);
  const piped = await cli(['run', 'c.wasm'], { cwd, stdin: big });
  assert.equal(piped.code, 3);
  assert.equal(piped.stdout.toString(), big);
  assert.equal(piped.stderr, '');
  assert.equal((await cli(['run', 'c.wasm', '--stdin', 'in.txt'], { cwd })).stdout.toString(), 'from a file');
  const fromStdin = await cli(['run', '-', '--stdin', 'in.txt'], { cwd, stdin: COMMAND });
  assert.equal(fromStdin.stdout.toString(), 'from a file');
});

test('stdin is live: an answer comes before the end of the input', async () => {
  const cwd = folder({ 'c.wasm': await wat(COMMAND) });
  for (const wasi of ['memory', 'node']) {
    const child = spawn(process.execPath, [MAIN, 'run', 'c.wasm', '--wasi', wasi], { cwd, stdio: 'pipe' });
    for (const line of ['one\n', 'two\n']) {
      child.stdin.write(line);
      const [chunk] = await once(child.stdout, 'data');
      assert.equal(String(chunk), line);
    }
    child.stdin.end();
    assert.deepEqual(await once(child, 'close'), [3, null]);
  }
});

test('stdout and stderr are the guest own, unmarked', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  const { stdout, stderr } = await good(['run', 'g.wasm', '--invoke', 'out()', '--invoke', 'err()'], { cwd });
  assert.equal(stdout.toString(), 'to out\n');
  assert.equal(stderr, 'to err\n');
});

test('arguments, environment, directories and randomness are what the line gives', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  mkdirSync(join(cwd, 'data'));
  writeFileSync(join(cwd, 'data', 'in.txt'), 'file\n');
  const run = async (call: string, ...more: readonly string[]): Promise<string> =>
    (
      await good(['run', 'g.wasm', '--invoke', call, ...more], { cwd, env: { SECRET: '1' } })
    ).stdout.toString();
  assert.equal(await run('args()'), '0\n');
  assert.equal(await run('args()', '--arg', 'a', '--', '-b', '--wasi'), 'g.wasm\0a\0-b\0--wasi\x004\n');
  assert.equal(await run('env()'), '0\n');
  assert.equal(await run('env()', '--env', 'A=1'), 'A=1\x001\n');
  assert.equal(await run('file()', '--dir', 'data::/d'), 'file\n0\n');
  assert.equal(await run('random()', '--random', 'seed=1'), await run('random()', '--random', 'seed=1'));
  assert.notEqual(await run('random()'), await run('random()'));
  const denied = await cli(['run', 'g.wasm', '--invoke', 'random()', '--random', 'deny'], { cwd });
  assert.equal(denied.code, 1);
  errorLine(denied.stderr, /asked for 4 random bytes in random\(\)/);
});

test('exits and traps are told apart by the code', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE), 'c.wasm': await wat(COUNTER) });
  for (const code of [0, 1, 42]) {
    const result = await cli(['run', 'g.wasm', '--invoke', `exit(${code})`], { cwd });
    assert.equal(result.code, code);
    assert.equal(result.stderr, '');
  }
  const trapped = await cli(
    ['run', 'c.wasm', '--invoke', 'add(1)', '--invoke', 'trap()', '--invoke', 'get()'],
    { cwd },
  );
  assert.equal(trapped.code, 1);
  assert.equal(trapped.stdout.toString(), '1\n');
  errorLine(trapped.stderr, /the guest trapped in trap\(\): unreachable/);
  assert.match(trapped.stderr, /counter\.deep \(function/);
});

test('what cannot be run is said', async () => {
  const cwd = folder({ 'c.wasm': await wat(COUNTER), 'none.wasm': await wat('(module)'), 'bad.wasm': 'x' });
  const lines: readonly (readonly [args: readonly string[], code: number, says: RegExp])[] = [
    [['c.wasm'], 2, /the module is no command: it exports no function "_start"/],
    [['none.wasm'], 2, /the module is no command/],
    [['c.wasm', '--invoke', 'nope()'], 2, /exports no function "nope"/],
    [['c.wasm', '--invoke', 'get'], 2, /--invoke get: a call is EXPORT\(ARGS\)/],
    [['c.wasm', '--invoke', 'add(1.5)'], 2, /the arguments do not fit/],
    [['bad.wasm'], 3, /bad\.wasm: not a WebAssembly module/],
    [['nope.wasm'], 5, /cannot read nope\.wasm/],
    [[LAMBDA, '--invoke', 'jitModule()'], 4, /imports what no host here gives: env\.throw_error/],
  ];
  for (const [args, code, says] of lines) {
    const result = await cli(['run', ...args], { cwd });
    assert.equal(result.code, code, result.stderr);
    errorLine(result.stderr, says);
  }
});

test('imports can be stubs here as well', async () => {
  const cwd = folder({
    'g.wasm': await wat('(module (import "a" "b" (func $b (result i32))) (export "f" (func $b)))'),
  });
  const { stdout } = await good(['run', 'g.wasm', '--stub-import', 'a.b=5', '--invoke', 'f()'], { cwd });
  assert.equal(stdout.toString(), '5\n');
});

test('a reader that goes away ends an endless guest, quietly', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  const child = spawn(process.execPath, [MAIN, 'run', 'g.wasm', '--invoke', 'flood()'], {
    cwd,
    stdio: 'pipe',
  });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  await once(child.stdout, 'data');
  child.stdout.destroy();
  assert.deepEqual(await once(child, 'close'), [5, null]);
  assert.equal(stderr, '');
});
