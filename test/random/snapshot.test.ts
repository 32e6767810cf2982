// Random modules of Binaryen's fuzzer through a snapshot; see snapshot.ts.
//
//     npm run fuzz:snapshot -- 5000          so many of them
//     npm run fuzz:snapshot -- 1 1234567     that one
//
// A module that fails is reduced and kept in test/random/corpus, which is run first, always.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { repoRoot } from '../spec/suite.ts';
import { HAS_EVERYTHING } from '../support/features.ts';
import { Random } from '../support/random-modules.ts';
import { reduce } from '../support/reduce.ts';
import { fuzzModule, type WasmOpt, wasmOpt } from '../support/wasm-opt.ts';
import { type Outcome, throughSnapshot } from './snapshot.ts';

const COUNT = Number(process.env['FREEZE_RANDOM'] ?? 2000);
const SEED = Number(process.env['FREEZE_SEED'] ?? 20_260_201);
const CORPUS = join(repoRoot(), 'test', 'random', 'corpus');

const FEATURES = [
  'bulk-memory',
  'bulk-memory-opt',
  'reference-types',
  'simd',
  'multivalue',
  'sign-ext',
  'nontrapping-float-to-int',
  'mutable-globals',
  'tail-call',
];
/** What only newer engines have: a part of the modules each. */
const NEWER = ['multimemory', 'memory64', 'gc', 'extended-const', 'relaxed-simd', 'exception-handling'];

function featuresFor(random: Random): readonly string[] {
  const newer = HAS_EVERYTHING ? NEWER.filter(() => random.chance(40)) : [];
  // Two kinds of exceptions in one module are what no engine takes.
  return [...[...FEATURES, ...newer].map((name) => `--enable-${name}`), '--emit-exnref'];
}

/** The bytes that Binaryen's fuzzer makes its choices by. */
function choices(random: Random): Uint8Array {
  return Uint8Array.from({ length: 200 + random.below(3000) }, () => random.below(256));
}

function randomModule(tool: WasmOpt, seed: number): Uint8Array {
  const random = new Random(seed);
  return fuzzModule(tool, choices(random), featuresFor(random));
}

/** What goes wrong with a module, if anything does. */
async function failure(bytes: Uint8Array, seed: number): Promise<unknown> {
  try {
    await throughSnapshot(bytes, seed);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Which mistake it is: the first line of what is said of it, whatever the numbers in it. */
function mistake(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0]?.replace(/\d+/g, 'N') ?? '';
}

/** What went wrong, with where the reduced module is now: one that goes wrong in the same way. */
async function kept(bytes: Uint8Array, seed: number, error: unknown): Promise<Error> {
  const same = async (one: Uint8Array): Promise<boolean> => {
    const found = await failure(one, seed);
    return found !== undefined && mistake(found) === mistake(error);
  };
  const small = await reduce(bytes, same, { attempts: 500 });
  mkdirSync(CORPUS, { recursive: true });
  const path = join(CORPUS, `${seed}.wasm`);
  writeFileSync(path, small);
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new Error(`seed ${seed}, reduced from ${bytes.length} to ${small.length} bytes in ${path}: ${told}`);
}

const corpus = existsSync(CORPUS) ? readdirSync(CORPUS).filter((file) => file.endsWith('.wasm')) : [];
for (const file of corpus) {
  it(`a module that went wrong once, ${file}`, async () => {
    const outcome = await throughSnapshot(readFileSync(join(CORPUS, file)), Number.parseInt(file, 10));
    assert.ok(outcome.kind);
  });
}

it('a module does not depend on those that were made before it', () => {
  const [fresh, used] = [wasmOpt(1), wasmOpt()];
  for (let seed = SEED; seed < SEED + 10; seed++) {
    const [one, other] = [fresh, used].map((tool) => randomModule(tool, seed));
    assert.deepEqual(one, other, `seed ${seed}`);
  }
});

it(`${COUNT} modules of Binaryen's fuzzer are the same through a snapshot`, async () => {
  const tool = wasmOpt();
  const outcomes = new Map<string, number>();
  let calls = 0;
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const bytes = randomModule(tool, seed);
    let outcome: Outcome;
    try {
      outcome = await throughSnapshot(bytes, seed);
    } catch (error) {
      throw await kept(bytes, seed, error);
    }
    const key = outcome.kind === 'same' ? 'same' : Object.values(outcome).join(': ');
    outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
    if (outcome.kind === 'same') calls += outcome.calls;
  }
  const told = [...outcomes].map(([what, count]) => `${count} ${what}`).join(', ');
  console.log(`${COUNT} modules: ${told}; ${calls} calls`);
  // Most of them must get so far, or this tests nothing.
  assert.ok((outcomes.get('same') ?? 0) >= COUNT * 0.4, told);
});
