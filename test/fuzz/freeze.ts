// Random valid modules (Binaryen's fuzzer makes them): some exports are called, the module is frozen, and the rest
// is called on the instance that was frozen and on the frozen module. They do the same, and hold the same; sealed,
// the frozen module does the same too.

import { FreezeError, GuestError, UnsupportedError } from '../../src/errors/classes.ts';
import { zero } from '../../src/host/recorder/host-state.ts';
import { internalize } from '../../src/link/internalize.ts';
import { link } from '../../src/link/link.ts';
import type { FreezeOptions } from '../../src/options.ts';
import type { OptimizeLevel } from '../../src/seal/optimize.ts';
import { stubBodies, stubbedImports } from '../../src/stubs.ts';
import { encode } from '../../src/wasm/encode.ts';
import { assemble } from '../../src/wasm/instructions.ts';
import { type Module, spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { type FuncType, isRef, type TypeIdx } from '../../src/wasm/types.ts';
import { differential, type LaterCall } from '../support/differential.ts';
import { needs } from '../support/features.ts';
import { Random } from '../support/random-modules.ts';
import { reduce } from '../support/reduce.ts';
import { fuzzModule, type WasmOpt, wasmOpt } from '../support/wasm-opt.ts';
import type { Fuzzer, Subject } from './fuzzer.ts';

/** What every Node of ours has, and what newer ones add: a NaN's bits are no one's to promise, so none is made. */
const FEATURES = [
  '--mvp-features',
  ...['simd', 'bulk-memory', 'multivalue', 'reference-types', 'mutable-globals', 'sign-ext'].map(enable),
  ...['nontrapping-float-to-int', 'tail-call'].map(enable),
  ...(needs('multi-memory').skip === false ? [enable('multimemory')] : []),
  ...(needs('extended-const').skip === false ? [enable('extended-const')] : []),
  '--denan',
];

function enable(feature: string): string {
  return `--enable-${feature}`;
}

let tool: WasmOpt | undefined;

/** What the frozen module is compared as, beside as it is: sealed, its generated functions optimized. */
export interface FreezerOptions {
  readonly freeze?: FreezeOptions;
  readonly optimize?: OptimizeLevel;
}

export function freezer(name: string, options: FreezerOptions = {}): Fuzzer {
  return {
    name,
    make,
    check: (subject) => checkFrozen(subject, options),
    reduce: async (subject, wrong) => {
      const fewer = await fewerCalls(subject, wrong);
      const bytes = await reduce(fewer.bytes, (one) => wrong({ ...fewer, bytes: one }), { attempts: 500 });
      return fewerCalls({ ...fewer, bytes }, wrong);
    },
  };
}

async function make(seed: number): Promise<Subject | undefined> {
  const random = new Random(seed);
  tool ??= wasmOpt();
  const input = Uint8Array.from({ length: 400 + random.below(3000) }, () => random.below(256));
  const bytes = alone(parse(fuzzModule(tool, input, FEATURES)));
  if (bytes === undefined || !WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)) return undefined;
  const exports = callable(parse(bytes));
  if (exports.length === 0) return undefined;
  const calls = (most: number): readonly LaterCall[] => random.times(most, () => someCall(random, exports));
  return { bytes, warmups: calls(4), calls: calls(8) };
}

/** The module with functions that give zeros in the place of its imports. */
function alone(module: Module): Uint8Array | undefined {
  if (module.imports.some(({ desc }) => desc.kind === 'tag' || desc.kind === 'table')) return undefined;
  const own = internalize(
    module,
    module.imports.map(({ desc }) =>
      desc.kind === 'global' ? { init: assemble([zero(desc.type.val)]).subarray(0, -1) } : {},
    ),
  );
  const pattern =
    own.imports.length === 0 ? [] : [{ pattern: '*', stub: { kind: 'const', value: 0n } } as const];
  const stubs = stubBodies(own, stubbedImports(own, pattern));
  const nothing = {
    functions: () => [],
    place: () => '',
    droppedElem: () => false,
    droppedData: () => false,
  };
  return encode(link({ guest: own, auxes: [], held: nothing, stubs }).module);
}

interface Callable {
  readonly name: string;
  readonly type: FuncType;
}

/** Exports that take and give numbers that a call from JavaScript can have. */
function callable(module: Module): readonly Callable[] {
  const { funcs, types } = spaces(module);
  return module.exports.flatMap(({ name, kind, index }) => {
    const comp = kind === 'func' ? types[funcs[index] as TypeIdx]?.comp : undefined;
    if (comp?.kind !== 'func') return [];
    const plain = [...comp.params, ...comp.results].every((type) => !isRef(type) && type !== 'v128');
    return plain ? [{ name, type: comp }] : [];
  });
}

function someCall(random: Random, exports: readonly Callable[]): LaterCall {
  const { name, type } = random.pick(exports);
  const number = (): number => random.pick([0, 1, -1, 7, 255, 0x7fffffff, -0x80000000, random.below(5000)]);
  return [name, ...type.params.map((one) => (one === 'i64' ? BigInt(number()) : number()))];
}

async function checkFrozen(
  { bytes, warmups = [], calls = [] }: Subject,
  { freeze, optimize = 'none' }: FreezerOptions,
): Promise<boolean> {
  // What was found on a newer engine may be nothing to an older one.
  if (!WebAssembly.validate(bytes as Uint8Array<ArrayBuffer>)) return false;
  const workloads = warmups.map(
    ([name, ...args]) => ({ kind: 'call', export: name, args: args.map(String) }) as const,
  );
  try {
    await differential({
      guest: bytes,
      calls,
      optimize,
      options: { ...freeze, warmups: workloads, rounds: 1 },
    });
    return true;
  } catch (error) {
    // A warm-up that traps leaves nothing to freeze; what no module can hold is refused by name.
    if (error instanceof GuestError || error instanceof UnsupportedError) return false;
    if (error instanceof FreezeError) throw new Error(`${error.code}: ${error.message}`);
    throw error;
  }
}

/** The calls that matter. */
async function fewerCalls(subject: Subject, wrong: (subject: Subject) => Promise<boolean>): Promise<Subject> {
  let least = subject;
  for (const which of ['calls', 'warmups'] as const) {
    for (let at = (least[which]?.length ?? 0) - 1; at >= 0; at--) {
      const without = { ...least, [which]: (least[which] ?? []).toSpliced(at, 1) };
      if (await wrong(without)) least = without;
    }
  }
  return least;
}
