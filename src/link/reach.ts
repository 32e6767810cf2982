/**
 * What of the auxiliary modules is still reachable. Guests reuse slots and throw code away, and each
 * auxiliary module brings a start function that has done its work; what nothing names goes.
 *
 * Roots are the guest's tables and globals, by what they hold, and what the guest imports from
 * auxiliary modules. The guest's own code is not looked at: it can name no auxiliary function but
 * through these.
 */
import { type ExternKind, type Module, spaces } from '../wasm/module.ts';
import { INDEX_KIND, type IndexKind, type Span, type Visitor, walkBody, walkExpr } from '../wasm/walk.ts';
import { type Adopted, type Aux, type Binding, type EntityRef, entityKey } from './entity.ts';

/** What the snapshot knows about entities; the linker asks, and knows no state itself. */
export interface Held {
  /** The functions that a table or a global holds. */
  readonly functions: (entity: EntityRef) => Iterable<EntityRef>;
  readonly droppedElem: (instance: number, index: number) => boolean;
  readonly droppedData: (instance: number, index: number) => boolean;
  /** Where a table or a global holds a function, for messages. */
  readonly place?: (holder: EntityRef, func: EntityRef) => string;
}

/** Flags by index, for one auxiliary module. */
export interface LiveParts extends Record<ExternKind | 'elem' | 'data', Uint8Array> {}

const EXTERN_OF: ReadonlyMap<IndexKind, ExternKind> = new Map([
  [INDEX_KIND.func, 'func'],
  [INDEX_KIND.table, 'table'],
  [INDEX_KIND.mem, 'mem'],
  [INDEX_KIND.global, 'global'],
  [INDEX_KIND.tag, 'tag'],
] as const);

/** Follows imports to who defines the entity: a guest entity, an auxiliary definition, or a binding that is no entity. */
export class Owners {
  readonly #auxes: readonly Aux[];
  readonly #bindings: readonly Readonly<Record<ExternKind, readonly Binding[]>>[];
  /** What is the guest's now, though an auxiliary module defines it, by {@link entityKey}. */
  readonly #adopted: ReadonlyMap<string, Adopted>;

  constructor(auxes: readonly Aux[], adopted: readonly Adopted[] = []) {
    this.#auxes = auxes;
    this.#adopted = new Map(adopted.map((one) => [entityKey(one.entity), one]));
    this.#bindings = auxes.map((aux) => {
      const byKind: Record<ExternKind, Binding[]> = { func: [], table: [], mem: [], global: [], tag: [] };
      aux.module.imports.forEach((item, i) => {
        const binding = aux.bindings[i];
        if (binding === undefined) throw new TypeError(`import ${i} of ${aux.name} has no binding`);
        byKind[item.desc.kind].push(binding);
      });
      return byKind;
    });
  }

  aux(instance: number): Aux {
    const aux = this.#auxes[instance - 1];
    if (aux === undefined) throw new TypeError(`there is no instance ${instance}`);
    return aux;
  }

  imports(instance: number, kind: ExternKind): readonly Binding[] {
    return this.#bindings[instance - 1]?.[kind] ?? [];
  }

  /** The definitions of a module that are the guest's now. */
  adoptedFrom(instance: number, kind: ExternKind): readonly Adopted[] {
    return [...this.#adopted.values()].filter(
      ({ entity }) => entity.instance === instance && entity.kind === kind,
    );
  }

  owner(entity: EntityRef): EntityRef | Binding {
    let at: EntityRef = entity;
    while (at.instance > 0) {
      const binding = this.imports(at.instance, at.kind)[at.index];
      if (binding === undefined) return this.#adopted.get(entityKey(at))?.guest ?? at;
      if (binding.kind !== 'entity') return binding;
      at = binding.entity;
    }
    return at;
  }
}

function isEntity(owner: EntityRef | Binding): owner is EntityRef {
  return 'instance' in owner;
}

export interface Live {
  /** What is live in each auxiliary module; entry 0 is the first of them. */
  readonly parts: readonly LiveParts[];
  /** The functions of the host that live code calls, by `hostKey`. */
  readonly hosts: ReadonlySet<string>;
}

export function hostKey(host: Extract<Binding, { kind: 'host' }>): string {
  return `${host.module}\0${host.name}\0${host.type ?? ''}`;
}

