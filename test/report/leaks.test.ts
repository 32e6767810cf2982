// What a leak is, and what only looks like one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { anyGlob } from '../../src/glob.ts';
import { type Canary, findLeaks, type LeakReport } from '../../src/report/leaks.ts';
import type { Module } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { bytesLiteral, wat } from '../support/wat.ts';

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const wide = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'utf16le'));

const canary = (name: string, value: string): Canary => ({
  name,
  value,
  remedy: `drop ${name}`,
  given: true,
});

/** A module whose memory holds these bytes at 4096, as a snapshot would write it: no zeros at its ends. */
async function holding(bytes: Uint8Array): Promise<Module> {
  const start = bytes.findIndex((byte) => byte !== 0);
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const data = bytesLiteral(bytes.subarray(start, end));
  return parse(await wat(`(module (memory 1) (data (i32.const ${4096 + start}) ${data}))`));
}

interface Question {
  readonly canaries?: readonly Canary[];
  readonly random?: readonly Uint8Array[];
  readonly allowed?: readonly string[];
  readonly guest?: Uint8Array;
  readonly programs?: readonly Uint8Array[];
}

async function leaksIn(bytes: Uint8Array, question: Question): Promise<LeakReport> {
  return findLeaks(await holding(bytes), {
    canaries: question.canaries ?? [],
    draws: (question.random ?? []).map((draw) => ({ bytes: draw, stack: [] })),
    allowed: anyGlob(question.allowed ?? []),
    guest: await holding(question.guest ?? text('nothing')),
    programs: question.programs ?? [],
  });
}

const placesOf = (report: LeakReport): readonly string[] =>
  report.found.map(({ names, places }) => `${names} ${places.map(({ address }) => address)}`);

test('a value stands in memory, in UTF-8 and in UTF-16, and its address is told', async () => {
  const canaries = [canary('env:KEY', 'sécret-key')];
  assert.deepEqual(placesOf(await leaksIn(text('ab sécret-key'), { canaries })), ['env:KEY 4099']);
  assert.deepEqual(placesOf(await leaksIn(wide('ab sécret-key'), { canaries })), ['env:KEY 4102']);
  assert.deepEqual(placesOf(await leaksIn(text('ab sécret-kex'), { canaries })), []);
});

test('a short value counts as a word alone, and a very short one or a number not at all', async () => {
  const canaries = [canary('user', 'alice'), canary('env:X', 'abc'), canary('env:N', '1234567')];
  const report = await leaksIn(text('malice alices alice_ abc 1234567 /alice/'), { canaries });
  assert.deepEqual(placesOf(report), ['user 4130']);
  assert.deepEqual(report.skipped, [
    { name: 'env:X', why: 'short' },
    { name: 'env:N', why: 'short' },
  ]);
  assert.deepEqual(placesOf(await leaksIn(wide('malice alice'), { canaries })), ['user 4110']);
});

test('what stands in the guest or in a program is no leak', async () => {
  const canaries = [canary('env:MODE', 'production')];
  const bytes = text('in production');
  assert.equal((await leaksIn(bytes, { canaries })).found.length, 1);
  for (const given of [{ guest: text('for production') }, { programs: [text('(production)')] }]) {
    const report = await leaksIn(bytes, { canaries, ...given });
    assert.deepEqual(report.found, []);
    assert.deepEqual(report.skipped, [{ name: 'env:MODE', why: 'in the input' }]);
  }
});

test('one value with several names is one leak, allowed by any of them', async () => {
  const canaries = [canary('env:HOME', '/home/somebody'), canary('home', '/home/somebody')];
  const report = await leaksIn(text('/home/somebody/x /home/somebody'), { canaries, allowed: ['ho*'] });
  const [leak] = report.found;
  assert.deepEqual(leak?.names, ['env:HOME', 'home']);
  assert.equal(leak?.count, 2);
  assert.equal(leak?.allowed, true);
  assert.equal((await leaksIn(text('/home/somebody'), { canaries })).found[0]?.allowed, false);
});

test('random bytes: whole, in part, and where they begin or end with zeros', async () => {
  const draw = Uint8Array.from({ length: 100 }, (_, i) => (i * 83 + 5) & 0xff);
  const random = [draw];
  assert.deepEqual(placesOf(await leaksIn(draw, { random })), ['random 4096']);
  assert.deepEqual(placesOf(await leaksIn(draw.slice(16, 60), { random })), ['random 4096']);
  assert.deepEqual(placesOf(await leaksIn(draw.slice(70), { random })), ['random 4106']);
  const zeros = Uint8Array.of(0, 0, 9, 8, 7, 6, 5, 0);
  assert.deepEqual(placesOf(await leaksIn(zeros, { random: [zeros] })), ['random 4098']);
  assert.deepEqual(placesOf(await leaksIn(text('none of it here'), { random })), []);
});

test('a region is told: data segments by name, the stack, what lies behind', async () => {
  const guest = parse(
    await wat(`(module (memory 2) (global $__stack_pointer (mut i32) (i32.const 1024))
      (data $.rodata (i32.const 1024) "0123456789abcdef"))`),
  );
  const image = parse(
    await wat(`(module (memory 2) (data (i32.const 1000) "the-secret") (data (i32.const 1026) "the-secret")
      (data (i32.const 5000) "the-secret"))`),
  );
  const question = {
    canaries: [canary('env:S', 'the-secret')],
    draws: [],
    allowed: anyGlob([]),
    programs: [],
  };
  assert.deepEqual(
    findLeaks(image, { ...question, guest }).found[0]?.places.map(({ region }) => region),
    ['stack', 'data segment .rodata', 'behind the data segments: heap or zeroed data'],
  );
});
