/**
 * Provenance: a custom section that says what a frozen module was made of, and which functions came
 * from where. It is the same for the same input: nothing of the machine or of the time is in it, and
 * no value that was given to the guest, only the names.
 */
import { frozenByOther, type Warning } from '../errors/warning.ts';
import type { FunctionRange, Linked } from '../link/link.ts';
import { auxExporters } from '../link/open.ts';
import { GONE, type IndexMap } from '../link/relocate.ts';
import type { FreezeOptions } from '../options.ts';
import { layoutOf } from '../snapshot/layout.ts';
import type { CustomSection, Module } from '../wasm/module.ts';
import { spaces } from '../wasm/module.ts';
import { sha256, sha256OfList } from './digest.ts';
import type { LeakReport } from './leaks.ts';

export const PROVENANCE_SECTION = 'freeze.provenance';

/** What the section has beside functions. Fields are only ever added. */
export interface Sources {
  readonly input?: { readonly size: number; readonly sha256: string };
  /** Programs that the guest was given, by the last part of their names. */
  readonly programs: readonly { readonly name: string; readonly sha256: string }[];
  /** A driver, profiles, standard input: where they were told. Absent where an older freeze wrote the section. */
  readonly others?: readonly { readonly kind: string; readonly name: string; readonly sha256: string }[];
  /** Auxiliary modules that were linked in; one digest for all (see `sha256OfList`). */
  readonly modules: { readonly count: number; readonly sha256: string };
  /** What was chosen, by option; what is as it is by default is absent. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Random bytes that the guest drew; they are the same in every instance. */
  readonly randomBytes: number;
  /** What of the build's inputs was found in the image, and how often. */
  readonly leaks: Readonly<Record<string, number>>;
}

export interface Provenance {
  /** Version of the `freeze` that wrote it. */
  readonly version: string;
  /** How many functions of the guest's own there are, imports not counted. */
  readonly guest: number;
  /** The functions of each auxiliary module, by funcidx; those of earlier freezes first. */
  readonly auxes: readonly FunctionRange[];
  /** Absent where an older freeze wrote the section. */
  readonly sources?: Sources;
  /** Who froze the input before, the latest first. */
  readonly earlier?: readonly { readonly version: string; readonly sha256?: string }[];
  /** The whole stack of the guest, where it is known: the stack pointer of a snapshot is inside it. */
  readonly stack?: { readonly low: number; readonly high: number };
  /** Whether it can be linked live further. */
  readonly open?: boolean;
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

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Sections come with modules of others: only the shape that is relied on counts. */
function isSources(value: unknown): value is Sources {
  if (!isObject(value)) return false;
  const { input, programs, others = [], modules, options, randomBytes, leaks } = value;
  return (
    (input === undefined || (isObject(input) && typeof input['sha256'] === 'string')) &&
    Array.isArray(programs) &&
    programs.every((one) => isObject(one) && typeof one['name'] === 'string') &&
    Array.isArray(others) &&
    others.every(
      (one) => isObject(one) && typeof one['kind'] === 'string' && typeof one['name'] === 'string',
    ) &&
    isObject(modules) &&
    typeof modules['count'] === 'number' &&
    isObject(options) &&
    typeof randomBytes === 'number' &&
    isObject(leaks)
  );
}

function isHistory(value: unknown): value is NonNullable<Provenance['earlier']> {
  return Array.isArray(value) && value.every((one) => isObject(one) && typeof one['version'] === 'string');
}

/** The provenance of a module; undefined where it was not frozen, or where the section is no such thing. */
export function readProvenance(module: Module): Provenance | undefined {
  const custom = module.customs.find((one) => one.name === PROVENANCE_SECTION);
  if (custom === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(custom.bytes));
    const { version, guest, auxes, stack, open } = value as Partial<Record<keyof Provenance, unknown>>;
    if (
      typeof version !== 'string' ||
      typeof guest !== 'number' ||
      !Array.isArray(auxes) ||
      !auxes.every(isRange) ||
      !isStack(stack)
    )
      return undefined;
    const { sources, earlier } = value as Partial<Provenance>;
    return {
      version,
      guest,
      auxes,
      ...(stack && { stack }),
      ...(open === true ? { open } : {}),
      ...(isSources(sources) ? { sources } : {}),
      ...(isHistory(earlier) ? { earlier } : {}),
    };
  } catch {
    return undefined;
  }
}

/** The names of the modules that earlier freezes linked in, and of which something is left. */
export function linkedBefore(module: Module): readonly string[] {
  const linked = (readProvenance(module)?.auxes ?? []).map(({ name }) => name);
  return [...new Set([...linked, ...auxExporters(module)])];
}

/** The module with a provenance section, in place of the one it had. */
export function withProvenance(module: Module, provenance: Provenance): Module {
  const bytes = new TextEncoder().encode(JSON.stringify(provenance));
  const custom: CustomSection = { name: PROVENANCE_SECTION, bytes, after: 11 };
  return { ...module, customs: [...module.customs.filter((one) => one.name !== PROVENANCE_SECTION), custom] };
}

/** The module without any. */
export function withoutProvenance(module: Module): Module {
  return { ...module, customs: module.customs.filter((one) => one.name !== PROVENANCE_SECTION) };
}

