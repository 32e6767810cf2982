/**
 * Where the code of a module stands in another that was made of it: old offset → new offset, both
 * from the start of the code section's contents, which is how debug information counts.
 *
 * Functions that nothing was done to move as a whole. Of a function whose body is another, its
 * instructions are compared: relocation changes how long they are, not how many. Where a pass
 * changed instructions, those before the first change and behind the last one are still known.
 *
 * https://yurydelendik.github.io/webassembly-dwarf/ (code section offsets)
 */
import { type Body, type Module, rawSection } from '../wasm/module.ts';
import { type Span, walkBody } from '../wasm/walk.ts';
import { unsignedWidth } from '../wasm/writer.ts';

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Where one body stands in the code section: its size, its first byte, its end. */
interface Place {
  readonly size: number;
  readonly start: number;
  readonly end: number;
}

interface Moved {
  readonly before: Place;
  /** Undefined where the function has gone. */
  readonly after: Place | undefined;
  readonly bodies: readonly [before: Body, after: Body | undefined];
}

/** The bodies of a module as encode.ts lays them out, or as they were parsed. */
function places(codes: readonly Body[]): readonly Place[] {
  if (rawSection(codes) !== undefined) {
    return codes.map(({ start, end, sizeWidth = 0 }) => ({ size: start - sizeWidth, start, end }));
  }
  let at = unsignedWidth(codes.length);
  return codes.map((body) => {
    const length = body.end - body.start;
    const start = at + Math.max(body.sizeWidth ?? 1, unsignedWidth(length));
    const place = { size: at, start, end: start + length };
    at = place.end;
    return place;
  });
}

/** Which body of the new module one of the old became; undefined where it has gone. */
export type PlaceOf = (code: number) => number | undefined;

export class CodeMap {
  readonly #functions: readonly Moved[];
  /** Of functions whose instructions were compared: old offset in the body → new one. */
  readonly #inside = new Map<Moved, Offsets | undefined>();

  /** Without `placeOf` every body is where it was, and others come behind. */
  constructor(before: Module, after: Module, placeOf: PlaceOf = (i) => i) {
    const [old, now] = [places(before.codes), places(after.codes)];
    this.#functions = old.map((place, i) => {
      const to = placeOf(i);
      const [from, body] = [before.codes[i] as Body, to === undefined ? undefined : after.codes[to]];
      return { before: place, after: to === undefined ? undefined : now[to], bodies: [from, body] };
    });
  }

  /** Whether every function stands where it stood, with its instructions where they were. */
  get still(): boolean {
    return this.#functions.every((one) => {
      const { before, after } = one;
      return before.start === after?.start && before.end === after.end && this.#offsets(one) === undefined;
    });
  }

  /** Whether an offset lies in a function: what does not is no code, and means something else. */
  isCode(offset: number): boolean {
    return this.#find(offset) !== undefined;
  }

  /** Where the instruction at an offset is now; undefined where it has gone. */
  at(offset: number): number | undefined {
    const found = this.#find(offset);
    return found === undefined ? offset : this.#moved(found, offset);
  }

  /** Where a range is now; undefined where nothing of it is left. A range can be several functions. */
  range(start: number, end: number): Range | undefined {
    const from = this.#index(start);
    if (from === undefined) return { start, end };
    const to = end > start ? (this.#index(end - 1) ?? this.#functions.length - 1) : from;
    // Functions that have gone at either end of it take nothing with them but themselves.
    let [head, tail]: [Range | undefined, Range | undefined] = [undefined, undefined];
    for (let i = from; i <= to && head === undefined; i++) head = this.#within(i, start, end);
    for (let i = to; i > from && tail === undefined; i--) tail = this.#within(i, start, end);
    const last = tail ?? head;
    return head && last && last.end >= head.start ? { start: head.start, end: last.end } : undefined;
  }

  /** What a range has of a function. */
  #within(index: number, start: number, end: number): Range | undefined {
    const one = this.#functions[index] as Moved;
    // It can begin with the size of its first function, and be no longer than that.
    const from = Math.max(start, Math.min(one.before.start, end));
    return this.#part(one, from, Math.min(end, one.before.end));
  }

  #part(one: Moved, start: number, end: number): Range | undefined {
    const from = this.#moved(one, start);
    const to = end === one.before.end ? one.after?.end : this.#moved(one, end);
    return from === undefined || to === undefined || to < from ? undefined : { start: from, end: to };
  }

  #find(offset: number): Moved | undefined {
    const index = this.#index(offset);
    return index === undefined ? undefined : this.#functions[index];
  }

  /** Which function's size or body an offset lies in. */
  #index(offset: number): number | undefined {
    let low = 0;
    let high = this.#functions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#functions[middle] as Moved).before.size <= offset) low = middle + 1;
      else high = middle;
    }
    const found = this.#functions[low - 1];
    return found !== undefined && offset < found.before.end ? low - 1 : undefined;
  }

  #moved(one: Moved, offset: number): number | undefined {
    const { before, after } = one;
    if (after === undefined) return undefined;
    if (offset < before.start) return after.size;
    const inside = offset - before.start;
    const offsets = this.#offsets(one);
    if (inside === 0 || offsets === undefined) return after.start + inside;
    const now = lookUp(offsets, inside);
    return now === undefined ? undefined : after.start + now;
  }

  /** Undefined where every instruction is where it was. */
  #offsets(one: Moved): Offsets | undefined {
    if (this.#inside.has(one)) return this.#inside.get(one);
    const [before, after] = one.bodies;
    const offsets = after === undefined || sameBytes(before, after) ? undefined : compared(before, after);
    this.#inside.set(one, offsets);
    return offsets;
  }
}

