/**
 * Whether something of the machine stands in a frozen module: values that should not be there
 * (environment, arguments, paths, names) and random bytes that were served are searched for in
 * everything that was written from the warmed-up guest, its memories, its globals, its passive data
 * and custom sections. A value itself is told to nobody: reports and logs travel further than modules.
 */
import { leaked } from '../errors/check.ts';
import { valueInModule, type Warning } from '../errors/warning.ts';
import type { Pattern } from '../glob.ts';
import type { RandomDraw } from '../host/wasi/types.ts';
import { constantAddress } from '../snapshot/layout.ts';
import { readExpr } from '../wasm/instructions.ts';
import { type Global, type Module, spaces } from '../wasm/module.ts';
import { type Region, regionsOf } from './memory/regions.ts';
import { type MemorySymbol, symbolsOf } from './memory/symbols.ts';
import { Search } from './search.ts';

/** A value that is looked for. */
export interface Canary {
  /** What reports and `allow` call it: `env:HOME`, `arg:1`, `path`, `user`. */
  readonly name: string;
  readonly value: string;
  /** What keeps it out of the module. */
  readonly remedy: string;
  /** Whether it is one of the build's inputs; the others are this machine's. */
  readonly given: boolean;
}

/** Where a value stands. */
export interface LeakPlace {
  /** Of an active segment: the memory, and the address in it. */
  readonly memory?: number;
  /** In the memory, or from the start of the section or passive segment. */
  readonly address: number;
  /** What is there, in the words of `freeze inspect --memory`: `data .rodata`, `stack`, `heap`; or `global 3`. */
  readonly region: string;
  /** The variable that is there, where the guest has DWARF. */
  readonly symbol?: string;
  /** Of random bytes: the guest's functions that drew them, the innermost first. */
  readonly drawnBy?: readonly string[];
}

export interface Leak {
  /** Values that are the same have several names. */
  readonly names: readonly string[];
  /** How often it stands there. */
  readonly count: number;
  /** The first of its places. */
  readonly places: readonly LeakPlace[];
  readonly remedy: string;
  /** Whether one of its names is allowed. */
  readonly allowed: boolean;
}

/** `many`: of random bytes, more was drawn than is kept to look for. */
export type SkipReason = 'short' | 'in the input' | 'many';

export interface LeakReport {
  /** How many values were looked for, those of random bytes included. */
  readonly searched: number;
  /** Values that were not looked for, or that cannot be told from what was given. */
  readonly skipped: readonly { readonly name: string; readonly why: SkipReason }[];
  readonly found: readonly Leak[];
}

/** The name of random bytes, in reports and for `allow`. */
export const RANDOM_LEAK = 'random';

/** A shorter value stands in every module by chance. */
const SHORTEST = 4;
/** A value shorter than this counts only as a word of its own: "alice", and not in "malice". */
const SHORTEST_INSIDE = 8;
/** Random bytes are found in pieces of this size: a guest may keep a part of what it drew, a word of 64 bits say. */
const PIECE = 8;
const MOST_PLACES = 8;

const REMEDY_RANDOM =
  'draw after the snapshot (freeze_after_restore), or overwrite what was drawn in freeze_before_snapshot';

const NOTHING: Uint8Array = new Uint8Array(0);

interface Needle {
  /** Without the zeros it begins and ends with: those at the ends of a run are not written out. */
  readonly bytes: Uint8Array;
  /** Which canary; undefined for random bytes. */
  readonly canary: Canary | undefined;
  /** Who drew them, of random bytes. */
  readonly drawnBy?: readonly string[];
  /** Bytes of a character, where the needle must be a word; 0 where it need not. */
  readonly word: 0 | 1 | 2;
}

export interface LeakQuestion {
  readonly canaries: readonly Canary[];
  readonly draws: readonly RandomDraw[];
  /** How many bytes were drawn in all: not every draw may have been kept. */
  readonly drawn: number;
  readonly allowed: Pattern;
  /** The guest as it was given, and the programs: what stands in them is no leak of this build. */
  readonly guest: Module;
  readonly programs: readonly Uint8Array[];
}

