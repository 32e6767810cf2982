/**
 * What is reachable: from the exports and the start function on, along everything that code,
 * segments and initializers name. What a table holds is reachable as far as some instruction can
 * tell: a slot counts where a reachable indirect call has a type that it fits, or where slots are
 * read as values.
 *
 * The search is breadth first and remembers where it came from, so that the shortest chain of
 * references to anything can be shown (why.ts).
 */
import { type ConstExpr, type Elem, type Module, spaces } from '../wasm/module.ts';
import { type FuncIdx, isRef, mapSubType, type TableIdx, type TypeIdx } from '../wasm/types.ts';
import type { IndexName } from '../wasm/walk.ts';
import { walkExpr } from '../wasm/walk.ts';
import { NULL_SLOT, type Slots } from './constants.ts';
import type { Subtypes } from './subtypes.ts';
import type { FunctionUses, Node, Nodes } from './uses.ts';

/** Why something is reachable: what names it, or for a function in a table the slot it was found in. */
export interface Reason {
  /** Undefined for a root. */
  readonly from: Node | undefined;
  /** Of a root: `export "main"`. */
  readonly root?: string;
  readonly slot?: {
    readonly table: TableIdx;
    readonly index: number;
    /** The type of the call; undefined where slots are read as values. */
    readonly type: TypeIdx | undefined;
  };
}

export interface Reached {
  readonly nodes: Nodes;
  has(kind: IndexName, index: number): boolean;
  /** Where the search came to it from. */
  reason(node: Node): Reason | undefined;
  /** Reachable functions, imported ones too, in the order in which they were found. */
  readonly funcs: readonly FuncIdx[];
}

export interface Scope {
  readonly module: Module;
  readonly uses: FunctionUses;
  readonly subtypes: Subtypes;
  /** By table; undefined where it is not known what a table holds. */
  readonly slots: readonly (Slots | undefined)[];
}

export function reachable(scope: Scope): Reached {
  const search = new Search(scope);
  search.run();
  return search;
}

class Search implements Reached {
  readonly nodes: Nodes;
  readonly funcs: FuncIdx[] = [];
  readonly #scope: Scope;
  readonly #reached: Uint8Array;
  /** Node that named it plus one; 0 for a root. */
  readonly #from: Uint32Array;
  readonly #roots = new Map<Node, string>();
  readonly #slotOf = new Map<Node, NonNullable<Reason['slot']>>();
  readonly #queue: Node[] = [];
  /** What was looked up in each table. */
  readonly #looked = new Set<number>();
  /** The distinct functions of each table, by their types. */
  readonly #held = new Map<TableIdx, ReadonlyMap<TypeIdx, ReadonlyMap<FuncIdx, number>>>();
  /** The first type of the recursion group of each type, and how many it has. */
  readonly #groups: readonly (readonly [first: number, count: number])[];

