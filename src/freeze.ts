/**
 * The list of passes. From here one sees what `freeze` does to a module, in order, and what holds
 * from each step on; how a step does it stands in the file that has its name.
 */

import { outputTooLarge } from './errors/limit.ts';
import { frozenBefore, relaxedSimd, stackNotWiped } from './errors/warning.ts';
import { anyGlob } from './glob.ts';
import { capture } from './host/capture.ts';
import { validate } from './host/engine.ts';
import type { Guest } from './host/guest.ts';
import { wipeStack } from './host/wipe-stack.ts';
import { Journal } from './journal.ts';
import { instructionsOf } from './link/code-search.ts';
import { moveDebug } from './link/debug.ts';
import { addEntries } from './link/entries.ts';
import { importAgain, keptImports } from './link/keep-imports.ts';
import { link } from './link/link.ts';
import { withoutFalseNames } from './link/names.ts';
import { auxExports } from './link/open.ts';
import { withProducer } from './link/producers.ts';
import { checkRenames, renameExports } from './link/renames.ts';
import { moveSourceMap } from './link/source-map.ts';
import { DEFAULT_LIMITS, type FreezeOptions } from './options.ts';
import type { Profile } from './profile.ts';
import { protocolFor } from './protocols/detect.ts';
import { DRIVER, type Driver } from './protocols/driver.ts';
import type { Protocol } from './protocols/protocol.ts';
import { initFunction, spentExports, wizer } from './protocols/wizer.ts';
import { findLeaks, type LeakReport, leakWarning, refuseLeaks } from './report/leaks.ts';
import { measureMemory } from './report/memory/memory.ts';
import {
  digestInputs,
  movedProvenance,
  programsOf,
  provenanceOf,
  readProvenance,
  sourcesOf,
  versionWarning,
  withoutProvenance,
  withProvenance,
} from './report/provenance.ts';
import type { Report } from './report/report.ts';
import { codePlaces, isSealed, sealBuild } from './sealing.ts';
import { bake } from './snapshot/bake.ts';
import { heldBy } from './snapshot/state.ts';
import { stubBodies, stubbedImports } from './stubs.ts';
import { VERSION } from './version.ts';
import { startGuest, warmUp } from './warm-up.ts';
import { encodeForValidation, written } from './wasm/encode.ts';
import type { Module } from './wasm/module.ts';
import { parse } from './wasm/parse.ts';
import type { Writer } from './wasm/writer.ts';
import { checkEntries, entryFunctions, hookFunction } from './workloads.ts';

export interface Frozen {
  /** The frozen module. */
  readonly bytes: Uint8Array;
  readonly report: Report;
  /** Its source map, where the guest's was given. */
  readonly sourceMap?: string;
  /** What the warm-up brought to light, where `saveProfile` asks for it. */
  readonly profile?: Profile;
}

/** The frozen module before it is in one piece. */
export interface InPieces extends Omit<Frozen, 'bytes'> {
  readonly pieces: Writer;
}

/**
 * Freezes a guest: `bytes` is a core module in the binary format, the result one that starts where
 * the warmed-up guest stopped, with the code that it generated inside.
 *
 * Throws a MalformedError for bytes that are no module, an UnsupportedError for state that no
 * module can hold, a LinkError for a bad auxiliary module, a GuestError for what the guest did, a
 * LimitError for what it took, a CheckError for a leak with `failOnLeak`, a UsageError for options that
 * do not fit the guest.
 */
export async function freeze(bytes: Uint8Array, options: FreezeOptions = {}): Promise<Frozen> {
  return joined(await freezeGuest(bytes, options));
}

/**
 * Freezes a guest, and leaves the frozen module in pieces: most of it is where the guest has it, and a file
 * can be written without a second copy of a big memory.
 */
export function freezeInPieces(bytes: Uint8Array, options: FreezeOptions = {}): Promise<InPieces> {
  return freezeGuest(bytes, options);
}