function sameBytes(a: Span, b: Span): boolean {
  if (a.end - a.start !== b.end - b.start) return false;
  if (a.bytes === b.bytes && a.start === b.start) return true;
  for (let i = a.start, j = b.start; i < a.end; i++, j++) if (a.bytes[i] !== b.bytes[j]) return false;
  return true;
}

/** Instructions of a body, in order: where each was, and where it is. */
interface Offsets {
  readonly old: Uint32Array;
  readonly now: Uint32Array;
}

function lookUp({ old, now }: Offsets, offset: number): number | undefined {
  let low = 0;
  let high = old.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((old[middle] as number) < offset) low = middle + 1;
    else high = middle;
  }
  return old[low] === offset ? now[low] : undefined;
}

interface Instructions {
  readonly opcodes: readonly number[];
  /** From the start of the body. */
  readonly offsets: readonly number[];
}

function instructionsOf(body: Span): Instructions {
  const opcodes: number[] = [];
  const offsets: number[] = [];
  walkBody(body, {
    kinds: 0,
    index: () => {},
    op: (opcode, at) => {
      opcodes.push(opcode);
      offsets.push(at - body.start);
    },
  });
  return { opcodes, offsets };
}

/** The instructions that are in both; undefined where none has moved. */
function compared(before: Span, after: Span): Offsets | undefined {
  const [old, now] = [instructionsOf(before), instructionsOf(after)];
  const [count, left] = [old.offsets.length, now.offsets.length];
  if (count === left) {
    if (old.offsets.every((offset, i) => offset === now.offsets[i])) return undefined;
    return { old: Uint32Array.from(old.offsets), now: Uint32Array.from(now.offsets) };
  }
  const shorter = Math.min(count, left);
  let head = 0;
  while (head < shorter && old.opcodes[head] === now.opcodes[head]) head++;
  let tail = 0;
  while (tail < shorter - head && old.opcodes[count - 1 - tail] === now.opcodes[left - 1 - tail]) tail++;
  const ends = (all: readonly number[]): Uint32Array =>
    Uint32Array.from([...all.slice(0, head), ...all.slice(all.length - tail)]);
  return { old: ends(old.offsets), now: ends(now.offsets) };
}
