// Custom sections are carried, each in its place; names of segments that were written anew are not.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { encode } from '../../src/wasm/encode.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse, readSections } from '../../src/wasm/parse.ts';
import { wat } from '../support/wat.ts';

const GUEST = `(module (import "env" "f" (func $f)) (memory (export "memory") 1) (table 2 funcref)
  (data $active (i32.const 0) "abc") (data $kept "passive")
  (elem $slots (i32.const 0) func $g) (elem $later func $g)
  (func $g (call $f)) (func (export "init") (memory.init $kept (i32.const 9) (i32.const 0) (i32.const 1))
    (table.init $later (i32.const 1) (i32.const 0) (i32.const 1))))`;

/** The sections of a module in order, custom ones by name. */
function order(bytes: Uint8Array): readonly string[] {
  const customs = parse(bytes).customs.map(({ name }) => name);
  return readSections(bytes).map(({ name }) => (name === 'custom' ? (customs.shift() ?? '') : name));
}

it('unknown sections stay between the sections between which they stood', async () => {
  const module = parse(await wat(GUEST));
  const customs = [0, 1, 3, 7, 12, 10, 11].map((after) => ({
    name: `after ${after}`,
    bytes: Uint8Array.of(after),
    after,
  }));
  const features = { name: 'target_features', bytes: Uint8Array.of(1, 0x2b, 1, 0x61), after: 11 };
  const before = encode({ ...module, customs: [...customs, features] });
  const stubs = [{ pattern: 'env.f', stub: { kind: 'nop' } as const }];
  const { bytes, report } = await freeze(before, { stubs });
  assert.deepEqual(report.warnings, []);
  const kept = order(bytes).filter((name) => !['producers', 'freeze.provenance', 'name'].includes(name));
  // The import is a function of the module now, and there is no import section any more.
  assert.deepEqual(
    kept,
    order(before).filter((name) => name !== 'import' && name !== 'name'),
  );
  for (const { name, bytes: contents } of [...customs, features]) {
    assert.deepEqual(parse(bytes).customs.find((one) => one.name === name)?.bytes, contents, name);
  }
});

it('behind code that came last they stay last: names come behind the data that the snapshot needs', async () => {
  const source = await wat(`(module (memory (export "memory") 1) (func $init (export "wizer-initialize")
    (i32.store8 (i32.const 9) (i32.const 1))) (func $f (export "f")))`);
  const custom = { name: 'mine', bytes: Uint8Array.of(1), after: 7 };
  const module = parse(source);
  const { bytes } = await freeze(encode({ ...module, customs: [custom, ...module.customs] }), { init: {} });
  assert.deepEqual(order(source).slice(-2), ['code', 'name']);
  const kept = order(bytes).filter((name) => !['producers', 'freeze.provenance'].includes(name));
  assert.deepEqual(kept, ['type', 'function', 'memory', 'export', 'mine', 'code', 'data', 'name']);
});

it('what a linker left for another is left out, and said to be', async () => {
  const module = parse(await wat('(module (memory 1))'));
  const custom = (name: string): { name: string; bytes: Uint8Array; after: number } => ({
    name,
    bytes: Uint8Array.of(2),
    after: 11,
  });
  const customs = ['linking', 'reloc.CODE', 'mine'].map(custom);
  const { bytes, report } = await freeze(encode({ ...module, customs }));
  assert.deepEqual(order(bytes), ['memory', 'mine', 'producers', 'freeze.provenance']);
  assert.deepEqual(
    report.warnings.map(({ code, message }) => [code, message]),
    [
      ['linker-left-out', "left out, as it is of the guest's own segments: linking"],
      ['linker-left-out', "left out, as it is of the guest's own segments: reloc.CODE"],
    ],
  );
});

it('segments that are what they were keep their names, and no others do', async () => {
  const stubs = [{ pattern: 'env.f', stub: { kind: 'nop' } as const }];
  const module = parse((await freeze(await wat(GUEST), { stubs })).bytes);
  const names = moduleNames(module);
  const decode = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);
  assert.deepEqual(
    [...names.data].map(([index, name]) => [name, decode(module.datas[index]?.bytes)]),
    [['kept', 'passive']],
  );
  assert.deepEqual([...names.elem.values()], ['later']);
  assert.equal(names.func.get(0), 'g');
});
