/**
 * Constant expressions as values, and what tables hold when a module has been instantiated, as far
 * as the module alone tells. Extended constant expressions and calls of the host have no value here.
 */
import { type Instruction, readExpr } from '../wasm/instructions.ts';
import { type ConstExpr, type Elem, type Module, spaces } from '../wasm/module.ts';
import type { FuncIdx } from '../wasm/types.ts';

/** An i32 as a number, an i64 as a bigint, or a function reference. */
export type Constant = number | bigint | { readonly func: FuncIdx | null };

/** The slot of a table that holds null. */
export const NULL_SLOT = -1;

/** Slots by index: a funcidx or {@link NULL_SLOT}. */
export type Slots = Int32Array;

/** Engines take no larger table (https://webassembly.github.io/spec/js-api/#limits). */
const MOST_SLOTS = 10_000_000;

/** The value of a constant expression; undefined where only an instance knows it. */
export function constantOf(module: Module, expr: ConstExpr): Constant | undefined {
  const [first, second] = [...readExpr(expr)];
  return first !== undefined && second?.row.name === 'end' ? constantOp(module, first) : undefined;
}

function constantOp(module: Module, { row, operands }: Instruction): Constant | undefined {
  const [operand] = operands;
  switch (row.name) {
    case 'i32.const':
    case 'i64.const':
      return operand as number | bigint;
    case 'ref.func':
      return { func: operand as FuncIdx };
    case 'ref.null':
      return { func: null };
    case 'global.get':
      return initialGlobal(module, operand as number, true);
    default:
      return undefined;
  }
}

/** What a global of the module's own starts as. */
export function initialGlobal(module: Module, index: number, immutable = false): Constant | undefined {
  const global = module.globals[index - spaces(module).imported.global];
  if (global === undefined || (immutable && global.type.mutable)) return undefined;
  const [first] = readExpr(global.init);
  // One that reads itself is to be what its host gives: see link/internalize.ts.
  if (first?.row.name === 'global.get' && first.operands[0] === index) return undefined;
  return constantOf(module, global.init);
}

/** An address or a slot number as it counts: unsigned. Undefined for what is none, or out of reach. */
export function unsigned(value: Constant | undefined): number | undefined {
  if (typeof value === 'number') return value >>> 0;
  if (typeof value !== 'bigint') return undefined;
  const wide = BigInt.asUintN(64, value);
  return wide <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(wide) : undefined;
}

/**
 * What each table holds after instantiation; undefined where the module does not tell, as for an imported one.
 *
 * Behind a segment that does not fit, or may not fit a table of the host's, nothing is sure: instantiation
 * ends there, and functions that are in the host's tables by then can be called all the same.
 */
export function initialSlots(module: Module): readonly (Slots | undefined)[] {
  const { imported, tables: types } = spaces(module);
  const tables = module.tables.map(({ type, init }): Slots | undefined => {
    const first = init === undefined ? NULL_SLOT : slotOf(constantOf(module, init));
    if (first === undefined || type.limits.min > MOST_SLOTS) return undefined;
    return new Int32Array(Number(type.limits.min)).fill(first);
  });
  const all: (Slots | undefined)[] = [...new Array<undefined>(imported.table).fill(undefined), ...tables];
  let sure = true;
  for (const elem of module.elems) {
    if (elem.mode.kind !== 'active') continue;
    const { table, offset } = elem.mode;
    const start = unsigned(constantOf(module, offset));
    const { length } = elem.items.kind === 'funcs' ? elem.items.funcs : elem.items.exprs;
    sure &&= start !== undefined && BigInt(start + length) <= (types[table]?.limits.min ?? 0n);
    const slots = all[table];
    if (slots === undefined) continue;
    const funcs = itemsOf(module, elem);
    if (!sure || start === undefined || funcs === undefined) all[table] = undefined;
    else slots.set(funcs, start);
  }
  return all;
}

/** Whether instantiation comes to its end, as far as segments go: each fits where it is put. */
export function segmentsFit(module: Module): boolean {
  const { tables, mems } = spaces(module);
  const fits = (offset: ConstExpr, length: number, most: bigint): boolean => {
    const start = unsigned(constantOf(module, offset));
    return start !== undefined && BigInt(start + length) <= most;
  };
  return (
    module.elems.every(({ mode, items }) => {
      if (mode.kind !== 'active') return true;
      const { length } = items.kind === 'funcs' ? items.funcs : items.exprs;
      return fits(mode.offset, length, tables[mode.table]?.limits.min ?? 0n);
    }) &&
    module.datas.every(({ mode, bytes }) => {
      if (mode.kind !== 'active') return true;
      return fits(mode.offset, bytes.length, (mems[mode.mem]?.min ?? 0n) * 65536n);
    })
  );
}

function slotOf(value: Constant | undefined): number | undefined {
  return typeof value === 'object' ? (value.func ?? NULL_SLOT) : undefined;
}

/** The functions of a segment as slots; undefined where one is no constant. */
function itemsOf(module: Module, { items }: Elem): readonly number[] | undefined {
  if (items.kind === 'funcs') return items.funcs;
  const slots: number[] = [];
  for (const expr of items.exprs) {
    const slot = slotOf(constantOf(module, expr));
    if (slot === undefined) return undefined;
    slots.push(slot);
  }
  return slots;
}
