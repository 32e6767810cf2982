// The spec suite on modules whose code was taken apart and put together again: the same outcome for
// every one of its 65,000 checks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identityMap, relocateBody, relocateExpr } from '../../src/link/relocate.ts';
import { shorten } from '../../src/seal/shorten.ts';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import type { ConstExpr, Elem, Module } from '../../src/wasm/module.ts';
import { spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { Span } from '../../src/wasm/walk.ts';
import { differences, type RunResult, runSuite } from '../spec/run.ts';
import { findSuite, loadSuite, type Suite } from '../spec/suite.ts';
import { needs } from '../support/features.ts';
import { canonicalBody, canonicalExpr } from './canonical.ts';
import { paddedBody } from './padded.ts';
import { shifted } from './shift.ts';

const absent: string | false = findSuite() === undefined && 'the spec suite is not here';
const severalMemories: boolean = needs('multi-memory').skip === false;

/** The module with all code and all constant expressions mapped. */
function mapCode(module: Module, body: (span: Span) => Span, expr: (span: Span) => Span): Module {
  const offset = <T extends { readonly kind: string }>(mode: T & { readonly offset?: ConstExpr }): T =>
    mode.offset === undefined ? mode : { ...mode, offset: expr(mode.offset) };
  const items = (one: Elem['items']): Elem['items'] =>
    one.kind === 'funcs' ? one : { ...one, exprs: one.exprs.map(expr) };
  return {
    ...module,
    tables: module.tables.map((table) => ({ ...table, init: table.init && expr(table.init) })),
    globals: module.globals.map((global) => ({ ...global, init: expr(global.init) })),
    elems: module.elems.map((elem) => ({ ...elem, mode: offset(elem.mode), items: items(elem.items) })),
    codes: module.codes.map(body),
    datas: module.datas.map((data) => ({ ...data, mode: offset(data.mode) })),
  };
}

function rewritten(module: Module): Module {
  return mapCode(
    module,
    (body) => madeSpan(canonicalBody(body), 'rewritten'),
    (expr) => madeSpan(canonicalExpr(expr), 'rewritten'),
  );
}

function relocatedByIdentity(module: Module): Module {
  const all = spaces(module);
  const maps = {
    type: identityMap(all.types.length),
    func: identityMap(all.funcs.length),
    table: identityMap(all.tables.length),
    mem: identityMap(all.mems.length),
    global: identityMap(all.globals.length),
    tag: identityMap(all.tags.length),
    elem: identityMap(module.elems.length),
    data: identityMap(module.datas.length),
  };
  return mapCode(
    module,
    (body) => relocateBody(body, maps),
    (expr) => relocateExpr(expr, maps),
  );
}

function shortAgain(module: Module): Module {
  const codes = module.codes.map((body) => madeSpan(paddedBody(body), 'padded'));
  return shorten({ ...module, codes });
}

const transforms: readonly (readonly [name: string, transform: (module: Module) => Module])[] = [
  ['every instruction read and written again', rewritten],
  ['every index mapped to itself', relocatedByIdentity],
  ['every index moved', (module) => shifted(module, severalMemories, false)],
  ['every index moved, in LEBs as wide as they were', (module) => shifted(module, severalMemories, true)],
  ['every LEB padded, and made short again', shortAgain],
];

/** Some of V8's messages number the segment, which moves. */
function unnumbered(result: RunResult): RunResult {
  const outcomes = result.outcomes.map((one) => ({
    ...one,
    detail: one.detail.replace(/segment \d+/, 'segment'),
  }));
  return { ...result, outcomes };
}

test('the spec suite, its code re-encoded', { skip: absent }, async (t) => {
  const suite = await loadSuite();
  assert.ok(suite !== undefined);
  const current: Suite = { ...suite, files: suite.files.filter(({ name }) => !name.startsWith('legacy/')) };
  const before = await runSuite(current);
  for (const [name, transform] of transforms) {
    await t.test(name, async () => {
      const after = await runSuite(current, {
        transform: (bytes) => encode(transform(parse(bytes)), { fresh: true }),
      });
      assert.deepEqual(differences(unnumbered(before), unnumbered(after)), []);
    });
  }
});
