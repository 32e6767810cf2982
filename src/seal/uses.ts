/**
 * What a function body names: one walk, and a summary that reachability and constness are decided
 * from. Bodies are walked when they are first reached, so dead code costs nothing, and once, however
 * often the passes go round.
 */
import { type Module, spaces } from '../wasm/module.ts';
import { OPCODES, type Opcode, opcodeNamed } from '../wasm/opcodes.ts';
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
    for (const kind of INDEX_NAMES) {
      const index = node - this.node(kind, 0);
      if (index < this.counts[kind]) return { kind, index };
    }
    throw new TypeError(`there is no node ${node}`);
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
  /** Whether a constant, a variable or a slot may be what an indirect call calls, or something loaded. */
  readonly calls: { readonly constant: boolean; readonly loaded: boolean };
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
const TABLE_GET = op('table.get');
const TABLE_COPY = op('table.copy');
const WRITES: ReadonlyMap<Opcode, TableWrite['op']> = new Map(
  (['table.set', 'table.grow', 'table.fill', 'table.copy', 'table.init'] as const).map((name) => [
    op(name),
    name,
  ]),
);

// The byte before an index is the opcode, where opcodes of one byte alone have such an index.
const GLOBAL_SET = op('global.set');
const REF_FUNC = op('ref.func');
// A typeidx may stand behind other bytes of these values: that costs a look, and no mistake.
const CALL_REF = op('call_ref');
const RETURN_CALL_REF = op('return_call_ref');

/** What may push a constant. */
const CONSTANTS: ReadonlySet<number> = new Set(
  ['i32.const', 'i64.const', 'global.get', 'local.get', 'local.tee', 'table.get'].map(op),
);
const I32_LOAD = op('i32.load');

const EVERY_KIND = 0xff;
const NOTHING: readonly never[] = [];

/**
 * Walks bodies of one module; each call of `of` gives the summary of one. It is shown indices and no
 * instructions, which is twice as fast; what else a body does to a table is looked for where it
 * names one outside of an indirect call.
 */
