/**
 * `freeze bench`: a module, or two of them side by side, on each engine. Cold start is a new process
 * that compiles, instantiates, initializes and makes the call once; steady state is the same call again
 * and again in one. The modules take turns, so that a slower moment of the machine meets both.
 */
import type { Engine, Invocation, RunOptions, RunResult } from './host/engines/job.ts';
import { median, pairedRatio } from './statistics.ts';

export const BENCH_SCHEMA = 1;

export interface BenchOptions {
  /** Paths, one or two. */
  readonly modules: readonly string[];
  /** What is called; a command is run as one, and has no steady state. */
  readonly call: Pick<Invocation, 'name' | 'args'> | '_start';
  readonly engines: readonly Engine[];
  /** Processes of each kind; the median of these counts. */
  readonly runs: number;
  /** Calls in one process before the measured ones, and the measured ones. */
  readonly warm: number;
  readonly repeat: number;
  readonly stdin?: Uint8Array;
  readonly args?: readonly string[];
  readonly onTurn?: (engine: string, turn: number) => void;
}

/** Milliseconds: the median, and the least and the most. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface ModuleTimes {
  readonly module: string;
  /** Compilation, instantiation, `_initialize` and the first call. */
  readonly cold: Spread;
  /** One of the calls that come after the warm ones; undefined for a command. */
  readonly steady: Spread | undefined;
}

export interface EngineTimes {
  readonly engine: string;
  readonly version: string;
  readonly modules: readonly ModuleTimes[];
  /** The first module's time by the second one's, pair by pair; absent where there is one module. */
  readonly cold?: number;
  readonly steady?: number;
}

export interface BenchReport {
  readonly schema: typeof BENCH_SCHEMA;
  readonly call: string;
  readonly runs: number;
  readonly engines: readonly EngineTimes[];
}

/** Throws an EngineError where a module does not run, and an Error where it traps or exits with a failure. */
export async function bench(options: BenchOptions): Promise<BenchReport> {
  const engines: EngineTimes[] = [];
  for (const engine of options.engines) engines.push(await onEngine(engine, options));
  const call =
    options.call === '_start' ? '_start' : `${options.call.name}(${(options.call.args ?? []).join(', ')})`;
  return { schema: BENCH_SCHEMA, call, runs: options.runs, engines };
}

async function onEngine(engine: Engine, options: BenchOptions): Promise<EngineTimes> {
  const { runs, onTurn } = options;
  const sides = options.modules.map((module): MeasuredSide => {
    const turn = async (): Promise<Turn> => {
      const first = await ran(engine, module, options, 0, 1);
      const cold = first.compileMs + first.instantiateMs + first.initializeMs + (first.times[0] ?? 0);
      if (options.call === '_start') return { cold };
      const { times } = await ran(engine, module, options, options.warm, options.repeat);
      return { cold, steady: median(times) };
    };
    return { module, turn };
  });
  const times = await takeTurns(sides, runs, (turn) => onTurn?.(engine.name, turn));
  return { engine: engine.name, version: engine.version, ...times };
}

/** Milliseconds of one turn. */
export interface Turn {
  readonly cold: number;
  /** Undefined where there is no second call. */
  readonly steady?: number;
}

export interface MeasuredSide {
  readonly module: string;
  readonly turn: () => Promise<Turn>;
}

/** What all have measured, turn by turn: a slower moment of the machine meets them all. */
export async function takeTurns(
  sides: readonly MeasuredSide[],
  runs: number,
  onTurn: (turn: number) => void,
): Promise<Pick<EngineTimes, 'modules' | 'cold' | 'steady'>> {
  const turns = sides.map((): Turn[] => []);
  for (let turn = 1; turn <= runs; turn++) {
    onTurn(turn);
    for (const [i, side] of sides.entries()) turns[i]?.push(await side.turn());
  }
  const cold = turns.map((all) => all.map((turn) => turn.cold));
  const steady = turns.map((all) => all.flatMap((turn) => (turn.steady === undefined ? [] : [turn.steady])));
  const ratio = ([one = [], other = []]: readonly (readonly number[])[]): number | undefined =>
    sides.length < 2 || one.length === 0 ? undefined : pairedRatio(one, other);
  const [coldRatio, steadyRatio] = [ratio(cold), ratio(steady)];
  return {
    modules: sides.map(({ module }, i) => ({
      module,
      cold: spread(cold[i] ?? []),
      steady: steady[i]?.length === 0 ? undefined : spread(steady[i] ?? []),
    })),
    ...(coldRatio === undefined ? {} : { cold: coldRatio }),
    ...(steadyRatio === undefined ? {} : { steady: steadyRatio }),
  };
}

async function ran(
  engine: Engine,
  module: string,
  { call, stdin, args }: BenchOptions,
  warm: number,
  repeat: number,
): Promise<RunResult> {
  const given: RunOptions = {
    invoke: call === '_start' ? '_start' : [{ ...call, warm, repeat }],
    ...(stdin === undefined ? {} : { stdin }),
    ...(args === undefined ? {} : { args }),
  };
  const result = await engine.run(module, given);
  if (result.trap !== undefined)
    throw new Error(`${module} on ${engine.name}: ${result.trapMessage ?? result.trap}`);
  if (result.exitCode !== 0)
    throw new Error(
      `${module} on ${engine.name}: it exited with ${result.exitCode}${firstLine(result.stderr)}`,
    );
  return result;
}

function firstLine(text: string): string {
  const [line = ''] = text.trim().split('\n');
  return line === '' ? '' : `: ${line}`;
}

function spread(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) };
}
