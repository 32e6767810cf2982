// `freeze verify` and `freeze build --verify` on the command line.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, MAIN, refused } from './cli.ts';
import { COUNTER } from './guests.ts';

const BUILD = ['build', 'c.wasm', '--warmup', 'add(3)', '-o', 'c.frozen.wasm', '-q'];
const VERIFY = ['verify', 'c.wasm', 'c.frozen.wasm', '--warmup', 'add(3)'];

async function counter(): Promise<string> {
  const cwd = folder({ 'c.wasm': await wat(COUNTER) });
  await good(BUILD, { cwd });
  return cwd;
}

test('the same is exit code 0 and a line', async () => {
  const cwd = await counter();
  const here = await good(
    [...VERIFY, '--engines', 'none', '--call', 'both()', '--call', 'half(-0)', '--call', 'trap()'],
    { cwd },
  );
  assert.equal(here.stdout.toString(), 'the same: 3 calls in here; state compared\n');
  const quiet = await good([...VERIFY, '--engines', 'none', '--quiet', '--fuzz', '50', '--seed', '3'], {
    cwd,
  });
  assert.equal(quiet.stdout.toString(), '');
});

test('a difference is exit code 6, and tells where, as text and as JSON', async () => {
  const cwd = await counter();
  const told = ['verify', 'c.wasm', 'c.frozen.wasm', '--warmup', 'add(4)', '--engines', 'none'];
  const text = await cli(told, { cwd });
  assert.equal(text.code, 6);
  assert.match(text.stdout.toString(), /^different: 1 call in here; state compared\n/);
  assert.match(
    text.stdout.toString(),
    /memory 0 at 0x10, before the first call: the guest has "0x04", the frozen module "0x03"/,
  );
  const json = await cli([...told, '--json', '--quiet'], { cwd });
  assert.equal(json.code, 6);
  const report = JSON.parse(json.stdout.toString());
  assert.equal(report.same, false);
  assert.deepEqual(report.differences.at(-1), {
    engine: 'here',
    where: 'global 0, after the last call',
    live: '0x8',
    frozen: '0x7',
  });
});

test('a build with --verify writes what is the same, and nothing that is not', async () => {
  const cwd = folder({
    'c.wasm': await wat(COUNTER),
    'dice.wasm': await wat(`(module
      (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "roll") (drop (call $random (i32.const 0) (i32.const 8)))))`),
  });
  const env = { FREEZE_PYTHON: '/nowhere' };
  await good([...BUILD, '--verify'], { cwd, env });
  const plain = readFileSync(join(cwd, 'c.frozen.wasm'));
  await good(BUILD, { cwd });
  assert.deepEqual(readFileSync(join(cwd, 'c.frozen.wasm')), plain);
  const dice = ['dice.wasm', '--warmup', 'roll()', '--random', 'system', '--verify', '-q'];
  const says = /the frozen module differs from the guest: here: memory 0 at 0x/;
  await refused(dice, { code: 6, says }, { cwd, env });
});

test('a guest that imports its state, kept and taken in', async () => {
  const cwd = folder({
    'g.wasm':
      await wat(`(module (import "env" "memory" (memory 1)) (import "env" "doc" (global $d externref)) (table $t 2 externref)
      (func (export "warm") (i32.store (i32.const 8) (i32.const 77)) (table.set $t (i32.const 1) (global.get $d)))
      (func (export "n") (result i32) (i32.load (i32.const 8)))
      (func (export "isNull") (result i32) (ref.is_null (table.get $t (i32.const 1)))))`),
  });
  for (const state of ['keep', 'internalize']) {
    const how = ['--warmup', 'warm()', '--import-state', state];
    await good(['build', 'g.wasm', ...how, '-o', 'f.wasm', '-q'], { cwd });
    const calls = ['--call', 'n()', '--call', 'isNull()', '--engines', 'none'];
    const { stdout } = await good(['verify', 'g.wasm', 'f.wasm', ...how, ...calls], { cwd });
    assert.match(stdout.toString(), /^the same: 2 calls in here; state compared$/m);
    const other = await cli(['verify', 'g.wasm', 'f.wasm', '--import-state', state, ...calls], { cwd });
    assert.equal(other.code, 6, 'without the warm-up it is another');
  }
});

