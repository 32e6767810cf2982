/**
 * `freeze verify`: the guest, warmed up as for its build, against the frozen module, here and in every other
 * engine at hand. It ends with a code of its own where they differ.
 */
import { basename } from 'node:path';
import { EXIT } from '../errors/classes.ts';
import { badCommandLine } from '../errors/usage.ts';
import type { Difference, VerifyOptions, VerifyReport } from '../verify.ts';
import type { Workload } from '../workloads.ts';
import { programReader, readDriver } from './build.ts';
import type { Parsed } from './commands.ts';
import { compare } from './compare.ts';
import { enginesOf, findEngines } from './engines.ts';
import { readModule } from './input.ts';
import type { Io } from './io.ts';
import {
  countOf,
  entryOf,
  flag,
  hostOf,
  importStateOf,
  invokeOf,
  limitsOf,
  many,
  one,
  protocolOf,
  roundsOf,
  sealingOf,
  seedOf,
  stubOf,
  timeoutOf,
  type WorkloadText,
  wipeStackOf,
  workloadOf,
} from './options.ts';

export async function verifyCommand(parsed: Parsed, io: Io): Promise<number> {
  const [guest = '', frozen = ''] = parsed.words;
  const warmups = many(parsed, 'warmup').map((text) => workloadOf('--warmup', text));
  const entries = many(parsed, 'entry').map(entryOf);
  const rounds = roundsOf(one(parsed, 'rounds'));
  const protocol = protocolOf(one(parsed, 'protocol'));
  const wipeStack = wipeStackOf(parsed);
  const importState = importStateOf(one(parsed, 'import-state'));
  const calls = many(parsed, 'call').map((text) => invokeOf(text, '--call'));
  const wanted = enginesOf(one(parsed, 'engines'));
  const command = one(parsed, 'command');
  const host = hostOf(parsed, 'deny');
  const timeout = timeoutOf(one(parsed, 'timeout'));
  const more = {
    stubs: many(parsed, 'stub-import').map(stubOf),
    skipBadModules: flag(parsed, 'skip-bad-modules'),
    driverArgs: many(parsed, 'driver-arg'),
    keepHostFunctions: flag(parsed, 'keep-host-functions'),
    fuzz: countOf('--fuzz', one(parsed, 'fuzz')),
    seed: seedOf(one(parsed, 'seed')),
    ...(rounds === undefined ? {} : { rounds }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(wipeStack === undefined ? {} : { wipeStack }),
    ...(importState === undefined ? {} : { importState }),
    ...(calls.length === 0 ? {} : { calls }),
    ...sealingOf(parsed),
    limits: limitsOf(parsed),
    ...(command === undefined ? {} : { command }),
  };
  if ([guest, frozen, host.stdin].filter((path) => path === '-').length > 1)
    throw badCommandLine('standard input is read once');

  const bytes = await readModule(guest, io.readStdin);
  const output = await readModule(frozen, io.readStdin);
  const read = programReader(io);
  const workload = (text: WorkloadText): Workload =>
    text.kind === 'call' ? text : { kind: 'program', ...read(text.path) };
  const driver = one(parsed, 'driver');
  const options: VerifyOptions = {
    ...more,
    ...(driver === undefined ? {} : { driver: await readDriver(driver) }),
    loads: many(parsed, 'load').map(read),
    warmups: warmups.map(workload),
    entries: entries.map(({ name, workload: text }) => ({ name, workload: workload(text) })),
  };
  const report = await compare(
    bytes,
    output,
    options,
    host,
    basename(guest),
    await findEngines(wanted, io),
    timeout,
    io,
  );
  if (flag(parsed, 'json')) io.out.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else if (!report.same || !flag(parsed, 'quiet')) io.out.write(`${linesOf(report).join('\n')}\n`);
  return report.same ? 0 : EXIT.check;
}

/** More say no more. */
const MOST_SHOWN = 20;

function linesOf({
  same,
  calls,
  state,
  engines,
  absent,
  stopped,
  warnings,
  differences,
}: VerifyReport): readonly string[] {
  const lines = [
    `${same ? 'the same' : 'different'}: ${calls} call${calls === 1 ? '' : 's'} in ${engines.join(', ')}; state ${state}`,
    ...absent.map((line) => `  not run in ${line}`),
    ...(stopped === undefined ? [] : [`  stopped ${stopped}`]),
    ...warnings.map(({ message, hint }) => `  warning: ${message}\n    hint: ${hint}`),
    ...differences.slice(0, MOST_SHOWN).map(lineOf),
  ];
  const more = differences.length - MOST_SHOWN;
  return more > 0 ? [...lines, `  and ${more} more differences`] : lines;
}

function lineOf({ engine, where, live, frozen }: Difference): string {
  const show = (text: string): string => JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
  return `  ${engine}: ${where}: the guest has ${show(live)}, the frozen module ${show(frozen)}`;
}
