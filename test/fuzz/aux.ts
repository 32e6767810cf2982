// Random guests that hand over random auxiliary modules: the guest that was frozen, with its modules linked live,
// against the frozen module, with the same ones linked into it.
import type { OptimizeLevel } from '../../src/seal/optimize.ts';
import type { LaterCall } from '../support/differential.ts';
import { needs } from '../support/features.ts';
import { Random, randomCase } from '../support/random-modules.ts';
import { wat } from '../support/wat.ts';
import { freezer } from './freeze.ts';
import type { Fuzzer } from './fuzzer.ts';

const RICH = needs('multi-memory').skip === false;

/** `optimize` is what is done to the linked functions, which are what the guest would have generated. */
export function auxiliary(name: string, optimize: OptimizeLevel): Fuzzer {
  return {
    ...freezer(name, { optimize, freeze: { skipBadModules: true } }),
    make: async (seed) => {
      const random = new Random(seed);
      const { guest, calls } = await randomCase(random, RICH);
      const some = (most: number): readonly LaterCall[] =>
        random.times(most, () => [random.pick(calls), random.below(64)] as const);
      return { bytes: await wat(guest), warmups: some(3), calls: some(8) };
    },
  };
}
