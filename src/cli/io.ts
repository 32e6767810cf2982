/** What a command has of the process, which only main.ts touches. */
import type { FreezeError } from '../errors/classes.ts';
import type { Machine } from './canaries.ts';
import type { Sink } from './stdio.ts';

export interface Io {
  readonly out: Sink;
  readonly err: Sink;
  /** Whether somebody watches stderr: a terminal, and no CI. */
  readonly interactive: boolean;
  /** Whether stderr is a log that is read afterwards: CI. */
  readonly log: boolean;
  /** All of standard input. */
  readonly readStdin: () => Uint8Array;
  /** Standard input as it comes. */
  readonly liveStdin: (most: number) => Uint8Array;
  /** Asks on the terminal for a line; empty at its end. */
  readonly ask: (question: string) => Promise<string>;
  /** Makes a folder the current one. */
  readonly enter: (folder: string) => void;
  /** Runs `freeze` with another line, in a process of its own; what it wrote to stderr, and its exit code. */
  readonly again: (line: readonly string[]) => Promise<{ readonly code: number; readonly text: string }>;
  /** The environment of this process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the Node that this runs on: `v20.19.0`. */
  readonly nodeVersion: string;
  /** The machine, whose values must not get into a module. */
  readonly machine: () => Machine;
  /** What starts this process again, and the variable that then names the directory to go to. */
  readonly self: { readonly node: string; readonly script: string; readonly elsewhere: string };
  /** All files that the user named have been read: what the process does from here on needs no directory. */
  readonly inputsRead: () => void;
  /** Ends the process with an error, from wherever it is. */
  readonly fail: (error: FreezeError) => never;
  /** Does `work`; if a signal ends the process meanwhile, `cleanUp` comes first. */
  readonly guarded: <T>(cleanUp: () => void, work: () => Promise<T>) => Promise<T>;
}
