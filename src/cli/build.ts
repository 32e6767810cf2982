/**
 * `freeze build`: reads the options, the guest and its programs, has the guest frozen, and writes
 * the module and the report.
 */
import { unlinkSync } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { differs } from '../errors/check.ts';
import { GuestError } from '../errors/classes.ts';
import { driverThrew } from '../errors/driver.ts';
import { timedOut } from '../errors/limit.ts';
import { badCommandLine, badOption, binaryToTerminal, sameFile } from '../errors/usage.ts';
import { notCached, type Warning } from '../errors/warning.ts';
import type { Frozen } from '../freeze.ts';
import type { FreezeOptions, OtherInput, Progress } from '../options.ts';
import { readProfile, writeProfile } from '../profile.ts';
import type { Driver } from '../protocols/driver.ts';
import type { Program } from '../protocols/protocol.ts';
import type { Workload } from '../workloads.ts';
import { canariesOf } from './canaries.ts';
import type { Parsed } from './commands.ts';
import type { Wit } from './component.ts';
import { Deadline } from './deadline.ts';
import { hostFactory } from './host.ts';
import { readInput, readModule } from './input.ts';
import type { Io } from './io.ts';
import {
  type EntryText,
  entryOf,
  flag,
  type HostText,
  hostOf,
  hostSummary,
  importStateOf,
  limitsOf,
  logLevelOf,
  many,
  one,
  protocolOf,
  roundsOf,
  sealingOf,
  stubOf,
  timeoutOf,
  type WorkloadText,
  wipeStackOf,
  witOf,
  workloadOf,
} from './options.ts';
import { machineDisk, type Output, realPath, type Target, targetOf, writeOutputs } from './output.ts';
import { mapName, sourceMapOf } from './source-map.ts';
import { Terminal } from './terminal.ts';

interface Plan {
  readonly guest: string;
  readonly output: string;
  readonly json: string | undefined;
  readonly report: string | undefined;
  /** What --target names. */
  readonly targetHost: string | undefined;
  readonly component: boolean;
  readonly wit: Wit | undefined;
  /** The guest's source map. */
  readonly sourceMap: string | undefined;
  readonly profileOut: string | undefined;
  readonly profiles: readonly string[];
  readonly loads: readonly string[];
  readonly warmups: readonly WorkloadText[];
  readonly entries: readonly EntryText[];
  readonly command: string | undefined;
  readonly driver: string | undefined;
  readonly host: HostText;
  /** Seconds; 0 is without end. */
  readonly timeout: number;
  readonly more: FreezeOptions;
  /** Where what was built before may be. */
  readonly cache: string | undefined;
  /** Compare with the guest before anything is written. */
  readonly verify: boolean;
  /** Time the guest and the output. */
  readonly measure: boolean;
}

