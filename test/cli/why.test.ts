// freeze why, and what a build says of a table that is not constant.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, refused } from './cli.ts';

const GUEST = `(module (type $i (func (result i32))) (table $t 3 funcref) (elem (i32.const 1) $one)
  (func $one (result i32) (call $leaf)) (func $leaf (result i32) (i32.const 1)) (func $dead)
  (func $run (export "run") (result i32) (call_indirect $t (type $i) (i32.const 1)))
  (func $install (export "install") (table.set $t (i32.const 1) (ref.func $one))))`;

test('why shows the chain of references, as text and as JSON', async () => {
  const cwd = folder({ 'g.wasm': await wat(GUEST) });
  const { stdout } = await good(['why', 'g.wasm', 'leaf'], { cwd });
  assert.equal(
    stdout.toString(),
    `export "run": function 3 (run)
-> function 0 (one), in slot 1 of table 0, where it calls functions of type 0
-> function 1 (leaf), which it calls
`,
  );
  const json = await good(['why', 'g.wasm', '2', '--json'], { cwd });
  assert.deepEqual(JSON.parse(json.stdout.toString()), {
    functions: [{ function: 2, name: '2 (dead)', chain: null }],
  });
  const dead = await good(['why', 'g.wasm', 'dead'], { cwd });
  assert.equal(dead.stdout.toString(), 'function 2 (dead): nothing reaches it, sealing takes it away\n');
  const unknown = await cli(['why', 'g.wasm', 'nobody'], { cwd });
  assert.equal(unknown.code, 2);
  errorLine(unknown.stderr, /: nobody: the module has no function of this name or index/);
});

test('why takes a short name, several functions of one name, and says what else may have been meant', async () => {
  const cwd = folder({
    'g.wasm': await wat(`(module
      (func $"(anonymous namespace)::show(Value, int)" (export "run")) (func $"void show<int>(int)")
      (func $"core::fmt::write::h0123456789abcdef") (func $jit.fib) (func $"jit1.sort! lib.scm:12"))`),
  });
  const why = async (name: string): Promise<string> =>
    (await good(['why', 'g.wasm', name], { cwd })).stdout.toString();
  assert.equal(
    await why('show'),
    `export "run": function 0 ((anonymous namespace)::show(Value, int))

function 1 (void show<int>(int)): nothing reaches it, sealing takes it away
`,
  );
  assert.match(await why('void show<int>(int)'), /^function 1 /);
  assert.match(await why('write'), /^function 2 /);
  assert.match(await why('fib'), /^function 3 /);
  assert.match(await why('sort!'), /^function 4 /);
  const misspelt = await cli(['why', 'g.wasm', 'shwo'], { cwd });
  assert.equal(misspelt.code, 2);
  assert.match(misspelt.stderr, /hint: did you mean show\?/);
  const beyond = await cli(['why', 'g.wasm', '5'], { cwd });
  assert.equal(beyond.code, 2);
  errorLine(beyond.stderr, /: 5: the module has no function of this name or index/);
});

test('a build names the function that keeps a table from being constant', async () => {
  const cwd = folder({ 'g.wasm': await wat(GUEST) });
  const { stderr } = await good(['build', 'g.wasm', '--seal', '-o', 'o.wasm'], { cwd });
  assert.match(stderr, /table 0 is not constant: table\.set in function 4 \(install\)\n/);
  const closed = await good(['build', 'g.wasm', '--seal', '--drop', 'install', '-o', 'o.wasm'], { cwd });
  assert.match(closed.stderr, /sealed +1 call made direct/);
});

test('options that do not go together, or with this guest, are refused', async () => {
  const cwd = folder({ 'g.wasm': await wat(GUEST) });
  for (const [args, says] of [
    [['--seal', '--open'], /either sealed or open/],
    [['--seal', '--assume', 'all'], /--assume/],
    [['--drop', 'install'], /--drop is for sealed modules/],
    [['--seal', '--drop', 'nobody'], /--drop nobody fits no export/],
    [['--seal', '--entry', 'main=run()', '--drop', 'm*'], /take away the entry "main"/],
  ] as const)
    await refused(['g.wasm', ...args], { code: 2, says }, { cwd });
});
