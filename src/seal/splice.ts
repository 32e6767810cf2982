/**
 * Splicing: an optimized module of extract.ts back into the whole that it came from. Roots get their
 * new bodies, what is left of copies is the function that they were copied from, and functions that
 * the optimizer made are appended. Types are merged by structure.
 */
import { CODE_METADATA, readHints, writeHints } from '../link/hints.ts';
import { withNames } from '../link/names.ts';
import { GONE, type IndexMap, type Maps, relocateBody } from '../link/relocate.ts';
import { TypePool } from '../link/types.ts';
import { type Body, type CustomSection, type ExternKind, type Module, spaces } from '../wasm/module.ts';
import { moduleNames } from '../wasm/names.ts';
import type { TypeIdx } from '../wasm/types.ts';
import { COPY, type Extraction } from './extract.ts';

export interface Spliced {
  readonly module: Module;
  /** Functions that the optimizer made, which are appended. */
  readonly added: number;
}

/** Throws a LinkError where the optimized code names what the whole module does not have. */
export function splice(module: Module, extraction: Extraction, optimized: Module): Spliced {
  const first = spaces(module).imported.func;
  const inner = spaces(optimized);
  const pool = new TypePool(module.types);
  const type = pool.add(optimized.types);
  const func = functionMap(module, extraction, optimized);
  const maps: Maps = {
    type,
    func,
    table: importMap(optimized, 'table', inner.tables.length),
    mem: importMap(optimized, 'mem', inner.mems.length),
    global: importMap(optimized, 'global', inner.globals.length),
    tag: importMap(optimized, 'tag', inner.tags.length),
    elem: new Uint32Array(0),
    data: new Uint32Array(0),
  };

  const codes: Body[] = [...module.codes];
  const funcs: TypeIdx[] = [...module.funcs];
  optimized.codes.forEach((body, i) => {
    const index = func[inner.imported.func + i] as number;
    const isNew = index >= first + module.codes.length;
    // A copy that was not inlined everywhere: its source keeps its own body.
    if (!isNew && (!extraction.roots.has(index) || isCopy(optimized, inner.imported.func + i))) return;
    codes[index - first] = relocateBody(body, maps);
    if (isNew) funcs[index - first] = type[optimized.funcs[i] as number] as TypeIdx;
  });
  const added = codes.length - module.codes.length;
  const changed = {
    ...module,
    types: pool.recs.length === module.types.length ? module.types : pool.recs,
    funcs: added === 0 ? module.funcs : funcs,
    codes,
  };
  return { module: forgetCode(changed, new Set(extraction.roots.keys())), added };
}

function isCopy(optimized: Module, index: number): boolean {
  return moduleNames(optimized).func.get(index)?.startsWith(COPY) === true;
}

/** Functions of the optimized module → of the whole. */
function functionMap(module: Module, extraction: Extraction, optimized: Module): IndexMap {
  const { funcs, imported } = spaces(optimized);
  const map = importMap(optimized, 'func', funcs.length);
  for (const { name, kind, index } of optimized.exports) if (kind === 'func') map[index] = Number(name);
  const names = moduleNames(optimized).func;
  let next = spaces(module).funcs.length;
  for (let index = imported.func; index < funcs.length; index++) {
    if (map[index] !== GONE) continue;
    const name = names.get(index) ?? '';
    const copy = name.startsWith(COPY) ? extraction.copies[Number(name.slice(COPY.length))] : undefined;
    map[index] = copy?.source ?? next++;
  }
  return map;
}

/** Imports of the optimized module, and constants that it exports, by the index in their name. */
function importMap(optimized: Module, kind: ExternKind, count: number): IndexMap {
  const map = new Uint32Array(count).fill(GONE);
  spaces(optimized).imports[kind].forEach(({ name }, i) => {
    map[i] = Number(name);
  });
  for (const item of optimized.exports) {
    if (item.kind === kind && kind === 'global') map[item.index] = Number(item.name.slice('global '.length));
  }
  return map;
}

/** What was said about the code of these functions is no longer true: names of locals and labels, hints. */
function forgetCode(module: Module, changed: ReadonlySet<number>): Module {
  const customs = module.customs.map((custom) => withoutHints(custom, changed));
  const names = moduleNames(module);
  const keep = <T>(map: ReadonlyMap<number, T>): ReadonlyMap<number, T> =>
    new Map([...map].filter(([func]) => !changed.has(func)));
  const local = keep(names.local);
  const label = keep(names.label);
  const next = { ...module, customs };
  if (local.size === names.local.size && label.size === names.label.size) return next;
  return withNames(next, { ...names, local, label });
}

function withoutHints(custom: CustomSection, changed: ReadonlySet<number>): CustomSection {
  if (!custom.name.startsWith(CODE_METADATA)) return custom;
  const hints = readHints(custom.bytes);
  const kept = hints.filter(({ func }) => !changed.has(func));
  return kept.length === hints.length
    ? custom
    : { name: custom.name, after: custom.after, bytes: writeHints(kept) };
}