export async function build(parsed: Parsed, given: Io): Promise<number> {
  const plan = planOf(parsed);
  const level = logLevelOf(parsed);
  // Read once, and kept for a second build.
  let stdin: Uint8Array | undefined;
  const io: Io = { ...given, readStdin: () => (stdin ??= given.readStdin()) };
  checkStreams(plan, io);
  if (plan.verify && plan.driver !== undefined)
    throw badCommandLine(
      '--verify would run the driver a second time in one process',
      'freeze verify GUEST FROZEN --driver FILE runs it anew, after the build',
    );
  if (plan.verify && plan.host.stdin === '-')
    throw badCommandLine('--verify reads --stdin again: give it as a file');
  const target = targetOf(plan.output);
  const json = plan.json === undefined ? undefined : targetOf(plan.json);
  const page = plan.report === undefined ? undefined : targetOf(plan.report);
  const map = plan.sourceMap === undefined ? undefined : targetOf(mapName(plan.output));
  const profile = plan.profileOut === undefined ? undefined : targetOf(plan.profileOut);
  checkPaths(plan, [
    ['the output', target],
    ['its source map', map],
    ['--json', json],
    ['--report', page],
    ['--profile-out', profile],
  ]);

  if (plan.targetHost !== undefined) (await import('./target.ts')).targetNameOf(plan.targetHost);

  // Nothing heavy is loaded before this line: a mistake in the guest's name is told at once.
  const bytes = await readModule(plan.guest, io.readStdin);
  const terminal = new Terminal(io.err, { level, interactive: io.interactive, log: io.log });
  const make = async (): Promise<Frozen> => {
    const { frozen, options } = await freezeGuest(plan, bytes, terminal, io);
    if (plan.verify) await check(plan, bytes, frozen.bytes, options, io);
    if (flag(parsed, 'check')) {
      const { checkReproducible } = await import('./check.ts');
      await checkReproducible(await outputBytes(plan, frozen), parsed, stdin ?? new Uint8Array(0), io);
    }
    return frozen;
  };
  const made =
    plan.cache === undefined ? await make() : await fromCache(plan.cache, parsed, terminal, io, make);
  const frozen = plan.measure ? await withTimes(plan, bytes, made, terminal, io) : made;
  const written = await outputBytes(plan, frozen);
  const outputs: Output[] = [{ target, bytes: written }];
  if (map !== undefined) outputs.push({ target: map, bytes: textBytes(frozen.sourceMap ?? '') });
  if (json !== undefined) outputs.push({ target: json, bytes: jsonOf(frozen) });
  const [input = '', output = ''] = [plan.guest, plan.output].map((path) =>
    path === '-' ? '(stream)' : path,
  );
  if (page !== undefined) {
    const { reportPage } = await import('../report/page/page.ts');
    outputs.push({ target: page, bytes: textBytes(reportPage({ ...frozen, guest: bytes, input, output })) });
  }
  if (profile !== undefined && frozen.profile !== undefined)
    outputs.push({ target: profile, bytes: writeProfile(frozen.profile) });
  await write(outputs, io);

  const { summary } = await import('../report/summary.ts');
  for (const line of summary(frozen.report, input, output)) terminal.line(line);
  for (const warning of frozen.report.warnings) terminal.warn(warning);
  return 0;
}

/** What the cache has, or else what `make` makes, which it has then. */
async function fromCache(
  folder: string,
  parsed: Parsed,
  terminal: Terminal,
  io: Io,
  make: () => Promise<Frozen>,
): Promise<Frozen> {
  const { Cache, keyOf, uncacheable } = await import('./cache.ts');
  const why = uncacheable(parsed);
  const warnings: Warning[] = [];
  /** What is wrong with the cache is told with the build, and not kept with it. */
  const told = ({ report, ...frozen }: Frozen, cache?: 'hit' | 'miss'): Frozen => ({
    ...frozen,
    report: { ...report, warnings: [...report.warnings, ...warnings], ...(cache && { cache }) },
  });
  if (why !== undefined) {
    warnings.push(notCached(why));
    return told(await make());
  }
  const cache = new Cache(folder, (warning) => warnings.push(warning));
  const key = keyOf(
    parsed,
    inputs(planOf(parsed)).map(([, path]) => readInput(path, io.readStdin)),
  );
  const kept = cache.take(key);
  terminal.line(kept === undefined ? 'cache: miss' : 'cache: hit', 'dim');
  if (kept !== undefined) return told(kept, 'hit');
  const made = await make();
  cache.keep(key, made);
  return told(made, 'miss');
}

