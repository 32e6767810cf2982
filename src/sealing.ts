/**
 * Sealing as a step of a build: whether it is done, which exports go, what is vouched for, and what
 * the report says of it.
 */

import {
  contradictedAssumption,
  noReadOnly,
  sealedAndOpen,
  sealOptionsUnsealed,
  writtenReadOnly,
} from './errors/usage.ts';
import { validate } from './host/engine.ts';
import type { Guest } from './host/guest.ts';
import type { PlaceOf } from './link/code-map.ts';
import { type Entry, START } from './link/entries.ts';
import type { Linked } from './link/link.ts';
import { GONE, type IndexMap } from './link/relocate.ts';
import type { FreezeOptions } from './options.ts';
import type { MemoryRange, Protocol } from './protocols/protocol.ts';
import type { SealReport } from './report/seal.ts';
import { sealReport } from './report/seal.ts';
import { constantOf, initialSlots, NULL_SLOT, unsigned } from './seal/constants.ts';
import { droppedExports } from './seal/exports.ts';
import { type OptimizeReport, optimize } from './seal/optimize.ts';
import { type Optimize, type Sealed, seal } from './seal/seal.ts';
import { type ConstantRange, initialBytes } from './seal/world.ts';
import type { Snapshot } from './snapshot/state.ts';
import { type Module, spaces } from './wasm/module.ts';
import { functionName, moduleNames } from './wasm/names.ts';
import type { FuncIdx } from './wasm/types.ts';

/** `table-const`: no table is written any more. `rodata`: data segments named `.rodata` are never written. */
export type Assumption = 'table-const' | 'rodata';

/** Protocols whose guests are sealed only where that is asked for. */
const UNSEALED: ReadonlySet<string> = new Set(['plain', 'driver', 'wizer']);

/**
 * Whether the module is sealed. A guest that speaks a protocol has no other way to get code than
 * through it; of any other module only its user knows who calls it.
 */
export function isSealed(options: FreezeOptions, protocol: Protocol): boolean {
  if (options.seal === true && options.open === true) throw sealedAndOpen();
  const asked = options.open === true ? false : options.seal;
  const sealed = asked ?? (options.driver === undefined && !UNSEALED.has(protocol.name));
  const given = (['assume', 'keep', 'drop'] as const).find((name) => (options[name]?.length ?? 0) > 0);
  if (!sealed && given !== undefined) throw sealOptionsUnsealed(given);
  if (!sealed && (options.optimize ?? 'none') !== 'none') throw sealOptionsUnsealed('optimize');
  return sealed;
}

export interface SealFacts {
  readonly guest: Guest;
  readonly snapshot: Snapshot;
  readonly linked: Linked;
  readonly protocol: Protocol;
  readonly entries: readonly Entry[];
  /** Memory that the guest says is constant. */
  readonly constants: readonly MemoryRange[];
}

export interface SealedBuild extends Sealed {
  readonly report: SealReport;
}

export async function sealBuild(
  module: Module,
  options: FreezeOptions,
  facts: SealFacts,
): Promise<SealedBuild> {
  const { linked, protocol, entries } = facts;
  const assume = options.assume ?? [];
  const dropped = droppedExports(module, {
    protocol: (name) => {
      const use = protocol.use(name);
      // Without entries, hosts run programs as `freeze` did.
      return use === 'build' || (use === 'program' && entries.length > 0);
    },
    keep: options.keep ?? [],
    drop: options.drop ?? [],
    entries: entries.map(({ name }) => name),
  });
  const readOnly = assume.includes('rodata') ? rodata(facts.guest.module) : [];
  if (assume.includes('rodata') && readOnly.length === 0) throw noReadOnly();
  checkReadOnly(facts, readOnly);
  const ranges = [...facts.constants.map((range): ConstantRange => ({ mem: 0, ...range })), ...readOnly];
  const generated = linked.auxFunctions.flatMap(({ first, count }) =>
    Array.from({ length: count }, (_, i) => (first + i) as FuncIdx),
  );
  let optimized: OptimizeReport | undefined;
  const optimizer: Optimize = async (closed, funcs, slots) => {
    const result = await optimize(closed, funcs, {
      level: options.optimize ?? 'fast',
      recipe: options.recipe,
      // So that a start does not compile the hook beside what calls it.
      along: madeForEntries(module, entries, options.command),
      slots,
      validate: (bytes) => validate(bytes, 'the optimized code'),
    });
    optimized = result.report;
    return result.module;
  };
  const sealed = await seal(module, {
    dropped,
    assumeTables: assume.includes('table-const'),
    constantRanges: ranges,
    keepOffsets: options.debug === true,
    generated: new Set(generated),
    optimize: optimizer,
  });
  checkAssumption(facts, sealed, module);
  const report = sealReport(module, sealed, { assume, constants: facts.constants, readOnly });
  return { ...sealed, report: optimized === undefined ? report : { ...report, optimized } };
}

