/**
 * What is inlined where. The optimizer inlines what it is told to; the choice is made here, because
 * what pays differs from what pays in ordinary code: generated functions call small helpers of
 * the guest all the time, and themselves.
 *
 * The unit is a copy (extract.ts) for a function and a depth: its calls go to copies one deeper, so a
 * recursive function is unrolled as often as there are depths. Depths of generated functions and of
 * helpers count apart, so that what was unrolled has its helpers inlined like the rest.
 */
import type { Module } from '../wasm/module.ts';
import { INDEX_KIND, walkBody } from '../wasm/walk.ts';
import { bodyOf, type Copy, type Extraction, namesSegments } from './extract.ts';

/**
 * For one kind of function: how deep inlined calls may nest, and the most bytes of one, by itself and
 * with inlined calls. A function that is big by itself has been inlined into by the guest's compiler.
 */
export interface InlineLimit {
  readonly depth: number;
  readonly own: number;
  readonly size: number;
}

/**
 * For all generated code together, in bytes: what a call may become without being counted, and what the
 * code may be with all that is inlined. Code that is more than that by itself has nothing else inlined.
 */
export interface UnitLimit {
  readonly uncounted: number;
  readonly size: number;
}

export interface InlineLimits {
  readonly generated: InlineLimit;
  readonly helper: InlineLimit;
  readonly unit?: UnitLimit;
}

const CALL = 0x10;
const RETURN_CALL = 0x12;
const UNREACHABLE = 0x00;
/** return, return_call, return_call_indirect, return_call_ref */
const LEAVES: ReadonlySet<number> = new Set([0x0f, RETURN_CALL, 0x13, 0x15]);

interface Facts {
  readonly size: number;
  /** How often each function is called, by funcidx. */
  readonly calls: ReadonlyMap<number, number>;
  /** Whether it can stand elsewhere. */
  readonly movable: boolean;
  /** Whether it comes back: what fails or exits is called where nothing is won. */
  readonly returns: boolean;
}

/** A function as it stands inside of others. */
interface Nested {
  readonly func: number;
  /** How many generated functions it is nested in, and how many helpers within the last of them. */
  readonly generated: number;
  readonly helper: number;
}

const keyOf = ({ func, generated, helper }: Nested): string => `${func} ${generated} ${helper}`;

class Planner {
  readonly copies: Copy[] = [];
  readonly #module: Module;
  readonly #generated: ReadonlySet<number>;
  readonly #limits: InlineLimits;
  readonly #facts = new Map<number, Facts | undefined>();
  readonly #sizes = new Map<string, number>();
  readonly #made = new Map<string, number>();
  /** Functions that are inlined nowhere, since the unit would grow too much. */
  readonly #left = new Set<number>();

  constructor(module: Module, generated: ReadonlySet<number>, limits: InlineLimits) {
    this.#module = module;
    this.#generated = generated;
    this.#limits = limits;
  }

  movable(func: number): boolean {
    return this.#factsOf(func)?.movable === true;
  }

  /** Leaves out what makes the unit too big: the smaller a function is, the more its calls cost beside it. */
  limit(roots: readonly number[], unit: UnitLimit): void {
    const sites = new Map<number, number>();
    let size = 0;
    for (const root of roots) {
      const facts = this.#factsOf(root);
      size += facts?.size ?? 0;
      for (const [func, count] of facts?.calls ?? []) {
        const { generated, helper } = this.#limits;
        const most = this.#generated.has(func) ? generated.own : helper.own;
        const callee = this.#factsOf(func);
        if (callee?.movable !== true || !callee.returns || callee.size > most) continue;
        if (callee.size > unit.uncounted) sites.set(func, (sites.get(func) ?? 0) + count);
        else size += count * callee.size;
      }
    }
    let room = unit.size - size;
    const sizeOf = (func: number): number => this.#factsOf(func)?.size ?? 0;
    for (const func of [...sites.keys()].sort((a, b) => sizeOf(a) - sizeOf(b) || a - b)) {
      const bytes = sizeOf(func) * (sites.get(func) ?? 0);
      if (bytes <= room) room -= bytes;
      else this.#left.add(func);
    }
  }

