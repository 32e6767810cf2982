/**
 * Moving the functions of a module: new imports come in, imports become functions of the module.
 * Imports come first in the function index space, so each such change renumbers everything behind
 * it; globals that become imports likewise. LEBs keep their width where they can, so that offsets into the code stay true.
 */
import type { Body, Data, Elem, Export, Global, Import, Module } from '../wasm/module.ts';
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
  const moved = moveIndices(module, { func });
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

/** The module with these globals of its own before its other ones, in this order. */
export function globalsFirst(module: Module, first: readonly number[]): Module {
  const { globals, imported } = spaces(module);
  const others = Array.from(globals.keys()).filter((index) => !first.includes(index));
  const order = [...others.splice(0, imported.global), ...first, ...others];
  if (order.every((index, i) => index === i)) return module;
  const global = new Uint32Array(globals.length);
  order.forEach((index, i) => {
    global[index] = i;
  });
  const moved = moveIndices(module, { global });
  const own = order.slice(imported.global).map((index) => moved.globals[index - imported.global] as Global);
  return { ...moved, globals: own };
}

/** Where functions and globals are now. */
interface Moved {
  readonly func?: IndexMap;
  readonly global?: IndexMap;
}

/** The module with every index of these kinds mapped, in code, segments, initializers, exports and names. */
function moveIndices(module: Module, maps: Moved): Module {
  const move = (index: FuncIdx, place: string): FuncIdx => mapIndex(maps, 'func', index, place) as FuncIdx;
  // No offset names a function.
  const mode = <T extends Data | Elem>({ mode: one }: T): T['mode'] =>
    one.kind === 'active' && maps.global !== undefined
      ? { ...one, offset: relocateExpr(one.offset, maps) }
      : one;
  const elem = (segment: Elem): Elem => ({
    ...segment,
    mode: mode(segment),
    items:
      segment.items.kind === 'funcs'
        ? { kind: 'funcs', funcs: segment.items.funcs.map((index) => move(index, 'element section')) }
        : { kind: 'exprs', exprs: segment.items.exprs.map((expr) => relocateExpr(expr, maps)) },
  });
  const exported = (item: Export): Export => {
    if (item.kind !== 'func' && item.kind !== 'global') return item;
    return { ...item, index: mapIndex(maps, item.kind, item.index, 'export section') as FuncIdx };
  };
  const codes = module.codes.map((body) => moveBody(body, maps));
  const { imported } = spaces(module);
  const placed = (index: number): Place | undefined => {
    const [before, after] = [module.codes[index - imported.func], codes[index - imported.func]];
    return before && after && { func: maps.func?.[index] ?? index, before, after };
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
    datas:
      maps.global === undefined
        ? module.datas
        : module.datas.map((data) => ({ mode: mode(data), bytes: data.bytes })),
    codes,
    customs: module.customs.map((custom) => {
      if (custom.name === 'name') return { ...withoutRaw(custom), bytes: moveNames(module, maps) };
      if (!custom.name.startsWith(CODE_METADATA)) return custom;
      return { ...withoutRaw(custom), bytes: moveHints(custom, placed) };
    }),
  };
}

function withoutRaw<T extends { readonly raw?: Uint8Array }>({ raw: _raw, ...rest }: T): Omit<T, 'raw'> {
  return rest;
}

function moveBody(body: Body, maps: Moved): Body {
  const moved = relocateBody(body, maps, { keepWidth: true });
  return body.sizeWidth === undefined ? moved : { ...moved, sizeWidth: body.sizeWidth };
}

function moveNames(module: Module, { func, global }: Moved): Uint8Array {
  const names = moduleNames(module);
  const move = <T>(map: ReadonlyMap<number, T>, to: IndexMap | undefined): ReadonlyMap<number, T> =>
    new Map([...map].map(([index, value]) => [to?.[index] ?? index, value]));
  return writeNames({
    ...names,
    func: move<string>(names.func, func),
    local: move<NameMap>(names.local, func),
    label: move<NameMap>(names.label, func),
    global: move<string>(names.global, global),
  });
}