function planOf(parsed: Parsed): Plan {
  const rounds = roundsOf(one(parsed, 'rounds'));
  const protocol = protocolOf(one(parsed, 'protocol'));
  const wipeStack = wipeStackOf(parsed);
  const importState = importStateOf(one(parsed, 'import-state'));
  return {
    guest: parsed.file,
    output: one(parsed, 'output') ?? frozenName(parsed.file),
    json: one(parsed, 'json'),
    report: one(parsed, 'report'),
    targetHost: one(parsed, 'target'),
    component: flag(parsed, 'component'),
    wit: witOf(parsed),
    sourceMap: one(parsed, 'source-map'),
    profileOut: one(parsed, 'profile-out'),
    profiles: many(parsed, 'profile'),
    loads: many(parsed, 'load'),
    warmups: many(parsed, 'warmup').map((text) => workloadOf('--warmup', text)),
    entries: many(parsed, 'entry').map(entryOf),
    command: one(parsed, 'command'),
    driver: one(parsed, 'driver'),
    host: hostOf(parsed, 'deny'),
    cache: one(parsed, 'cache'),
    verify: flag(parsed, 'verify'),
    measure: flag(parsed, 'measure'),
    timeout: timeoutOf(one(parsed, 'timeout')),
    more: {
      stubs: many(parsed, 'stub-import').map(stubOf),
      skipBadModules: flag(parsed, 'skip-bad-modules'),
      driverArgs: many(parsed, 'driver-arg'),
      countCalls: flag(parsed, 'count-calls'),
      keepHostFunctions: flag(parsed, 'keep-host-functions'),
      ...sealingOf(parsed),
      ...(rounds === undefined ? {} : { rounds }),
      ...(protocol === undefined ? {} : { protocol }),
      ...(wipeStack === undefined ? {} : { wipeStack }),
      measureMemory: one(parsed, 'json') !== undefined || one(parsed, 'report') !== undefined,
      ...(importState === undefined ? {} : { importState }),
      limits: limitsOf(parsed),
      allowOpenFiles: many(parsed, 'allow-open-files'),
      allowLeaks: many(parsed, 'allow-leak'),
      failOnLeak: flag(parsed, 'fail-on-leak'),
      provenance: !flag(parsed, 'no-provenance'),
      hostSummary: hostSummary(parsed),
    },
  };
}

/** `app.wasm` and `app.wat` give `app.frozen.wasm`; a stream gives a stream. */
export function frozenName(guest: string): string {
  return guest === '-' ? '-' : `${guest.replace(/\.(wasm|wat)$/, '')}.frozen.wasm`;
}

/** What is written: checked for the host that it is meant for, and in its form. */
async function outputBytes({ targetHost, component, wit }: Plan, { bytes }: Frozen): Promise<Uint8Array> {
  if (targetHost !== undefined) {
    const { checkTarget, targetNameOf } = await import('./target.ts');
    checkTarget(targetNameOf(targetHost), bytes);
  }
  return component ? (await import('./component.ts')).asComponent(bytes, wit) : bytes;
}

/** The files that a line reads, but for those in directories that it maps. */
export function inputFiles(parsed: Parsed): readonly string[] {
  return inputs(planOf(parsed)).flatMap(([, path]) => (path === '-' ? [] : [path]));
}

/** The files that a line writes. */
export function outputFiles(parsed: Parsed): readonly string[] {
  const { output, json, report, sourceMap } = planOf(parsed);
  const map = sourceMap === undefined ? undefined : mapName(output);
  return [output, map, json, report].filter((path) => path !== undefined && path !== '-') as string[];
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
    ...plan.profiles.map((path) => ['--profile', path] as const),
    ...programs.flatMap(([what, workload]) =>
      workload.kind === 'file' ? [[what, workload.path] as const] : [],
    ),
    ...(plan.driver === undefined ? [] : [['--driver', plan.driver] as const]),
    ...(plan.sourceMap === undefined ? [] : [['--source-map', plan.sourceMap] as const]),
    ...(plan.host.stdin === undefined ? [] : [['--stdin', plan.host.stdin] as const]),
  ];
}

/** Those that provenance names beside the guest and its programs. */
const OTHERS: Readonly<Record<string, OtherInput['kind']>> = {
  '--driver': 'driver',
  '--profile': 'profile',
  '--stdin': 'stdin',
};

