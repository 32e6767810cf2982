/**
 * npm run bench [-- --runs N] [--only NAME] [--json FILE]
 *
 * For every program: interpreted, live-linked and frozen, on this Node and on wasmtime where it is
 * at hand; then the seconds of each pass of the builds, and the binary format by itself. Times are
 * medians of runs that took turns; ratios are medians of the ratios within a turn.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { table } from '../src/report/table.ts';
import { geometricMean, median, pairedRatio } from '../src/statistics.ts';
import { closeEngines, lookForEngines } from '../test/engines/engines.ts';
import { formatTimes } from './format.ts';
import { benchPrograms } from './programs.ts';
import { type ThreeWays, threeWays } from './three-ways.ts';
import { type EngineTimes, onWasmtime } from './wasmtime.ts';

interface Row extends EngineTimes {
  readonly program: string;
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const runs = Math.max(1, Number(values.runs));
const node = `node${process.versions.node.split('.')[0]}`;
const programs = benchPrograms().filter((one) => `${one.guest} ${one.name}`.includes(values.only));
const rows: Row[] = [];
const builds: { readonly program: string; readonly ways: ThreeWays; readonly input: number }[] = [];

for (const bench of programs) {
  const program = `${bench.guest}: ${bench.name}`;
  process.stderr.write(`${program}\n`);
  const ways = await threeWays(bench, runs);
  builds.push({ program, ways, input: bench.wasm.length });
  rows.push({ program, engine: node, interpreted: ways.interpreted, live: ways.live, frozen: ways.frozen });
  const wasmtime = await onWasmtime(bench, ways.bytes, ways.report.protocol, runs);
  if (wasmtime !== undefined) rows.push({ program, ...wasmtime });
}

function summary(row: Row): readonly (string | number)[] {
  const { program, engine, interpreted, live, frozen } = row;
  return [
    program,
    engine,
    median(interpreted),
    median(live),
    median(frozen),
    pairedRatio(interpreted, frozen),
    pairedRatio(live, frozen),
  ];
}

const engines = [...new Set(rows.map((row) => row.engine))];
const means = engines.map((engine) => {
  const own = rows.filter((row) => row.engine === engine);
  const ratio = (key: 'interpreted' | 'live'): number =>
    geometricMean(own.map((row) => pairedRatio(row[key], row.frozen)));
  return ['geometric mean', engine, undefined, undefined, undefined, ratio('interpreted'), ratio('live')];
});
const head = ['program', 'engine', 'interpreted ms', 'live ms', 'frozen ms', 'interp./frozen', 'live/frozen'];
console.log(table(head, [...rows.map(summary), ...means], 2));

const passes = builds[0]?.ways.report.passes.map((pass) => pass.pass) ?? [];
const buildRows = builds.map(({ program, ways, input }) => {
  const { report, bytes } = ways;
  const ms = passes.map((name) => report.passes.find((pass) => pass.pass === name)?.ms);
  return [program, report.linked.functions, input / 1000, bytes.length / 1000, ...ms];
});
console.log(`\nbuilds: functions linked, kB before and after, ms by pass\n`);
console.log(table(['program', 'functions', 'kB in', 'kB out', ...passes], buildRows));

const format = formatTimes(runs);
console.log(`\nthe binary format: ${format.file}, ${format.size} bytes, ms\n`);
console.log(
  table(
    ['', 'section walk', 'parse', 'copy', 'relocate', 'MB/s'],
    [['', format.sections, format.parse, format.copy, format.relocate, format.relocateSpeed]],
    2,
  ),
);

for (const line of (await lookForEngines()).absent) console.log(`not at hand: ${line}`);
await closeEngines();
if (values.json !== undefined) {
  const measured = builds.map(({ program, ways, input }) => ({
    program,
    input,
    output: ways.bytes.length,
    report: ways.report,
  }));
  writeFileSync(
    values.json,
    `${JSON.stringify({ node: process.version, runs, rows, builds: measured, format }, undefined, 2)}\n`,
  );
}
