/**
 * State that a guest imports, after it was frozen. In the output it is the module's own, or it is imported
 * again, and then a start function restores into it what it held:
 *
 * - a memory or table is grown to the size it had, cleared, and filled; one that cannot grow so far traps;
 * - a mutable global is set;
 * - an immutable global is not to be set: one that was given another value than the guest had traps;
 * - one that held a reference of the host's holds what the host gives now, which may be any but null.
 *
 * Every index is what it was: imports and the definitions that take their place come first alike.
 */

import { importedState, sharedMemory } from '../errors/unsupported.ts';
import { madeSpan } from '../wasm/encode.ts';
import { assemble, assembleBody, type Op, readExpr } from '../wasm/instructions.ts';
import { type ConstExpr, type ExternType, type Import, type Module, spaces } from '../wasm/module.ts';
import { type GlobalType, isRef, type NumType, type ValType } from '../wasm/types.ts';
import { AddedFunctions } from './added-functions.ts';
import { declaredFunctions, declareFunctions } from './declare.ts';
import { type Given, internalize } from './internalize.ts';
import { globalsFirst } from './renumber.ts';

export type ImportState = 'keep' | 'internalize';

const isState = ({ desc }: Import): boolean => desc.kind !== 'func';

const isShared = ({ desc }: Import): boolean => desc.kind === 'mem' && desc.type.shared;

/** The imports of a module that are no functions. */
export function stateImports(module: Module): readonly Import[] {
  return module.imports.filter(isState);
}

/**
 * What each immutable global that is imported was given, by the place of its import: a number, null, or a
 * reference of the host's.
 */
export type Constants = ReadonlyMap<number, Op | 'rebound'>;

/** The module with all state its own. What has no value to start as is refused. */
export function ownState(module: Module, constants: Constants = new Map()): Module {
  return internalize(
    module,
    module.imports.map((item, i) => givenFor(item, constants.get(i))),
  );
}

function givenFor({ module, name, desc }: Import, constant: Op | 'rebound' | undefined): Given {
  if (desc.kind === 'mem') return { limits: { max: desc.type.max } };
  if (desc.kind === 'table') {
    if (!desc.type.ref.nullable) throw importedState('table', module, name, 'and it cannot start as null');
    return { limits: { max: desc.type.limits.max } };
  }
  if (desc.kind !== 'global') return {};
  if (constant === 'rebound') return { rebound: true };
  return { init: assemble([constant ?? placeholder(desc.type.val)]).subarray(0, -1) };
}

/** What stands for the value of a global until `bake` writes it. */
function placeholder(type: ValType): Op {
  return zeroOf(type) ?? ['ref.null', { heap: isRef(type) ? type.heap : 'none' }];
}

/** What a type has that nobody gives a value; undefined where it cannot be null. */
export function zeroOf(type: ValType): Op | undefined {
  if (isRef(type)) return type.nullable ? ['ref.null', { heap: type.heap }] : undefined;
  if (type === 'v128') return ['v128.const', new Uint8Array(16)];
  return type === 'i32' ? ['i32.const', 0] : [`${type}.const`, 0n];
}

/** What of its imports a guest imports still when it is frozen, but for what is always the host's. */
export function keptImports(guest: Module | undefined, mode: ImportState | undefined): readonly Import[] {
  return guest !== undefined && mode === 'keep' ? stateImports(guest) : [];
}

/**
 * The finished module, with the state that `kept` names imported again, and restored when it starts.
 * `rebound` are the globals, by index, whose value is the host's: they are imports in any case.
 */
export function importAgain(
  module: Module,
  kept: readonly Import[],
  rebound: ReadonlyMap<number, Import>,
): Module {
  return kept.length > 0 ? keepImports(module, kept, rebound) : importRebound(module, rebound);
}

