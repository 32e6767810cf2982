/**
 * Snapshots, paired with native Wizer: the same inputs, the same options, whole processes in turns.
 *
 *     npm run bench:snapshot -- [--runs N] [--only NAME] [--json FILE]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { scan } from '../src/host/scan.ts';
import { table } from '../src/report/table.ts';
import { median, pairedRatio } from '../src/statistics.ts';
import { NATIVE } from '../test/support/native-wizer.ts';
import { root } from './programs.ts';
import { type SnapshotInput, snapshotInputs } from './snapshot/inputs.ts';
import { type Cost, lookAt, type Output, runOnce } from './snapshot/measure.ts';

interface Side {
  readonly costs: readonly Cost[];
  readonly output: Output;
}

interface Row {
  readonly input: SnapshotInput;
  readonly ours: Side;
  readonly wizer: Side | undefined;
}

/** Bytes. */
const SCANNED = 1 << 28;

const OURS = [path.join(root, 'bin/freeze-wizer')];

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const folder = mkdtempSync(path.join(tmpdir(), 'freeze-bench-'));
try {
  const { inputs, absent } = await snapshotInputs(folder);
  const rows = inputs
    .filter(({ name }) => name.includes(values.only))
    .map((input) => {
      console.error(`${input.name} ...`);
      return measure(input);
    });
  print(rows, absent);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, undefined, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}

function measure(input: SnapshotInput): Row {
  const outputs = [path.join(folder, 'ours.wasm'), path.join(folder, 'wizer.wasm')] as const;
  const ours: Cost[] = [];
  const wizer: Cost[] = [];
  for (let run = 0; run < Number(values.runs); run++) {
    ours.push(runOnce(OURS, input, outputs[0]));
    if (NATIVE !== undefined) wizer.push(runOnce([NATIVE], input, outputs[1]));
  }
  const [first, second] = lookAt(NATIVE === undefined ? outputs.slice(0, 1) : outputs);
  if (first === undefined) throw new TypeError('there is no output');
  return {
    input,
    ours: { costs: ours, output: first },
    wizer: second && { costs: wizer, output: second },
  };
}

/** The zero scan alone, of a memory whose pages are all there. */
function printScan(): void {
  const memory = new WebAssembly.Memory({ initial: SCANNED / 65_536 });
  const bytes = new Uint8Array(memory.buffer);
  for (let at = 0; at < SCANNED; at += 400 * 1024) bytes.fill(90, at, at + 4096);
  const times = Array.from({ length: 21 }, () => {
    const start = performance.now();
    scan(memory);
    return performance.now() - start;
  });
  console.log(`\nscan of 256 MiB, 1% used: ${(SCANNED / median(times) / 1e6).toFixed(1)} GB/s (floor 10)`);
}

function print(rows: readonly Row[], absent: readonly string[]): void {
  const of = (side: Side | undefined, key: keyof Cost): number | undefined =>
    side && median(side.costs.map((cost) => cost[key]));
  const share = ({ ours, wizer }: Row, key: keyof Cost): number | undefined =>
    wizer &&
    pairedRatio(
      ours.costs.map((cost) => cost[key]),
      wizer.costs.map((cost) => cost[key]),
    );
  console.log('Seconds and MiB of the whole process, medians; shares are of Wizer’s, pair by pair.\n');
  console.log(
    table(
      ['input', 'wall', 'Wizer', 'share', 'floor', 'cpu', 'Wizer', 'peak', 'Wizer', 'share', 'floor'],
      rows.map((row) => {
        const { input, ours, wizer } = row;
        const [wall, memory] = input.floor;
        const times = [of(ours, 'wall'), of(wizer, 'wall'), share(row, 'wall'), wall];
        const cpu = [of(ours, 'cpu'), of(wizer, 'cpu')];
        return [
          input.name,
          ...times,
          ...cpu,
          of(ours, 'peak'),
          of(wizer, 'peak'),
          share(row, 'peak'),
          memory,
        ];
      }),
      2,
    ),
  );
  console.log('\nWhat comes out: bytes, data segments, milliseconds to instantiate.\n');
  const both = (row: Row, key: keyof Output, digits: number): readonly string[] =>
    [row.ours, row.wizer].map((side) => side?.output[key]?.toFixed(digits) ?? '-');
  console.log(
    table(
      ['input', 'bytes', 'Wizer', 'segments', 'Wizer', 'Node', 'Wizer', 'wasmtime', 'Wizer'],
      rows.map((row) => [
        row.input.name,
        ...both(row, 'bytes', 0),
        ...both(row, 'segments', 0),
        ...both(row, 'node', 2),
        ...both(row, 'wasmtime', 2),
      ]),
    ),
  );
  printScan();
  if (NATIVE === undefined) console.log('\nnot at hand: native Wizer (node scripts/engines.mjs --wizer)');
  for (const line of absent) console.log(`\nnot at hand: ${line}`);
}