/** The functions that addEntries made for the entries. `_start` is one where there is a command; else it is the guest's. */
function madeForEntries(
  module: Module,
  entries: readonly Entry[],
  command: string | undefined,
): readonly FuncIdx[] {
  const names = new Set(entries.map(({ name }) => name));
  if (command !== undefined) names.add(START);
  const made = module.exports.filter(({ name, kind }) => kind === 'func' && names.has(name));
  return made.map(({ index }) => index as FuncIdx);
}

/** The active segments that the linker named `.rodata`, or `.rodata.NAME` where it did not merge them. */
function rodata(module: Module): readonly ConstantRange[] {
  const names = moduleNames(module).data;
  return module.datas.flatMap(({ mode, bytes }, i): ConstantRange[] => {
    if (
      mode.kind !== 'active' ||
      mode.mem < spaces(module).imported.mem ||
      !/^\.rodata(\.|$)/.test(names.get(i) ?? '')
    )
      return [];
    const start = unsigned(constantOf(module, mode.offset));
    return start === undefined ? [] : [{ mem: mode.mem, start, size: bytes.length }];
  });
}

/** Refuses `rodata` where the warm-up has shown otherwise: a byte is not what the guest started with. */
function checkReadOnly({ guest, snapshot }: SealFacts, ranges: readonly ConstantRange[]): void {
  for (const range of ranges) {
    const before = initialBytes(guest.module, range);
    const now = snapshot.instances[0]?.memories.get(range.mem)?.bytes;
    if (before === undefined || now === undefined) continue;
    const changed = before.findIndex((byte, i) => byte !== now[range.start + i]);
    if (changed >= 0) throw writtenReadOnly(range.mem, range.start + changed);
  }
}

/**
 * Refuses `table-const` where the warm-up has shown otherwise: a slot that the guest had from the
 * start holds another function of its own now, or none, or the table grew and no module was linked
 * that could have done it; and an instruction that does such a thing is reachable still.
 */
function checkAssumption({ guest, snapshot }: SealFacts, { vouched }: Sealed, module: Module): void {
  const initial = initialSlots(guest.module);
  for (const { table, preventers } of vouched) {
    const writers = preventers.filter((one) => one.kind === 'instruction');
    const before = initial[table];
    const now = snapshot.instances[0]?.tables.get(table)?.slots;
    if (writers.length === 0 || before === undefined || now === undefined) continue;
    const changed = before.findIndex((func, slot) => {
      const ref = now[slot] ?? null;
      return ref === null ? func !== NULL_SLOT : ref.instance === 0 && ref.index !== func;
    });
    const grew = now.length > before.length && guest.linker.auxes.length === 0;
    if (changed < 0 && !grew) continue;
    const what = changed < 0 ? `table ${table} grew` : `slot ${changed} of table ${table} was written`;
    throw contradictedAssumption(
      what,
      writers.map(({ op, func }) => `${op} in function ${functionName(module, func)}`),
    );
  }
}

/** Which body of the sealed module each body is: `func` says where functions are now. */
export function codePlaces(before: Module, after: Module, func: IndexMap | undefined): PlaceOf {
  const [first, now] = [spaces(before).imported.func, spaces(after).imported.func];
  return (code) => {
    const index = func === undefined ? first + code : func[first + code];
    return index === undefined || index === GONE ? undefined : index - now;
  };
}
