/**
 * How LLVM's linker lays out a memory, so far as a module tells: the stack grows down, towards its
 * low end, and either begins the memory (with static data behind it) or stands behind static data.
 * Linkers leave the borders as globals or exports where they are asked to; one that is not known is
 * not guessed.
 *
 * https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md
 * https://github.com/llvm/llvm-project/blob/main/lld/wasm/Writer.cpp (layoutMemory)
 */
import { readExpr } from '../wasm/instructions.ts';
import { type ConstExpr, type Module, spaces } from '../wasm/module.ts';
import { moduleNames } from '../wasm/names.ts';

export interface Layout {
  /** The global `__stack_pointer`. */
  readonly stackPointer: number | undefined;
  /** Where the stack pointer started: the stack lies below. */
  readonly stackHigh: number | undefined;
  /** The end that the stack grows towards. */
  readonly stackLow: number | undefined;
  /** The end of static data. */
  readonly dataEnd: number | undefined;
  readonly heapBase: number | undefined;
}

/** Stacks are aligned so. https://github.com/WebAssembly/tool-conventions/blob/main/BasicCABI.md */
const STACK_ALIGNMENT = 16;

/** The address that `i32.const` or `i64.const` gives; undefined for another expression. */
export function constantAddress(expr: ConstExpr): number | undefined {
  const [first, second] = readExpr(expr);
  const value = first?.operands[0];
  if (second?.row.name !== 'end') return undefined;
  if (first?.row.name === 'i32.const' && typeof value === 'number') return value >>> 0;
  if (first?.row.name === 'i64.const' && typeof value === 'bigint') return Number(BigInt.asUintN(64, value));
  return undefined;
}

/** Globals of the module itself, by the names of exports and of the name section. */
function globalsByName(module: Module): ReadonlyMap<string, number> {
  const exported = module.exports.filter(({ kind }) => kind === 'global');
  return new Map([
    ...[...moduleNames(module).global].map(([index, name]) => [name, index] as const),
    ...exported.map(({ name, index }) => [name, index as number] as const),
  ]);
}

export function layoutOf(module: Module): Layout {
  const byName = globalsByName(module);
  const first = spaces(module).imported.global;
  const initial = (name: string, mutable: boolean): number | undefined => {
    const global = module.globals[(byName.get(name) ?? -1) - first];
    return global?.type.mutable === mutable ? constantAddress(global.init) : undefined;
  };
  const stackHigh = initial('__stack_pointer', true);
  const dataEnd = initial('__data_end', false);
  return {
    stackPointer: stackHigh === undefined ? undefined : byName.get('__stack_pointer'),
    stackHigh,
    stackLow:
      stackHigh === undefined
        ? undefined
        : (initial('__stack_low', false) ?? lowEnd(module, stackHigh, dataEnd)),
    dataEnd,
    heapBase: initial('__heap_base', false),
  };
}

/** Where a stack ends that starts at `high`, if that can be told. */
function lowEnd(module: Module, high: number, dataEnd: number | undefined): number | undefined {
  if (dataEnd !== undefined && dataEnd <= high) return Math.ceil(dataEnd / STACK_ALIGNMENT) * STACK_ALIGNMENT;
  // Static data that starts as zeros is in no segment. But the linker keeps static data together:
  // when some of it stands behind the stack, all of it does, and the stack begins the memory.
  const starts = module.datas.map(({ mode }) =>
    mode.kind === 'active' && mode.mem === 0 ? constantAddress(mode.offset) : undefined,
  );
  const behind = starts.length > 0 && starts.every((start) => start !== undefined && start >= high);
  return behind ? 0 : undefined;
}
