/**
 * Whether something of the machine stands in a frozen module: values that should not be there
 * (environment, arguments, paths, names) and random bytes that were served are searched for in
 * everything that was written from the warmed-up guest, its memories, its passive data and custom
 * sections. A value itself is told to nobody: reports and logs travel further than modules.
 */
import { valueInModule, type Warning } from '../errors/warning.ts';
import type { Pattern } from '../glob.ts';
import type { RandomDraw } from '../host/wasi/types.ts';
import { constantAddress } from '../snapshot/layout.ts';
import { type Data, type Module, spaces } from '../wasm/module.ts';
import { moduleNames } from '../wasm/names.ts';
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
  /** What is there: `data segment .rodata`, `stack`, `heap`, `custom section name`. */
  readonly region: string;
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

export interface LeakReport {
  /** How many values were looked for, those of random bytes included. */
  readonly searched: number;
  /** Values that were not looked for, or that cannot be told from what was given. */
  readonly skipped: readonly { readonly name: string; readonly why: 'short' | 'in the input' }[];
  readonly found: readonly Leak[];
}

/** The name of random bytes, in reports and for `allow`. */
export const RANDOM_LEAK = 'random';

/** A shorter value stands in every module by chance. */
const SHORTEST = 4;
/** A value shorter than this counts only as a word of its own: "alice", and not in "malice". */
const SHORTEST_INSIDE = 8;
/** Random bytes are found in pieces of this size: a guest may keep a part of what it drew. */
const PIECE = 16;
const MOST_PLACES = 8;

const REMEDY_RANDOM =
  'draw after the snapshot (freeze_after_restore), or overwrite what was drawn in freeze_before_snapshot';

interface Needle {
  /** Without the zeros it begins and ends with: those at the ends of a run are not written out. */
  readonly bytes: Uint8Array;
  /** Which canary; undefined for random bytes. */
  readonly canary: Canary | undefined;
  /** Bytes of a character, where the needle must be a word; 0 where it need not. */
  readonly word: 0 | 1 | 2;
}

/** A stretch of the module. Where it goes is asked only for what is found: images have thousands. */
interface Area {
  /** Its place in the order of the module. */
  readonly nth: number;
  readonly bytes: Uint8Array;
  /** A data segment and its index, or a custom section's name. */
  readonly data?: readonly [Data, number];
  readonly custom?: string;
}

export interface LeakQuestion {
  readonly canaries: readonly Canary[];
  readonly draws: readonly RandomDraw[];
  readonly allowed: Pattern;
  /** The guest as it was given, and the programs: what stands in them is no leak of this build. */
  readonly guest: Module;
  readonly programs: readonly Uint8Array[];
}

/** Searches a baked module. */
export function findLeaks(module: Module, question: LeakQuestion): LeakReport {
  const { canaries, draws, guest } = question;
  const long = canaries.filter(({ value }) => isTelling(value));
  const skipped = new Map<string, 'short' | 'in the input'>();
  for (const { name, value } of canaries) if (!isTelling(value)) skipped.set(name, 'short');

  const needles = [...long.flatMap(needlesOf), ...draws.flatMap(piecesOf)];
  // Sections that are the input's own, untouched, can have nothing new in them.
  const own = new Set(guest.customs.map(({ bytes }) => bytes));
  const hits = searched(
    areasOf(module).filter(({ bytes }) => !own.has(bytes)),
    needles,
  );
  // Only now, and only for what was found: most builds find nothing.
  const inputs = [...areasOf(guest), ...question.programs.map((bytes, nth) => ({ nth, bytes }))];
  const suspects = needles.filter((needle) => needle.canary !== undefined && hits.has(needle));
  for (const known of searched(inputs, suspects).keys()) {
    if (known.canary !== undefined) skipped.set(known.canary.name, 'in the input');
  }

  const regions = new Regions(guest);
  const found = new Map<string, { canaries: readonly Canary[]; areas: readonly Found[] }>();
  for (const [needle, areas] of hits) {
    const { canary } = needle;
    if (canary !== undefined && skipped.has(canary.name)) continue;
    const same = canary === undefined ? [] : long.filter(({ value }) => value === canary.value);
    const key = canary?.value ?? '';
    const before = found.get(key)?.areas ?? [];
    found.set(key, { canaries: same, areas: [...before, ...areas] });
  }
  return {
    searched: long.length + draws.length,
    skipped: [...skipped].map(([name, why]) => ({ name, why })),
    found: [...found.values()].map((one) => leakOf(one, regions, question.allowed)),
  };
}

/** Places and names that a warning shows; the report has more. */
const MOST_SHOWN = 3;

