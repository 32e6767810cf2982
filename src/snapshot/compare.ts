/**
 * Comparing: the state of a guest and of its auxiliary modules against that of the module that was
 * made of them. Both are snapshots; where an entity is now, the linker says, and where it moved when the
 * module was sealed, the maps of that. What went is not compared; a slot of a table is null where its function went,
 * and those that nothing can tell from null may be missing at the end.
 */
import { namedSegments } from '../link/code-search.ts';
import type { EntityRef } from '../link/entity.ts';
import type { Linked } from '../link/link.ts';
import { GONE, type Maps, relocateExpr } from '../link/relocate.ts';
import { spanBytes } from '../wasm/encode.ts';
import { type ConstExpr, type Global, type Module, spaces } from '../wasm/module.ts';
import type { IndexName } from '../wasm/walk.ts';
import { globalInit } from './bake.ts';
import type { GlobalState, InstanceState, RefValue, Snapshot } from './state.ts';

/** Where two states part: the place, and what is there on either side. */
export interface StateDifference {
  readonly place: string;
  readonly live: string;
  readonly frozen: string;
}

export interface Compared {
  readonly linked: Linked;
  /** Where what was linked has moved to. */
  readonly maps: Maps;
  /** The guest's module, then those of the auxiliary modules. */
  readonly modules: readonly Module[];
  readonly live: Snapshot;
  /** The frozen module, and the state of an instance of it. */
  readonly output: Module;
  readonly frozen: InstanceState;
}

/** All differences: of a memory the first byte that differs, and how many do. */
export function compareStates(compared: Compared): readonly StateDifference[] {
  return [
    ...compareMemories(compared),
    ...compareGlobals(compared),
    ...compareTables(compared),
    ...compareSegments(compared),
  ];
}

/** Where an entity is in the frozen module; undefined where it went. */
function now({ maps }: Compared, kind: IndexName, index: number): number | undefined {
  const to = maps[kind] === undefined ? index : maps[kind][index];
  return to === GONE ? undefined : to;
}

function compareMemories(compared: Compared): readonly StateDifference[] {
  const { linked, live, frozen } = compared;
  return linked.origin.mem.flatMap(({ instance, index }, before) => {
    const at = now(compared, 'mem', before);
    if (at === undefined) return [];
    const was = live.instances[instance]?.memories.get(index);
    const is = frozen.memories.get(at);
    const place = `memory ${at}`;
    if (was === undefined || is === undefined) return missing(place, was, is);
    if (was.pages !== is.pages)
      return [{ place: `pages of ${place}`, live: `${was.pages}`, frozen: `${is.pages}` }];
    const { first, count } = bytesThatDiffer(was.bytes, is.bytes);
    if (count === 0) return [];
    const byte = (bytes: Uint8Array): string => hex(BigInt(bytes[first] ?? 0), 2);
    const more = count === 1 ? '' : `, the first of ${count} bytes`;
    return [
      { place: `${place} at 0x${first.toString(16)}${more}`, live: byte(was.bytes), frozen: byte(is.bytes) },
    ];
  });
}

/** Memories are of whole pages, so words do; two views of one length start at the start of their buffers. */
function bytesThatDiffer(a: Uint8Array, b: Uint8Array): { readonly first: number; readonly count: number } {
  const words = (bytes: Uint8Array): BigUint64Array =>
    new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / BigUint64Array.BYTES_PER_ELEMENT);
  const [left, right] = [words(a), words(b)];
  let first = -1;
  let count = 0;
  for (let word = 0; word < left.length; word++) {
    if (left[word] === right[word]) continue;
    for (let at = word * 8; at < word * 8 + 8; at++) {
      if (a[at] === b[at]) continue;
      if (first < 0) first = at;
      count++;
    }
  }
  return { first, count };
}

function compareGlobals(compared: Compared): readonly StateDifference[] {
  const { linked, live, frozen } = compared;
  return linked.origin.global.flatMap(({ instance, index }, before) => {
    const at = now(compared, 'global', before);
    if (at === undefined) return [];
    const was = live.instances[instance]?.globals.get(index);
    const is = frozen.globals.get(at);
    const place = `global ${at}`;
    if (is === undefined) return compareInitializer(compared, before, at, place, was);
    if (was === undefined) return missing(place, was, is);
    const [expected, actual] = [showLive(compared, was), showGlobal(is)];
    return expected === actual ? [] : [{ place, live: expected, frozen: actual }];
  });
}

/**
 * What is immutable has no state: it starts as its initializer says, which nothing rewrites. It may
 * have become so where no code is left that writes it; then it starts as what it was.
 */
