import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { PRODUCERS, readProducers, withProducer, writeProducers } from '../../src/link/producers.ts';
import { VERSION } from '../../src/version.ts';
import { encode } from '../../src/wasm/encode.ts';
import { type CustomSection, EMPTY_MODULE, type Module } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { repoRoot } from '../spec/suite.ts';
import { wat } from '../support/wat.ts';

function custom(name: string, bytes: Uint8Array = new Uint8Array(0), after = 11): CustomSection {
  return { name, bytes, after };
}

function named(...customs: readonly CustomSection[]): Module {
  return { ...EMPTY_MODULE, customs };
}

const CLANG = { field: 'processed-by', values: [['clang', '22']] } as const;
const C11 = { field: 'language', values: [['C11', '']] } as const;

function order(module: Module): readonly string[] {
  return module.customs.map(({ name }) => name);
}

function producers(module: Module): unknown {
  const found = module.customs.filter(({ name }) => name === PRODUCERS);
  assert.equal(found.length, 1);
  return readProducers(found[0]?.bytes ?? new Uint8Array(0));
}

it('freeze joins the tools that a real module names', async () => {
  const bytes = new Uint8Array(readFileSync(join(repoRoot(), 'guests', 'traced', 'traced.wasm')));
  const stubs = [{ pattern: 'env.*', stub: { kind: 'nop' } as const }];
  const { bytes: once } = await freeze(bytes, { stubs });
  const module = parse(once);
  const before = readProducers(parse(bytes).customs.find(({ name }) => name === PRODUCERS)?.bytes ?? bytes);
  const [language, processed] = before;
  assert.deepEqual(producers(module), [
    language,
    { field: 'processed-by', values: [...(processed?.values ?? []), ['freeze', VERSION]] },
  ]);
  const names = order(module);
  assert.ok(names.indexOf('name') < names.indexOf(PRODUCERS));
  assert.ok(names.indexOf(PRODUCERS) < names.indexOf('target_features'));
  // Frozen twice, it is named once.
  assert.deepEqual(producers(parse((await freeze(once)).bytes)), producers(module));
});

it('a module that names nobody names freeze', async () => {
  const { bytes } = await freeze(await wat('(module (memory 1))'));
  assert.deepEqual(producers(parse(bytes)), [{ field: 'processed-by', values: [['freeze', VERSION]] }]);
});

it('the section stands behind names and before features, and stays where it is where it can', () => {
  const tools = writeProducers([C11, CLANG]);
  for (const [before, after] of [
    [
      [custom('a'), custom(PRODUCERS, tools), custom('b')],
      ['a', PRODUCERS, 'b'],
    ],
    [
      [custom(PRODUCERS, tools, 0), custom('name')],
      ['name', PRODUCERS],
    ],
    [[custom('target_features')], [PRODUCERS, 'target_features']],
    [
      [custom('name'), custom('a'), custom('target_features')],
      ['name', 'a', PRODUCERS, 'target_features'],
    ],
    [
      [custom('target_features'), custom('name')],
      ['target_features', 'name', PRODUCERS],
    ],
  ] as const) {
    const module = parse(encode(withProducer(named(...before), '1')));
    assert.deepEqual(order(module), after);
    const values = JSON.stringify(producers(module));
    assert.match(values, /\["freeze","1"\]/);
    assert.equal(
      values.includes('clang'),
      before.some(({ name }) => name === PRODUCERS),
    );
  }
});

it('a section that cannot be read stays as it is', () => {
  const module = named(custom(PRODUCERS, Uint8Array.of(9, 9)));
  assert.equal(withProducer(module, '1'), module);
});
