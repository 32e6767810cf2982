// Random guests with tables: constants and reused slots, slots of other types, nulls, tail calls,
// writes that are reachable and writes that are not. Sealing them changes nothing that a call gives.
//
//     FREEZE_RANDOM=5000 node --test dist/test/seal/random.test.js     more of them
//     FREEZE_SEED=1234567 FREEZE_RANDOM=1 ...                          that one; it is printed
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Random } from '../support/random-modules.ts';
import { type SealCall, sealedText } from './sealed.ts';

const COUNT = Number(process.env['FREEZE_RANDOM'] ?? 300);
const SEED = Number(process.env['FREEZE_SEED'] ?? 20_260_201);
const SLOTS = 10;

/** Functions of each type, whose body knows $p. */
const HEADS = {
  $i: '(type $i) (param $p i32) (result i32)',
  $j: '(type $j) (param $p i32) (result i64)',
  $v: '(type $v) (local $p i32)',
} as const;

function guest(random: Random): { readonly text: string; readonly calls: readonly SealCall[] } {
  const functions = 4 + random.below(8);
  const types = Array.from({ length: functions }, () => random.pick(['$i', '$i', '$j', '$v'] as const));
  const tables = 1 + random.below(2);
  const globals = Array.from({ length: 3 }, () => random.below(SLOTS));
  const value = (depth: number): string =>
    random.pick([
      () => `(i32.const ${random.below(100)})`,
      () => '(local.get $p)',
      () => `(i32.add ${depth > 0 ? value(depth - 1) : '(local.get $p)'} (i32.const 1))`,
      () => `(global.get $g${random.below(3)})`,
    ])();
  const slot = (): string =>
    random.pick([
      () => `(i32.const ${random.below(SLOTS + 1)})`,
      () => `(i32.const ${random.below(SLOTS)})`,
      () => `(global.get $g${random.below(3)})`,
      () => `(local.tee $s (i32.const ${random.below(SLOTS)}))`,
      () => '(local.get $s)',
      () => `(i32.load offset=${4 * random.below(4)} (i32.const 0))`,
      () => `(i32.rem_u (local.get $p) (i32.const ${SLOTS}))`,
    ])();
  const call = (from: number): string => {
    const target = from + 1 + random.below(functions);
    const table = `$t${random.below(tables)}`;
    return random.pick([
      () => `(call_indirect ${table} (type $i) ${value(1)} ${slot()})`,
      () => `(i32.wrap_i64 (call_indirect ${table} (type $j) ${value(1)} ${slot()}))`,
      () => `(block (result i32) (call_indirect ${table} (type $v) ${slot()}) ${value(1)})`,
      () => (target < functions && types[target] === '$i' ? `(call $f${target} ${value(1)})` : value(2)),
    ])();
  };
  const statement = (from: number): string =>
    random.pick([
      () => `(local.set $s (i32.const ${random.below(SLOTS)}))`,
      () => `(global.set $g0 ${value(0)})`,
      () =>
        `(if (i32.and (local.get $p) (i32.const 1)) (then (local.set $s (i32.const ${random.below(SLOTS)}))))`,
      () => `(drop ${call(from)})`,
    ])();
  // Fuel, since a table may lead back.
  const enter = `(if (i32.le_s (global.get $fuel) (i32.const 0)) (then (unreachable)))
    (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))`;
  const bodies = types.map((type, k) => {
    const body = `${enter} ${random.times(2, () => statement(k)).join(' ')}`;
    const head = HEADS[type];
    const last =
      random.chance(30) && type === '$i'
        ? `(return_call_indirect $t0 (type $i) ${value(1)} ${slot()})`
        : type === '$i'
          ? call(k)
          : type === '$j'
            ? `(i64.extend_i32_u ${call(k)})`
            : `(drop ${call(k)})`;
    return `(func $f${k} ${head} (local $s i32) ${body} ${last})`;
  });
  const elems = Array.from({ length: tables }, (_, t) =>
    random
      .times(
        5,
        () =>
          `(elem (table $t${t}) (i32.const ${random.below(SLOTS - 2)}) func $f${random.below(functions)} $f${random.below(functions)})`,
      )
      .join(' '),
  );
  const writes = random.times(2, () =>
    random.pick([
      () => `(table.set $t0 (i32.const ${random.below(SLOTS)}) (ref.func $f0))`,
      () => `(table.set $t${tables - 1} (i32.const ${random.below(SLOTS)}) (ref.null func))`,
      () => '(drop (table.grow $t0 (ref.func $f1) (i32.const 1)))',
      () => `(table.copy $t0 $t${tables - 1} (i32.const 1) (i32.const 3) (i32.const 2))`,
    ])(),
  );
  const exported = Array.from({ length: functions }, (_, k) => k).filter(() => random.chance(50));
  const reachable = random.chance(40);
  const text = `(module (type $i (func (param i32) (result i32))) (type $j (func (param i32) (result i64))) (type $v (func))
    ${Array.from({ length: tables }, (_, t) => `(table $t${t} ${SLOTS} funcref)`).join(' ')} ${elems.join(' ')} (elem declare func $f0 $f1)
    (memory 1) (data (i32.const 0) "\\01\\00\\00\\00\\03\\00\\00\\00\\05\\00\\00\\00\\09\\00\\00\\00")
    (global $fuel (mut i32) (i32.const 0)) ${globals.map((g, i) => `(global $g${i} (mut i32) (i32.const ${g}))`).join(' ')}
    (func (export "fuel") (global.set $fuel (i32.const 40)))
    (func (export "g0") (result i32) (global.get $g0))
    (func ${reachable ? '(export "write")' : '$write'} ${writes.join(' ')})
    ${bodies.join('\n')} ${exported.map((k) => `(export "f${k}" (func $f${k}))`).join(' ')})`;
  const one = (): readonly SealCall[] => {
    if (exported.length === 0) return [];
    const k = random.pick(exported);
    return [['fuel'], types[k] === '$v' ? [`f${k}`] : [`f${k}`, random.below(50)], ['g0']];
  };
  const some = Array.from({ length: 8 }, one).flat();
  const calls: readonly SealCall[] = reachable ? [...some, ['write'], ...some] : some;
  return { text, calls };
}

it(`${COUNT} random guests with tables give the same sealed`, async () => {
  const seen = { direct: 0, traps: 0, slots: 0, functions: 0, results: 0, open: 0 };
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const { text, calls } = guest(new Random(seed));
    if (process.env['FREEZE_SEED'] !== undefined) console.log(text);
    try {
      // Memory is never written, so it may be said to be constant.
      const constantRanges = seed % 2 === 0 ? [{ mem: 0, start: 0, size: 64 }] : [];
      const { stats, results, open } = await sealedText(text, calls, {
        constantRanges,
        keepOffsets: seed % 7 === 0,
      });
      seen.direct += stats.directCalls;
      seen.traps += stats.trappingCalls;
      seen.slots += stats.slots;
      seen.functions += stats.removed.func;
      seen.results += results.filter((one) => one !== 'trap' && one !== 'undefined').length;
      seen.open += open.length;
    } catch (error) {
      throw new Error(
        `seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
  }
  // All of it must have happened often, or this tests nothing.
  for (const [what, count] of Object.entries(seen)) assert.ok(count >= COUNT / 6, `${what}: ${count}`);
});
