// Decoder and relocator: mutated and truncated real modules. Bytes are refused with an error of ours that says
// where, or are a module on which we and the engine agree: written anew, instrumented, and with every index
// moved it is as valid as it was.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FreezeError, MalformedError } from '../../src/errors/classes.ts';
import { instrument } from '../../src/link/instrument.ts';
import { checkCode } from '../../src/wasm/check.ts';
import { encode } from '../../src/wasm/encode.ts';
import { featuresUsed } from '../../src/wasm/features.ts';
import type { Module } from '../../src/wasm/module.ts';
import { parse, readSections } from '../../src/wasm/parse.ts';
import { root } from '../engines/places.ts';
import { allModules, loadSuite } from '../spec/suite.ts';
import { needs } from '../support/features.ts';
import { Random } from '../support/random-modules.ts';
import { reduce } from '../support/reduce.ts';
import { shifted } from '../wasm/shift.ts';
import type { Fuzzer, Subject } from './fuzzer.ts';

const SEVERAL_MEMORIES = needs('multi-memory').skip === false;

export const decoder: Fuzzer = {
  name: 'decoder',
  make: async (seed) => ({ bytes: await mutated(new Random(seed)) }),
  check: async ({ bytes }) => checkBytes(bytes),
  reduce: smaller,
};

// ---- subjects ----------------------------------------------------------------------------------

/** Larger ones take a second each. */
const MOST_BYTES = 700_000;
/** Small modules are where a mutation hits something; a large one is for what only large ones have. */
const SMALL_BYTES = 20_000;
const LARGE_PERCENT = 1;
/** Cuts of each large module: eight functions each, from places all over it. */
const CUTS = 24;
const CUT_FUNCTIONS = 8;
const CUT_DATA = 64;

interface Seeds {
  readonly small: readonly Uint8Array[];
  readonly large: readonly Uint8Array[];
}
let seeds: Promise<Seeds> | undefined;

/** Guests and fixtures of our own, what was found once, real modules and the spec suite where they are at hand. */
async function seedModules(): Promise<Seeds> {
  const folders = ['guests', 'test/host', 'test/fuzz/corpus', '.cache/real-modules'];
  const all = folders
    .flatMap((folder) => modulesIn(join(root, folder)))
    .filter((one) => one.length < MOST_BYTES);
  const large = all.filter((one) => one.length >= SMALL_BYTES);
  const suite = await loadSuite();
  const specified = suite === undefined ? [] : [...allModules(suite)].filter(({ kind }) => kind === 'valid');
  const small = [
    ...all.filter((one) => one.length < SMALL_BYTES),
    ...specified.map(({ bytes }) => bytes).filter((one) => one.length < SMALL_BYTES),
  ];
  // As many cuts of large modules as small modules, so that both are seen.
  const cuts = large.flatMap((one) => Array.from({ length: CUTS }, (_, i) => cut(one, i / CUTS)));
  const turns = Math.max(1, Math.floor(small.length / Math.max(1, cuts.length)));
  return { small: [...small, ...Array.from({ length: turns }, () => cuts).flat()], large };
}

function modulesIn(folder: string): readonly Uint8Array[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.wasm'))
    .sort()
    .map((file) => new Uint8Array(readFileSync(join(folder, file))));
}

async function mutated(random: Random): Promise<Uint8Array> {
  seeds ??= seedModules();
  const { small, large } = await seeds;
  let bytes = random.pick(random.chance(LARGE_PERCENT) && large.length > 0 ? large : small);
  for (let times = random.below(4); times >= 0; times--) bytes = mutate(random, bytes);
  return bytes;
}

/** A large module with few of its functions, the others trap, and the beginnings of its data. */
function cut(bytes: Uint8Array, where: number): Uint8Array {
  const module = parse(bytes);
  const first = Math.floor(where * module.codes.length);
  const [trap] = parse(TRAPS).codes;
  if (trap === undefined) throw new TypeError('there is no body');
  const codes = module.codes.map((code, i) => (i >= first && i < first + CUT_FUNCTIONS ? code : trap));
  const datas = module.datas.map((data) => ({ ...data, bytes: data.bytes.subarray(0, CUT_DATA) }));
  return encode({ ...module, codes, datas, customs: [] });
}

/** (module (func unreachable)) */
const TRAPS = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 5, 1, 3, 0, 0, 0x0b],
);

/** Bytes that mean something where they stand: opcodes, prefixes, types, edges of LEBs. */
const TELLING = [
  0, 1, 2, 0x0b, 0x3f, 0x40, 0x41, 0x60, 0x63, 0x64, 0x6f, 0x70, 0x7f, 0x80, 0xfb, 0xfc, 0xfd, 0xff,
] as const;