function keepImports(
  module: Module,
  imports: readonly Import[],
  rebound: ReadonlyMap<number, Import>,
): Module {
  if (imports.length === 0) return module;
  const shared = imports.filter(({ desc }) => desc.kind === 'mem').findIndex(isShared);
  if (shared >= 0) throw sharedMemory(shared, 'every thread that starts would restore it again');
  const of = <K extends ExternType['kind']>(kind: K): readonly Extract<ExternType, { kind: K }>[] =>
    imports.flatMap(({ desc }) => (desc.kind === kind ? [desc as Extract<ExternType, { kind: K }>] : []));
  const [mems, tables, globals, tags] = [of('mem'), of('table'), of('global'), of('tag')];
  const datas = module.datas.map((data) => {
    const { mode, bytes } = data;
    return mode.kind === 'active' && mode.mem < mems.length ? { mode: PASSIVE, bytes } : data;
  });
  const elems = module.elems.map((elem) => {
    const { mode } = elem;
    return mode.kind === 'active' && mode.table < tables.length ? { ...elem, mode: PASSIVE } : elem;
  });
  const ops = [
    ...mems.flatMap((_, index) => restoreMemory(module, index)),
    ...tables.flatMap((_, index) => restoreTable(module, index)),
    ...globals.flatMap(({ type }, index) => {
      if (rebound.has(index)) return trapIfNull(type.val, index);
      const value = opsOf(module.globals[index]?.init);
      return type.mutable ? [...value, ['global.set', index] as Op] : checkGlobal(type.val, index, value);
    }),
  ];
  const kept: Module = {
    ...startingWith(module, ops),
    imports: [...module.imports, ...imports],
    mems: module.mems.slice(mems.length),
    tables: module.tables.slice(tables.length),
    globals: module.globals.slice(globals.length),
    tags: module.tags.slice(tags.length),
    elems,
    datas,
    dataCount: mems.length > 0 ? { count: datas.length } : module.dataCount,
  };
  return declareFunctions(kept, { declared: declaredFunctions(module), codes: module.codes.length });
}

const PASSIVE = { kind: 'passive' } as const;

/** The instructions of a constant expression, without `end`. */
function opsOf(expr: ConstExpr | undefined): readonly Op[] {
  if (expr === undefined) throw new TypeError('there is no initializer');
  return [...readExpr(expr)].slice(0, -1).map(({ row, operands }): Op => [row.name, ...operands]);
}

const trapIf: readonly Op[] = [['if', { block: undefined }], ['unreachable'], ['end']];

function constant(type: 'i32' | 'i64', value: bigint): Op {
  return type === 'i64' ? ['i64.const', value] : ['i32.const', Number(BigInt.asIntN(32, value))];
}

/** Grows to `size` what is smaller; `grow` takes the difference, below what a growing table puts there. */
function growTo(type: 'i32' | 'i64', size: bigint, now: Op, grow: Op, below: readonly Op[]): readonly Op[] {
  return [
    constant(type, size),
    now,
    [`${type}.gt_u`],
    ['if', { block: undefined }],
    ...below,
    constant(type, size),
    now,
    [`${type}.sub`],
    grow,
    constant(type, -1n),
    [`${type}.eq`],
    ...trapIf,
    ['end'],
  ];
}

function restoreMemory(module: Module, mem: number): readonly Op[] {
  const { address, min } = spaces(module).mems[mem] ?? { address: 'i32' as const, min: 0n };
  const size: Op = ['memory.size', mem];
  // Half of it at a time: all of 4 GiB is more than an i32 counts.
  const half: readonly Op[] = [size, constant(address, 15n), [`${address}.shl`]];
  const zeros = (from: readonly Op[]): readonly Op[] => [
    ...from,
    ['i32.const', 0],
    ...half,
    ['memory.fill', mem],
  ];
  return [
    ...growTo(address, min, size, ['memory.grow', mem], []),
    ...zeros([constant(address, 0n)]),
    ...zeros(half),
    ...module.datas.flatMap(({ mode, bytes }, index): readonly Op[] => {
      if (mode.kind !== 'active' || mode.mem !== mem) return [];
      const length: Op = ['i32.const', bytes.length];
      return [
        ...opsOf(mode.offset),
        ['i32.const', 0],
        length,
        ['memory.init', index, mem],
        ['data.drop', index],
      ];
    }),
  ];
}

