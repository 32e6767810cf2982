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
import { addressWidth, Runs } from './runs.ts';

/** Mode, opcode of the address, `end`. */
const FIXED = 3;

/** Bytes of a segment but for its contents and their length. Another memory than 0 is named. */
function headerCost(mem: number, start: number): number {
  return FIXED + addressWidth(start) + (mem === 0 ? 0 : unsignedWidth(mem));
}

/** A gap of more zeros than any header and length take is never written out, but for the limit of segments. */
const NEVER_CLOSED = FIXED + 5 + 10 + 5;

/**
 * What each segment beyond must save. Instantiation takes some 30 ns a segment in V8, in which it copies
 * far more bytes than these; and zeros compress to less than the headers of segments do.
 */
const PRICE = 16;

/** The runs of one memory, and its index, which segments name where it is not 0. */
export interface MemoryRuns {
  readonly runs: Runs;
  readonly mem: number;
}

/**
 * The segments, memory by memory, that write these runs with the fewest bytes; `most` or fewer in all of them
 * together, and beyond `free` those that are worth it.
 */
export function chooseSegments(
  memories: readonly MemoryRuns[],
  most: number,
  free: number = most,
): readonly Runs[] {
  let chosen = memories;
  let costs = countRuns(memories) < most ? undefined : new GapCosts(memories);
  // With so many gaps that are never closed unasked, which ones close is clear; else each choice is one of many.
  if (costs === undefined || costs.wide < most) {
    chosen = memories.map(({ runs, mem }) => ({ runs: cheapest(runs, mem), mem }));
    costs = undefined;
  }
  const count = countRuns(chosen);
  if (count <= Math.min(most, free)) return chosen.map(({ runs }) => runs);
  costs ??= new GapCosts(chosen);
  const worthwhile = chosen.length + costs.worthwhile;
  const excess = count - Math.min(most, Math.max(free, worthwhile));
  if (excess <= 0) return chosen.map(({ runs }) => runs);
  const limit = costs.limit(excess);
  return chosen.map((memory) => closeCheapest(memory, limit, count - excess));
}

/**
 * From so many bytes on, a copy is slower by a tenth where a byte stands in the module a little less than a page
 * behind its place in memory, counted in pages (of 4 KiB: the processor takes what is loaded next for what was
 * stored last). Behind thousands of small segments a big one may stand anywhere; in front it stands near the
 * module's beginning, or where the code ends.
 */
const BIG = 1 << 20;

/** The same segments, those first that are so big that it matters where they stand. */
export function bigFirst(segments: Runs): Runs {
  const { bounds, length } = segments;
  const isBig = (i: number): boolean => (bounds[2 * i + 1] as number) - (bounds[2 * i] as number) >= BIG;
  const big: number[] = [];
  for (let i = 0; i < length; i++) if (isBig(i)) big.push(i);
  if (big.every((index, i) => index === i)) return segments;
  const ordered = new Runs(new Float64Array(2 * length));
  for (const i of big) ordered.push(bounds[2 * i] as number, bounds[2 * i + 1] as number);
  for (let i = 0; i < length; i++)
    if (!isBig(i)) ordered.push(bounds[2 * i] as number, bounds[2 * i + 1] as number);
  return ordered;
}

function countRuns(memories: readonly MemoryRuns[]): number {
  return memories.reduce((sum, { runs }) => sum + runs.length, 0);
}

/** The cheapest segments, as many as it takes. */
function cheapest(runs: Runs, mem: number): Runs {
  const { length } = runs;
  let longest = 0;
  for (let first = 0; first < length; ) {
    const last = groupEnd(runs, first);
    longest = Math.max(longest, last - first + 1);
    first = last + 1;
  }
  const choice = new Choice(runs, mem, longest);
  const chosen = new Runs(new Float64Array(2 * length));
  for (let first = 0; first < length; ) {
    const last = groupEnd(runs, first);
    choice.take(first, last, chosen);
    first = last + 1;
  }
  return chosen;
}

/** The last of the runs behind `first` between which a gap may be worth closing. */
function groupEnd({ bounds, length }: Runs, first: number): number {
  let last = first;
  while (
    last + 1 < length &&
    (bounds[2 * last + 2] as number) - (bounds[2 * last + 1] as number) <= NEVER_CLOSED
  )
    last++;
  return last;
}

/** Lengths below so much take so many bytes. */
const LENGTH_LIMITS = [2 ** 7, 2 ** 14, 2 ** 21, 2 ** 28, 2 ** 35] as const;

