/**
 * The list of passes. From here one sees what `freeze` does to a module, in order, and what holds
 * from each step on; how a step does it stands in the file that has its name.
 */
import { capture } from './host/capture.ts';
import { validate } from './host/engine.ts';
import {
  Guest,
  type GuestOptions,
  type HostFactory,
  type LinkEvent,
  PUSH_IMPORT,
  type WasmValue,
} from './host/guest.ts';
import { LINK_STATUS, type LiveLimits } from './host/live.ts';
import { createWasi } from './host/wasi/wasi.ts';
import { addEntries, type Entry } from './link/entries.ts';
import { type Kept, type Linked, link } from './link/link.ts';
import { type Stub, stubBody } from './link/stub.ts';
import { type ProtocolName, protocolFor } from './protocols/detect.ts';
import { bringUp, DEFAULT_DRIVER_TIMEOUT_MS, DRIVER, type Driver } from './protocols/driver.ts';
import type { Call, Program, Protocol } from './protocols/protocol.ts';
import { provenanceOf, withProvenance } from './report/provenance.ts';
import {
  type ModuleReport,
  type PassReport,
  REPORT_SCHEMA,
  type Report,
  type RoundReport,
} from './report/report.ts';
import { bake } from './snapshot/bake.ts';
import { heldBy } from './snapshot/state.ts';
import { VERSION } from './version.ts';
import { encode } from './wasm/encode.ts';
import { badArguments, clashingEntry, noSuchImport, unknownCommand, unknownExport } from './wasm/errors.ts';
import type { Op } from './wasm/instructions.ts';
import { type Body, exportNamed, type Module, spaces } from './wasm/module.ts';
import { parse } from './wasm/parse.ts';
import { type FuncIdx, type FuncType, showType, type TypeIdx, type ValType } from './wasm/types.ts';

/** What a warm-up feeds the guest: a program, or a call of an export with arguments as text. */
export type Workload =
  | ({ readonly kind: 'program' } & Program)
  | { readonly kind: 'call'; readonly export: string; readonly args: readonly string[] };

export interface EntryOption {
  /** The name of the exported function. */
  readonly name: string;
  readonly workload: Workload;
}

export interface StubOption {
  /** `MODULE.NAME`, where `*` stands for any characters. */
  readonly pattern: string;
  readonly stub: Stub;
}

/** What happens, while it happens. */
export type Progress =
  | { readonly kind: 'pass'; readonly pass: string }
  | { readonly kind: 'workload'; readonly label: string; readonly round: number }
  | { readonly kind: 'module'; readonly name: string; readonly size: number; readonly error?: string };

export interface FreezeOptions {
  /** Programs that the guest loads and keeps, in order. */
  readonly loads?: readonly Program[];
  /** What each round of the warm-up runs, in order. Programs are loaded first. */
  readonly warmups?: readonly Workload[];
  /** Functions that the output exports beside the guest's. */
  readonly entries?: readonly EntryOption[];
  /** The name of the entry that is `_start` in the output. */
  readonly command?: string;
  /** Drives the guest by this protocol, whatever its exports tell. */
  readonly protocol?: ProtocolName;
  /** The most rounds of warm-up; default {@link DEFAULT_ROUNDS}. It ends when one brings no new code. */
  readonly rounds?: number;
  /** Imports that become functions of the module; the first pattern that fits counts. */
  readonly stubs?: readonly StubOption[];
  /** Leaves out auxiliary modules that cannot be linked, where otherwise the first one is an error. */
  readonly skipBadModules?: boolean;
  readonly limits?: LiveLimits;
  /** Makes the guest's WASI host; default one in memory in which there is nothing. */
  readonly host?: HostFactory;
  readonly onProgress?: (event: Progress) => void;
  /** Brings the guest up and warms it, as its own JavaScript does: see docs/drivers.md. */
  readonly driver?: Driver;
  readonly driverArgs?: readonly string[];
  /** The longest that the driver may take; default {@link DEFAULT_DRIVER_TIMEOUT_MS}. */
  readonly driverTimeoutMs?: number;
  /** Keeps JavaScript functions that auxiliary modules import as imports of the output, by their own names. */
  readonly keepHostFunctions?: boolean;
}

