// The report as a page: what it says adds up, and nothing in a module gets into its markup.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Frozen, freeze } from '../../src/freeze.ts';
import { inspectModule } from '../../src/report/inspect.ts';
import { element } from '../../src/report/page/markup.ts';
import { type OriginNode, originsOf, total } from '../../src/report/page/origins.ts';
import { reportPage } from '../../src/report/page/page.ts';
import { encode } from '../../src/wasm/encode.ts';
import { parse } from '../../src/wasm/parse.ts';
import { root } from '../engines/places.ts';

const fib = { kind: 'program', name: 'fib.scm', bytes: read('guests/scheme/bench/fib.scm') } as const;
const frozen: Frozen = await freeze(read('guests/scheme/scheme.wasm'), {
  warmups: [fib],
  entries: [{ name: 'main', workload: fib }],
  // What was linked is then what is left, in one module.
  seal: false,
});

function read(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(root, path)));
}

function origins(bytes: Uint8Array): OriginNode {
  const inspection = inspectModule(bytes);
  return originsOf(parse(bytes), bytes.length, inspection.sections);
}

function find(node: OriginNode, name: string): OriginNode | undefined {
  if (node.name === name) return node;
  for (const child of node.children ?? []) {
    const found = find(child, name);
    if (found !== undefined) return found;
  }
  return undefined;
}

test('the parts add up to the module', () => {
  const tree = origins(frozen.bytes);
  assert.equal(total(tree), frozen.bytes.length);
  const generated = find(tree, 'jit1');
  assert.ok(generated !== undefined);
  assert.equal(total(generated), frozen.report.linked.codeBytes);
  const snapshot = find(tree, 'snapshot');
  assert.ok(snapshot !== undefined);
  assert.equal(total(snapshot), frozen.report.snapshot.segmentBytes);
});

test('a module that was not frozen is all guest', () => {
  const tree = origins(read('guests/scheme/scheme.wasm'));
  assert.equal(find(tree, 'entries and stubs'), undefined);
  assert.equal(total(tree), read('guests/scheme/scheme.wasm').length);
});

test('the page needs nothing but itself, and is the same twice', () => {
  const page = reportPage({ ...frozen, input: 'scheme.wasm', output: 'app.wasm' });
  assert.equal(page, reportPage({ ...frozen, input: 'scheme.wasm', output: 'app.wasm' }));
  assert.doesNotMatch(page, /<script|<link|<img|@import|url\(/);
  assert.deepEqual(new Set(page.match(/https?:\/\/[^"\s]*/g)), new Set(['http://www.w3.org/2000/svg']));
  for (const heading of [
    'Before and after',
    'What the module is made of',
    'Memory',
    'Warm-up',
    'Time by pass',
  ])
    assert.match(page, new RegExp(`<h2>${heading}</h2>`));
  assert.match(page, /jit1/);
});

test('the snapshot is told by region, and rounds by what came in them', async () => {
  const guest = read('guests/scheme/scheme.wasm');
  const sealed = await freeze(guest, { warmups: [fib], entries: [{ name: 'main', workload: fib }] });
  const { sections } = inspectModule(sealed.bytes);
  const tree = originsOf(parse(sealed.bytes), sealed.bytes.length, sections, parse(guest));
  assert.equal(total(tree), sealed.bytes.length);
  const snapshot = find(tree, 'snapshot');
  assert.equal(snapshot && total(snapshot), sealed.report.snapshot.segmentBytes);
  const rodata = snapshot && find(snapshot, 'data .rodata');
  assert.ok(rodata !== undefined && rodata.size > 0);
  const { rounds, modules } = sealed.report;
  assert.equal(rounds.at(-1)?.sealing, true, 'a sealed guest is asked once more');
  for (const [i, round] of rounds.entries()) {
    const came = modules.filter((one) => one.round === i + 1);
    assert.equal(round.modules, came.length);
    assert.equal(
      round.functions,
      came.reduce((sum, { functions = 0 }) => sum + functions, 0),
    );
  }
  assert.ok((rounds[0]?.functions ?? 0) > 0);
  const page = reportPage({ ...sealed, guest, input: 'scheme.wasm', output: 'app.wasm' });
  assert.match(page, /<th scope="row">data \.rodata<\/th>/);
  assert.match(page, /<text [^>]*>to be sealed<\/text>/);
});

test('names are text, whatever is in them', () => {
  const hostile = '"><script>alert(1)</script>&\u202e\u0000';
  const module = parse(frozen.bytes);
  const customs = [...module.customs, { name: hostile, bytes: new Uint8Array(100_000), after: 11 }];
  const bytes = encode({ ...module, customs });
  const page = reportPage({ report: frozen.report, bytes, input: hostile, output: 'x' });
  assert.doesNotMatch(page, /<script/);
  assert.ok(!page.includes('\u202e') && !page.includes('\0'));
  assert.match(page, /&quot;&gt;&lt;script&gt;/);
  assert.equal(
    element('p', { title: '<"&>' }, '<"&>').markup,
    '<p title="&lt;&quot;&amp;&gt;">&lt;&quot;&amp;&gt;</p>',
  );
});