function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  // A place anywhere, or near the start of a section's contents, where its size and counts are.
  const place = (): number => {
    if (bytes.length === 0 || random.chance(60)) return random.below(bytes.length + 1);
    return Math.min(bytes.length, random.pick(sectionStarts(bytes)) + random.below(12));
  };
  const at = place();
  const spliced = (from: number, to: number, put: readonly number[] | Uint8Array): Uint8Array =>
    Uint8Array.from([...bytes.subarray(0, from), ...put, ...bytes.subarray(to)]);
  switch (random.below(8)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return spliced(at, at + 1, [(bytes[at] ?? 0) ^ (1 << random.below(8))]);
    case 2:
      return spliced(at, at + 1, [random.pick(TELLING)]);
    case 3:
      return spliced(at, at, [random.pick(TELLING)]);
    case 4:
      return spliced(at, at + 1 + random.below(4), []);
    case 5: {
      const from = place();
      return spliced(at, at, bytes.subarray(from, from + random.below(32)));
    }
    case 6:
      return spliced(at, at + 5, [0xff, 0xff, 0xff, 0xff, random.pick([0x07, 0x0f, 0x7f, 0xff])]);
    default:
      return swapped(random, bytes);
  }
}

function sectionStarts(bytes: Uint8Array): readonly number[] {
  try {
    return [8, ...readSections(bytes).map(({ at }) => at)];
  } catch {
    return [8];
  }
}

/** Two sections change places, or one stands twice. */
function swapped(random: Random, bytes: Uint8Array): Uint8Array {
  const starts = [...sectionStarts(bytes), bytes.length];
  const i = random.below(Math.max(1, starts.length - 1));
  const section = bytes.subarray(starts[i], starts[i + 1]);
  const to = random.pick(starts);
  return Uint8Array.from([...bytes.subarray(0, to), ...section, ...bytes.subarray(to)]);
}

// ---- the check ---------------------------------------------------------------------------------

function valid(bytes: Uint8Array): boolean {
  return WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>);
}

/** An error of ours, with a place inside the bytes. Throws what is none. */
function refusal(error: unknown, bytes: Uint8Array): FreezeError {
  if (!(error instanceof FreezeError)) throw error;
  if (error instanceof MalformedError) {
    assert.ok(error.offset >= 0 && error.offset <= bytes.length, `offset ${error.offset} of ${bytes.length}`);
  } else {
    assert.equal(error.code, 'component');
  }
  return error;
}

function checkBytes(bytes: Uint8Array): boolean {
  const taken = valid(bytes);
  let module: Module;
  try {
    module = parse(bytes);
    checkCode(module);
  } catch (error) {
    const { message } = refusal(error, bytes);
    assert.equal(taken, false, `the engine takes what we refuse: ${message}`);
    return true;
  }
  featuresUsed(module);
  assert.equal(valid(encode(module, { fresh: true })), taken, 'written anew, it is as valid as it was');
  if (!taken) return true;
  assert.ok(
    valid(encode(instrument(module, { importedFunctions: true }).module)),
    'instrumented, it is valid',
  );
  if (isSmall(module)) {
    for (const fillers of FILLERS)
      for (const keepWidth of [false, true])
        assert.ok(
          valid(encode(shifted(module, SEVERAL_MEMORIES, keepWidth, fillers))),
          'with all indices moved, it is valid',
        );
  }
  return true;
}

/** Indices from 64 on take two bytes where they are read as signed, from 128 on everywhere. */
const FILLERS = [64, 130] as const;

/** Fillers make a module larger than engines allow where it is near that already. */
function isSmall({ mems, tables, imports, exports }: Module): boolean {
  return mems.length < 90 && tables.length < 50_000 && imports.length < 50_000 && exports.length < 50_000;
}

// ---- making it smaller -------------------------------------------------------------------------

async function smaller(subject: Subject, wrong: (subject: Subject) => Promise<boolean>): Promise<Subject> {
  let { bytes } = subject;
  const still = (one: Uint8Array): Promise<boolean> => wrong({ bytes: one });
  try {
    // Only a module can be taken apart by its parts.
    bytes = await reduce(bytes, still, { valid: () => true, attempts: 500 });
  } catch {
    // What does not parse is cut byte by byte.
  }
  for (let size = Math.floor(bytes.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at + size <= bytes.length; ) {
      const without = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + size)]);
      if (await still(without)) bytes = without;
      else at += size;
    }
  }
  return { bytes };
}
