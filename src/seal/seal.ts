/**
 * Sealing: the world is closed, no more code arrives. What no instruction writes is constant,
 * indirect calls of constant slots are direct, and what nothing reaches goes.
 *
 * Each step can make another one possible: a compiler that goes takes the instruction with it that
 * grows the table. So they go round until nothing changes. In the end every LEB is made short.
 */
import type { Maps } from '../link/relocate.ts';
import { type Export, type Module, spaces } from '../wasm/module.ts';
import type { FuncIdx, TableIdx } from '../wasm/types.ts';
import type { IndexName } from '../wasm/walk.ts';
import { initialSlots, type Slots } from './constants.ts';
import { makeDirect } from './direct.ts';
import type { KnownSlots } from './guard.ts';
import { type Reached, reachable } from './reachable.ts';
import { rewritable } from './scope.ts';
import { shake, withFixedGlobals } from './shake.ts';
import { shorten } from './shorten.ts';
import { Subtypes } from './subtypes.ts';
import { FunctionUses, Nodes } from './uses.ts';
import { type ConstantRange, type Preventer, World } from './world.ts';

/** Replaces bodies of functions, and may append some; indices stay. `generated` are those that a JIT made. */
export type Optimize = (
  module: Module,
  generated: ReadonlySet<FuncIdx>,
  slots: KnownSlots,
) => Promise<Module>;

export interface SealOptions {
  /** Exports that go. */
  readonly dropped?: readonly Export[];
  /** The user vouches that nothing writes a table any more; an instruction that would traps. */
  readonly assumeTables?: boolean;
  /** Memory that somebody vouches is never written. */
  readonly constantRanges?: readonly ConstantRange[];
  /** No byte of code moves, so that offsets into it stay true: calls become direct, and nothing goes or gets shorter. */
  readonly keepOffsets?: boolean;
  readonly optimize?: Optimize;
  readonly generated?: ReadonlySet<FuncIdx>;
}

/** A table that could not be proved constant. */
export interface OpenTable {
  readonly table: TableIdx;
  readonly preventers: readonly Preventer[];
}

export interface SealStats {
  readonly directCalls: number;
  /** Indirect calls that always trapped: `unreachable` now. */
  readonly trappingCalls: number;
  /** How many of each kind went. */
  readonly removed: Readonly<Record<IndexName, number>>;
  /** Bytes of the bodies that went, and by which the others got shorter. */
  readonly codeBytes: number;
  /** Table slots that became null or went. */
  readonly slots: number;
}

export interface Sealed {
  readonly module: Module;
  /** Where everything is now; a kind of which none moved has no map. */
  readonly maps: Maps;
  readonly stats: SealStats;
  readonly droppedExports: readonly string[];
  /** Tables with indirect calls on them that are not constant; funcidx as they were. */
  readonly open: readonly OpenTable[];
  /** What writes a table, though the user vouches that nothing does: these instructions trap now. */
  readonly vouched: readonly OpenTable[];
  /** The tables that were proved constant. */
  readonly constantTables: readonly TableIdx[];
}

export async function seal(given: Module, options: SealOptions = {}): Promise<Sealed> {
  const dropped = new Set(options.dropped ?? []);
  const exports = given.exports.filter((item) => !dropped.has(item));
  const bare = dropped.size === 0 ? given : { ...given, exports };
  const state = new State(bare, options);
  const first = state.tables();
  state.settle();
  if (options.optimize !== undefined && options.keepOffsets !== true) {
    await state.optimize(options.optimize);
    state.settle();
  }
  const vouched = options.assumeTables === true ? first : [];
  const result = options.keepOffsets === true ? undefined : shake(state.module, state.facts());
  // After optimizing, which is held by sizes of code: with shorter helpers it would inline more of them.
  const module = result === undefined ? state.module : shorten(result.module);
  return {
    module,
    maps: result?.maps ?? {},
    stats: {
      directCalls: state.calls,
      trappingCalls: state.traps,
      removed: result?.removed ?? NONE_REMOVED,
      codeBytes: codeSize(given) - codeSize(module),
      slots: result?.slots ?? 0,
    },
    droppedExports: [...dropped].map(({ name }) => name),
    open: state.tables(),
    vouched: vouched.filter(({ preventers }) => preventers.every(({ kind }) => kind !== 'imported')),
    constantTables: state.constantTables(),
  };
}