class UsesWalker implements Visitor {
  readonly kinds: number = EVERY_KIND;
  readonly #nodes: Nodes;
  /** By node, the number of the body that named it last: each is listed once. */
  readonly #seen: Uint32Array;
  #body = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  /** The last typeidx and where it ends: an indirect call has its table there. */
  #type = 0;
  #typeAt = 0;
  #typeEnd = 0;
  #constant = false;
  #loaded = false;
  #named: Node[] = [];
  #indirect: IndirectCall[] | undefined;
  #sets: GlobalIdx[] | undefined;
  #refs: FuncIdx[] | undefined;
  #callsRefs = false;
  #namesTables = false;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
    this.#seen = new Uint32Array(nodes.count);
  }

  of(body: Span, walk: (span: Span, visitor: Visitor) => void = walkBody): Uses {
    this.#body++;
    this.#bytes = body.bytes;
    this.#typeEnd = -1;
    this.#named = [];
    this.#indirect = this.#sets = this.#refs = undefined;
    this.#callsRefs = this.#namesTables = this.#constant = this.#loaded = false;
    walk(body, this);
    return {
      nodes: this.#named,
      indirect: this.#indirect ?? NOTHING,
      sets: this.#sets ?? NOTHING,
      refs: this.#refs ?? NOTHING,
      callsRefs: this.#callsRefs,
      calls: { constant: this.#constant, loaded: this.#loaded },
      ...(this.#namesTables ? tableUses(body, walk) : NO_TABLES),
    };
  }

  index(kind: IndexKind, index: number, at: number, end: number): void {
    const node = this.#nodes.of(kind, index);
    if (this.#seen[node] !== this.#body) {
      this.#seen[node] = this.#body;
      this.#named.push(node);
    }
    switch (kind) {
      case INDEX_KIND.func:
        if (this.#bytes[at - 1] === REF_FUNC) this.#refs = added(this.#refs, index as FuncIdx);
        return;
      case INDEX_KIND.global:
        if (this.#bytes[at - 1] === GLOBAL_SET) this.#sets = added(this.#sets, index as GlobalIdx);
        return;
      case INDEX_KIND.type: {
        const before = this.#bytes[at - 1];
        if (before === CALL_REF || before === RETURN_CALL_REF) this.#callsRefs = true;
        this.#type = index;
        this.#typeAt = at;
        this.#typeEnd = end;
        return;
      }
      case INDEX_KIND.table:
        if (at === this.#typeEnd) this.#call(index as TableIdx, this.#type as TypeIdx);
        else this.#namesTables = true;
    }
  }

  #call(table: TableIdx, type: TypeIdx): void {
    // Backwards over one LEB: an instruction of an opcode and a LEB has its opcode there. Other
    // instructions may seem to, which costs a look at the function.
    let leb = this.#typeAt - 2;
    while (leb > 0 && (this.#bytes[leb - 1] as number) >= 0x80) leb--;
    if (CONSTANTS.has(this.#bytes[leb - 1] as number)) this.#constant = true;
    // Before the offset stands the alignment, or a memory and the alignment.
    if (this.#bytes[leb - 2] === I32_LOAD || this.#bytes[leb - 3] === I32_LOAD) this.#loaded = true;
    this.#indirect ??= [];
    if (!this.#indirect.some((call) => call.table === table && call.type === type))
      this.#indirect.push({ table, type });
  }
}

type TableUses = Pick<Uses, 'writes' | 'reads' | 'sized'>;
const NO_TABLES: TableUses = { writes: NOTHING, reads: NOTHING, sized: NOTHING };

/** What a body does to tables beside calling through them. */
function tableUses(body: Span, walk: (span: Span, visitor: Visitor) => void): TableUses {
  const writes: TableWrite[] = [];
  const reads: TableIdx[] = [];
  const sized: TableIdx[] = [];
  let opcode: Opcode = 0;
  let shown = 0;
  walk(body, {
    kinds: INDEX_KIND.table,
    op: (next) => {
      opcode = next;
      shown = 0;
    },
    index: (_, index) => {
      if (isIndirectCall(opcode)) return;
      const table = index as TableIdx;
      added(sized, table);
      // The first table of a copy is written, the second one read.
      const source = opcode === TABLE_COPY && shown++ === 1;
      if (opcode === TABLE_GET || source) added(reads, table);
      const write = WRITES.get(opcode);
      if (write === undefined || source) return;
      if (!writes.some((one) => one.table === table && one.op === write)) writes.push({ table, op: write });
    },
  });
  return { writes, reads, sized };
}

/** What names a memory and leaves its bytes as they are. */
const READS_MEMORY: ReadonlySet<Opcode> = new Set(
  OPCODES.filter(({ name }) => /\.load|^memory\.(size|grow)$/.test(name)).map(({ opcode }) => opcode),
);
const MEMORY_COPY = op('memory.copy');

/** The memories that a body writes: what is not known to read only, writes. */
function memoriesWritten(body: Span): readonly number[] {
  let opcode: Opcode = 0;
  let shown = 0;
  const written = new Set<number>();
  walkBody(body, {
    kinds: INDEX_KIND.mem,
    op: (next) => {
      opcode = next;
      shown = 0;
    },
    index: (_, memory) => {
      // The first memory of a copy is written, the second one read.
      const source = opcode === MEMORY_COPY && shown++ === 1;
      if (!source && !READS_MEMORY.has(opcode)) written.add(memory);
    },
  });
  return [...written];
}

const CALL_INDIRECT = op('call_indirect');
const RETURN_CALL_INDIRECT = op('return_call_indirect');

function isIndirectCall(opcode: Opcode): boolean {
  return opcode === CALL_INDIRECT || opcode === RETURN_CALL_INDIRECT;
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
  readonly #memories: (readonly number[] | undefined)[] = [];
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
      if (body !== this.#codes[i]) this.#known[i] = this.#memories[i] = undefined;
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

  /** Looked for when asked: of few modules nobody but their own code has a memory. */
  memoriesWritten(func: FuncIdx): readonly number[] {
    const position = func - this.#imported;
    const body = this.#codes[position];
    if (body === undefined) return NOTHING;
    this.#memories[position] ??= memoriesWritten(body);
    return this.#memories[position];
  }

  /** Of a constant expression. */
  ofExpr(expr: Span, walk: (span: Span, visitor: Visitor) => void): Uses {
    return this.#walker.of(expr, walk);
  }
}
