/**
 * What a build is told: the options of `freeze`, and what it tells while it works.
 */
import type { HostFactory } from './host/guest.ts';
import type { LiveLimits } from './host/live.ts';
import type { ProtocolName } from './protocols/detect.ts';
import type { DEFAULT_DRIVER_TIMEOUT_MS, Driver } from './protocols/driver.ts';
import type { Program } from './protocols/protocol.ts';
import type { OptimizeLevel } from './seal/optimize.ts';
import type { Assumption } from './sealing.ts';
import type { StubOption } from './stubs.ts';
import type { EntryOption, Workload } from './workloads.ts';

/** What happens, while it happens. */
export type Progress =
  | { readonly kind: 'pass'; readonly pass: string }
  | { readonly kind: 'workload'; readonly label: string; readonly round: number }
  | { readonly kind: 'module'; readonly name: string; readonly size: number; readonly error?: string };

export interface FreezeOptions {
  /** Programs that the guest loads and keeps, in order. */
  readonly loads?: readonly Program[];
  /** What each round of the warm-up runs, in order. Programs are loaded first. */
  readonly warmups?: readonly Workload[];
  /** Functions that the output exports beside the guest's. */
  readonly entries?: readonly EntryOption[];
  /** The name of the entry that is `_start` in the output. */
  readonly command?: string;
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
  readonly limits?: LiveLimits;
  /** Makes the guest's WASI host; default one in memory in which there is nothing. */
  readonly host?: HostFactory;
  readonly onProgress?: (event: Progress) => void;
  /** Brings the guest up and warms it, as its own JavaScript does: see docs/drivers.md. */
  readonly driver?: Driver;
  readonly driverArgs?: readonly string[];
  /** The longest that the driver may take; default {@link DEFAULT_DRIVER_TIMEOUT_MS}. */
  readonly driverTimeoutMs?: number;
  /**
   * Whether the module is sealed: closed, so that constant indirect calls are direct and what nothing
   * reaches goes. Default: guests of the freeze and wasm-jit protocols are. See docs/sealing.md.
   */
  readonly seal?: boolean;
  /** Leaves the module open, which is the other answer to `seal`. */
  readonly open?: boolean;
  /** What the user vouches for in a sealed module. */
  readonly assume?: readonly Assumption[];
  /** Sealing moves no byte of code, so that debug information stays true: calls become direct, and nothing goes. */
  readonly debug?: boolean;
  /** Exports that sealing keeps or takes away, as patterns in which `*` stands for anything. */
  readonly keep?: readonly string[];
  readonly drop?: readonly string[];
  /** How much the generated functions of a sealed module are optimized; default `fast`. */
  readonly optimize?: OptimizeLevel;
  /** Keeps JavaScript functions that auxiliary modules import as imports of the output, by their own names. */
  readonly keepHostFunctions?: boolean;
}

/** Most guests are quiet after two rounds; one that never is must not keep a build for ever. */
export const DEFAULT_ROUNDS = 16;

/** Ten times what any guest known makes, and 256 MiB of code: beyond it, memory runs out. */
export const DEFAULT_LIMITS: LiveLimits = { modules: 100_000, bytes: 256 * 1024 * 1024 };
