/**
 * What a function body names: one walk, and a summary that reachability and constness are decided
 * from. Bodies are walked when they are first reached, so dead code costs nothing, and once, however
 * often the passes go round.
 */
import { type Module, spaces } from '../wasm/module.ts';
import { type Opcode, opcodeNamed } from '../wasm/opcodes.ts';
import type { FuncIdx, GlobalIdx, TableIdx, TypeIdx } from '../wasm/types.ts';
import {
  INDEX_KIND,
  INDEX_NAMES,
  type IndexKind,
  type IndexName,
  type Span,
  type Visitor,
  walkBody,
} from '../wasm/walk.ts';

/** Something of a module that has an index: kinds stand one behind the other in one numbering. */
export type Node = number;

/** One numbering for everything in a module that has an index. */
export class Nodes {
  readonly counts: Readonly<Record<IndexName, number>>;
  readonly count: number;
  /** Where each kind begins, by its bit. */
  readonly #first: readonly number[];

  constructor(module: Module) {
    const all = spaces(module);
    this.counts = {
      type: all.types.length,
      func: all.funcs.length,
      table: all.tables.length,
      mem: all.mems.length,
      global: all.globals.length,
      tag: all.tags.length,
      elem: module.elems.length,
      data: module.datas.length,
    };
    const first: number[] = new Array<number>(INDEX_KIND.data + 1).fill(0);
    let next = 0;
    for (const name of INDEX_NAMES) {
      first[INDEX_KIND[name]] = next;
      next += this.counts[name];
    }
    this.#first = first;
    this.count = next;
  }

  node(kind: IndexName, index: number): Node {
    return this.of(INDEX_KIND[kind], index);
  }

  of(kind: IndexKind, index: number): Node {
    return (this.#first[kind] as number) + index;
  }

  place(node: Node): { readonly kind: IndexName; readonly index: number } {
    const kind = INDEX_NAMES.findLast((name) => this.counts[name] > 0 && this.node(name, 0) <= node);
    if (kind === undefined) throw new TypeError(`there is no node ${node}`);
    return { kind, index: node - this.node(kind, 0) };
  }
}

/** An instruction that writes a table: the name says how. */
export interface TableWrite {
  readonly table: TableIdx;
  readonly op: 'table.set' | 'table.grow' | 'table.fill' | 'table.copy' | 'table.init';
}

export interface IndirectCall {
  readonly table: TableIdx;
  readonly type: TypeIdx;
}

export interface Uses {
  /** All that it names, each once, in the order of the code. */
  readonly nodes: readonly Node[];
  /** Indirect calls, each table and type once. */
  readonly indirect: readonly IndirectCall[];
  readonly writes: readonly TableWrite[];
  /** Tables whose slots it reads as values, with `table.get` or `table.copy`. */
  readonly reads: readonly TableIdx[];
  /** Tables whose size it can tell: by any instruction but a call, for each traps beyond it or returns it. */
  readonly sized: readonly TableIdx[];
  readonly sets: readonly GlobalIdx[];
  /** Functions that `ref.func` names. */
  readonly refs: readonly FuncIdx[];
  /** Whether it calls function references. */
  readonly callsRefs: boolean;
}

const op = (name: string): Opcode => opcodeNamed(name).opcode;
const CALL_INDIRECT = op('call_indirect');
const RETURN_CALL_INDIRECT = op('return_call_indirect');
const CALL_REF = op('call_ref');
const RETURN_CALL_REF = op('return_call_ref');
const REF_FUNC = op('ref.func');
const GLOBAL_SET = op('global.set');
const TABLE_GET = op('table.get');
const TABLE_SIZE = op('table.size');
const TABLE_COPY = op('table.copy');
const WRITES: ReadonlyMap<Opcode, TableWrite['op']> = new Map(
  (['table.set', 'table.grow', 'table.fill', 'table.copy', 'table.init'] as const).map((name) => [
    op(name),
    name,
  ]),
);

const EVERY_KIND = 0xff;
const NOTHING: readonly never[] = [];

/** Walks bodies of one module; each call of `of` gives the summary of one. */
export class UsesWalker implements Visitor {
  readonly kinds: number = EVERY_KIND;
  readonly #nodes: Nodes;
  /** By node, the number of the body that named it last: each is listed once. */
  readonly #seen: Uint32Array;
  #body = 0;
  #opcode: Opcode = 0;
  /** How many indices this instruction has shown. */
  #shown = 0;
  #type = 0;
  #named: Node[] = [];
  #indirect: IndirectCall[] | undefined;
  #writes: TableWrite[] | undefined;
  #reads: TableIdx[] | undefined;
  #sized: TableIdx[] | undefined;
  #sets: GlobalIdx[] | undefined;
  #refs: FuncIdx[] | undefined;
  #callsRefs = false;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
    this.#seen = new Uint32Array(nodes.count);
  }

