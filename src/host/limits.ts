/**
 * What a guest may take of the host. A guest can ask for everything at any time, so memories and
 * tables get their limit as a maximum of the instrumented module: growing beyond it fails, as it may
 * on any host. What the output says is untouched.
 */
import { declaresTooMuch } from '../errors/limit.ts';
import { type Module, spaces } from '../wasm/module.ts';
import type { LiveLimits } from './live.ts';

export interface Limits extends LiveLimits {
  /** Bytes of each memory. */
  readonly memory: number;
  /** Slots of each table. */
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

const PAGE = 65_536n;

/** The module with its own memories and tables held to the limits. Throws a LimitError where one starts beyond. */
export function capped(module: Module, { memory, table }: Limits): Module {
  const { imported } = spaces(module);
  const pages = BigInt(memory) / PAGE;
  const mems = module.mems.map((type, position) => {
    if (type.min > pages)
      throw declaresTooMuch(
        `memory ${imported.mem + position}`,
        `${type.min * PAGE} bytes`,
        '--max-memory',
        `${memory}`,
      );
    return reaches(type.max, pages) ? { ...type, max: pages } : type;
  });
  const slots = BigInt(table);
  const tables = module.tables.map((one, position) => {
    const { limits } = one.type;
    if (limits.min > slots)
      throw declaresTooMuch(
        `table ${imported.table + position}`,
        `${limits.min} slots`,
        '--max-table',
        `${table}`,
      );
    return reaches(limits.max, slots)
      ? { ...one, type: { ...one.type, limits: { ...limits, max: slots } } }
      : one;
  });
  return { ...module, mems, tables };
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
  readonly option: '--max-memory' | '--max-table';
  readonly used: number;
  readonly limit: number;
}

/** What is fullest of all that has no lower maximum of its own; undefined where there is nothing. */
export function fullest(module: Module, limits: Limits, sizes: Sizes): Use | undefined {
  const { imported } = spaces(module);
  const mems = module.mems.flatMap(({ max }, position): Use[] => {
    const index = imported.mem + position;
    const limit = limits.memory - (limits.memory % Number(PAGE));
    if (!reaches(max, BigInt(limit) / PAGE)) return [];
    const used = sizes.pages(index) * Number(PAGE);
    return [{ what: `memory ${index}`, option: '--max-memory', used, limit }];
  });
  const tables = module.tables.flatMap(({ type }, position): Use[] => {
    const index = imported.table + position;
    if (!reaches(type.limits.max, BigInt(limits.table))) return [];
    return [{ what: `table ${index}`, option: '--max-table', used: sizes.slots(index), limit: limits.table }];
  });
  return [...mems, ...tables].sort((a, b) => b.used / b.limit - a.used / a.limit)[0];
}