const NONE_REMOVED: SealStats['removed'] = {
  type: 0,
  func: 0,
  table: 0,
  mem: 0,
  global: 0,
  tag: 0,
  elem: 0,
  data: 0,
};

function codeSize({ codes }: Module): number {
  return codes.reduce((sum, { start, end }) => sum + end - start, 0);
}

class State {
  module: Module;
  calls = 0;
  traps = 0;
  readonly #options: SealOptions;
  #subtypes: Subtypes;
  #uses: FunctionUses;
  #slots: readonly (Slots | undefined)[];
  #reached: Reached;
  #world: World;

  constructor(module: Module, options: SealOptions) {
    this.module = module;
    this.#options = options;
    this.#subtypes = new Subtypes(module);
    this.#uses = new FunctionUses(module, new Nodes(module));
    this.#slots = initialSlots(module);
    this.#reached = this.#reach();
    this.#world = this.#worldNow();
  }

  /** Goes round until no call becomes direct and no more is constant. */
  settle(): void {
    for (let known = ''; known !== this.#world.knows; ) {
      known = this.#world.knows;
      const direct = makeDirect(this.module, this.#reached.funcs, {
        world: this.#world,
        uses: this.#uses,
        subtypes: this.#subtypes,
        unwritten: this.#unwritten(),
        inPlace: this.#options.keepOffsets === true,
      });
      this.calls += direct.calls;
      this.traps += direct.traps;
      if (direct.module === this.module) return;
      this.module = direct.module;
      this.#uses.update(direct.module.codes);
      this.#reached = this.#reach();
      this.#world = this.#worldNow();
    }
  }

  async optimize(optimize: Optimize): Promise<void> {
    const { generated = new Set() } = this.#options;
    const live = new Set([...generated].filter((func) => this.#reached.has('func', func)));
    const { globals } = this.module;
    const given = withFixedGlobals(this.module, this.#world);
    const optimized = await optimize(given, live, (table) => this.#world.tables[table]?.slots);
    if (optimized === given) return;
    this.module = { ...optimized, globals };
    this.#subtypes = new Subtypes(this.module);
    this.#uses = new FunctionUses(this.module, new Nodes(this.module));
    this.#slots = initialSlots(this.module);
    this.#reached = this.#reach();
    this.#world = this.#worldNow();
  }

  facts(): Parameters<typeof shake>[1] {
    return {
      uses: this.#uses,
      reached: this.#reached,
      world: this.#world,
      slots: rewritable(this.module, this.#slots),
    };
  }

  /** Tables on which there are reachable indirect calls, and which are not constant. */
  tables(): readonly OpenTable[] {
    const called = this.#called();
    return this.#world.tables.flatMap(({ preventers }, i) =>
      preventers.length > 0 && called.has(i as TableIdx) ? [{ table: i as TableIdx, preventers }] : [],
    );
  }

  constantTables(): readonly TableIdx[] {
    return this.#world.tables.flatMap(({ slots, fixed }, i) =>
      slots !== undefined && fixed ? [i as TableIdx] : [],
    );
  }

  #called(): ReadonlySet<TableIdx> {
    return new Set(
      this.#reached.funcs.flatMap((func) => this.#uses.of(func)?.indirect.map(({ table }) => table) ?? []),
    );
  }

  #unwritten(): ReadonlySet<TableIdx> {
    const { imported, tables } = spaces(this.module);
    if (this.#options.assumeTables !== true) return new Set();
    return new Set(tables.map((_, i) => i as TableIdx).filter((i) => i >= imported.table));
  }

  #reach(): Reached {
    return reachable({
      module: this.module,
      uses: this.#uses,
      subtypes: this.#subtypes,
      slots: rewritable(this.module, this.#slots),
    });
  }

  #worldNow(): World {
    return new World(this.module, this.#slots, this.#uses, this.#reached, {
      assumeTables: this.#options.assumeTables === true,
      constantRanges: this.#options.constantRanges ?? [],
    });
  }
}