function compareInitializer(
  { linked, maps, output }: Compared,
  before: number,
  at: number,
  place: string,
  state: GlobalState | undefined,
): readonly StateDifference[] {
  const globalOf = (module: Module, index: number): Global | undefined =>
    module.globals[index - spaces(module).imported.global];
  const show = (init: ConstExpr | undefined): string =>
    init === undefined
      ? 'not there'
      : `initializer ${[...spanBytes(init)].map((byte) => hex(BigInt(byte), 2)).join(' ')}`;
  const global = globalOf(linked.module, before);
  const was = global && state !== undefined ? globalInit(linked, global.type, state) : global?.init;
  const [expected, actual] = [show(was && relocateExpr(was, maps)), show(globalOf(output, at)?.init)];
  return expected === actual ? [] : [{ place, live: expected, frozen: actual }];
}

function showLive(compared: Compared, state: GlobalState): string {
  return state.kind === 'ref' ? showRef(placed(compared, state.ref)) : showGlobal(state);
}

function showGlobal(state: GlobalState): string {
  return state.kind === 'ref' ? showRef(state.ref) : hex(state.bits, 1);
}

/** Where a reference leads to. */
type Place = Pick<EntityRef, 'kind' | 'index'>;

/** Where that is in the output: null for null and for what went, undefined where the linker left it out. */
function placed(compared: Compared, ref: RefValue): Place | null | undefined {
  if (ref === null) return null;
  const index = compared.linked.indexOf(ref);
  if (index === undefined) return undefined;
  const to = now(compared, ref.kind, index);
  return to === undefined ? null : { kind: ref.kind, index: to };
}

function showRef(place: Place | null | undefined): string {
  if (place === null) return 'null';
  if (place === undefined) return 'a function that was not linked';
  return place.kind === 'func' ? `function ${place.index}` : `what global ${place.index} was given`;
}

function compareTables(compared: Compared): readonly StateDifference[] {
  const { linked, maps, live, frozen } = compared;
  const sealed = Object.keys(maps).length > 0;
  return linked.origin.table.flatMap(({ instance, index }, before) => {
    const at = now(compared, 'table', before);
    if (at === undefined) return [];
    const was = live.instances[instance]?.tables.get(index);
    const is = frozen.tables.get(at);
    const place = `table ${at}`;
    if (was === undefined || is === undefined) return missing(place, was, is);
    const fits = was.slots.length === is.slots.length || (sealed && is.slots.length < was.slots.length);
    if (!fits)
      return [{ place: `length of ${place}`, live: `${was.slots.length}`, frozen: `${is.slots.length}` }];
    return was.slots.flatMap((slot, i) => {
      const [expected, actual] = [showRef(placed(compared, slot)), showRef(is.slots[i] ?? null)];
      return expected === actual ? [] : [{ place: `slot ${i} of ${place}`, live: expected, frozen: actual }];
    });
  });
}

/** A segment's length now: 0 where it was dropped. Of one that no code names nobody can tell, and it may have gone. */
function compareSegments(compared: Compared): readonly StateDifference[] {
  const { linked, modules, live, output, frozen } = compared;
  const elems = linked.elems.flatMap(({ instance, index }, before) => {
    const at = now(compared, 'elem', before);
    if (at === undefined) return [];
    const was = elemLength(modules[instance], live.instances[instance], index);
    return lengths('element', at, was, elemLength(output, frozen, at));
  });
  const datas = linked.datas.flatMap(({ instance, index }, before) => {
    const at = now(compared, 'data', before);
    if (at === undefined) return [];
    const was = dataLength(modules[instance], live.instances[instance], index);
    return lengths('data', at, was, dataLength(output, frozen, at));
  });
  return [...namedOf(elems, output, 'elem'), ...namedOf(datas, output, 'data')];
}

interface SegmentDifference extends StateDifference {
  readonly at: number;
}

/** Code is searched only where there is a difference. */
function namedOf(
  found: readonly SegmentDifference[],
  { codes }: Module,
  kind: 'elem' | 'data',
): readonly StateDifference[] {
  if (found.length === 0) return [];
  const named = namedSegments(codes, kind);
  return found.flatMap(({ at, ...difference }) => (named.has(at) ? [difference] : []));
}

function lengths(kind: string, at: number, live: number, frozen: number): readonly SegmentDifference[] {
  if (live === frozen) return [];
  return [{ at, place: `length of ${kind} segment ${at}`, live: `${live}`, frozen: `${frozen}` }];
}

function elemLength(module: Module | undefined, state: InstanceState | undefined, index: number): number {
  const items = module?.elems[index]?.items;
  if (items === undefined || state?.droppedElems.has(index) !== false) return 0;
  return items.kind === 'funcs' ? items.funcs.length : items.exprs.length;
}

function dataLength(module: Module | undefined, state: InstanceState | undefined, index: number): number {
  return state?.droppedDatas.has(index) === false ? (module?.datas[index]?.bytes.length ?? 0) : 0;
}

function missing(place: string, live: unknown, frozen: unknown): readonly StateDifference[] {
  const there = (state: unknown): string => (state === undefined ? 'not there' : 'there');
  return [{ place, live: there(live), frozen: there(frozen) }];
}

function hex(bits: bigint, digits: number): string {
  return `0x${bits.toString(16).padStart(digits, '0')}`;
}
