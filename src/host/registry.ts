/**
 * Who defines a value: the identity of every memory, table, global, tag and function of the guest
 * and of the auxiliary modules, as the JS API shows them. The same entity is always the same object
 * (https://webassembly.github.io/spec/js-api/#store), so an object is all that is needed to know it.
 */
import type { EntityRef } from '../link/entity.ts';
import type { Probes } from '../link/instrument.ts';
import { type ExternKind, type Module, spaces } from '../wasm/module.ts';

export class Registry {
  readonly #entities = new Map<unknown, EntityRef>();
  readonly #given = new Map<unknown, EntityRef>();

  of(value: unknown): EntityRef | undefined {
    return this.#entities.get(value);
  }

  /** The first owner stays: an export of what was imported is not a new entity. */
  add(value: unknown, entity: EntityRef): void {
    if (value !== undefined && value !== null && !this.#entities.has(value))
      this.#entities.set(value, entity);
  }

  /** The imported global that was given this value. */
  givenTo(value: unknown): EntityRef | undefined {
    return this.#given.get(value);
  }

  /**
   * An immutable global that the guest imports was given this value, which is the host's own. A number or
   * a string is not known by it: whoever has the same has not got it from there.
   */
  addGiven(value: unknown, global: EntityRef): void {
    const hasIdentity = typeof value === 'object' || typeof value === 'function' || typeof value === 'symbol';
    if (hasIdentity && value !== null && !this.#given.has(value)) this.#given.set(value, global);
  }

  /** Everything that instrumentation exports of an instance, or what the instance itself defines of it. */
  addInstance(
    instance: number,
    module: Module,
    probes: Probes,
    exports: WebAssembly.Exports,
    which: 'all' | 'definitions' = 'all',
  ): void {
    const all = spaces(module);
    const add = (kind: ExternKind, name: (index: number) => string, index: number): void => {
      if (which === 'definitions' && index < all.imported[kind]) return;
      this.add(exports[name(index)], { instance, kind, index });
    };
    all.mems.forEach((_, index) => {
      add('mem', probes.mem, index);
    });
    all.tables.forEach((_, index) => {
      add('table', probes.table, index);
    });
    all.tags.forEach((_, index) => {
      add('tag', probes.tag, index);
    });
    all.globals.forEach((type, index) => {
      if (type.mutable) add('global', probes.global, index);
    });
    const functions = exports[probes.funcTable];
    probes.funcs.forEach((index, i) => {
      if (which === 'definitions' && index < all.imported.func) return;
      if (functions instanceof WebAssembly.Table)
        this.add(functions.get(i), { instance, kind: 'func', index });
    });
    // An engine may show one global as several objects, one for each export of it; V8 does.
    for (const item of module.exports) add(item.kind, () => item.name, item.index);
  }
}
