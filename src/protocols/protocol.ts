/**
 * A protocol is how a kind of guest is driven: how it takes a program, how it runs one, and how it
 * hands over the code that its JIT made. It knows the guest's exports and nothing of linking.
 */

import { endless, endlesslyRefused } from '../errors/guest.ts';
import { takesNoProfile } from '../errors/unsupported.ts';
import type { Guest, WasmValue } from '../host/guest.ts';

/** A program as the user gave it. */
export interface Program {
  /** What the user called it: a path, as written. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A call of an export with constant arguments: what a loaded program comes down to. */
export interface Call {
  readonly export: string;
  readonly args: readonly WasmValue[];
  /** For messages: `bench.scm`, or `f(1)`. */
  readonly label: string;
}

export interface Protocol {
  readonly name: string;
  /** Gives the guest a program that stays. Throws a GuestError where the guest refuses it. */
  load(guest: Guest, program: Program): Call;
  /** Runs a call, and throws a GuestError where the guest reports a failure. */
  run(guest: Guest, call: Call): void;
  /** Links all the modules that the guest has ready; how many it handed over. */
  collect(guest: Guest): number;
  /** Gives the guest a profile of its own. Throws a FreezeError where it takes none, or not this one. */
  loadProfile(guest: Guest, bytes: Uint8Array): void;
  /** What the guest has learned; undefined where it tells nothing. */
  saveProfile(guest: Guest): Uint8Array | undefined;
  /** Whether the result of a call from `load` is an i32 status, 0 for success. */
  readonly returnsStatus: boolean;
  /**
   * Tells the guest that no more code will be asked for. `only`: the calls that will be made, where
   * there will be no others, because what loads and runs programs goes.
   */
  seal?(guest: Guest, only?: readonly Call[]): void;
  /** The last call before the snapshot. */
  beforeSnapshot(guest: Guest): void;
  /** The export that each thawed instance calls once, first. */
  readonly afterRestore: string | undefined;
  /**
   * Its own exports: `freeze` calls those of `build`, and what takes programs and runs them a host may
   * call too. Undefined for a name that is none of the protocol's.
   */
  use(name: string): 'build' | 'program' | undefined;
  /** After the last call: bytes of the guest's memory that it never writes again. */
  constants?(guest: Guest): readonly MemoryRange[];
}

/** Bytes [start, start + size) of the guest's first memory. */
export interface MemoryRange {
  readonly start: number;
  readonly size: number;
}

/** More modules in one collection than any guest has: it makes them without end. */
const MOST_POLLS = 1_000_000;
/** So many one after the other that cannot be linked: it does not listen. */
const MOST_REFUSED = 10_000;

/**
 * Calls `poll` until it has no more: it links one module and gives its status, or undefined where
 * there is none. How many there were.
 */
export function drain(name: string, poll: () => number | undefined): number {
  let refused = 0;
  for (let count = 0; count < MOST_POLLS && refused < MOST_REFUSED; count++) {
    const status = poll();
    if (status === undefined) return count;
    refused = status === 0 ? 0 : refused + 1;
  }
  throw refused < MOST_REFUSED ? endless(name, MOST_POLLS) : endlesslyRefused(name, MOST_REFUSED);
}

/** For protocols that know no profiles. */
export const NO_PROFILES: Pick<Protocol, 'loadProfile' | 'saveProfile'> = {
  loadProfile() {
    throw takesNoProfile();
  },
  saveProfile: () => undefined,
};
