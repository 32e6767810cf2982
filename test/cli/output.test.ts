// Files are written whole or not at all, whatever the disk does.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Disk, machineDisk, type Output, targetOf, writeOutputs } from '../../src/cli/output.ts';
import { FileError } from '../../src/errors/classes.ts';
import { wat } from '../support/wat.ts';
import { folder, MAIN } from './cli.ts';
import { COUNTER, PROBE } from './guests.ts';

const bytes = new TextEncoder().encode('new');
const noStdout = (): void => assert.fail('nothing goes to stdout');

function systemError(code: string, errno: number): Error {
  return Object.assign(new Error(`${code}: it says so, write`), { code, errno });
}

function outputs(cwd: string, ...names: readonly string[]): readonly Output[] {
  return names.map((name) => ({ target: targetOf(name === '-' ? name : join(cwd, name)), bytes }));
}

test('a disk that is full, half-way through a file', async () => {
  const cwd = folder({ 'out.wasm': 'old' });
  const unfinished = new Set<string>();
  const disk: Disk = {
    ...machineDisk(unfinished),
    create: async (path, all, mode) => {
      const full = existsSync(join(cwd, '.freeze-0.tmp'));
      if (!full) return machineDisk(unfinished).create(path, all, mode);
      throw systemError('ENOSPC', -28);
    },
  };
  await assert.rejects(writeOutputs(outputs(cwd, 'r.json', 'out.wasm'), noStdout, disk), (error: unknown) => {
    assert.ok(error instanceof FileError);
    assert.equal(error.message, `cannot write ${join(cwd, 'out.wasm')}: no space left on device`);
    return true;
  });
  assert.deepEqual(readdirSync(cwd), ['out.wasm']);
  assert.equal(readFileSync(join(cwd, 'out.wasm'), 'utf8'), 'old');
  assert.equal(unfinished.size, 0);
});

test('a write that fails leaves no temporary file', async () => {
  const cwd = folder();
  const disk = machineDisk(new Set());
  // Not a byte array: what a write fails at in the middle.
  await assert.rejects(disk.create(join(cwd, 'x'), 7 as unknown as Uint8Array, 0o666));
  assert.deepEqual(readdirSync(cwd), []);
});

test('a rename that fails, and a pipe that is closed, leave everything as it was', async () => {
  const cwd = folder({ 'out.wasm': 'old' });
  const disk: Disk = { ...machineDisk(new Set()), rename: () => Promise.reject(systemError('EPERM', -1)) };
  await assert.rejects(
    writeOutputs(outputs(cwd, 'out.wasm'), noStdout, disk),
    /cannot write .*: operation not permitted/,
  );
  const closed = (): void => {
    throw new Error('closed');
  };
  await assert.rejects(writeOutputs(outputs(cwd, 'out.wasm', '-'), closed, machineDisk(new Set())), /closed/);
  assert.deepEqual(readdirSync(cwd), ['out.wasm']);
  assert.equal(readFileSync(join(cwd, 'out.wasm'), 'utf8'), 'old');
});

test('a temporary file of somebody else is not touched', async () => {
  const cwd = folder({ '.freeze-0.tmp': 'theirs' });
  await writeOutputs(outputs(cwd, 'out.wasm'), noStdout, machineDisk(new Set()));
  assert.equal(readFileSync(join(cwd, '.freeze-0.tmp'), 'utf8'), 'theirs');
  assert.equal(readFileSync(join(cwd, 'out.wasm'), 'utf8'), 'new');
  assert.deepEqual(readdirSync(cwd).sort(), ['.freeze-0.tmp', 'out.wasm']);
});

test('what killed builds left an hour ago is taken away, and nothing else', async () => {
  const names = ['.freeze-0.tmp', '.freeze-7.tmp', '.freeze-x.tmp', 'freeze-1.tmp'];
  const cwd = folder(Object.fromEntries(names.map((name) => [name, 'left'])));
  const ago = (minutes: number): Date => new Date(Date.now() - minutes * 60_000);
  for (const name of names) utimesSync(join(cwd, name), ago(61), ago(61));
  utimesSync(join(cwd, '.freeze-7.tmp'), ago(59), ago(59));
  mkdirSync(join(cwd, 'below'));
  await writeOutputs(outputs(cwd, 'out.wasm'), noStdout, machineDisk(new Set()));
  assert.deepEqual(readdirSync(cwd).sort(), [
    '.freeze-7.tmp',
    '.freeze-x.tmp',
    'below',
    'freeze-1.tmp',
    'out.wasm',
  ]);
});

test('a link to nothing, and a name as long as can be', async () => {
  const cwd = folder();
  const long = `${'n'.repeat(250)}.wasm`;
  await writeOutputs(outputs(cwd, long), noStdout, machineDisk(new Set()));
  symlinkSync('nothing', join(cwd, 'link'));
  await writeOutputs(outputs(cwd, 'link'), noStdout, machineDisk(new Set()));
  assert.deepEqual(readdirSync(cwd).sort(), ['link', long]);
  assert.equal(readFileSync(join(cwd, 'link'), 'utf8'), 'new');
});

test('a device is written as it is, and stays one', { skip: !existsSync('/dev/null') }, async () => {
  await writeOutputs([{ target: targetOf('/dev/null'), bytes }], noStdout, machineDisk(new Set()));
  assert.equal(targetOf('/dev/null').kind, 'device');
});

/** A disk on which writes never end: says so, and waits. */
const SLOW = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
fs.writeFile = () => { fs.writeSync(1, 'writing'); setInterval(() => {}, 1000); };
syncBuiltinESMExports();
`;

test('a signal while a file is written takes the temporary file away', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER), 'out.wasm': 'old', 'slow.mjs': SLOW });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const args = ['--import', './slow.mjs', MAIN, 'build', 'g.wasm', '-o', 'out.wasm', '-q'];
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    assert.ok(readdirSync(cwd).includes('.freeze-0.tmp'));
    child.kill(signal);
    assert.deepEqual(await once(child, 'close'), [null, signal]);
    assert.deepEqual(readdirSync(cwd).sort(), ['g.wasm', 'out.wasm', 'slow.mjs']);
    assert.equal(readFileSync(join(cwd, 'out.wasm'), 'utf8'), 'old');
  }
});

test('a signal while the guest runs ends the build at once', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE), 'out.wasm': 'old' });
  const args = [MAIN, 'build', 'g.wasm', '-o', 'out.wasm', '--warmup', 'flood()'];
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  await once(child.stderr, 'data');
  child.stderr.resume();
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'close'), [null, 'SIGINT']);
  assert.deepEqual(readdirSync(cwd).sort(), ['g.wasm', 'out.wasm']);
});

test('a reader of the module that has gone ends the build quietly', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  const child = spawn(process.execPath, [MAIN, 'build', 'g.wasm', '-q', '-o', '-', '--json', 'r.json'], {
    cwd,
    stdio: 'pipe',
  });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  assert.deepEqual(await once(child, 'close'), [5, null]);
  assert.equal(stderr, '');
  assert.deepEqual(readdirSync(cwd), ['g.wasm']);
});

test('stdout on a full disk is an error', { skip: !existsSync('/dev/full') }, async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [MAIN, 'build', 'g.wasm', '-q', '-o', '-'], {
    cwd,
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  assert.ok(child.stderr !== null);
  const [said] = await once(child.stderr, 'data');
  assert.deepEqual(await once(child, 'close'), [5, null]);
  assert.match(String(said), /^freeze: cannot write standard output: no space left on device \[write\]\n$/);
});
