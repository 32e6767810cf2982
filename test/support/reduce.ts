// A small reducer: makes a module smaller as long as a predicate holds. It knows nothing of what is
// wrong with the module; every attempt is validated first, so the predicate sees only what engines take.
//
// Attempts go from coarse to fine: whole lists (exports, segments, customs) in halves, bodies in halves,
// then stretches of instructions within each body. Rounds are repeated until one brings nothing.

import { LinkError } from '../../src/errors/classes.ts';
import { GONE, mapIndex, relocateBody, relocateExpr } from '../../src/link/relocate.ts';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import { assemble, assembleBody, type Instruction, type Op, readBody } from '../../src/wasm/instructions.ts';
import {
  type Body,
  type ConstExpr,
  type Data,
  type Elem,
  type Module,
  spaces,
} from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { FuncIdx, FuncType, TypeIdx } from '../../src/wasm/types.ts';
import { isRef } from '../../src/wasm/types.ts';

/** Whether a module still shows what is looked for. It must not throw for any other reason. */
export type Interesting = (bytes: Uint8Array) => boolean | Promise<boolean>;

export interface ReduceOptions {
  /** The most times that the predicate is asked; default 2,000. */
  readonly attempts?: number;
  /** Whether a module is valid; default is what this engine says. */
  readonly valid?: (bytes: Uint8Array) => boolean;
}

const engineTakes = (bytes: Uint8Array): boolean => WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>);

/** The smallest module found for which the predicate holds. Throws where it does not hold at the start. */
export async function reduce(
  bytes: Uint8Array,
  interesting: Interesting,
  options: ReduceOptions = {},
): Promise<Uint8Array> {
  if (!(await interesting(bytes))) throw new RangeError('the module is not interesting to begin with');
  const reducer = new Reducer(bytes, interesting, options);
  await reducer.run();
  return reducer.bytes;
}

class Reducer {
  bytes: Uint8Array;
  #module: Module;
  #left: number;
  readonly #interesting: Interesting;
  readonly #valid: (bytes: Uint8Array) => boolean;

  constructor(bytes: Uint8Array, interesting: Interesting, options: ReduceOptions) {
    this.bytes = bytes;
    this.#module = parse(bytes);
    this.#interesting = interesting;
    this.#valid = options.valid ?? engineTakes;
    this.#left = options.attempts ?? 2000;
  }

