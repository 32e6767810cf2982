/**
 * What is constant in a closed world: what no reachable instruction writes and no host can reach, of
 * tables, globals and memories.
 * Of a table that is not, every reason is kept, for the report.
 */
import { type Module, spaces } from '../wasm/module.ts';
import type { FuncIdx, GlobalIdx, MemIdx, TableIdx } from '../wasm/types.ts';
import {
  type Constant,
  constantOf,
  initialGlobal,
  NULL_SLOT,
  type Slots,
  segmentsFit,
  unsigned,
} from './constants.ts';
import type { Reached } from './reachable.ts';
import type { FunctionUses, TableWrite } from './uses.ts';

/** Why a table is not constant. */
export type Preventer =
  | { readonly kind: 'imported' }
  | { readonly kind: 'exported'; readonly name: string }
  /** A segment or an initializer has no value that the module alone tells. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'instruction'; readonly op: TableWrite['op']; readonly func: FuncIdx };

export interface TableWorld {
  /** What the slots hold for ever; undefined where that is not known. */
  readonly slots: Slots | undefined;
  /** Whether it never grows. */
  readonly fixed: boolean;
  readonly preventers: readonly Preventer[];
}

/** Bytes [start, start + size) of a memory that no instruction and no host writes: it is proved, or somebody vouches for it. */
export interface ConstantRange {
  readonly mem: number;
  readonly start: number;
  readonly size: number;
}

export interface WorldOptions {
  /** The user vouches that no host writes a table, though it is exported. */
  readonly assumeTables: boolean;
  readonly constantRanges: readonly ConstantRange[];
}

export class World {
  readonly tables: readonly TableWorld[];
  readonly #module: Module;
  readonly #written: ReadonlySet<GlobalIdx>;
  readonly #memory: readonly (ConstantRange & { readonly bytes: Uint8Array })[];

  constructor(
    module: Module,
    slots: readonly (Slots | undefined)[],
    uses: FunctionUses,
    reached: Reached,
    options: WorldOptions,
  ) {
    this.#module = module;
    this.tables = tableWorlds(module, slots, uses, reached, options.assumeTables);
    this.#written = writtenGlobals(module, uses, reached);
    const ranges = [...options.constantRanges, ...unwrittenMemories(module, uses, reached)];
    this.#memory = ranges.flatMap((range) => {
      const bytes = initialBytes(module, range);
      return bytes === undefined ? [] : [{ ...range, bytes }];
    });
  }

  /** What distinguishes one world from another that knows more of the same module. */
  get knows(): string {
    const tables = this.tables.map(({ slots, fixed }) => `${slots !== undefined}${fixed}`);
    return `${tables} ${this.#written.size} ${this.#memory.length}`;
  }

  /** Whether anything that is loaded can be constant. */
  get knowsMemory(): boolean {
    return this.#memory.length > 0;
  }

  /** Whether the global is never written. */
  isConstant(global: GlobalIdx): boolean {
    return !this.#written.has(global);
  }

  global(index: GlobalIdx): Constant | undefined {
    return this.isConstant(index) ? initialGlobal(this.#module, index) : undefined;
  }

  /** The function in a slot, null, or `outside` of the table; undefined where that is not known. */
  slot(table: TableIdx, value: Constant): FuncIdx | null | 'outside' | undefined {
    const { slots, fixed } = this.tables[table] ?? {};
    const index = unsigned(value);
    if (slots === undefined) return undefined;
    if (index === undefined || index >= slots.length) return fixed === true ? 'outside' : undefined;
    return slots[index] === NULL_SLOT ? null : (slots[index] as FuncIdx);
  }

  /** The i32 at an address of a memory, where it is constant. */
  load(mem: number, address: number): number | undefined {
    const range = this.#memory.find(
      (one) => one.mem === mem && one.start <= address && address + 4 <= one.start + one.size,
    );
    if (range === undefined) return undefined;
    const { buffer, byteOffset } = range.bytes;
    return new DataView(buffer, byteOffset).getInt32(address - range.start, true);
  }
}

