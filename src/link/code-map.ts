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

export class CodeMap {
  readonly #functions: readonly Moved[];
  /** Of functions whose instructions were compared: old offset in the body → new one. */
  readonly #inside = new Map<Moved, ReadonlyMap<number, number> | undefined>();

  /** `placeOf` says which body of `after` one of `before` became; without it, the same. */
  constructor(before: Module, after: Module, placeOf: (code: number) => number | undefined = (i) => i) {
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
    const first = this.#find(start);
    if (first === undefined) return { start, end };
    const last = end > start ? (this.#find(end - 1) ?? this.#functions.at(-1)) : first;
    if (first === last) return this.#part(first, start, end);
    const whole = this.#functions
      .slice(this.#functions.indexOf(first))
      .filter(({ before }) => before.size < end);
    const left = whole.flatMap((one) => {
      const part = this.#part(one, Math.max(start, one.before.start), Math.min(end, one.before.end));
      return part === undefined ? [] : [part];
    });
    const [from, to] = [left[0], left.at(-1)];
    return from && to && to.end >= from.start ? { start: from.start, end: to.end } : undefined;
  }

  #part(one: Moved, start: number, end: number): Range | undefined {
    const from = this.#moved(one, start);
    const to = end === one.before.end ? one.after?.end : this.#moved(one, end);
    return from === undefined || to === undefined || to < from ? undefined : { start: from, end: to };
  }

  /** The function in whose size or body an offset lies. */
  #find(offset: number): Moved | undefined {
    let low = 0;
    let high = this.#functions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#functions[middle] as Moved).before.size <= offset) low = middle + 1;
      else high = middle;
    }
    const found = this.#functions[low - 1];
    return found !== undefined && offset < found.before.end ? found : undefined;
  }

  #moved(one: Moved, offset: number): number | undefined {
    const { before, after } = one;
    if (after === undefined) return undefined;
    if (offset < before.start) return after.size;
    const inside = offset - before.start;
    const offsets = this.#offsets(one);
    if (inside === 0 || offsets === undefined) return after.start + inside;
    const now = offsets.get(inside);
    return now === undefined ? undefined : after.start + now;
  }

  /** Undefined where every instruction is where it was. */
  #offsets(one: Moved): ReadonlyMap<number, number> | undefined {
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

/** Old offset → new offset, for every instruction that is in both; undefined where none has moved. */
function compared(before: Span, after: Span): ReadonlyMap<number, number> | undefined {
  const [old, now] = [instructionsOf(before), instructionsOf(after)];
  const [count, left] = [old.offsets.length, now.offsets.length];
  const map = new Map<number, number>();
  const put = (from: number, to: number): void => {
    map.set(old.offsets[from] as number, now.offsets[to] as number);
  };
  if (count === left) {
    for (let i = 0; i < count; i++) put(i, i);
    return old.offsets.every((offset, i) => offset === now.offsets[i]) ? undefined : map;
  }
  const shorter = Math.min(count, left);
  let first = 0;
  for (; first < shorter && old.opcodes[first] === now.opcodes[first]; first++) put(first, first);
  for (let i = 1; i <= shorter - first && old.opcodes[count - i] === now.opcodes[left - i]; i++)
    put(count - i, left - i);
  return map;
}
