/**
 * What the bytes of a module are, as a tree: the guest's code and what its JIT made, by function; the
 * snapshot, by variable and region of memory; the rest by section. Its leaves add up to the module.
 */

import { constantAddress } from '../../snapshot/layout.ts';
import { type Module, spaces } from '../../wasm/module.ts';
import { moduleNames } from '../../wasm/names.ts';
import type { SectionInspection } from '../inspect.ts';
import { symbolsIn } from '../memory/memory.ts';
import { regionsOf } from '../memory/regions.ts';
import { readProvenance } from '../provenance.ts';

export type OriginKind = 'guest' | 'generated' | 'freeze' | 'data' | 'other';

export interface OriginNode {
  readonly name: string;
  readonly kind: OriginKind;
  /** Bytes; of an inner node those that are in none of its children. */
  readonly size: number;
  readonly children?: readonly OriginNode[];
}

/** Of the guest's functions so many have a place of their own. */
const MOST_FUNCTIONS = 60;
/** Of the variables that DWARF names, so many have a place of their own. */
const MOST_SYMBOLS = 24;
const PAGE = 65_536;

/** `guest` is the module that was frozen, which knows its static data by name; undefined where it is not at hand. */
export function originsOf(
  module: Module,
  size: number,
  sections: readonly SectionInspection[],
  guest?: Module,
): OriginNode {
  const children = [
    guestCode(module),
    ...generatedCode(module),
    ownCode(module),
    snapshot(module, guest),
    others(sections),
  ];
  const known = children.reduce((sum, child) => sum + total(child), 0);
  // The header of each section and segment, and what stands between bodies.
  const headers = {
    name: 'headers of segments and sections',
    kind: 'other',
    size: Math.max(size - known, 0),
  } as const;
  return {
    name: 'the module',
    kind: 'other',
    size: 0,
    children: [...children, headers].filter((one) => total(one) > 0),
  };
}

export function total(node: OriginNode): number {
  return node.size + (node.children ?? []).reduce((sum, child) => sum + total(child), 0);
}

interface Ranges {
  /** The functions of each auxiliary module, by funcidx, and how many of the guest's there are. */
  readonly auxes: readonly { readonly name: string; readonly first: number; readonly count: number }[];
  readonly guestEnd: number;
  readonly end: number;
  readonly imported: number;
}

function rangesOf(module: Module): Ranges {
  const { imported, funcs } = spaces(module);
  const provenance = readProvenance(module);
  const end = funcs.length;
  if (provenance === undefined) return { auxes: [], guestEnd: end, end, imported: imported.func };
  return {
    auxes: provenance.auxes,
    guestEnd: imported.func + provenance.guest,
    end,
    imported: imported.func,
  };
}

function bodySize(module: Module, imported: number, index: number): number {
  const body = module.codes[index - imported];
  return body === undefined ? 0 : body.end - body.start;
}

function functions(module: Module, kind: OriginKind, from: number, to: number): readonly OriginNode[] {
  const { imported } = rangesOf(module);
  const names = moduleNames(module).func;
  const nodes: OriginNode[] = [];
  for (let index = Math.max(from, imported); index < to; index++) {
    nodes.push({
      name: names?.get(index) ?? `function ${index}`,
      kind,
      size: bodySize(module, imported, index),
    });
  }
  return nodes;
}

/** The largest by themselves, the others as one. */
function largest(
  nodes: readonly OriginNode[],
  most: number,
  what: string,
  kind: OriginKind,
): readonly OriginNode[] {
  if (nodes.length <= most) return nodes;
  const sorted = nodes.toSorted((a, b) => b.size - a.size);
  const rest = sorted.slice(most);
  const small = rest.reduce((sum, one) => sum + one.size, 0);
  return [...sorted.slice(0, most), { name: `${rest.length} ${what}`, kind, size: small }];
}

function guestCode(module: Module): OriginNode {
  const { imported, guestEnd } = rangesOf(module);
  const all = functions(module, 'guest', imported, guestEnd);
  return {
    name: "guest's code",
    kind: 'guest',
    size: 0,
    children: largest(all, MOST_FUNCTIONS, 'smaller functions', 'guest'),
  };
}

function generatedCode(module: Module): readonly OriginNode[] {
  return rangesOf(module).auxes.map(({ name, first, count }) => ({
    name,
    kind: 'generated' as const,
    size: 0,
    children: largest(
      functions(module, 'generated', first, first + count),
      MOST_FUNCTIONS,
      'smaller functions',
      'generated',
    ),
  }));
}

