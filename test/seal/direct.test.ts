// Each way in which a slot is known, with a control in which it is not.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BRANCH_HINTS, readHints } from '../../src/link/hints.ts';
import { seal } from '../../src/seal/seal.ts';
import { encode } from '../../src/wasm/encode.ts';
import { parse } from '../../src/wasm/parse.ts';
import { needs } from '../support/features.ts';
import { wat } from '../support/wat.ts';
import { type SealCall, sealedText } from './sealed.ts';

/** Slot 1 and 2 hold functions of type $i, slot 3 one of another type, slot 0 and 4 nothing. */
const guest = (fields: string, table = '(table $t 5 funcref)'): string => `(module
  (type $i (func (param i32) (result i32))) (type $v (func))
  ${table} (elem (i32.const 1) $one $two $other)
  (memory 1) (data (i32.const 16) "\\02\\00\\00\\00\\01\\00\\00\\00")
  (global $effects (mut i32) (i32.const 0)) (func (export "effects") (result i32) (global.get $effects))
  (func $effect (param i32) (result i32)
    (global.set $effects (i32.add (global.get $effects) (i32.const 1))) (local.get 0))
  (func $one (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $two (param i32) (result i32) (i32.add (local.get 0) (i32.const 2)))
  (func $other) ${fields})`;
const run = (slot: string, locals = ''): string =>
  `(func (export "run") (param i32) (result i32) ${locals}
    (call_indirect $t (type $i) (call $effect (local.get 0)) ${slot}))`;
const CALLS: readonly SealCall[] = [['run', 40], ['effects'], ['run', 0], ['effects']];

/** How many calls became direct, and how many a trap. */
async function counts(
  text: string,
  options: Parameters<typeof sealedText>[2] = {},
  calls: readonly SealCall[] = CALLS,
): Promise<readonly [direct: number, traps: number]> {
  const { stats } = await sealedText(text, calls, options);
  return [stats.directCalls, stats.trappingCalls];
}

describe('calls of a constant slot', () => {
  it('are direct', async () => {
    const { stats, results, constantTables } = await sealedText(guest(run('(i32.const 2)')), CALLS);
    assert.equal(stats.directCalls, 1);
    assert.deepEqual(results, ['42', '1', '2', '2']);
    assert.deepEqual(constantTables, [0]);
  });

  it('in tail position too', async () => {
    const text = guest(`(func (export "run") (param i32) (result i32)
      (return_call_indirect $t (type $i) (call $effect (local.get 0)) (i32.const 2)))`);
    assert.deepEqual(await counts(text), [1, 0]);
  });

  it('trap where the type differs, the slot is empty or the table ends, after the effects of the operands', async () => {
    for (const slot of [3, 0, 4, 5, -1]) {
      const { stats, results } = await sealedText(guest(run(`(i32.const ${slot})`)), CALLS);
      assert.deepEqual([stats.directCalls, stats.trappingCalls], [0, 1], `slot ${slot}`);
      assert.deepEqual(results, ['trap', '1', 'trap', '2']);
    }
  });

  it('are found by the same type under another index', async () => {
    const text = guest(
      `(type $same (func (param i32) (result i32)))
       (func (export "run") (param i32) (result i32) (call_indirect $t (type $same) (call $effect (local.get 0)) (i32.const 1)))`,
    );
    assert.deepEqual(await counts(text), [1, 0]);
  });

  it('work through a 64-bit table', needs('table64'), async () => {
    const text = guest(run('(i64.const 2)'), '(table $t i64 5 funcref)').replace(
      '(elem (i32.const 1)',
      '(elem (i64.const 1)',
    );
    assert.deepEqual(await counts(text), [1, 0]);
  });

  it('check declared subtypes', needs('gc'), async () => {
    const text = (wanted: string): string => `(module
      (type $top (sub (func (result i32)))) (type $sub (sub $top (func (result i32)))) (type $side (sub $top (func (result i32)) ))
      (type $deep (sub final $sub (func (result i32))))
      (table $t 1 funcref) (elem (i32.const 0) $f) (func $f (type $deep) (i32.const 7))
      (func (export "run") (result i32) (call_indirect $t (type ${wanted}) (i32.const 0))))`;
    const calls: readonly SealCall[] = [['run']];
    assert.deepEqual(await counts(text('$top'), {}, calls), [1, 0]);
    assert.deepEqual(await counts(text('$deep'), {}, calls), [1, 0]);
  });

  it('fail the check against a subtype that the function is not declared to have', needs('gc'), async () => {
    const text = `(module (type $top (sub (func (result i32)))) (type $sub (sub $top (func (result i32))))
      (table $t 1 funcref) (elem (i32.const 0) $f) (func $f (type $top) (i32.const 7))
      (func (export "run") (result i32) (call_indirect $t (type $sub) (i32.const 0))))`;
    assert.deepEqual(await counts(text, {}, [['run']]), [0, 1]);
  });
});

