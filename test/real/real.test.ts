// The real modules as they come: the engine takes them, and they are what the list says.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { RealKind } from './modules.ts';
import { missingRealModules, realModules } from './modules.ts';

const missing: readonly string[] = missingRealModules();

test('all real modules are here', {
  skip: missing.length === 0 ? false : `node scripts/real-modules.mjs brings ${missing.join(', ')}`,
}, () => {
  assert.equal(new Set(realModules().map(({ name }) => name)).size, realModules().length);
});

for (const { name, path, kind, size } of realModules()) {
  test(`${name} (${(size / 1e6).toFixed(1)} MB) is a module that this Node takes, of kind ${kind}`, () => {
    const bytes = readFileSync(path);
    assert.equal(bytes.length, size);
    assert.equal(WebAssembly.validate(bytes), true);
    assert.equal(kindOf(new WebAssembly.Module(bytes)), kind);
  });
}

/** https://github.com/WebAssembly/WASI/blob/main/legacy/application-abi.md */
function kindOf(module: WebAssembly.Module): RealKind {
  const exports = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  // Shared memories are imported, since every thread is an instance of its own.
  if (WebAssembly.Module.imports(module).some(({ kind }) => kind === 'memory')) return 'shared-memory';
  if (exports.has('_start')) return 'command';
  return exports.has('_initialize') || exports.has('wizer-initialize') ? 'reactor' : 'library';
}