/** The least cost over a window of first runs, for one width of the length. */
class Queue {
  readonly #limit: number;
  #firsts = new Int32Array(256);
  #costs = new Float64Array(256);
  #head = 0;
  #tail = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  clear(): void {
    this.#head = 0;
    this.#tail = 0;
  }

  /** Of two that cost the same the earlier stays: it makes fewer segments. */
  push(first: number, cost: number): void {
    while (this.#tail > this.#head && (this.#costs[this.#tail - 1] as number) > cost) this.#tail--;
    if (this.#tail === this.#firsts.length) this.#room();
    this.#firsts[this.#tail] = first;
    this.#costs[this.#tail++] = cost;
  }

  /** What is left moves to the front, of longer lists where it is more than half. */
  #room(): void {
    const firsts = this.#firsts.subarray(this.#head, this.#tail);
    const costs = this.#costs.subarray(this.#head, this.#tail);
    if (firsts.length > this.#firsts.length / 2) {
      this.#firsts = new Int32Array(2 * this.#firsts.length);
      this.#costs = new Float64Array(this.#firsts.length);
    }
    this.#firsts.set(firsts);
    this.#costs.set(costs);
    this.#tail = firsts.length;
    this.#head = 0;
  }

  /** Forgets the first runs from which to `end` it is too long. */
  advance(bounds: Float64Array, end: number): void {
    while (this.#head < this.#tail) {
      const start = bounds[2 * (this.#firsts[this.#head] as number)] as number;
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
    this.#queues = LENGTH_LIMITS.map((limit) => new Queue(limit));
    this.#cost = new Float64Array(longest);
    this.#from = new Int32Array(longest);
  }

  /** Adds the cheapest segments for runs `first` to `last`. */
  take(first: number, last: number, to: Runs): void {
    const { bounds } = this.#runs;
    if (first < last) this.#solve(first, last);
    else this.#from[0] = first;
    // They are found from the back, so their number comes first.
    let count = 0;
    for (let j = last; j >= first; j = (this.#from[j - first] as number) - 1) count++;
    let at = to.length + count;
    to.length = at;
    for (let j = last; j >= first; ) {
      const i = this.#from[j - first] as number;
      to.bounds[2 * --at] = bounds[2 * i] as number;
      to.bounds[2 * at + 1] = bounds[2 * j + 1] as number;
      j = i - 1;
    }
  }

  #solve(first: number, last: number): void {
    const { bounds } = this.#runs;
    for (const queue of this.#queues) queue.clear();
    for (let j = first; j <= last; j++) {
      const start = bounds[2 * j] as number;
      const end = bounds[2 * j + 1] as number;
      const before = j === first ? 0 : (this.#cost[j - 1 - first] as number);
      const cost = before + headerCost(this.#mem, start) - start;
      let least = Number.POSITIVE_INFINITY;
      let from = first;
      let width = 1;
      for (const queue of this.#queues) {
        queue.push(j, cost);
        queue.advance(bounds, end);
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

/** What it costs to close the gap before run `i`: its zeros, less the header that goes. */
function gapCost(bounds: Float64Array, i: number, mem: number): number {
  const start = bounds[2 * i] as number;
  return start - (bounds[2 * i - 1] as number) - headerCost(mem, start);
}

/** No header is longer, so that costs of gaps are above it with its sign turned. */
const LONGEST_HEADER = FIXED + 10 + 5;

/** Costs below so much are counted; where there are too many segments, those that close are among them. */
const COUNTED = 1 << 12;

/** Gaps that close: those that cost less than `cost`, and `equal` of those that cost as much. */
interface Limit {
  readonly cost: number;
  equal: number;
}

/** What closing each gap costs, counted. There can be millions, so that none is written down. */
class GapCosts {
  readonly #memories: readonly MemoryRuns[];
  readonly #counts = new Uint32Array(COUNTED);
  /** How many gaps cost a segment's price or more, and how many are wider than any that is worth closing. */
  worthwhile = 0;
  wide = 0;

  constructor(memories: readonly MemoryRuns[]) {
    this.#memories = memories;
    for (const memory of memories) this.#count(memory);
  }

  #count({ runs, mem }: MemoryRuns): void {
    const { bounds, length } = runs;
    const counts = this.#counts;
    let worthwhile = 0;
    let wide = 0;
    for (let i = 1; i < length; i++) {
      const cost = gapCost(bounds, i, mem);
      if (cost >= PRICE) worthwhile++;
      if ((bounds[2 * i] as number) - (bounds[2 * i - 1] as number) > NEVER_CLOSED) wide++;
      const place = cost + LONGEST_HEADER;
      if (place < COUNTED) counts[place] = (counts[place] as number) + 1;
    }
    this.worthwhile += worthwhile;
    this.wide += wide;
  }

  /** The limit up to which `n` gaps close, from 1 on. */
  limit(n: number): Limit {
    let less = 0;
    for (let i = 0; i < COUNTED; i++) {
      const count = this.#counts[i] as number;
      if (less + count >= n) return { cost: i - LONGEST_HEADER, equal: n - less };
      less += count;
    }
    const sorted = Float64Array.from(this.#all()).sort();
    const cost = sorted[n - 1] as number;
    return { cost, equal: n - sorted.indexOf(cost) };
  }

  *#all(): Generator<number> {
    for (const { runs, mem } of this.#memories)
      for (let i = 1; i < runs.length; i++) yield gapCost(runs.bounds, i, mem);
  }
}

/**
 * The runs with the gaps up to a limit closed; `most` are left, or less. Among equal gaps the first close, so
 * that the result is the same everywhere.
 */
function closeCheapest({ runs, mem }: MemoryRuns, limit: Limit, most: number): Runs {
  const { bounds, length } = runs;
  const to = new Float64Array(2 * Math.min(length, most));
  let at = 0;
  for (let i = 0; i < length; i++) {
    const cost = i === 0 ? Number.POSITIVE_INFINITY : gapCost(bounds, i, mem);
    if (cost > limit.cost || (cost === limit.cost && limit.equal-- <= 0)) {
      to[at] = bounds[2 * i] as number;
      at += 2;
    }
    to[at - 1] = bounds[2 * i + 1] as number;
  }
  return new Runs(to, at / 2);
}
