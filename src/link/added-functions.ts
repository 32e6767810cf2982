/**
 * Functions that a pass appends to a module, with their types: behind those that it has, so that
 * every index stays.
 */
import { type Body, type Module, spaces } from '../wasm/module.ts';
import type { FuncIdx, FuncType, TypeIdx } from '../wasm/types.ts';
import { TypePool } from './types.ts';

export class AddedFunctions {
  readonly #module: Module;
  readonly #pool: TypePool;
  readonly #types: TypeIdx[] = [];
  readonly #bodies: Body[] = [];
  /** The types that were looked up here, by index: those of the module and new ones. */
  readonly #known = new Map<TypeIdx, FuncType>();

  constructor(module: Module) {
    this.#module = module;
    this.#pool = new TypePool(module.types);
  }

  /** A function of this type, which is added where the module does not have it. */
  add(comp: FuncType, body: Body): FuncIdx {
    const type = this.#pool.intern({ types: [{ final: true, supers: [], comp }], explicit: false });
    this.#known.set(type, comp);
    return this.addOf(type, body);
  }

  /** A function of a type by its index. */
  addOf(type: TypeIdx, body: Body): FuncIdx {
    this.#types.push(type);
    this.#bodies.push(body);
    return (spaces(this.#module).funcs.length + this.#types.length - 1) as FuncIdx;
  }

  /** The type of a function, of the module's or of one that was added. */
  signature(func: FuncIdx): FuncType & { readonly type: TypeIdx } {
    const { funcs, types } = spaces(this.#module);
    const type = (funcs[func] ?? this.#types[func - funcs.length]) as TypeIdx;
    const comp = types[type]?.comp ?? this.#known.get(type);
    if (comp?.kind !== 'func') throw new TypeError(`function ${func} has no function type`);
    return { ...comp, type };
  }

  /** The sections of the module that they are part of; the very same where nothing was added. */
  sections(): Pick<Module, 'types' | 'funcs' | 'codes'> {
    const { types, funcs, codes } = this.#module;
    if (this.#types.length === 0) return { types, funcs, codes };
    return {
      types: this.#pool.recs.length === types.length ? types : this.#pool.recs,
      funcs: [...funcs, ...this.#types],
      codes: [...codes, ...this.#bodies],
    };
  }
}
