// `freeze verify` and `freeze build --verify` on the command line.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, refused } from './cli.ts';
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