  constructor(scope: Scope) {
    this.#scope = scope;
    this.nodes = scope.uses.nodes;
    this.#reached = new Uint8Array(this.nodes.count);
    this.#from = new Uint32Array(this.nodes.count);
    let first = 0;
    this.#groups = scope.module.types.flatMap(({ types }) => {
      const group = [first, types.length] as const;
      first += types.length;
      return types.map(() => group);
    });
  }

  has(kind: IndexName, index: number): boolean {
    return this.#reached[this.nodes.node(kind, index)] === 1;
  }

  reason(node: Node): Reason | undefined {
    if (this.#reached[node] !== 1) return undefined;
    const root = this.#roots.get(node);
    if (root !== undefined) return { from: undefined, root };
    const slot = this.#slotOf.get(node);
    return { from: (this.#from[node] as number) - 1, ...(slot === undefined ? {} : { slot }) };
  }

  run(): void {
    this.#markRoots();
    // The queue grows while it is read.
    for (let i = 0; i < this.#queue.length; i++) this.#visit(this.#queue[i] as Node);
  }

  #markRoots(): void {
    const { module } = this.#scope;
    for (const { name, kind, index } of module.exports) this.#root(kind, index, `export "${name}"`);
    if (module.start !== undefined) this.#root('func', module.start.func, 'the start function');
    // What instantiation writes into the host's tables and memories, the host can see.
    const { imported } = spaces(module);
    for (const { mode } of module.elems)
      if (mode.kind === 'active' && mode.table < imported.table)
        this.#root('table', mode.table, 'an imported table that a segment fills');
    for (const { mode } of module.datas)
      if (mode.kind === 'active' && mode.mem < imported.mem)
        this.#root('mem', mode.mem, 'an imported memory that a segment fills');
    for (const { kind, index } of module.exports)
      if (kind === 'table') this.#readSlots(index as TableIdx, this.nodes.node('table', index));
  }

  #root(kind: IndexName, index: number, why: string): void {
    const node = this.nodes.node(kind, index);
    if (this.#reached[node] === 1) return;
    this.#roots.set(node, why);
    this.#mark(node, undefined);
  }

  #mark(node: Node, from: Node | undefined): void {
    if (this.#reached[node] === 1) return;
    this.#reached[node] = 1;
    this.#from[node] = from === undefined ? 0 : from + 1;
    this.#queue.push(node);
  }

  #visit(node: Node): void {
    const { module } = this.#scope;
    const { kind, index } = this.nodes.place(node);
    const all = spaces(module);
    switch (kind) {
      case 'func':
        this.#func(index as FuncIdx, node);
        break;
      case 'table':
        this.#heap(all.tables[index]?.ref, node);
        this.#expr(module.tables[index - all.imported.table]?.init, node);
        if (this.#scope.slots[index] === undefined) this.#segmentsOf(index as TableIdx, node);
        break;
      case 'mem':
        module.datas.forEach(({ mode }, data) => {
          if (mode.kind === 'active' && mode.mem === index) this.#mark(this.nodes.node('data', data), node);
        });
        break;
      case 'global': {
        this.#heap(all.globals[index]?.val, node);
        this.#expr(module.globals[index - all.imported.global]?.init, node);
        break;
      }
      case 'tag':
        this.#mark(this.nodes.node('type', all.tags[index] as TypeIdx), node);
        break;
      case 'elem':
        this.#elem(module.elems[index], node);
        break;
      case 'data': {
        const mode = module.datas[index]?.mode;
        if (mode?.kind === 'active') this.#expr(mode.offset, node);
        break;
      }
      case 'type':
        this.#type(index, node);
        break;
    }
  }

  #func(func: FuncIdx, node: Node): void {
    this.funcs.push(func);
    this.#mark(this.nodes.node('type', spaces(this.#scope.module).funcs[func] as TypeIdx), node);
    const uses = this.#scope.uses.of(func);
    if (uses === undefined) return;
    for (const named of uses.nodes) this.#mark(named, node);
    for (const { table, type } of uses.indirect) this.#callSlots(table, type, node);
    for (const table of uses.reads) this.#readSlots(table, node);
  }

  #heap(type: unknown, node: Node): void {
    const ref = type as Parameters<typeof isRef>[0] | undefined;
    if (ref !== undefined && isRef(ref) && typeof ref.heap === 'number')
      this.#mark(this.nodes.node('type', ref.heap), node);
  }

  #expr(expr: ConstExpr | undefined, node: Node): void {
    if (expr === undefined) return;
    for (const named of this.#scope.uses.ofExpr(expr, walkExpr).nodes) this.#mark(named, node);
  }

  #elem(elem: Elem | undefined, node: Node): void {
    if (elem === undefined) return;
    this.#heap(elem.type, node);
    // Active and declarative segments are dropped once a module is instantiated.
    if (elem.mode.kind === 'passive') this.#items(elem, node);
  }

  #items({ items }: Elem, node: Node): void {
    if (items.kind === 'funcs')
      for (const func of items.funcs) this.#mark(this.nodes.node('func', func), node);
    else for (const expr of items.exprs) this.#expr(expr, node);
  }

  /** A table of which it is not known what it holds: its segments are kept as they are. */
  #segmentsOf(table: TableIdx, node: Node): void {
    this.#scope.module.elems.forEach((elem, i) => {
      if (elem.mode.kind !== 'active' || elem.mode.table !== table) return;
      this.#mark(this.nodes.node('elem', i), node);
      this.#expr(elem.mode.offset, node);
      this.#items(elem, node);
    });
  }

  #type(index: number, node: Node): void {
    const [first, count] = this.#groups[index] ?? [index, 1];
    for (let i = first; i < first + count; i++) this.#mark(this.nodes.node('type', i), node);
    const type = spaces(this.#scope.module).types[index];
    if (type === undefined) return;
    mapSubType(type, (named) => {
      this.#mark(this.nodes.node('type', named), node);
      return named;
    });
  }

  /** The functions of a table by type, each with its first slot. */
  #heldBy(table: TableIdx): ReadonlyMap<TypeIdx, ReadonlyMap<FuncIdx, number>> {
    const known = this.#held.get(table);
    if (known !== undefined) return known;
    const { funcs } = spaces(this.#scope.module);
    const held = new Map<TypeIdx, Map<FuncIdx, number>>();
    this.#scope.slots[table]?.forEach((func, slot) => {
      if (func === NULL_SLOT) return;
      const type = funcs[func] as TypeIdx;
      const ofType = held.get(type) ?? new Map<FuncIdx, number>();
      held.set(type, ofType);
      if (!ofType.has(func as FuncIdx)) ofType.set(func as FuncIdx, slot);
    });
    this.#held.set(table, held);
    return held;
  }

  /** Whether it is the first time: by the canonical type plus one, 0 where slots are read. */
  #look(table: TableIdx, what: number): boolean {
    const key = table * (this.nodes.counts.type + 1) + what;
    if (this.#looked.has(key)) return false;
    this.#looked.add(key);
    return true;
  }

  #callSlots(table: TableIdx, type: TypeIdx, from: Node): void {
    if (!this.#look(table, this.#scope.subtypes.canonical(type) + 1)) return;
    for (const [own, funcs] of this.#heldBy(table))
      if (this.#scope.subtypes.matches(own, type)) this.#slots(table, type, funcs, from);
  }

  #readSlots(table: TableIdx, from: Node): void {
    if (!this.#look(table, 0)) return;
    for (const funcs of this.#heldBy(table).values()) this.#slots(table, undefined, funcs, from);
  }

  #slots(table: TableIdx, type: TypeIdx | undefined, funcs: ReadonlyMap<FuncIdx, number>, from: Node): void {
    for (const [func, index] of funcs) {
      const node = this.nodes.node('func', func);
      if (this.#reached[node] === 1) continue;
      this.#slotOf.set(node, { table, index, type });
      this.#mark(node, from);
    }
  }
}
