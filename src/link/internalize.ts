/**
 * Internalizing: memories, tables, globals and tags that a module imports become its own. Imports
 * come first in an index space and so do the definitions that take their place, in the same order:
 * nothing moves, and the code stays as it is.
 *
 * Constant expressions are the exception. Without later proposals they may read imported globals
 * only (https://webassembly.github.io/spec/core/valid/instructions.html#constant-expressions), so
 * the reads become the constants themselves.
 */
import { madeSpan } from '../wasm/encode.ts';
import { assemble } from '../wasm/instructions.ts';
import {
  type ConstExpr,
  type Elem,
  type Export,
  type Global,
  type Import,
  type Module,
  spaces,
  type Table,
} from '../wasm/module.ts';
import type { MemType, TagIdx, TypeIdx } from '../wasm/types.ts';
import { type IndexMap, identityMap, type Maps, mapIndex, relocateBody, relocateExpr } from './relocate.ts';

/** What an import was given. */
export interface Given {
  /** The limits with which a memory or a table was made: an import may say less. */
  readonly limits?: { readonly max: bigint | undefined };
  /** What a global starts as, without `end`; of a mutable one it is written over by `bake`. */
  readonly init?: Uint8Array;
  /**
   * It holds a reference of the host's, which nothing but an import can give: it will be one again. Until
   * then its initializer is to read itself, and whatever is put in the place of it reads it.
   */
  readonly rebound?: boolean;
  /** The index of an earlier import of the same global or tag: code names that one from now on. */
  readonly alias?: number;
}

/** `given` has an entry for each import, in order; functions stay imports. */
export function internalize(module: Module, given: readonly Given[]): Module {
  if (module.imports.every((item) => item.desc.kind === 'func')) return module;
  const mems: MemType[] = [];
  const tables: Table[] = [];
  const globals: Global[] = [];
  const tags: TypeIdx[] = [];
  const constants = new Map<number, Uint8Array>();
  const aliases: { kind: 'global' | 'tag'; from: number; to: number }[] = [];
  const funcs: Import[] = [];
  module.imports.forEach((item, i) => {
    const { desc } = item;
    const { limits, init, alias, rebound } = given[i] ?? {};
    if (desc.kind === 'func') funcs.push(item);
    else if (desc.kind === 'mem') mems.push({ ...desc.type, max: limits?.max });
    else if (desc.kind === 'table') {
      tables.push({
        type: { ...desc.type, limits: { ...desc.type.limits, max: limits?.max } },
        init: undefined,
      });
    } else if (desc.kind === 'tag') {
      if (alias !== undefined) aliases.push({ kind: 'tag', from: tags.length, to: alias });
      tags.push(desc.type);
    } else {
      const code = rebound === true ? assemble([['global.get', globals.length]]).subarray(0, -1) : init;
      if (code === undefined) throw new TypeError(`global import ${item.name} has no value`);
      if (alias !== undefined) aliases.push({ kind: 'global', from: globals.length, to: alias });
      if (!desc.type.mutable && rebound !== true) constants.set(globals.length, code);
      globals.push({ type: desc.type, init: madeSpan(Uint8Array.of(...code, 0x0b), 'internalized global') });
    }
  });
  const inlined = inlineConstants(module, constants);
  return redirect(
    {
      ...inlined,
      imports: funcs,
      mems: [...mems, ...module.mems],
      tables: [...tables, ...inlined.tables],
      globals: [...globals, ...inlined.globals],
      tags: [...tags, ...module.tags],
    },
    aliases,
  );
}

/** Constant expressions that read an imported global say its value instead. */
function inlineConstants(module: Module, constants: ReadonlyMap<number, Uint8Array>): Module {
  if (constants.size === 0) return module;
  const expr = (one: ConstExpr): ConstExpr => relocateExpr(one, { constants });
  const elem = (one: Elem): Elem =>
    one.items.kind === 'funcs' ? one : { ...one, items: { kind: 'exprs', exprs: one.items.exprs.map(expr) } };
  return {
    ...module,
    tables: module.tables.map((one) => (one.init === undefined ? one : { ...one, init: expr(one.init) })),
    globals: module.globals.map((one) => ({ ...one, init: expr(one.init) })),
    elems: module.elems.map(elem),
  };
}

/** Code and exports that name an alias name what it stands for. */
function redirect(
  module: Module,
  aliases: readonly { readonly kind: 'global' | 'tag'; readonly from: number; readonly to: number }[],
): Module {
  if (aliases.length === 0) return module;
  const all = spaces(module);
  const global: IndexMap = identityMap(all.globals.length);
  const tag: IndexMap = identityMap(all.tags.length);
  for (const { kind, from, to } of aliases) (kind === 'global' ? global : tag)[from] = to;
  const maps: Maps = { global, tag };
  const exported = (item: Export): Export => {
    if (item.kind !== 'global' && item.kind !== 'tag') return item;
    return { ...item, index: mapIndex(maps, item.kind, item.index, 'export section') as TagIdx };
  };
  return {
    ...module,
    exports: module.exports.map(exported),
    codes: module.codes.map((body) => {
      const moved = relocateBody(body, maps, { keepWidth: true });
      return body.sizeWidth === undefined ? moved : { ...moved, sizeWidth: body.sizeWidth };
    }),
  };
}
