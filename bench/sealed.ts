/**
 * npm run bench:sealed [-- --runs N] [--only NAME] [--json FILE]
 *
 * What sealing is worth, on each engine at hand: programs interpreted, live-linked, sealed, and the
 * same algorithm in C; cold start and size of an application (--only cold); what it costs a build, and
 * what modules weigh then (--only cost). Times are medians of runs that took
 * turns; ratios are medians of the ratios within a turn. FREEZE_WASM_JIT names a build of wingo's
 * wasm-jit guest, which is not ours to ship.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Cell, table } from '../src/report/table.ts';
import { geometricMean, median, pairedRatio } from '../src/statistics.ts';
import { closeEngines, enginesAtHand } from '../test/engines/engines.ts';
import { places, root } from '../test/engines/places.ts';
import type { ColdTimes } from './cold.ts';
import { coldInWasmtime } from './cold-wasmtime.ts';
import { benchPrograms } from './programs.ts';
import { sealCost } from './seal-cost.ts';
import { C_MODULE, nameInC, type SealedRow, type SealedRun } from './sealed-run.ts';
import { threeWays } from './three-ways.ts';
import { onWasmtime } from './wasmtime.ts';

type Row = Pick<SealedRow, 'program' | 'interpreted' | 'live' | 'sealed' | 'c'> & { readonly engine: string };

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const runs = Math.max(1, Number(values.runs));
const { only } = values;

/** FREEZE_ENGINES=node20,wasmtime keeps those whose name starts so, as for the tests. */
const wanted = process.env['FREEZE_ENGINES']?.split(',');
const isWanted = (engine: string): boolean => wanted?.some((name) => engine.startsWith(name)) ?? true;

/** This Node, and the others that are at hand. */
function nodes(): readonly { readonly engine: string; readonly binary: string }[] {
  const others = places.nodes.majors.map((major) => ({
    engine: `node${major}`,
    binary: path.join(root, places.nodes.binary.replace('{major}', String(major))),
  }));
  const own = { engine: `node${process.versions.node.split('.')[0]}`, binary: process.execPath };
  return [own, ...others.filter(({ engine, binary }) => engine !== own.engine && existsSync(binary))].filter(
    ({ engine }) => isWanted(engine),
  );
}

function inNode(binary: string): SealedRun {
  const script = fileURLToPath(new URL('sealed-run.js', import.meta.url));
  const out = execFileSync(binary, ['--expose-gc', script, String(runs), only], { maxBuffer: 1 << 26 });
  return JSON.parse(out.toString()) as SealedRun;
}

async function inWasmtime(): Promise<readonly Row[]> {
  const engine = (await enginesAtHand()).find(({ name }) => name.startsWith('wasmtime'));
  if (engine === undefined) return [];
  const rows: Row[] = [];
  for (const bench of benchPrograms().filter((one) => `${one.guest} ${one.name}`.includes(only))) {
    const { bytes, report } = await threeWays(bench, 1);
    const times = await onWasmtime(bench, bytes, report.protocol, runs);
    const inC = await engine.run(C_MODULE, {
      invoke: [{ name: nameInC(bench.name), warm: 1, repeat: runs }],
    });
    if (times === undefined) continue;
    const { interpreted, live, frozen: sealed } = times;
    const program = `${bench.guest}: ${bench.name}`;
    rows.push({ program, engine: engine.name, interpreted, live, sealed, c: inC.times });
  }
  return rows;
}

const COLD_HEAD = ['unfrozen', 'sealed', 'C', 'unfrozen/sealed', 'unfrozen/C'];
const NO_SIZES = [undefined, undefined, undefined];
const coldCells = ({ unfrozen, sealed, c }: ColdTimes): readonly Cell[] => [
  median(unfrozen),
  median(sealed),
  median(c),
  pairedRatio(unfrozen, sealed),
  pairedRatio(unfrozen, c),
];

/** From Wasm, and from what `wasmtime compile` writes. */
async function coldsInWasmtime(): Promise<readonly Cell[][]> {
  const engine = (await enginesAtHand()).find(({ name }) => name.startsWith('wasmtime'));
  if (engine === undefined || !isWanted(engine.name) || !'cold'.includes(only)) return [];
  const { fromWasm, compiled } = await coldInWasmtime(runs);
  return [
    [engine.name, ...coldCells(fromWasm), ...NO_SIZES],
    [`${engine.name}, compiled before`, ...coldCells(compiled), ...NO_SIZES],
  ];
}

const perNode = nodes().map(({ engine, binary }) => {
  process.stderr.write(`${engine}\n`);
  return { engine, ...inNode(binary) };
});
process.stderr.write('wasmtime\n');
const rows: readonly Row[] = [
  ...perNode.flatMap(({ engine, rows: own }) => own.map((row): Row => ({ ...row, engine }))),
  ...(await inWasmtime()),
];

const ratios = (row: Row): readonly number[] => [
  pairedRatio(row.live, row.sealed),
  pairedRatio(row.interpreted, row.sealed),
  pairedRatio(row.sealed, row.c),
];
const head = [
  'program',
  'engine',
  'interpreted',
  'live',
  'sealed',
  'C',
  'live/sealed',
  'interp./sealed',
  'sealed/C',
];
const engines = [...new Set(rows.map(({ engine }) => engine))];
const means = engines.flatMap((engine): readonly Cell[][] => {
  const scheme = rows.filter((row) => row.engine === engine && row.program.startsWith('scheme'));
  if (scheme.length === 0) return [];
  const mean = (i: number): number => geometricMean(scheme.map((row) => ratios(row)[i] ?? Number.NaN));
  return [
    ['scheme: geometric mean', engine, undefined, undefined, undefined, undefined, mean(0), mean(1), mean(2)],
  ];
});
const shown = rows.map((row): readonly Cell[] => [
  row.program,
  row.engine,
  median(row.interpreted),
  median(row.live),
  median(row.sealed),
  median(row.c),
  ...ratios(row),
]);
console.log(table(head, [...shown, ...means], 2));

const builds = (perNode[0]?.rows ?? []).map((row): readonly Cell[] => [
  row.program,
  row.before,
  row.after,
  row.size / 1000,
  row.sealMs,
]);
console.log('\nsealing: bytes of generated code before and after, kB of the module, ms of the pass\n');
console.log(table(['program', 'before', 'after', 'kB', 'ms'], builds));

const colds = perNode.flatMap(({ engine, cold }): readonly Cell[][] => {
  if (cold === undefined) return [];
  const { oneCore, openSize, sealedSize } = cold;
  return [
    [engine, ...coldCells(cold), openSize / 1000, sealedSize / 1000, sealedSize / openSize],
    ...(oneCore === undefined ? [] : [[`${engine}, one core`, ...coldCells(oneCore), ...NO_SIZES]]),
  ];
});
console.log('\napp.scm: ms from bytes to the first answer, and size\n');
console.log(
  table(
    ['engine', ...COLD_HEAD, 'kB open', 'kB sealed', 'sealed/open'],
    [...colds, ...(await coldsInWasmtime())],
    2,
  ),
);
await closeEngines();
const cost = await sealCost(Math.min(runs, 5), only);
if (cost !== undefined)
  console.log(`\nbuilds, a process each: open, sealed with --optimize none and fast; and size\n\n${cost}`);
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ runs, rows, nodes: perNode }, undefined, 2)}\n`);
