/**
 * One program three ways in this process: interpreted, live-linked, frozen. They take turns, so that
 * a slower moment of the machine meets all three.
 */
import { freeze } from '../src/freeze.ts';
import { Guest, type HostFactory } from '../src/host/guest.ts';
import { createWasi } from '../src/host/wasi/wasi.ts';
import { DEFAULT_LIMITS, type FreezeOptions } from '../src/options.ts';
import { protocolFor } from '../src/protocols/detect.ts';
import type { Report } from '../src/report/report.ts';
import { stubbedImports } from '../src/stubs.ts';
import { parse } from '../src/wasm/parse.ts';
import type { BenchProgram } from './programs.ts';

export interface ThreeWays {
  /** Milliseconds of each run; the runs of one index followed each other. */
  readonly interpreted: readonly number[];
  readonly live: readonly number[];
  readonly frozen: readonly number[];
  /** What was timed beside them, by name. */
  readonly beside: Readonly<Record<string, readonly number[]>>;
  readonly report: Report;
  readonly bytes: Uint8Array;
  /** What one run prints, the same all three ways. */
  readonly output: string;
}

class Output {
  text = '';
  readonly host: HostFactory = (compiled) =>
    createWasi(
      {
        random: { kind: 'system' },
        stdout: (chunk) => {
          this.text += Buffer.from(chunk).toString();
        },
      },
      compiled,
    );

  take(): string {
    const { text } = this;
    this.text = '';
    return text;
  }
}

interface Way {
  readonly run: () => void;
  readonly output: Output;
}

async function startGuest(bench: BenchProgram, output: Output): Promise<Guest> {
  const module = parse(bench.wasm);
  const guest = await Guest.start({
    module,
    host: output.host,
    stubs: stubbedImports(module, bench.stubs),
    limits: DEFAULT_LIMITS,
    skipBadModules: false,
  });
  if (guest.has('_initialize')) guest.call('_initialize', [], 'in _initialize');
  return guest;
}

async function interpretedWay(bench: BenchProgram): Promise<Way> {
  const output = new Output();
  const guest = await startGuest(bench, output);
  const protocol = protocolFor(guest, undefined);
  for (const call of bench.interpretOnly) guest.call(call.export, call.args, 'before the run');
  const call = protocol.load(guest, bench.program);
  return {
    output,
    run: () => {
      protocol.run(guest, call);
    },
  };
}

async function liveWay(bench: BenchProgram): Promise<Way> {
  const output = new Output();
  const guest = await startGuest(bench, output);
  const protocol = protocolFor(guest, undefined);
  const call = protocol.load(guest, bench.program);
  for (let linked = 1; linked > 0; ) {
    protocol.run(guest, call);
    linked = protocol.collect(guest);
  }
  return {
    output,
    run: () => {
      protocol.run(guest, call);
    },
  };
}

async function frozenWay(
  bench: BenchProgram,
  options: FreezeOptions,
): Promise<Way & { report: Report; bytes: Uint8Array }> {
  const workload = { kind: 'program', ...bench.program } as const;
  const { bytes, report } = await freeze(bench.wasm, {
    warmups: [workload],
    entries: [{ name: 'bench', workload }],
    stubs: bench.stubs,
    ...options,
  });
  const output = new Output();
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await output.host(compiled);
  const instance = await WebAssembly.instantiate(compiled, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  return { output, report, bytes, run: instance.exports['bench'] as () => void };
}

/** `runs` timed turns after two that are not counted. What is `beside` takes its turn with the three ways. */
export async function threeWays(
  bench: BenchProgram,
  runs: number,
  options: FreezeOptions = {},
  beside: Readonly<Record<string, () => void>> = {},
): Promise<ThreeWays> {
  const frozen = await frozenWay(bench, options);
  const besideTimes = Object.fromEntries(Object.keys(beside).map((name) => [name, [] as number[]]));
  const ways = { interpreted: await interpretedWay(bench), live: await liveWay(bench), frozen };
  const times = { interpreted: [] as number[], live: [] as number[], frozen: [] as number[] };
  const outputs = new Set<string>();
  for (let turn = -2; turn < runs; turn++) {
    for (const key of ['interpreted', 'live', 'frozen'] as const) {
      ways[key].output.take();
      const start = performance.now();
      ways[key].run();
      const ms = performance.now() - start;
      outputs.add(ways[key].output.take());
      if (turn >= 0) times[key].push(ms);
    }
    for (const [name, run] of Object.entries(beside)) {
      const start = performance.now();
      run();
      const ms = performance.now() - start;
      if (turn >= 0) besideTimes[name]?.push(ms);
    }
  }
  const [output = '', ...others] = outputs;
  if (others.length > 0)
    throw new Error(`${bench.guest} ${bench.name}: outputs differ: ${[output, ...others].join(' | ')}`);
  return { ...times, beside: besideTimes, report: frozen.report, bytes: frozen.bytes, output };
}
