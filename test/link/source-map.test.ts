// A source map goes with the code: each instruction keeps its line. Here line n is the n-th thing that
// begins in the code of the guest.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { UsageError } from '../../src/errors/classes.ts';
import { freeze } from '../../src/freeze.ts';
import { moveMappings, SOURCE_MAPPING_URL } from '../../src/link/source-map.ts';
import { rawSection } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { cli, errorLine, folder, good } from '../cli/cli.ts';
import { repoRoot } from '../spec/suite.ts';
import { codeOffsets } from '../support/dwarf.ts';
import { wat } from '../support/wat.ts';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** A VLQ of a number that is not negative. */
function vlq(value: number): string {
  let [text, rest] = ['', value * 2];
  for (; rest >= 32; rest = Math.floor(rest / 32)) text += DIGITS[(rest % 32) + 32];
  return text + DIGITS[rest];
}

/** Offset in the module → line; all that mappings as they are made here hold. */
function lines(text: string): ReadonlyMap<number, number> {
  const out = new Map<number, number>();
  let [column, line] = [0, 0];
  for (const mapping of JSON.parse(text).mappings.split(',')) {
    const fields: number[] = [];
    let [value, scale] = [0, 1];
    for (const digit of mapping) {
      const bits = DIGITS.indexOf(digit);
      value += (bits % 32) * scale;
      scale = bits >= 32 ? scale * 32 : 0;
      if (scale === 0) {
        fields.push((value % 2 === 1 ? -1 : 1) * Math.floor(value / 2));
        [value, scale] = [0, 1];
      }
    }
    column += fields[0] ?? 0;
    line += fields[2] ?? 0;
    out.set(column, line);
  }
  return out;
}

/** Where each thing begins in the module: ends of bodies, which begin nothing, left out. */
function beginnings(bytes: Uint8Array): readonly number[] {
  const module = parse(bytes);
  const code = rawSection(module.codes)?.offset ?? 0;
  const ends = new Set(module.codes.map(({ end }) => end));
  return codeOffsets(module).flatMap((offset) => (ends.has(offset) ? [] : [code + offset]));
}

const GUEST = join(repoRoot(), 'guests', 'traced', 'traced.wasm');
const bytes = new Uint8Array(readFileSync(GUEST));
const BEGINNINGS = beginnings(bytes);
const mappings = BEGINNINGS.map((at, i) => {
  return `${vlq(at - (BEGINNINGS[i - 1] ?? 0))}A${vlq(i === 0 ? 0 : 1)}A`;
});
const MAP = JSON.stringify({ version: 3, sources: ['a.c'], names: [], mappings: mappings.join(',') });
const STUBS = [{ pattern: 'env.*', stub: { kind: 'nop' } as const }];

it('each instruction keeps its line, and the module names its map', async () => {
  const entries = Array.from({ length: 130 }, (_, i) => ({
    name: `entry${i}`,
    workload: { kind: 'call', export: 'sum', args: [] } as const,
  }));
  const options = { stubs: STUBS, entries, sourceMap: { text: MAP, url: 'out.map' } };
  const frozen = await freeze(bytes, options);
  assert.deepEqual(frozen.report.warnings, []);
  const [before, after] = [BEGINNINGS, beginnings(frozen.bytes).slice(0, BEGINNINGS.length)];
  assert.notDeepEqual(after, before);
  const told = lines(frozen.sourceMap ?? '');
  assert.deepEqual(
    after.map((at) => told.get(at)),
    before.map((_, i) => i),
  );
  assert.deepEqual(JSON.parse(frozen.sourceMap ?? '').sources, ['a.c']);
  const url = parse(frozen.bytes).customs.find(({ name }) => name === SOURCE_MAPPING_URL);
  assert.equal(new TextDecoder().decode(url?.bytes.subarray(1)), 'out.map');
});

it('mappings go with code that has gone, and what counts from them stays true', () => {
  // Columns 10, 20 and 30; lines 0, 5 and 4.
  assert.equal(
    moveMappings('UAAA,UAKA,UADA', (column) => column),
    'UAAA,UAKA,UADA',
  );
  assert.equal(
    moveMappings('UAAA,UAKA,UADA', (column) => (column === 20 ? undefined : column)),
    'UAAA,oBAIA',
  );
});

it('a map that is none is refused', async () => {
  for (const text of [
    '',
    '{}',
    '{"version":3}',
    '{"version":3,"mappings":"A;A"}',
    '{"version":3,"mappings":"!"}',
  ]) {
    const build = freeze(bytes, { stubs: STUBS, sourceMap: { text, url: 'x' } });
    await assert.rejects(build, (error) => error instanceof UsageError && error.code === 'source-map');
  }
});

it('on the command line it is written beside the output, or nothing is', async () => {
  const cwd = folder({ 'in.map': MAP, 'bad.map': 'x' });
  const line = ['build', GUEST, '--stub-import', 'env.*=nop', '-o', 'out.wasm', '--source-map'];
  const bad = await cli([...line, 'bad.map'], { cwd });
  assert.equal(bad.code, 2);
  errorLine(bad.stderr, /the source map is not one of this module: it is no JSON/);
  assert.ok(!existsSync(join(cwd, 'out.wasm')) && !existsSync(join(cwd, 'out.wasm.map')));
  await good([...line, 'in.map'], { cwd });
  assert.ok(lines(readFileSync(join(cwd, 'out.wasm.map'), 'utf8')).size > 100);
  assert.ok(readFileSync(join(cwd, 'out.wasm')).includes('out.wasm.map'));
});

it('in the place of Wizer, too', async () => {
  // Bigger than before: the global, and the memory.
  const source = await wat(`(module (memory 1) (global $g (mut i32) (i32.const 0))
    (func (export "wizer-initialize") (global.set $g (i32.const 1000000)) (drop (memory.grow (i32.const 200))))
    (func (export "get") (result i32) (i32.add (global.get $g) (i32.const 1))))`);
  const before = beginnings(source);
  const mapping = before.map((at, i) => `${vlq(at - (before[i - 1] ?? 0))}A${vlq(Math.min(i, 1))}A`);
  const map = JSON.stringify({ version: 3, sources: ['a.c'], names: [], mappings: mapping.join(',') });
  const cwd = folder({ 'in.wasm': source, 'in.map': map });
  const line = ['wizer', 'in.wasm', '--source-map', 'in.map'];
  const stream = await cli(line, { cwd });
  assert.equal(stream.code, 2);
  assert.match(stream.stderr, /^Error: --source-map writes a file beside the output, which is a stream\n/);
  await good([...line, '-o', 'out.wasm'], { cwd });
  const frozen = readFileSync(join(cwd, 'out.wasm'));
  const after = beginnings(frozen);
  assert.notDeepEqual(after, before);
  const told = lines(readFileSync(join(cwd, 'out.wasm.map'), 'utf8'));
  assert.deepEqual(
    after.map((at) => told.get(at)),
    before.map((_, i) => i),
  );
  const url = parse(frozen).customs.find(({ name }) => name === SOURCE_MAPPING_URL);
  assert.equal(new TextDecoder().decode(url?.bytes.subarray(1)), 'out.wasm.map');
});
