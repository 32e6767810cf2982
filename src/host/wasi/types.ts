// What the WASI hosts take and give: options, the host itself, and the errors that they throw.
// Both hosts (`wasi.ts`, in memory; `node.ts`, through node:wasi) have this one shape.

import type { Namespace, WasiFunction } from './preview1.ts';

/**
 * The realtime clock at the guest's first look at it where no `clock` is given, in nanoseconds:
 * 2020-01-01T00:00:00Z. A fixed day, because snapshots must not depend on the day of the build;
 * a recent one, because guests reject times near 0.
 */
export const DEFAULT_CLOCK = 1_577_836_800_000_000_000n;

/**
 * How much every clock moves with every look at one, in nanoseconds: 1 µs. Not 0, so that a guest
 * that waits for time to pass gets there, and close to what a look costs on a real machine, so
 * that guests that budget by time do much the same.
 */
export const CLOCK_STEP = 1_000n;

/**
 * Bytes of files held in memory, unless told otherwise: 256 MiB, room for any toolchain's library
 * and little enough for every machine. Beyond it, guests get ENOSPC, or EFBIG on opening.
 */
export const DEFAULT_FILE_BYTES: number = 256 * 1024 * 1024;

/** What both hosts take. Nothing is inherited from the process; what is absent, the guest lacks. */
export interface CommonOptions {
  /** argv, with argv[0]; default empty (argc 0). No NUL in it. */
  readonly args?: readonly string[];
  /** The environment, in the order of its keys; default empty. No NUL, no `=` in a name. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the guest reads from descriptor 0; default empty, that is, at its end. */
  readonly stdin?: Uint8Array | StdinReader;
  /** Where `random_get` takes its bytes; default denied. */
  readonly random?: RandomSource;
  /** Realtime at the start, nanoseconds since the epoch; default {@link DEFAULT_CLOCK}. */
  readonly clock?: bigint;
  /**
   * Called during each fd_write to 1, with a copy that is the callee's to keep; default dropped.
   * What it throws unwinds the guest.
   */
  readonly stdout?: (chunk: Uint8Array) => void;
  /** The same for descriptor 2. */
  readonly stderr?: (chunk: Uint8Array) => void;
}

/**
 * Input as it comes: asked for at most so many bytes during an fd_read, it waits for some; none is
 * the end. What it throws unwinds the guest.
 */
export type StdinReader = (most: number) => Uint8Array;

/** What {@link createWasi} takes. */
export interface WasiOptions extends CommonOptions {
  /** Preopened directories, at descriptors 3, 4, … in this order; default none. */
  readonly mounts?: readonly Mount[];
  /** Bytes of file content that may be held in memory; default {@link DEFAULT_FILE_BYTES}. */
  readonly maxFileBytes?: number;
  /** Answers for arguments and environment itself, where loading @wasmer/wasi for them takes too long. */
  readonly light?: boolean;
}

/** A directory of the guest's that stands for a directory elsewhere. */
export interface Mount {
  /** Its name in the guest: `/`, `/work`, `.`. */
  readonly guest: string;
  /** Where its files come from. They are only read; what the guest writes stays in memory. */
  readonly source: FileSource;
}

/**
 * Where a mount's files come from, synchronously and one at a time: asked only for what the guest
 * names. Paths are relative to the mount's root, `/`-separated, without `.`, `..` or empty parts;
 * the root itself is `''`. A source must never lead out of its root (see `node-files.ts`).
 */
export interface FileSource {
  /** The names in a directory, in any order; undefined where there is no such directory. */
  list(path: string): readonly DirEntry[] | undefined;
  /** What is there; undefined where there is nothing, or nothing that a guest may have. */
  stat(path: string): SourceStat | undefined;
  /** The file's bytes, the host's to keep. Throws where it cannot; the guest then gets EIO. */
  read(path: string): Uint8Array;
}

/** A name in a directory. */
export interface DirEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory';
}

/** What a {@link FileSource} tells of a path; `size` in bytes, 0 for directories. */
export interface SourceStat {
  readonly kind: 'file' | 'directory';
  readonly size: number;
}

