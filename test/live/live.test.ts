// The live runtime: a guest whose code is linked gives what it gives where nobody links.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bundle } from '../../bench/bundle.ts';
import {
  createWasi,
  GuestError,
  type InstantiateOptions,
  instantiate,
  type LinkEvent,
  type LiveGuest,
  MalformedError,
  UnsupportedError,
} from '../../src/browser.ts';
import { GOOD_AUX, pushGuest } from '../cli/guests.ts';
import { browserAtHand, inPage } from '../engines/page.ts';
import { root } from '../engines/places.ts';
import { pullGuest } from '../support/pull.ts';
import { wat } from '../support/wat.ts';

const file = (name: string): Uint8Array => new Uint8Array(readFileSync(join(root, 'guests', name)));

const GUESTS = [
  { wasm: 'scheme/scheme.wasm', program: 'scheme/bench/nqueens.scm', by: 'pull' },
  { wasm: 'mini/mini.wasm', program: 'mini/programs/fib.fs', by: 'push' },
  { wasm: 'lambda/lambda.wasm', program: 'lambda/fac.scm', by: 'the wasm-jit ABI' },
];

type Func = (...args: readonly (number | bigint)[]) => number;
const call = ({ exports }: LiveGuest, name: string, ...args: readonly number[]): number =>
  (exports[name] as Func)(...args);

/** What a program prints in three runs, and how many modules were linked. */
async function printed(wasm: Uint8Array, program: Uint8Array, jit: boolean): Promise<[string, number]> {
  let out = '';
  const guest = await instantiate(wasm, {
    jit,
    host: (compiled) => createWasi({ stdout: (chunk) => (out += new TextDecoder().decode(chunk)) }, compiled),
    imports: { env: { throw_error: () => assert.fail('the guest threw') } },
  });
  const loaded = guest.load({ name: 'program', bytes: program });
  for (let run = 0; run < 3; run++) guest.run(loaded);
  return [out, guest.linked()];
}

async function pulled(modules: Parameters<typeof pullGuest>[0], options: InstantiateOptions, fields = '') {
  const events: LinkEvent[] = [];
  const text = await pullGuest(modules, `${CALLERS} ${fields}`);
  const guest = await instantiate(await wat(text), {
    jit: true,
    onLink: (event) => events.push(event),
    ...options,
  });
  return { guest, events };
}

const CALLERS = `(type $i (func (result i32)))
  (func (export "run") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))
  (func (export "nothing"))`;

const slot = (index: number, body: string, more = ''): string =>
  `(module ${more} (import "env" "table" (table 1 funcref))
    (elem (i32.const ${index}) $f) (func $f (export "f") (result i32) ${body}))`;