test('mistakes are told, each with exit code 2', async () => {
  const cwd = await counter();
  const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
    [['--engines', 'deno'], /--engines deno: it is all, none, or names/],
    [['--engines', 'node7'], /--engines node7: no engine of this name is at hand/],
    [['--fuzz', '-1'], /--fuzz -1: a whole number from 0 on/],
    [['--seed', 'x'], /--seed x: a whole number/],
    [['--call', 'add'], /--call add: a call is EXPORT\(ARGS\)/],
    [['--call', 'gone()'], /gone/],
  ];
  for (const [options, message] of mistakes) {
    const engines = options[0] === '--engines' ? [] : ['--engines', 'none'];
    const result = await cli([...VERIFY, ...engines, ...options], { cwd });
    assert.equal(result.code, 2, options.join(' '));
    errorLine(result.stderr, message);
  }
  const one = await cli(['verify', 'c.wasm'], { cwd });
  assert.equal(one.code, 2);
  errorLine(one.stderr, /verify needs files: freeze verify GUEST FROZEN/);
});

test('what does not end is stopped: a warm-up, a call, the frozen module alone, and in a build', async () => {
  // Ends before the snapshot, and never behind it.
  const cwd = folder({
    'g.wasm': await wat(`(module (memory (export "memory") 1) (global $warm (mut i32) (i32.const 0))
      (func (export "ever") (loop $l (br $l)))
      (func (export "twice") (loop $l (br_if $l (global.get $warm))) (global.set $warm (i32.const 1))))`),
  });
  await good(['build', 'g.wasm', '-o', 'f.wasm', '-q'], { cwd });
  const verify = ['verify', 'g.wasm', 'f.wasm', '--engines', 'none', '--timeout', '1'];
  for (const [option, call] of [
    ['--warmup', 'ever()'],
    ['--call', 'ever()'],
    ['--fuzz', '9'],
  ] as const) {
    const result = await cli([...verify, option, call], { cwd });
    assert.equal(result.code, 1);
    errorLine(result.stderr, /^freeze: (ever|twice)\(\) did not end in 1 s \(--timeout\)$/);
  }
  const says = /^freeze: twice\(\) did not end in 1 s/;
  const build = ['g.wasm', '--warmup', 'twice()', '--rounds', '1', '--timeout', '1', '--verify', '-q'];
  await refused(build, { code: 1, says }, { cwd, env: { FREEZE_PYTHON: '/nowhere' } });
});

test('the limits of a build hold', async () => {
  const cwd = folder({
    'g.wasm': await wat(`(module (memory (export "memory") 1) (func (export "grow")
      (loop $l (br_if $l (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))))`),
  });
  await good(['build', 'g.wasm', '-o', 'f.wasm', '-q'], { cwd });
  const verify = ['verify', 'g.wasm', 'f.wasm', '--engines', 'none', '--max-memory', '1M'];
  const result = await cli([...verify, '--warmup', 'grow()'], { cwd });
  assert.equal(result.code, 1);
  errorLine(result.stderr, /the 1048576 of --max-memory$/);
});

test('a frozen module of another guest, or of another version, is told', async () => {
  const cwd = await counter();
  const frozen = readFileSync(join(cwd, 'c.frozen.wasm'));
  const version = frozen.indexOf('"version":"') + '"version":"'.length;
  frozen[version] = '9'.charCodeAt(0);
  frozen[frozen.indexOf('"sha256":"') + '"sha256":"'.length] = 'g'.charCodeAt(0);
  writeFileSync(join(cwd, 'old.wasm'), frozen);
  const args = ['verify', 'c.wasm', 'old.wasm', '--warmup', 'add(3)', '--engines', 'none'];
  const { stdout } = await good(args, { cwd });
  assert.match(
    stdout.toString(),
    /^the same: .*\n {2}warning: .* of another guest: .*\n {4}hint: .*\n {2}warning: .* by freeze 9\./,
  );
});

