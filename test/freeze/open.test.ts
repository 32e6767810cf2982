// Open modules: freeze, thaw, JIT more, freeze again. The second freeze holds the code of both, and
// gives what an interpreter that nobody links for gives, on every engine at hand.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import {
  createWasi,
  type FreezeOptions,
  type Frozen,
  freeze,
  type InstantiateOptions,
  instantiate,
  type LiveGuest,
  type Workload,
} from '../../src/browser.ts';
import { readProvenance } from '../../src/report/provenance.ts';
import type { Module } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { GOOD_AUX, pushGuest } from '../cli/guests.ts';
import { closeEngines, enginesAtHand } from '../engines/engines.ts';
import { root } from '../engines/places.ts';
import { pullGuest } from '../support/pull.ts';
import { wat } from '../support/wat.ts';

after(closeEngines);

type Text = Extract<Workload, { kind: 'program' }>;
const program = (name: string, text: string): Text => ({
  kind: 'program',
  name,
  bytes: new TextEncoder().encode(text),
});
const STUBS = [{ pattern: 'env.throw_error', stub: { kind: 'trap' } }] as const;

/** Guests of three protocols, with two programs that have nothing to do with each other. */
const GUESTS = [
  {
    name: 'scheme',
    how: 'pull',
    stubs: [],
    first: program(
      'fib.scm',
      '(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))\n(define (main) (display (fib 17)) (newline))',
    ),
    second: program(
      'sum.scm',
      '(define (sum n) (do ((i 0 (+ i 1)) (s 0.5 (+ s i))) ((= i n) s)))\n(define (main) (display (sum 3000)) (newline))',
    ),
  },
  {
    name: 'mini',
    how: 'push',
    stubs: [],
    first: program(
      'fib.fs',
      ': fib dup 2 < if exit then dup 1 - recurse swap 2 - recurse + ;\n: main 17 fib . cr ;',
    ),
    second: program('sum.fs', 'variable s : add s @ + s ! ;\n: main 0 s ! 3000 0 do i add loop s @ . cr ;'),
  },
  {
    name: 'lambda',
    how: 'the wasm-jit ABI',
    stubs: STUBS,
    first: program('fib.scm', readFileSync(join(root, 'guests/lambda/fib.scm'), 'utf8').replace('30', '12')),
    second: program('fac.scm', readFileSync(join(root, 'guests/lambda/fac.scm'), 'utf8')),
  },
];

function recording(): { readonly text: () => string; readonly host: NonNullable<FreezeOptions['host']> } {
  let out = '';
  const stdout = (chunk: Uint8Array): void => {
    out += new TextDecoder().decode(chunk);
  };
  return {
    text: () => out,
    host: (compiled) => createWasi({ stdout, random: { kind: 'seeded', seed: 1n } }, compiled),
  };
}

async function live(bytes: Uint8Array, options: InstantiateOptions = {}) {
  const { text, host } = recording();
  return { text, guest: await instantiate(bytes, { jit: true, host, ...options }) };
}

const exported = (module: Module): readonly string[] => module.exports.map(({ name }) => name);
const call = ({ exports }: LiveGuest, name: string, ...args: readonly number[]): unknown =>
  (exports[name] as (...args: readonly number[]) => unknown)(...args);

