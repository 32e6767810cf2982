/**
 * What sealing did, as a part of the report: what it relied on, what it could not prove and why, and
 * what it made of it. Functions have the names that they had in the guest.
 */
import type { MemoryRange } from '../protocols/protocol.ts';
import type { OptimizeReport } from '../seal/optimize.ts';
import type { OpenTable, Sealed } from '../seal/seal.ts';
import type { Preventer } from '../seal/world.ts';
import type { Module } from '../wasm/module.ts';
import { functionName } from '../wasm/names.ts';

export interface OpenTableReport {
  readonly table: number;
  /** Each a sentence: what keeps it from being constant. */
  readonly because: readonly string[];
}

export interface SealReport {
  /** What was not proved but vouched for, each a sentence. */
  readonly assumptions: readonly string[];
  /** Tables that are constant, by their index before sealing. */
  readonly constantTables: readonly number[];
  /** Tables with indirect calls that are not. */
  readonly openTables: readonly OpenTableReport[];
  /** Exports that went. */
  readonly exportsDropped: readonly string[];
  readonly directCalls: number;
  /** Indirect calls that always trapped, and do so as `unreachable` now. */
  readonly trappingCalls: number;
  readonly removed: {
    readonly functions: number;
    readonly types: number;
    readonly globals: number;
    readonly tables: number;
    readonly memories: number;
    readonly tags: number;
    readonly elementSegments: number;
    readonly dataSegments: number;
    readonly tableSlots: number;
    /** Bytes of code. */
    readonly codeBytes: number;
  };
  /** What was done to the generated functions. */
  readonly optimized?: OptimizeReport;
}

/** What somebody vouches for. */
export interface Vouched {
  readonly assume: readonly string[];
  /** Memory that the guest says is constant, and memory named `.rodata`. */
  readonly constants: readonly MemoryRange[];
  readonly readOnly: readonly MemoryRange[];
}

export function sealReport(module: Module, sealed: Sealed, vouched: Vouched): SealReport {
  const { removed, directCalls, trappingCalls, slots, codeBytes } = sealed.stats;
  return {
    assumptions: assumptions(module, sealed, vouched),
    constantTables: sealed.constantTables,
    openTables: sealed.open.map(({ table, preventers }) => ({
      table,
      because: preventers.map((one) => because(module, one)),
    })),
    exportsDropped: sealed.droppedExports,
    directCalls,
    trappingCalls,
    removed: {
      functions: removed.func,
      types: removed.type,
      globals: removed.global,
      tables: removed.table,
      memories: removed.mem,
      tags: removed.tag,
      elementSegments: removed.elem,
      dataSegments: removed.data,
      tableSlots: slots,
      codeBytes,
    },
  };
}

function assumptions(
  module: Module,
  { vouched }: Sealed,
  { assume, constants, readOnly }: Vouched,
): readonly string[] {
  return [
    ...(constants.length === 0
      ? []
      : [`the guest never writes ${bytesIn(constants)} bytes of its memory (freeze_constants)`]),
    ...(readOnly.length === 0
      ? []
      : [`${bytesIn(readOnly)} bytes of data named .rodata are never written (--assume rodata)`]),
    ...(assume.includes('table-const')
      ? [`no table is written any more (--assume table-const)${contrary(module, vouched)}`]
      : []),
  ];
}

function bytesIn(ranges: readonly MemoryRange[]): number {
  return ranges.reduce((sum, range) => sum + range.size, 0);
}

function contrary(module: Module, vouched: readonly OpenTable[]): string {
  const reasons = vouched.flatMap(({ preventers }) => preventers.map((one) => because(module, one)));
  return reasons.length === 0 ? '' : `, though ${reasons.join('; ')}`;
}

function because(module: Module, preventer: Preventer): string {
  switch (preventer.kind) {
    case 'imported':
      return 'the host gives it';
    case 'exported':
      return `it is exported as "${preventer.name}"`;
    case 'unknown':
      return 'what it starts with is no constant';
    case 'instruction':
      return `${preventer.op} in function ${functionName(module, preventer.func)}`;
  }
}