test('a signal while another engine runs leaves no file, and no process', {
  skip: process.platform === 'win32' ? 'the engine is a shell script' : false,
}, async () => {
  const cwd = await counter();
  mkdirSync(join(cwd, 'tmp'));
  const script =
    '#!/bin/sh\n[ "$1" = --version ] && echo v99.0.0 && exit\necho $$ > started\nexec sleep 600\n';
  writeFileSync(join(cwd, 'node99'), script);
  chmodSync(join(cwd, 'node99'), 0o755);
  const env = { ...process.env, FREEZE_NODES: join(cwd, 'node99'), TMPDIR: join(cwd, 'tmp') };
  const child = spawn(process.execPath, [MAIN, ...VERIFY, '--engines', 'node99'], {
    cwd,
    env,
    stdio: 'ignore',
  });
  while (!readdirSync(cwd).includes('started')) await new Promise((done) => setTimeout(done, 50));
  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'close'), [null, 'SIGTERM']);
  assert.deepEqual(readdirSync(join(cwd, 'tmp')), []);
  const pid = Number(readFileSync(join(cwd, 'started'), 'utf8'));
  while (isRunning(pid)) await new Promise((done) => setTimeout(done, 50));
});

function isRunning(pid: number): boolean {
  try {
    // A zombie is nobody's any more, and answers: where nobody waits for it, it is there for ever.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/\) Z /.test(stat);
  } catch {
    return false;
  }
}

/** A guest whose JavaScript puts code into its table, and answers `env.ask`. */
const DRIVEN = `(module
  (import "env" "ask" (func $ask (result i32)))
  (memory (export "memory") 1) (table (export "table") 2 funcref)
  (func (export "poke") (param i32) (i32.store (i32.const 64) (local.get 0)))
  (func (export "apply") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
  (func (export "peek") (result i32) (i32.load (i32.const 64)))
  (func (export "ask") (result i32) (call $ask)))`;

const driverPoking = (
  value: string,
  code: string,
): string => `export default async ({ freeze, wasm, args }) => {
  if (args[0] === 'loop') for (;;);
  const { instance } = await WebAssembly.instantiate(wasm, { env: { ask: () => 7 } });
  freeze.guest(instance);
  instance.exports.poke(${value});
  const made = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from('${code}', 'base64')));
  instance.exports.table.set(1, made.exports.f);
  await freeze.done();
};`;

test('a guest that a driver brings up is compared, its state and what it does without its JavaScript', async () => {
  const code = async (result: number): Promise<string> =>
    Buffer.from(await wat(`(module (func (export "f") (result i32) (i32.const ${result})))`)).toString(
      'base64',
    );
  const cwd = folder({
    'g.wasm': await wat(DRIVEN),
    'd.mjs': driverPoking('3', await code(42)),
    'other.mjs': driverPoking('4', await code(43)),
  });
  await good(['build', 'g.wasm', '--driver', 'd.mjs', '-q', '-o', 'f.wasm'], { cwd });
  const verify = ['verify', 'g.wasm', 'f.wasm', '--engines', 'none'];
  const calls = ['--call', 'apply(1)', '--call', 'peek()'];
  const same = await good([...verify, '--driver', 'd.mjs', ...calls], { cwd });
  assert.equal(same.stdout.toString(), 'the same: 2 calls in here; state compared\n');

  const stopped = await good(
    [...verify, '--driver', 'd.mjs', '--call', 'peek()', '--call', 'ask()', ...calls],
    { cwd },
  );
  assert.equal(
    stopped.stdout.toString(),
    "the same: 1 call in here; state compared\n  stopped at ask(): it calls env.ask, which only the driver's JavaScript answers\n",
  );

  const other = await cli([...verify, '--driver', 'other.mjs', ...calls, '--json'], { cwd });
  assert.equal(other.code, 6);
  const { differences } = JSON.parse(other.stdout.toString());
  const places = differences.map(({ where }: { where: string }) => where);
  assert.ok(places.includes('memory 0 at 0x40, before the first call'), places.join());
  assert.ok(places.includes('apply(1)') && places.includes('peek()'), places.join());

  const looping = await cli([...verify, '--driver', 'd.mjs', '--driver-arg', 'loop', '--timeout', '1'], {
    cwd,
  });
  assert.equal(looping.code, 1);
  errorLine(looping.stderr, /^freeze: the driver did not end in 1 s/);
  await refused(
    ['g.wasm', '--driver', 'd.mjs', '--verify'],
    { code: 2, says: /would run the driver a second time/ },
    { cwd },
  );
});
