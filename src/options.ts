/**
 * What a build is told: the options of `freeze`, and what it tells while it works.
 */
import type { HostFactory, Supervise, UnknownImports } from './host/guest.ts';
import type { Limits } from './host/limits.ts';
import type { Preload } from './host/preload.ts';
import type { Touched } from './host/touched.ts';
import type { ImportState } from './link/keep-imports.ts';
import type { Profile } from './profile.ts';
import type { ProtocolName } from './protocols/detect.ts';
import type { DEFAULT_DRIVER_TIMEOUT_MS, Driver } from './protocols/driver.ts';
import type { Program } from './protocols/protocol.ts';
import type { InitOptions } from './protocols/wizer.ts';
import type { Canary } from './report/leaks.ts';
import type { OptimizeLevel, Recipe } from './seal/optimize.ts';
import type { Assumption } from './sealing.ts';
import type { StubOption } from './stubs.ts';
import type { EntryOption, Workload } from './workloads.ts';

/** What happens, while it happens. */
export type Progress =
  | { readonly kind: 'pass'; readonly pass: string }
  | { readonly kind: 'workload'; readonly label: string; readonly round: number }
  | { readonly kind: 'module'; readonly name: string; readonly size: number; readonly error?: string };

export interface OtherInput {
  readonly kind: 'driver' | 'profile' | 'stdin';
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface FreezeOptions {
  /** Programs that the guest loads and keeps, in order. */
  readonly loads?: readonly Program[];
  /** What each round of the warm-up runs, in order. Programs are loaded first. */
  readonly warmups?: readonly Workload[];
  /** Functions that the output exports beside the guest's. */
  readonly entries?: readonly EntryOption[];
  /** The name of the entry that is `_start` in the output. */
  readonly command?: string;
  /** What earlier builds learned: the guest begins with it. */
  readonly profiles?: readonly Profile[];
  /** Whether to say what this one learned: `profile` of the result. */
  readonly saveProfile?: boolean;
  /** Whether the profile is to tell how often each table slot was called; the warm-up is slower then. */
  readonly countCalls?: boolean;
  /** Drives the guest by this protocol, whatever its exports tell. */
  readonly protocol?: ProtocolName;
  /** The most rounds of warm-up; default {@link DEFAULT_ROUNDS}. It ends when one brings no new code. */
  readonly rounds?: number;
  /** Imports that become functions of the module; the first pattern that fits counts. */
  readonly stubs?: readonly StubOption[];
  /**
   * Clears the part of the stack that no function uses, where it is known which that is: the default.
   * `true` warns where it is not known, `false` leaves the stack as it is.
   */
  readonly wipeStack?: boolean;
  /** The guest's source map: it becomes that of the output, which names it by this URL. */
  readonly sourceMap?: { readonly text: string; readonly url: string };
  /** Has the report say how much of the memory the warm-up wrote; it takes a look at every byte. */
  readonly measureMemory?: boolean;
  /** Leaves out auxiliary modules that cannot be linked, where otherwise the first one is an error. */
  readonly skipBadModules?: boolean;
  /** What the guest and its modules may take; each defaults to that of {@link DEFAULT_LIMITS}. */
  readonly limits?: Partial<Limits>;
  /** Makes the guest's WASI host; default one in memory in which there is nothing. */
  readonly host?: HostFactory;
  /**
   * Told synchronously, also right before the guest is run. Nothing here can stop a guest that loops
   * for ever: who runs guests of others calls `freeze` in a worker and terminates it at a deadline.
   */
  readonly onProgress?: (event: Progress) => void;
  /** Files that may be open at the snapshot, by the guest's path; `*` stands for any characters. */
  readonly allowOpenFiles?: readonly string[];
  /** Values that must not stand in the output: it is searched for them, and for random bytes served. */
  readonly canaries?: readonly Canary[];
  /** Names of canaries, or `random`, that may stand there; `*` stands for any characters. */
  readonly allowLeaks?: readonly string[];
  /** Throws a CheckError where one that is not allowed does. */
  readonly failOnLeak?: boolean;
  /** Whether the output says in custom sections what it was made of, and by what; default true. */
  readonly provenance?: boolean;
  /** What is to be said there of the host: names, and no values that are secret. */
  readonly hostSummary?: Readonly<Record<string, unknown>>;
  /** What else the module is made of, to be named there with its digest: a driver, a profile, standard input. */
  readonly otherInputs?: readonly OtherInput[];
  /** Brings the guest up and warms it, as its own JavaScript does: see docs/drivers.md. */
  readonly driver?: Driver;
  readonly driverArgs?: readonly string[];
  /** The longest that the driver may take; default {@link DEFAULT_DRIVER_TIMEOUT_MS}. */
  readonly driverTimeoutMs?: number;
  /** What becomes of memories, tables, globals and tags that the guest imports; refused unless said. */
  readonly importState?: ImportState;
  /**
   * Whether the output can be linked live further, and frozen again with what it makes then: it
   * imports `freeze.link` where the guest does, and exports what auxiliary modules exported. It is
   * the other answer to `seal`.
   */
  readonly open?: boolean;
  /**
   * Whether the module is sealed: closed, so that constant indirect calls are direct and what nothing
   * reaches goes. Default: guests of the freeze and wasm-jit protocols are. See docs/sealing.md.
   */
  readonly seal?: boolean;
  /** What the user vouches for in a sealed module. */
  readonly assume?: readonly Assumption[];
  /** Sealing moves no byte of code, so that debug information stays true: calls become direct, and nothing goes. */
  readonly debug?: boolean;
  /** Exports that sealing keeps or takes away, as patterns in which `*` stands for anything. */
  readonly keep?: readonly string[];
  readonly drop?: readonly string[];
  /** How much the generated functions of a sealed module are optimized; default `fast`. */
  readonly optimize?: OptimizeLevel;
  /** What `fast` or `max` does, for who measures what it could do (bench/passes.ts). */
  readonly recipe?: Recipe;
  /** Keeps JavaScript functions that auxiliary modules import as imports of the output, by their own names. */
  readonly keepHostFunctions?: boolean;
  /** Initializes the guest as Wizer does, instead of warming it up: see docs/wizer.md. */
  readonly init?: InitOptions;
  /** Modules that give the guest imports while it runs, and that the output goes on importing from. */
  readonly preloads?: readonly Preload[];
  /** Whether imported functions that nobody gives are refused (the default), or trap when they are called. */
  readonly unknownImports?: UnknownImports;
  /** Runs each call into the guest; it may end one by throwing, as a deadline does. */
  readonly supervise?: Supervise;
  /** Tells which parts of a memory can hold more than zeros; what comes out is the same, sooner. */
  readonly touched?: Touched;
}

/** Most guests are quiet after two rounds; one that never is must not keep a build for ever. */
export const DEFAULT_ROUNDS = 16;

export { DEFAULT_LIMITS } from './host/limits.ts';
