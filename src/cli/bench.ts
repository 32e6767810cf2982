/** `freeze bench`: times of a module, or of two side by side, on each engine at hand. */
import { basename } from 'node:path';
import { type BenchReport, bench, type Spread } from '../bench.ts';
import { benchFailed } from '../errors/guest.ts';
import { badCommandLine, badOption } from '../errors/usage.ts';
import { plainEnvironment } from '../host/engines/find.ts';
import { nodeEngine } from '../host/engines/process.ts';
import { benchBars } from '../report/page/bars.ts';
import { table } from '../report/table.ts';
import { exportNamed } from '../wasm/module.ts';
import { parse } from '../wasm/parse.ts';
import { exportCall } from '../workloads.ts';
import type { Parsed } from './commands.ts';
import { enginesOf, findEngines } from './engines.ts';
import { readInput, readModule } from './input.ts';
import type { Io } from './io.ts';
import { flag, invokeOf, many, one } from './options.ts';
import { machineDisk, targetOf, writeOutputs } from './output.ts';
import { Terminal } from './terminal.ts';

const DEFAULT_RUNS = 5;
const DEFAULT_WARM = 3;
const DEFAULT_REPEAT = 10;

export async function benchCommand(parsed: Parsed, io: Io): Promise<number> {
  const modules = parsed.words;
  if (modules.includes('-')) throw badCommandLine('bench runs files: other processes read them');
  const counts = {
    runs: countOf(parsed, 'runs', DEFAULT_RUNS),
    warm: countOf(parsed, 'warm', DEFAULT_WARM),
    repeat: countOf(parsed, 'repeat', DEFAULT_REPEAT),
  };
  const wanted = enginesOf(one(parsed, 'engines'));
  const svg = one(parsed, 'svg');
  const call = await callFor(parsed, io);
  const stdin = one(parsed, 'stdin');
  const others = await findEngines(
    wanted === undefined ? undefined : wanted.filter((name) => !isThis(name, io)),
    io,
  );
  const here = nodeEngine(io.self.node, io.nodeVersion, plainEnvironment(io.env));
  const engines =
    wanted === undefined || wanted.some((name) => isThis(name, io)) ? [here, ...others] : others;
  if (engines.length === 0)
    throw badOption('--engines', 'none', 'bench needs one; all and names like node24 do');
  const terminal = new Terminal(io.err, { level: 'info', interactive: io.interactive, log: false });
  const report = await bench({
    ...counts,
    modules,
    call,
    engines,
    args: [basename(parsed.file), ...many(parsed, 'arg')],
    ...(stdin === undefined ? {} : { stdin: readInput(stdin, io.readStdin) }),
    onTurn: (engine, turn) =>
      terminal.progress({ kind: 'pass', pass: `${engine}, turn ${turn} of ${counts.runs}` }),
  })
    .catch((error: unknown) => {
      throw benchFailed(error instanceof Error ? error.message : String(error));
    })
    .finally(() => terminal.finish());
  if (svg !== undefined) {
    const output = { target: targetOf(svg), bytes: new TextEncoder().encode(benchBars(report)) };
    await writeOutputs([output], io.out.write, machineDisk(new Set()));
  }
  io.out.write(flag(parsed, 'json') ? `${JSON.stringify(report, undefined, 2)}\n` : `${textOf(report)}\n`);
  return 0;
}

function isThis(name: string, { nodeVersion }: Io): boolean {
  return `node${nodeVersion.replace(/^v(\d+).*/, '$1')}`.startsWith(name);
}

/** Both modules must have it, with parameters that fit. */
async function callFor(
  parsed: Parsed,
  io: Io,
): Promise<'_start' | { name: string; args: readonly (number | bigint)[] }> {
  const text = one(parsed, 'call');
  const workload = text === undefined ? undefined : invokeOf(text, '--call');
  let args: readonly (number | bigint)[] = [];
  for (const path of parsed.words) {
    const module = parse(await readModule(path, io.readStdin));
    if (workload !== undefined)
      ({ args } = exportCall(module, workload) as { args: readonly (number | bigint)[] });
    else if (exportNamed(module, '_start', 'func') === undefined)
      throw badCommandLine(`${path} is no command: say what to call`, 'for example --call "main()"');
  }
  return workload === undefined ? '_start' : { name: workload.export, args };
}

function countOf(parsed: Parsed, name: string, otherwise: number): number {
  const text = one(parsed, name);
  if (text === undefined) return otherwise;
  if (!/^\d+$/.test(text) || Number(text) < 1) throw badOption(`--${name}`, text, 'a whole number from 1 on');
  return Number(text);
}

function textOf({ engines, call, runs }: BenchReport): string {
  const rows = engines.flatMap(({ engine, modules, cold, steady }) => [
    ...modules.map((one) => [engine, one.module, shown(one.cold), one.steady && shown(one.steady)]),
    ...(cold === undefined
      ? []
      : [[engine, 'first / second', `${cold.toFixed(2)}x`, steady && `${steady.toFixed(2)}x`]]),
  ]);
  const head = ['engine', 'module', 'cold start', 'steady state'];
  return `${call}, milliseconds: median (least to most) of ${runs} processes that took turns\n\n${table(head, rows)}`;
}

function shown({ median, least, most }: Spread): string {
  return `${median.toFixed(2)} (${least.toFixed(2)} to ${most.toFixed(2)})`;
}
