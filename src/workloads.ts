/**
 * Workloads: what a guest is fed, as calls of its exports with constant arguments. While the guest
 * runs they are calls; in the frozen module they are entries.
 */

import { badArguments, clashingEntry, unknownCommand, unknownExport } from './errors/usage.ts';
import type { WasmValue } from './host/guest.ts';
import type { Entry } from './link/entries.ts';
import type { Kept, Linked } from './link/link.ts';
import type { Call, Program, Protocol } from './protocols/protocol.ts';
import type { Op } from './wasm/instructions.ts';
import { exportNamed, type Module, spaces } from './wasm/module.ts';
import { type FuncIdx, type FuncType, showType, type TypeIdx, type ValType } from './wasm/types.ts';

/** What a warm-up feeds the guest: a program, or a call of an export with arguments as text. */
export type Workload =
  | ({ readonly kind: 'program' } & Program)
  | { readonly kind: 'call'; readonly export: string; readonly args: readonly string[] };

/** A call of an export with arguments as text. */
export type CallWorkload = Extract<Workload, { kind: 'call' }>;

export interface EntryOption {
  /** The name of the exported function. */
  readonly name: string;
  readonly workload: Workload;
}

function signatureOf(module: Module, name: string): FuncType {
  const item = exportNamed(module, name, 'func');
  const { funcs, types } = spaces(module);
  const comp = item && types[funcs[item.index] as TypeIdx]?.comp;
  if (comp?.kind !== 'func') {
    throw unknownExport(
      name,
      module.exports.filter((one) => one.kind === 'func').map((one) => one.name),
    );
  }
  return comp;
}

/** A call of an export, its arguments read by the types of its parameters. */
export function exportCall(module: Module, workload: Extract<Workload, { kind: 'call' }>): Call {
  const label = `${workload.export}(${workload.args.join(', ')})`;
  const { params } = signatureOf(module, workload.export);
  const args = params.map((type, i) => argument(type, workload.args[i]));
  if (args.includes(undefined) || workload.args.length !== params.length) {
    throw badArguments(label, params.map(showType).join(', '));
  }
  return { export: workload.export, args, label };
}

function argument(type: ValType, text: string | undefined): WasmValue {
  const [, sign, magnitude] = /^([+-]?)(\S+)$/.exec(text?.trim() ?? '') ?? [];
  if (magnitude === undefined) return undefined;
  if (type === 'f32' || type === 'f64') {
    const value = floatOf(magnitude);
    if (sign !== '-' || value === undefined) return value;
    return Number.isNaN(value) ? undefined : -value;
  }
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(magnitude)) return undefined;
  const value = BigInt(magnitude) * (sign === '-' ? -1n : 1n);
  if (type === 'i64') return fits(value, 64) ? BigInt.asIntN(64, value) : undefined;
  return type === 'i32' && fits(value, 32) ? Number(BigInt.asIntN(32, value)) : undefined;
}

/** A float without its sign. There is one NaN: a call from JavaScript knows no other. */
function floatOf(text: string): number | undefined {
  if (/^nan$/i.test(text)) return Number.NaN;
  if (/^inf(inity)?$/i.test(text)) return Number.POSITIVE_INFINITY;
  const value = /^[\d.]/.test(text) ? Number(text) : Number.NaN;
  return Number.isNaN(value) ? undefined : value;
}

/** Whether an integer has so many bits, signed or not. */
function fits(value: bigint, bits: number): boolean {
  return value >= -(1n << BigInt(bits - 1)) && value < 1n << BigInt(bits);
}

/** The instruction that pushes an argument of a call. */
function argumentOp(type: ValType, value: WasmValue): Op {
  if (type === 'i32') return ['i32.const', Number(value) | 0];
  if (type === 'i64') return ['i64.const', BigInt(value as bigint)];
  const view = new DataView(new ArrayBuffer(8));
  if (type === 'f32') {
    view.setFloat32(0, Number(value));
    return ['f32.const', BigInt(view.getUint32(0))];
  }
  view.setFloat64(0, Number(value));
  return ['f64.const', view.getBigUint64(0)];
}

function isStatus(results: readonly ValType[]): boolean {
  return results.length === 1 && results[0] === 'i32';
}

/** Where an export of the guest is in the linked module. */
function linkedFunction(module: Module, linked: Linked, name: string): FuncIdx {
  const item = exportNamed(module, name, 'func');
  const index = item && linked.indexOf({ instance: 0, kind: 'func', index: item.index });
  if (index === undefined) throw new TypeError(`the guest lost its export ${name}`);
  return index as FuncIdx;
}

export function entryFunctions(
  module: Module,
  linked: Linked,
  options: readonly EntryOption[],
  calls: ReadonlyMap<Workload, Call>,
  protocol: Protocol,
): readonly Entry[] {
  return options.map(({ name, workload }) => {
    const call = calls.get(workload) as Call;
    const { params, results } = signatureOf(module, call.export);
    return {
      name,
      func: linkedFunction(module, linked, call.export),
      args: params.map((type, i) => argumentOp(type, call.args[i])),
      returnsStatus: workload.kind === 'program' && protocol.returnsStatus && isStatus(results),
    };
  });
}

export function hookFunction(module: Module, linked: Linked, protocol: Protocol): FuncIdx | undefined {
  const { afterRestore } = protocol;
  return afterRestore === undefined ? undefined : linkedFunction(module, linked, afterRestore);
}

/** Names that cannot be: checked before anything runs, and again with those that a driver gives. */
export function checkEntries(
  module: Module,
  options: { readonly entries?: readonly EntryOption[]; readonly command?: string },
  kept: readonly Kept[] = [],
): void {
  const names = [...kept, ...(options.entries ?? [])].map((entry) => entry.name);
  names.forEach((name, i) => {
    // Of `_initialize` the after-restore hook takes the place.
    const taken = names.indexOf(name) !== i || exportNamed(module, name) !== undefined;
    if (taken || name === '_initialize') throw clashingEntry(name);
  });
  const entries = (options.entries ?? []).map((entry) => entry.name);
  if (options.command !== undefined && !entries.includes(options.command))
    throw unknownCommand(options.command, entries);
}
