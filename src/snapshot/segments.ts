/**
 * Which segments write a memory's runs with the fewest bytes: whether a gap of zeros is written out,
 * or a new segment begins behind it, is chosen by what each costs encoded, exactly.
 *
 * The cost of a segment over runs i..j is its length, and a header that depends on where it starts
 * and on how many bytes its length takes. So the best choice up to run j is the best one up to run
 * i - 1 and a segment from i on, for the best i; for each width of the length these i are a window
 * that only moves on, and its minimum is kept at the head of a queue.
 */
import { unsignedWidth } from '../wasm/writer.ts';
import { addressWidth, type Run, type Runs } from './runs.ts';

/** Mode, opcode of the address, `end`. */
const FIXED = 3;

/** Bytes of a segment but for its contents and their length. Another memory than 0 is named. */
function headerCost(mem: number, start: number): number {
  return FIXED + addressWidth(start) + (mem === 0 ? 0 : unsignedWidth(mem));
}

/** A gap of more zeros than any header and length take is never written out, but for the limit of segments. */
const NEVER_CLOSED = FIXED + 5 + 10 + 5;

/** The segments that write these runs into memory `mem` with the fewest bytes; `most` or fewer. */
export function chooseSegments(runs: Runs, mem: number, most: number): readonly Run[] {
  const { starts, ends, length } = runs;
  const chosen: Run[] = [];
  const queues = new Queues();
  for (let first = 0; first < length; ) {
    let last = first;
    while (last + 1 < length && (starts[last + 1] as number) - (ends[last] as number) <= NEVER_CLOSED) last++;
    if (last === first) chosen.push({ start: starts[first] as number, end: ends[first] as number });
    else for (const run of queues.best(runs, first, last, mem)) chosen.push(run);
    first = last + 1;
  }
  return closeGaps(chosen, most, (start) => headerCost(mem, start));
}

/** Lengths below so much take so many bytes. */
const LENGTH_LIMITS = [2 ** 7, 2 ** 14, 2 ** 21, 2 ** 28, 2 ** 35] as const;

/** The least cost over a window of first runs, for one width of the length. */
class Queue {
  readonly #limit: number;
  readonly #firsts: number[] = [];
  readonly #costs: number[] = [];
  #head = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  clear(): void {
    this.#firsts.length = 0;
    this.#costs.length = 0;
    this.#head = 0;
  }

  /** Of two that cost the same the earlier stays: it makes fewer segments. */
  push(first: number, cost: number): void {
    const { length } = this.#costs;
    let keep = length;
    while (keep > this.#head && (this.#costs[keep - 1] as number) > cost) keep--;
    this.#firsts.length = keep;
    this.#costs.length = keep;
    this.#firsts.push(first);
    this.#costs.push(cost);
  }

  /** Forgets the first runs from which to `end` it is too long. */
  advance(starts: readonly number[], end: number): void {
    while (
      this.#head < this.#firsts.length &&
      end - (starts[this.#firsts[this.#head] as number] as number) >= this.#limit
    ) {
      this.#head++;
    }
  }

  get first(): number | undefined {
    return this.#firsts[this.#head];
  }

  get cost(): number {
    return this.#costs[this.#head] as number;
  }
}

class Queues {
  readonly #queues: readonly Queue[] = LENGTH_LIMITS.map((limit) => new Queue(limit));

  /** The cheapest segments for runs `first` to `last`. */
  best({ starts, ends }: Runs, first: number, last: number, mem: number): readonly Run[] {
    for (const queue of this.#queues) queue.clear();
    const cost = new Float64Array(last - first + 1);
    const from = new Int32Array(last - first + 1);
    for (let j = first; j <= last; j++) {
      const [start, end] = [starts[j] as number, ends[j] as number];
      const before = j === first ? 0 : (cost[j - 1 - first] as number);
      let least = Number.POSITIVE_INFINITY;
      this.#queues.forEach((queue, i) => {
        queue.push(j, before + headerCost(mem, start) - start);
        queue.advance(starts, end);
        const { first: candidate } = queue;
        if (candidate === undefined) return;
        const total = queue.cost + end + i + 1;
        if (total > least || (total === least && candidate >= (from[j - first] as number))) return;
        least = total;
        from[j - first] = candidate;
      });
      cost[j - first] = least;
    }
    const segments: Run[] = [];
    for (let j = last; j >= first; ) {
      const i = from[j - first] as number;
      segments.push({ start: starts[i] as number, end: ends[j] as number });
      j = i - 1;
    }
    return segments.reverse();
  }
}

/**
 * At most `most` runs: those gaps are closed that cost the least, by their zeros less what `saved`
 * says that closing one saves. Among equal gaps the first ones close, so that the result is the same
 * everywhere.
 */
export function closeGaps(
  runs: readonly Run[],
  most: number,
  saved: (start: number) => number = () => 0,
): readonly Run[] {
  if (runs.length <= most) return runs;
  const costs = Float64Array.from({ length: runs.length - 1 }, (_, i) => {
    const { start } = runs[i + 1] as Run;
    return start - (runs[i] as Run).end - saved(start);
  });
  const excess = runs.length - Math.max(most, 1);
  const limit = costs.toSorted()[excess - 1] as number;
  let atLimit = excess - costs.reduce((count, cost) => count + (cost < limit ? 1 : 0), 0);
  const merged: { start: number; end: number }[] = [];
  runs.forEach((run, i) => {
    const cost = costs[i - 1];
    const last = merged.at(-1);
    const close = cost !== undefined && (cost < limit || (cost === limit && atLimit-- > 0));
    if (close && last !== undefined) last.end = run.end;
    else merged.push({ ...run });
  });
  return merged;
}
