// freeze wizer does what Wizer's own tests want of Wizer, and where native Wizer is there, the same as it.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from '../../src/wasm/parse.ts';
import { cli, folder } from '../cli/cli.ts';
import { needs } from '../support/features.ts';
import { native } from '../support/native-wizer.ts';
import { wat } from '../support/wat.ts';
import { BEHAVIOURS, type Behaviour } from './behaviours.ts';

test('all 33 of Wizer’s core tests are here', () => {
  assert.equal(new Set(BEHAVIOURS.map(({ name }) => name)).size, 33);
});

/** What `run` gives in a module whose imports all trap. */
async function run(bytes: Uint8Array): Promise<unknown> {
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const imports: Record<string, Record<string, () => never>> = {};
  for (const { module, name } of WebAssembly.Module.imports(compiled)) {
    imports[module] ??= {};
    imports[module][name] = () => {
      throw new Error(`${module}.${name} was called`);
    };
  }
  const { exports } = await WebAssembly.instantiate(compiled, imports);
  return (exports['run'] as () => unknown)();
}

function exportNames(bytes: Uint8Array): readonly string[] {
  return parse(bytes)
    .exports.map(({ name }) => name)
    .sort();
}

async function expectations(one: Behaviour, bytes: Uint8Array): Promise<void> {
  assert.equal(await run(bytes), one.gives);
  if (one.exports !== undefined) assert.deepEqual(exportNames(bytes), one.exports);
  const module = parse(bytes);
  assert.equal(module.start, undefined);
  if (one.segments !== undefined)
    assert.ok(module.datas.length <= one.segments, `${module.datas.length} segments`);
}

for (const one of BEHAVIOURS) {
  test(one.name, needs(...(one.needs ?? [])), async () => {
    const cwd = folder({ 'in.wasm': await wat(one.text) });
    const args = [...(one.args ?? []), '--allow-wasi', 'in.wasm', '-o'];
    const ours = await cli(['wizer', ...args, 'ours.wasm'], { cwd });
    const peer = native([...args, 'peer.wasm'], cwd);
    if (one.gives === undefined) {
      assert.equal(ours.code, one.code, ours.stderr);
      assert.match(ours.stderr, one.fails ?? /^$/);
      assert.equal(existsSync(join(cwd, 'ours.wasm')), false, 'nothing is written');
      if (peer !== undefined) assert.notEqual(peer.code, 0);
      return;
    }
    assert.equal(ours.code, 0, ours.stderr);
    const output = readFileSync(join(cwd, 'ours.wasm'));
    await expectations(one, output);
    if (peer === undefined) return;
    assert.equal(peer.code !== 0, one.nativeRefuses === true, peer.stderr);
    if (peer.code !== 0) return;
    const theirs = readFileSync(join(cwd, 'peer.wasm'));
    assert.equal(await run(theirs), one.gives);
    assert.deepEqual(exportNames(output), exportNames(theirs));
    assert.ok(output.length <= theirs.length, `${output.length} bytes, Wizer has ${theirs.length}`);
  });
}