export interface Frozen {
  /** The frozen module. */
  readonly bytes: Uint8Array;
  readonly report: Report;
}

/** Most guests are quiet after two rounds; one that never is must not keep a build for ever. */
export const DEFAULT_ROUNDS = 16;

/** More than any guest known: a million functions in modules of one, and 256 MiB of code. */
export const DEFAULT_LIMITS: LiveLimits = { modules: 1_000_000, bytes: 256 * 1024 * 1024 };

const emptyHost: HostFactory = (compiled) => createWasi({}, compiled);

/**
 * Freezes a guest: `bytes` is a core module in the binary format, the result one that starts where
 * the warmed-up guest stopped, with the code that it generated inside.
 *
 * Throws a MalformedError for bytes that are no module, an UnsupportedError for state that no
 * module can hold, a LinkError for a bad auxiliary module, a GuestError for what the guest did, a
 * UsageError for options that do not fit the guest.
 */
export function freeze(bytes: Uint8Array, options: FreezeOptions = {}): Promise<Frozen> {
  return freezeGuest(bytes, options);
}

/**
 * Freezes a guest that only its own JavaScript can bring up: the driver runs it and hands it over.
 * The module is the one of the instance that `freeze.guest` is given.
 */
export function freezeDriven(driver: Driver, options: Omit<FreezeOptions, 'driver'> = {}): Promise<Frozen> {
  return freezeGuest(undefined, { ...options, driver });
}

async function freezeGuest(bytes: Uint8Array | undefined, options: FreezeOptions): Promise<Frozen> {
  const run = new Run(options);

  // Sections are views; bodies stay bytes.
  const given = bytes && run.pass('parse', () => parse(bytes));
  if (given !== undefined) checkEntries(given, options);

  // The guest runs, instrumented: every piece of its state can be reached from outside.
  const guest = await run.passAsync('thaw', () => run.start(given, bytes));
  const { module } = guest;
  const stubs = new Map(stubbedImports(module, options.stubs ?? []));
  // What its JavaScript linked to other modules is no import of the host's.
  for (const func of guest.links.forwards?.keys() ?? []) stubs.delete(func);
  const protocol = protocolOf(guest, options);

  // From here on the guest has made all the code that it will, and each module of it is linked live.
  const calls = run.pass('warm up', () => run.warmUp(guest, protocol));

  // Plain values from here on; no engine below this line, but to validate.
  const snapshot = run.pass('capture', () => capture(guest));

  // One module: the guest's indices are what they were, the auxiliary ones are mapped.
  const linked = run.pass('link', () =>
    link({
      guest: module,
      auxes: guest.linker.auxes,
      held: heldBy(snapshot),
      stubs: stubBodies(module, stubs),
      ...guest.links,
    }),
  );

  // The world is one module: what instantiation makes is what the warmed-up guest had.
  const baked = run.pass('bake', () => bake(linked, snapshot));
  const entries = entryFunctions(module, linked, options.entries ?? [], calls, protocol);
  const finished = run.pass('entries', () =>
    addEntries(baked.module, {
      entries,
      command: options.command,
      afterRestore: hookFunction(module, linked, protocol),
    }),
  );
  const output = run.pass('encode', () =>
    encode(withProvenance(finished, provenanceOf(module, linked, VERSION))),
  );

  // It validates, or nothing is given back.
  await run.passAsync('check', () => validate(output, 'the frozen module'));
  return {
    bytes: output,
    report: run.report({
      module,
      finished,
      linked,
      protocol,
      guest,
      size: [bytes?.length ?? guest.size, output.length],
      snapshot: baked.stats,
      stubs,
      entries,
    }),
  };
}

/** A run's options, and what the report will say of it. */
class Run {
  readonly #options: FreezeOptions;
  readonly #passes: PassReport[] = [];
  readonly #rounds: RoundReport[] = [];
  readonly #modules: ModuleReport[] = [];
  readonly #warnings: string[] = [];
  #round = 1;

  constructor(options: FreezeOptions) {
    this.#options = options;
  }

  pass<T>(name: string, work: () => T): T {
    this.#options.onProgress?.({ kind: 'pass', pass: name });
    const start = performance.now();
    const result = work();
    this.#passes.push({ pass: name, ms: performance.now() - start });
    return result;
  }