/** Searches a baked module. */
export function findLeaks(module: Module, question: LeakQuestion): LeakReport {
  const { canaries, draws, drawn, guest } = question;
  const long = canaries.filter(({ value }) => isTelling(value));
  const skipped = new Map<string, SkipReason>();
  for (const { name, value } of canaries) if (!isTelling(value)) skipped.set(name, 'short');

  const pieces = draws.map(piecesOf);
  const kept = draws.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (kept < drawn) skipped.set(RANDOM_LEAK, 'many');
  else if (pieces.some((some) => some.length === 0)) skipped.set(RANDOM_LEAK, 'short');
  const needles = [...long.flatMap(needlesOf), ...pieces.flat()];
  // A snapshot may have a hundred thousand segments: not a look at each for nothing.
  if (needles.length === 0)
    return { searched: long.length + draws.length, skipped: skippedOf(skipped), found: [] };
  // Sections that are the input's own, untouched, can have nothing new in them.
  const own = new Set(guest.customs.map(({ bytes }) => bytes));
  const hits = searched(
    areasOf(module).map((bytes) => (own.has(bytes) ? NOTHING : bytes)),
    needles,
  );
  // Only now, and only for what was found: most builds find nothing.
  const inputs = [...areasOf(guest), ...question.programs];
  const suspects = needles.filter((needle) => needle.canary !== undefined && hits.has(needle));
  for (const known of searched(inputs, suspects).keys()) {
    if (known.canary !== undefined) skipped.set(known.canary.name, 'in the input');
  }

  const places = new Places(module, guest);
  const found = new Map<string, { readonly canaries: readonly Canary[]; readonly areas: Found[] }>();
  for (const [needle, areas] of hits) {
    const { canary } = needle;
    if (canary !== undefined && skipped.has(canary.name)) continue;
    const key = canary?.value ?? '';
    const known = found.get(key);
    if (known !== undefined) {
      for (const area of areas) known.areas.push(area);
      continue;
    }
    const same = canary === undefined ? [] : long.filter(({ value }) => value === canary.value);
    found.set(key, { canaries: same, areas: [...areas] });
  }
  return {
    searched: long.length + draws.length,
    skipped: skippedOf(skipped),
    found: [...found.values()].map((one) => leakOf(one, places, question.allowed)),
  };
}

function skippedOf(skipped: ReadonlyMap<string, SkipReason>): LeakReport['skipped'] {
  return [...skipped].map(([name, why]) => ({ name, why }));
}

/** Places and names that a warning shows; the report has more. */
const MOST_SHOWN = 3;
const MOST_DRAWERS = 2;

/** A leak as a warning. Never the value: a log travels further than a module. */
export function leakWarning({ names, count, places, remedy }: Leak): Warning {
  const shown = places.slice(0, MOST_SHOWN).map(placeText);
  const more = count > shown.length ? `, and ${count - shown.length} more` : '';
  return valueInModule(nameText(names), `${shown.join(', ')}${more}`, remedy);
}

function nameText(names: readonly string[]): string {
  return `${names.slice(0, MOST_SHOWN).join(', ')}${names.length > MOST_SHOWN ? ', …' : ''}`;
}

function placeText({ memory, address, region, symbol, drawnBy }: LeakPlace): string {
  const what = [region, ...(symbol === undefined ? [] : [symbol]), ...drawers(drawnBy)].join(', ');
  const place = `0x${address.toString(16)} (${what})`;
  return memory === undefined || memory === 0 ? place : `${place} of memory ${memory}`;
}

/** Throws a CheckError where there is a leak that is not allowed, or random bytes that were not looked for. */
export function refuseLeaks({ found, skipped }: LeakReport, allowed: Pattern): void {
  const bad = found.filter((leak) => !leak.allowed);
  const what = bad.map(({ names, places }) => `${nameText(names)} at ${places.slice(0, 1).map(placeText)}`);
  const unknown =
    skipped.some(({ name, why }) => name === RANDOM_LEAK && why === 'many') && !allowed(RANDOM_LEAK);
  const more = unknown ? [`${RANDOM_LEAK}, of which more was drawn than is looked for`] : [];
  if (what.length + more.length > 0)
    throw leaked([...what, ...more], [...new Set(bad.map(({ remedy }) => remedy))]);
}