/** What `one()` and `two()` print, everywhere. */
async function printedOnEngines({ bytes }: Frozen): Promise<ReadonlySet<string>> {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-open-'));
  try {
    const path = join(folder, 'twice.wasm');
    writeFileSync(path, bytes);
    const outputs = new Set<string>();
    for (const engine of await enginesAtHand()) {
      const { stdout } = await engine.run(path, { invoke: [{ name: 'one' }, { name: 'two' }] });
      outputs.add(Buffer.from(stdout).toString());
    }
    return outputs;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('a module frozen with open', () => {
  for (const { name, how, stubs, first, second } of GUESTS) {
    it(`is linked live further, and frozen again with both: ${name}, by ${how}`, async () => {
      const wasm = new Uint8Array(readFileSync(join(root, 'guests', name, `${name}.wasm`)));
      const plain = await live(wasm, { jit: false, stubs });
      for (const one of [first, second]) plain.guest.run(plain.guest.load(one));
      const expected = plain.text();

      const one = { name: 'one', workload: first };
      const once = await freeze(wasm, { open: true, stubs, warmups: [first], entries: [one] });
      assert.ok(once.report.linked.functions > 0);
      const thawed = await live(once.bytes);
      assert.equal(thawed.guest.linked(), 0);
      call(thawed.guest, 'one');
      const loaded = thawed.guest.load(second);
      thawed.guest.run(loaded);
      assert.equal(thawed.text(), expected);
      thawed.guest.run(loaded);
      assert.ok(thawed.guest.linked() > 0, 'it makes more code');

      const two = { name: 'two', workload: second };
      // Sealed, the guest would compile all of it once more, and the code of before would be gone.
      const twice = await freeze(once.bytes, { seal: false, warmups: [second], entries: [two] });
      assert.ok(twice.report.linked.functions > 0);
      assert.deepEqual(twice.report.warnings, []);
      assert.deepEqual([...(await printedOnEngines(twice))], [expected]);
      const [before, now] = [once, twice].map(({ bytes }) => readProvenance(parse(bytes)));
      assert.ok(before && now);
      assert.equal(before.open, true);
      assert.equal(now.open, undefined);
      const names = now.auxes.map((aux) => aux.name);
      assert.equal(new Set(names).size, names.length);
      assert.deepEqual(
        names.slice(0, before.auxes.length),
        before.auxes.map((aux) => aux.name),
      );
      assert.ok(names.length > before.auxes.length);
    });
  }

  it('has the import that hands code over, which a host gives; any other has not', async () => {
    const guest = await pushGuest(await wat(GOOD_AUX));
    const [open, shut] = [await freeze(guest, { open: true }), await freeze(guest)];
    assert.deepEqual(
      parse(open.bytes).imports.map((item) => `${item.module}.${item.name}`),
      ['freeze.link'],
    );
    assert.deepEqual(parse(shut.bytes).imports, []);
    const linking = await instantiate(open.bytes, { jit: true });
    call(linking, 'warm');
    assert.equal(call(linking, 'apply', 1), 42);
    for (const [bytes, options] of [
      [open.bytes, { jit: false }],
      [shut.bytes, { jit: true }],
    ] as const) {
      const told = await instantiate(bytes, options);
      call(told, 'warm');
      assert.equal(call(told, 'status'), 1);
    }
  });

  it('gives later modules what earlier ones exported, by their names', async () => {
    const lib = `(module (global (export "n") (mut i32) (i32.const 5))
      (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))`;
    const user = `(module (import "lib/a" "twice" (func $twice (param i32) (result i32)))
      (import "lib/a" "n" (global $n (mut i32))) (import "env" "table" (table 1 funcref)) (elem (i32.const 1) $f)
      (func $f (result i32) (global.set $n (i32.add (global.get $n) (i32.const 1))) (call $twice (global.get $n))))`;
    // The guest hands its second module over when it is allowed to.
    const text = (
      await pullGuest(
        [{ name: 'lib/a', code: lib }, { code: user }],
        `(global $more (mut i32) (i32.const 1)) (func (export "allow") (global.set $more (i32.const 2)))
        (type $i (func (result i32))) (func (export "run") (result i32) (call_indirect (type $i) (i32.const 1)))`,
      )
    ).replace('(i32.const 2))\n        (then', '(global.get $more))\n        (then');
    const once = await freeze(await wat(text), { open: true });
    assert.equal(once.report.modules.length, 1);
    const allow: Workload = { kind: 'call', export: 'allow', args: [] };
    const twice = await freeze(once.bytes, { open: true, warmups: [allow] });
    assert.deepEqual(
      twice.report.modules.map(({ linked }) => linked),
      [true],
    );
    const linking = await instantiate(once.bytes, { jit: true });
    call(linking, 'allow');
    const frozen = await instantiate(twice.bytes);
    const expected = [12, 14];
    assert.deepEqual([call(linking, 'run'), call(linking, 'run')], expected);
    assert.deepEqual([call(frozen, 'run'), call(frozen, 'run')], expected);
    const shut = parse((await freeze(once.bytes, { warmups: [allow] })).bytes);
    assert.deepEqual(
      exported(shut).filter((name) => name.startsWith('freeze:')),
      [],
    );
  });

  it('runs the after-restore hook once in each instance, whichever freeze it comes from', async () => {
    const text = `(module (memory (export "memory") 1)
      (global $restored (mut i32) (i32.const 0))
      (func (export "freeze_contract") (result i32) (i32.const 1))
      (func (export "freeze_after_restore") (global.set $restored (i32.add (global.get $restored) (i32.const 1))))
      (func (export "restored") (result i32) (global.get $restored)))`;
    const restored = async (bytes: Uint8Array): Promise<unknown> => {
      const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>);
      const { restored: count } = instance.exports;
      assert.ok(typeof count === 'function');
      count();
      return count();
    };
    const once = await freeze(await wat(text), { open: true });
    assert.equal(await restored(once.bytes), 1);
    // The build of the second is an instance of the first.
    const twice = await freeze(once.bytes, { open: true });
    assert.equal(await restored(twice.bytes), 2);
    const thrice = await freeze(twice.bytes);
    assert.equal(await restored(thrice.bytes), 3);
    assert.deepEqual(
      exported(parse(thrice.bytes)).filter((name) => name.startsWith('freeze:')),
      [],
    );
    const entry = { name: 'go', workload: { kind: 'call', export: 'restored', args: [] } } as const;
    const command = await freeze(twice.bytes, { entries: [entry], command: 'go' });
    assert.ok(!exported(parse(command.bytes)).includes('_initialize'));
  });

  it('that is not open is told to be shut when it is frozen again', async () => {
    const once = await freeze(await pushGuest(await wat(GOOD_AUX)));
    const { report } = await freeze(once.bytes);
    assert.equal(report.warnings.length, 1);
    assert.equal(report.warnings[0]?.code, 'frozen-before');
  });
});
