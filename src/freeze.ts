/**
 * The list of passes. From here one sees what `freeze` does to a module, in order, and what holds
 * from each step on; how a step does it stands in the file that has its name.
 */
import { capture } from './host/capture.ts';
import { validate } from './host/engine.ts';
import type { Guest } from './host/guest.ts';
import { wipeStack } from './host/wipe-stack.ts';
import { Journal } from './journal.ts';
import { moveDebug } from './link/debug.ts';
import { addEntries } from './link/entries.ts';
import { link } from './link/link.ts';
import { withoutFalseNames } from './link/names.ts';
import { withProducer } from './link/producers.ts';
import { moveSourceMap } from './link/source-map.ts';
import type { FreezeOptions } from './options.ts';
import { protocolFor } from './protocols/detect.ts';
import { DRIVER, type Driver } from './protocols/driver.ts';
import type { Protocol } from './protocols/protocol.ts';
import { measureMemory } from './report/memory/memory.ts';
import { movedProvenance, provenanceOf, withProvenance } from './report/provenance.ts';
import type { Report } from './report/report.ts';
import { codePlaces, isSealed, sealBuild } from './sealing.ts';
import { bake } from './snapshot/bake.ts';
import { heldBy } from './snapshot/state.ts';
import { stubBodies, stubbedImports } from './stubs.ts';
import { VERSION } from './version.ts';
import { startGuest, warmUp } from './warm-up.ts';
import { encode } from './wasm/encode.ts';
import { parse } from './wasm/parse.ts';
import { checkEntries, entryFunctions, hookFunction } from './workloads.ts';

export interface Frozen {
  /** The frozen module. */
  readonly bytes: Uint8Array;
  readonly report: Report;
  /** Its source map, where the guest's was given. */
  readonly sourceMap?: string;
}

/**
 * Freezes a guest: `bytes` is a core module in the binary format, the result one that starts where
 * the warmed-up guest stopped, with the code that it generated inside.
 *
 * Throws a MalformedError for bytes that are no module, an UnsupportedError for state that no
 * module can hold, a LinkError for a bad auxiliary module, a GuestError for what the guest did, a
 * UsageError for options that do not fit the guest.
 */
export function freeze(bytes: Uint8Array, options: FreezeOptions = {}): Promise<Frozen> {
  return freezeGuest(bytes, options);
}

/**
 * Freezes a guest that only its own JavaScript can bring up: the driver runs it and hands it over.
 * The module is the one of the instance that `freeze.guest` is given.
 */
export function freezeDriven(driver: Driver, options: Omit<FreezeOptions, 'driver'> = {}): Promise<Frozen> {
  return freezeGuest(undefined, { ...options, driver });
}

async function freezeGuest(bytes: Uint8Array | undefined, options: FreezeOptions): Promise<Frozen> {
  const journal = new Journal(options);

  // Sections are views; bodies stay bytes.
  const given = bytes && journal.pass('parse', () => parse(bytes));
  if (given !== undefined) checkEntries(given, options);

  // The guest runs, instrumented: every piece of its state can be reached from outside.
  const guest = await journal.passAsync('thaw', () =>
    startGuest(given && bytes && { module: given, bytes }, options, journal),
  );
  const { module } = guest;
  const stubs = new Map(stubbedImports(module, options.stubs ?? []));
  // What its JavaScript linked to other modules is no import of the host's.
  for (const func of guest.links.forwards?.keys() ?? []) stubs.delete(func);
  const protocol = protocolOf(guest, options);

  const seals = isSealed(options, protocol);

  // From here on the guest has made all the code that it will, and each module of it is linked live.
  const calls = journal.pass('warm up', () => warmUp(guest, protocol, options, journal));

  const constants = seals ? (protocol.constants?.(guest) ?? []) : [];
  // What functions that have returned left on the stack is no state.
  const stack = options.wipeStack === false ? undefined : wipeStack(guest);
  if (options.wipeStack === true && stack !== undefined && 'unknown' in stack)
    journal.warn(`the stack was not wiped: ${stack.unknown}`);

  // Plain values from here on; no engine below this line, but to validate.
  const snapshot = journal.pass('capture', () => capture(guest));

  // One module: the guest's indices are what they were, the auxiliary ones are mapped.
  const linked = journal.pass('link', () =>
    link({
      guest: module,
      auxes: guest.linker.auxes,
      held: heldBy(snapshot),
      stubs: stubBodies(module, stubs),
      ...guest.links,
    }),
  );

  // The world is one module: what instantiation makes is what the warmed-up guest had.
  const baked = journal.pass('bake', () => bake(linked, snapshot));
  const entries = entryFunctions(module, linked, options.entries ?? [], calls, protocol);
  const finished = journal.pass('entries', () =>
    addEntries(baked.module, {
      entries,
      command: options.command,
      afterRestore: hookFunction(module, linked, protocol),
    }),
  );
  const named = withoutFalseNames(module, finished);
  // The world is closed: what is constant is known, and what nothing reaches is gone.
  const sealed = seals
    ? await journal.passAsync('seal', () =>
        sealBuild(named, options, { guest, snapshot, linked, protocol, entries, constants }),
      )
    : undefined;
  const closed = sealed?.module ?? named;
  const placeOf = codePlaces(named, closed, sealed?.func);
  const debug = moveDebug(module, closed, { sourceMap: options.sourceMap?.url, placeOf });
  for (const warning of debug.warnings) journal.warn(warning);
  const output = journal.pass('encode', () =>
    encode(
      withProvenance(
        withProducer(debug.module, VERSION),
        movedProvenance(provenanceOf(module, linked, VERSION), named, sealed?.func),
      ),
    ),
  );

  // It validates, or nothing is given back.
  await journal.passAsync('check', () => validate(output, 'the frozen module'));
  const { sourceMap } = options;
  return {
    bytes: output,
    ...(sourceMap && { sourceMap: moveSourceMap(sourceMap.text, module, closed, output, placeOf) }),
    report: journal.report({
      module,
      finished: closed,
      linked,
      protocol,
      guest,
      size: [bytes?.length ?? guest.size, output.length],
      snapshot: baked.stats,
      stubs,
      entries,
      sealed: sealed?.report,
      memory: options.measureMemory === true ? measureMemory(module, closed) : undefined,
      stack: stack === undefined || 'unknown' in stack ? undefined : stack,
    }),
  };
}

/** How the guest is driven from here on: one that a driver has brought up speaks a protocol only where its exports say so. */
function protocolOf(guest: Guest, options: FreezeOptions): Protocol {
  const protocol = protocolFor(guest, options.protocol);
  return options.driver !== undefined && protocol.name === 'plain' ? DRIVER : protocol;
}