describe('a slot is known', () => {
  it('from an immutable global, and from one that is never written', async () => {
    const immutable = '(global $slot i32 (i32.const 1))';
    const mutable = '(global $slot (mut i32) (i32.const 1))';
    const code = run('(global.get $slot)');
    assert.deepEqual(await counts(guest(`${immutable} ${code}`)), [1, 0]);
    assert.deepEqual(await counts(guest(`${mutable} ${code}`)), [1, 0]);
    const unreachable = `${mutable} (func (global.set $slot (i32.const 2))) ${code}`;
    assert.deepEqual(await counts(guest(unreachable)), [1, 0], 'written by dead code');
  });

  it('but not from a global that is written or exported', async () => {
    const code = run('(global.get $slot)');
    const written =
      '(global $slot (mut i32) (i32.const 1)) (func (export "set") (global.set $slot (i32.const 2)))';
    assert.deepEqual(await counts(guest(`${written} ${code}`), {}, [...CALLS, ['set'], ...CALLS]), [0, 0]);
    const exported = '(global $slot (export "slot") (mut i32) (i32.const 1))';
    assert.deepEqual(await counts(guest(`${exported} ${code}`)), [0, 0]);
  });

  const load = guest(run('(i32.load offset=12 (i32.const 4))'));
  const shown = load.replace('(memory 1)', '(memory (export "memory") 1)');

  it('from memory that somebody vouches for, and from no other', async () => {
    const code = shown;
    const range = (start: number, size: number): Parameters<typeof sealedText>[2] => ({
      constantRanges: [{ mem: 0, start, size }],
    });
    assert.deepEqual(await counts(code, range(16, 4)), [1, 0]);
    assert.deepEqual(await counts(code, range(0, 65536)), [1, 0]);
    assert.deepEqual(await counts(code, range(17, 8)), [0, 0], 'it begins too late');
    assert.deepEqual(await counts(code, range(12, 7)), [0, 0], 'it ends too early');
    assert.deepEqual(await counts(code, range(12, 70000)), [0, 0], 'there is no such memory');
    assert.deepEqual(await counts(code), [0, 0]);
  });

  it('from memory that nobody has and nothing writes', async () => {
    assert.deepEqual(await counts(load), [1, 0]);
    const store = '(i32.store (i32.const 16) (i32.const 1))';
    const reads = `(func (export "more") (drop (memory.grow (i32.const 1))) (drop (memory.size))
      (drop (i64.load (i32.const 0))) (drop (v128.load8_lane 0 (i32.const 1) (v128.const i32x4 0 0 0 0))) (drop (i32.atomic.load (i32.const 0))))`;
    const dead = `(func ${store})`;
    assert.deepEqual(await counts(load.replace('(func $other)', `(func $other) ${reads} ${dead}`)), [1, 0]);
    const imported = load.replace('(type $v (func))', '(type $v (func)) (import "h" "m" (memory 1))');
    const memory = new WebAssembly.Memory({ initial: 1 });
    assert.deepEqual(
      await counts(imported.replace('(memory 1) (data', '(data'), { imports: { h: { m: memory } } }),
      [0, 0],
    );
  });

  it('but not where instantiation may end before it is filled', async () => {
    const fill = (at: number): string =>
      load
        .replace('(type $v (func))', '(type $v (func)) (import "h" "t" (table $h 1 funcref))')
        .replace('(elem (i32.const 1)', '(elem (table $t) (i32.const 1) func')
        .replace('(func $other)', `(func $other) (elem (table $h) (i32.const ${at}) func $one)`);
    const imports = { h: { t: new WebAssembly.Table({ element: 'anyfunc', initial: 2 }) } };
    assert.deepEqual(await counts(fill(0), { imports }), [1, 0]);
    assert.deepEqual(await counts(fill(1), { imports }), [0, 0]);
  });

  for (const write of [
    '(i32.store8 (i32.const 16) (i32.const 1))',
    '(v128.store8_lane 0 (i32.const 16) (v128.const i32x4 1 0 0 0))',
    '(drop (i32.atomic.rmw.and (i32.const 16) (i32.const 1)))',
    '(i32.atomic.store (i32.const 16) (i32.const 1))',
    '(memory.fill (i32.const 16) (i32.const 0) (i32.const 4))',
    '(memory.copy (i32.const 16) (i32.const 20) (i32.const 4))',
    '(memory.init $one (i32.const 16) (i32.const 0) (i32.const 1))',
  ]) {
    it(`but not from memory that is written: ${write.slice(1).replace('drop (', '').split(' ')[0]}`, async () => {
      const text = load.replace(
        '(func $other)',
        `(func $other) (data $one "\\01") (func (export "write") ${write})`,
      );
      assert.deepEqual(await counts(text, {}, [...CALLS, ['write'], ...CALLS]), [0, 0]);
    });
  }

  it('from one memory of several, of which others are written', needs('multi-memory'), async () => {
    const text = (target: number): string =>
      load
        .replace('(memory 1)', '(memory $first 1) (memory $second 1)')
        .replace('(data (i32.const 16)', '(data (memory $second) (i32.const 16)')
        .replace('(i32.load offset', '(i32.load $second offset')
        .replace(
          '(func $other)',
          `(func $other) (func (export "write") (i32.store ${target} (i32.const 16) (i32.const 1))
          (memory.copy $first $second (i32.const 0) (i32.const 16) (i32.const 4)))`,
        );
    const calls: readonly SealCall[] = [...CALLS, ['write'], ...CALLS];
    assert.deepEqual(await counts(text(0), {}, calls), [1, 0]);
    assert.deepEqual(await counts(text(1), {}, calls), [0, 0]);
  });

  it('from a local that is set once', async () => {
    assert.deepEqual(await counts(guest(run('(local.tee 1 (i32.const 2))', '(local i32)'))), [1, 0]);
    const set = (rest: string): string =>
      guest(`(func (export "run") (param i32) (result i32) (local i32) ${rest}
        (call_indirect $t (type $i) (call $effect (local.get 0)) (local.get 1)))`);
    assert.deepEqual(await counts(set('(local.set 1 (i32.const 2))')), [1, 0]);
    assert.deepEqual(
      await counts(set('(block (br_if 0 (local.get 0)) (local.set 1 (i32.const 2)))')),
      [0, 0],
      'or is not',
    );
    assert.deepEqual(
      await counts(set('(local.set 1 (i32.const 2)) (local.set 1 (i32.const 1))')),
      [0, 0],
      'twice',
    );
    const branches = '(if (local.get 0) (then (local.set 1 (i32.const 2))) (else (nop)))';
    assert.deepEqual(await counts(set(branches)), [0, 0], 'in a branch');
    assert.deepEqual(await counts(set('(local.set 0 (i32.const 2))')), [0, 0], 'another one');
  });

  it('but not from a local that is read in a loop before it is set', async () => {
    const text = guest(`(func (export "run") (param i32) (result i32) (local i32 i32)
      (loop $again (result i32)
        (local.set 2 (call_indirect $t (type $i) (call $effect (local.get 0)) (local.get 1)))
        (local.set 1 (i32.const 2))
        (br_if $again (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 3))) (local.get 2)))`);
    assert.deepEqual(await counts(text), [0, 0]);
  });

  it('and local.tee goes on setting its local', async () => {
    const text = guest(`(func (export "run") (param i32) (result i32) (local i32)
      (i32.add (call_indirect $t (type $i) (call $effect (local.get 0)) (local.tee 1 (i32.const 2))) (local.get 1)))`);
    const { results, stats } = await sealedText(text, [['run', 10]]);
    assert.deepEqual(results, ['14']);
    assert.equal(stats.directCalls, 1);
  });
});

