// The bundled program does what the modules do that it is made of, and finds the files beside it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wat } from '../support/wat.ts';
import { BUNDLE, cli, folder, good, LAMBDA, LAMBDA_STUB, ROOT } from './cli.ts';

test('it builds the same bytes, in another process too', async () => {
  const cwd = folder();
  const args = ['build', LAMBDA, ...LAMBDA_STUB];
  await good([...args, '-o', 'modules.wasm'], { cwd });
  await good([...args, '-o', 'bundle.wasm', '--check'], { cwd, main: BUNDLE });
  assert.deepEqual(readFileSync(join(cwd, 'bundle.wasm')), readFileSync(join(cwd, 'modules.wasm')));
});

test('its deadline stops a guest that never starts', async () => {
  const cwd = folder({ 'ever.wasm': await wat('(module (func $ever (loop $l (br $l))) (start $ever))') });
  const { code, stderr } = await cli(['build', 'ever.wasm', '-o', 'out.wasm', '--timeout', '1'], {
    cwd,
    main: BUNDLE,
  });
  assert.equal(code, 1, stderr);
  assert.match(stderr, /freeze: .*1 s/);
});

test('it finds the files that come with the package', async () => {
  const { stdout } = await good(['init', '--driver', '-'], { main: BUNDLE });
  assert.equal(stdout.toString(), readFileSync(join(ROOT, 'examples', 'driver-skeleton.mjs'), 'utf8'));
});

test('mistakes have the exit codes and the words of the modules', async () => {
  for (const args of [['buidl'], ['build', 'no-such.wasm'], ['wizer', 'no-such.wasm']]) {
    const [modules, bundle] = await Promise.all([cli(args), cli(args, { main: BUNDLE })]);
    assert.equal(bundle.code, modules.code);
    assert.equal(bundle.stderr, modules.stderr);
  }
});
