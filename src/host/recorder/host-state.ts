/**
 * The memories, tables, globals, tags and functions that JavaScript made, as one auxiliary module
 * that defines them: the linker then needs to know nothing of JavaScript. Their state is read
 * through a second module, which imports what the first one defines, at the same indices.
 */
import type { Binding } from '../../link/entity.ts';
import { instrument } from '../../link/instrument.ts';
import { TypePool } from '../../link/types.ts';
import { encode, madeSpan } from '../../wasm/encode.ts';
import { assemble, type Op } from '../../wasm/instructions.ts';
import {
  EMPTY_MODULE,
  type ExternType,
  type Global,
  type Import,
  type Module,
  type Table,
} from '../../wasm/module.ts';
import {
  type FuncIdx,
  type FuncType,
  isRef,
  type MemType,
  type TypeIdx,
  type ValType,
} from '../../wasm/types.ts';
import { compileNow } from '../engine.ts';
import type { LiveAux } from '../live.ts';
import type { AnyFunction, HostMade } from './records.ts';

const NAME = 'host';

/** The auxiliary module, or undefined where JavaScript made nothing. `bind` says what becomes of a function. */
export function hostState(
  made: readonly HostMade[],
  bind: (func: AnyFunction, type: FuncType) => Binding,
): LiveAux | undefined {
  if (made.length === 0) return undefined;
  const pool = new TypePool([]);
  const typeOf = (comp: FuncType): TypeIdx =>
    pool.intern({ types: [{ final: true, supers: [], comp }], explicit: false });
  const read: Import[] = [];
  const values: Record<string, WebAssembly.ImportValue> = Object.create(null);
  const funcs: Import[] = [];
  const bindings: Binding[] = [];
  const mems: MemType[] = [];
  const tables: Table[] = [];
  const globals: Global[] = [];
  const tags: TypeIdx[] = [];
  made.forEach((one, i) => {
    const name = String(i);
    values[name] = one.value as WebAssembly.ImportValue;
    const reader = (desc: ExternType): number => read.push({ module: NAME, name, desc });
    switch (one.kind) {
      case 'mem':
        mems.push(one.type);
        reader({ kind: 'mem', type: { ...one.type, max: one.type.shared ? one.type.max : undefined } });
        return;
      case 'table':
        tables.push({ type: one.type, init: undefined });
        reader({ kind: 'table', type: { ...one.type, limits: { ...one.type.limits, max: undefined } } });
        return;
      case 'global':
        globals.push({ type: one.type, init: madeSpan(assemble([zero(one.type.val)]), NAME) });
        reader({ kind: 'global', type: one.type });
        return;
      case 'tag': {
        const type = typeOf(one.type);
        tags.push(type);
        reader({ kind: 'tag', type });
        return;
      }
      case 'func': {
        const item: Import = { module: NAME, name, desc: { kind: 'func', type: typeOf(one.type) } };
        funcs.push(item);
        read.push(item);
        bindings.push(bind(one.func, one.type));
      }
    }
  });
  const module: Module = { ...EMPTY_MODULE, types: pool.recs, imports: funcs, mems, tables, globals, tags };
  const reading: Module = {
    ...EMPTY_MODULE,
    types: pool.recs,
    imports: read,
    // A function that is exported is one that instrumentation shows.
    exports: funcs.map(({ name }, index) => ({ name, kind: 'func', index: index as FuncIdx })),
  };
  const { module: instrumented, probes } = instrument(reading, { importedGlobals: true });
  const instance = new WebAssembly.Instance(compileNow(encode(instrumented)), { [NAME]: values });
  return { name: NAME, module, bindings, instance, probes, size: 0 };
}

/** What a global starts as, until `bake` writes what it held. */
export function zero(type: ValType): Op {
  if (isRef(type)) return ['ref.null', { heap: type.heap }];
  switch (type) {
    case 'i32':
      return ['i32.const', 0];
    case 'i64':
      return ['i64.const', 0n];
    case 'f32':
    case 'f64':
      return [`${type}.const`, 0n];
    case 'v128':
      return ['v128.const', new Uint8Array(16)];
  }
}
