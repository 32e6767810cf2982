/**
 * Merging names: those of an auxiliary module stand under its own name and a dot. The guest's stay.
 */
import type { CustomSection, Module } from '../wasm/module.ts';
import { moduleNames, type NameMap, type Names, writeNames } from '../wasm/names.ts';
import type { Aux, EntityRef } from './entity.ts';
import type { LiveParts } from './reach.ts';

type Place = (entity: EntityRef) => number | undefined;

const NAME_SECTION = 'name';
/** Where a name section goes in a module that has none: behind the data section. */
const AFTER_DATA = 11;

/** The module with the names of what was linked into it. */
export function mergeNames(
  linked: Module,
  auxes: readonly Aux[],
  live: readonly LiveParts[],
  place: Place,
): Module {
  const names = moduleNames(linked);
  const func = new Map(names.func);
  const local = new Map(names.local);
  const others: Record<'table' | 'mem' | 'global' | 'tag', Map<number, string>> = {
    table: new Map(names.table),
    mem: new Map(names.mem),
    global: new Map(names.global),
    tag: new Map(names.tag),
  };
  auxes.forEach((aux, i) => {
    const instance = i + 1;
    const parts = live[i] as LiveParts;
    const own = moduleNames(aux.module);
    const exported = exportNames(aux.module);
    parts.func.forEach((flag, index) => {
      const at = flag === 1 ? place({ instance, kind: 'func', index }) : undefined;
      if (at === undefined) return;
      func.set(at, `${aux.name}.${own.func.get(index) ?? exported.get(index) ?? `func${index}`}`);
      const locals = own.local.get(index);
      if (locals !== undefined) local.set(at, locals);
    });
    for (const kind of ['table', 'mem', 'global', 'tag'] as const) {
      own[kind].forEach((name, index) => {
        const at = parts[kind][index] === 1 ? place({ instance, kind, index }) : undefined;
        if (at !== undefined) others[kind].set(at, `${aux.name}.${name}`);
      });
    }
  });
  if (func.size === names.func.size) return linked;
  return withNames(linked, { ...names, ...others, func, local });
}

function exportNames(module: Module): NameMap {
  return new Map(
    module.exports.filter((item) => item.kind === 'func').map((item) => [item.index, item.name]),
  );
}

/** The module with these names, in place of its name section or behind everything. */
export function withNames(module: Module, names: Names): Module {
  const bytes = writeNames(names);
  const at = module.customs.findIndex((custom) => custom.name === NAME_SECTION);
  const custom: CustomSection = { name: NAME_SECTION, bytes, after: module.customs[at]?.after ?? AFTER_DATA };
  const customs = at < 0 ? [...module.customs, custom] : module.customs.with(at, custom);
  return { ...module, customs };
}

/**
 * `after` without names of segments that are other ones now: state is written anew, and what stands at
 * an index of `before` may be a run of the snapshot.
 */
export function withoutFalseNames(before: Module, after: Module): Module {
  const names = moduleNames(after);
  // Active segments have done their work: those of a snapshot are all active, the others stay.
  type Segments = readonly { readonly mode: { readonly kind: string } }[];
  const stays = (segments: Segments, index: number): boolean =>
    segments[index] !== undefined && segments[index].mode.kind !== 'active';
  const still = (map: NameMap, old: Segments, now: Segments): NameMap =>
    new Map([...map].filter(([index]) => stays(old, index) && stays(now, index)));
  const data = still(names.data, before.datas, after.datas);
  const elem = still(names.elem, before.elems, after.elems);
  if (data.size === names.data.size && elem.size === names.elem.size) return after;
  return withNames(after, { ...names, data, elem });
}

export function addFunctionNames(module: Module, added: NameMap): Module {
  const names = moduleNames(module);
  return withNames(module, { ...names, func: new Map([...names.func, ...added]) });
}
