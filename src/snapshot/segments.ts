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
  const { length } = runs;
  const chosen: Run[] = [];
  let longest = 0;
  for (let first = 0; first < length; ) {
    const last = groupEnd(runs, first);
    longest = Math.max(longest, last - first + 1);
    first = last + 1;
  }
  const choice = new Choice(runs, mem, longest);
  for (let first = 0; first < length; ) {
    const last = groupEnd(runs, first);
    choice.take(first, last, chosen);
    first = last + 1;
  }
  return closeGaps(chosen, most, (start) => headerCost(mem, start));
}

/** The last of the runs behind `first` between which a gap may be worth closing. */
function groupEnd({ starts, ends, length }: Runs, first: number): number {
  let last = first;
  while (last + 1 < length && (starts[last + 1] as number) - (ends[last] as number) <= NEVER_CLOSED) last++;
  return last;
}

/** Lengths below so much take so many bytes. */
const LENGTH_LIMITS = [2 ** 7, 2 ** 14, 2 ** 21, 2 ** 28, 2 ** 35] as const;

/** The least cost over a window of first runs, for one width of the length. */
class Queue {
  readonly #limit: number;
  readonly #firsts: Int32Array;
  readonly #costs: Float64Array;
  #head = 0;
  #tail = 0;

  constructor(limit: number, capacity: number) {
    this.#limit = limit;
    this.#firsts = new Int32Array(capacity);
    this.#costs = new Float64Array(capacity);
  }

  clear(): void {
    this.#head = 0;
    this.#tail = 0;
  }

  /** Of two that cost the same the earlier stays: it makes fewer segments. */
  push(first: number, cost: number): void {
    while (this.#tail > this.#head && (this.#costs[this.#tail - 1] as number) > cost) this.#tail--;
    this.#firsts[this.#tail] = first;
    this.#costs[this.#tail++] = cost;
  }

  /** Forgets the first runs from which to `end` it is too long. */
  advance(starts: readonly number[], end: number): void {
    while (this.#head < this.#tail) {
      const start = starts[this.#firsts[this.#head] as number] as number;
      if (end - start < this.#limit) return;
      this.#head++;
    }
  }

  /** The cheapest first run; -1 where all are too far. */
  get first(): number {
    return this.#head < this.#tail ? (this.#firsts[this.#head] as number) : -1;
  }

  get cost(): number {
    return this.#costs[this.#head] as number;
  }
}

class Choice {
  readonly #runs: Runs;
  readonly #mem: number;
  readonly #queues: readonly Queue[];
  /** The least cost up to a run of the group, and where its last segment begins. */
  readonly #cost: Float64Array;
  readonly #from: Int32Array;

  /** For groups of up to `longest` runs. */
  constructor(runs: Runs, mem: number, longest: number) {
    this.#runs = runs;
    this.#mem = mem;
    this.#queues = LENGTH_LIMITS.map((limit) => new Queue(limit, longest));
    this.#cost = new Float64Array(longest);
    this.#from = new Int32Array(longest);
  }

  /** Adds the cheapest segments for runs `first` to `last`. */
  take(first: number, last: number, to: Run[]): void {
    const { starts, ends } = this.#runs;
    if (first < last) this.#solve(first, last);
    else this.#from[0] = first;
    const at = to.length;
    for (let j = last; j >= first; ) {
      const i = this.#from[j - first] as number;
      to.push({ start: starts[i] as number, end: ends[j] as number });
      j = i - 1;
    }
    // Found from the back: turned round.
    for (let low = at, high = to.length - 1; low < high; low++, high--) {
      [to[low], to[high]] = [to[high] as Run, to[low] as Run];
    }
  }

  #solve(first: number, last: number): void {
    const { starts, ends } = this.#runs;
    for (const queue of this.#queues) queue.clear();
    for (let j = first; j <= last; j++) {
      const start = starts[j] as number;
      const end = ends[j] as number;
      const before = j === first ? 0 : (this.#cost[j - 1 - first] as number);
      const cost = before + headerCost(this.#mem, start) - start;
      let least = Number.POSITIVE_INFINITY;
      let from = first;
      let width = 1;
      for (const queue of this.#queues) {
        queue.push(j, cost);
        queue.advance(starts, end);
        const candidate = queue.first;
        const total = queue.cost + end + width++;
        if (candidate < 0 || total > least || (total === least && candidate >= from)) continue;
        least = total;
        from = candidate;
      }
      this.#cost[j - first] = least;
      this.#from[j - first] = from;
    }
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
