/**
 * Verifying: the guest is warmed up once more, the frozen module is thawed beside it, and both are given the same
 * calls. They must hold the same state before and after, give the same results, bit for bit, trap alike, and print
 * the same; and so must the frozen module in every other engine.
 *
 * State is compared where the frozen module has the memories, tables and globals that linking makes, or sealing
 * leaves of them; from a module that was made otherwise only what it does is compared.
 */

import { cannotVerify, notCallable } from './errors/usage.ts';
import { madeByOther, madeOfOther, type Warning } from './errors/warning.ts';
import { Caller, EXHAUSTED, type ExportCall, numericParams, randomCalls } from './host/calls.ts';
import { capture } from './host/capture.ts';
import type { Engine, RunResult } from './host/engines/job.ts';
import { addEntries } from './link/entries.ts';
import { importAgain, keptImports } from './link/keep-imports.ts';
import { type Linked, link } from './link/link.ts';
import { withoutFalseNames } from './link/names.ts';
import { sha256 } from './report/digest.ts';
import { readProvenance } from './report/provenance.ts';
import type { Sealed } from './seal/seal.ts';
import { sealBuild } from './sealing.ts';
import { abridged, type LiveSide, liveSide, type Side, type SideOptions, thawedSide } from './sides.ts';
import { bake } from './snapshot/bake.ts';
import { type Compared, compareStates } from './snapshot/compare.ts';
import { heldBy, type Snapshot } from './snapshot/state.ts';
import { stubBodies, stubbedImports } from './stubs.ts';
import { VERSION } from './version.ts';
import { exportNamed, type Import, type Module, spaces } from './wasm/module.ts';
import { parse } from './wasm/parse.ts';
import { type CallWorkload, entryFunctions, exportCall, hookFunction } from './workloads.ts';

export interface VerifyOptions extends SideOptions {
  /** Calls of exports, or of entries, in order; default are the warm-ups and the entries. */
  readonly calls?: readonly CallWorkload[];
  /** So many random calls of exports behind them, made from the seed. */
  readonly fuzz?: number;
  readonly seed?: bigint;
  /** Where the frozen module runs too, and what it is given there. */
  readonly engines?: readonly Engine[];
  readonly world?: World;
  /** Where an engine finds the frozen module. */
  readonly path?: string;
}

export interface World {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: Uint8Array;
}

export interface Difference {
  /** `state` for what is compared from outside; otherwise the engine's name. */
  readonly engine: string;
  /** A call, a place in the state, or a stream. */
  readonly where: string;
  readonly live: string;
  readonly frozen: string;
}

export interface VerifyReport {
  readonly same: boolean;
  /** Calls made, random ones included. */
  readonly calls: number;
  /** Whether memories, globals, tables and segments were compared, or why not. */
  readonly state: 'compared' | string;
  /** The engines that ran the frozen module, this one first, and what kept others from it. */
  readonly engines: readonly string[];
  readonly absent: readonly string[];
  /** What the frozen module says of itself that does not fit: it was made of another guest, or by another version. */
  readonly warnings: readonly Warning[];
  /** Where the calls ended, and why: what a driver's JavaScript would answer nobody does here. */
  readonly stopped?: string;
  readonly differences: readonly Difference[];
}

/** This engine, where every comparison starts from. */
const HERE = 'here';

/** Compares a frozen module with the guest that it was made of. Throws what freezing the guest throws. */
export async function verify(
  bytes: Uint8Array,
  frozen: Uint8Array,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const live = await liveSide(bytes, options);
  const thawed = await thawedSide(frozen, options);
  const steps = plan(live, thawed, options);

  const findings: Difference[] = [];
  const kept = keptImports(parse(bytes), options.importState);
  const map = await mapOf(live, parse(frozen), kept, options);
  const compare = (when: string): void => {
    if (map !== undefined) findings.push(...statesOf(live, thawed, map, when));
  };
  compare('before the first call');

  live.restore();
  thawed.restore();
  const results = callBoth(live, thawed, [bytes, frozen], steps, options, findings);
  const exhausted = results.some(([first]) => first === EXHAUSTED);
  const reached = thawed.reached();
  if (!exhausted && reached === undefined) compare('after the last call');

  const absent: string[] = [];
  const ran = [HERE];
  const expected = { results, stdout: live.output.text('stdout'), stderr: live.output.text('stderr') };
  for (const engine of options.engines ?? []) {
    const found = await elsewhere(engine, steps.slice(0, results.length), expected, sameOf(live), options);
    if (typeof found === 'string') absent.push(found);
    else {
      ran.push(engine.name);
      findings.push(...found);
    }
  }
  return {
    same: findings.length === 0,
    calls: results.length,
    state:
      map === undefined ? 'not compared: it is another module than linking and sealing make' : 'compared',
    engines: ran,
    absent,
    ...(reached === undefined ? {} : { stopped: stoppedAt(steps[results.length], reached) }),
    warnings: await doubts(bytes, thawed.guest.module),
    differences: findings,
  };
}

