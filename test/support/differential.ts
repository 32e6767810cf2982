// The oracle is execution. A guest is frozen; the very instance that was frozen goes on living, and
// the frozen module is thawed beside it. Both are given the same calls, and must give the same
// results and traps, and hold the same state: memories, globals, tables, segments, bit for bit.
//
// State is compared through `capture`, which both go through, and functions by where the linker says
// that they are; that a function is the right one is seen by calling it, slot by slot.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after as afterAll } from 'node:test';
import { type Frozen, freeze } from '../../src/freeze.ts';
import { capture } from '../../src/host/capture.ts';
import { validate } from '../../src/host/engine.ts';
import { trapKind } from '../../src/host/engines/trap.ts';
import { Guest, type HostFactory } from '../../src/host/guest.ts';
import { createWasi, WasiExit } from '../../src/host/wasi/wasi.ts';
import { type Linked, link } from '../../src/link/link.ts';
import { stubBody } from '../../src/link/stub.ts';
import { DEFAULT_LIMITS, type FreezeOptions } from '../../src/options.ts';
import { type OptimizeLevel, optimize } from '../../src/seal/optimize.ts';
import { seal } from '../../src/seal/seal.ts';
import { heldBy, type InstanceState, type RefValue, type Snapshot } from '../../src/snapshot/state.ts';
import { stubbedImports } from '../../src/stubs.ts';
import { encode } from '../../src/wasm/encode.ts';
import { exportNamed, type Module, spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { FuncIdx, FuncType, TypeIdx, ValType } from '../../src/wasm/types.ts';
import { INDEX_KIND, walkBody } from '../../src/wasm/walk.ts';
import { closeEngines, type Engine, EngineError, enginesAtHand } from '../engines/engines.ts';
import { wat } from './wat.ts';

// A fuzzer is no test, and a hook would make it one.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) afterAll(closeEngines);

type Argument = number | bigint | null;
/** An export and its arguments. */
export type LaterCall = readonly [name: string, ...args: Argument[]];

export interface AuxText {
  readonly name: string;
  readonly text: string;
}

export interface Case {
  readonly guest: string | Uint8Array;
  /** Linked before the warm-up, as if the guest had handed them over. */
  readonly auxes?: readonly (string | Uint8Array | AuxText)[];
  readonly options?: FreezeOptions;
  /** Calls made on both sides after the snapshot. */
  readonly calls?: readonly LaterCall[];
  /** What is done to the generated functions of the sealed module that is compared too; default nothing. */
  readonly optimize?: OptimizeLevel;
  /** Runs the calls in the engines at hand too. Those without Wasm 3.0 are left out by `modern`. */
  readonly engines?: 'all' | 'modern';
}

export interface Compared {
  readonly frozen: Frozen;
  readonly guest: Module;
  /** The frozen module, parsed. */
  readonly output: Module;
  readonly linked: Linked;
  /** The instance that was frozen. */
  readonly live: Guest;
  /** What each later call gave: results in the words of test/engines, or a trap. */
  readonly results: readonly string[];
}

export const emptyHost: HostFactory = (compiled) => createWasi({}, compiled);

/** A host that gives these functions beside WASI. */
export function hostWith(
  module: string,
  functions: Readonly<Record<string, (...args: never[]) => unknown>>,
): HostFactory {
  return async (compiled) => {
    const wasi = await createWasi({}, compiled);
    return {
      imports: { ...wasi.imports, [module]: functions } as typeof wasi.imports,
      bind: (target) => {
        wasi.bind(target);
      },
      filesWritten: () => wasi.filesWritten(),
      openFiles: () => wasi.openFiles(),
      drawn: () => wasi.drawn(),
      draws: () => wasi.draws(),
    };
  };
}

/** Freezes, and keeps the instance that was frozen. */
export async function freezeAndKeep(one: Case): Promise<{ readonly frozen: Frozen; readonly live: Guest }> {
  const bytes = typeof one.guest === 'string' ? await wat(one.guest) : one.guest;
  const auxes = await Promise.all((one.auxes ?? []).map(assembled));
  const { start } = Guest;
  let live: Guest | undefined;
  Guest.start = async (options) => {
    live = await start.call(Guest, options);
    for (const aux of auxes) live.link(aux.bytes, aux.name);
    return live;
  };
  try {
    // Indices are compared, and sealing moves them; `differential` seals by itself.
    const frozen = await freeze(bytes, { seal: false, ...one.options });
    assert.ok(live);
    return { frozen, live };
  } finally {
    Guest.start = start;
  }
}

async function assembled(
  aux: string | Uint8Array | AuxText,
): Promise<{ readonly name: string | undefined; readonly bytes: Uint8Array }> {
  if (aux instanceof Uint8Array) return { name: undefined, bytes: aux };
  if (typeof aux === 'string') return { name: undefined, bytes: await wat(aux) };
  return { name: aux.name, bytes: await wat(aux.text) };
}

/** Thaws a frozen module in this process, in a host like the one it was frozen in. */
export function thaw(frozen: Uint8Array, host: HostFactory = emptyHost): Promise<Guest> {
  return Guest.start({
    module: parse(frozen),
    host,
    stubs: new Map(),
    limits: DEFAULT_LIMITS,
    skipBadModules: false,
  });
}

/** Freezes, thaws, calls, compares. Throws an AssertionError where live and frozen differ. */
export async function differential(one: Case): Promise<Compared> {
  const { frozen, live } = await freezeAndKeep(one);
  const linked = relink(live, one.options ?? {});
  const thawed = await thaw(frozen.bytes, one.options?.host);
  const output = parse(frozen.bytes);
  compareShape(live, linked, output);
  compareState(linked, live, thawed, 'after thawing');
  const calls = one.calls ?? [];
  const results = calls.map((call) => perform(live, call));
  assert.deepEqual(
    calls.map((call) => perform(thawed, call)),
    results,
    'results of the later calls',
  );
  compareState(linked, live, thawed, 'after the later calls');
  if (one.engines !== undefined) await compareEngines(frozen.bytes, calls, results, one.engines);
  await compareSealed(output, linked, one, results);
  compareSlots(linked, live, thawed);
  compareState(linked, live, thawed, 'after every slot was called');
  return { frozen, guest: live.module, output, linked, live, results };
}

/** Links again what `freeze` linked, to learn what is where. The live state must be what it was. */
function relink(live: Guest, options: FreezeOptions): Linked {
  const { module } = live;
  const { funcs, types, imports } = spaces(module);
  const stubs = new Map([...stubbedImports(module, options.stubs ?? [])]);
  imports.func.forEach((item, index) => {
    if (item.module === 'freeze' && item.name === 'link') stubs.set(index, { kind: 'nop' });
  });
  const bodies = [...stubs].map(([index, stub]) => {
    const comp = types[funcs[index] as TypeIdx]?.comp;
    assert.equal(comp?.kind, 'func');
    return [index, stubBody(stub, comp)] as const;
  });
  return link({
    guest: module,
    auxes: live.linker.auxes,
    held: heldBy(capture(live)),
    stubs: new Map(bodies),
  });
}

// ---- calls -------------------------------------------------------------------------------------

function typeOf(module: Module, index: number): FuncType {
  const { funcs, types } = spaces(module);
  const comp = types[funcs[index] as TypeIdx]?.comp;
  assert.equal(comp?.kind, 'func');
  return comp;
}

export function perform(guest: Guest, [name, ...args]: LaterCall): string {
  const item = exportNamed(guest.module, name, 'func');
  assert.ok(item, `there is no exported function ${name}`);
  const func = guest.instance.exports[name] as (...values: readonly Argument[]) => unknown;
  return outcome(func, args, typeOf(guest.module, item.index).results);
}

function outcome(
  func: (...values: readonly Argument[]) => unknown,
  args: readonly Argument[],
  types: readonly ValType[],
): string {
  let value: unknown;
  try {
    value = func(...args);
  } catch (error) {
    if (error instanceof WasiExit) return `exit: ${error.code}`;
    if (error instanceof WebAssembly.Exception) return 'trap: uncaught exception';
    const message = error instanceof Error ? error.message : String(error);
    // A stub that traps says so while the guest is live; its body is `unreachable`.
    return message.endsWith('--stub-import makes it trap')
      ? 'trap: unreachable'
      : `trap: ${trapKind(message)}`;
  }
  const values: readonly unknown[] = types.length === 1 ? [value] : ((value ?? []) as unknown[]);
  return types.map((type, i) => shown(type, values[i])).join(' ');
}

/** As test/engines shows it: integers in decimal, floats as their bits. */
function shown(type: ValType, value: unknown): string {
  const view = new DataView(new ArrayBuffer(8));
  if (type === 'f32') {
    view.setFloat32(0, value as number);
    return `0x${view.getUint32(0).toString(16).padStart(8, '0')}`;
  }
  if (type === 'f64') {
    view.setFloat64(0, value as number);
    return `0x${view.getBigUint64(0).toString(16).padStart(16, '0')}`;
  }
  if (type === 'i32' || type === 'i64') return String(value);
  return value === null ? 'null' : typeof value;
}

// ---- sealed ------------------------------------------------------------------------------------

/** What a call of a slot that cannot be called may say: sealed, some of them are `unreachable`. */
const SLOT_TRAPS = /trap: (indirect call|null reference|out of bounds table access|unreachable)/;

export function withoutSlotTraps(results: readonly string[]): readonly string[] {
  return results.map((result) => result.replace(SLOT_TRAPS, 'trap: indirect call'));
}

/** The frozen module sealed, without its tables and what only `freeze` calls, gives the same. */
async function compareSealed(
  output: Module,
  linked: Linked,
  one: Case,
  results: readonly string[],
): Promise<void> {
  const calls = one.calls ?? [];
  const dropped = output.exports.filter(
    ({ name, kind }) =>
      kind === 'table' || (name.startsWith('freeze_') && !calls.some(([called]) => called === name)),
  );
  const generated = linked.auxFunctions.flatMap(({ first, count }) =>
    Array.from({ length: count }, (_, i) => (first + i) as FuncIdx),
  );
  const { module } = await seal(output, {
    dropped,
    generated: new Set(generated),
    optimize: async (closed, funcs, slots) => {
      const level = one.optimize ?? 'none';
      const validated = (bytes: Uint8Array): Promise<void> => validate(bytes, 'the optimized code');
      return (await optimize(closed, funcs, { level, slots, validate: validated })).module;
    },
  });
  const thawed = await thaw(encode(module), one.options?.host);
  const sealed = calls.map((call) => perform(thawed, call));
  assert.deepEqual(withoutSlotTraps(sealed), withoutSlotTraps(results), 'results of the sealed module');
}

// ---- state -------------------------------------------------------------------------------------

/** What an importer sees: types and limits of memories, tables and globals. */
function compareShape(live: Guest, linked: Linked, output: Module): void {
  const all = spaces(output);
  for (const kind of ['mem', 'table', 'global'] as const) {
    linked.origin[kind].forEach(({ instance, index }, at) => {
      const module = instance === 0 ? live.module : live.linker.auxes[instance - 1]?.module;
      assert.ok(module);
      const before = spaces(module);
      if (kind === 'mem') assert.equal(all.mems[at]?.max, before.mems[index]?.max, `maximum of memory ${at}`);
      if (kind === 'table')
        assert.equal(all.tables[at]?.limits.max, before.tables[index]?.limits.max, `maximum of table ${at}`);
      if (kind === 'global')
        assert.equal(all.globals[at]?.mutable, before.globals[index]?.mutable, `mutability of global ${at}`);
    });
  }
  assert.equal(output.start, undefined);
}

function compareState(linked: Linked, live: Guest, thawed: Guest, when: string): void {
  const before = capture(live);
  const [after] = capture(thawed).instances;
  assert.ok(after);
  const place = (ref: RefValue): number | null => (ref === null ? null : (linked.indexOf(ref) ?? -1));
  linked.origin.mem.forEach(({ instance, index }, at) => {
    const was = before.instances[instance]?.memories.get(index);
    const is = after.memories.get(at);
    assert.ok(was && is, `memory ${at} ${when}`);
    assert.equal(is.pages, was.pages, `pages of memory ${at} ${when}`);
    const differ = firstDifference(was.bytes, is.bytes);
    assert.equal(differ, undefined, `memory ${at} differs at byte ${differ} ${when}`);
  });
  linked.origin.global.forEach(({ instance, index }, at) => {
    const was = before.instances[instance]?.globals.get(index);
    const is = after.globals.get(at);
    if (was?.kind === 'ref' && is?.kind === 'ref') {
      assert.equal(is.ref?.index ?? null, place(was.ref), `global ${at} ${when}`);
    } else {
      assert.deepEqual(is, was, `global ${at} ${when}`);
    }
  });
  linked.origin.table.forEach(({ instance, index }, at) => {
    const was = before.instances[instance]?.tables.get(index);
    const is = after.tables.get(at);
    assert.ok(was && is, `table ${at} ${when}`);
    assert.deepEqual(
      is.slots.map((slot) => slot?.index ?? null),
      was.slots.map(place),
      `table ${at} ${when}`,
    );
  });
  compareSegments(linked, live, before, thawed.module, after, when);
}

/** A segment's length now: 0 where it was dropped. One that no code names may have gone. */
function compareSegments(
  linked: Linked,
  live: Guest,
  before: Snapshot,
  output: Module,
  after: InstanceState,
  when: string,
): void {
  const modules = [live.module, ...live.linker.auxes.map((aux) => aux.module)];
  const was = before.instances.map((state, i) => segmentLengths(modules[i], state));
  const is = segmentLengths(output, after);
  const elems = named(output, 'elem');
  linked.elems.forEach(({ instance, index }, at) => {
    if (!elems.has(at)) return;
    assert.equal(is.elems[at], was[instance]?.elems[index], `element segment ${at} ${when}`);
  });
  const datas = named(output, 'data');
  linked.datas.forEach(({ instance, index }, at) => {
    if (!datas.has(at)) return;
    assert.equal(is.datas[at], was[instance]?.datas[index], `data segment ${at} ${when}`);
  });
}

/** The segments that code names, by a walk over all of it. */
function named(module: Module, kind: 'data' | 'elem'): ReadonlySet<number> {
  const found = new Set<number>();
  const index = (_: number, segment: number): void => {
    found.add(segment);
  };
  for (const body of module.codes) walkBody(body, { kinds: INDEX_KIND[kind], index });
  return found;
}

function segmentLengths(
  module: Module | undefined,
  { droppedElems, droppedDatas }: InstanceState,
): { readonly elems: readonly number[]; readonly datas: readonly number[] } {
  const elems = module?.elems.map(({ items }, index) => {
    if (droppedElems.has(index)) return 0;
    return items.kind === 'funcs' ? items.funcs.length : items.exprs.length;
  });
  const datas = module?.datas.map(({ bytes }, index) => (droppedDatas.has(index) ? 0 : bytes.length));
  return { elems: elems ?? [], datas: datas ?? [] };
}

function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  if (Buffer.compare(a, b) === 0) return undefined;
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? Math.min(a.length, b.length) : at;
}

