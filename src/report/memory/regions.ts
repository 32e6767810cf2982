/**
 * The regions of a memory: stack, static data, heap, so far as they can be told. Borders come from
 * LLVM's layout and from the segments of the module before it was frozen, which are its static data.
 */
import { constantAddress, layoutOf } from '../../snapshot/layout.ts';
import type { Module } from '../../wasm/module.ts';
import { moduleNames } from '../../wasm/names.ts';
import { readProvenance } from '../provenance.ts';

export interface Region {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** What the largest types are aligned to. */
const ALIGNMENT = 16;

/** More segments than this are no sections of a linker's, but runs of a snapshot. */
const MOST_SEGMENTS = 64;

/**
 * The regions of memory 0, by address, up to `end`. `input` is the module that was frozen, where it
 * is at hand; a module that was not frozen is its own.
 */
export function regionsOf(module: Module, input: Module | undefined, end: number): readonly Region[] {
  const provenance = readProvenance(module);
  const source = input ?? (provenance === undefined ? module : undefined);
  const { stackLow, stackHigh, dataEnd, heapBase } = layoutOf(source ?? module);
  const stack =
    source === undefined
      ? provenance?.stack
      : stackLow !== undefined && stackHigh !== undefined && { low: stackLow, high: stackHigh };
  const known = source === undefined ? [] : segmentsOf(source);
  if (stack) known.push({ name: 'stack', start: stack.low, end: stack.high });
  const borders = [dataEnd, heapBase].filter((border) => border !== undefined);
  const rest = (start: number): string => {
    if (heapBase !== undefined && start >= heapBase) return 'heap';
    if (dataEnd !== undefined || heapBase !== undefined) return 'static data without a segment';
    return stack && start < stack.low ? 'below the stack' : 'heap, and static data without a segment';
  };
  return withRest(known, borders, end, rest);
}

/** The static data of a module: its segments, by name. */
function segmentsOf(module: Module): Region[] {
  const names = moduleNames(module).data;
  const all = module.datas.flatMap(({ mode, bytes }, i): Region[] => {
    const start = mode.kind === 'active' && mode.mem === 0 ? constantAddress(mode.offset) : undefined;
    if (start === undefined || bytes.length === 0) return [];
    return [{ name: `data ${names.get(i) ?? i}`, start, end: start + bytes.length }];
  });
  if (all.length <= MOST_SEGMENTS) return all;
  const start = Math.min(...all.slice(0, MOST_SEGMENTS).map((one) => one.start));
  return [{ name: 'data', ...hull(all, start) }];
}

function hull(all: readonly Region[], first: number): { start: number; end: number } {
  let [start, end] = [first, first];
  for (const one of all) {
    start = Math.min(start, one.start);
    end = Math.max(end, one.end);
  }
  return { start, end };
}

/** The known regions, cut where they overlap, and what lies between and behind them. */
function withRest(
  known: readonly Region[],
  borders: readonly number[],
  end: number,
  rest: (start: number) => string,
): readonly Region[] {
  const out: Region[] = [];
  let at = 0;
  const fill = (to: number): void => {
    while (at < to) {
      const next = Math.min(to, ...borders.filter((border) => border > at));
      out.push({ name: rest(at), start: at, end: next });
      at = next;
    }
  };
  for (const { name, start, end: last } of known.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    const before = out.at(-1);
    // A few bytes before the next one only align it.
    if (before !== undefined && start > at && start - at < ALIGNMENT) {
      out.splice(-1, 1, { ...before, end: Math.min(start, end) });
      at = Math.min(start, end);
    }
    fill(Math.min(start, end));
    if (Math.min(last, end) <= at) continue;
    out.push({ name, start: at, end: Math.min(last, end) });
    at = Math.min(last, end);
  }
  fill(end);
  return out;
}
