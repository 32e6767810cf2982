/**
 * `freeze build`: reads the options, the guest and its programs, has the guest frozen, and writes
 * the module and the report.
 */
import { unlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Frozen } from '../freeze.ts';
import type { FreezeOptions } from '../options.ts';
import type { Driver } from '../protocols/driver.ts';
import type { Program } from '../protocols/protocol.ts';
import {
  badCommandLine,
  badOption,
  binaryToTerminal,
  driverThrew,
  GuestError,
  sameFile,
} from '../wasm/errors.ts';
import type { Workload } from '../workloads.ts';
import type { Parsed } from './commands.ts';
import { hostFactory } from './host.ts';
import { readInput, readModule } from './input.ts';
import type { Io } from './io.ts';
import {
  type EntryText,
  entryOf,
  flag,
  type HostText,
  hostOf,
  many,
  one,
  protocolOf,
  roundsOf,
  stubOf,
  type WorkloadText,
  workloadOf,
} from './options.ts';
import { machineDisk, type Output, realPath, type Target, targetOf, writeOutputs } from './output.ts';
import { Terminal } from './terminal.ts';

interface Plan {
  readonly guest: string;
  readonly output: string;
  readonly json: string | undefined;
  readonly loads: readonly string[];
  readonly warmups: readonly WorkloadText[];
  readonly entries: readonly EntryText[];
  readonly command: string | undefined;
  readonly driver: string | undefined;
  readonly host: HostText;
  readonly more: FreezeOptions;
}

export async function build(parsed: Parsed, io: Io): Promise<number> {
  const plan = planOf(parsed);
  checkStreams(plan, io);
  const target = targetOf(plan.output);
  const json = plan.json === undefined ? undefined : targetOf(plan.json);
  checkPaths(plan, target, json);

  // Nothing heavy is loaded before this line: a mistake in the guest's name is told at once.
  const bytes = await readModule(plan.guest, io.readStdin);
  const terminal = new Terminal(io.err, { quiet: flag(parsed, 'quiet'), interactive: io.interactive });
  const frozen = await freezeGuest(plan, bytes, terminal, io);
  const outputs: Output[] = [{ target, bytes: frozen.bytes }];
  if (json !== undefined) outputs.push({ target: json, bytes: jsonOf(frozen) });
  await write(outputs, io);

  const { summary } = await import('../report/summary.ts');
  const names = [plan.guest, plan.output].map((path) => (path === '-' ? '(stream)' : path));
  for (const line of summary(frozen.report, names[0] ?? '', names[1] ?? '')) terminal.line(line);
  return 0;
}

function planOf(parsed: Parsed): Plan {
  const rounds = roundsOf(one(parsed, 'rounds'));
  const protocol = protocolOf(one(parsed, 'protocol'));
  return {
    guest: parsed.file,
    output: one(parsed, 'output') ?? frozenName(parsed.file),
    json: one(parsed, 'json'),
    loads: many(parsed, 'load'),
    warmups: many(parsed, 'warmup').map((text) => workloadOf('--warmup', text)),
    entries: many(parsed, 'entry').map(entryOf),
    command: one(parsed, 'command'),
    driver: one(parsed, 'driver'),
    host: hostOf(parsed, 'deny'),
    more: {
      stubs: many(parsed, 'stub-import').map(stubOf),
      skipBadModules: flag(parsed, 'skip-bad-modules'),
      driverArgs: many(parsed, 'driver-arg'),
      keepHostFunctions: flag(parsed, 'keep-host-functions'),
      ...(rounds === undefined ? {} : { rounds }),
      ...(protocol === undefined ? {} : { protocol }),
    },
  };
}

/** `app.wasm` and `app.wat` give `app.frozen.wasm`; a stream gives a stream. */
export function frozenName(guest: string): string {
  return guest === '-' ? '-' : `${guest.replace(/\.(wasm|wat)$/, '')}.frozen.wasm`;
}

