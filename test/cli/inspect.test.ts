// `freeze inspect` on the command line; what it says is tested with inspectModule.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, LAMBDA } from './cli.ts';
import { COUNTER } from './guests.ts';

test('an overview, as text and as one JSON object', async () => {
  const text = await good(['inspect', LAMBDA]);
  assert.match(text.stdout.toString(), /wasm-jit/);
  assert.ok(!text.stdout.includes('\x1b['));
  const json = JSON.parse((await good(['inspect', LAMBDA, '--json'])).stdout.toString());
  assert.equal(json.kind, 'module');
  assert.equal(json.protocol, 'wasm-jit');
  const forced = await good(['inspect', LAMBDA], { env: { FORCE_COLOR: '1' } });
  assert.ok(forced.stdout.includes('\x1b['));
});

test('functions are printed by name, export or index', async () => {
  const cwd = folder({ 'c.wasm': await wat(COUNTER) });
  const code = async (...names: readonly string[]): Promise<string> =>
    (
      await good(['inspect', 'c.wasm', ...names.flatMap((name) => ['--code', name])], { cwd })
    ).stdout.toString();
  const half = await code('half');
  assert.match(
    half,
    /^ {2}\(func .*\(param f64\) \(result f64\)\n.*local\.get 0\n.*f64\.const 0\.5\n.*f64\.mul\n {2}\)\n$/s,
  );
  assert.equal(await code('3'), half);
  assert.equal(await code('deep'), await code('$deep'));
  assert.equal(await code('half', 'deep'), half + (await code('deep')));
  const json = await good(['inspect', 'c.wasm', '--code', 'half', '--json'], { cwd });
  assert.deepEqual(JSON.parse(json.stdout.toString()), { functions: [{ index: 3, text: half }] });
});

test('a component is described too; what is no module, and no function, is refused', async () => {
  const cwd = folder({ 'c.wasm': await wat(COUNTER), 'k.wasm': await wat('(component)'), 'x.wasm': 'x' });
  assert.match((await good(['inspect', 'k.wasm'], { cwd })).stdout.toString(), /component/);
  for (const [args, code, says] of [
    [['x.wasm'], 3, /x\.wasm: not a WebAssembly module/],
    [['nope.wasm'], 5, /cannot read nope\.wasm/],
    [['c.wasm', '--code', 'nope'], 2, /--code nope: the module has no function of this name or index/],
    [['c.wasm', '--code', '99'], 2, /--code 99/],
    [['k.wasm', '--code', '0'], 4, /this is a WebAssembly component/],
  ] as const) {
    const result = await cli(['inspect', ...args], { cwd });
    assert.equal(result.code, code, result.stderr);
    errorLine(result.stderr, says);
  }
});
