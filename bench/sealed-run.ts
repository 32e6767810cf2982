/**
 * What bench:sealed measures in one Node: every program interpreted, live, sealed and in C, and cold
 * starts. Arguments: runs, a part of the programs' names. JSON on standard output.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Cold, coldStart } from './cold.ts';
import { benchPrograms, root } from './programs.ts';
import { threeWays } from './three-ways.ts';

export interface SealedRow {
  readonly program: string;
  readonly interpreted: readonly number[];
  readonly live: readonly number[];
  readonly sealed: readonly number[];
  /** The same algorithm in C. */
  readonly c: readonly number[];
  /** Milliseconds of the build's sealing, and bytes of the generated code before and after. */
  readonly sealMs: number;
  readonly before: number;
  readonly after: number;
  readonly size: number;
}

export interface SealedRun {
  readonly rows: readonly SealedRow[];
  readonly cold: Cold | undefined;
}

/** What C is called for a program: fib 30 is fib. */
export function nameInC(program: string): string {
  return program.split(' ')[0] ?? program;
}

export const C_MODULE: string = path.join(root, 'bench/c/c.wasm');

async function main(runs: number, only: string): Promise<SealedRun> {
  const compiled = new WebAssembly.Module(readFileSync(C_MODULE));
  const c = new WebAssembly.Instance(compiled).exports as Record<string, () => number>;
  const rows: SealedRow[] = [];
  for (const bench of benchPrograms().filter((one) => `${one.guest} ${one.name}`.includes(only))) {
    const inC = c[nameInC(bench.name)] as () => number;
    const ways = await threeWays(bench, runs, {}, { c: inC });
    // The last number that the Scheme program prints is what the C program gives.
    const printed = ways.output.trim().split(/\s+/).at(-1);
    if (bench.guest === 'scheme' && printed !== String(inC()))
      throw new Error(`${bench.name}: C computes ${inC()}, Scheme ${printed}`);
    const { optimized } = ways.report.sealed ?? {};
    rows.push({
      program: `${bench.guest}: ${bench.name}`,
      interpreted: ways.interpreted,
      live: ways.live,
      sealed: ways.frozen,
      c: ways.beside['c'] ?? [],
      sealMs: ways.report.passes.find(({ pass }) => pass === 'seal')?.ms ?? Number.NaN,
      before: optimized?.before ?? 0,
      after: optimized?.after ?? 0,
      size: ways.bytes.length,
    });
  }
  return { rows, cold: only === '' || 'cold'.includes(only) ? await coldStart(runs) : undefined };
}

if (process.argv[1]?.endsWith('sealed-run.js') === true) {
  const [runs = '5', only = ''] = process.argv.slice(2);
  console.log(JSON.stringify(await main(Number(runs), only)));
}
