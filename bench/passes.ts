/**
 * node dist/bench/passes.js [--turns N] [--only NAME,NAME] [--json FILE]
 *
 * Which passes pay on which engine: each program is built as the default does it, with each part of
 * that taken away or driven further, and with nothing but linking. All builds of a program take turns
 * on each engine at hand, in processes of their own; an engine's column says how many times as fast as
 * direct calls alone they are, the geometric mean over the programs. Of all calls the fastest counts:
 * what a program computes takes the same work each time, and a busy machine only adds to it.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { freeze } from '../src/freeze.ts';
import type { FreezeOptions } from '../src/options.ts';
import { type Cell, table } from '../src/report/table.ts';
import { RECIPES, type Recipe } from '../src/seal/optimize.ts';
import { geometricMean, median } from '../src/statistics.ts';
import { closeEngines, type Engine, enginesAtHand } from '../test/engines/engines.ts';
import { type BenchProgram, benchPrograms } from './programs.ts';

const { fast } = RECIPES;
const NOT = { depth: 0, own: 0, size: 0 };
const { generated, helper } = fast.inline;
const withInline = (inline: Partial<Recipe['inline']>): FreezeOptions => ({
  recipe: { ...fast, inline: { ...fast.inline, ...inline } },
});

/** What all others are measured by. */
const BASE = 'direct calls alone (none)';

const VARIANTS: Readonly<Record<string, FreezeOptions>> = {
  'linked, not sealed (--open)': { open: true },
  [BASE]: { optimize: 'none' },
  'and clean-up, nothing inlined': withInline({ generated: NOT, helper: NOT }),
  'and helpers inlined': withInline({ generated: NOT }),
  'and generated code in itself': withInline({ helper: NOT }),
  'both (fast)': {},
  'fast without guards': { recipe: { ...fast, guards: false } },
  'fast, helpers two deep': withInline({ helper: { ...helper, depth: 2, size: 4 * helper.size } }),
  'fast, generated code two deep': {
    recipe: {
      ...fast,
      inline: { ...fast.inline, generated: { ...generated, depth: 2, size: 4 * generated.size } },
      growth: 64,
    },
  },
  'fast, Binaryen at -O2': { recipe: { ...fast, optimizeLevel: 2 } },
  'fast, Binaryen at -O4': { recipe: { ...fast, optimizeLevel: 4 } },
  max: { optimize: 'max' },
};

/** Enough for an engine's optimizing compiler to have come. */
const WARM = 8;
const REPEAT = 12;

interface Built {
  readonly variant: string;
  readonly file: string;
  /** Bytes of the generated code, where it is known, and milliseconds of sealing. */
  readonly bytes: number | undefined;
  readonly ms: number;
}

async function build(bench: BenchProgram, folder: string): Promise<readonly Built[]> {
  const workload = { kind: 'program', ...bench.program } as const;
  const built: Built[] = [];
  // Binaryen is loaded, and its own code compiled, before anything is timed.
  await freeze(bench.wasm, { warmups: [workload], stubs: bench.stubs });
  for (const [variant, options] of Object.entries(VARIANTS)) {
    const { bytes, report } = await freeze(bench.wasm, {
      warmups: [workload],
      entries: [{ name: 'bench', workload }],
      stubs: bench.stubs,
      ...options,
    });
    const file = path.join(folder, `${bench.guest}-${bench.name}-${built.length}.wasm`);
    writeFileSync(file, bytes);
    built.push({
      variant,
      file,
      bytes: report.sealed?.optimized?.after,
      ms: report.passes.find(({ pass }) => pass === 'seal')?.ms ?? 0,
    });
  }
  return built;
}

/** Milliseconds of the fastest call of each build. */
async function times(engine: Engine, built: readonly Built[], turns: number): Promise<readonly number[]> {
  const least = built.map(() => Number.POSITIVE_INFINITY);
  for (let turn = 0; turn < turns; turn++) {
    for (const [i, { file }] of built.entries()) {
      const run = await engine.run(file, { invoke: [{ name: 'bench', warm: WARM, repeat: REPEAT }] });
      least[i] = Math.min(least[i] ?? Number.NaN, ...run.times);
    }
  }
  return least;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      turns: { type: 'string', default: '3' },
      only: { type: 'string', default: '' },
      json: { type: 'string' },
    },
  });
  const turns = Math.max(1, Number(values.turns));
  const only = values.only.split(',');
  const programs = benchPrograms().filter(({ guest, name }) =>
    only.some((part) => `${guest}: ${name}`.includes(part)),
  );
  const engines = (await enginesAtHand()).filter(({ name }) => !name.startsWith('chromium'));
  const folder = mkdtempSync(path.join(tmpdir(), 'freeze-passes-'));
  const variants = Object.keys(VARIANTS);
  const base = variants.indexOf(BASE);
  const rows: { program: string; engine: string; faster: readonly number[] }[] = [];
  const sizes: { program: string; built: readonly Built[] }[] = [];
  try {
    for (const bench of programs) {
      const program = `${bench.guest}: ${bench.name}`;
      const built = await build(bench, folder);
      sizes.push({ program, built });
      for (const engine of engines) {
        process.stderr.write(`${program} on ${engine.name}\n`);
        const all = await times(engine, built, turns);
        const faster = all.map((own) => (all[base] ?? Number.NaN) / own);
        rows.push({ program, engine: engine.name, faster });
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
    await closeEngines();
  }
  const mean = (engine: string, i: number): number =>
    geometricMean(rows.filter((row) => row.engine === engine).map(({ faster }) => faster[i] ?? Number.NaN));
  const cells = variants.map((variant, i): readonly Cell[] => [
    variant,
    ...engines.map(({ name }) => mean(name, i)),
    kilobytes(sizes.map(({ built }) => built[i]?.bytes)),
    median(sizes.map(({ built }) => built[i]?.ms ?? Number.NaN)),
  ]);
  console.log(`${programs.length} programs, times as fast as ${BASE}: the higher, the better\n`);
  console.log(table(['built', ...engines.map(({ name }) => name), 'kB of generated code', 'ms'], cells, 2));
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ turns, variants, rows, sizes }, undefined, 2)}\n`);
}

function kilobytes(sizes: readonly (number | undefined)[]): number | undefined {
  const known = sizes.filter((size) => size !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, size) => sum + size, 0) / 1000;
}

await main();
