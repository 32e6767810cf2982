/**
 * Snapshots, paired with native Wizer: the same inputs, the same options, whole processes in turns.
 *
 *     npm run bench:snapshot -- [--runs N] [--only NAME] [--engines] [--json FILE]
 *
 * --engines also measures how long the outputs take to instantiate on wasmtime, which compiles them first.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
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

const OURS = [path.join(root, 'bin/freeze-wizer')];

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    engines: { type: 'boolean', default: false },
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
  return {
    input,
    ours: { costs: ours, output: lookAt(outputs[0], values.engines) },
    wizer: NATIVE === undefined ? undefined : { costs: wizer, output: lookAt(outputs[1], values.engines) },
  };
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
  if (NATIVE === undefined) console.log('\nnot at hand: native Wizer (node scripts/engines.mjs --wizer)');
  for (const line of absent) console.log(`\nnot at hand: ${line}`);
}