  async passAsync<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#options.onProgress?.({ kind: 'pass', pass: name });
    const start = performance.now();
    const result = await work();
    this.#passes.push({ pass: name, ms: performance.now() - start });
    return result;
  }

  async start(module: Module | undefined, bytes: Uint8Array | undefined): Promise<Guest> {
    const { host = emptyHost, driver, stubs = [] } = this.#options;
    const common = {
      limits: this.#options.limits ?? DEFAULT_LIMITS,
      skipBadModules: this.#options.skipBadModules === true,
      onLink: (event: LinkEvent) => {
        this.#linked(event);
      },
    };
    if (driver !== undefined) return await this.#drive(driver, bytes, common);
    if (module === undefined) throw new TypeError('there is neither a module nor a driver');
    const guest = await Guest.start({ ...common, module, host, stubs: stubbedImports(module, stubs) });
    if (exportNamed(module, '_initialize', 'func') !== undefined)
      guest.call('_initialize', [], 'in _initialize');
    return guest;
  }

  /** Its driver initializes it: what `_initialize` does was done, or was not wanted. */
  async #drive(
    driver: Driver,
    wasm: Uint8Array | undefined,
    common: Pick<GuestOptions, 'limits' | 'skipBadModules' | 'onLink'>,
  ): Promise<Guest> {
    const { driverArgs = [], driverTimeoutMs = DEFAULT_DRIVER_TIMEOUT_MS, keepHostFunctions } = this.#options;
    const driven = await bringUp(driver, {
      ...common,
      args: driverArgs,
      wasm,
      keepHostFunctions: keepHostFunctions === true,
      timeoutMs: driverTimeoutMs,
    });
    for (const { name, made, trapped } of driven.instances) {
      const status = trapped === undefined ? LINK_STATUS.ok : LINK_STATUS.trapped;
      this.#linked({ name, size: made.bytes.length, outcome: { status, error: trapped } });
    }
    checkEntries(driven.module, this.#options, driven.kept);
    return Guest.driven({ ...common, stubs: new Map() }, driven);
  }

  #linked({ name, size, outcome }: LinkEvent): void {
    const shown = name ?? `module ${this.#modules.length + 1}`;
    const error = outcome.error?.message;
    this.#modules.push({
      name: shown,
      size,
      round: this.#round,
      linked: error === undefined,
      ...(error === undefined ? {} : { error }),
    });
    if (error !== undefined) this.#warnings.push(`left out: ${error}`);
    this.#options.onProgress?.({
      kind: 'module',
      name: shown,
      size,
      ...(error === undefined ? {} : { error }),
    });
  }

  /** Loads every program once, then runs the warm-ups until a round brings no new code. */
  warmUp(guest: Guest, protocol: Protocol): ReadonlyMap<Workload, Call> {
    const { loads = [], warmups = [], entries = [], rounds = DEFAULT_ROUNDS } = this.#options;
    const loaded = new Map<string, Call>();
    const load = (program: Program): Call => {
      const known = loaded.get(program.name);
      if (known !== undefined) return known;
      this.#options.onProgress?.({ kind: 'workload', label: program.name, round: 0 });
      const call = protocol.load(guest, program);
      loaded.set(program.name, call);
      return call;
    };
    for (const program of loads) load(program);
    const calls = new Map<Workload, Call>();
    for (const workload of [...warmups, ...entries.map((entry) => entry.workload)]) {
      calls.set(workload, workload.kind === 'program' ? load(workload) : exportCall(guest.module, workload));
    }
    const warm = warmups.map((workload) => calls.get(workload) as Call);
    this.#quiet(guest, protocol, warm, rounds);
    protocol.beforeSnapshot(guest);
    return calls;
  }

  #quiet(guest: Guest, protocol: Protocol, warm: readonly Call[], rounds: number): void {
    for (this.#round = 1; this.#round <= rounds; this.#round++) {
      const start = performance.now();
      const before = this.#modules.length;
      for (const call of warm) {
        this.#options.onProgress?.({ kind: 'workload', label: call.label, round: this.#round });
        protocol.run(guest, call);
      }
      protocol.collect(guest);
      const handed = this.#modules.slice(before);
      const size = handed.reduce((sum, module) => sum + module.size, 0);
      this.#rounds.push({ modules: handed.length, size, ms: performance.now() - start });
      // A module that cannot be linked is no new code: a guest that offers it again must not go on.
      if (!handed.some((module) => module.linked)) return;
    }
    if (this.#options.rounds === undefined) {
      this.#warnings.push(`the guest still made new code in round ${rounds}; --rounds allows more`);
    }
  }

  report(facts: {
    readonly module: Module;
    readonly finished: Module;
    readonly linked: Linked;
    readonly protocol: Protocol;
    readonly guest: Guest;
    readonly size: readonly [input: number, output: number];
    readonly snapshot: Report['snapshot'];
    readonly stubs: ReadonlyMap<number, Stub>;
    readonly entries: readonly Entry[];
  }): Report {
    const { module, finished, guest } = facts;
    const named = spaces(module).imports.func;
    return {
      schema: REPORT_SCHEMA,
      version: VERSION,
      protocol: facts.protocol.name,
      input: { size: facts.size[0], functions: module.codes.length },
      output: {
        size: facts.size[1],
        functions: finished.codes.length,
        imports: finished.imports.map((item) => `${item.module}.${item.name}`),
      },
      rounds: this.#rounds,
      modules: this.#modules,
      linked: facts.linked.stats,
      snapshot: facts.snapshot,
      entries: facts.entries.map((entry) => entry.name),
      stubbed: [...facts.stubs.keys()].map((index) => `${named[index]?.module}.${named[index]?.name}`),
      filesWritten: guest.wasi.filesWritten(),
      randomBytes: guest.wasi.drawn(),
      passes: this.#passes,
      warnings: this.#warnings,
    };
  }
}