/** The innermost functions: what a libc calls its wrapper, and who called that. */
function drawers(stack: readonly string[] | undefined): readonly string[] {
  if (stack === undefined || stack.length === 0) return [];
  return [`drawn by ${stack.slice(0, MOST_DRAWERS).join(' < ')}`];
}

/** Whether finding a value would mean anything: digits alone, as in SHLVL=1000, are everywhere. */
function isTelling(value: string): boolean {
  return value.length >= (/^\d+$/.test(value) ? SHORTEST_INSIDE : SHORTEST);
}

/** As UTF-8, and as engines for JavaScript and .NET keep strings: in UTF-16. */
function needlesOf(canary: Canary, at: number, all: readonly Canary[]): readonly Needle[] {
  if (all.findIndex(({ value }) => value === canary.value) !== at) return [];
  const { value } = canary;
  const short = value.length < SHORTEST_INSIDE;
  const wide = new Uint8Array(value.length * 2);
  for (let i = 0; i < value.length; i++) {
    wide[i * 2] = value.charCodeAt(i) & 0xff;
    wide[i * 2 + 1] = value.charCodeAt(i) >> 8;
  }
  return [
    { bytes: new TextEncoder().encode(value), canary, word: short ? 1 : 0 },
    { bytes: withoutZeros(wide), canary, word: short ? 2 : 0 },
  ];
}

function piecesOf({ bytes, stack: drawnBy }: RandomDraw): readonly Needle[] {
  const needles: Needle[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) {
    // The last piece is as long as the others, so that it is not found by chance.
    const start = Math.max(0, Math.min(at, bytes.length - PIECE));
    const piece = withoutZeros(bytes.subarray(start, start + PIECE));
    if (piece.length >= SHORTEST) needles.push({ bytes: piece, canary: undefined, drawnBy, word: 0 });
  }
  return needles;
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const last = bytes.findLastIndex((byte) => byte !== 0);
  return first < 0 ? bytes.subarray(0, 0) : bytes.subarray(first, last + 1);
}

interface Found {
  /** Which of the areas, by its place in their order. */
  readonly area: number;
  readonly at: number;
  readonly length: number;
  readonly drawnBy: readonly string[] | undefined;
}

function searched(areas: readonly Uint8Array[], needles: readonly Needle[]): Map<Needle, Found[]> {
  const hits = new Map<Needle, Found[]>();
  // The shortest needle of a search says how many bytes it can pass over: the few short ones go alone.
  for (const short of [true, false]) {
    const some = needles.filter(({ bytes }) => bytes.length < SHORTEST_INSIDE - 1 === short);
    const search = new Search(some.map(({ bytes }) => bytes));
    // An image has a hundred thousand areas: nothing is made for one but where something is found.
    let area = 0;
    let bytes = NOTHING;
    const hit = (which: number, at: number): void => {
      const needle = some[which] as Needle;
      const { length } = needle.bytes;
      if (needle.word !== 0 && !isWord(bytes, at, at + length, needle.word)) return;
      const found = hits.get(needle) ?? [];
      found.push({ area, at, length, drawnBy: needle.drawnBy });
      hits.set(needle, found);
    };
    for (area = 0; area < areas.length; area++) {
      bytes = areas[area] ?? NOTHING;
      search.in(bytes, hit);
    }
  }
  return hits;
}

function isWord(bytes: Uint8Array, start: number, end: number, width: 1 | 2): boolean {
  // Of the last wide character the upper byte, a zero, is not in the needle.
  return !isLetter(bytes, start - width, width) && !isLetter(bytes, end + width - 1, width);
}

/** ASCII letters, digits and `_`. */
function isLetter(bytes: Uint8Array, at: number, width: 1 | 2): boolean {
  const code = bytes[at];
  if (code === undefined || (width === 2 && bytes[at + 1] !== 0)) return false;
  return /\w/.test(String.fromCharCode(code));
}

/**
 * What a snapshot writes: data, in memories or passive, globals, and custom sections, for names come from guests
 * too.
 */
