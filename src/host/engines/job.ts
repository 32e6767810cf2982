// What is asked of an engine and what it answers: the public types, and the JSON that crosses to the
// engine's process (`Job` there, `Outcome` back). All engines read the same job, so they agree on what
// a run is:
//
//     compile, instantiate, `_initialize` if there is one, then the calls in order, in one instance
//     or, for '_start': compile, instantiate, `_start`
import { readFileSync } from 'node:fs';
import { type Adapter, adapterFor } from './adapter.ts';
import { trapKind } from './trap.ts';

export interface Invocation {
  readonly name: string;
  /** For f32, f64 and v128 a bigint is the exact bits, a number the value. */
  readonly args?: readonly (number | bigint)[];
  /** Calls made before the measured ones; they leave no result. */
  readonly warm?: number;
  /** Measured calls, each with its result and its time. */
  readonly repeat?: number;
}

export interface RunOptions {
  /** `'_start'` when left out. */
  readonly invoke?: readonly Invocation[] | '_start';
  readonly stdin?: string | Uint8Array;
  /** The first one is the program's name; just that when left out. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A trap is then the result of its call, `['trap: unreachable']`, and the next call follows. */
  readonly keepGoing?: boolean;
  readonly timeoutMs?: number;
  /** Where it may put files while it runs; one of its own, if none is named. */
  readonly folder?: string;
}

export interface RunResult {
  readonly stdout: string;
  readonly stderr: string;
  /** 134 after a trap, as the wasmtime command has it. */
  readonly exitCode: number;
  /** What ended the run, in the words that all engines share: see `trap.ts`. */
  readonly trap?: string;
  /** The same in the engine's own words. */
  readonly trapMessage?: string;
  /** A row for each measured call: i32 and i64 in decimal, f32, f64 and v128 as the bits in hex. */
  readonly results: readonly (readonly string[])[];
  /** Milliseconds for each measured call, measured beside it, the one that trapped included. */
  readonly times: readonly number[];
  readonly compileMs: number;
  readonly instantiateMs: number;
  /** 0 when there was no `_initialize` to call. */
  readonly initializeMs: number;
}

export interface Engine {
  /** Short and stable: node20, node24, wasmtime49, chromium156. */
  readonly name: string;
  readonly version: string;
  run(wasmPath: string, options?: RunOptions): Promise<RunResult>;
  /** Ends what is running, and what the engine keeps between runs; it starts again by itself when needed. */
  close(): Promise<void>;
}

/** An engine refused the module, crashed, or ran out of time. A trap is a result, not this. */
export class EngineError extends Error {
  override name = 'EngineError';
  /** Whether the engine will not have the module at all; otherwise the run ended in a way that it must not. */
  readonly refused: boolean;

  constructor(message: string, refused = false) {
    super(message);
    this.refused = refused;
  }
}

export interface Call {
  readonly name: string;
  /** A number is an i32, a string an i64. */
  readonly args: readonly (number | string)[];
  readonly warm: number;
  readonly repeat: number;
}

export interface Job {
  /** Where the engine reads the module: a path, or an address for a page. */
  readonly module: string;
  /** In base64. */
  readonly adapter: string;
  readonly start: boolean;
  readonly calls: readonly Call[];
  readonly keepGoing: boolean;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Outcome {
  readonly refused?: string;
  readonly trap?: string;
  readonly exitCode: number;
  readonly results: readonly (readonly string[] | { readonly trap: string })[];
  readonly times: readonly number[];
  readonly compileMs?: number;
  readonly instantiateMs?: number;
  readonly initializeMs?: number;
}

/** A job and what is needed to read its outcome. */
export interface Prepared {
  readonly job: Job;
  readonly adapter: Adapter;
}

/** Enough for a 10 MB module on a busy two-core machine, where Cranelift alone takes 20 s. */
export const DEFAULT_TIMEOUT_MS = 120_000;
const TRAP_EXIT_CODE = 134;

export function prepare(wasmPath: string, options: RunOptions): Prepared {
  const { invoke = '_start', args = ['module.wasm'], env = {}, keepGoing = false } = options;
  const start = invoke === '_start';
  const invocations = start ? [] : invoke;
  const adapter = adapterFor(readFileSync(wasmPath), start ? ['_start'] : invocations.map((one) => one.name));
  const calls = invocations.map((one) => ({
    name: one.name,
    args: adapter.lower(one.name, one.args ?? []),
    warm: one.warm ?? 0,
    repeat: one.repeat ?? 1,
  }));
  const base64 = Buffer.from(adapter.bytes).toString('base64');
  const job = { module: wasmPath, adapter: base64, start, calls, keepGoing, args, env };
  return { job, adapter };
}

export function resultOf(
  engine: string,
  prepared: Prepared,
  outcome: Outcome,
  stdout: Uint8Array,
  stderr: Uint8Array,
): RunResult {
  if (outcome.refused !== undefined) throw new EngineError(`${engine}: ${outcome.refused}`, true);
  const names = measuredNames(prepared.job);
  const results = outcome.results.map((row, i) =>
    'trap' in row ? [`trap: ${trapKind(row.trap)}`] : prepared.adapter.lift(names[i] ?? '', row),
  );
  const { trap } = outcome;
  return {
    stdout: Buffer.from(stdout).toString(),
    stderr: Buffer.from(stderr).toString(),
    exitCode: trap === undefined ? outcome.exitCode : TRAP_EXIT_CODE,
    ...(trap === undefined ? {} : { trap: trapKind(trap), trapMessage: trap }),
    results,
    times: outcome.times,
    compileMs: outcome.compileMs ?? 0,
    instantiateMs: outcome.instantiateMs ?? 0,
    initializeMs: outcome.initializeMs ?? 0,
  };
}

function measuredNames(job: Job): readonly string[] {
  if (job.start) return ['_start'];
  return job.calls.flatMap((call) => Array.from({ length: call.repeat }, () => call.name));
}
