/**
 * Declarations: `ref.func` in code wants its function named outside code as well, by an export, a
 * segment or an initializer. Segments and initializers go when state is baked, exports when entries
 * come in; a declarative segment then says again what only they had said.
 *
 * https://webassembly.github.io/spec/core/valid/conventions.html#contexts (the refs of a context)
 */
import type { ConstExpr, Elem, Module } from '../wasm/module.ts';
import type { FuncIdx } from '../wasm/types.ts';
import { INDEX_KIND, type Visitor, walkBody, walkExpr } from '../wasm/walk.ts';

/** The byte before a funcidx that is one of `ref.func`, and not of a call. */
const REF_FUNC = 0xd2;

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

/** The functions that `ref.func` names in code. */
function referencedFunctions(module: Module): Set<FuncIdx> {
  const found = new Set<FuncIdx>();
  for (const body of module.codes) {
    walkBody(body, {
      kinds: INDEX_KIND.func,
      index: (_, func, at) => {
        if (body.bytes[at - 1] === REF_FUNC) found.add(func as FuncIdx);
      },
    });
  }
  return found;
}

/** The module with every function declared that its code refers to. */
export function declareFunctions(module: Module): Module {
  return declareReferenced(module, referencedFunctions(module));
}

/** The same where it is known what the code refers to. */
export function declareReferenced(module: Module, referenced: ReadonlySet<FuncIdx>): Module {
  const declared = declaredFunctions(module);
  const missing = [...referenced].filter((func) => !declared.has(func));
  if (missing.length === 0) return module;
  const segment: Elem = {
    mode: { kind: 'declarative' },
    type: { nullable: false, heap: 'func' },
    items: { kind: 'funcs', funcs: missing.sort((a, b) => a - b) },
  };
  return { ...module, elems: [...module.elems, segment] };
}