/** More than any test fills; a table of thousands would only repeat itself. */
const MOST_SLOTS = 64;

interface AnyTable {
  readonly length: number | bigint;
  get(index: number | bigint): unknown;
}

/** Calls what is in the tables, slot by slot, in both. */
function compareSlots(linked: Linked, live: Guest, thawed: Guest): void {
  linked.origin.table.forEach(({ instance, index }, at) => {
    const owner = instance === 0 ? live : live.linker.auxes[instance - 1];
    // JavaScript cannot look into such a table.
    if (owner === undefined || owner.instance.exports[owner.probes.tableIsNull(index)] !== undefined) return;
    const was = owner.instance.exports[owner.probes.table(index)] as unknown as AnyTable;
    const is = thawed.instance.exports[thawed.probes.table(at)] as unknown as AnyTable;
    for (let slot = 0; slot < Math.min(Number(was.length), MOST_SLOTS); slot++) {
      const key = typeof was.length === 'bigint' ? BigInt(slot) : slot;
      const [before, after] = [was.get(key), is.get(key)];
      if (typeof before !== 'function' || typeof after !== 'function') continue;
      const entity = thawed.registry.of(after);
      assert.ok(entity);
      const { params, results } = typeOf(thawed.module, entity.index);
      const args = params.map((type) => (type === 'i64' ? 3n : typeof type === 'string' ? 3 : null));
      const call = (func: unknown): string =>
        outcome(func as (...values: readonly Argument[]) => unknown, args, results);
      assert.equal(call(after), call(before), `what slot ${slot} of table ${at} does`);
    }
  });
}

// ---- engines -----------------------------------------------------------------------------------

async function compareEngines(
  frozen: Uint8Array,
  calls: readonly LaterCall[],
  expected: readonly string[],
  which: 'all' | 'modern',
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-differential-'));
  const path = join(folder, 'frozen.wasm');
  writeFileSync(path, frozen);
  try {
    for (const engine of await enginesAtHand()) {
      if (which === 'modern' && engine.name === 'node20') continue;
      assert.deepEqual(await runIn(engine, path, calls), expected, `results in ${engine.name}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runIn(engine: Engine, path: string, calls: readonly LaterCall[]): Promise<readonly string[]> {
  try {
    const invoke = calls.map(([name, ...args]) => ({ name, args: args.map((arg) => arg ?? 0) }));
    const { results } = await engine.run(path, { invoke, keepGoing: true });
    return results.map((row) => row.join(' '));
  } catch (error) {
    if (error instanceof EngineError) return [error.message];
    throw error;
  }
}
