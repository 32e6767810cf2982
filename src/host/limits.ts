/**
 * What a guest may take of the host. A guest can ask for everything at any time, so memories and
 * tables get their limit as a maximum of the instrumented module: growing beyond it fails, as it may
 * on any host. What the output says is untouched.
 */
import { declaresTooMuch } from '../errors/limit.ts';
import { type Module, spaces } from '../wasm/module.ts';
import type { MemType } from '../wasm/types.ts';

export interface LiveLimits {
  /** Auxiliary modules in all, those that could not be linked not counted. */
  readonly modules: number;
  /** Bytes of auxiliary modules in all. */
  readonly bytes: number;
  /** Functions, and segments of data and elements, that auxiliary modules define in all. */
  readonly functions: number;
  readonly segments: number;
}

/** A limit that was passed by generated modules, and the option that raises it. */
export interface Excess {
  readonly most: number;
  readonly what: string;
  readonly option: string;
}

export interface Limits extends LiveLimits {
  /** Bytes of all memories of the guest. Those that generated modules define have as much again. */
  readonly memory: number;
  /** Slots of all tables of the guest, and again of those that generated modules define. */
  readonly table: number;
  /** Bytes of the frozen module. */
  readonly output: number;
}

const MIB = 1024 * 1024;

/** Many times what any guest known needs, and what a usual machine can still bear. */
export const DEFAULT_LIMITS: Limits = {
  modules: 100_000,
  bytes: 256 * MIB,
  // As many as V8 takes in one module.
  functions: 1_000_000,
  segments: 1_000_000,
  // What 32 bits address: memory that nobody writes costs a host nothing. It holds 64-bit guests.
  memory: 4096 * MIB,
  // V8's own limit.
  table: 10_000_000,
  // V8 compiles no larger module.
  output: 1024 * MIB,
};

/** The largest memory and table that each may be, by position: in pages, and in slots. */
export interface Caps {
  readonly pages: readonly bigint[];
  readonly slots: readonly bigint[];
}

const PAGE = 65_536n;

/** Pages that 32 bits address (https://webassembly.github.io/spec/core/valid/types.html#memory-types). */
const MOST_PAGES = 65_536n;

/** How far a memory may grow as it is declared: what 32 bits address is nobody's limit but the format's. */
function declared({ min, max, address }: MemType): Sized {
  return { min, max: max ?? (address === 'i32' ? MOST_PAGES : undefined) };
}

/**
 * The room that there is for memories and tables. A module cannot be refused to grow for what others have, so each
 * is given its share beforehand: all of the guest's together have what the limits say. Those that generated modules
 * define, which is rare, together have as much again; of what is left of that, a module may grow by half.
 */
export class Room {
  readonly #limits: Pick<Limits, 'memory' | 'table'>;
  #pages: bigint;
  #slots: bigint;

  constructor(limits: Pick<Limits, 'memory' | 'table'>) {
    this.#limits = limits;
    this.#pages = BigInt(limits.memory) / PAGE;
    this.#slots = BigInt(limits.table);
  }

