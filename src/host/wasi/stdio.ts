// Descriptors 0, 1 and 2: the same on every host and whatever the process has there.
//
// Input is a given sequence of bytes, or read as the guest asks for it; output goes to a callback as it comes. All three say that
// they are terminals: C libraries then write line by line, so that less of what a warm-up prints
// is still in the guest's buffers when the snapshot is taken, to be printed again by every
// instance. It is also what @wasmer/wasi says.

import type { GuestMemory } from './memory.ts';
import { Errno, FdFlag, type Fdstat, type Filestat, FileType, Right } from './preview1.ts';
import type { CommonOptions, StdinReader } from './types.ts';

/** Output taken from one call; more is a short write, which guests go on from. */
const MAX_CHUNK = 1 << 24;

const NOTHING = new Uint8Array(0);

/** Which of the three. */
export type StdioNumber = 0 | 1 | 2;

/** Whether a descriptor's number is one of the three. */
export function isStdio(fd: number): fd is StdioNumber {
  return fd >>> 0 < 3;
}

/** The three descriptors of one guest. */
export class Stdio {
  readonly #memory: GuestMemory;
  readonly #input: Uint8Array;
  readonly #reader: StdinReader | undefined;
  readonly #output: CommonOptions['stdout'];
  readonly #errors: CommonOptions['stderr'];
  #position = 0;

  constructor(memory: GuestMemory, options: CommonOptions) {
    this.#memory = memory;
    const { stdin } = options;
    this.#reader = typeof stdin === 'function' ? stdin : undefined;
    this.#input = stdin === undefined || typeof stdin === 'function' ? NOTHING : stdin;
    this.#output = options.stdout;
    this.#errors = options.stderr;
  }

  /** Bytes of input that are left; where it is live, 1, for nobody knows before asking. */
  get left(): number {
    if (this.#reader !== undefined) return 1;
    return this.#input.length - this.#position;
  }

  read(which: StdioNumber, pointer: number, count: number, readPointer: number): Errno {
    if (which !== 0) return Errno.badf;
    const vectors = this.#memory.vectors(pointer, count);
    if (typeof vectors === 'number') return vectors;
    const read = this.#reader === undefined ? this.#given(vectors) : asked(this.#reader, vectors);
    this.#memory.setU32(readPointer, read);
    return Errno.success;
  }

  /** Puts the next bytes of the input into vectors: how many. */
  #given(vectors: readonly Uint8Array[]): number {
    const bytes = fill(vectors, this.#input, this.#position);
    this.#position += bytes;
    return bytes;
  }

  write(which: StdioNumber, pointer: number, count: number, writtenPointer: number): Errno {
    if (which === 0) return Errno.badf;
    const chunk = this.#memory.gathered(pointer, count, MAX_CHUNK);
    if (typeof chunk === 'number') return chunk;
    this.#memory.setU32(writtenPointer, chunk.length);
    if (chunk.length === 0) return Errno.success;
    const output = which === 1 ? this.#output : this.#errors;
    output?.(chunk);
    return Errno.success;
  }

  fdstat(which: StdioNumber): Fdstat {
    // Without the rights to seek and tell: that is how wasi-libc's isatty knows a terminal.
    const rights = which === 0 ? Right.fdRead : Right.fdWrite;
    const flags = which === 0 ? 0 : FdFlag.append;
    return { type: FileType.characterDevice, flags, rights, inheriting: 0n };
  }

  filestat(which: StdioNumber): Filestat {
    const numbers = { dev: 0n, ino: BigInt(which), nlink: 1, size: 0 };
    return { type: FileType.characterDevice, ...numbers, atim: 0n, mtim: 0n, ctim: 0n };
  }
}

/** Puts what comes into vectors: how many bytes. */
function asked(reader: StdinReader, vectors: readonly Uint8Array[]): number {
  const most = vectors.reduce((sum, target) => sum + target.length, 0);
  return most === 0 ? 0 : fill(vectors, reader(most), 0);
}

/** Puts bytes of `source` from `from` on into vectors: how many. */
function fill(vectors: readonly Uint8Array[], source: Uint8Array, from: number): number {
  let at = from;
  // for … of takes three times as long in code that runs once.
  vectors.forEach((target) => {
    const chunk = source.subarray(at, at + target.length);
    target.set(chunk);
    at += chunk.length;
  });
  return at - from;
}
