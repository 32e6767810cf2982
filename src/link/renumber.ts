/**
 * Moving the functions of a module: new imports come in, imports become functions of the module.
 * Imports come first in the function index space, so each such change renumbers everything behind
 * it. LEBs keep their width where they can, so that offsets into the code stay true.
 */
import type { Body, Elem, Export, Import, Module } from '../wasm/module.ts';
import { spaces } from '../wasm/module.ts';
import { moduleNames, type NameMap, writeNames } from '../wasm/names.ts';
import type { FuncIdx } from '../wasm/types.ts';
import { CODE_METADATA, moveHints, type Place } from './hints.ts';
import { type IndexMap, mapIndex, relocateBody, relocateExpr } from './relocate.ts';

export interface ImportChange {
  /** Functions of the host that the module imports from now on. */
  readonly added: readonly Import[];
  /** Imported functions that become functions of the module, by funcidx, with their bodies. */
  readonly stubs: ReadonlyMap<number, Body>;
}

export interface Renumbered {
  readonly module: Module;
  /** Old funcidx → new funcidx; undefined where nothing moved. */
  readonly func: IndexMap | undefined;
  /** The funcidx of each added import, in order. */
  readonly added: readonly FuncIdx[];
}

export function changeImports(module: Module, change: ImportChange): Renumbered {
  const { funcs, imported } = spaces(module);
  const kept = imported.func - change.stubs.size;
  const added = change.added.map((_, i) => (kept + i) as FuncIdx);
  if (change.stubs.size === 0 && added.length === 0) return { module, func: undefined, added };

  const func = new Uint32Array(funcs.length);
  let nextImport = 0;
  let nextStub = kept + added.length + module.funcs.length;
  for (let i = 0; i < imported.func; i++) func[i] = change.stubs.has(i) ? nextStub++ : nextImport++;
  for (let i = imported.func; i < funcs.length; i++) func[i] = i - change.stubs.size + added.length;

  let position = 0;
  const imports = module.imports.filter((item) => item.desc.kind !== 'func' || !change.stubs.has(position++));
  const stubs = [...change.stubs].sort(([a], [b]) => a - b);
  const moved = moveFunctions(module, func);
  return {
    module: {
      ...moved,
      imports: [...imports, ...change.added],
      funcs: [...module.funcs, ...stubs.map(([index]) => funcs[index] as (typeof funcs)[number])],
      codes: [...moved.codes, ...stubs.map(([, body]) => body)],
    },
    func,
    added,
  };
}

/** The module with every funcidx mapped, in code, segments, initializers, exports and names. */
function moveFunctions(module: Module, func: IndexMap): Module {
  const maps = { func };
  const move = (index: FuncIdx, place: string): FuncIdx => mapIndex(maps, 'func', index, place) as FuncIdx;
  const elem = (segment: Elem): Elem => ({
    ...segment,
    items:
      segment.items.kind === 'funcs'
        ? { kind: 'funcs', funcs: segment.items.funcs.map((index) => move(index, 'element section')) }
        : { kind: 'exprs', exprs: segment.items.exprs.map((expr) => relocateExpr(expr, maps)) },
  });
  const exported = (item: Export): Export =>
    item.kind === 'func' ? { ...item, index: move(item.index as FuncIdx, 'export section') } : item;
  const codes = module.codes.map((body) => moveBody(body, func));
  const { imported } = spaces(module);
  const placed = (index: number): Place | undefined => {
    const [before, after] = [module.codes[index - imported.func], codes[index - imported.func]];
    return before && after && { func: func[index] as number, before, after };
  };
  return {
    ...module,
    tables: module.tables.map((table) =>
      table.init ? { ...table, init: relocateExpr(table.init, maps) } : table,
    ),
    globals: module.globals.map((global) => ({ ...global, init: relocateExpr(global.init, maps) })),
    exports: module.exports.map(exported),
    start: module.start && { func: move(module.start.func, 'start section') },
    elems: module.elems.map(elem),
    codes,
    customs: module.customs.map((custom) => {
      if (custom.name === 'name') return { ...withoutRaw(custom), bytes: moveNames(module, func) };
      if (!custom.name.startsWith(CODE_METADATA)) return custom;
      return { ...withoutRaw(custom), bytes: moveHints(custom, placed) };
    }),
  };
}

function withoutRaw<T extends { readonly raw?: Uint8Array }>({ raw: _raw, ...rest }: T): Omit<T, 'raw'> {
  return rest;
}

function moveBody(body: Body, func: IndexMap): Body {
  const moved = relocateBody(body, { func }, { keepWidth: true });
  return body.sizeWidth === undefined ? moved : { ...moved, sizeWidth: body.sizeWidth };
}

function moveNames(module: Module, func: IndexMap): Uint8Array {
  const names = moduleNames(module);
  const move = <T>(map: ReadonlyMap<number, T>): ReadonlyMap<number, T> =>
    new Map([...map].map(([index, value]) => [func[index] ?? index, value]));
  return writeNames({
    ...names,
    func: move<string>(names.func),
    local: move<NameMap>(names.local),
    label: move<NameMap>(names.label),
  });
}