/** A stream is one file: it cannot be read for two, or hold two. */
function checkStreams(plan: Plan, io: Io): void {
  const reading = new Set(inputs(plan).flatMap(([what, path]) => (path === '-' ? [what] : [])));
  if (reading.size > 1)
    throw badCommandLine(`standard input is read once: it cannot be both ${[...reading].join(' and ')}`);
  const writing = [
    ['-o', plan.output],
    ['--json', plan.json],
    ['--report', plan.report],
    ['--profile-out', plan.profileOut],
  ].flatMap(([what, path]) => (path === '-' ? [what] : []));
  if (writing.length > 1)
    throw badCommandLine(`standard output is written once: it cannot be both ${writing.join(' and ')}`);
  if (plan.output === '-' && io.out.isTTY) throw binaryToTerminal();
}

type Written = readonly (readonly [what: string, target: Target | undefined])[];

/** Nothing that is read may be written, and nothing written twice. */
function checkPaths(plan: Plan, written: Written): void {
  const seen = new Map<string, string>();
  for (const [what, one] of written) {
    if (one?.kind !== 'file') continue;
    const clash = inputs(plan).find(([, path]) => path !== '-' && isAt(path, one.real));
    if (clash !== undefined) throw sameFile(one.path, what, clash[0]);
    const other = seen.get(one.real);
    if (other !== undefined) throw sameFile(one.path, other, what);
    seen.set(one.real, what);
  }
}

function isAt(path: string, real: string): boolean {
  try {
    return realPath(path) === real;
  } catch {
    // Reading it will tell what is wrong with it.
    return false;
  }
}

async function freezeGuest(
  plan: Plan,
  bytes: Uint8Array,
  terminal: Terminal,
  io: Io,
): Promise<{ readonly frozen: Frozen; readonly options: FreezeOptions }> {
  const driver = plan.driver === undefined ? {} : { driver: await readDriver(plan.driver) };
  const options: FreezeOptions = {
    ...plan.more,
    ...workOf(plan, io),
    ...(plan.sourceMap === undefined
      ? {}
      : { sourceMap: sourceMapOf(plan.sourceMap, plan.output, io.readStdin) }),
    otherInputs: inputs(plan).flatMap(([what, path]) => {
      const kind = OTHERS[what];
      return kind === undefined ? [] : [{ kind, name: path, bytes: readInput(path, io.readStdin) }];
    }),
    profiles: plan.profiles.map((path) => readProfile(readInput(path, io.readStdin), path)),
    saveProfile: plan.profileOut !== undefined,
    ...driver,
    host: hostFactory(
      plan.host,
      basename(plan.guest),
      {
        stdout: (chunk) => terminal.guest('stdout', chunk),
        stderr: (chunk) => terminal.guest('stderr', chunk),
      },
      io.readStdin,
    ),
    onProgress: (event) => {
      terminal.progress(event);
      if (deadline !== undefined) timed(deadline, event, plan.driver);
    },
    canaries: canariesOf(io.machine(), plan.host, [...inputs(plan), ['-o', plan.output]]),
  };
  const { freeze } = await import('../freeze.ts');
  if (plan.driver === undefined) io.inputsRead();
  const deadline = deadlineOf(plan, terminal, io);
  try {
    return { frozen: await freeze(bytes, options), options };
  } catch (error) {
    if (error instanceof GuestError) terminal.release();
    throw error;
  } finally {
    deadline?.stop();
    terminal.finish();
  }
}

/** What the guest is fed, and what becomes an entry. */
function workOf(plan: Plan, io: Io): Pick<FreezeOptions, 'loads' | 'warmups' | 'entries' | 'command'> {
  const read = programReader(io);
  const workload = (text: WorkloadText): Workload =>
    text.kind === 'call' ? text : { kind: 'program', ...read(text.path) };
  return {
    loads: plan.loads.map(read),
    warmups: plan.warmups.map(workload),
    entries: plan.entries.map(({ name, workload: text }) => ({ name, workload: workload(text) })),
    ...(plan.command === undefined ? {} : { command: plan.command }),
  };
}

