/**
 * Maps that JavaScript keeps: ids to functions, in an object that no snapshot sees. Handed over by
 * the driver, such a map becomes a table of the output; where the guest calls by id through an
 * import, that import becomes a function that looks into the table.
 */

import { badHandover } from '../../errors/driver.ts';
import { madeSpan } from '../../wasm/encode.ts';
import { assembleBody, type Op } from '../../wasm/instructions.ts';
import { EMPTY_MODULE, type Import, type Module, spaces } from '../../wasm/module.ts';
import {
  FUNCREF,
  type FuncIdx,
  type FuncType,
  isRef,
  type RecType,
  type TypeIdx,
  type ValType,
} from '../../wasm/types.ts';
import type { Recording } from './recording.ts';
import type { AnyFunction, InstanceRecord } from './records.ts';

/** By id, a whole number from 0 on. Read when `done` has been called, so it may be handed over early. */
export type FunctionMap = ReadonlyMap<number, AnyFunction> | Readonly<Record<number, AnyFunction>>;

/** A table has a slot for every id up to the highest: more than this is no table any more. */
const HIGHEST_ID = 1_000_000;

export function entriesOf(functions: FunctionMap): readonly (readonly [unknown, unknown])[] {
  if (functions instanceof Map) return [...functions];
  return Object.entries(functions).map(([id, func]) => [Number(id), func]);
}

/** The table with these functions in their slots. */
export function tableOf(recording: Recording, method: string, functions: FunctionMap): WebAssembly.Table {
  const entries = entriesOf(functions);
  let slots = 0;
  for (const [id] of entries) {
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > HIGHEST_ID)
      throw badHandover(method, `the id ${String(id)} is no whole number up to ${HIGHEST_ID}`);
    slots = Math.max(slots, id + 1);
  }
  const table = recording.addTable(slots);
  for (const [id, func] of entries) {
    if (func === undefined || func === null) continue;
    try {
      table.set(id as number, func);
    } catch {
      const name =
        typeof func === 'function' ? `the JavaScript function ${nameOf(func)}` : `a ${typeof func}`;
      throw badHandover(
        method,
        `the id ${String(id)} stands for ${name}, where an exported function of a module is needed`,
      );
    }
  }
  return table;
}

export function nameOf(func: AnyFunction): string {
  return func.name === '' ? '(anonymous)' : `"${func.name}"`;
}

/** The funcidx of the guest's import `MODULE.NAME`. */
export function importedFunction(module: Module, method: string, name: string): number {
  const { imports } = spaces(module);
  const index = imports.func.findIndex((item) => `${item.module}.${item.name}` === name);
  if (index >= 0) return index;
  const known = imports.func.map((item) => `${item.module}.${item.name}`).join(', ');
  throw badHandover(method, `the guest imports no function ${name}; it imports ${known || 'none'}`);
}

/**
 * A module whose function 0 calls the function in the slot that parameter `id` says, with the other
 * parameters. It has the type of the guest's import.
 */
export function dispatcher(
  recording: Recording,
  guest: Module,
  func: number,
  table: WebAssembly.Table,
  id: number,
): { readonly record: InstanceRecord; readonly callee: FuncType } {
  const { types, funcs } = spaces(guest);
  const comp = types[funcs[func] as TypeIdx]?.comp;
  if (comp?.kind !== 'func') throw new TypeError(`import ${func} is no function`);
  const plain = (type: ValType): boolean => !isRef(type) || typeof type.heap !== 'number';
  const params = comp.params.filter((_, i) => i !== id);
  if (comp.params[id] !== 'i32' || ![...comp.params, ...comp.results].every(plain))
    throw badHandover('dispatch', `parameter ${id} of the import is no i32 that could be an id`);
  const callee: FuncType = { kind: 'func', params, results: comp.results };
  const rec = (one: FuncType): RecType => ({
    types: [{ final: true, supers: [], comp: one }],
    explicit: false,
  });
  const item: Import = {
    module: 'map',
    name: 'table',
    desc: { kind: 'table', type: { ref: FUNCREF, limits: { address: 'i32', min: 0n, max: undefined } } },
  };
  const rest = comp.params.flatMap((_, i): readonly Op[] => (i === id ? [] : [['local.get', i]]));
  const code: readonly Op[] = [...rest, ['local.get', id], ['call_indirect', 1, 0]];
  const module: Module = {
    ...EMPTY_MODULE,
    types: [rec(comp), rec(callee)],
    imports: [item],
    funcs: [0 as TypeIdx],
    codes: [madeSpan(assembleBody(code), 'dispatch')],
    exports: [{ name: 'dispatch', kind: 'func', index: 0 as FuncIdx }],
  };
  return { record: recording.add('dispatch', module, { map: { table } }), callee };
}