/** Entries and stubs: what belongs neither to the guest nor to an auxiliary module. */
function ownCode(module: Module): OriginNode {
  const { auxes, guestEnd, end } = rangesOf(module);
  const taken = new Set(
    auxes.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i)),
  );
  const own = functions(module, 'freeze', guestEnd, end).filter((_, i) => !taken.has(guestEnd + i));
  return { name: 'entries and stubs', kind: 'freeze', size: own.reduce((sum, one) => sum + one.size, 0) };
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Bytes of data segments: those of the first memory by variable and region, of others by memory. */
function snapshot(module: Module, guest: Module | undefined): OriginNode {
  const spans: Span[] = [];
  const others = new Map<string, number>();
  for (const { mode, bytes } of module.datas) {
    const start = mode.kind === 'active' ? constantAddress(mode.offset) : undefined;
    if (mode.kind === 'active' && mode.mem === 0 && start !== undefined)
      spans.push({ start, end: start + bytes.length });
    else {
      const what = mode.kind === 'active' ? `memory ${mode.mem}` : 'passive segments';
      others.set(what, (others.get(what) ?? 0) + bytes.length);
    }
  }
  const rest = [...others].map(([name, bytes]): OriginNode => ({ name, kind: 'data', size: bytes }));
  return {
    name: 'snapshot',
    kind: 'data',
    size: 0,
    children: [...byRegion(module, guest, spans), ...rest],
  };
}

function byRegion(module: Module, guest: Module | undefined, spans: readonly Span[]): readonly OriginNode[] {
  const end = Math.max(
    Number(spaces(module).mems[0]?.min ?? 0n) * PAGE,
    spans.reduce((most, span) => Math.max(most, span.end), 0),
  );
  const segments = new Segments(spans);
  const regions = regionsOf(module, guest, end).map((one) => ({ ...one, bytes: segments.bytesIn(one) }));
  const symbols = symbolsIn(module, guest)
    .map((one) => ({ ...one, bytes: segments.bytesIn(one) }))
    .filter(({ bytes }) => bytes > 0)
    .toSorted((a, b) => b.bytes - a.bytes || a.start - b.start)
    .slice(0, MOST_SYMBOLS);
  return regions.map((region): OriginNode => {
    const inside = symbols.filter(({ start }) => start >= region.start && start < region.end);
    const named = inside.reduce((sum, { bytes }) => sum + bytes, 0);
    const children = inside.map(({ name, bytes }): OriginNode => ({ name, kind: 'data', size: bytes }));
    if (inside.length > 0)
      children.push({
        name: `rest of ${region.name}`,
        kind: 'data',
        size: Math.max(region.bytes - named, 0),
      });
    return inside.length === 0
      ? { name: region.name, kind: 'data', size: region.bytes }
      : { name: region.name, kind: 'data', size: 0, children };
  });
}

/** Segments by address, of which snapshots have many: how many of their bytes a place has is looked up. */
class Segments {
  readonly #spans: readonly Span[];
  /** The bytes of all segments before each, and at last of all. */
  readonly #before: readonly number[];

  constructor(spans: readonly Span[]) {
    this.#spans = spans.toSorted((a, b) => a.start - b.start);
    let sum = 0;
    const before = this.#spans.map(({ start, end }) => {
      sum += end - start;
      return sum - (end - start);
    });
    this.#before = [...before, sum];
  }

  bytesIn({ start, end }: Span): number {
    return Math.max(this.#bytesBelow(end) - this.#bytesBelow(start), 0);
  }

  #bytesBelow(address: number): number {
    let [low, high] = [0, this.#spans.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#spans[middle]?.start ?? 0) < address) low = middle + 1;
      else high = middle;
    }
    const last = this.#spans[low - 1];
    const beyond = last === undefined ? 0 : Math.max(last.end - address, 0);
    return (this.#before[low] ?? 0) - beyond;
  }
}

/** Custom sections by name, the others by what they are; code and data are told elsewhere. */
function others(sections: readonly SectionInspection[]): OriginNode {
  const children = sections.flatMap((section): OriginNode[] => {
    if (section.name === 'code' || section.name === 'data') return [];
    return [{ name: section.custom ?? `${section.name} section`, kind: 'other', size: section.size }];
  });
  return { name: 'other sections', kind: 'other', size: 0, children };
}