function restoreTable(module: Module, table: number): readonly Op[] {
  const type = spaces(module).tables[table];
  if (type === undefined) throw new TypeError(`there is no table ${table}`);
  const { address, min } = type.limits;
  const size: Op = ['table.size', table];
  const none: Op = ['ref.null', { heap: type.ref.heap }];
  return [
    ...growTo(address, min, size, ['table.grow', table], [none]),
    constant(address, 0n),
    none,
    size,
    ['table.fill', table],
    ...module.elems.flatMap(({ mode, items }, index): readonly Op[] => {
      if (mode.kind !== 'active' || mode.table !== table) return [];
      const count = items.kind === 'funcs' ? items.funcs.length : items.exprs.length;
      const all: readonly Op[] = [
        ['i32.const', 0],
        ['i32.const', count],
        ['table.init', index, table],
      ];
      return [...opsOf(mode.offset), ...all, ['elem.drop', index]];
    }),
  ];
}

/** What the guest was given was not null, and it may have seen that. */
function trapIfNull(type: ValType, global: number): readonly Op[] {
  return isRef(type) && type.nullable ? [['global.get', global], ['ref.is_null'], ...trapIf] : [];
}

/**
 * The finished module, in which globals that hold references of the host's are imports: of these alone,
 * in a module that is otherwise complete. Imports come first, so the other globals move.
 */
function importRebound(module: Module, rebound: ReadonlyMap<number, Import>): Module {
  if (rebound.size === 0) return module;
  const indices = [...rebound.keys()].sort((a, b) => a - b);
  const moved = globalsFirst(module, indices);
  const imports = indices.map((index) => rebound.get(index) as Import);
  const { globals, imported } = spaces(moved);
  const ops = indices.flatMap((_, i) =>
    trapIfNull((globals[imported.global + i] as GlobalType).val, imported.global + i),
  );
  return {
    ...startingWith(moved, ops),
    imports: [...moved.imports, ...imports],
    globals: moved.globals.slice(indices.length),
  };
}

/** A baked module, which has no start function, with one of these instructions. */
function startingWith(module: Module, ops: readonly Op[]): Module {
  if (ops.length === 0) return module;
  const add = new AddedFunctions(module);
  const func = add.add({ kind: 'func', params: [], results: [] }, madeSpan(assembleBody(ops), 'restore'));
  return { ...module, ...add.sections(), start: { func } };
}

/** Traps where the global's bits are not those of `value`. References that are not null are not compared. */
function checkGlobal(type: ValType, global: number, value: readonly Op[]): readonly Op[] {
  const get: Op = ['global.get', global];
  if (isRef(type)) return value[0]?.[0] === 'ref.null' ? [get, ['ref.is_null'], ['i32.eqz'], ...trapIf] : [];
  if (type === 'v128') return [get, ...value, ['v128.xor'], ['v128.any_true'], ...trapIf];
  const bits = BITS[type];
  const both = (ops: readonly Op[]): readonly Op[] => (bits.convert ? [...ops, [bits.convert]] : ops);
  return [...both([get]), ...both(value), [`${bits.type}.ne`], ...trapIf];
}

const BITS: Readonly<
  Record<Exclude<NumType, 'v128'>, { readonly type: 'i32' | 'i64'; readonly convert?: string }>
> = {
  i32: { type: 'i32' },
  i64: { type: 'i64' },
  f32: { type: 'i32', convert: 'i32.reinterpret_f32' },
  f64: { type: 'i64', convert: 'i64.reinterpret_f64' },
};