/** Why a difference may say nothing of the frozen module. */
async function doubts(bytes: Uint8Array, frozen: Module): Promise<readonly Warning[]> {
  const made = readProvenance(frozen);
  if (made === undefined) return [];
  const input = made.sources?.input;
  const same = input === undefined || input.sha256 === (await sha256(bytes));
  return [
    ...(same ? [] : [madeOfOther()]),
    ...(made.version === VERSION ? [] : [madeByOther(made.version, VERSION)]),
  ];
}

// ---- calls -------------------------------------------------------------------------------------

/** A call of the frozen module, and the one of the live guest that it must equal. */
interface Step {
  readonly frozen: ExportCall;
  readonly live: ExportCall;
}

function plan(live: LiveSide, thawed: Side, options: VerifyOptions): readonly Step[] {
  const asked =
    options.calls?.map((workload) => step(live, thawed, workload)) ??
    [
      ...live.warmups.map((call) => ({ frozen: call, live: call })),
      ...[...live.entries].map(([name, call]) => ({ frozen: { name, args: [] }, live: call })),
    ].filter(({ frozen }) => exportNamed(thawed.guest.module, frozen.name, 'func') !== undefined);
  return [...asked, ...fuzz(live, thawed, options)];
}

function step(live: LiveSide, thawed: Side, workload: CallWorkload): Step {
  const { module } = thawed.guest;
  const call = exportCall(module, workload);
  if (numericParams(module, call.export) === undefined) throw notCallable(call.export);
  const frozen = { name: call.export, args: call.args as readonly (number | bigint)[] };
  const entry = live.entries.get(call.export);
  if (entry === undefined && exportNamed(live.guest.module, call.export, 'func') === undefined)
    throw cannotVerify(`${call.label}: the guest has no such export, and no --entry is called so`);
  return { frozen, live: entry ?? frozen };
}

/** Exports that both have, but for those that end the instance. */
function fuzz(live: LiveSide, thawed: Side, { fuzz: count = 0, seed = 0n }: VerifyOptions): readonly Step[] {
  if (count === 0) return [];
  const exports = new Map<string, NonNullable<ReturnType<typeof numericParams>>>();
  for (const { name, kind } of thawed.guest.module.exports) {
    if (kind !== 'func' || name === '_start' || name === '_initialize') continue;
    const [is, was] = [thawed, live].map((side) => numericParams(side.guest.module, name));
    if (is !== undefined && was !== undefined && is.join() === was.join()) exports.set(name, is);
  }
  if (exports.size === 0) throw cannotVerify('--fuzz: no exported function takes and gives numbers only');
  return randomCalls(exports, count, seed).map((call) => ({ frozen: call, live: call }));
}

/** Makes all calls on both, until one ends the instance; what the live guest gave. */
function callBoth(
  live: LiveSide,
  thawed: Side,
  [bytes, frozen]: readonly [guest: Uint8Array, frozen: Uint8Array],
  steps: readonly Step[],
  { supervise = (work) => work(), driver }: VerifyOptions,
  findings: Difference[],
): readonly (readonly string[])[] {
  const before = new Caller(
    bytes,
    live.guest.instance.exports,
    steps.map((one) => one.live.name),
  );
  const after = new Caller(
    frozen,
    thawed.guest.instance.exports,
    steps.map((one) => one.frozen.name),
  );
  const same = sameOf(live);
  const results: (readonly string[])[] = [];
  for (const one of steps) {
    const doing = labelOf(one);
    const was = supervise(() => before.call(one.live), doing);
    const is = supervise(() => after.call(one.frozen), doing);
    if (thawed.reached() !== undefined) break;
    results.push(was);
    findings.push(...difference(HERE, doing, was.join(' '), is.join(' '), same));
    if (was[0]?.startsWith('exit: ') === true) break;
  }
  // What a guest with a driver prints, its JavaScript has.
  for (const stream of driver === undefined ? STREAMS : [])
    findings.push(...difference(HERE, stream, live.output.text(stream), thawed.output.text(stream)));
  return results;
}

const STREAMS = ['stdout', 'stderr'] as const;

function stoppedAt(step: Step | undefined, reached: string): string {
  const where = step === undefined ? 'before the first call' : `at ${labelOf(step)}`;
  return `${where}: it calls ${reached}, which only the driver's JavaScript answers`;
}

function labelOf({ frozen }: Step): string {
  return `${frozen.name}(${frozen.args.join(', ')})`;
}

function difference(
  engine: string,
  where: string,
  live: string,
  frozen: string,
  same: Same = unsealedSame,
): readonly Difference[] {
  return same(live, frozen) ? [] : [{ engine, where, live, frozen }];
}

/** Whether what came out of two calls is the same. */
type Same = (live: string, frozen: string) => boolean;
const unsealedSame: Same = (live, frozen) => live === frozen;

function sameOf({ constants }: LiveSide): Same {
  return constants === undefined ? unsealedSame : sealedSame;
}

/** How the check of an indirect call fails: which of these it is depends on what a slot that nobody can call holds. */
const FAILED_CALL: ReadonlySet<string> = new Set(
  ['indirect call', 'out of bounds table access', 'null reference'].map((kind) => `trap: ${kind}`),
);