function tableWorlds(
  module: Module,
  slots: readonly (Slots | undefined)[],
  uses: FunctionUses,
  reached: Reached,
  assumeTables: boolean,
): readonly TableWorld[] {
  const all = spaces(module);
  const preventers: Preventer[][] = all.tables.map((_, i) =>
    i < all.imported.table ? [{ kind: 'imported' }] : slots[i] === undefined ? [{ kind: 'unknown' }] : [],
  );
  if (!assumeTables)
    for (const { kind, index, name } of module.exports)
      if (kind === 'table') preventers[index]?.push({ kind: 'exported', name });
  for (const func of [...reached.funcs].sort((a, b) => a - b))
    for (const { table, op } of uses.of(func)?.writes ?? [])
      preventers[table]?.push({ kind: 'instruction', op, func });
  return preventers.map((list, i) => {
    const growing = list.filter((one) => one.kind === 'instruction' && one.op === 'table.grow');
    return {
      // Growing leaves the slots as they were that the table had.
      slots: list.length === growing.length ? slots[i] : undefined,
      fixed: list.length === 0,
      preventers: list,
    };
  });
}

function writtenGlobals(module: Module, uses: FunctionUses, reached: Reached): ReadonlySet<GlobalIdx> {
  const { globals, imported } = spaces(module);
  const written = new Set<GlobalIdx>();
  for (let i = 0; i < imported.global; i++) written.add(i as GlobalIdx);
  for (const { kind, index } of module.exports)
    if (kind === 'global' && globals[index]?.mutable === true) written.add(index as GlobalIdx);
  for (const func of reached.funcs) for (const global of uses.of(func)?.sets ?? []) written.add(global);
  return written;
}

/** Memories that no host has and no reachable instruction writes, as far as segments fill them. */
function unwrittenMemories(module: Module, uses: FunctionUses, reached: Reached): readonly ConstantRange[] {
  const { mems, imported } = spaces(module);
  const exported = new Set(module.exports.flatMap(({ kind, index }) => (kind === 'mem' ? [index] : [])));
  const own = mems.flatMap((_, mem) => (mem < imported.mem || exported.has(mem as MemIdx) ? [] : [mem]));
  // Where instantiation may end early, some segments may be missing while functions are in the host's hands.
  if (own.length === 0 || !segmentsFit(module)) return [];
  const written = new Set(reached.funcs.flatMap((func) => uses.memoriesWritten(func)));
  return own.flatMap((mem): ConstantRange[] => {
    const size = filled(module, mem);
    return written.has(mem) || size === 0 ? [] : [{ mem, start: 0, size }];
  });
}

/** Where the last segment of a memory ends; 0 where the module alone does not tell. */
function filled(module: Module, mem: number): number {
  let last = 0;
  for (const { mode, bytes } of module.datas) {
    if (mode.kind !== 'active' || mode.mem !== mem) continue;
    const at = unsigned(constantOf(module, mode.offset));
    if (at === undefined) return 0;
    last = Math.max(last, at + bytes.length);
  }
  return last;
}

/** The bytes of a range as instantiation makes them; undefined where the module alone does not tell. */
export function initialBytes(module: Module, { mem, start, size }: ConstantRange): Uint8Array | undefined {
  const { mems, imported } = spaces(module);
  const pages = mems[mem]?.min;
  if (pages === undefined || mem < imported.mem || BigInt(start + size) > pages * 65536n) return undefined;
  const bytes = new Uint8Array(size);
  for (const { mode, bytes: data } of module.datas) {
    if (mode.kind !== 'active' || mode.mem !== mem) continue;
    const at = unsigned(constantOf(module, mode.offset));
    if (at === undefined) return undefined;
    const [first, last] = [Math.max(at, start), Math.min(at + data.length, start + size)];
    if (first < last) bytes.set(data.subarray(first - at, last - at), first - start);
  }
  return bytes;
}
