// What a leak is, and what only looks like one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { anyGlob } from '../../src/glob.ts';
import { type Canary, findLeaks, type LeakReport, leakWarning, refuseLeaks } from '../../src/report/leaks.ts';
import { symbolsOf } from '../../src/report/memory/symbols.ts';
import type { Module } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { root } from '../engines/places.ts';
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
  readonly drawn?: number;
  readonly allowed?: readonly string[];
  readonly guest?: Uint8Array;
  readonly programs?: readonly Uint8Array[];
}

async function leaksIn(bytes: Uint8Array, question: Question): Promise<LeakReport> {
  return findLeaks(await holding(bytes), {
    canaries: question.canaries ?? [],
    draws: (question.random ?? []).map((draw) => ({ bytes: draw, stack: [] })),
    drawn: question.drawn ?? (question.random ?? []).reduce((sum, draw) => sum + draw.length, 0),
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
  // A file that is given twice, as a program and as an entry, has one name.
  const twice = [canary('path:app.scm', '/home/of/app.scm'), canary('path:app.scm', '/home/of/app.scm')];
  const [file] = (await leaksIn(text('/home/of/app.scm'), { canaries: twice })).found;
  assert.deepEqual(file?.names, ['path:app.scm']);
});

test('random bytes: whole, in part, and where they begin or end with zeros', async () => {
  const draw = Uint8Array.from({ length: 100 }, (_, i) => (i * 83 + 5) & 0xff);
  const random = [draw];
  assert.deepEqual(placesOf(await leaksIn(draw, { random })), ['random 4096']);
  assert.deepEqual(placesOf(await leaksIn(draw.slice(16, 60), { random })), ['random 4096']);
  assert.deepEqual(placesOf(await leaksIn(draw.slice(70), { random })), ['random 4098']);
  const zeros = Uint8Array.of(0, 0, 9, 8, 7, 6, 5, 0);
  assert.deepEqual(placesOf(await leaksIn(zeros, { random: [zeros] })), ['random 4098']);
  assert.deepEqual(placesOf(await leaksIn(text('none of it here'), { random })), []);
});

test('random bytes: a word of them alone, in a global, and who drew what of those that stand side by side', async () => {
  const draw = Uint8Array.from({ length: 16 }, (_, i) => (i * 83 + 5) & 0xff);
  assert.deepEqual(placesOf(await leaksIn(draw.slice(8), { random: [draw] })), ['random 4096']);
  const word = new DataView(draw.buffer).getBigInt64(8, true);
  const module = parse(
    await wat(`(module (memory 1) (global (mut i32) (i32.const 3)) (global (mut i64) (i64.const ${word}))
      (data (i32.const 64) ${bytesLiteral(draw)}))`),
  );
  const nothing = { canaries: [], allowed: anyGlob([]), guest: parse(await wat('(module)')), programs: [] };
  const [key, seed] = [
    { bytes: draw.slice(0, 8), stack: ['key'] },
    { bytes: draw.slice(8), stack: ['libc', 'seed', 'main'] },
  ];
  const report = findLeaks(module, { ...nothing, draws: [key, seed] as const, drawn: 16 });
  const heap = 'heap, and static data without a segment';
  assert.deepEqual(report.found[0]?.places, [
    { memory: 0, address: 64, region: heap, drawnBy: ['key'] },
    { memory: 0, address: 72, region: heap, drawnBy: ['libc', 'seed', 'main'] },
    { address: 0, region: 'global 1', drawnBy: ['libc', 'seed', 'main'] },
  ]);
  const [leak] = report.found;
  assert.ok(leak !== undefined);
  assert.match(
    leakWarning(leak).message,
    /^random stands in the module, at 0x40 \(heap.*, drawn by key\), 0x48 \(heap.*, drawn by libc < seed\), 0x0 \(global 1, drawn by libc < seed\)$/,
  );
  assert.throws(() => refuseLeaks(report, anyGlob([])), /random at 0x40 \(heap.*, drawn by key\)$/);
  assert.doesNotThrow(() => refuseLeaks({ ...report, found: [{ ...leak, allowed: true }] }, anyGlob([])));
});

test('random bytes that are too few, or too many, to be looked for are told', async () => {
  const short = await leaksIn(text('nothing'), { random: [Uint8Array.of(1, 2, 3)] });
  assert.deepEqual(short.skipped, [{ name: 'random', why: 'short' }]);
  assert.doesNotThrow(() => refuseLeaks(short, anyGlob([])));
  const many = await leaksIn(text('nothing'), { random: [Uint8Array.of(1, 2, 3, 4)], drawn: 5 });
  assert.deepEqual(many.skipped, [{ name: 'random', why: 'many' }]);
  assert.throws(() => refuseLeaks(many, anyGlob([])), /--fail-on-leak\): random, of which more was drawn/);
  assert.doesNotThrow(() => refuseLeaks(many, anyGlob(['random'])));
});

test('a symbol is told, where the guest has DWARF', async () => {
  const guest = parse(readFileSync(join(root, 'guests', 'traced', 'traced.wasm')));
  const symbol = symbolsOf(guest).find(({ name }) => name === 'pool');
  assert.ok(symbol !== undefined);
  const image = parse(await wat(`(module (memory 2) (data (i32.const ${symbol.start + 4}) "the-secret"))`));
  const canaries = [canary('env:S', 'the-secret')];
  const question = { canaries, draws: [], drawn: 0, allowed: anyGlob([]), programs: [], guest };
  const [leak] = findLeaks(image, question).found;
  assert.deepEqual(
    leak?.places.map((place) => place.symbol),
    ['pool'],
  );
  assert.match(leak === undefined ? '' : leakWarning(leak).message, /, pool\)$/);
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
    drawn: 0,
    allowed: anyGlob([]),
    programs: [],
  };
  assert.deepEqual(
    findLeaks(image, { ...question, guest }).found[0]?.places.map(({ region }) => region),
    ['stack', 'data .rodata', 'heap, and static data without a segment'],
  );
});
