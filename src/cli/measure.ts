/**
 * `--measure`: how long the guest and the frozen module take from bytes to their first result, and for
 * every one after. Each turn is a process of its own (measure-job.ts), and the two take turns, as those of
 * `freeze bench` do. What cannot be measured is a warning: the build is as good as without.
 */
import { fork } from 'node:child_process';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type MeasuredSide, type Turn, takeTurns } from '../bench.ts';
import { notMeasured } from '../errors/warning.ts';
import type { Frozen } from '../freeze.ts';
import type { FreezeOptions } from '../options.ts';
import type { Report } from '../report/report.ts';
import { median } from '../statistics.ts';
import { exportNamed } from '../wasm/module.ts';
import { parse } from '../wasm/parse.ts';
import type { CallWorkload, Workload } from '../workloads.ts';
import type { Io } from './io.ts';
import type { Answer, Common, Job } from './measure-job.ts';
import type { HostText } from './options.ts';

/** As `freeze bench` does unless told otherwise. */
const RUNS = 5;
const WARM = 3;
const REPEAT = 10;
/** Milliseconds of calls that are enough: a slow program says as much in fewer. */
const ENOUGH = 1000;

export interface Measuring {
  readonly guest: string;
  readonly bytes: Uint8Array;
  readonly frozen: Frozen;
  /** Of the build: what it is fed, and by which protocol. */
  readonly options: Pick<
    FreezeOptions,
    'loads' | 'warmups' | 'entries' | 'command' | 'protocol' | 'stubs' | 'importState'
  >;
  readonly driven: boolean;
  readonly host: HostText;
  /** Seconds that one turn may take; 0 is without end. */
  readonly timeout: number;
  readonly onTurn: (turn: string) => void;
}

/** The report with what was measured, or with the warning that says why it was not. */
export async function measured(measuring: Measuring, io: Io): Promise<Report> {
  const { report } = measuring.frozen;
  try {
    return { ...report, measured: await measure(measuring, io) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { ...report, warnings: [...report.warnings, notMeasured(why)] };
  }
}

async function measure(measuring: Measuring, io: Io): Promise<NonNullable<Report['measured']>> {
  const { frozen, options, host, driven, onTurn } = measuring;
  const called = calledOf(frozen.bytes, options);
  const common: Common = {
    bytes: frozen.bytes,
    // Nothing is kept of what runs now: it may draw what it likes.
    host: { ...host, random: host.random.kind === 'denied' ? { kind: 'system' } : host.random },
    stdin: host.stdin === '-' ? io.readStdin() : new Uint8Array(0),
    program: basename(measuring.guest),
    warm: WARM,
    repeat: REPEAT,
    enough: ENOUGH,
  };
  const { name, workload } = called;
  const call: CallWorkload = workload.kind === 'call' && name === workload.export ? workload : callOf(name);
  const sides: MeasuredSide[] = [
    { module: 'frozen', turn: () => turn({ ...common, side: 'frozen', call }, measuring, io) },
  ];
  // A driver brings its guest up with JavaScript of its own, which is no part of either.
  if (!driven) {
    const { loads = [], protocol, stubs = [], importState } = options;
    const more = {
      side: 'guest',
      bytes: measuring.bytes,
      loads,
      workload,
      protocol,
      stubs,
      importState,
    } as const;
    sides.unshift({ module: 'guest', turn: () => turn({ ...common, ...more }, measuring, io) });
  }
  const engine = `node${io.nodeVersion.replace(/^v(\d+).*/, '$1')}`;
  const times = await takeTurns(sides, RUNS, (nth) => onTurn(`measure on ${engine}, turn ${nth} of ${RUNS}`));
  return { call: name, engine, version: io.nodeVersion, runs: RUNS, ...times };
}

/** The command, else the first entry, else the first warm-up that is a call of what the output exports. */
function calledOf(
  bytes: Uint8Array,
  { command, entries = [], warmups = [] }: Measuring['options'],
): { readonly name: string; readonly workload: Workload } {
  const entry = entries.find(({ name }) => name === command) ?? entries[0];
  if (entry !== undefined) return entry;
  const module = parse(bytes);
  for (const workload of warmups) {
    if (workload.kind === 'call' && exportNamed(module, workload.export, 'func') !== undefined)
      return { name: workload.export, workload };
  }
  throw new Error('there is no --entry to call, and no --warmup is a call of an export');
}

function callOf(name: string): CallWorkload {
  return { kind: 'call', export: name, args: [] };
}

async function turn(job: Job, { timeout }: Measuring, io: Io): Promise<Turn> {
  const child = fork(fileURLToPath(new URL('./measure-job.js', import.meta.url)), [], {
    execPath: io.self.node,
    execArgv: ['--no-warnings'],
    // Bytes and large integers go as they are.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    ...(timeout === 0 ? {} : { timeout: timeout * 1000, killSignal: 'SIGKILL' }),
  });
  const ended = new Promise<Answer>((resolve, reject) => {
    child.once('message', (answer: Answer) => resolve(answer));
    child.once('error', reject);
    child.once('close', (_code, signal) =>
      resolve({
        error: signal === 'SIGKILL' ? `a turn did not end in ${timeout} s` : 'its process ended early',
      }),
    );
  });
  child.send(job);
  const answer = await io.guarded(
    () => child.kill('SIGKILL'),
    () => ended,
  );
  if ('error' in answer) throw new Error(`${job.side}: ${answer.error}`);
  return { cold: answer.cold, steady: median(answer.times) };
}