describe('function references', () => {
  const refs = needs('typed references');
  const typed = (fields: string): string => `(module (type $i (func (param i32) (result i32)))
    (table $t 3 (ref null $i)) (elem (table $t) (i32.const 1) (ref null $i) (ref.func $one))
    (func $one (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))) ${fields})`;
  const calls: readonly SealCall[] = [['run', 41]];

  it('out of a constant table are called directly', refs, async () => {
    const text = (slot: number, call: string): string =>
      typed(`(func (export "run") (param i32) (result i32)
        (${call} $i (local.get 0) (table.get $t (i32.const ${slot}))))`);
    assert.deepEqual(await counts(text(1, 'call_ref'), {}, calls), [1, 0]);
    assert.deepEqual(await counts(text(1, 'return_call_ref'), {}, calls), [1, 0]);
    assert.deepEqual(await counts(text(0, 'call_ref'), {}, calls), [0, 1]);
    // Reading outside of a table traps by itself.
    assert.deepEqual(await counts(text(3, 'call_ref'), {}, calls), [0, 0]);
  });

  it('by ref.func and constant globals too, and not where the table is written', refs, async () => {
    const by = (ref: string, more = ''): string =>
      typed(`(global $g (ref null $i) (ref.func $one)) ${more}
        (func (export "run") (param i32) (result i32) (call_ref $i (local.get 0) ${ref}))`);
    assert.deepEqual(await counts(by('(ref.func $one)'), {}, calls), [1, 0]);
    assert.deepEqual(await counts(by('(global.get $g)'), {}, calls), [1, 0]);
    assert.deepEqual(await counts(by('(ref.as_non_null (global.get $g))'), {}, calls), [1, 0]);
    const write = '(func (export "write") (table.set $t (i32.const 1) (ref.null $i)))';
    assert.deepEqual(
      await counts(by('(table.get $t (i32.const 1))', write), {}, [...calls, ['write'], ...calls]),
      [0, 0],
    );
  });
});

