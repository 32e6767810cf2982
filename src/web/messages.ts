/**
 * What the page and its worker say to each other. The guest runs in the worker, so that the page
 * answers while a program runs, and an endless one can be stopped.
 */
import type { Warning } from '../errors/warning.ts';
import type { MemoryMap } from '../report/memory-map.ts';

/** The three ways to run a program: interpreted, with live-linked code, and frozen. */
export type Way = 'evaluate' | 'jit' | 'freeze';

export type Request =
  | { readonly kind: Way; readonly program: string }
  | { readonly kind: 'print'; readonly index: number };

export interface FunctionLine {
  /** Its funcidx in the frozen module. */
  readonly index: number;
  readonly name: string;
  /** Bytes of its body. */
  readonly size: number;
}

/** A frozen module, as the page shows it. */
export interface FrozenFacts {
  readonly bytes: Uint8Array;
  /** What the guest weighs without any of it. */
  readonly guestBytes: number;
  /** The functions that the JIT made. */
  readonly functions: readonly FunctionLine[];
  readonly memory: MemoryMap | undefined;
  /** Compilation and instantiation. */
  readonly startMs: number;
  readonly warnings: readonly Warning[];
}

/** Times are in milliseconds, sizes in bytes. */
export interface Done {
  readonly kind: 'done';
  readonly way: Way;
  /** The shortest of `runs`. */
  readonly ms: number;
  readonly runs: number;
  /** What came before the run: warming up and linking, or the whole of `freeze`. */
  readonly beforeMs: number;
  readonly output: string;
  /** Auxiliary modules that were linked, and the bytes of them. */
  readonly modules: number;
  readonly moduleBytes: number;
  readonly frozen?: FrozenFacts;
}

/** The text of a function, as it was linked and as it is once the module is sealed. */
export interface Printed {
  readonly kind: 'printed';
  readonly index: number;
  readonly text: string;
  readonly linked: string | undefined;
}

export interface Failed {
  readonly kind: 'failed';
  readonly message: string;
  /** Where in the program, counted from 1. */
  readonly line: number | undefined;
  readonly output: string;
}

export type Answer = Done | Printed | Failed;

/** What the program is called in messages. */
export const PROGRAM_NAME = 'program.scm';