/** Marks what is live: what the guest holds, `roots`, and what these lead to. */
export function reach(
  guest: Module,
  auxes: readonly Aux[],
  owners: Owners,
  held: Held,
  roots: readonly EntityRef[] = [],
): Live {
  return new Reach(auxes, owners, held).from(guest, roots);
}

class Reach {
  readonly #auxes: readonly Aux[];
  readonly #owners: Owners;
  readonly #held: Held;
  readonly #live: readonly LiveParts[];
  readonly #hosts = new Set<string>();
  readonly #todo: EntityRef[] = [];

  constructor(auxes: readonly Aux[], owners: Owners, held: Held) {
    this.#auxes = auxes;
    this.#owners = owners;
    this.#held = held;
    this.#live = auxes.map(({ module }) => {
      const { funcs, tables, mems, globals, tags } = spaces(module);
      return {
        func: new Uint8Array(funcs.length),
        table: new Uint8Array(tables.length),
        mem: new Uint8Array(mems.length),
        global: new Uint8Array(globals.length),
        tag: new Uint8Array(tags.length),
        elem: new Uint8Array(module.elems.length),
        data: new Uint8Array(module.datas.length),
      };
    });
  }

  from(guest: Module, roots: readonly EntityRef[]): Live {
    const { tables, globals } = spaces(guest);
    for (const root of roots) this.#mark(root);
    tables.forEach((_, index) => {
      this.#holder({ instance: 0, kind: 'table', index });
    });
    globals.forEach((_, index) => {
      this.#holder({ instance: 0, kind: 'global', index });
    });
    for (let next = this.#todo.pop(); next !== undefined; next = this.#todo.pop()) this.#visit(next);
    return { parts: this.#live, hosts: this.#hosts };
  }

  #holder(entity: EntityRef): void {
    for (const func of this.#held.functions(entity)) this.#mark(func, entity);
  }

  #mark(entity: EntityRef, holder?: EntityRef): void {
    const owner = this.#owners.owner(entity);
    if (!isEntity(owner)) {
      if (owner.kind === 'ref' && owner.entity !== undefined) this.#mark(owner.entity);
      if (owner.kind === 'host') this.#hosts.add(hostKey(owner));
      if (owner.kind === 'unknown') throw owner.refuse(holder && this.#held.place?.(holder, entity));
      return;
    }
    if (owner.instance === 0) return;
    const flags = this.#parts(owner.instance)[owner.kind];
    if (flags[owner.index] === 1) return;
    flags[owner.index] = 1;
    this.#todo.push(owner);
  }

  #parts(instance: number): LiveParts {
    const parts = this.#live[instance - 1];
    if (parts === undefined) throw new TypeError(`there is no instance ${instance}`);
    return parts;
  }

  #visit(entity: EntityRef): void {
    const { instance, kind, index } = entity;
    const aux = this.#auxes[instance - 1] as Aux;
    const { imported } = spaces(aux.module);
    if (kind === 'func') {
      this.#walk(instance, aux.module.codes[index - imported.func], walkBody);
    } else if (kind === 'table') {
      this.#holder(entity);
      this.#walk(instance, aux.module.tables[index - imported.table]?.init, walkExpr);
    } else if (kind === 'global') {
      this.#holder(entity);
      this.#walk(instance, aux.module.globals[index - imported.global]?.init, walkExpr);
    }
  }

  #walk(instance: number, span: Span | undefined, walk: (span: Span, visitor: Visitor) => void): void {
    if (span === undefined) return;
    walk(span, {
      kinds: 0xff & ~INDEX_KIND.type,
      index: (kind, index) => {
        const extern = EXTERN_OF.get(kind);
        if (extern !== undefined) this.#mark({ instance, kind: extern, index });
        else if (kind === INDEX_KIND.data) this.#parts(instance).data[index] = 1;
        else this.#elem(instance, index);
      },
    });
  }

  /** A segment that live code names; one that is still there brings its functions. */
  #elem(instance: number, index: number): void {
    const flags = this.#parts(instance).elem;
    if (flags[index] === 1) return;
    flags[index] = 1;
    const segment = this.#auxes[instance - 1]?.module.elems[index];
    if (segment === undefined || this.#held.droppedElem(instance, index)) return;
    if (segment.items.kind === 'funcs') {
      for (const func of segment.items.funcs) this.#mark({ instance, kind: 'func', index: func });
    } else {
      for (const expr of segment.items.exprs) this.#walk(instance, expr, walkExpr);
    }
  }
}
