// Randomness for guests: none, a repeatable stream, or the machine's.
//
// The repeatable stream is xoshiro128** 1.1 (Blackman and Vigna, https://prng.di.unimi.it/), in
// 32-bit integers that every JavaScript engine computes alike. Its four words are the first two
// outputs of SplitMix64 from the seed, low word first. Words are served little-endian as one
// stream of bytes: how a guest cuts its requests changes nothing.

import { wasmStack } from '../trap.ts';
import { RandomDenied, type RandomDraw, type RandomSource } from './types.ts';

/** Web Crypto refuses to fill more at once. */
const MAX_SYSTEM_FILL = 65_536;

/** Who has bytes, as many as are asked for. */
interface Bytes {
  fill(target: Uint8Array): void;
}

/** The stream of bytes that a seed stands for. */
export class SeededBytes implements Bytes {
  readonly #state: Uint32Array = new Uint32Array(4);
  #word = 0;
  #left = 0;

  constructor(seed: bigint) {
    let counter = BigInt.asUintN(64, seed);
    for (const index of [0, 2]) {
      counter = BigInt.asUintN(64, counter + 0x9e3779b97f4a7c15n);
      let mixed = counter;
      mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
      mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
      mixed ^= mixed >> 31n;
      this.#state[index] = Number(mixed & 0xffffffffn);
      this.#state[index + 1] = Number(mixed >> 32n);
    }
  }

  /** Fills `target` with the next bytes of the stream. */
  fill(target: Uint8Array): void {
    for (let index = 0; index < target.length; index++) {
      if (this.#left === 0) {
        this.#word = this.#next();
        this.#left = 4;
      }
      target[index] = this.#word & 0xff;
      this.#word >>>= 8;
      this.#left--;
    }
  }

  #next(): number {
    const state = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state;
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const t2 = s2 ^ s0;
    const t3 = s3 ^ s1;
    state[0] = s0 ^ t3;
    state[1] = s1 ^ t2;
    state[2] = t2 ^ (s1 << 9);
    state[3] = rotate(t3, 11);
    return result;
  }
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

const DENIED: RandomSource = { kind: 'denied' };

/** Draws that are kept, and bytes of them: enough for every key and seed, too few to fill a machine. */
const MOST_DRAWS = 16_384;
const MOST_DRAWN_BYTES = 256 * 1024;
/** Frames of the guest's that say who drew: the wrappers of its libc, and who called those. */
const FRAMES = 6;

/** What `random_get` is made of: the bytes of a source, within its budget, served and counted. */
export class Random {
  readonly #source: RandomSource;
  readonly #draws: RandomDraw[] = [];
  #bytes: Bytes | undefined;
  #drawn = 0;
  #refused = false;

  constructor(source: RandomSource | undefined) {
    this.#source = source ?? DENIED;
  }

  /** Fills `target`, or throws {@link RandomDenied}. Asking for none is always allowed. */
  fill(target: Uint8Array): void {
    if (target.length === 0) return;
    const source = this.#source;
    const budget = source.kind === 'denied' ? 0 : (source.budget ?? Number.POSITIVE_INFINITY);
    const drawn = this.#drawn;
    if (this.#refused || drawn + target.length > budget) {
      this.#refused = true;
      throw denial(target.length, drawn, budget);
    }
    this.#bytes ??= source.kind === 'seeded' ? new SeededBytes(source.seed) : SYSTEM;
    this.#bytes.fill(target);
    if (this.#draws.length < MOST_DRAWS && drawn < MOST_DRAWN_BYTES) {
      this.#draws.push({ bytes: target.slice(0, MOST_DRAWN_BYTES - drawn), stack: callers() });
    }
    this.#drawn += target.length;
  }

  /** Bytes served so far. */
  drawn(): number {
    return this.#drawn;
  }

  /** What was served and to whom, in order; the first {@link MOST_DRAWS} times. */
  draws(): readonly RandomDraw[] {
    return this.#draws;
  }
}

/** The guest's functions that are being called, the innermost first. */
function callers(): readonly string[] {
  return withFrames(() => wasmStack(new Error()))
    .map((frame) => frame.replace(/, at byte 0x[0-9a-f]+/, ''))
    .slice(0, FRAMES);
}

/** The machine's. */
const SYSTEM: Bytes = {
  fill: (target) => {
    for (let at = 0; at < target.length; at += MAX_SYSTEM_FILL) {
      // Filled aside: Web Crypto refuses views of shared memories.
      const chunk = new Uint8Array(Math.min(MAX_SYSTEM_FILL, target.length - at));
      target.set(crypto.getRandomValues(chunk), at);
    }
  },
};

/** The error, with as much of the guest's stack as tells who asked. */
function denial(requested: number, drawn: number, budget: number): RandomDenied {
  return withFrames(() => new RandomDenied(requested, drawn, budget));
}

/** V8 keeps 10 frames otherwise, and most of those are ours. */
function withFrames<Result>(make: () => Result): Result {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 64;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
