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

  of(value: unknown): EntityRef | undefined {
    return this.#entities.get(value);
  }

  /** The first owner stays: an export of what was imported is not a new entity. */
  add(value: unknown, entity: EntityRef): void {
    if (value !== undefined && value !== null && !this.#entities.has(value))
      this.#entities.set(value, entity);
  }

  /** Everything that instrumentation exports of an instance. */
  addInstance(instance: number, module: Module, probes: Probes, exports: WebAssembly.Exports): void {
    const all = spaces(module);
    const add = (kind: ExternKind, name: (index: number) => string, index: number): void => {
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
    for (const index of probes.funcs) add('func', probes.func, index);
  }
}
