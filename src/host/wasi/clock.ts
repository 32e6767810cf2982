// Time for guests: a number that only their own calls move, so that two runs see the same times.
//
// There is one count of nanoseconds since the start. Every look at any clock moves it by
// CLOCK_STEP; a sleep moves it to the moment slept for. Realtime is the start plus the count;
// monotonic, process and thread time are the count.

import { CLOCK_STEP, DEFAULT_CLOCK } from './types.ts';

const REALTIME = 0;
/** Clocks 0 to 3: realtime, monotonic, process CPU time, thread CPU time. */
const CLOCKS = 4;
const MAX_TIME = (1n << 64n) - 1n;

/** The clocks of one guest. */
export class FixedClock {
  readonly #start: bigint;
  #elapsed = 0n;

  /** @param start realtime at the start, nanoseconds since the epoch; default {@link DEFAULT_CLOCK} */
  constructor(start: bigint | undefined) {
    this.#start = start === undefined ? DEFAULT_CLOCK : BigInt.asUintN(64, start);
  }

  /** Realtime at the start: also the time of every file. */
  get start(): bigint {
    return this.#start;
  }

  /** Whether there is a clock of that number. */
  has(clock: number): boolean {
    return clock >>> 0 < CLOCKS;
  }

  /** A look at a clock: moves the count, then tells. */
  look(clock: number): bigint {
    this.#elapsed += CLOCK_STEP;
    return this.read(clock);
  }

  /** What a clock shows, without moving it. */
  read(clock: number): bigint {
    const time = clock === REALTIME ? this.#start + this.#elapsed : this.#elapsed;
    return time > MAX_TIME ? MAX_TIME : time;
  }

  /** How long until `clock` shows `time`, in nanoseconds; 0 where it is past. */
  until(clock: number, time: bigint): bigint {
    const wait = time - this.read(clock);
    return wait > 0n ? wait : 0n;
  }

  /** Lets `wait` nanoseconds pass at once. A sleep that would pass the end of time ends there. */
  pass(wait: bigint): void {
    const end = MAX_TIME - this.#start;
    const after = this.#elapsed + wait;
    this.#elapsed = after > end ? end : after;
  }
}