// ---- stubs -------------------------------------------------------------------------------------

function matcher(pattern: string): RegExp {
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}

/** Imported functions that a pattern names, by funcidx. A pattern that names none is a mistake. */
export function stubbedImports(module: Module, options: readonly StubOption[]): ReadonlyMap<number, Stub> {
  const imports = spaces(module).imports.func.map((item) => `${item.module}.${item.name}`);
  const stubs = new Map<number, Stub>();
  for (const { pattern, stub } of options) {
    const fits = matcher(pattern);
    if (!imports.some((name) => fits.test(name))) throw noSuchImport(pattern, imports);
    imports.forEach((name, index) => {
      if (fits.test(name) && !stubs.has(index)) stubs.set(index, stub);
    });
  }
  return stubs;
}

/** The code that takes the place of imports: stubs, and the push import, which answers that nobody links. */
function stubBodies(module: Module, stubs: ReadonlyMap<number, Stub>): ReadonlyMap<number, Body> {
  const { funcs, types, imports } = spaces(module);
  const bodies = new Map<number, Body>();
  imports.func.forEach((item, index) => {
    const push = item.module === PUSH_IMPORT.module && item.name === PUSH_IMPORT.name;
    const stub: Stub | undefined =
      stubs.get(index) ?? (push ? { kind: 'const', value: UNAVAILABLE } : undefined);
    const comp = types[funcs[index] as TypeIdx]?.comp;
    if (stub !== undefined && comp?.kind === 'func') bodies.set(index, stubBody(stub, comp));
  });
  return bodies;
}

/** FREEZE_UNAVAILABLE of include/freeze.h. */
const UNAVAILABLE = 1n;

// ---- calls and entries -------------------------------------------------------------------------

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

function entryFunctions(
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

function hookFunction(module: Module, linked: Linked, protocol: Protocol): FuncIdx | undefined {
  return protocol.afterRestore === undefined
    ? undefined
    : linkedFunction(module, linked, protocol.afterRestore);
}

/** How the guest is driven from here on: one that a driver has brought up speaks a protocol only where its exports say so. */
function protocolOf(guest: Guest, options: FreezeOptions): Protocol {
  const protocol = protocolFor(guest, options.protocol);
  return options.driver !== undefined && protocol.name === 'plain' ? DRIVER : protocol;
}

/** Names that cannot be: checked before anything runs, and again with those that a driver gives. */
function checkEntries(module: Module, options: FreezeOptions, kept: readonly Kept[] = []): void {
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