  /** Which copies the calls of a function go to. */
  calls(caller: Nested): ReadonlyMap<number, number> {
    return new Map(this.#inlined(caller).map((callee) => [callee.func, this.#copy(callee)]));
  }

  #factsOf(func: number): Facts | undefined {
    if (!this.#facts.has(func)) this.#facts.set(func, factsOf(this.#module, func));
    return this.#facts.get(func);
  }

  #inlined(caller: Nested): readonly Nested[] {
    const called = this.#factsOf(caller.func)?.calls.keys() ?? [];
    return [...called].flatMap((func) => this.#nest(func, caller) ?? []);
  }

  /** The callee as deep as it can be inlined: what is too big with all its calls may fit with fewer. */
  #nest(func: number, caller: Nested): Nested | undefined {
    const facts = this.#factsOf(func);
    if (facts?.movable !== true || !facts.returns || this.#left.has(func)) return undefined;
    const kind = this.#generated.has(func) ? 'generated' : 'helper';
    const { depth, own, size } = this.#limits[kind];
    if (facts.size > own) return undefined;
    for (let level = caller[kind] + 1; level <= depth; level++) {
      const nested =
        kind === 'generated'
          ? { func, generated: level, helper: 0 }
          : { func, generated: caller.generated, helper: level };
      if (this.#size(nested) <= size) return nested;
    }
    return undefined;
  }

  /** Bytes of a function with what is inlined into it. */
  #size(nested: Nested): number {
    const key = keyOf(nested);
    const known = this.#sizes.get(key);
    if (known !== undefined) return known;
    const { size, calls } = this.#factsOf(nested.func) as Facts;
    const inlined = this.#inlined(nested).map((callee) => (calls.get(callee.func) ?? 0) * this.#size(callee));
    const total = inlined.reduce((sum, bytes) => sum + bytes, size);
    this.#sizes.set(key, total);
    return total;
  }

  #copy(nested: Nested): number {
    const key = keyOf(nested);
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const at = this.copies.length;
    this.#made.set(key, at);
    this.copies.push({ source: nested.func, calls: new Map() });
    this.copies[at] = { source: nested.func, calls: this.calls(nested) };
    return at;
  }
}

function factsOf(module: Module, func: number): Facts | undefined {
  const body = bodyOf(module, func);
  if (body === undefined) return undefined;
  const calls = new Map<number, number>();
  let [last, beforeLast] = [-1, -1];
  let leaves = false;
  walkBody(body, {
    op: (opcode) => {
      [beforeLast, last] = [last, opcode];
      leaves ||= LEAVES.has(opcode);
    },
    kinds: INDEX_KIND.func,
    index: (_, callee, at) => {
      const opcode = body.bytes[at - 1];
      if (opcode === CALL || opcode === RETURN_CALL) calls.set(callee, (calls.get(callee) ?? 0) + 1);
    },
  });
  return {
    size: body.end - body.start,
    calls,
    movable: !namesSegments(body),
    returns: leaves || beforeLast !== UNREACHABLE,
  };
}

/** The generated functions that can be taken out, with the copies that shall be inlined into them. */
export function planInlining(
  module: Module,
  generated: ReadonlySet<number>,
  limits: InlineLimits,
): Extraction {
  const planner = new Planner(module, generated, limits);
  const roots = [...generated].sort((a, b) => a - b).filter((func) => planner.movable(func));
  if (limits.unit !== undefined) planner.limit(roots, limits.unit);
  return {
    roots: new Map(roots.map((func) => [func, planner.calls({ func, generated: 0, helper: 0 })])),
    copies: planner.copies,
  };
}
