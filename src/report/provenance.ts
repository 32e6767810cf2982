/**
 * Provenance: a custom section that says which functions of a frozen module came from where. It is
 * the same for the same input: nothing of the machine or of the time is in it.
 */
import type { FunctionRange, Linked } from '../link/link.ts';
import { GONE, type IndexMap } from '../link/relocate.ts';
import { layoutOf } from '../snapshot/layout.ts';
import type { CustomSection, Module } from '../wasm/module.ts';
import { spaces } from '../wasm/module.ts';

export const PROVENANCE_SECTION = 'freeze.provenance';

export interface Provenance {
  /** Version of the `freeze` that wrote it. */
  readonly version: string;
  /** How many functions of the guest's own there are, imports not counted. */
  readonly guest: number;
  /** The functions of each auxiliary module, by funcidx; those of earlier freezes first. */
  readonly auxes: readonly FunctionRange[];
  /** The whole stack of the guest, where it is known: the stack pointer of a snapshot is inside it. */
  readonly stack?: { readonly low: number; readonly high: number };
}

function isStack(value: unknown): value is Provenance['stack'] {
  if (value === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { low, high } = value as Readonly<Record<string, unknown>>;
  return Number.isInteger(low) && Number.isInteger(high);
}

function isRange(value: unknown): value is FunctionRange {
  if (typeof value !== 'object' || value === null) return false;
  const { name, first, count } = value as Partial<Record<keyof FunctionRange, unknown>>;
  return typeof name === 'string' && Number.isInteger(first) && Number.isInteger(count);
}

/** The provenance of a module; undefined where it was not frozen, or where the section is no such thing. */
export function readProvenance(module: Module): Provenance | undefined {
  const custom = module.customs.find((one) => one.name === PROVENANCE_SECTION);
  if (custom === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(custom.bytes));
    const { version, guest, auxes, stack } = value as Partial<Record<keyof Provenance, unknown>>;
    if (
      typeof version !== 'string' ||
      typeof guest !== 'number' ||
      !Array.isArray(auxes) ||
      !auxes.every(isRange) ||
      !isStack(stack)
    )
      return undefined;
    return { version, guest, auxes, ...(stack && { stack }) };
  } catch {
    return undefined;
  }
}

/** The module with a provenance section, in place of the one it had. */
export function withProvenance(module: Module, provenance: Provenance): Module {
  const bytes = new TextEncoder().encode(JSON.stringify(provenance));
  const custom: CustomSection = { name: PROVENANCE_SECTION, bytes, after: 11 };
  return { ...module, customs: [...module.customs.filter((one) => one.name !== PROVENANCE_SECTION), custom] };
}

/** What this freeze and those before it linked in. */
export function provenanceOf(guest: Module, linked: Linked, version: string): Provenance {
  const before = readProvenance(guest);
  const earlier = (before?.auxes ?? []).flatMap((range): FunctionRange[] => {
    const first = linked.indexOf({ instance: 0, kind: 'func', index: range.first });
    return first === undefined ? [] : [{ ...range, first }];
  });
  const own = before?.guest ?? spaces(guest).funcs.length - spaces(guest).imported.func;
  const { stackLow: low, stackHigh: high } = layoutOf(guest);
  const stack =
    before === undefined && low !== undefined && high !== undefined ? { low, high } : before?.stack;
  return { version, guest: own, auxes: [...earlier, ...linked.auxFunctions], ...(stack && { stack }) };
}

/** The same after functions went: `func` says where those of `before` are. The order has stayed. */
export function movedProvenance(
  provenance: Provenance,
  before: Module,
  func: IndexMap | undefined,
): Provenance {
  if (func === undefined) return provenance;
  const { imported } = spaces(before);
  const staying = (first: number, count: number): IndexMap =>
    func.slice(first, first + count).filter((index) => index !== GONE);
  const auxes = provenance.auxes.flatMap((range): FunctionRange[] => {
    const left = staying(range.first, range.count);
    return left[0] === undefined ? [] : [{ ...range, first: left[0], count: left.length }];
  });
  return { ...provenance, guest: staying(imported.func, provenance.guest).length, auxes };
}
