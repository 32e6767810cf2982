// What the running Node is known to do with the unfrozen suite (testsuite at 193e551).
// A run may be better than this, never worse: fewer checks that pass, or more that are unsupported or skipped,
// is a change for a person to look at.
import type { Status } from './run.ts';

export type Expectation = Readonly<Record<Exclude<Status, 'failed'>, number>>;

/** By major version of Node. */
export const EXPECTED: ReadonlyMap<number, Expectation> = new Map([
  // No GC, typed references, multi-memory, memory64, exnref, extended constants, relaxed SIMD.
  [20, { passed: 60_913, unsupported: 4_292, skipped: 1 }],
  // No table64.
  [22, { passed: 64_862, unsupported: 349, skipped: 1 }],
  // Four modules are beyond V8's limits on memories and tables; one malformed annotation is not the engine's to find.
  [24, { passed: 65_207, unsupported: 4, skipped: 1 }],
  [26, { passed: 65_207, unsupported: 4, skipped: 1 }],
]);

/** The files of `legacy/`, which need wabt; every Node since 20 passes them all. */
export const EXPECTED_LEGACY: Expectation = { passed: 96, unsupported: 0, skipped: 0 };