/** A leak as a warning. Never the value: a log travels further than a module. */
export function leakWarning({ names, count, places, remedy }: Leak): Warning {
  const shown = places.slice(0, MOST_SHOWN).map(({ memory, address, region }) => {
    const place = `0x${address.toString(16)} (${region})`;
    return memory === undefined || memory === 0 ? place : `${place} of memory ${memory}`;
  });
  const more = count > shown.length ? `, and ${count - shown.length} more` : '';
  const also = names.length > MOST_SHOWN ? ', …' : '';
  const name = `${names.slice(0, MOST_SHOWN).join(', ')}${also}`;
  return valueInModule(name, `${shown.join(', ')}${more}`, remedy);
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

function piecesOf({ bytes }: RandomDraw): readonly Needle[] {
  const needles: Needle[] = [];
  for (let at = 0; at < bytes.length; at += PIECE) {
    // The last piece is as long as the others, so that it is not found by chance.
    const start = Math.max(0, Math.min(at, bytes.length - PIECE));
    const piece = withoutZeros(bytes.subarray(start, start + PIECE));
    if (piece.length >= SHORTEST) needles.push({ bytes: piece, canary: undefined, word: 0 });
  }
  return needles;
}

function withoutZeros(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const last = bytes.findLastIndex((byte) => byte !== 0);
  return first < 0 ? bytes.subarray(0, 0) : bytes.subarray(first, last + 1);
}

interface Found {
  readonly area: Area;
  readonly at: number;
  readonly length: number;
}

function searched(areas: readonly Area[], needles: readonly Needle[]): Map<Needle, Found[]> {
  const hits = new Map<Needle, Found[]>();
  // The shortest needle of a search says how many bytes it can pass over: the few short ones go alone.
  for (const short of [true, false]) {
    const some = needles.filter(({ bytes }) => bytes.length < SHORTEST_INSIDE - 1 === short);
    const search = new Search(some.map(({ bytes }) => bytes));
    for (const area of areas) {
      search.in(area.bytes, (which, at) => {
        const needle = some[which] as Needle;
        const { length } = needle.bytes;
        if (needle.word !== 0 && !isWord(area.bytes, at, at + length, needle.word)) return;
        const places = hits.get(needle) ?? [];
        places.push({ area, at, length });
        hits.set(needle, places);
      });
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

/** What a snapshot writes: data, in memories or passive, and custom sections, for names come from guests too. */
function areasOf(module: Module): readonly Area[] {
  const datas = module.datas.map((data, nth): Area => ({ nth, bytes: data.bytes, data: [data, nth] }));
  const customs = module.customs.map(
    ({ name, bytes }, i): Area => ({ nth: datas.length + i, bytes, custom: name }),
  );
  return [...datas, ...customs];
}

function placeOf({ area, at }: Found, regions: Regions): LeakPlace {
  if (area.data === undefined) return { address: at, region: `custom section ${area.custom ?? ''}` };
  const [{ mode }, index] = area.data;
  const start = mode.kind === 'active' ? constantAddress(mode.offset) : undefined;
  if (mode.kind !== 'active' || start === undefined) return { address: at, region: `data segment ${index}` };
  return { memory: mode.mem, address: start + at, region: regions.of(mode.mem, start + at) };
}

function leakOf(
  { canaries, areas }: { readonly canaries: readonly Canary[]; readonly areas: readonly Found[] },
  regions: Regions,
  allowed: Pattern,
): Leak {
  const names = canaries.length === 0 ? [RANDOM_LEAK] : canaries.map(({ name }) => name);
  const runs = joined(areas);
  return {
    names,
    count: runs.length,
    places: runs.slice(0, MOST_PLACES).map((run) => placeOf(run, regions)),
    remedy: canaries[0]?.remedy ?? REMEDY_RANDOM,
    allowed: names.some(allowed),
  };
}

/** Pieces that touch are one: random bytes were cut in pieces only for the search. */
function joined(areas: readonly Found[]): readonly Found[] {
  const sorted = areas.toSorted((a, b) => a.area.nth - b.area.nth || a.at - b.at);
  const runs: Found[] = [];
  for (const next of sorted) {
    const last = runs.at(-1);
    if (last !== undefined && last.area === next.area && next.at <= last.at + last.length) {
      const end = Math.max(last.at + last.length, next.at + next.length);
      runs[runs.length - 1] = { ...last, length: end - last.at };
    } else {
      runs.push(next);
    }
  }
  return runs;
}

/**
 * What an address of a memory is, by the guest's data segments and the layout of LLVM's linker: the
 * stack is below the first segment or behind the last, and ends where the stack pointer starts.
 */
class Regions {
  readonly #guest: Module;
  #named: readonly { start: number; end: number; name: string }[] | undefined;
  #stackTop = 0;

  constructor(guest: Module) {
    this.#guest = guest;
  }

  of(memory: number, address: number): string {
    if (memory !== 0) return 'memory';
    const named = this.#segments();
    const inside = named.find(({ start, end }) => start <= address && address < end);
    if (inside !== undefined) return inside.name;
    const first = Math.min(...named.map(({ start }) => start));
    const last = Math.max(0, ...named.map(({ end }) => end));
    if (this.#stackTop > 0 && address < this.#stackTop && (address < first || address >= last))
      return 'stack';
    return address >= last ? 'behind the data segments: heap or zeroed data' : 'between the data segments';
  }

  /** Found out at the first leak: names are many, and leaks few. */
  #segments(): readonly { start: number; end: number; name: string }[] {
    if (this.#named !== undefined) return this.#named;
    const names = moduleNames(this.#guest);
    this.#stackTop = stackTop(this.#guest, names.global);
    this.#named = this.#guest.datas.flatMap((data: Data, index) => {
      if (data.mode.kind !== 'active' || data.mode.mem !== 0) return [];
      const start = constantAddress(data.mode.offset);
      if (start === undefined) return [];
      const name = `data segment ${names.data.get(index) ?? index}`;
      return [{ start, end: start + data.bytes.length, name }];
    });
    return this.#named;
  }
}

/** Where the stack pointer starts; 0 where no global has its name. */
function stackTop(guest: Module, names: ReadonlyMap<number, string>): number {
  const index = [...names].find(([, name]) => name === '__stack_pointer')?.[0];
  const global = index === undefined ? undefined : guest.globals[index - spaces(guest).imported.global];
  return global === undefined ? 0 : (constantAddress(global.init) ?? 0);
}