/**
 * Freezes a guest that only its own JavaScript can bring up: the driver runs it and hands it over.
 * The module is the one of the instance that `freeze.guest` is given.
 */
export async function freezeDriven(
  driver: Driver,
  options: Omit<FreezeOptions, 'driver'> = {},
): Promise<Frozen> {
  return joined(await freezeGuest(undefined, { ...options, driver }));
}

function joined({ pieces, ...frozen }: InPieces): Frozen {
  return { bytes: pieces.finish(), ...frozen };
}

async function freezeGuest(bytes: Uint8Array | undefined, options: FreezeOptions): Promise<InPieces> {
  const journal = new Journal(options);
  const { open = false } = options;

  // Sections are views; bodies stay bytes.
  const given = bytes && journal.pass('parse', () => parse(bytes));
  if (given !== undefined) {
    checkEntries(given, options);
    warnOfRelaxed(given, journal);
    checkRenames(given, options.init?.renames ?? []);
  }
  const init = given && options.init && initFunction(given, options.init);

  const digests = options.provenance === false ? undefined : digestInputs(bytes, options);
  const before = given && readProvenance(given);
  if (before !== undefined && before.open !== true) journal.warn(frozenBefore());

  // The guest runs, instrumented: every piece of its state can be reached from outside.
  const guest = await journal.passAsync('thaw', () =>
    startGuest(given && bytes && { module: given, bytes }, options, journal),
  );
  const { module } = guest;
  const old = versionWarning(module, VERSION);
  if (old !== undefined) journal.warn(old);
  const stubs = new Map(stubbedImports(module, options.stubs ?? []));
  // What its JavaScript linked to other modules is no import of the host's.
  for (const func of guest.links.forwards?.keys() ?? []) stubs.delete(func);
  const protocol = init === undefined ? protocolOf(guest, options) : wizer(init);

  const seals = isSealed(options, protocol);

  // From here on the guest has made all the code that it will, and each module of it is linked live.
  const { calls, profile } = journal.pass('warm up', () => warmUp(guest, protocol, options, journal));

  const constants = seals ? (protocol.constants?.(guest) ?? []) : [];
  // What functions that have returned left on the stack is no state.
  const stack = options.wipeStack === false ? undefined : wipeStack(guest);
  if (options.wipeStack === true && stack !== undefined && 'unknown' in stack)
    journal.warn(stackNotWiped(stack.unknown));

  // Plain values from here on; no engine below this line, but to validate.
  const snapshot = journal.pass('capture', () => capture(guest, options.touched));

  // One module: the guest's indices are what they were, the auxiliary ones are mapped.
  const linked = journal.pass('link', () =>
    link({
      guest: module,
      auxes: guest.linker.auxes,
      held: heldBy(snapshot),
      stubs: stubBodies(module, stubs, open),
      ...guest.links,
      // What a driver has not named, only its own JavaScript could link again.
      ...(open && options.driver === undefined ? { kept: auxExports(guest.linker.auxes) } : {}),
    }),
  );

  // The world is one module: what instantiation makes is what the warmed-up guest had.
  const baked = journal.pass('bake', () => bake(linked, snapshot));
  const entries = entryFunctions(module, linked, options.entries ?? [], calls, protocol);
  const finished = journal.pass('entries', () =>
    init === undefined
      ? addEntries(baked.module, {
          entries,
          command: options.command,
          afterRestore: hookFunction(module, linked, protocol),
          open,
        })
      : renameExports(baked.module, spentExports(init, options.init), options.init?.renames ?? []),
  );
  // What the guest imports is imported again, where that is wanted, and restored; what is the host's, always.
  const kept = importAgain(finished, keptImports(given, options.importState), guest.rebound);
  const named = withoutFalseNames(module, kept);

  // The world is closed: what is constant is known, and what nothing reaches is gone.
  const sealed = seals
    ? await journal.passAsync('seal', () =>
        sealBuild(named, options, { guest, snapshot, linked, protocol, entries, constants }),
      )
    : undefined;
  const closed = sealed?.module ?? named;
  const placeOf = codePlaces(named, closed, sealed?.maps.func);
  const debug = moveDebug(module, closed, { sourceMap: options.sourceMap?.url, placeOf });
  for (const warning of debug.warnings) journal.warn(warning);

  // Nothing of this machine stands in it, or it is told where.
  const leaks = journal.pass('leaks', () => leaksIn(debug.module, guest, options));
  const bad = leaks.found.filter((leak) => !leak.allowed);
  if (options.failOnLeak === true) refuseLeaks(leaks, anyGlob(options.allowLeaks ?? []));
  for (const leak of bad) journal.warn(leakWarning(leak));

  // It says what it was made of.
  const signed = await journal.passAsync('provenance', async () => {
    if (digests === undefined) return withoutProvenance(debug.module);
    const modules = guest.linker.auxes.flatMap((aux) => (aux.bytes === undefined ? [] : [aux.bytes]));
    const facts = { options, leaks, randomBytes: guest.wasi.drawn() };
    const sources = await sourcesOf(digests, bytes?.length ?? 0, modules, facts);
    const provenance = provenanceOf(module, linked, VERSION, { open, sources });
    return withProvenance(
      withProducer(debug.module, VERSION),
      movedProvenance(provenance, named, sealed?.maps.func),
    );
  });
  const { output: most } = { ...DEFAULT_LIMITS, ...options.limits };
  if (baked.stats.segmentBytes > most) throw outputTooLarge(baked.stats.segmentBytes, most);
  const pieces = journal.pass('encode', () => written(signed));
  if (pieces.size > most) throw outputTooLarge(pieces.size, most);

  // It validates, or nothing is given back.
  await journal.passAsync('check', () => validate(encodeForValidation(signed), 'the frozen module'));
  const { sourceMap } = options;
  return {
    pieces,
    ...(sourceMap && { sourceMap: moveSourceMap(sourceMap.text, module, closed, pieces.finish(), placeOf) }),
    ...(profile === undefined ? {} : { profile }),
    report: journal.report({
      module,
      finished: closed,
      linked,
      protocol,
      guest,
      size: [bytes?.length ?? guest.size, pieces.size],
      snapshot: baked.stats,
      stubs,
      entries,
      sealed: sealed?.report,
      memory: options.measureMemory === true ? measureMemory(module, closed) : undefined,
      stack: stack === undefined || 'unknown' in stack ? undefined : stack,
      leaks,
    }),
  };
}

/** Where values of this machine, or random bytes that were served, stand in the module. */
function leaksIn(module: Module, guest: Guest, options: FreezeOptions): LeakReport {
  return findLeaks(module, {
    canaries: options.canaries ?? [],
    draws: guest.wasi.draws(),
    drawn: guest.wasi.drawn(),
    allowed: anyGlob(options.allowLeaks ?? []),
    guest: guest.module,
    programs: programsOf(options).map((program) => program.bytes),
  });
}

/** What relaxed vector instructions give is the machine's choice: it is in the snapshot then. */
function warnOfRelaxed({ codes, ...module }: Module, journal: Journal): void {
  const first = module.imports.filter(({ desc }) => desc.kind === 'func').length;
  const uses = [...instructionsOf(codes, 'relaxed-simd')].map(
    ([name, i]) => `${name} in function ${first + i}`,
  );
  if (uses.length > 0) journal.warn(relaxedSimd(uses));
}

/** How the guest is driven from here on: one that a driver has brought up speaks a protocol only where its exports say so. */
function protocolOf(guest: Guest, options: FreezeOptions): Protocol {
  const protocol = protocolFor(guest, options.protocol);
  return options.driver !== undefined && protocol.name === 'plain' ? DRIVER : protocol;
}
