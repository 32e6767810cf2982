/**
 * Declarations: `ref.func` in code wants its function named outside code as well, by an export, a
 * segment or an initializer. Segments and initializers go when state is baked, exports when entries
 * come in; a declarative segment then says again what only they had said.
 *
 * https://webassembly.github.io/spec/core/valid/conventions.html#contexts (the refs of a context)
 */
import type { ConstExpr, Elem, Module } from '../wasm/module.ts';
import type { FuncIdx } from '../wasm/types.ts';
import { INDEX_KIND, type Visitor, walkExpr } from '../wasm/walk.ts';
import { referencedFunctions } from './code-search.ts';

/** The functions that a module names outside its code. */
export function declaredFunctions(module: Module): Set<FuncIdx> {
  const declared = new Set<FuncIdx>();
  const visitor: Visitor = {
    kinds: INDEX_KIND.func,
    index: (_, func) => {
      declared.add(func as FuncIdx);
    },
  };
  const expr = (one: ConstExpr | undefined): void => {
    if (one !== undefined) walkExpr(one, visitor);
  };
  for (const { items } of module.elems) {
    if (items.kind === 'funcs') for (const func of items.funcs) declared.add(func);
    else for (const one of items.exprs) expr(one);
  }
  for (const { init } of module.tables) expr(init);
  for (const { init } of module.globals) expr(init);
  for (const item of module.exports) if (item.kind === 'func') declared.add(item.index as FuncIdx);
  return declared;
}

/**
 * The module with every function declared that its code refers to. Where `before` is given, the first
 * `before.codes` bodies of the module are those of a valid one that declared `before.declared`: only
 * what of these is declared no more is looked for in them.
 */
export function declareFunctions(
  module: Module,
  before: { readonly declared: ReadonlySet<FuncIdx>; readonly codes: number } = {
    declared: new Set(),
    codes: 0,
  },
): Module {
  const declared = declaredFunctions(module);
  const lost = new Set<number>([...before.declared].filter((func) => !declared.has(func)));
  const old = lost.size === 0 ? [] : module.codes.slice(0, before.codes);
  const missing = new Set([
    ...referencedFunctions(old, (func) => lost.has(func)),
    ...referencedFunctions(module.codes.slice(before.codes), (func) => !declared.has(func as FuncIdx)),
  ]);
  return declare(module, [...missing] as FuncIdx[]);
}

/** The same where it is known what the code refers to. */
export function declareReferenced(module: Module, referenced: ReadonlySet<FuncIdx>): Module {
  const declared = declaredFunctions(module);
  return declare(
    module,
    [...referenced].filter((func) => !declared.has(func)),
  );
}

function declare(module: Module, missing: readonly FuncIdx[]): Module {
  if (missing.length === 0) return module;
  const segment: Elem = {
    mode: { kind: 'declarative' },
    type: { nullable: false, heap: 'func' },
    items: { kind: 'funcs', funcs: [...missing].sort((a, b) => a - b) as FuncIdx[] },
  };
  return { ...module, elems: [...module.elems, segment] };
}
