// The suite as the oracle of freezing: each module is frozen after some of its actions, and the frozen module
// stands in its place for those that remain. It is `freeze` itself that does it, with the script as warm-up.

import { FreezeError } from '../../src/errors/classes.ts';
import { type Frozen, freeze } from '../../src/freeze.ts';
import { Guest, type HostFactory } from '../../src/host/guest.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { Declined, Replacement, Replacing, SameTrap, Staged, TransformContext } from './run.ts';
import type { Command } from './suite.ts';

/** After how many of the actions on an instance it is frozen. */
export type Point = (actions: readonly Command[]) => number;

export const POINTS: Readonly<Record<string, Point>> = {
  /** What instantiation made, and nothing else. */
  start: () => 0,
  one: () => 1,
  half: (actions) => Math.floor(actions.length / 2),
  /** Behind the last invocation that is there for its effect; else before the last assertion. */
  late: (actions) => {
    const setup = actions.findLastIndex((command) => command.kind === 'action') + 1;
    return setup > 0 && setup < actions.length ? setup : Math.max(0, actions.length - 1);
  },
};

/** How the frozen module is sealed. */
export type Sealing =
  /** Every export stays, tables too. */
  | 'sealed'
  /** Where no other module imports from it, only those exports stay that the script still names. */
  | 'closed';

/** Sealed, a call of a slot that cannot be called traps in other words: null slots may go, or be known to trap. */
export const sealedTraps: SameTrap = (before, after) =>
  before === after ||
  (SLOT_TRAPS.test(before) && (SLOT_TRAPS.test(after) || after === 'RuntimeError: unreachable'));

const SLOT_TRAPS =
  /^RuntimeError: (?:null function|function signature|table index|indirect call|dereferencing a null)/u;

export interface FreezingOptions {
  readonly point: Point;
  readonly onReplaced?: NonNullable<Replacing['onReplaced']>;
  /** For a control: freezes what instantiation made, whatever was done to it since. */
  readonly dropState?: boolean;
  readonly sealing?: Sealing;
}

export function freezing({ point, onReplaced, dropState = false, sealing }: FreezingOptions): Replacing {
  return {
    after: point,
    stage: (bytes, context, called) =>
      stage(bytes, context, dropState, sealing === undefined ? {} : sealOptions(bytes, sealing, called)),
    ...(onReplaced === undefined ? {} : { onReplaced }),
  };
}

function sealOptions(
  bytes: Uint8Array,
  sealing: Sealing,
  called: ReadonlySet<string> | undefined,
): FreezeOptions {
  // A pattern must fit an export.
  if (parse(bytes).exports.length === 0) return { seal: true };
  if (sealing === 'sealed' || called === undefined) return { seal: true, keep: ['*'] };
  return { seal: true, keep: [...called], drop: ['*'] };
}

async function stage(
  bytes: Uint8Array,
  { imports }: TransformContext,
  dropState: boolean,
  options: FreezeOptions,
): Promise<Staged | Declined> {
  let open = (): void => {};
  const gate = dropState ? Promise.resolve() : new Promise<void>((resolve) => (open = resolve));
  const held = freezeHeld(bytes, { ...options, protocol: 'plain', host: hostOf(imports) }, gate);
  let live: Guest;
  try {
    live = await held.started;
  } catch (error) {
    return declined(error);
  }
  return {
    exports: live.instance.exports,
    async thaw(): Promise<Replacement | Declined> {
      open();
      try {
        const output = (await held.frozen).bytes;
        const module = new WebAssembly.Module(output as Uint8Array<ArrayBuffer>);
        return { bytes: output, exports: new WebAssembly.Instance(module, imports).exports };
      } catch (error) {
        return declined(error);
      }
    },
  };
}

/** Freezes, and holds between the start of the guest and its warm-up until `gate`. */
function freezeHeld(
  bytes: Uint8Array,
  options: FreezeOptions,
  gate: Promise<void>,
): { readonly started: Promise<Guest>; readonly frozen: Promise<Frozen> } {
  const { start } = Guest;
  let frozen: Promise<Frozen> | undefined;
  const started = new Promise<Guest>((resolve, reject) => {
    const held: typeof start = async (given) => {
      Guest.start = start;
      const live = await start.call(Guest, given);
      resolve(live);
      await gate;
      return live;
    };
    Guest.start = held;
    frozen = freeze(bytes, options).finally(() => {
      if (Guest.start === held) Guest.start = start;
    });
    // It may fail before anybody waits for it.
    frozen.catch(reject);
  });
  if (frozen === undefined) throw new TypeError('nothing was frozen');
  return { started, frozen };
}

/** What cannot be frozen is refused by name; anything else is a bug, and a failure. */
function declined(error: unknown): Declined {
  if (error instanceof FreezeError && error.exitCode === 4) return { skip: error.code };
  throw error;
}

/** The functions that the script has registered. */
function hostOf(imports: WebAssembly.Imports): HostFactory {
  return async () => ({
    imports: imports as Record<string, Record<string, (...args: never[]) => unknown>>,
    bind: () => {},
    filesWritten: () => [],
    openFiles: () => [],
    drawn: () => 0,
    draws: () => [],
  });
}
