/**
 * What sealing costs a build, and what the module weighs then. Builds are processes of their own, since
 * that is how they are made, and take turns: open, sealed without the optimizer, sealed with it.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cell, table } from '../src/report/table.ts';
import { median, pairedRatio } from '../src/statistics.ts';
import { realModules } from '../test/real/modules.ts';
import { benchPrograms } from './programs.ts';
import type { Built, How } from './seal-once.ts';
import { recordComponentize } from './snapshot/componentize.ts';

const HEAD = [
  'build',
  'ms CPU: open',
  'none',
  'fast',
  'ms wall: none',
  'fast',
  'CPU: none/open',
  'fast/none',
  'kB open',
  'kB sealed',
  'sealed/open',
];

function build(name: string, how: How, folder: string): Built {
  const script = fileURLToPath(new URL('seal-once.js', import.meta.url));
  const out = execFileSync(process.execPath, [script, name, how, folder], { maxBuffer: 1 << 26 });
  return JSON.parse(out.toString().trim().split('\n').at(-1) ?? '') as Built;
}

function row(name: string, sealed: readonly How[], folder: string, runs: number): readonly Cell[][] {
  const hows: readonly How[] = ['open', 'none', ...sealed];
  const built = new Map<How, Built[]>(hows.map((how) => [how, []]));
  for (let run = 0; run < runs; run++) {
    for (const [how, all] of built) all.push(build(name, how, folder));
  }
  const of = (how: How, key: keyof Built): readonly number[] => (built.get(how) ?? []).map((one) => one[key]);
  return sealed.map((how): Cell[] => [
    how === 'api' ? `${name}, four exports` : name,
    median(of('open', 'cpu')),
    median(of('none', 'cpu')),
    median(of(how, 'cpu')),
    median(of('none', 'wall')),
    median(of(how, 'wall')),
    pairedRatio(of('none', 'cpu'), of('open', 'cpu')),
    pairedRatio(of(how, 'cpu'), of('none', 'cpu')),
    median(of('open', 'size')) / 1000,
    median(of(how, 'size')) / 1000,
    median(of(how, 'size')) / median(of('open', 'size')),
  ]);
}

/** A table of the builds at hand whose name has `only` in it, where there is one. */
export async function sealCost(runs: number, only: string): Promise<string | undefined> {
  const folder = mkdtempSync(path.join(tmpdir(), 'freeze-seal-'));
  try {
    const recorded = await recordComponentize(path.join(folder, 'componentize'));
    const jits = benchPrograms().flatMap(({ guest, name }) => (name === 'fib 30' ? [guest] : []));
    const builds: readonly (readonly [string, readonly How[]])[] = [
      ...jits.map((guest) => [guest, ['fast']] as const),
      ['scheme', ['fast']],
      ...(realModules().some(({ name }) => name === 'quickjs')
        ? [['quickjs', ['fast', 'api']] as const]
        : []),
      ...(recorded === undefined ? [] : [['starlingmonkey', ['fast']] as const]),
    ];
    const rows = builds
      .filter(([name]) => name.includes(only) || only === 'cost')
      .flatMap(([name, hows]) => row(name, hows, path.join(folder, 'componentize'), runs));
    return rows.length === 0 ? undefined : table(HEAD, rows, 2);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
