// Profiles: what one build learned, another begins with. The Scheme guest then compiles, without a
// warm-up, what was warm.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  createWasi,
  FreezeError,
  type FreezeOptions,
  freeze,
  freezeDriven,
  instantiate,
  mergeProfiles,
  PROFILE_SCHEMA,
  type Profile,
  readProfile,
  type Workload,
  writeProfile,
} from '../../src/browser.ts';
import type { Driver } from '../../src/protocols/driver.ts';
import { cli, folder, good } from '../cli/cli.ts';
import { GOOD_AUX, pushGuest } from '../cli/guests.ts';
import { root } from '../engines/places.ts';
import { wat } from '../support/wat.ts';

type Text = Extract<Workload, { kind: 'program' }>;
const scheme = new Uint8Array(readFileSync(join(root, 'guests/scheme/scheme.wasm')));
const program = (text: string, name = 'p.scm'): Text => ({
  kind: 'program',
  name,
  bytes: new TextEncoder().encode(text),
});

const text = (profile: Profile): string => Buffer.from(profile.guest.join(''), 'base64').toString();

async function learned(guest: Uint8Array, options: FreezeOptions): Promise<Profile> {
  const { profile } = await freeze(guest, { saveProfile: true, ...options });
  assert.ok(profile);
  return profile;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (error instanceof FreezeError ? error.code : String(error)),
  );
}

/** What `main` prints in a frozen module. */
async function printed(bytes: Uint8Array): Promise<string> {
  let out = '';
  const stdout = (chunk: Uint8Array): void => {
    out += new TextDecoder().decode(chunk);
  };
  const { exports } = await instantiate(bytes, { host: (compiled) => createWasi({ stdout }, compiled) });
  (exports['main'] as () => number)();
  return out;
}

/** Two procedures, of which a run warms up the one that it is told by its standard input. */
const TWO = `(define (sum n acc) (if (= n 0) acc (sum (- n 1) (+ acc 0.5))))
(define (count n) (do ((i 0 (+ i 1)) (c 0 (+ c 2))) ((= i n) c)))
(define (main)
  (let ((which (read-line)))
    (cond ((equal? which "sum") (display (sum 2000 0.25)))
          ((equal? which "count") (display (count 2000)))
          (else (display (sum 10 0.25)) (display " ") (display (count 10)))))
  (newline))`;

const stdin = (line: string): FreezeOptions => ({
  host: (compiled) => createWasi({ stdin: new TextEncoder().encode(`${line}\n`.repeat(20)) }, compiled),
});

