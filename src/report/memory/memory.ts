/**
 * What fills the memories of a module, as one plain object: by region and by symbol, the largest runs,
 * what was written since the module it was made from, and what it comes to when compressed.
 */
import { type Module, spaces } from '../../wasm/module.ts';
import { memoryMaps } from '../memory-map.ts';
import { type Fill, fillOf, type Image, imageOf } from './image.ts';
import { type Region, regionsOf } from './regions.ts';
import { type MemorySymbol, symbolsOf } from './symbols.ts';

export const MEMORY_SCHEMA = 1;

export interface MemoryInspection {
  readonly schema: typeof MEMORY_SCHEMA;
  /** Whether `written` is told against another module, or against zeros. */
  readonly against: boolean;
  readonly memories: readonly MemoryContents[];
  /** The contents of all data segments, and what they come to when compressed. */
  readonly segments: Compressed;
  readonly module: Compressed;
}

export interface Compressed {
  readonly size: number;
  readonly gzip?: number;
  readonly brotli?: number;
}

export interface MemoryContents extends Fill {
  readonly index: number;
  /** Of the memory as it starts. */
  readonly size: number;
  /** How much of it is zero, from 0 to 1. */
  readonly zeroShare: number;
  /** Active segments, and their bytes, zeros between runs among them. */
  readonly segments: number;
  readonly segmentBytes: number;
  /** Segments whose place is known only in an instance: they are in nothing above and below. */
  readonly unplaced: number;
  readonly regions: readonly FilledRegion[];
  /** Those with most in them; all are counted. */
  readonly symbols: readonly FilledRegion[];
  readonly symbolCount: number;
  readonly largest: readonly Region[];
}

export interface FilledRegion extends Region, Fill {}

/** How many symbols are listed. */
const MOST_SYMBOLS = 100;
const PAGE = 65_536;

export interface MemoryOptions {
  /** The module before it was frozen. */
  readonly against?: Module;
  /** Sizes of bytes when they are compressed. */
  readonly compress?: (bytes: Uint8Array) => Omit<Compressed, 'size'>;
}

export function inspectMemory(
  bytes: Uint8Array,
  module: Module,
  options: MemoryOptions = {},
): MemoryInspection {
  const { against, compress = () => ({}) } = options;
  const sized = (of: Uint8Array): Compressed => ({ size: of.length, ...compress(of) });
  return {
    schema: MEMORY_SCHEMA,
    against: against !== undefined,
    memories: spaces(module).mems.map((_, index) => contents(module, index, against)),
    segments: sized(joined(module.datas.map((data) => data.bytes))),
    module: sized(bytes),
  };
}

/** What the memories of a frozen module hold, and how much of it is not from the guest's segments. */
export function measureMemory(guest: Module, frozen: Module): Fill {
  const fills = spaces(frozen).mems.map((type, index) =>
    fillOf(imageOf(frozen, index), imageOf(guest, index), 0, Number(type.min) * PAGE),
  );
  const sum = (of: (fill: Fill) => number): number => fills.reduce((total, fill) => total + of(fill), 0);
  return { used: sum((fill) => fill.used), written: sum((fill) => fill.written) };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function contents(module: Module, index: number, against: Module | undefined): MemoryContents {
  const image = imageOf(module, index);
  const before: Image = against === undefined ? { pages: new Map() } : imageOf(against, index);
  const size = Number(spaces(module).mems[index]?.min ?? 0n) * PAGE;
  const filled = (region: Region): FilledRegion => ({
    ...region,
    ...fillOf(image, before, region.start, region.end),
  });
  // Layout and variables are those of the first memory: compilers know of no other.
  const regions = index === 0 ? regionsOf(module, against, size) : [{ name: 'memory', start: 0, end: size }];
  const all = fillOf(image, before, 0, size);
  const symbols = index === 0 ? symbolsIn(module, against).map(filled) : [];
  const map = memoryMaps(module)[index];
  return {
    index,
    size,
    ...all,
    zeroShare: size === 0 ? 1 : 1 - all.used / size,
    segments: map?.segments ?? 0,
    segmentBytes: map?.segmentBytes ?? 0,
    unplaced: map?.unplaced ?? 0,
    regions: regions.map(filled),
    symbols: symbols
      .toSorted((a, b) => b.used - a.used || a.start - b.start)
      .slice(0, MOST_SYMBOLS)
      .filter(({ used, written }) => used > 0 || written > 0),
    symbolCount: symbols.length,
    largest: (map?.largest ?? []).map((run) => ({ name: placeOf(run.start, regions, symbols), ...run })),
  };
}

/** A frozen module may have lost its DWARF; addresses of data are the same in both. */
export function symbolsIn(module: Module, against: Module | undefined): readonly MemorySymbol[] {
  const own = symbolsOf(module);
  return own.length > 0 || against === undefined ? own : symbolsOf(against);
}

/** The symbol, or else the region, in which an address lies. */
function placeOf(at: number, regions: readonly Region[], symbols: readonly Region[]): string {
  const inside = ({ start, end }: Region): boolean => at >= start && at < end;
  return (symbols.find(inside) ?? regions.find(inside))?.name ?? '';
}
