/**
 * Which parts of each memory the data segments of a module fill, as instantiation does.
 */
import { constantAddress } from '../snapshot/layout.ts';
import { nonZeroRuns, type Run } from '../snapshot/runs.ts';
import { type Module, spaces } from '../wasm/module.ts';

export interface MemoryMap {
  /** Active segments, and their bytes. */
  readonly segments: number;
  readonly segmentBytes: number;
  /** Segments whose place is known only in an instance: they are in no run. */
  readonly unplaced: number;
  /** Runs of bytes that are not all zero, and the bytes in them. */
  readonly runs: number;
  readonly usedBytes: number;
  /** The largest runs, by address. */
  readonly largest: readonly Run[];
  /** The memory in so many cells of equal size: how many bytes of each are in runs. */
  readonly cells: { readonly size: number; readonly used: readonly number[] };
}

const CELLS = 64;
const LARGEST = 8;
const PAGE = 65_536;

/** Gaps below a kilobyte are of no interest to a person. */
const GAP = 1024;

/** Runs by address, those that overlap or have at most `gap` bytes between them joined. */
function joined(runs: readonly Run[], gap: number): readonly Run[] {
  const sorted = runs.toSorted((a, b) => a.start - b.start);
  const out: { start: number; end: number }[] = [];
  for (const { start, end } of sorted) {
    const last = out.at(-1);
    if (last !== undefined && start <= last.end + gap) last.end = Math.max(last.end, end);
    else out.push({ start, end });
  }
  return out;
}

function cells(runs: readonly Run[], minPages: bigint): MemoryMap['cells'] {
  const length = Math.max(Number(minPages) * PAGE, runs.at(-1)?.end ?? 0);
  const size = Math.max(1, Math.ceil(length / CELLS));
  const used = new Array<number>(length === 0 ? 0 : CELLS).fill(0);
  for (const { start, end } of runs) {
    for (let cell = Math.floor(start / size); cell < CELLS && cell * size < end; cell++) {
      const bytes = Math.min(end, (cell + 1) * size) - Math.max(start, cell * size);
      used[cell] = (used[cell] ?? 0) + bytes;
    }
  }
  return { size, used };
}

/** One for each memory, imported ones too. */
export function memoryMaps(module: Module): readonly MemoryMap[] {
  return spaces(module).mems.map(({ min }, index) => {
    const active = module.datas.flatMap(({ mode, bytes }) =>
      mode.kind === 'active' && mode.mem === index ? [{ bytes, address: constantAddress(mode.offset) }] : [],
    );
    const all = active.flatMap(({ bytes, address }) =>
      address === undefined
        ? []
        : Array.from(nonZeroRuns(bytes)).map(({ start, end }) => ({
            start: address + start,
            end: address + end,
          })),
    );
    const runs = joined(all, 0);
    const largest = joined(runs, GAP - 1)
      .toSorted((a, b) => b.end - b.start - (a.end - a.start) || a.start - b.start)
      .slice(0, LARGEST);
    return {
      segments: active.length,
      segmentBytes: active.reduce((sum, { bytes }) => sum + bytes.length, 0),
      unplaced: active.filter(({ address }) => address === undefined).length,
      runs: runs.length,
      usedBytes: runs.reduce((sum, { start, end }) => sum + end - start, 0),
      largest: largest.toSorted((a, b) => a.start - b.start),
      cells: cells(runs, min),
    };
  });
}
