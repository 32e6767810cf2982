/**
 * Optimizing what was linked: the generated functions are taken out with the small functions that
 * they call, optimized as a module of their own, and put back. The rest of the guest stays as it is,
 * however big it is.
 *
 * Each way to fail keeps the input, and says so: an optimizer that throws, a result that is too big,
 * does not validate, or has a feature or a NaN that the input did not have.
 */

import { FreezeError } from '../errors/classes.ts';
import { encode } from '../wasm/encode.ts';
import { featuresUsed } from '../wasm/features.ts';
import { readBody } from '../wasm/instructions.ts';
import type { Module } from '../wasm/module.ts';
import { parse } from '../wasm/parse.ts';
import type { FuncIdx } from '../wasm/types.ts';
import { type BinaryenRun, runBinaryen } from './binaryen.ts';
import { bodyOf, type Extraction, extract, ROOT } from './extract.ts';
import { guardCalls, type KnownSlots } from './guard.ts';
import { type InlineLimits, planInlining } from './inline.ts';
import { splice } from './splice.ts';

export const OPTIMIZE_LEVELS = ['none', 'fast', 'max'] as const;
export type OptimizeLevel = (typeof OPTIMIZE_LEVELS)[number];

export interface Recipe {
  /** Whether an indirect call of an unknown slot tries a direct call of a likely function first. */
  readonly guards: boolean;
  readonly inline: InlineLimits;
  readonly passes: readonly string[];
  /** Binaryen's, 0 to 4. */
  readonly optimizeLevel: number;
  /** The most that the generated code may grow by, as a factor of its bytes. */
  readonly growth: number;
}

/**
 * Chosen by measuring on Node 20, 24, 26 and wasmtime: `node dist/bench/passes.js` takes each part of
 * `fast` away, and adds to it; its table is in docs/sealing.md. Helpers inlined one
 * deep are most of what is won; two deep is slower again, since the code of their slow paths comes along.
 * Generated functions in themselves are worth it where calls cost more than what they do: the deeper,
 * the more is won, and the more code there is.
 */
export const RECIPES: Readonly<Record<Exclude<OptimizeLevel, 'none'>, Recipe>> = {
  fast: {
    guards: true,
    inline: {
      generated: { depth: 1, own: 600, size: 4_000 },
      helper: { depth: 1, own: 200, size: 200 },
      unit: { uncounted: 30, size: 16_000 },
    },
    passes: ['no-inline', 'inlining-optimizing'],
    // As fast as at 2, byte for byte mostly, in 60% of the time.
    optimizeLevel: 1,
    growth: 16,
  },
  max: {
    guards: true,
    inline: { generated: { depth: 2, own: 16_000, size: 16_000 }, helper: { depth: 1, own: 200, size: 200 } },
    passes: ['no-inline', 'inlining-optimizing'],
    optimizeLevel: 3,
    growth: 64,
  },
};

/** What keeps the input though nothing failed. */
export const COMPUTED_NAN = 'the optimizer computed a NaN, whose bits are for the engine to choose';

/** Generated code that is this small may grow beyond the factor. */
const FREE_GROWTH = 4_096;

export interface OptimizeOptions {
  readonly level: OptimizeLevel;
  /** Instead of the level's own. */
  readonly recipe?: Recipe | undefined;
  /** Functions that are optimized with the generated ones, where there are any; nothing is reported of them. */
  readonly along?: readonly FuncIdx[];
  readonly slots: KnownSlots;
  readonly validate: (bytes: Uint8Array) => Promise<void>;
  /** Binaryen, but for tests of what happens when it fails. */
  readonly run?: (bytes: Uint8Array, run: BinaryenRun) => Promise<Uint8Array>;
}

export interface OptimizeReport {
  readonly level: OptimizeLevel;
  /** Generated functions that were optimized. */
  readonly functions: number;
  /** Indirect calls that try a direct call first. */
  readonly guardedCalls: number;
  /** Bytes of the generated functions' code. */
  readonly before: number;
  readonly after: number;
  /** Why the code was left as it was. */
  readonly kept?: string;
}

export interface Optimized {
  readonly module: Module;
  readonly report: OptimizeReport;
}