/** Where a sealed module's call always fails it is `unreachable`, and slots that no call fits are null or gone. */
const sealedSame: Same = (live, frozen) =>
  live === frozen || (FAILED_CALL.has(live) && (FAILED_CALL.has(frozen) || frozen === 'trap: unreachable'));

// ---- state -------------------------------------------------------------------------------------

/** What is where in the frozen module. */
type Places = Pick<Compared, 'linked' | 'maps'>;

/** Links and seals again what was, to learn what is where; undefined where that is not what the module has. */
async function mapOf(
  live: LiveSide,
  frozen: Module,
  kept: readonly Import[],
  options: VerifyOptions,
): Promise<Places | undefined> {
  const { guest } = live;
  const snapshot = capture(guest);
  const stubs = new Map(stubbedImports(guest.module, options.stubs ?? []));
  for (const func of guest.links.forwards?.keys() ?? []) stubs.delete(func);
  const linked = link({
    guest: guest.module,
    auxes: guest.linker.auxes,
    held: heldBy(snapshot),
    stubs: stubBodies(guest.module, stubs),
    ...guest.links,
  });
  const [made, output] = [spaces(linked.module), spaces(frozen)];
  // Entries and the hook come behind: functions, and one global.
  const fits =
    made.mems.length === output.mems.length &&
    made.tables.length === output.tables.length &&
    output.globals.length - made.globals.length <= 1 &&
    made.globals.length <= output.globals.length &&
    made.funcs.length <= output.funcs.length;
  if (live.constants !== undefined) {
    const sealed = await sealAgain(live, linked, snapshot, kept, options);
    if (sameShape(sealed.module, frozen)) return { linked, maps: sealed.maps };
  }
  return fits ? { linked, maps: {} } : undefined;
}

/** As the build does it, without what it told of it. */
async function sealAgain(
  { guest, protocol, calls, constants = [] }: LiveSide,
  linked: Linked,
  snapshot: Snapshot,
  kept: readonly Import[],
  options: VerifyOptions,
): Promise<Sealed> {
  const entries = entryFunctions(guest.module, linked, options.entries ?? [], calls, protocol);
  const finished = addEntries(bake(linked, snapshot).module, {
    entries,
    command: options.command,
    afterRestore: hookFunction(guest.module, linked, protocol),
    open: false,
  });
  const named = withoutFalseNames(guest.module, importAgain(finished, kept, guest.rebound));
  return sealBuild(named, options, { guest, snapshot, linked, protocol, entries, constants });
}

/** Whether two modules have as much of everything, and the same imports and exports. */
function sameShape(a: Module, b: Module): boolean {
  const shape = (module: Module): string => {
    const { mems, tables, globals, funcs } = spaces(module);
    const counts = [mems, tables, globals, funcs, module.elems, module.datas].map((all) => all.length);
    const names = module.imports.map((item) => [item.module, item.name]);
    return JSON.stringify([counts, names, module.exports]);
  };
  return shape(a) === shape(b);
}

function statesOf(live: LiveSide, thawed: Side, places: Places, when: string): readonly Difference[] {
  const [frozen] = capture(thawed.guest).instances;
  if (frozen === undefined) throw new TypeError('the frozen module has no state');
  const modules: readonly Module[] = [live.guest.module, ...live.guest.linker.auxes.map((aux) => aux.module)];
  const compared: Compared = {
    ...places,
    modules,
    live: capture(live.guest),
    output: thawed.guest.module,
    frozen,
  };
  return compareStates(compared).map(({ place, live: was, frozen: is }) => ({
    engine: HERE,
    where: `${place}, ${when}`,
    live: was,
    frozen: is,
  }));
}

// ---- other engines -----------------------------------------------------------------------------

interface Expected {
  readonly results: readonly (readonly string[])[];
  readonly stdout: string;
  readonly stderr: string;
}

/** The same calls in another engine; a line where it cannot run the module. */
async function elsewhere(
  engine: Engine,
  steps: readonly Step[],
  expected: Expected,
  same: Same,
  { path, world, driver }: VerifyOptions,
): Promise<readonly Difference[] | string> {
  if (path === undefined) return `${engine.name}: the frozen module is no file`;
  let run: RunResult;
  try {
    run = await engine.run(path, { ...world, invoke: steps.map((one) => one.frozen), keepGoing: true });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if ((error as { refused?: boolean }).refused === true) return message;
    return [{ engine: engine.name, where: 'the run', live: 'ended', frozen: message }];
  }
  const rows = steps.flatMap((one, i) => {
    const was = expected.results[i];
    if (was === undefined) return [];
    const exit = was[0]?.startsWith('exit: ') === true;
    const is = exit && run.results[i] === undefined ? [`exit: ${run.exitCode}`] : run.results[i];
    return difference(
      engine.name,
      labelOf(one),
      was.join(' '),
      is?.join(' ') ?? run.trap ?? 'no result',
      same,
    );
  });
  return [
    ...rows,
    ...(driver === undefined ? STREAMS : []).flatMap((stream) =>
      difference(engine.name, stream, expected[stream], abridged(run[stream])),
    ),
  ];
}
