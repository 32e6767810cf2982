// Whatever ends a build, in whichever step: the old output stays, or the new one is whole.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { machineDisk, targetOf, writeOutputs } from '../../src/cli/output.ts';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, MAIN } from './cli.ts';
import { COUNTER } from './guests.ts';

const OLD = 'the old output';
const BUILD: readonly string[] = ['build', 'g.wasm', '--warmup', 'add(3)', '-o', 'out.wasm'];

/**
 * Sends itself a signal at the n-th step that a build takes the time of, or at the file operation
 * that is named. Steps are counted where they look at the clock: that is what every one of them does.
 */
const SABOTAGE = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
const { AT, SIGNAL } = process.env;
const strike = () => { process.kill(process.pid, SIGNAL); };
if (/^\\d+$/.test(AT)) {
  let steps = 0;
  const now = performance.now.bind(performance);
  performance.now = () => { if (new Error().stack.includes('journal') && ++steps === Number(AT)) strike(); return now(); };
} else if (AT === 'create') {
  const write = fs.writeFile;
  fs.writeFile = (fd, bytes, done) => { write(fd, bytes.subarray(0, bytes.length / 2), strike); setTimeout(done, 500); };
} else if (AT === 'rename') {
  fs.rename = (from, to, done) => { strike(); setTimeout(done, 500); };
}
syncBuiltinESMExports();
`;

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

async function struck(cwd: string, at: string, signal: NodeJS.Signals): Promise<Ended> {
  writeFileSync(join(cwd, 'sabotage.mjs'), SABOTAGE);
  const child = spawn(process.execPath, ['--import', './sabotage.mjs', MAIN, ...BUILD, '-q'], {
    cwd,
    env: { ...process.env, AT: at, SIGNAL: signal },
    stdio: 'ignore',
  });
  const [code, ended] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal: ended };
}

test('kill -9 in every step: the old output is what it was', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  const out = join(cwd, 'out.wasm');
  let steps = 0;
  for (let at = 1; ; at++) {
    writeFileSync(out, OLD);
    const { code, signal } = await struck(cwd, String(at), 'SIGKILL');
    if (signal === null) {
      // There are no more steps than that, and without a blow the build goes well.
      assert.equal(code, 0);
      break;
    }
    assert.equal(signal, 'SIGKILL');
    assert.equal(readFileSync(out, 'utf8'), OLD);
    assert.deepEqual(readdirSync(cwd).sort(), ['g.wasm', 'out.wasm', 'sabotage.mjs']);
    steps++;
  }
  // Each pass looks at the clock when it begins and when it ends.
  assert.ok(steps >= 20, `${steps} steps`);
  for (const at of ['create', 'rename']) {
    writeFileSync(out, OLD);
    assert.equal((await struck(cwd, at, 'SIGKILL')).signal, 'SIGKILL');
    assert.equal(readFileSync(out, 'utf8'), OLD);
  }
  // What nobody could clear up is in the way of nobody.
  assert.deepEqual(
    readdirSync(cwd).filter((name) => name.endsWith('.tmp')),
    ['.freeze-0.tmp', '.freeze-1.tmp'],
  );
  await good(BUILD, { cwd });
  assert.ok(WebAssembly.validate(readFileSync(out)));
});

test('a signal in any step leaves no temporary file, and ends the process as signals do', async () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const cwd = folder({ 'g.wasm': await wat(COUNTER), 'out.wasm': OLD });
    for (const at of ['3', '9', 'create', 'rename']) {
      assert.deepEqual(await struck(cwd, at, signal), { code: null, signal }, `${signal} at ${at}`);
      assert.deepEqual(readdirSync(cwd).sort(), ['g.wasm', 'out.wasm', 'sabotage.mjs']);
      assert.equal(readFileSync(join(cwd, 'out.wasm'), 'utf8'), OLD);
    }
  }
});

/** Fills a megabyte: more than the disk below takes. */
const LARGE = `(module (memory (export "memory") 17)
  (func (export "fill") (local $at i32)
    (loop $l (i32.store8 (local.get $at) (i32.const 7))
      (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 1000000))))))`;

test('a disk that takes no more: one line, exit code 5, nothing left behind', {
  skip: process.platform === 'win32' ? 'a limit of the shell' : false,
}, async () => {
  const cwd = folder({ 'g.wasm': await wat(LARGE), 'out.wasm': OLD });
  // Blocks of 512 bytes or of 1 KiB. Without a handler, the signal of the limit would end the process.
  const line = `ulimit -f 200; trap '' XFSZ; exec "$@"`;
  const args = [MAIN, 'build', 'g.wasm', '--warmup', 'fill()', '-q', '-o', 'out.wasm'];
  const { status, stderr } = spawnSync('sh', ['-c', line, 'sh', process.execPath, ...args], { cwd });
  assert.equal(status, 5, String(stderr));
  errorLine(String(stderr), /^freeze: cannot write out\.wasm: file too large$/);
  assert.deepEqual(readdirSync(cwd).sort(), ['g.wasm', 'out.wasm']);
  assert.equal(readFileSync(join(cwd, 'out.wasm'), 'utf8'), OLD);
});

test('a directory that cannot be written: told before any work is done', {
  skip: process.platform === 'win32' ? 'it has other rights' : false,
}, async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  mkdirSync(join(cwd, 'fixed'));
  chmodSync(join(cwd, 'fixed'), 0o555);
  chmodSync(cwd, 0o755);
  // Root may write everywhere: then it is somebody else who tries.
  const somebody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'build', 'g.wasm', '-o', 'fixed/out.wasm'], {
    cwd,
    ...somebody,
  });
  assert.equal(status, 5, String(stderr));
  errorLine(String(stderr), /^freeze: cannot write fixed\/out\.wasm: permission denied$/);
  assert.deepEqual(readdirSync(join(cwd, 'fixed')), []);
});

test('a place that takes no files, for root too', { skip: !existsSync('/proc/self') }, async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  const result = await cli(['build', 'g.wasm', '-q', '-o', '/proc/self/out.wasm'], { cwd });
  assert.equal(result.code, 5);
  errorLine(result.stderr, /^freeze: cannot write \/proc\/self\/out\.wasm: /);
});

test('a hundred outputs at once, ten of them for each name: every file is one of them, and whole', async () => {
  const cwd = folder();
  const contents = Array.from({ length: 100 }, (_, n) => new Uint8Array(200_000 + n).fill(n));
  const noStdout = (): void => assert.fail('nothing goes to stdout');
  await Promise.all(
    contents.map((bytes, n) => {
      const outputs = [{ target: targetOf(join(cwd, `${n % 10}.wasm`)), bytes }];
      return writeOutputs(outputs, noStdout, machineDisk(new Set()));
    }),
  );
  assert.equal(readdirSync(cwd).length, 10);
  for (const name of readdirSync(cwd)) {
    const bytes = readFileSync(join(cwd, name));
    assert.ok(bytes.equals(contents[bytes[0] ?? 0] ?? new Uint8Array(0)), name);
  }
});

test('processes that build at once into one directory, several of them one file: every file is whole', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  const build = (file: string): Promise<unknown> =>
    good(['build', 'g.wasm', '--warmup', 'add(3)', '-q', '-o', file], { cwd });
  await build('expected.wasm');
  const expected = readFileSync(join(cwd, 'expected.wasm'));
  mkdirSync(join(cwd, 'out'));
  await Promise.all(Array.from({ length: 16 }, (_, n) => build(`out/${n % 4}.wasm`)));
  assert.deepEqual(readdirSync(join(cwd, 'out')).sort(), ['0.wasm', '1.wasm', '2.wasm', '3.wasm']);
  for (const name of readdirSync(join(cwd, 'out')))
    assert.ok(readFileSync(join(cwd, 'out', name)).equals(expected), name);
});