describe('a table is not constant', () => {
  const write = (op: string): string =>
    guest(`(elem $p func $two) ${run('(i32.const 1)')} (func (export "write") ${op})`);
  const around: readonly SealCall[] = [...CALLS, ['write'], ...CALLS];
  const WRITES = {
    'table.set': '(table.set $t (i32.const 1) (ref.func $two))',
    'table.fill': '(table.fill $t (i32.const 1) (ref.null func) (i32.const 1))',
    'table.copy': '(table.copy $t $t (i32.const 1) (i32.const 2) (i32.const 1))',
    'table.init': '(table.init $t $p (i32.const 1) (i32.const 0) (i32.const 1))',
  } as const;
  for (const [op, code] of Object.entries(WRITES)) {
    it(`that reachable code writes with ${op}`, async () => {
      const { stats, open } = await sealedText(write(code), around);
      assert.equal(stats.directCalls, 0);
      assert.deepEqual(
        open[0]?.preventers.map((one) => one.kind === 'instruction' && one.op),
        [op],
      );
    });

    it(`but is where ${op} stands in dead code`, async () => {
      const { stats, open } = await sealedText(write(code), CALLS, { drop: ['write'] });
      assert.equal(stats.directCalls, 1);
      assert.deepEqual(open, []);
    });

    it(`and is where the user vouches for it: ${op} traps`, async () => {
      const { stats, vouched, bytes } = await sealedText(write(code), CALLS, { assumeTables: true });
      assert.equal(stats.directCalls, 1);
      assert.equal(vouched.length, 1);
      const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>);
      assert.throws(instance.exports['write'] as () => void, /unreachable/);
    });
  }

  it('that is exported or imported', async () => {
    const exported = guest(run('(i32.const 1)'), '(table $t (export "table") 5 funcref)');
    assert.deepEqual(await counts(exported), [0, 0]);
    assert.deepEqual(await counts(exported, { drop: ['table'] }), [1, 0]);
    const imported = guest(run('(i32.const 1)'), '(import "env" "t" (table $t 5 funcref))')
      .replace('(type $v (func))', '(type $v (func)) (import "env" "t" (table $t 5 funcref))')
      .replace('(import "env" "t" (table $t 5 funcref)) (elem', '(elem');
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: 5 });
    assert.deepEqual(await counts(imported, { imports: { env: { t: table } } }), [0, 0]);
  });

  it('that instantiation may not come to fill, though what calls it is in the hands of the host by then', async () => {
    const text = (at: number): string => `(module (type $i (func (result i32)))
      (import "h" "t" (table $h 2 funcref)) (table $t 1 funcref)
      (elem (table $h) (i32.const 0) func $run) (elem (table $h) (i32.const ${at}) func $run)
      (elem (table $t) (i32.const 0) func $one)
      (func $one (result i32) (i32.const 1))
      (func $run (export "run") (result i32) (call_indirect $t (type $i) (i32.const 0))))`;
    const given = (): WebAssembly.Table => new WebAssembly.Table({ element: 'anyfunc', initial: 2 });
    const counted = await counts(text(1), { imports: { h: { t: given() } } }, [['run']]);
    assert.deepEqual(counted, [1, 0]);
    // Slots that are written before the host's table ends stay so, though the segments are others.
    const first = text(2)
      .replace('(elem (table $h) (i32.const 0)', '(elem (table $t) (i32.const 0) func $one $dead) $&')
      .replace('(elem (table $t) (i32.const 0) func $one)\n', '')
      .replace('$t 1 funcref', '$t 2 funcref) (func $dead')
      .replace('(i32.const 0))))', '(global.get $at))) (global $at (export "at") (mut i32) (i32.const 0)))');
    const filled = await seal(parse(await wat(first)));
    assert.equal(filled.stats.slots, 1);
    for (const bytes of [await wat(first), encode(filled.module)]) {
      const t = given();
      await assert.rejects(WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>, { h: { t } }));
      assert.equal((t.get(0) as () => number)(), 1);
    }
    // The second segment does not fit: the third is never written.
    const before = await wat(text(2));
    const { module, stats } = await seal(parse(before));
    assert.equal(stats.directCalls, 0);
    for (const bytes of [before, encode(module)]) {
      const t = given();
      await assert.rejects(WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>, { h: { t } }));
      assert.throws(t.get(0) as () => number, WebAssembly.RuntimeError);
    }
  });

  it('and one that grows keeps the slots that it had', async () => {
    const grow = '(func (export "grow") (drop (table.grow $t (ref.func $two) (i32.const 4))))';
    const calls: readonly SealCall[] = [...CALLS, ['grow'], ...CALLS];
    assert.deepEqual(await counts(guest(`${grow} ${run('(i32.const 1)')}`), {}, calls), [1, 0]);
    assert.deepEqual(await counts(guest(`${grow} ${run('(i32.const 6)')}`), {}, calls), [0, 0]);
  });
});

