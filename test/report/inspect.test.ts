// What inspect says: golden files for a guest and for the same guest frozen, which UPDATE_SNAPSHOTS=1
// writes anew; details on small modules.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { inspectModule, type ModuleInspection, renderInspection } from '../../src/report/inspect.ts';
import { readProvenance, withProvenance } from '../../src/report/provenance.ts';
import { encode } from '../../src/wasm/encode.ts';
import { parse } from '../../src/wasm/parse.ts';
import { printFunction } from '../../src/wasm/print.ts';
import { repoRoot } from '../spec/suite.ts';
import { wat } from '../support/wat.ts';

const guest = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(repoRoot(), 'guests', 'lambda', name)));

function golden(name: string, text: string): void {
  const path = join(repoRoot(), 'snapshots', 'inspect', name);
  if (process.env['UPDATE_SNAPSHOTS'] === '1') {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  assert.equal(text, readFileSync(path, 'utf8'), `${path} differs: UPDATE_SNAPSHOTS=1 writes it anew`);
}

function inspected(bytes: Uint8Array): ModuleInspection {
  const inspection = inspectModule(bytes);
  assert.equal(inspection.kind, 'module');
  return inspection as ModuleInspection;
}

async function frozenLambda(): Promise<Uint8Array> {
  const program = { name: 'fib.scm', bytes: guest('fib.scm') };
  const { bytes } = await freeze(guest('lambda.wasm'), {
    warmups: [{ kind: 'program', ...program }],
    entries: [{ name: 'run', workload: { kind: 'program', ...program } }],
    stubs: [{ pattern: 'env.throw_error', stub: { kind: 'trap' } }],
    // What the JIT wrote, and not what a version of Binaryen makes of it.
    optimize: 'none',
  });
  return bytes;
}

test('the lambda guest', () => {
  golden('lambda.txt', renderInspection(inspectModule(guest('lambda.wasm'))));
});

test('the lambda guest frozen', async () => {
  const bytes = await frozenLambda();
  const inspection = inspected(bytes);
  assert.ok(inspection.functions.origins.auxiliary.functions > 0);
  assert.equal(inspection.functions.origins.guest.functions, 36);
  golden('lambda.frozen.txt', renderInspection(inspection));
});

test('a function of the frozen lambda guest that its JIT made', async () => {
  const bytes = await frozenLambda();
  const module = parse(bytes);
  const [aux] = readProvenance(module)?.auxes ?? [];
  assert.ok(aux !== undefined);
  golden('lambda.frozen.func.wat', printFunction(module, aux.first));
});

test('an inspection is plain JSON', async () => {
  const text = '(module (memory i64 0 0x1000000000000) (table i64 1 0xffffffffffffffff funcref))';
  const inspection = inspected(await wat(text));
  const { memories, tables } = JSON.parse(JSON.stringify(inspection)) as ModuleInspection;
  assert.equal(memories[0]?.maxPages, 2 ** 48);
  assert.equal(tables[0]?.max, '18446744073709551615');
  assert.deepEqual(memories, inspection.memories);
});

test('types of imports and exports are written as in the text format', async () => {
  const { imports, exports } = inspected(
    await wat(`(module
      (type $t (struct))
      (import "a" "f" (func (param i32 (ref $t)) (result f64)))
      (import "a" "t" (table i64 2 3 externref))
      (import "a" "m" (memory 1 2 shared))
      (import "a" "g" (global (mut (ref null $t))))
      (import "a" "e" (tag (param i64)))
      (global (export "v") v128 (v128.const i64x2 0 0))
      (export "again" (func 0)))`),
  );
  assert.deepEqual(
    imports.map(({ kind, type }) => `${kind} ${type}`),
    [
      'func (param i32 (ref $t)) (result f64)',
      'table i64 2 3 externref',
      'mem 1 2 shared',
      'global (mut (ref null $t))',
      'tag (param i64)',
    ],
  );
  assert.deepEqual(exports, [
    { name: 'v', kind: 'global', index: 1, type: 'v128' },
    { name: 'again', kind: 'func', index: 0, type: '(param i32 (ref $t)) (result f64)' },
  ]);
});

test('the memory map joins segments, and leaves out zeros and what has no known place', async () => {
  const [memory] = inspected(
    await wat(`(module (import "a" "g" (global i32)) (memory 2 4)
      (data (i32.const 0x100) "abcd") (data (i32.const 0x104) "efgh") (data (i32.const 0x106) "xy")
      (data (i32.const 0x10000) "\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00z")
      (data (global.get 0) "unknown") (data "passive"))`),
  ).memories;
  assert.ok(memory !== undefined);
  const { segments, segmentBytes, unplaced, runs, usedBytes, largest, cells } = memory;
  assert.deepEqual(
    { segments, segmentBytes, unplaced, runs, usedBytes },
    {
      segments: 5,
      segmentBytes: 35,
      unplaced: 1,
      runs: 2,
      usedBytes: 9,
    },
  );
  assert.deepEqual(largest, [
    { start: 0x100, end: 0x108 },
    { start: 0x10011, end: 0x10012 },
  ]);
  assert.equal(cells.size, 2048);
  assert.deepEqual([cells.used[0], cells.used[32], cells.used.length], [8, 1, 64]);
});

test('a component is told apart, its sections listed', async () => {
  const bytes = await wat('(component (core module (func)) (core instance (instantiate 0)))');
  const inspection = inspectModule(bytes);
  assert.equal(inspection.kind, 'component');
  assert.deepEqual(
    inspection.sections.map(({ name }) => name),
    ['core module', 'core instance'],
  );
  assert.match(renderInspection(inspection), /^a component, /);
});

test('names cannot command a terminal', async () => {
  const bytes = await wat('(module (func (export "\\1b]0;title\\07\\0aforged \\u{202e}")))');
  const text = renderInspection(inspectModule(bytes));
  assert.ok(text.includes('\\u{1b}]0;title\\u{7}\\u{a}forged \\u{202e}'));
  assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}]/u);
});

test('colour is for those who ask', () => {
  const inspection = inspectModule(guest('lambda.wasm'));
  const plain = renderInspection(inspection);
  assert.ok(!plain.includes('\x1b'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.equal(renderInspection(inspection, { color: true }).replace(/\x1b\[\d+m/g, ''), plain);
});

test('a provenance that makes no sense is shown as far as it goes', async () => {
  const module = parse(await wat('(module (func) (func) (func))'));
  const ranges = [
    { name: 'b', first: 1, count: 1_000_000_000 },
    { name: 'a', first: -5, count: 3 },
  ];
  const { functions } = inspected(
    encode(withProvenance(module, { version: '0.0.0', guest: 1, auxes: ranges })),
  );
  assert.deepEqual(functions.origins, {
    guest: { functions: 1, size: 2 },
    auxiliary: { functions: 2, size: 4 },
    freeze: { functions: 0, size: 0 },
  });
  assert.deepEqual(functions.auxiliaries, [{ name: 'b', functions: 2, size: 4 }]);
});