function areasOf({ datas, globals, customs }: Module): readonly Uint8Array[] {
  return [
    ...datas.map(({ bytes }) => bytes),
    ...globals.map(bytesOfGlobal),
    ...customs.map(({ bytes }) => bytes),
  ];
}

/** The value of a global that is an integer, as it would stand in memory. */
function bytesOfGlobal({ init }: Global): Uint8Array {
  const [first] = readExpr(init);
  const value = first?.operands[0];
  const view = new DataView(new ArrayBuffer(8));
  if (first?.row.name === 'i64.const' && typeof value === 'bigint') view.setBigInt64(0, value, true);
  else if (first?.row.name === 'i32.const' && typeof value === 'number') view.setInt32(0, value, true);
  else return NOTHING;
  return new Uint8Array(view.buffer, 0, first.row.name === 'i64.const' ? 8 : 4);
}

function leakOf(
  { canaries, areas }: { readonly canaries: readonly Canary[]; readonly areas: readonly Found[] },
  where: Places,
  allowed: Pattern,
): Leak {
  const names = canaries.length === 0 ? [RANDOM_LEAK] : [...new Set(canaries.map(({ name }) => name))];
  const runs = joined(areas);
  return {
    names,
    count: runs.length,
    places: runs.slice(0, MOST_PLACES).map((run) => where.of(run)),
    remedy: canaries[0]?.remedy ?? REMEDY_RANDOM,
    allowed: names.some(allowed),
  };
}

/** Pieces that touch are one, if one function drew them: random bytes were cut in pieces only for the search. */
function joined(areas: readonly Found[]): readonly Found[] {
  const sorted = areas.toSorted((a, b) => a.area - b.area || a.at - b.at);
  const runs: Found[] = [];
  for (const next of sorted) {
    const last = runs.at(-1);
    // The zeros that a piece begins or ends with are not in the needle.
    const gap = next.drawnBy === undefined ? 0 : PIECE;
    const touches = last !== undefined && last.area === next.area && next.at <= last.at + last.length + gap;
    if (touches && sameStack(last.drawnBy, next.drawnBy)) {
      const end = Math.max(last.at + last.length, next.at + next.length);
      runs[runs.length - 1] = { ...last, length: end - last.at };
    } else {
      runs.push(next);
    }
  }
  return runs;
}

function sameStack(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  // Those of one draw are one array.
  return a === b || a?.join('\n') === b?.join('\n');
}

/** Where an area goes, and what is there: asked only for what is found. */
class Places {
  readonly #module: Module;
  readonly #guest: Module;
  #regions: readonly Region[] | undefined;
  #symbols: readonly MemorySymbol[] | undefined;

  constructor(module: Module, guest: Module) {
    this.#module = module;
    this.#guest = guest;
  }

  of({ area, at, drawnBy }: Found): LeakPlace {
    const { datas, globals, customs } = this.#module;
    const drawn = drawnBy === undefined ? {} : { drawnBy };
    const data = datas[area];
    if (data === undefined) {
      const global = area - datas.length;
      const index = spaces(this.#module).imported.global + global;
      const custom = customs[global - globals.length]?.name ?? '';
      const region = global < globals.length ? `global ${index}` : `custom section ${custom}`;
      return { address: at, region, ...drawn };
    }
    const { mode } = data;
    const start = mode.kind === 'active' ? constantAddress(mode.offset) : undefined;
    if (mode.kind !== 'active' || start === undefined)
      return { address: at, region: `data segment ${area}`, ...drawn };
    return { memory: mode.mem, address: start + at, ...this.#inMemory(mode.mem, start + at), ...drawn };
  }

  /** By the layout of the first memory, and the variables of DWARF. */
  #inMemory(memory: number, address: number): Pick<LeakPlace, 'region' | 'symbol'> {
    if (memory !== 0) return { region: 'memory' };
    this.#regions ??= regionsOf(this.#guest, undefined, Number.POSITIVE_INFINITY);
    this.#symbols ??= symbolsOf(this.#guest);
    const holds = ({ start, end }: Region): boolean => start <= address && address < end;
    const symbol = this.#symbols.find(holds)?.name;
    return {
      region: this.#regions.find(holds)?.name ?? 'memory',
      ...(symbol === undefined ? {} : { symbol }),
    };
  }
}
