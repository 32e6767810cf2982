/**
 * A few functions as a module of their own: what an optimizer gets, instead of the whole. What they
 * name beyond themselves is imported under its kind and index, so that splice.ts finds it again.
 *
 * Besides the functions themselves (roots) there are copies: bodies that shall be inlined, and do
 * not come back. A call goes to a copy where the plan says so, to a root where it can, and to an
 * import otherwise.
 */

import { declareFunctions } from '../link/declare.ts';
import { withNames } from '../link/names.ts';
import { GONE, type IndexMap, type Maps, relocateBody } from '../link/relocate.ts';
import type { ExportIndex } from '../wasm/module.ts';
import {
  type Body,
  EMPTY_MODULE,
  type Export,
  type Global,
  type Import,
  type Module,
  spaces,
} from '../wasm/module.ts';
import { NO_NAMES } from '../wasm/names.ts';
import type { TypeIdx } from '../wasm/types.ts';
import { INDEX_KIND, type Visitor, walkBody, walkExpr } from '../wasm/walk.ts';

/** A body that shall be inlined. */
export interface Copy {
  /** The funcidx of the function that it is a copy of. */
  readonly source: number;
  /** Which of the copies its calls go to, by the funcidx that they name. */
  readonly calls: ReadonlyMap<number, number>;
}

export interface Extraction {
  /** The functions that come back, by funcidx, and which copies their calls go to. */
  readonly roots: ReadonlyMap<number, Copy['calls']>;
  readonly copies: readonly Copy[];
}

/** Names of functions in the extracted module; exports and imports are named by index alone. */
export const COPY = 'inline.';
export const ROOT = 'root.';

/** The body of a defined function; undefined for an import. */
export function bodyOf(module: Module, func: number): Body | undefined {
  return module.codes[func - spaces(module).imported.func];
}

/** Whether a body names segments, which stay where they are: such a function is not extracted. */
export function namesSegments(body: Body): boolean {
  let found = false;
  walkBody(body, {
    kinds: INDEX_KIND.elem | INDEX_KIND.data,
    index: () => {
      found = true;
    },
  });
  return found;
}

/** The functions that a body names, each once, in the order of their first mention. */
export function functionsNamed(body: Body): readonly number[] {
  const named = new Set<number>();
  walkBody(body, {
    kinds: INDEX_KIND.func,
    index: (_, func) => {
      named.add(func);
    },
  });
  return [...named];
}

function isConstant(global: Global): boolean {
  let constant = !global.type.mutable;
  const visitor: Visitor = {
    kinds: INDEX_KIND.global | INDEX_KIND.func | INDEX_KIND.type,
    index: () => {
      constant = false;
    },
  };
  walkExpr(global.init, visitor);
  return constant;
}

/** The globals: constants keep their values, so that code can be folded with them; others are imported. */
function extractGlobals(module: Module): {
  readonly imports: readonly Import[];
  readonly globals: readonly Global[];
  readonly exports: readonly Export[];
  readonly map: IndexMap;
} {
  const all = spaces(module).globals;
  const first = spaces(module).imported.global;
  const constants = all.flatMap((_, i) => {
    const global = module.globals[i - first];
    return global !== undefined && isConstant(global) ? [{ global, index: i }] : [];
  });
  const known = new Set(constants.map(({ index }) => index));
  const map = new Uint32Array(all.length);
  const imports: Import[] = [];
  all.forEach((type, i) => {
    if (known.has(i)) return;
    map[i] = imports.length;
    imports.push({ module: 'global', name: String(i), desc: { kind: 'global', type } });
  });
  const exports = constants.map(({ index }, n): Export => {
    map[index] = imports.length + n;
    return { name: `global ${index}`, kind: 'global', index: (imports.length + n) as ExportIndex };
  });
  return { imports, globals: constants.map(({ global }) => global), exports, map };
}

/** The functions that roots and copies name and that are no roots: a copy's source among them. */
function outside(module: Module, { roots, copies }: Extraction): readonly number[] {
  const found = new Set<number>();
  const look = (func: number, calls: Copy['calls']): void => {
    for (const named of functionsNamed(bodyOf(module, func) as Body)) {
      if (!roots.has(named) && !calls.has(named)) found.add(named);
    }
  };
  for (const [func, calls] of roots) look(func, calls);
  for (const { source, calls } of copies) look(source, calls);
  return [...found].sort((a, b) => a - b);
}

export function extract(module: Module, extraction: Extraction): Module {
  const { roots, copies } = extraction;
  const { funcs, tables, mems, tags } = spaces(module);
  const imported = outside(module, extraction);
  const func = new Uint32Array(funcs.length).fill(GONE);
  imported.forEach((index, i) => {
    func[index] = i;
  });
  const rootList = [...roots.keys()];
  rootList.forEach((index, i) => {
    func[index] = imported.length + i;
  });
  const firstCopy = imported.length + rootList.length;
  const { imports: globalImports, globals, exports: globalExports, map: global } = extractGlobals(module);

  const body = (source: number, calls: Copy['calls']): Body => {
    const maps: Maps = { func, global };
    const saved = [...calls.keys()].map((callee) => [callee, func[callee] as number] as const);
    for (const [callee, copy] of calls) func[callee] = firstCopy + copy;
    const relocated = relocateBody(bodyOf(module, source) as Body, maps);
    for (const [callee, index] of saved) func[callee] = index;
    return relocated;
  };
  const typeOf = (index: number): TypeIdx => funcs[index] as TypeIdx;
  const named = <T>(
    kind: string,
    types: readonly T[],
    desc: (type: T) => Import['desc'],
  ): readonly Import[] => types.map((type, i) => ({ module: kind, name: String(i), desc: desc(type) }));
  const small: Module = {
    ...EMPTY_MODULE,
    types: module.types,
    imports: [
      ...imported.map(
        (index): Import => ({
          module: 'func',
          name: String(index),
          desc: { kind: 'func', type: typeOf(index) },
        }),
      ),
      ...named('table', tables, (type) => ({ kind: 'table', type })),
      ...named('mem', mems, (type) => ({ kind: 'mem', type })),
      ...globalImports,
      ...named('tag', tags, (type) => ({ kind: 'tag', type })),
    ],
    funcs: [...rootList.map(typeOf), ...copies.map(({ source }) => typeOf(source))],
    globals,
    exports: [
      ...rootList.map(
        (index, i): Export => ({
          name: String(index),
          kind: 'func',
          index: (imported.length + i) as ExportIndex,
        }),
      ),
      ...globalExports,
    ],
    codes: [
      ...[...roots].map(([index, calls]) => body(index, calls)),
      ...copies.map(({ source, calls }) => body(source, calls)),
    ],
  };
  const names = new Map<number, string>();
  rootList.forEach((index, i) => {
    names.set(imported.length + i, `${ROOT}${index}`);
  });
  copies.forEach((_, i) => {
    names.set(firstCopy + i, `${COPY}${i}`);
  });
  return withNames(declareFunctions(small), { ...NO_NAMES, func: names });
}
