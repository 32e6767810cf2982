/** What a command has of the process, which only main.ts touches. */
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
  /** Makes a folder the current one. */
  readonly enter: (folder: string) => void;
  /** Runs `freeze` with another line, in a process of its own; what it wrote to stderr, and its exit code. */
  readonly again: (line: readonly string[]) => Promise<{ readonly code: number; readonly text: string }>;
  /** The environment of this process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the Node that this runs on: `v20.19.0`. */
  readonly nodeVersion: string;
  /** Does `work`; if a signal ends the process meanwhile, `cleanUp` comes first. */
  readonly guarded: <T>(cleanUp: () => void, work: () => Promise<T>) => Promise<T>;
}
