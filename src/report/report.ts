/**
 * What a build did, as one object: the closing summary prints it, `--json` writes it. Sizes are in
 * bytes, times in milliseconds. Its fields only grow; `schema` counts the changes that break.
 */
import type { EngineTimes } from '../bench.ts';
import type { Warning } from '../errors/warning.ts';
import type { WipedStack } from '../host/wipe-stack.ts';
import type { LinkStats } from '../link/link.ts';
import type { BakeStats } from '../snapshot/bake.ts';
import type { LeakReport } from './leaks.ts';
import type { SealReport } from './seal.ts';

export const REPORT_SCHEMA = 2;

export interface ModuleReport {
  readonly name: string;
  readonly size: number;
  /** 1 for the first round of the warm-up. */
  readonly round: number;
  readonly linked: boolean;
  /** Functions that it defines, where it was linked. */
  readonly functions?: number;
  /** Why it was left out, where it was. */
  readonly error?: string;
}

export interface RoundReport {
  /** Modules that were handed over in this round, and the functions of those that were linked. */
  readonly modules: number;
  readonly functions: number;
  readonly size: number;
  readonly ms: number;
  /** The guest was not warmed up here but told that it will be sealed, and asked for code once more. */
  readonly sealing?: true;
}

export interface PassReport {
  readonly pass: string;
  readonly ms: number;
}

export interface MemoryReport {
  /** Bytes that are not zero. */
  readonly used: number;
  /** Bytes that are other ones than the guest's own segments put there: what the warm-up wrote. */
  readonly written: number;
}

/** Random bytes by who drew them. */
export interface DrawReport {
  /** The guest's functions that asked, the innermost first. */
  readonly stack: readonly string[];
  readonly calls: number;
  readonly bytes: number;
}

export interface Report {
  readonly schema: typeof REPORT_SCHEMA;
  /** Version of `freeze`. */
  readonly version: string;
  readonly protocol: string;
  readonly input: { readonly size: number; readonly functions: number };
  readonly output: { readonly size: number; readonly functions: number; readonly imports: readonly string[] };
  readonly rounds: readonly RoundReport[];
  readonly modules: readonly ModuleReport[];
  readonly linked: LinkStats;
  readonly snapshot: BakeStats;
  /** What sealing did; absent for a module that is open. */
  readonly sealed?: SealReport;
  /** What the memories hold when they start, where that was to be measured. */
  readonly memory?: MemoryReport;
  /** The dead part of the guest's stack, which was cleared; absent where the stack is not known. */
  readonly wipedStack?: WipedStack;
  readonly entries: readonly string[];
  readonly stubbed: readonly string[];
  /** Files that the guest wrote: in memory, gone with the build. */
  readonly filesWritten: readonly { readonly path: string; readonly size: number }[];
  readonly randomBytes: number;
  /** Who drew them; `leaks` says where they still stand. */
  readonly random: readonly DrawReport[];
  readonly leaks: LeakReport;
  readonly passes: readonly PassReport[];
  /** How long guest and output take, where that was measured: the guest first, which a driver's lacks. */
  readonly measured?: EngineTimes & { readonly call: string; readonly runs: number };
  readonly warnings: readonly Warning[];
  /** Whether all of this is of an earlier build, or is kept now; absent without a cache. */
  readonly cache?: 'hit' | 'miss';
}