  of(body: Span, walk: (span: Span, visitor: Visitor) => void = walkBody): Uses {
    this.#body++;
    this.#named = [];
    this.#indirect = this.#writes = this.#reads = this.#sized = this.#sets = undefined;
    this.#refs = undefined;
    this.#callsRefs = false;
    walk(body, this);
    return {
      nodes: this.#named,
      indirect: this.#indirect ?? NOTHING,
      writes: this.#writes ?? NOTHING,
      reads: this.#reads ?? NOTHING,
      sized: this.#sized ?? NOTHING,
      sets: this.#sets ?? NOTHING,
      refs: this.#refs ?? NOTHING,
      callsRefs: this.#callsRefs,
    };
  }

  op(opcode: Opcode): void {
    this.#opcode = opcode;
    this.#shown = 0;
  }

  index(kind: IndexKind, index: number): void {
    const node = this.#nodes.of(kind, index);
    if (this.#seen[node] !== this.#body) {
      this.#seen[node] = this.#body;
      this.#named.push(node);
    }
    if (kind === INDEX_KIND.table) this.#table(index as TableIdx);
    else if (kind === INDEX_KIND.type) {
      this.#type = index;
      if (this.#opcode === CALL_REF || this.#opcode === RETURN_CALL_REF) this.#callsRefs = true;
    } else if (kind === INDEX_KIND.func) {
      if (this.#opcode === REF_FUNC) this.#refs = added(this.#refs, index as FuncIdx);
    } else if (kind === INDEX_KIND.global && this.#opcode === GLOBAL_SET) {
      this.#sets = added(this.#sets, index as GlobalIdx);
    }
    this.#shown++;
  }

  #table(table: TableIdx): void {
    const opcode = this.#opcode;
    if (opcode === CALL_INDIRECT || opcode === RETURN_CALL_INDIRECT) {
      const type = this.#type as TypeIdx;
      this.#indirect ??= [];
      if (!this.#indirect.some((call) => call.table === table && call.type === type))
        this.#indirect.push({ table, type });
      return;
    }
    this.#sized = added(this.#sized, table);
    // The first table of a copy is written, the second one read.
    const source = opcode === TABLE_COPY && this.#shown === 1;
    if (opcode === TABLE_GET || source) this.#reads = added(this.#reads, table);
    const write = WRITES.get(opcode);
    if (write === undefined || source || opcode === TABLE_SIZE) return;
    this.#writes ??= [];
    if (!this.#writes.some((one) => one.table === table && one.op === write))
      this.#writes.push({ table, op: write });
  }
}

function added<T>(list: T[] | undefined, item: T): T[] {
  if (list === undefined) return [item];
  if (!list.includes(item)) list.push(item);
  return list;
}

/** The summaries of a module's functions, made when they are wanted. */
export class FunctionUses {
  readonly nodes: Nodes;
  readonly #walker: UsesWalker;
  readonly #imported: number;
  readonly #known: (Uses | undefined)[] = [];
  #codes: Module['codes'];

  constructor(module: Module, nodes: Nodes) {
    this.nodes = nodes;
    this.#walker = new UsesWalker(nodes);
    this.#imported = spaces(module).imported.func;
    this.#codes = module.codes;
  }

  /** Bodies were replaced; the indices are what they were. */
  update(codes: Module['codes']): void {
    codes.forEach((body, i) => {
      if (body !== this.#codes[i]) this.#known[i] = undefined;
    });
    this.#codes = codes;
  }

  /** Undefined for an imported function. */
  of(func: FuncIdx): Uses | undefined {
    const position = func - this.#imported;
    const body = this.#codes[position];
    if (body === undefined) return undefined;
    this.#known[position] ??= this.#walker.of(body);
    return this.#known[position];
  }

  /** Of a constant expression. */
  ofExpr(expr: Span, walk: (span: Span, visitor: Visitor) => void): Uses {
    return this.#walker.of(expr, walk);
  }
}