/** Files that are read, with how the user gave them. */
function inputs(plan: Plan): readonly (readonly [what: string, path: string])[] {
  const programs = [
    ...plan.warmups.map((workload) => ['--warmup', workload] as const),
    ...plan.entries.map(({ workload }) => ['--entry', workload] as const),
  ];
  return [
    ['the guest', plan.guest],
    ...plan.loads.map((path) => ['--load', path] as const),
    ...programs.flatMap(([what, workload]) =>
      workload.kind === 'file' ? [[what, workload.path] as const] : [],
    ),
    ...(plan.driver === undefined ? [] : [['--driver', plan.driver] as const]),
    ...(plan.host.stdin === undefined ? [] : [['--stdin', plan.host.stdin] as const]),
  ];
}

/** A stream is one file: it cannot be read for two, or hold two. */
function checkStreams(plan: Plan, io: Io): void {
  const reading = new Set(inputs(plan).flatMap(([what, path]) => (path === '-' ? [what] : [])));
  if (reading.size > 1)
    throw badCommandLine(`standard input is read once: it cannot be both ${[...reading].join(' and ')}`);
  if (plan.output === '-' && plan.json === '-')
    throw badCommandLine('standard output is written once: it cannot be both -o and --json');
  if (plan.output === '-' && io.out.isTTY) throw binaryToTerminal();
}

/** Nothing that is read may be written. */
function checkPaths(plan: Plan, target: Target, json: Target | undefined): void {
  const written = [
    ['the output', target],
    ['--json', json],
  ] as const;
  for (const [what, one] of written) {
    if (one?.kind !== 'file') continue;
    const clash = inputs(plan).find(([, path]) => path !== '-' && isAt(path, one.real));
    if (clash !== undefined) throw sameFile(one.path, what, clash[0]);
  }
  if (target.kind === 'file' && json?.kind === 'file' && target.real === json.real)
    throw sameFile(target.path, 'the output', '--json');
}

function isAt(path: string, real: string): boolean {
  try {
    return realPath(path) === real;
  } catch {
    // Reading it will tell what is wrong with it.
    return false;
  }
}

async function freezeGuest(plan: Plan, bytes: Uint8Array, terminal: Terminal, io: Io): Promise<Frozen> {
  const read = programReader(io);
  const workload = (text: WorkloadText): Workload =>
    text.kind === 'call' ? text : { kind: 'program', ...read(text.path) };
  const options: FreezeOptions = {
    ...plan.more,
    loads: plan.loads.map(read),
    warmups: plan.warmups.map(workload),
    entries: plan.entries.map(({ name, workload: text }) => ({ name, workload: workload(text) })),
    ...(plan.command === undefined ? {} : { command: plan.command }),
    ...(plan.driver === undefined ? {} : { driver: await readDriver(plan.driver) }),
    host: hostFactory(
      plan.host,
      basename(plan.guest),
      {
        stdout: (chunk) => terminal.guest('stdout', chunk),
        stderr: (chunk) => terminal.guest('stderr', chunk),
      },
      io.readStdin,
    ),
    onProgress: terminal.progress,
  };
  const { freeze } = await import('../freeze.ts');
  try {
    return await freeze(bytes, options);
  } catch (error) {
    if (error instanceof GuestError) terminal.release();
    throw error;
  } finally {
    terminal.finish();
  }
}

/** A driver is a module of Node's: it is imported, and not from a stream. */
async function readDriver(path: string): Promise<Driver> {
  if (path === '-') throw badOption('--driver', path, 'a driver is a file');
  readInput(path, () => new Uint8Array(0));
  const { driverOf } = await import('../protocols/driver.ts');
  const namespace: unknown = await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw driverThrew(error instanceof Error ? error.message : String(error), []);
  });
  return driverOf(namespace, path);
}

/** Each program is read once, however often it is named. */
function programReader(io: Io): (path: string) => Program {
  const known = new Map<string, Program>();
  return (path) => {
    const program = known.get(path) ?? { name: path, bytes: readInput(path, io.readStdin) };
    known.set(path, program);
    return program;
  };
}

function jsonOf(frozen: Frozen): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(frozen.report, undefined, 2)}\n`);
}

async function write(outputs: readonly Output[], io: Io): Promise<void> {
  const unfinished = new Set<string>();
  const cleanUp = (): void => {
    for (const path of unfinished) unlinkSync(path);
  };
  await io.guarded(cleanUp, () => writeOutputs(outputs, io.out.write, machineDisk(unfinished)));
}