/**
 * Where `random_get` takes its bytes.
 * - denied: nowhere; the call throws {@link RandomDenied}.
 * - seeded: the generator of `random.ts`; `seed` is taken modulo 2^64.
 * - system: the machine's `crypto.getRandomValues`; the snapshot then differs from build to build.
 *
 * `budget` is how many bytes the guest may draw in all; default any number.
 */
export type RandomSource =
  | { readonly kind: 'denied' }
  | { readonly kind: 'seeded'; readonly seed: bigint; readonly budget?: number }
  | { readonly kind: 'system'; readonly budget?: number };

/** Random bytes that were served at once, and the guest's functions that asked, the innermost first. */
export interface RandomDraw {
  readonly bytes: Uint8Array;
  readonly stack: readonly string[];
}

/** A file that the guest created or changed: its path in the guest, its size in bytes. */
export interface WrittenFile {
  readonly path: string;
  readonly size: number;
}

/** A descriptor that the guest holds open, and the guest's path it was opened with. */
export interface OpenFile {
  readonly fd: number;
  readonly path: string;
}

/** A WASI host for one instance of one guest. */
export interface WasiHost {
  /**
   * What to merge into the guest's import object: every preview 1 call, under the names
   * (`wasi_snapshot_preview1`, `wasi_unstable`) that the guest imports from.
   */
  readonly imports: Readonly<Partial<Record<Namespace, Readonly<Record<string, WasiFunction>>>>>;
  /**
   * Tells the host the guest's memory. To be called once, after instantiation and before any
   * export; before instantiation where the guest imports its memory. Starts nothing: reactors and
   * commands are called by whoever instantiated them. Takes an instance that exports `memory`, or
   * the memory itself. Throws {@link WasiUnbound} where an instance has no such export. A call
   * that needs the memory before that (from a start function) throws it as well.
   */
  bind(target: WebAssembly.Instance | WebAssembly.Memory): void;
  /** Files the guest created or changed, sorted by path. In memory only, but for `node.ts`. */
  filesWritten(): readonly WrittenFile[];
  /** Set where these are files of the machine, and stay. */
  readonly onDisk?: true;
  /** Descriptors open beyond stdio and preopens, in the order of their numbers. */
  openFiles(): readonly OpenFile[];
  /** How many random bytes the guest drew. */
  drawn(): number;
  /** The draws, in order, as far as they were kept. */
  draws(): readonly RandomDraw[];
}

/**
 * Thrown by `proc_exit`; unwinds the guest. A guest with a catch-all of its own can catch it, as
 * it can any JavaScript exception.
 */
export class WasiExit extends Error {
  override readonly name: string = 'WasiExit';
  /** The exit status, 0 to 2^32-1. */
  readonly code: number;

  constructor(code: number) {
    super(`the guest exited with status ${code}`);
    this.code = code;
  }
}

/**
 * Thrown by `random_get` where randomness is denied or the budget is spent; its stack has the
 * guest's frames. Every later `random_get` throws as well, so a guest that catches it gains nothing.
 */
export class RandomDenied extends Error {
  override readonly name: string = 'RandomDenied';
  readonly code: string = 'WASI_RANDOM_DENIED';
  /** Bytes that this call asked for. */
  readonly requested: number;
  /** Bytes served before it. */
  readonly drawn: number;
  /** Bytes that may be served in all. */
  readonly budget: number;

  constructor(requested: number, drawn: number, budget: number) {
    super(
      budget === 0
        ? `the guest asked for ${requested} random bytes, which a snapshot would repeat in every instance; allow it with a seed, or keep the guest from asking before the snapshot`
        : `the guest asked for ${requested} random bytes; it has drawn ${drawn} of the ${budget} that it may`,
    );
    this.requested = requested;
    this.drawn = drawn;
    this.budget = budget;
  }
}

/** Thrown where a WASI call needs the guest's memory and {@link WasiHost.bind} has not told it. */
export class WasiUnbound extends Error {
  override readonly name: string = 'WasiUnbound';
  readonly code: string = 'WASI_UNBOUND';

  constructor() {
    super(
      'a WASI call was made before the host knew the guest\'s memory: the guest exports none as "memory", or its start function makes WASI calls',
    );
  }
}

/** Thrown by the factories for options that no guest could be given (a NUL in an argument). */
export class WasiOptionError extends Error {
  override readonly name: string = 'WasiOptionError';
  readonly code: string = 'WASI_OPTION';
}
