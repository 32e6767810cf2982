/**
 * Whether one type is a subtype of another: what an indirect call checks at run time, decided here.
 *
 * Types that are the same by structure have one canonical index, whatever their own; a type is a
 * subtype of another where the chain of its declared supertypes reaches it.
 * https://webassembly.github.io/spec/core/valid/matching.html#defined-types
 */
import { TypePool } from '../link/types.ts';
import { type Module, spaces } from '../wasm/module.ts';
import type { SubType, TypeIdx } from '../wasm/types.ts';

export class Subtypes {
  readonly #types: readonly SubType[];
  readonly #canonical: Uint32Array;

  constructor(module: Module) {
    this.#types = spaces(module).types;
    this.#canonical = new TypePool([]).add(module.types);
  }

  /** The same number for types of the same structure. */
  canonical(type: TypeIdx): number {
    return this.#canonical[type] ?? type;
  }

  matches(sub: TypeIdx, wanted: TypeIdx): boolean {
    const target = this.canonical(wanted);
    // A type has one supertype at most, and it stands before it: the chain ends.
    for (let at: TypeIdx | undefined = sub; at !== undefined; at = this.#types[at]?.supers[0]) {
      if (this.canonical(at) === target) return true;
    }
    return false;
  }
}