describe('profiles of the Scheme guest', () => {
  it('a build with one, and no warm-up, compiles what was warm, with the types that were seen', async () => {
    const main = program(TWO);
    const entries = [{ name: 'main', workload: main }];
    const warm = await freeze(scheme, { ...stdin('sum'), warmups: [main], entries, saveProfile: true });
    const { profile } = warm;
    assert.ok(profile);
    assert.deepEqual(profile.workloads, ['p.scm']);
    assert.match(text(profile), /^freeze-scheme 1\n/);
    assert.match(text(profile), /\d+ 1 \d .*; p\.scm:1:sum#0\n/);
    assert.doesNotMatch(text(profile), /count/);
    assert.ok(profile.modules[0]?.functions.some((name) => name.startsWith('sum ')));

    const cold = await freeze(scheme, { entries });
    assert.equal(cold.report.linked.functions, 0);
    const again = await freeze(scheme, { entries, profiles: [profile], saveProfile: true });
    assert.deepEqual(again.profile?.modules, profile.modules);
    assert.equal(again.report.linked.functions, warm.report.linked.functions);
    assert.equal(again.report.linked.codeBytes, warm.report.linked.codeBytes, 'the same code');
    assert.equal(text(again.profile as Profile), text(profile), 'nothing is lost on the way');
    assert.equal(await printed(again.bytes), await printed(cold.bytes));
    assert.equal(await printed(again.bytes), await printed(warm.bytes));
  });

  it('those of several machines are merged, in whatever order', async () => {
    const main = program(TWO);
    const entries = [{ name: 'main', workload: main }];
    const sum = await learned(scheme, { ...stdin('sum'), warmups: [main] });
    const count = await learned(scheme, { ...stdin('count'), warmups: [main] });
    const merged = await Promise.all(
      [[sum, count], [count, sum], [sum, count, sum], [mergeProfiles([count, sum])]].map((profiles) =>
        freeze(scheme, { entries, profiles, saveProfile: true }),
      ),
    );
    const texts = new Set(merged.map(({ profile }) => text(profile as Profile)));
    assert.equal(texts.size, 1);
    assert.match([...texts].join(''), /:sum#0\n[\s\S]*:count#0\n/);
    for (const { profile } of merged) {
      const made = (profile?.modules ?? []).flatMap(({ functions }) => functions);
      for (const name of ['sum ', 'count '])
        assert.ok(
          made.some((one) => one.startsWith(name)),
          name,
        );
    }
  });

  it('a program that was edited since gives what it gives without', async () => {
    const profile = await learned(scheme, { ...stdin('sum'), warmups: [program(TWO)] });
    const edited = [
      TWO.replace('(+ acc 0.5)', '(+ acc 1)').replaceAll('0.25', '1'),
      TWO.replace('(= n 0)', '(< n 1)'),
      `(define (f) 1)\n${TWO}`,
      TWO.replace('(sum 10 0.25)', "(sum 10 'a)").replace(
        '(+ acc 0.5)',
        '(if (symbol? acc) acc (+ acc 0.5))',
      ),
    ];
    for (const text of edited) {
      const entries = [{ name: 'main', workload: program(text) }];
      const [plain, profiled] = [
        await freeze(scheme, { entries }),
        await freeze(scheme, { entries, profiles: [profile] }),
      ];
      assert.equal(await printed(profiled.bytes), await printed(plain.bytes));
    }
  });

  it('bytes that are none are refused', async () => {
    const profile = await learned(scheme, { warmups: [program('(define (main) 1)')] });
    const broken = [
      '',
      'x',
      'freeze-scheme 2\n',
      'freeze-scheme 1\n1 1',
      'freeze-scheme 1\n1 1 ; 9 ; k\n',
      'freeze-scheme 1\n-1 1 ; ; k\n',
    ];
    for (const one of broken) {
      const profiles = [{ ...profile, guest: [Buffer.from(one).toString('base64')] }];
      assert.equal(await codeOf(freeze(scheme, { profiles })), 'workload', one);
    }
  });
});

/** A guest whose profile is one byte, the bits that any run has set; merging is "or". */
const BITS = `(module (memory (export "memory") 1)
  (data (i32.const 16) "\\40\\00\\00\\00\\01\\00\\00\\00")
  (func (export "freeze_contract") (result i32) (i32.const 1))
  (func (export "freeze_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "freeze_free") (param i32 i32))
  (func (export "freeze_profile_save") (result i32) (i32.const 16))
  (func (export "freeze_profile_load") (param i32 i32) (result i32)
    (call $set (i32.load8_u (local.get 0))) (i32.sub (local.get 1) (i32.const 1)))
  (func $set (export "set") (param i32)
    (i32.store8 (i32.const 64) (i32.or (i32.load8_u (i32.const 64)) (local.get 0))))
  (func (export "bits") (result i32) (i32.load8_u (i32.const 64))))`;

const set = (bits: number): Workload => ({ kind: 'call', export: 'set', args: [String(bits)] });

describe('profiles', () => {
  it('go to the guest before anything else, and what it saves takes their place', async () => {
    const guest = await wat(BITS);
    const [one, two] = [
      await learned(guest, { warmups: [set(1)] }),
      await learned(guest, { warmups: [set(2)] }),
    ];
    assert.deepEqual(one, { schema: 1, workloads: ['set(1)'], modules: [], guest: ['AQ=='] });
    const both = await freeze(guest, { profiles: [one, two], warmups: [set(4)], saveProfile: true });
    assert.deepEqual(both.profile, {
      schema: 1,
      workloads: ['set(1)', 'set(2)', 'set(4)'],
      modules: [],
      guest: ['Bw=='],
    });
    const { exports } = await instantiate(both.bytes);
    assert.equal((exports['bits'] as () => number)(), 7);
  });

  it('are merged by their parts: each thing once, calls added up', () => {
    const call = { table: 0, slot: 3, function: 'jit1.f', calls: 5 };
    const one: Profile = {
      schema: PROFILE_SCHEMA,
      workloads: ['a'],
      modules: [{ name: 'jit1', functions: ['f'] }],
      calls: [call],
      guest: ['AQ=='],
    };
    const two: Profile = {
      ...one,
      workloads: ['b', 'a'],
      calls: [
        { ...call, calls: 2 },
        { ...call, slot: 4 },
      ],
      guest: ['Ag=='],
    };
    assert.deepEqual(mergeProfiles([one, two]), {
      schema: 1,
      workloads: ['a', 'b'],
      modules: one.modules,
      calls: [
        { ...call, calls: 7 },
        { ...call, slot: 4 },
      ],
      guest: ['AQ==', 'Ag=='],
    });
    assert.deepEqual(readProfile(writeProfile(two), 'two'), two);
  });

  it('of a guest that has none tell what it made; with the guest’s part, it takes none', async () => {
    const guest = await pushGuest(await wat(GOOD_AUX));
    const warmups: Workload[] = [{ kind: 'call', export: 'warm', args: [] }];
    const profile = await learned(guest, { warmups });
    assert.deepEqual(profile, {
      schema: 1,
      workloads: ['warm()'],
      modules: [{ name: 'good', functions: ['answer'] }],
      guest: [],
    });
    assert.equal(await codeOf(freeze(guest, { profiles: [profile] })), 'none');
    assert.equal(await codeOf(freeze(guest, { profiles: [{ ...profile, guest: ['AQ=='] }] })), 'no-profile');
  });

  it('count calls of slots on request, by whoever makes them, and by what is in the slot', async () => {
    const guest = await pushGuest(
      await wat(GOOD_AUX.replace('(i32.const 42)', '(call_indirect (result i32) (i32.const 0))')),
      {
        table: '(table $t (export "table") 20000 funcref)',
        more: '(func $far (result i32) (i32.const 5)) (elem (i32.const 15000) $far)',
      },
    );
    const apply = (slot: number): Workload => ({ kind: 'call', export: 'apply', args: [String(slot)] });
    const warmups: Workload[] = [
      { kind: 'call', export: 'warm', args: [] },
      apply(1),
      apply(0),
      apply(15000),
    ];
    const counted = await freeze(guest, { warmups, saveProfile: true, countCalls: true, rounds: 2 });
    assert.deepEqual(counted.profile?.calls, [
      { table: 0, slot: 0, function: 'seven', calls: 4 },
      { table: 0, slot: 1, function: 'good.answer', calls: 2 },
      { table: 0, slot: 15000, function: 'far', calls: 2 },
    ]);
    const plain = await freeze(guest, { warmups, saveProfile: true, rounds: 2 });
    assert.equal(plain.profile?.calls, undefined);
    assert.deepEqual(counted.bytes, plain.bytes, 'what is frozen is the same');
    const trapping = freeze(guest, { warmups: [apply(20000)], countCalls: true });
    await assert.rejects(trapping, /table index is out of bounds|undefined element|table access/i);
  });

  it('count calls where a driver brings the guest up, with a table of its own or of JavaScript', async () => {
    const block = await wat(`(module $block (import "e" "t" (table $t 4 funcref))
      (func $f (export "f") (result i32) (call_indirect $t (result i32) (i32.const 0))))`);
    for (const [table, given] of [
      ['(import "e" "t" (table $t 4 funcref)) (export "t" (table $t))', true],
      ['(table $t (export "t") 4 funcref)', false],
    ] as const) {
      const guest = await wat(`(module ${table} (func $seven (result i32) (i32.const 7))
        (elem (table $t) (i32.const 0) func $seven)
        (func (export "apply") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0))))`);
      const driver: Driver = async ({ freeze: handle }) => {
        const made = new WebAssembly.Table({ element: 'anyfunc', initial: 4 });
        const { instance } = await WebAssembly.instantiate(
          Uint8Array.from(guest),
          given ? { e: { t: made } } : {},
        );
        const slots = instance.exports['t'] as WebAssembly.Table;
        handle.guest(instance);
        const { f } = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(block)), {
          e: { t: slots },
        }).exports;
        slots.set(1, f);
        const apply = instance.exports['apply'] as (slot: number) => number;
        assert.deepEqual([apply(1), apply(1), apply(0)], [7, 7, 7]);
        await handle.done();
      };
      const counted = await freezeDriven(driver, { saveProfile: true, countCalls: true });
      assert.deepEqual(counted.profile?.calls, [
        { table: 0, slot: 0, function: 'seven', calls: 3 },
        { table: 0, slot: 1, function: 'block.f', calls: 2 },
      ]);
      const plain = await freezeDriven(driver, { saveProfile: true });
      assert.deepEqual(counted.bytes, plain.bytes, 'what is frozen is the same');
    }
  });

  it('are files on the command line, and what is none is told', async () => {
    const good1 = JSON.stringify({ schema: 1, workloads: [], modules: [], guest: ['AQ=='] });
    const cwd = folder({
      'g.wasm': await wat(BITS),
      'a.json': good1,
      'text.json': 'hello',
      'new.json': good1.replace('1', '2'),
      'bad.json': good1.replace('AQ==', '???'),
    });
    await good(
      [
        'build',
        'g.wasm',
        '--profile',
        'a.json',
        '--warmup',
        'set(2)',
        '--profile-out',
        'b.json',
        '-o',
        'o.wasm',
      ],
      { cwd },
    );
    const written = JSON.parse(readFileSync(join(cwd, 'b.json'), 'utf8')) as Profile;
    assert.deepEqual(written.guest, ['Aw==']);
    for (const [file, says] of [
      ['text.json', /text\.json is no profile: it is no JSON/],
      ['new.json', /new\.json is no profile: its schema is 2, and this freeze knows 1/],
      ['bad.json', /bad\.json is no profile: something in it/],
      ['gone.json', /gone\.json/],
    ] as const) {
      const { code, stderr } = await cli(['build', 'g.wasm', '--profile', file, '-o', 'x.wasm'], { cwd });
      assert.match(stderr, says);
      assert.equal(code, file === 'gone.json' ? 5 : 2);
    }
    const same = await cli(['build', 'g.wasm', '--profile', 'a.json', '--profile-out', 'a.json'], { cwd });
    assert.equal(same.code, 2);
    assert.match(same.stderr, /a\.json/);
  });
});
