/**
 * Binaryen, loaded when there is something for it to do: its import takes half a second.
 *
 * Semantics stay bit for bit: no fast math, no trap is assumed away, memory is not assumed to be
 * unused or zero.
 */
import type { Feature } from '../wasm/opcodes.ts';

type Binaryen = typeof import('binaryen')['default'];
type FeatureName = keyof Binaryen['Features'];

/** What each of our feature names is called there. */
const FEATURE_NAMES: Readonly<Record<Feature, readonly FeatureName[]>> = {
  mvp: [],
  'sign-extension': ['SignExt'],
  'saturating-float-to-int': ['NontrappingFPToInt'],
  'mutable-globals': ['MutableGlobals'],
  'multi-value': ['Multivalue'],
  'bulk-memory': ['BulkMemory', 'BulkMemoryOpt'],
  'reference-types': ['ReferenceTypes'],
  simd: ['SIMD128'],
  'relaxed-simd': ['SIMD128', 'RelaxedSIMD'],
  threads: ['Atomics'],
  'tail-call': ['TailCall'],
  'extended-const': ['ExtendedConst'],
  'multi-memory': ['MultiMemory'],
  memory64: ['Memory64'],
  table64: ['Memory64'],
  exceptions: ['ExceptionHandling', 'ReferenceTypes'],
  'legacy-exceptions': ['ExceptionHandling'],
  'function-references': ['GC', 'ReferenceTypes'],
  gc: ['GC', 'ReferenceTypes'],
};

export interface BinaryenRun {
  readonly features: Iterable<Feature>;
  readonly passes: readonly string[];
  /** Passes that those passes shall not run within them. */
  readonly skip: readonly string[];
  readonly optimizeLevel: number;
  /** Functions whose names match are not inlined: `*` stands for anything. */
  readonly keep: string;
}

/** Nothing is too big to be inlined: what is inlined was chosen before. */
const ANY_SIZE = 1 << 20;

/** Runs passes over a module; throws what Binaryen throws. */
export async function runBinaryen(bytes: Uint8Array, run: BinaryenRun): Promise<Uint8Array> {
  const { default: binaryen } = await import('binaryen');
  let features = 0;
  for (const feature of run.features) {
    for (const name of FEATURE_NAMES[feature]) features |= binaryen.Features[name];
  }
  const module = binaryen.readBinaryWithFeatures(bytes, features);
  try {
    binaryen.setOptimizeLevel(run.optimizeLevel);
    binaryen.setShrinkLevel(0);
    binaryen.setFastMath(false);
    binaryen.setTrapsNeverHappen(false);
    binaryen.setLowMemoryUnused(false);
    binaryen.setZeroFilledMemory(false);
    binaryen.setClosedWorld(false);
    binaryen.setDebugInfo(true);
    binaryen.setAlwaysInlineMaxSize(ANY_SIZE);
    binaryen.setAllowInliningFunctionsWithLoops(true);
    binaryen.setPassArgument('no-inline', run.keep);
    for (const pass of run.skip) binaryen.addPassToSkip(pass);
    module.runPasses([...run.passes]);
    return module.emitBinary();
  } finally {
    binaryen.clearPassArguments();
    binaryen.clearPassesToSkip();
    module.dispose();
  }
}
