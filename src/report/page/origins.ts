/**
 * What the bytes of a module are, as a tree: the guest's code and what its JIT made, by function; the
 * snapshot, by the place in memory; the rest by section. Its leaves add up to the module.
 */

import { constantAddress } from '../../snapshot/layout.ts';
import { type Module, spaces } from '../../wasm/module.ts';
import { moduleNames } from '../../wasm/names.ts';
import type { SectionInspection } from '../inspect.ts';
import { readProvenance } from '../provenance.ts';
import { size } from '../summary.ts';

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
/** The snapshot is told apart by stretches of memory, at most so many. */
const MOST_STRETCHES = 24;
const PAGE = 65_536;

export function originsOf(module: Module, size: number, sections: readonly SectionInspection[]): OriginNode {
  const children = [
    guestCode(module),
    ...generatedCode(module),
    ownCode(module),
    snapshot(module),
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

function snapshot(module: Module): OriginNode {
  const placed = module.datas.map(({ mode, bytes }) => ({
    address: mode.kind === 'active' ? constantAddress(mode.offset) : undefined,
    size: bytes.length,
  }));
  const end = placed.reduce((most, { address = 0, size: length }) => Math.max(most, address + length), 1);
  const step = Math.max(PAGE, 2 ** Math.ceil(Math.log2(end / MOST_STRETCHES)));
  const stretches = new Map<number, number>();
  let unplaced = 0;
  for (const { address, size: length } of placed) {
    if (address === undefined) unplaced += length;
    else stretches.set(Math.floor(address / step), (stretches.get(Math.floor(address / step)) ?? 0) + length);
  }
  const children = [...stretches]
    .toSorted(([a], [b]) => a - b)
    .map(([at, used]) => ({ name: `memory from ${size(at * step)}`, kind: 'data' as const, size: used }));
  const passive = { name: 'passive segments', kind: 'data' as const, size: unplaced };
  return {
    name: 'snapshot',
    kind: 'data',
    size: 0,
    children: unplaced === 0 ? children : [...children, passive],
  };
}

/** Custom sections by name, the others by what they are; code and data are told elsewhere. */
function others(sections: readonly SectionInspection[]): OriginNode {
  const children = sections.flatMap((section): OriginNode[] => {
    if (section.name === 'code' || section.name === 'data') return [];
    return [{ name: section.custom ?? `${section.name} section`, kind: 'other', size: section.size }];
  });
  return { name: 'other sections', kind: 'other', size: 0, children };
}