describe('instantiate', () => {
  for (const { wasm, program, by } of GUESTS) {
    it(`links what ${wasm} hands over by ${by}`, async () => {
      const [interpreted, none] = await printed(file(wasm), file(program), false);
      const [live, linked] = await printed(file(wasm), file(program), true);
      assert.equal(live, interpreted);
      assert.ok(interpreted.length > 0);
      assert.equal(none, 0);
      assert.ok(linked > 0);
    });
  }

  it('asks for code when a call has come back, or by hand', async () => {
    const modules = [{ code: slot(1, '(i32.const 11)') }];
    const { guest } = await pulled(modules, {});
    assert.equal(guest.linked(), 0);
    call(guest, 'nothing');
    assert.equal(guest.linked(), 1);
    assert.equal(call(guest, 'run', 1), 11);
    const { guest: byHand } = await pulled(modules, { poll: 'by-hand' });
    call(byHand, 'nothing');
    assert.throws(() => call(byHand, 'run', 1), WebAssembly.RuntimeError);
    assert.equal(byHand.poll(), 1);
    assert.equal(byHand.poll(), 0);
    assert.equal(call(byHand, 'run', 1), 11);
  });

  it('is not asked in the middle of a call, nor after one that trapped', async () => {
    let guest: LiveGuest | undefined;
    let inside = -1;
    const text = `(module (import "env" "callback" (func $callback))
      (memory (export "memory") 1)
      (global $polls (mut i32) (i32.const 0))
      (func (export "freeze_contract") (result i32) (i32.const 1))
      (func (export "freeze_poll") (result i32)
        (global.set $polls (i32.add (global.get $polls) (i32.const 1))) (i32.const 0))
      (func (export "polls") (result i32) (global.get $polls))
      (func (export "outer") (call $callback))
      (func (export "trap") unreachable))`;
    const callback = (): void => {
      assert.ok(guest);
      call(guest, 'polls');
      inside = call(guest, 'polls');
    };
    guest = await instantiate(await wat(text), { jit: true, imports: { env: { callback } } });
    call(guest, 'outer');
    assert.equal(inside, 0);
    assert.equal(call(guest, 'polls'), 1);
    assert.throws(() => guest && call(guest, 'trap'), WebAssembly.RuntimeError);
    assert.equal(call(guest, 'polls'), 2);
  });

  it('tells the guest how it went, and the host why', async () => {
    const modules = [
      { code: slot(1, '(i32.const 1)') },
      { code: new Uint8Array([0, 1, 2]) },
      { code: '(module (import "env" "gone" (func)))' },
      { code: '(module (import "env" "nothing" (func (param i64))))' },
      { code: slot(999, '(i32.const 1)') },
      { code: '(module (func $f unreachable) (start $f))' },
    ];
    const { guest, events } = await pulled(modules, { limits: { modules: 2, bytes: 1000 } });
    assert.equal(guest.poll(), 6);
    assert.deepEqual(
      modules.map((_, i) => call(guest, 'status', i)),
      [0, 2, 3, 3, 4, 4],
    );
    assert.equal(events.length, 6);
    assert.match(events[2]?.outcome.error?.message ?? '', /imports "env" "gone", which nothing gives/);
    const few = await pulled([modules[0], modules[0]] as typeof modules, {
      limits: { modules: 1, bytes: 1000 },
    });
    few.guest.poll();
    assert.equal(call(few.guest, 'status', 1), 5);
  });

  it('a module imports slots, and exports of earlier ones by their names', async () => {
    const { guest, events } = await pulled(
      [
        { name: 'lib', code: slot(1, '(i32.const 20)') },
        { code: slot(2, '(i32.add (call $g) (call $s))', USES_LIB) },
      ],
      {},
    );
    call(guest, 'nothing');
    assert.deepEqual(
      events.map(({ name }) => name),
      ['lib', 'jit2'],
    );
    assert.equal(call(guest, 'run', 2), 40);
  });

  it('a module that is pushed has the name of its own name section', async () => {
    const events: LinkEvent[] = [];
    const guest = await instantiate(await pushGuest(await wat(GOOD_AUX)), {
      jit: true,
      onLink: (event) => events.push(event),
    });
    call(guest, 'warm');
    assert.equal(call(guest, 'apply', 1), 42);
    assert.deepEqual(
      events.map(({ name }) => name),
      ['good'],
    );
  });

  it('without jit, a guest is told that nobody links, and keeps its exports as they are', async () => {
    const guest = await instantiate(await pushGuest(await wat(GOOD_AUX)));
    call(guest, 'warm');
    assert.equal(call(guest, 'status'), 1);
    assert.deepEqual(Object.keys(guest.exports), ['memory', 'table', 'apply', 'seven', 'warm', 'status']);
    assert.equal(guest.poll(), 0);
  });

  it('bad input has the errors of a build', async () => {
    await assert.rejects(instantiate(new Uint8Array(3)), MalformedError);
    await assert.rejects(instantiate(await wat('(module (import "a" "m" (memory 1)))')), UnsupportedError);
    await assert.rejects(instantiate(await wat('(module (import "a" "f" (func)))')), /a\.f/);
    const trapping = instantiate(await wat('(module (func $f unreachable) (start $f))'), { jit: true });
    await assert.rejects(trapping, GuestError);
  });

  it('does all that in a browser', { skip: browserAtHand() ? false : 'no Chromium at hand' }, async () => {
    const { code } = await bundle('browser.js', ['instantiate', 'createWasi'], true);
    for (const { wasm, program } of GUESTS) {
      const [expected, linked] = await printed(file(wasm), file(program), true);
      const base64 = (name: string): string => Buffer.from(file(name)).toString('base64');
      const expression = `(${inBrowser.toString()})(freeze, '${base64(wasm)}', '${base64(program)}')`;
      assert.deepEqual(await inPage(code, expression), [expected, linked], wasm);
    }
  });
});

const USES_LIB = '(import "lib" "f" (func $g (result i32))) (import "slot" "1" (func $s (result i32)))';

/** `printed`, in a page. */
async function inBrowser(
  freeze: { readonly instantiate: typeof instantiate; readonly createWasi: typeof createWasi },
  wasm: string,
  program: string,
): Promise<unknown> {
  const bytes = (text: string): Uint8Array => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  let out = '';
  const stdout = (chunk: Uint8Array): void => {
    out += new TextDecoder().decode(chunk);
  };
  const guest = await freeze.instantiate(bytes(wasm), {
    jit: true,
    host: (compiled) => freeze.createWasi({ stdout }, compiled),
    imports: { env: { throw_error: () => {} } },
  });
  const loaded = guest.load({ name: 'program', bytes: bytes(program) });
  for (let run = 0; run < 3; run++) guest.run(loaded);
  return [out, guest.linked()];
}
