/**
 * Merging types by structure: a recursion group that the output already has is used again, whole.
 * Types of the guest keep their indices, so its code needs no change.
 *
 * Two groups are the same when they are written the same with references inside the group counted
 * from its start and references outside it as output indices (iso-recursive equality).
 * https://webassembly.github.io/spec/core/valid/conventions.html#rolling-and-unrolling
 */
import { mapSubType, type RecType, type TypeIdx, writeRecType } from '../wasm/types.ts';
import { Writer } from '../wasm/writer.ts';
import type { IndexMap } from './relocate.ts';

/** References inside a group are written from here on: above any index that a module can have. */
const INSIDE = 0x4000_0000;

const latin1 = new TextDecoder('latin1');

export class TypePool {
  readonly #recs: RecType[];
  readonly #known = new Map<string, number>();
  #count = 0;

  /** Starts with the guest's own types. */
  constructor(types: readonly RecType[]) {
    this.#recs = [...types];
    for (const rec of types) {
      const key = groupKey(rec, this.#count, (index) => index);
      if (!this.#known.has(key)) this.#known.set(key, this.#count);
      this.#count += rec.types.length;
    }
  }

  get recs(): readonly RecType[] {
    return this.#recs;
  }

  /** Takes in the types of another module; where each of them is now. */
  add(types: readonly RecType[]): IndexMap {
    const map: TypeIdx[] = [];
    for (const rec of types) {
      const start = map.length;
      const outer = (index: TypeIdx): TypeIdx => map[index] ?? index;
      const key = groupKey(rec, start, outer);
      let at = this.#known.get(key);
      if (at === undefined) {
        at = this.#count;
        this.#append(rec, start, outer);
        this.#known.set(key, at);
      }
      for (let i = 0; i < rec.types.length; i++) map.push((at + i) as TypeIdx);
    }
    return Uint32Array.from(map);
  }

  /** The index of a type of its own, which refers to output indices only. */
  intern(rec: RecType): TypeIdx {
    const key = groupKey(rec, this.#count, (index) => index);
    const known = this.#known.get(key);
    if (known !== undefined) return known as TypeIdx;
    const at = this.#count as TypeIdx;
    this.#recs.push(rec);
    this.#count += rec.types.length;
    this.#known.set(key, at);
    return at;
  }

  #append(rec: RecType, start: number, outer: (index: TypeIdx) => TypeIdx): void {
    const shift = this.#count - start;
    const inside = (index: TypeIdx): TypeIdx =>
      index >= start ? ((index + shift) as TypeIdx) : outer(index);
    this.#recs.push({ ...rec, types: rec.types.map((type) => mapSubType(type, inside)) });
    this.#count += rec.types.length;
  }
}

function groupKey(rec: RecType, start: number, outer: (index: TypeIdx) => TypeIdx): string {
  const inside = (index: TypeIdx): TypeIdx =>
    index >= start ? ((INSIDE + index - start) as TypeIdx) : outer(index);
  const w = new Writer(64);
  // A lone type and an explicit group of one are the same group.
  writeRecType(w, { explicit: true, types: rec.types.map((type) => mapSubType(type, inside)) });
  return latin1.decode(w.finish());
}