async function withTimes(
  plan: Plan,
  bytes: Uint8Array,
  frozen: Frozen,
  terminal: Terminal,
  io: Io,
): Promise<Frozen> {
  const { measured } = await import('./measure.ts');
  const report = await measured(
    {
      guest: plan.guest,
      bytes,
      frozen,
      options: { ...plan.more, ...workOf(plan, io) },
      driven: plan.driver !== undefined,
      host: plan.host,
      timeout: plan.timeout,
      onTurn: (turn) => terminal.progress({ kind: 'pass', pass: turn }),
    },
    io,
  );
  terminal.finish();
  return { ...frozen, report };
}

/** Throws a CheckError where the frozen module differs from the guest, warmed up once more. */
async function check(
  plan: Plan,
  bytes: Uint8Array,
  frozen: Uint8Array,
  options: FreezeOptions,
  io: Io,
): Promise<void> {
  const { compare } = await import('./compare.ts');
  const { findEngines } = await import('./engines.ts');
  // What the guest prints and what progresses was told the first time.
  const { host: _host, driver: _driver, onProgress: _onProgress, ...same } = options;
  const engines = await findEngines(undefined, io);
  const { differences } = await compare(
    bytes,
    frozen,
    same,
    plan.host,
    basename(plan.guest),
    engines,
    plan.timeout,
    io,
  );
  const [first] = differences;
  if (first !== undefined)
    throw differs(differences.length, `${first.engine}: ${first.where}`, first.live, first.frozen);
}

/** None is there without a limit; the thread starts while the guest is compiled. */
function deadlineOf(plan: Plan, terminal: Terminal, io: Io): Deadline | undefined {
  if (plan.timeout === 0) return undefined;
  return new Deadline(plan.timeout, (doing) => {
    terminal.finish();
    terminal.release();
    io.fail(timedOut(doing, plan.timeout));
  });
}

/** Only the guest's own time is limited: what freeze does takes as long as the guest is large. */
function timed(deadline: Deadline, event: Progress, driver: string | undefined): void {
  if (event.kind === 'module') return;
  if (event.kind === 'workload') deadline.start(event.round === 0 ? `loading ${event.label}` : event.label);
  else if (event.pass === 'thaw')
    deadline.start(driver === undefined ? 'starting the guest' : `the driver ${driver}`);
  else if (event.pass === 'warm up') deadline.start('warming up');
  else deadline.stop();
}

/** A driver is a module of Node's: it is imported, and not from a stream. */
export async function readDriver(path: string): Promise<Driver> {
  if (path === '-') throw badOption('--driver', path, 'a driver is a file');
  readInput(path, () => new Uint8Array(0));
  const { driverOf } = await import('../protocols/driver.ts');
  const namespace: unknown = await import(pathToFileURL(path).href).catch((error: unknown) => {
    throw driverThrew(error instanceof Error ? error.message : String(error), []);
  });
  return driverOf(namespace, path);
}

/** Each program is read once, however often it is named. */
export function programReader(io: Io): (path: string) => Program {
  const known = new Map<string, Program>();
  return (path) => {
    const program = known.get(path) ?? { name: path, bytes: readInput(path, io.readStdin) };
    known.set(path, program);
    return program;
  };
}

function jsonOf(frozen: Frozen): Uint8Array {
  return textBytes(`${JSON.stringify(frozen.report, undefined, 2)}\n`);
}

function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

async function write(outputs: readonly Output[], io: Io): Promise<void> {
  const unfinished = new Set<string>();
  const cleanUp = (): void => {
    for (const path of unfinished) unlinkSync(path);
  };
  await io.guarded(cleanUp, () => writeOutputs(outputs, io.out.write, machineDisk(unfinished)));
}
