/**
 * A deadline for what the guest does. A guest in an endless loop holds the only thread that runs
 * JavaScript, so a second one (deadline-thread.ts) waits beside it and has the engine break the loop.
 * Who is late is then told, and ended, by the thread that was held: all of the process stays its own.
 */
import { Worker } from 'node:worker_threads';

/** Places in the memory that both threads have, as i32. */
export const SHARED = {
  /** Counted up at each start and stop: what the other thread waits on. */
  turn: 0,
  /** Milliseconds that the turn may take; 0 is without end. */
  limit: 1,
  /** Who ends the process: see {@link ENDING}. */
  ending: 2,
} as const;

export const ENDING = { nobody: 0, heldThread: 1, deadlineThread: 2 } as const;

/** `late`: the deadline is over. `broken`: and the loop is, too. */
export type DeadlineMessage = 'late' | 'broken';

export class Deadline {
  readonly #shared: Int32Array = new Int32Array(new SharedArrayBuffer(12));
  readonly #ms: number;
  readonly #thread: Worker;
  #doing = '';

  /** `onLate` is called at most once, with what was given to `start`, and must end the process. */
  constructor(seconds: number, onLate: (doing: string) => void) {
    this.#ms = Math.max(1, Math.round(seconds * 1000));
    this.#thread = new Worker(new URL('./deadline-thread.js', import.meta.url), {
      workerData: this.#shared.buffer,
      // Nothing of the process is for it: what it inherits would only be read at its start.
      env: {},
      execArgv: [],
    });
    this.#thread.unref();
    this.#thread.on('message', (message: DeadlineMessage) => {
      const { nobody, heldThread } = ENDING;
      const mine = Atomics.compareExchange(this.#shared, SHARED.ending, nobody, heldThread) === nobody;
      // Where the other thread breaks the loop, it must be done with that first.
      if (mine || message === 'broken') onLate(this.#doing);
    });
  }

  /** From now on, until the next call, the time runs. */
  start(doing: string): void {
    this.#doing = doing;
    this.#turn(this.#ms);
    // Node ends when nothing is left to do: a loop that was broken leaves nothing.
    this.#thread.ref();
  }

  stop(): void {
    this.#turn(0);
    this.#thread.unref();
  }

  #turn(ms: number): void {
    Atomics.store(this.#shared, SHARED.limit, ms);
    Atomics.add(this.#shared, SHARED.turn, 1);
    Atomics.notify(this.#shared, SHARED.turn);
  }
}
