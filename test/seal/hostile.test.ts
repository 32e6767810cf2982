// Guests and hosts that do all they can to tables: sealed, everything that a host sees is the same.
//
//     FREEZE_RANDOM=5000 node --test dist/test/seal/hostile.test.js     more of them
//     FREEZE_SEED=1234567 FREEZE_RANDOM=1 ...                           that one; it is printed
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { GuestError } from '../../src/errors/classes.ts';
import { freeze } from '../../src/freeze.ts';
import { validate } from '../../src/host/engine.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { type OptimizeLevel, optimize } from '../../src/seal/optimize.ts';
import { type Optimize, seal } from '../../src/seal/seal.ts';
import { verify } from '../../src/verify.ts';
import { encode } from '../../src/wasm/encode.ts';
import { type Module, spaces } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { FuncIdx } from '../../src/wasm/types.ts';
import type { CallWorkload } from '../../src/workloads.ts';
import { type Feature, needs } from '../support/features.ts';
import { Random } from '../support/random-modules.ts';
import { wat } from '../support/wat.ts';
import { type Act, actedOut, hostileGuest, type Tier } from './hostile.ts';

const COUNT = Number(process.env['FREEZE_RANDOM'] ?? 200);
const SEED = Number(process.env['FREEZE_SEED'] ?? 50_260_101);
const BUILDS = Math.max(1, Math.round(COUNT / 4));
const has = (...features: readonly Feature[]): boolean => needs(...features).skip === false;
const TIER: Tier = { gc: has('typed references', 'gc'), table64: has('table64'), exnref: has('exnref') };

function ownFunctions(module: Module): readonly FuncIdx[] {
  const { funcs, imported } = spaces(module);
  return funcs.map((_, i) => i as FuncIdx).slice(imported.func);
}

/** The optimizer, and why it left code as it was. */
function optimizing(level: OptimizeLevel, done: (functions: number, kept?: string) => void): Optimize {
  return async (module, generated, slots) => {
    const result = await optimize(module, generated, {
      level,
      slots,
      validate: (bytes) => validate(bytes, 'the optimized code'),
    });
    done(result.report.functions, result.report.kept);
    return result.module;
  };
}

it(`${COUNT} random guests and hosts see the same sealed`, async () => {
  const kept: string[] = [];
  const seen = { direct: 0, traps: 0, slots: 0, functions: 0, results: 0, open: 0, vouched: 0, optimized: 0 };
  const optimized = (functions: number, why?: string): void => {
    seen.optimized += functions;
    if (why !== undefined) kept.push(why);
  };
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const { text, acts, spare, quiet } = hostileGuest(new Random(seed), TIER);
    if (process.env['FREEZE_SEED'] !== undefined) console.log(text, acts);
    try {
      const bytes = await wat(text);
      const expected = await actedOut(bytes, acts);
      const module = parse(bytes);
      const dropped = module.exports.filter(({ name }) => spare.includes(name));
      const assumeTables = quiet;
      const sealed = await seal(module, {
        dropped,
        assumeTables,
        // Memory is never written, so it may be said to be constant.
        constantRanges: seed % 2 === 0 ? [{ mem: 0, start: 0, size: 64 }] : [],
        keepOffsets: seed % 7 === 0,
        // As if a JIT had made most of its functions.
        generated: new Set(ownFunctions(module).filter((func) => func % 4 !== 0)),
        ...(seed % 3 === 0 ? { optimize: optimizing(seed % 2 === 0 ? 'fast' : 'max', optimized) } : {}),
      });
      assert.deepEqual(await actedOut(encode(sealed.module), acts), expected);
      seen.direct += sealed.stats.directCalls;
      seen.traps += sealed.stats.trappingCalls;
      seen.slots += sealed.stats.slots;
      seen.functions += sealed.stats.removed.func;
      seen.open += sealed.open.length;
      seen.vouched += assumeTables ? 1 : 0;
      seen.results += expected.filter((one) => !/^(trap|undefined|null|exception)$/.test(one)).length;
    } catch (error) {
      throw new Error(
        `seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
  // Nothing but that it would grow too much keeps the optimizer from its work.
  assert.deepEqual(
    kept.filter((why) => !/bytes would have become/.test(why)),
    [],
  );
  // All of it must have happened often, or this tests nothing.
  for (const [what, count] of Object.entries(seen)) assert.ok(count >= COUNT / 10, `${what}: ${count}`);
});

const calls = (acts: readonly Act[]): readonly CallWorkload[] =>
  acts.flatMap((act) =>
    act.kind === 'call'
      ? [
          {
            kind: 'call',
            export: act.name,
            args: act.name.startsWith('f') && act.name !== 'fuel' ? [`${act.argument}`] : [],
          },
        ]
      : [],
  );

it(`${BUILDS} of them, warmed up and frozen, are the same sealed and open`, async () => {
  let built = 0;
  for (let seed = SEED; seed < SEED + BUILDS; seed++) {
    const random = new Random(seed);
    const { text, acts, spare } = hostileGuest(random, { ...TIER, alone: true });
    const bytes = await wat(text);
    const module = parse(bytes);
    const all = calls(acts).map(
      (one): CallWorkload => (takesNothing(module, one.export) ? { ...one, args: [] } : one),
    );
    const options: FreezeOptions = { warmups: all.slice(0, 3 * random.below(3)) };
    const sealing: FreezeOptions = { ...options, seal: true, ...(spare.length > 0 ? { drop: spare } : {}) };
    try {
      const open = await freeze(bytes, options);
      const sealed = await freeze(bytes, sealing);
      const kept = new Set(parse(sealed.bytes).exports.map(({ name }) => name));
      const same = acts.filter((act) => !('table' in act) || kept.has(act.table));
      assert.deepEqual(await actedOut(sealed.bytes, same), await actedOut(open.bytes, same));
      const report = await verify(bytes, sealed.bytes, { ...sealing, calls: all });
      assert.deepEqual(report.differences, []);
      built++;
    } catch (error) {
      // The start function or the warm-up trapped: there is nothing to freeze.
      if (error instanceof GuestError) continue;
      throw new Error(
        `seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
  assert.ok(built >= BUILDS / 4, `${built} of ${BUILDS} could be frozen`);
});

function takesNothing(module: Module, name: string): boolean {
  const all = spaces(module);
  const func = module.exports.find((one) => one.name === name)?.index ?? 0;
  const type = all.types[all.funcs[func] ?? 0]?.comp;
  return type?.kind === 'func' && type.params.length === 0;
}
