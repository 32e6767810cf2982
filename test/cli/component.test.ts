// What becomes of the output: a component that jco runs, and a check for the host that it is meant for.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { transpile } from '@bytecodealliance/jco';
import { type Finding, findingsFor, TARGETS, type TargetName } from '../../src/targets.ts';
import { parse } from '../../src/wasm/parse.ts';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, ROOT } from './cli.ts';
import { COUNTER } from './guests.ts';

const SCHEME = join(ROOT, 'guests/scheme/scheme.wasm');

test('a command becomes a component, which jco runs', async () => {
  const cwd = folder({ 'hello.scm': '(define (main) (display "hello, ") (display (* 6 7)) (newline))' });
  await good(
    [
      'build',
      SCHEME,
      '-q',
      '--load',
      'hello.scm',
      '--entry',
      'main=hello.scm',
      '--command',
      'main',
      '--component',
      '-o',
      'out.wasm',
    ],
    { cwd },
  );
  // A component's header: the version of modules with the layer 1.
  assert.deepEqual([...readFileSync(join(cwd, 'out.wasm')).subarray(4, 8)], [0x0d, 0, 1, 0]);
  const jco = join(ROOT, 'node_modules/.bin/jco');
  const ran = spawnSync(jco, ['run', 'out.wasm'], { cwd, encoding: 'utf8' });
  assert.equal(ran.stdout, 'hello, 42\n', ran.stderr);
});

test('a WIT world says what another module exports', async () => {
  const cwd = folder({
    'guest.wasm': await wat(COUNTER),
    'count.wit': 'package test:count;\nworld counter {\n  export next: func() -> u32;\n}\n',
  });
  const source = await wat(`(module (global $n (mut i32) (i32.const 0))
    (func (export "warm") (global.set $n (i32.const 41)))
    (func (export "next") (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1))) (global.get $n)))`);
  writeFileSync(join(cwd, 'guest.wasm'), source);
  await good(
    [
      'build',
      'guest.wasm',
      '-q',
      '--warmup',
      'warm()',
      '--rounds',
      '1',
      '--component',
      '--wit',
      'count.wit',
      '-o',
      'out.wasm',
    ],
    { cwd },
  );
  const { files } = await transpile(readFileSync(join(cwd, 'out.wasm')), { name: 'counter' });
  for (const [name, bytes] of Object.entries(files))
    if (!name.includes('/')) writeFileSync(join(cwd, name), bytes as Uint8Array);
  writeFileSync(join(cwd, 'package.json'), '{"type":"module"}');
  const loaded = (await import(pathToFileURL(join(cwd, 'counter.js')).href)) as { next(): number };
  assert.deepEqual([loaded.next(), loaded.next()], [42, 43]);
});

test('what cannot be a component, or a WIT that cannot be read, is told; nothing is written', async () => {
  const cwd = folder({
    'guest.wasm': await wat(COUNTER),
    'bad.wit': 'world {',
    'other.wit': 'package a:b;\nworld w { export nope: func(); }',
  });
  const cases = [
    [['--component'], 4, /does not become a component: it is no command/],
    [['--component', '--wit', 'none.wit'], 5, /cannot read none\.wit: no such file/],
    [['--component', '--wit', 'bad.wit'], 4, /does not become a component/],
    [['--component', '--wit', 'other.wit'], 4, /does not become a component: .*nope/],
    [['--wit', 'other.wit'], 2, /--wit is about a component/],
    [['--component', '--world', 'w'], 2, /--world is about a --wit/],
  ] as const;
  for (const [more, code, says] of cases) {
    const result = await cli(['build', 'guest.wasm', '-q', '-o', 'out.wasm', ...more], { cwd });
    assert.equal(result.code, code, result.stderr);
    errorLine(result.stderr, says);
    assert.ok(!existsSync(join(cwd, 'out.wasm')));
  }
});

async function findings(name: TargetName, text: string, size = 100, gzip = 50): Promise<readonly Finding[]> {
  return findingsFor(name, parse(await wat(text)), size, gzip);
}

test('each kind of limit of a host is found', async () => {
  const command = '(func (export "_start"))';
  for (const name of Object.keys(TARGETS) as TargetName[])
    assert.deepEqual(await findings(name, `(module ${command})`), [], name);
  const problem = async (name: TargetName, text: string, size?: number, gzip?: number): Promise<string> => {
    const found = await findings(name, text, size, gzip);
    assert.equal(found.length, 1, JSON.stringify(found));
    return found[0]?.problem ?? '';
  };
  assert.match(await problem('spin', '(module)'), /no function _start/);
  assert.match(await problem('node', '(module (import "env" "f" (func)))'), /imports env\.f/);
  assert.match(await problem('wasmtime', '(module (import "env" "m" (memory 1)))'), /imports env\.m/);
  assert.match(await problem('node', '(module (memory 1) (memory 1))'), /uses multi-memory/);
  assert.match(await problem('fastly', `(module ${command} (memory 2049))`), /memory 0 at the start/);
  assert.match(await problem('fastly', `(module ${command})`, 100_000_001), /its size: 100000001/);
  assert.match(await problem('cloudflare', '(module)', 20_000_000, 10_000_001), /compressed/);
});

test('a host that does not take it stops the build', async () => {
  const cwd = folder({ 'guest.wasm': await wat('(module (func (export "f")))') });
  const refused = await cli(['build', 'guest.wasm', '-q', '--target', 'fastly', '-o', 'out.wasm'], { cwd });
  assert.equal(refused.code, 4);
  errorLine(refused.stderr, /Fastly Compute does not take it: it is no command/);
  assert.ok(!existsSync(join(cwd, 'out.wasm')));
  await good(['build', 'guest.wasm', '-q', '--target', 'node', '-o', 'out.wasm'], { cwd });
  const typo = await cli(['build', 'guest.wasm', '--target', 'cloudfare'], { cwd });
  assert.equal(typo.code, 2);
  assert.match(typo.stderr, /hint: did you mean cloudflare\?/);
});
