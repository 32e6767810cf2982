/**
 * Warming up: the guest is started, given its programs, and run in rounds, until one brings no new
 * code. With a driver the guest's own JavaScript has done that already.
 */

import { openFiles } from './errors/unsupported.ts';
import { stillNewCode } from './errors/warning.ts';
import { anyGlob } from './glob.ts';
import { CallCounters } from './host/counter.ts';
import { Guest, type GuestOptions, type HostFactory, type LinkEvent } from './host/guest.ts';
import { importing } from './host/imported-state.ts';
import { LINK_STATUS } from './host/live.ts';
import { createWasi } from './host/wasi/wasi.ts';
import type { Journal } from './journal.ts';
import { DEFAULT_LIMITS, DEFAULT_ROUNDS, type FreezeOptions } from './options.ts';
import { guestBytes, type Profile, profileOf } from './profile.ts';
import { bringUp, DEFAULT_DRIVER_TIMEOUT_MS } from './protocols/driver.ts';
import type { Call, Program, Protocol } from './protocols/protocol.ts';
import { linkedBefore } from './report/provenance.ts';
import { pattern } from './seal/exports.ts';
import { isSealed } from './sealing.ts';
import { stubbedImports } from './stubs.ts';
import { exportNamed, type Module } from './wasm/module.ts';
import { checkEntries, exportCall, type Workload } from './workloads.ts';

const emptyHost: HostFactory = (compiled) => createWasi({}, compiled);

type Common = Pick<GuestOptions, 'limits' | 'skipBadModules' | 'onLink' | 'counters'>;

/** The guest, instantiated and initialized. `module` is what `bytes` hold; a driver may bring its own. */
export async function startGuest(
  given: { readonly module: Module; readonly bytes: Uint8Array } | undefined,
  options: FreezeOptions,
  journal: Journal,
): Promise<Guest> {
  const { host = emptyHost, driver, stubs = [], skipBadModules = false } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { preloads = [], unknownImports = 'refuse', supervise } = options;
  const onLink = (event: LinkEvent): void => {
    journal.linked(event);
  };
  const counters = options.countCalls === true ? { counters: new CallCounters() } : {};
  const common = { limits, skipBadModules, onLink, ...counters };
  if (driver !== undefined) return await drive(given?.bytes, options, common, journal);
  if (given === undefined) throw new TypeError('there is neither a module nor a driver');
  const { module } = given;
  const guest = await Guest.start({
    ...common,
    module,
    stateImports: options.importState && importing(options.importState),
    host,
    preloads,
    unknownImports,
    stubs: stubbedImports(module, stubs),
    ...(supervise === undefined ? {} : { supervise }),
    linkedBefore: linkedBefore(module),
  });
  if (exportNamed(module, '_initialize', 'func') !== undefined)
    guest.call('_initialize', [], 'in _initialize');
  return guest;
}

/** Its driver initializes it: what `_initialize` does was done, or was not wanted. */
async function drive(
  wasm: Uint8Array | undefined,
  options: FreezeOptions,
  common: Common,
  journal: Journal,
): Promise<Guest> {
  const { driver, driverArgs = [], driverTimeoutMs = DEFAULT_DRIVER_TIMEOUT_MS, keepHostFunctions } = options;
  if (driver === undefined) throw new TypeError('there is no driver');
  const driven = await bringUp(driver, {
    ...common,
    args: driverArgs,
    wasm,
    keepHostFunctions: keepHostFunctions === true,
    timeoutMs: driverTimeoutMs,
  });
  for (const { name, made, trapped } of driven.instances) {
    const status = trapped === undefined ? LINK_STATUS.ok : LINK_STATUS.trapped;
    journal.linked({ name, size: made.bytes.length, outcome: { name, status, error: trapped } });
  }
  checkEntries(driven.module, options, driven.kept);
  return Guest.driven({ ...common, stubs: new Map() }, driven);
}

export interface WarmedUp {
  /** What each workload came down to. */
  readonly calls: ReadonlyMap<Workload, Call>;
  readonly profile: Profile | undefined;
}

/** Loads every program once, then runs the warm-ups until a round brings no new code. */
export function warmUp(guest: Guest, protocol: Protocol, options: FreezeOptions, journal: Journal): WarmedUp {
  const { loads = [], warmups = [], entries = [], profiles = [] } = options;
  for (const bytes of guestBytes(profiles)) protocol.loadProfile(guest, bytes);
  const loaded = new Map<string, Call>();
  const load = (program: Program): Call => {
    const known = loaded.get(program.name);
    if (known !== undefined) return known;
    journal.workload(program.name, 0);
    const call = protocol.load(guest, program);
    loaded.set(program.name, call);
    return call;
  };
  for (const program of loads) load(program);
  const calls = new Map<Workload, Call>();
  for (const workload of [...warmups, ...entries.map((entry) => entry.workload)]) {
    calls.set(workload, workload.kind === 'program' ? load(workload) : exportCall(guest.module, workload));
  }
  const warm = warmups.map((workload) => calls.get(workload) as Call);
  runUntilQuiet(guest, protocol, warm, options.rounds, journal);
  const labels = warm.map(({ label }) => label);
  const profile =
    options.saveProfile === true
      ? profileOf(guest, labels, profiles, protocol.saveProfile(guest))
      : undefined;
  if (isSealed(options, protocol) && protocol.seal !== undefined) {
    const { seal } = protocol;
    const only = onlyEntries(guest.module, protocol, options, calls);
    journal.round(
      () => {
        seal(guest, only);
        protocol.collect(guest);
      },
      { sealing: true },
    );
  }
  protocol.beforeSnapshot(guest);
  guest.checkLimits();
  refuseOpenFiles(guest, options.allowOpenFiles ?? []);
  guest.unthaw();
  return { calls, profile };
}

/**
 * What will run, where that is known: the entries, if each is a program and no export is left that
 * loads or runs another one.
 */
function onlyEntries(
  { exports }: Module,
  protocol: Protocol,
  { entries = [], keep = [] }: FreezeOptions,
  calls: ReadonlyMap<Workload, Call>,
): readonly Call[] | undefined {
  const kept = keep.map(pattern);
  const stays = exports.some(
    ({ name }) => protocol.use(name) === 'program' && kept.some((fits) => fits.test(name)),
  );
  const programs = entries.filter(({ workload }) => workload.kind === 'program');
  if (stays || programs.length === 0 || programs.length < entries.length) return undefined;
  return programs.flatMap(({ workload }) => calls.get(workload) ?? []);
}

/** A descriptor is a number in the guest's memory, and a file of this host: only the number is written down. */
function refuseOpenFiles(guest: Guest, allowed: readonly string[]): void {
  const fits = anyGlob(allowed);
  const open = guest.wasi.openFiles().filter(({ path }) => !fits(path));
  if (open.length > 0) throw openFiles(open);
}

function runUntilQuiet(
  guest: Guest,
  protocol: Protocol,
  warm: readonly Call[],
  wanted: number | undefined,
  journal: Journal,
): void {
  const rounds = wanted ?? DEFAULT_ROUNDS;
  for (let round = 1; round <= rounds; round++) {
    const news = journal.round(() => {
      for (const call of warm) {
        journal.workload(call.label, round);
        protocol.run(guest, call);
      }
      protocol.collect(guest);
    });
    if (!news) return;
  }
  if (wanted === undefined) {
    journal.warn(stillNewCode(rounds));
  }
}