/** What this freeze and those before it linked in. */
export function provenanceOf(
  guest: Module,
  linked: Linked,
  version: string,
  { open, sources }: { readonly open: boolean; readonly sources?: Sources },
): Provenance {
  const before = readProvenance(guest);
  const earlier = (before?.auxes ?? []).flatMap((range): FunctionRange[] => {
    const first = linked.indexOf({ instance: 0, kind: 'func', index: range.first });
    return first === undefined ? [] : [{ ...range, first }];
  });
  const own = before?.guest ?? spaces(guest).funcs.length - spaces(guest).imported.func;
  const { stackLow: low, stackHigh: high } = layoutOf(guest);
  const stack =
    before === undefined && low !== undefined && high !== undefined ? { low, high } : before?.stack;
  const history = before === undefined ? [] : [historyOf(before), ...(before.earlier ?? [])];
  return {
    version,
    guest: own,
    auxes: [...earlier, ...linked.auxFunctions],
    ...(stack && { stack }),
    ...(open ? { open } : {}),
    ...(sources === undefined ? {} : { sources }),
    ...(history.length === 0 ? {} : { earlier: history }),
  };
}

function historyOf({ version, sources }: Provenance): { readonly version: string; readonly sha256?: string } {
  return { version, ...(sources?.input === undefined ? {} : { sha256: sources.input.sha256 }) };
}

/** What to warn of, where the guest was frozen by another version: its entries and hooks are taken as that made them. */
export function versionWarning(guest: Module, version: string): Warning | undefined {
  const before = readProvenance(guest);
  if (before === undefined || before.version === version) return undefined;
  return frozenByOther(before.version, version);
}

/** Digests that are under way while the guest runs. */
export interface InputDigests {
  readonly input: Promise<string | undefined>;
  readonly programs: Promise<Sources['programs']>;
  readonly others: Promise<NonNullable<Sources['others']>>;
}

export function digestInputs(bytes: Uint8Array | undefined, options: FreezeOptions): InputDigests {
  const programs = new Map(programsOf(options).map((program) => [program.name, program.bytes]));
  const all = {
    input: bytes === undefined ? Promise.resolve(undefined) : sha256(bytes),
    programs: Promise.all(
      [...programs].map(async ([name, content]) => ({ name: lastPart(name), sha256: await sha256(content) })),
    ),
    others: Promise.all(
      (options.otherInputs ?? []).map(async ({ kind, name, bytes: content }) => {
        return { kind, name: lastPart(name), sha256: await sha256(content) };
      }),
    ),
  };
  // A build that fails before does not wait for them.
  for (const one of Object.values(all)) one.catch(() => {});
  return all;
}

/** Every program that the guest is given, in order; one may come several times. */
export function programsOf(options: FreezeOptions): readonly { name: string; bytes: Uint8Array }[] {
  const workloads = [...(options.warmups ?? []), ...(options.entries ?? []).map((entry) => entry.workload)];
  return [
    ...(options.loads ?? []),
    ...workloads.flatMap((workload) => (workload.kind === 'program' ? [workload] : [])),
  ];
}

export async function sourcesOf(
  digests: InputDigests,
  size: number,
  modules: readonly Uint8Array[],
  facts: { readonly options: FreezeOptions; readonly randomBytes: number; readonly leaks: LeakReport },
): Promise<Sources> {
  const { options, leaks, randomBytes } = facts;
  const [input, others] = [await digests.input, await digests.others];
  const given = new Set((options.canaries ?? []).flatMap((one) => (one.given ? [one.name] : [])));
  const counts = leaks.found.flatMap(({ names, count }) => {
    // What is this machine's is for the report: it would make the bytes depend on the machine.
    const shown = names.filter((name) => name === 'random' || given.has(name));
    return shown.map((name) => [name, count] as const);
  });
  return {
    ...(input === undefined ? {} : { input: { size, sha256: input } }),
    programs: await digests.programs,
    ...(others.length === 0 ? {} : { others }),
    modules: { count: modules.length, sha256: await sha256OfList(modules) },
    options: chosen(options),
    randomBytes,
    leaks: Object.fromEntries(counts.sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

/** The options that say what the module does; those of the host are named by who made it. */
function chosen(options: FreezeOptions): Readonly<Record<string, unknown>> {
  const named = {
    loads: options.loads?.map(({ name }) => lastPart(name)),
    warmups: options.warmups?.map((one) => (one.kind === 'call' ? one : lastPart(one.name))),
    entries: options.entries?.map(({ name }) => name),
    stubs: options.stubs?.map(({ pattern, stub }) => [
      pattern,
      stub.kind === 'const' ? `${stub.value}` : stub.kind,
    ]),
    command: options.command,
    protocol: options.protocol,
    rounds: options.rounds,
    // What is so by default is false or nothing there.
    skipBadModules: options.skipBadModules || undefined,
    keepHostFunctions: options.keepHostFunctions || undefined,
    seal: options.seal,
    open: options.open || undefined,
    debug: options.debug || undefined,
    assume: options.assume,
    optimize: options.optimize,
    keep: options.keep,
    drop: options.drop,
    wipeStack: options.wipeStack,
    importState: options.importState,
    driverArgs: options.driverArgs?.length || undefined,
    driver: options.driver === undefined ? undefined : true,
    allowOpenFiles: options.allowOpenFiles,
    allowLeaks: options.allowLeaks,
    ...options.hostSummary,
  };
  return Object.fromEntries(
    Object.entries(named).filter(
      ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
    ),
  );
}

/** Without the folders of this machine. */
function lastPart(path: string): string {
  return path.replace(/^.*[/\\](?=.)/s, '');
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