/** Indices stay; functions may be appended. The very same module where there is nothing to optimize. */
export async function optimize(
  module: Module,
  generated: ReadonlySet<FuncIdx>,
  options: OptimizeOptions,
): Promise<Optimized> {
  const { level } = options;
  const before = codeSize(module, generated);
  const nothing: OptimizeReport = { level, functions: 0, guardedCalls: 0, before, after: before };
  if (level === 'none' || generated.size === 0) return { module, report: nothing };
  const { recipe = RECIPES[level], along = [] } = options;
  const guarded = recipe.guards ? guardCalls(module, generated, options.slots) : { module, calls: 0 };
  const extraction = planInlining(guarded.module, new Set([...generated, ...along]), recipe.inline);
  const optimized = [...extraction.roots.keys()].filter((func) => generated.has(func as FuncIdx)).length;
  if (optimized === 0) return { module, report: nothing };
  const result = await attempt(guarded.module, extraction, recipe, options);
  if (typeof result === 'string') return { module, report: { ...nothing, kept: result } };
  const added = result.codes.length - module.codes.length;
  const after = codeSize(result, generated) + sizeOfLast(result, added);
  if (after > Math.max(before * recipe.growth, before + FREE_GROWTH))
    return { module, report: { ...nothing, kept: `${before} bytes would have become ${after}` } };
  return {
    module: result,
    report: {
      level,
      functions: optimized,
      guardedCalls: guarded.calls,
      before,
      after,
    },
  };
}

function codeSize(module: Module, funcs: ReadonlySet<FuncIdx>): number {
  return [...funcs].reduce((sum, func) => {
    const body = bodyOf(module, func);
    return body === undefined ? sum : sum + body.end - body.start;
  }, 0);
}

function sizeOfLast({ codes }: Module, count: number): number {
  return codes.slice(codes.length - count).reduce((sum, { start, end }) => sum + end - start, 0);
}

/** The optimized module, or a sentence that says why there is none. */
async function attempt(
  module: Module,
  extraction: Extraction,
  recipe: Recipe,
  { validate, run = runBinaryen }: OptimizeOptions,
): Promise<Module | string> {
  const small = extract(module, extraction);
  const features = new Set(featuresUsed(small).keys());
  // Of `return_call_ref` of a known function, `return_call` is made. Engines have both, or neither.
  if (features.has('function-references')) features.add('tail-call');
  const floats = floatsOf(small);
  try {
    const bytes = await run(encode(small), {
      features,
      passes: recipe.passes,
      skip: floats.bitsSeen ? FOLDING : [],
      optimizeLevel: recipe.optimizeLevel,
      keep: `${ROOT}*`,
    });
    await validate(bytes);
    const optimized = parse(bytes);
    const more = [...featuresUsed(optimized).keys()].find((feature) => !features.has(feature));
    if (more !== undefined) return `the optimizer's result needs ${more}, which the code did not`;
    if (!isSubset(floatsOf(optimized).nans, floats.nans)) return COMPUTED_NAN;
    return splice(module, extraction, optimized).module;
  } catch (error) {
    if (error instanceof FreezeError) return `the optimizer's result is not usable: ${error.message}`;
    return `Binaryen failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The passes that compute what constants make. */
const FOLDING = ['precompute', 'precompute-propagate'] as const;

/**
 * Which NaN an operation gives is the engine's choice, and a build must not make it: an optimizer
 * that folds constants does. Here is which NaNs stand in code, by their bits, and whether the code can
 * look at the bits of a float, so that a choice that was made would not show as a constant.
 *
 * https://webassembly.github.io/spec/core/exec/numerics.html#nan-propagation
 */
interface Floats {
  readonly nans: ReadonlySet<string>;
  readonly bitsSeen: boolean;
}

const LOOKS_AT_BITS: ReadonlySet<string> = new Set([
  'i32.reinterpret_f32',
  'i64.reinterpret_f64',
  'f32.copysign',
  'f64.copysign',
]);

function floatsOf(module: Module): Floats {
  const nans = new Set<string>();
  let bitsSeen = featuresUsed(module).has('simd');
  for (const body of module.codes) {
    for (const { row, operands } of readBody(body).code) {
      if (LOOKS_AT_BITS.has(row.name)) bitsSeen = true;
      else if (isNan(row.name, operands[0])) nans.add(`${row.name} ${operands[0]}`);
    }
  }
  return { nans, bitsSeen };
}

function isNan(name: string, bits: unknown): boolean {
  if (typeof bits !== 'bigint') return false;
  if (name === 'f64.const') return (bits & 0x7fff_ffff_ffff_ffffn) > 0x7ff0_0000_0000_0000n;
  return name === 'f32.const' && (bits & 0x7fff_ffffn) > 0x7f80_0000n;
}

function isSubset(some: ReadonlySet<string>, all: ReadonlySet<string>): boolean {
  return [...some].every((one) => all.has(one));
}