  /** What the guest's may be. Throws a LimitError where they start beyond. */
  guest(module: Module): Caps {
    const pages = shares(module.mems.map(declared), BigInt(this.#limits.memory) / PAGE);
    if (pages === undefined) {
      const bytes = sum(module.mems.map(({ min }) => min)) * PAGE;
      throw declaresTooMuch(memoriesOf(module), `${bytes} bytes`, '--max-memory', `${this.#limits.memory}`);
    }
    const limits = module.tables.map(({ type }) => type.limits);
    const slots = shares(limits, BigInt(this.#limits.table));
    if (slots === undefined) {
      const all = sum(limits.map(({ min }) => min));
      throw declaresTooMuch(tablesOf(module), `${all} slots`, '--max-table', `${this.#limits.table}`);
    }
    return { pages, slots };
  }

  /** What those of a generated module may be, or the limit that leaves no room for them. */
  aux({ mems, tables }: Module): Caps | Excess {
    const { memory, table } = this.#limits;
    const limits = tables.map(({ type }) => type.limits);
    const pages = shares(mems.map(declared), growing(mems, this.#pages));
    if (pages === undefined) return { most: memory, what: 'bytes of memory', option: '--max-memory' };
    const slots = shares(limits, growing(limits, this.#slots));
    if (slots === undefined) return { most: table, what: 'table slots', option: '--max-table' };
    this.#pages -= sum(pages);
    this.#slots -= sum(slots);
    return { pages, slots };
  }
}

interface Sized {
  readonly min: bigint;
  readonly max: bigint | undefined;
}

function sum(all: readonly bigint[]): bigint {
  return all.reduce((before, one) => before + one, 0n);
}

/** How much of `room` they are offered: what they start with, and half of the rest. */
function growing(all: readonly Sized[], room: bigint): bigint {
  const start = sum(all.map(({ min }) => min));
  return start > room ? room : start + (room - start) / 2n;
}

/** Parts `room` among all of them; undefined where they start with more. */
function shares(all: readonly Sized[], room: bigint): readonly bigint[] | undefined {
  let left = room - sum(all.map(({ min }) => min));
  if (left < 0n) return undefined;
  // Who wants least is asked first: what one leaves, the others have.
  const wants = all.map(({ min, max }) => (max === undefined ? room : max - min));
  const order = [...wants.keys()].sort((a, b) => Number((wants[a] ?? 0n) - (wants[b] ?? 0n)) || a - b);
  const caps = all.map(({ min }) => min);
  let remaining = BigInt(all.length);
  for (const at of order) {
    const share = left / remaining--;
    const want = wants[at] ?? 0n;
    const more = want < share ? want : share;
    caps[at] = (caps[at] ?? 0n) + more;
    left -= more;
  }
  return caps;
}

/** The module as if what it imports were its own: whoever makes that is held to the same limits. */
export function withImported(module: Module): Module {
  const { mems, tables } = spaces(module);
  return { ...module, imports: [], mems, tables: tables.map((type) => ({ type, init: undefined })) };
}

/** The caps of what is a module's own, of those that are for all that it has. */
export function ownCaps(module: Module, { pages, slots }: Caps): Caps {
  const { imported } = spaces(module);
  return { pages: pages.slice(imported.mem), slots: slots.slice(imported.table) };
}

function memoriesOf(module: Module): string {
  const { mems } = module;
  return mems.length === 1
    ? `memory ${spaces(module).imported.mem} starts`
    : `its ${mems.length} memories start`;
}

function tablesOf(module: Module): string {
  const { tables } = module;
  return tables.length === 1
    ? `table ${spaces(module).imported.table} starts`
    : `its ${tables.length} tables start`;
}

/** The module with its own memories and tables held to the caps. */
export function capped(module: Module, { pages, slots }: Caps): Module {
  const held = <T extends Sized>(type: T, cap: bigint | undefined, { max }: Sized = type): T =>
    cap === undefined || !reaches(max, cap) ? type : { ...type, max: cap };
  return {
    ...module,
    mems: module.mems.map((type, position) => held(type, pages[position], declared(type))),
    tables: module.tables.map((one, position) => {
      const limits = held(one.type.limits, slots[position]);
      return limits === one.type.limits ? one : { ...one, type: { ...one.type, limits } };
    }),
  };
}

function reaches(max: bigint | undefined, limit: bigint): boolean {
  return max === undefined || max > limit;
}

/** Reads how much of each memory and table there is, by index. */
export interface Sizes {
  readonly pages: (mem: number) => number;
  readonly slots: (table: number) => number;
}

/** How much of a memory or table that a limit holds there is; only the fullest of them is asked for. */
export interface Use {
  /** `memory 0`, `table 1`. */
  readonly what: string;
  /** What raises the limit; undefined of what 32 bits address. */
  readonly option: '--max-memory' | '--max-table' | undefined;
  readonly used: number;
  /** What it may have, of the limit that all have together. */
  readonly cap: number;
  readonly limit: number;
}

/** Those that have no lower maximum of their own. */
export function usesOf(module: Module, caps: Caps, limits: Limits, sizes: Sizes): readonly Use[] {
  const { imported } = spaces(module);
  const mems = module.mems.flatMap((type, position): Use[] => {
    const index = imported.mem + position;
    const pages = caps.pages[position] ?? 0n;
    if (!reaches(type.max, pages)) return [];
    const [used, cap] = [sizes.pages(index) * Number(PAGE), Number(pages * PAGE)];
    const what = `memory ${index}`;
    if (!reaches(declared(type).max, pages)) return [{ what, option: undefined, used, cap, limit: cap }];
    const limit = limits.memory - (limits.memory % Number(PAGE));
    return [{ what, option: '--max-memory', used, cap, limit }];
  });
  const tables = module.tables.flatMap(({ type }, position): Use[] => {
    const index = imported.table + position;
    const slots = caps.slots[position] ?? 0n;
    if (!reaches(type.limits.max, slots)) return [];
    const [used, cap] = [sizes.slots(index), Number(slots)];
    return [{ what: `table ${index}`, option: '--max-table', used, cap, limit: limits.table }];
  });
  return [...mems, ...tables];
}

export function fullestFirst(uses: readonly Use[]): readonly Use[] {
  return uses.toSorted((a, b) => b.used / b.cap - a.used / a.cap);
}