  async run(): Promise<void> {
    for (let size = Number.POSITIVE_INFINITY; this.bytes.length < size && this.#left > 0; ) {
      size = this.bytes.length;
      await this.#lists();
      await this.#bodies();
      await this.#segments();
      for (let i = 0; i < this.#module.codes.length; i++) await this.#instructions(i);
    }
  }

  /** Takes a module where it is smaller, valid, and interesting. */
  async #try(module: Module): Promise<boolean> {
    if (this.#left <= 0) return false;
    const bytes = encode(module);
    if (bytes.length >= this.bytes.length || !this.#valid(bytes)) return false;
    this.#left--;
    if (!(await this.#interesting(bytes))) return false;
    this.bytes = bytes;
    this.#module = parse(bytes);
    return true;
  }

  /** Without stretches of what no index counts, or of what nothing behind is counted by. */
  async #lists(): Promise<void> {
    await this.#try({ ...this.#module, customs: [] });
    if (this.#module.start !== undefined) await this.#try({ ...this.#module, start: undefined });
    const names = [
      'exports',
      'datas',
      'elems',
      'globals',
      'tables',
      'mems',
      'tags',
      'types',
      'imports',
    ] as const;
    for (const name of names) {
      const count = (): number => this.#module[name].length;
      await this.#stretches(count, (from, to) => {
        const items = this.#module[name];
        const module = { ...this.#module, [name]: [...items.slice(0, from), ...items.slice(to)] };
        return { ...module, dataCount: module.dataCount && { count: module.datas.length } };
      });
    }
    const functions = (): number => this.#module.codes.length;
    await this.#stretches(functions, (from, to) => withoutFunctions(this.#module, from, to));
  }

  /** Tries to do without [from, to), from the back, in halves, quarters, and so on. */
  async #stretches(
    count: () => number,
    without: (from: number, to: number) => Module | undefined,
  ): Promise<void> {
    for (let size = count(); size >= 1; size = Math.floor(size / 2)) {
      for (let to = count(); to > 0; to -= size) {
        const module = without(Math.max(0, to - size), to);
        if (module !== undefined) await this.#try(module);
      }
    }
  }

  /** Bodies that only trap, or only give zeros. */
  async #bodies(): Promise<void> {
    for (const [index] of this.#module.codes.entries()) {
      for (const body of [trapping(), this.#zeros(index)]) {
        if (body !== undefined && (await this.#try(this.#withBody(index, body)))) break;
      }
    }
  }

  #withBody(index: number, body: Body): Module {
    return { ...this.#module, codes: this.#module.codes.with(index, body) };
  }

  #type(index: number): FuncType | undefined {
    const { types } = spaces(this.#module);
    const comp = types[this.#module.funcs[index] as TypeIdx]?.comp;
    return comp?.kind === 'func' ? comp : undefined;
  }

  #zeros(index: number): Body | undefined {
    const results = this.#type(index)?.results.map((type): Op => {
      if (isRef(type)) return type.nullable ? ['ref.null', { heap: type.heap }] : ['unreachable'];
      if (type === 'v128') return ['v128.const', new Uint8Array(16)];
      return type === 'i32' ? ['i32.const', 0] : [`${type}.const`, 0n];
    });
    return results && madeSpan(assembleBody(results), 'reduced');
  }

  async #segments(): Promise<void> {
    for (const [i] of this.#module.datas.entries()) {
      const data = this.#module.datas[i] as Data;
      for (const length of [0, Math.floor(data.bytes.length / 2), data.bytes.length - 1]) {
        if (length < 0 || length >= data.bytes.length) continue;
        const datas = this.#module.datas.with(i, { ...data, bytes: data.bytes.subarray(0, length) });
        if (await this.#try({ ...this.#module, datas })) break;
      }
    }
    for (const [i] of this.#module.elems.entries()) {
      const elem = this.#module.elems[i] as Elem;
      const items =
        elem.items.kind === 'funcs'
          ? ({ kind: 'funcs', funcs: elem.items.funcs.slice(0, -1) } as const)
          : ({ kind: 'exprs', exprs: elem.items.exprs.slice(0, -1) } as const);
      await this.#try({ ...this.#module, elems: this.#module.elems.with(i, { ...elem, items }) });
    }
  }

  /** A body without stretches of its instructions, or with a trap, a drop or a zero in their place. */
  async #instructions(index: number): Promise<void> {
    const count = (): number => this.#code(index).length;
    for (let size = Math.max(1, count() - 1); size >= 1; size = Math.floor(size / 2)) {
      for (let to = count() - 1; to > 0; to -= size) {
        const from = Math.max(0, to - size);
        for (const put of REPLACEMENTS) {
          if (await this.#try(this.#withBody(index, this.#replaced(index, from, to, put)))) break;
        }
      }
    }
  }

  #code(index: number): readonly Instruction[] {
    return [...readBody(this.#module.codes[index] as Body).code];
  }

  #replaced(index: number, from: number, to: number, put: readonly Op[]): Body {
    const body = this.#module.codes[index] as Body;
    const code = this.#code(index);
    const at = (i: number): number => code[i]?.at ?? body.end;
    const middle = assemble(put).subarray(0, -1);
    const before = body.bytes.subarray(body.start, at(from));
    const after = body.bytes.subarray(at(to), body.end);
    return madeSpan(Uint8Array.from([...before, ...middle, ...after]), 'reduced');
  }
}

/** What stands for a stretch of instructions, the cheapest first. */
const REPLACEMENTS: readonly (readonly Op[])[] = [
  [],
  [['drop']],
  [['unreachable']],
  [['i32.const', 0]],
  [['i64.const', 0n]],
  [['local.get', 0]],
];

function trapping(): Body {
  return madeSpan(assembleBody([['unreachable']]), 'reduced');
}

/** Without functions that are not imported; undefined where something names one of them. */
function withoutFunctions(module: Module, from: number, to: number): Module | undefined {
  const { imported, funcs } = spaces(module);
  const [first, last] = [imported.func + from, imported.func + to];
  const map = (index: number): number => (index < first ? index : index < last ? GONE : index - (to - from));
  const maps = { func: Uint32Array.from(funcs, (_, index) => map(index)) };
  const move = (index: number): FuncIdx => mapIndex(maps, 'func', index, 'module') as FuncIdx;
  const expr = (one: ConstExpr): ConstExpr => relocateExpr(one, maps);
  try {
    return {
      ...module,
      funcs: module.funcs.toSpliced(from, to - from),
      codes: module.codes.toSpliced(from, to - from).map((body) => relocateBody(body, maps)),
      tables: module.tables.map((table) => ({ ...table, init: table.init && expr(table.init) })),
      globals: module.globals.map((global) => ({ ...global, init: expr(global.init) })),
      exports: module.exports.map((item) =>
        item.kind === 'func' ? { ...item, index: move(item.index) } : item,
      ),
      start: module.start && { func: move(module.start.func) },
      elems: module.elems.map((elem) => ({
        ...elem,
        items:
          elem.items.kind === 'funcs'
            ? { kind: 'funcs', funcs: elem.items.funcs.map(move) }
            : { kind: 'exprs', exprs: elem.items.exprs.map(expr) },
      })),
    };
  } catch (error) {
    if (error instanceof LinkError) return undefined;
    throw error;
  }
}