describe('code that must not move', () => {
  it('keeps its length: calls are direct in place', async () => {
    const text = guest(`${run('(i32.const 2)')} (func $dead (nop))`);
    const { stats, module, maps } = await sealedText(text, CALLS, { keepOffsets: true });
    assert.equal(stats.directCalls, 1);
    assert.equal(stats.codeBytes, 0);
    assert.equal(maps.func, undefined);
    assert.equal(module.codes.length, 7);
  });
});

describe('branch hints', () => {
  it('follow their branches behind a call that got shorter', async () => {
    const text = guest(`(func (export "run") (param i32) (result i32)
      (drop (call_indirect $t (type $i) (local.get 0) (i32.const 2)))
      (@metadata.code.branch_hint "\\01") (if (result i32) (local.get 0) (then (i32.const 1)) (else (i32.const 0))))`);
    const { bytes, stats } = await sealedText(text, [
      ['run', 5],
      ['run', 0],
    ]);
    assert.equal(stats.directCalls, 1);
    const module = parse(bytes);
    const custom = module.customs.find(({ name }) => name === BRANCH_HINTS);
    assert.ok(custom);
    const [hinted] = readHints(custom.bytes);
    const body = module.codes[hinted?.func ?? -1];
    const offset = hinted?.hints[0]?.offset;
    assert.ok(body && offset !== undefined);
    assert.equal(body.bytes[body.start + offset], 0x04, 'the hint stands at the if');
  });
});
