// Random guests with random modules: what freezing changes is nothing.
//
//     FREEZE_RANDOM=5000 node --test dist/test/freeze/random.test.js     more of them
//     FREEZE_SEED=1234567 FREEZE_RANDOM=1 ...                            that one; its guest is printed
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { GuestError } from '../../src/errors/classes.ts';
import { differential, type LaterCall } from '../support/differential.ts';
import { needs } from '../support/features.ts';
import { Random, randomCase } from '../support/random-modules.ts';

const COUNT = Number(process.env['FREEZE_RANDOM'] ?? 150);
const SEED = Number(process.env['FREEZE_SEED'] ?? 20_260_101);
const rich = needs('multi-memory').skip === false;

it(`${COUNT} random guests behave the same live and frozen`, async () => {
  let frozen = 0;
  let linked = 0;
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const random = new Random(seed);
    const { guest, calls } = await randomCase(random, rich);
    if (process.env['FREEZE_SEED'] !== undefined) console.log(guest);
    const later: readonly LaterCall[] = Array.from(
      { length: 8 },
      () => [random.pick(calls), random.below(64)] as const,
    );
    const warmups = random
      .times(3, () => random.pick(calls))
      .map((name) => ({ kind: 'call', export: name, args: [String(random.below(64))] }) as const);
    try {
      const { frozen: result } = await differential({
        guest,
        calls: later,
        options: { warmups, skipBadModules: true, rounds: 3 },
      });
      frozen++;
      linked += result.report.modules.filter((module) => module.linked).length;
    } catch (error) {
      // The warm-up trapped: there is nothing to freeze.
      if (error instanceof GuestError && error.code === 'trap') continue;
      throw new Error(
        `seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
  // Most of them must get so far, or this tests nothing.
  assert.ok(frozen >= COUNT * 0.3, `${frozen} of ${COUNT} were frozen`);
  assert.ok(linked >= frozen * 0.5, `${linked} modules were linked into ${frozen} guests`);
});
