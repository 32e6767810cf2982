// guests/mini three ways: interpreted (nobody links), live, frozen. Whatever a program prints, and
// however it fails, is the same in all of them.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Frozen, freeze } from '../../src/freeze.ts';
import { Guest, type LinkEvent } from '../../src/host/guest.ts';
import { createWasi, type RandomSource } from '../../src/host/wasi/wasi.ts';
import { DEFAULT_LIMITS } from '../../src/options.ts';
import { protocolFor } from '../../src/protocols/detect.ts';
import { stubbedImports } from '../../src/stubs.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { Workload } from '../../src/workloads.ts';
import { closeEngines, enginesAtHand } from '../engines/engines.ts';

const folder = new URL('../../../guests/mini/', import.meta.url);
const read = (file: string): Uint8Array => new Uint8Array(readFileSync(fileURLToPath(new URL(file, folder))));
const mini = read('mini.wasm');
/** FREEZE_UNAVAILABLE. */
const NOBODY_LINKS = [{ pattern: 'freeze.link', stub: { kind: 'const', value: 1n } } as const];

after(closeEngines);

test('it is short enough to be read: under 600 lines', () => {
  const sources = readdirSync(fileURLToPath(folder)).filter((file) => /\.[ch]$/.test(file));
  const lines = sources.flatMap((file) => new TextDecoder().decode(read(file)).split('\n'));
  assert.equal(lines.filter((line) => line.trim() !== '').length, 599);
});

type Text = Extract<Workload, { kind: 'program' }>;
const program = (text: string, name = 'p.fs'): Text => ({
  kind: 'program',
  name,
  bytes: new TextEncoder().encode(text),
});
const shipped = (name: string): Text => ({ kind: 'program', name, bytes: read(`programs/${name}`) });

/** What one run comes to. */
interface Outcome {
  readonly status: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

class Streams {
  stdout = '';
  stderr = '';
  readonly options = {
    stdout: (chunk: Uint8Array): void => {
      this.stdout += Buffer.from(chunk).toString('latin1');
    },
    stderr: (chunk: Uint8Array): void => {
      this.stderr += Buffer.from(chunk).toString('latin1');
    },
  };

  take(status: unknown): Outcome {
    const { stdout, stderr } = this;
    this.stdout = this.stderr = '';
    return { status, stdout, stderr };
  }
}

interface Running {
  readonly run: () => Outcome;
  readonly guest: Guest;
  readonly linked: LinkEvent[];
}

async function start(text: Text, links: boolean): Promise<Running> {
  const module = parse(mini);
  const streams = new Streams();
  const linked: LinkEvent[] = [];
  const guest = await Guest.start({
    module,
    host: (compiled) => createWasi(streams.options, compiled),
    stubs: links ? new Map() : stubbedImports(module, NOBODY_LINKS),
    limits: DEFAULT_LIMITS,
    skipBadModules: false,
    onLink: (event) => linked.push(event),
  });
  guest.call('_initialize', [], 'in _initialize');
  const call = protocolFor(guest, undefined).load(guest, text);
  return { run: () => streams.take(guest.call(call.export, call.args, 'in a run')), guest, linked };
}

const frozenFrom = (text: Text, ...warmups: readonly Text[]): Promise<Frozen> =>
  freeze(mini, { loads: [text], warmups, entries: [{ name: 'main', workload: text }] });

interface Thawed {
  readonly main: () => Outcome;
  readonly exports: WebAssembly.Exports;
  readonly streams: Streams;
}

async function thaw({ bytes }: Frozen, random: RandomSource = { kind: 'denied' }): Promise<Thawed> {
  const streams = new Streams();
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await createWasi({ ...streams.options, random }, compiled);
  const instance = await WebAssembly.instantiate(compiled, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  const main = instance.exports['main'] as () => number;
  return { main: () => streams.take(main()), exports: instance.exports, streams };
}

const printed = (stdout: string): Outcome => ({ status: 0, stdout, stderr: '' });

for (const name of ['fib.fs', 'sieve.fs', 'mandel.fs']) {
  test(`${name} prints the same interpreted, live, and frozen on every engine at hand`, async (t) => {
    const text = shipped(name);
    const interpreted = await start(text, false);
    const live = await start(text, true);
    const expected = interpreted.run();
    assert.equal(expected.status, 0);
    for (let turn = 0; turn < 2; turn++) {
      assert.deepEqual(interpreted.run(), expected);
      assert.deepEqual(live.run(), expected);
    }
    assert.deepEqual(interpreted.linked, []);
    assert.ok(live.linked.length > 0);

    const frozen = await frozenFrom(text, text);
    assert.ok(frozen.report.linked.functions > 0);
    assert.deepEqual(frozen.report.warnings, []);
    assert.ok(!frozen.report.output.imports.includes('freeze.link'));
    assert.deepEqual((await thaw(frozen)).main(), expected);
    const scratch = mkdtempSync(join(tmpdir(), 'freeze-mini-'));
    t.after(() => rmSync(scratch, { recursive: true }));
    const file = join(scratch, 'frozen.wasm');
    writeFileSync(file, frozen.bytes);
    for (const engine of await enginesAtHand()) {
      const { stdout, stderr, results } = await engine.run(file, { invoke: [{ name: 'main', repeat: 2 }] });
      assert.deepEqual(
        { stdout, stderr, results },
        { stdout: expected.stdout.repeat(2), stderr: '', results: [['0'], ['0']] },
        engine.name,
      );
    }
  });
}

test('a word takes along what it calls, and imports what was compiled before', async () => {
  const text = `
    : one 1 ; : warm 300 0 do one drop loop ;
    : two one one + ; : main warm 300 0 do two drop loop two . ;`;
  const live = await start(program(text), true);
  assert.deepEqual(live.run(), printed('2 '));
  // First `warm` with `one`, then `main` with `two`; `fail` and `step` are imported by all.
  const imports = live.guest.linker.auxes.map((aux) =>
    aux.module.imports.filter((one) => one.module === 'slot'),
  );
  assert.deepEqual(
    imports.map((slots) => slots.length),
    [2, 4],
  );
});

test('what a program leaves in its variables is there after the thaw', async () => {
  const count = program('variable n : main n @ 1 + dup n ! . ;');
  const frozen = await frozenFrom(count, count);
  assert.equal(frozen.report.rounds.filter(({ sealing }) => sealing !== true).length, 1);
  const { main } = await thaw(frozen);
  assert.deepEqual([main(), main()], [printed('2 '), printed('3 ')]);
});

test('a frozen module still takes programs: nobody links, so they are interpreted', async () => {
  const text0 = shipped('fib.fs');
  const sealed = await frozenFrom(text0, text0);
  assert.deepEqual(
    Object.keys((await thaw(sealed)).exports).filter((name) => name.startsWith('freeze_')),
    [],
  );
  const frozen = await freeze(mini, {
    warmups: [text0],
    entries: [{ name: 'main', workload: text0 }],
    keep: ['freeze_*'],
  });
  const { exports, streams } = await thaw(frozen);
  const call = (name: string, ...args: readonly number[]): number =>
    (exports[name] as (...args: readonly number[]) => number)(...args);
  const text = new TextEncoder().encode(': main 0 1000 0 do i + loop . ;');
  const address = call('freeze_alloc', text.length);
  new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer).set(text, address);
  const handle = call('freeze_load', address, 1, address, text.length);
  assert.ok(handle > 0);
  assert.deepEqual(streams.take(call('freeze_run', handle)), printed('499500 '));
});

test('random draws nothing while it is warmed up, and a seed in each instance that uses it', async () => {
  const dice = program(': main 500 0 do 1000000 random drop loop 6 0 do 1000000 random . loop ;');
  const frozen = await frozenFrom(dice, dice);
  assert.equal(frozen.report.randomBytes, 0);
  const roll = async (seed: bigint): Promise<Outcome> =>
    (await thaw(frozen, { kind: 'seeded', seed })).main();
  assert.deepEqual(await roll(1n), await roll(1n));
  assert.notDeepEqual(await roll(1n), await roll(2n));
  assert.match((await roll(3n)).stdout, /^(\d{1,6} ){6}$/);
});

const RUN_ERRORS: readonly (readonly [text: string, stderr: string])[] = [
  [': main\n 1 2\n + + ;', 'p.fs:3: stack underflow, in main'],
  [': f 0 / ;\n: main 1 f ;', 'p.fs:1: division by zero, in f'],
  [': main 5 0 mod ;', 'p.fs:1: division by zero, in main'],
  [': main 0 1 - @ ;', 'p.fs:1: an address outside of the data space, in main'],
  [': main 7 262144 ! ;', 'p.fs:1: an address outside of the data space, in main'],
  [': f recurse 1 ; : main f ;', 'p.fs:1: calls are nested too deeply, in f'],
  [': main begin 1 0 until ;', 'p.fs:1: stack overflow, in main'],
  [': main 100000 0 do i loop ;', 'p.fs:1: stack overflow, in main'],
  [': main 0 random . ;', 'p.fs:1: random below a number that is not above 0, in main'],
];

for (const [text, message] of RUN_ERRORS) {
  test(`${message}: the same from generated code, and the guest goes on`, async () => {
    // Fine at first, so that it is warm: it goes wrong from the 401st run on.
    const guarded = `variable n\n${text.replace(': main', ': go')}\n`;
    const late = program(`${guarded}: main n @ 1 + n ! n @ 400 > if go then 7 . ;`);
    const runs = async (links: boolean): Promise<readonly Outcome[]> => {
      const running = await start(late, links);
      const outcomes = Array.from({ length: 403 }, running.run);
      assert.equal(running.linked.length > 0, links);
      return outcomes;
    };
    const interpreted = await runs(false);
    assert.deepEqual(interpreted[399], printed('7 '));
    const line = message
      .replace(/:(\d):/, (_, n: string) => `:${Number(n) + 1}:`)
      .replace('in main', 'in go');
    assert.deepEqual(interpreted[400], { status: 1, stdout: '', stderr: `${line}\n` });
    assert.deepEqual(await runs(true), interpreted);

    const warmups = Array.from({ length: 250 }, () => late);
    const frozen = await freeze(mini, {
      loads: [late],
      warmups,
      rounds: 1,
      entries: [{ name: 'main', workload: late }],
    });
    assert.ok(frozen.report.linked.functions > 0);
    const { main } = await thaw(frozen);
    for (const outcome of interpreted.slice(warmups.length)) assert.deepEqual(main(), outcome);
  });
}

const LOAD_ERRORS: readonly (readonly [text: string, message: string])[] = [
  ['\n: main 1 foo ;', 'p.fs:2: no such word: foo'],
  [': main 2147483648 ;', 'p.fs:1: this number has more than 32 bits: 2147483648'],
  [': main if ;', 'p.fs:1: something before this is not closed: ;'],
  [': main then ;', 'p.fs:1: this closes nothing: then'],
  [': main begin while until ;', 'p.fs:1: this closes nothing: until'],
  [': main i ;', 'p.fs:1: this is in no loop: i'],
  [': main 1', 'p.fs:1: the last definition has no ;'],
  ['1 2 +', 'p.fs:1: only declarations stand outside of definitions: +'],
  ['array x', 'p.fs:1: a number must stand before this: x'],
  ['300000 array x', 'p.fs:1: there is no room for this: x'],
  [': x 1 ;', 'p.fs:1: there is no word main'],
  [': main ." a\nb', 'p.fs:1: this goes on to the end of the file: ."'],
  [`: main ${'1 '.repeat(1100)};`, 'p.fs:1: this word is too long: 1'],
  [': main : x ;', 'p.fs:1: this cannot stand in a definition: :'],
  [';', 'p.fs:1: only declarations stand outside of definitions: ;'],
];

for (const [text, message] of LOAD_ERRORS) {
  test(`a program is refused with its line: ${message}`, async () => {
    await assert.rejects(freeze(mini, { loads: [program(text)] }), {
      code: 'workload',
      message: `the guest reports an error while it loaded p.fs: ${message}`,
    });
  });
}

test('a program that is refused leaves nothing behind', async () => {
  const { guest } = await start(program(': f 1 . ; : main f ;'), true);
  const protocol = protocolFor(guest, undefined);
  assert.throws(() => protocol.load(guest, program(': f 2 . ; : g 3 ; oops')));
  assert.throws(() => protocol.load(guest, program(': main g ;')), /no such word: g/);
  const call = protocol.load(guest, program(': main f ;'));
  assert.equal(guest.call(call.export, call.args, 'in a run'), 0);
});

/** A small generator (mulberry32), so that a failing seed can be run again. */
function randomBelow(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

const WORDS =
  '+ - * / mod and or xor = <> < > 0= negate dup dup over over drop swap rot @ ! . . emit exit'.split(' ');

/** A program that ends: loops have small bounds, words call only earlier ones. */
function randomProgram(seed: number): string {
  const below = randomBelow(seed);
  const pick = (words: readonly string[]): string => words[below(words.length)] ?? '';
  const piece = (word: number, depth: number): string => {
    const block = (): string => Array.from({ length: below(5) }, () => piece(word, depth + 1)).join(' ');
    const kind = below(depth > 2 ? 12 : 20);
    if (kind < 5) return String(below(3) === 0 ? below(4_000_000_000) - 2_000_000_000 : below(9));
    if (kind < 11) return pick(WORDS);
    if (kind === 11) return pick(['7 x !', 'x @', 'y', 'x']);
    if (kind < 15) return `if ${block()} else ${block()} then`;
    if (kind < 17) return `${below(4)} 0 do i ${block()} loop`;
    if (kind === 17) return `3 y ! begin ${block()} y @ 1 - dup y ! 1 < until`;
    if (kind === 18) return `3 y ! begin y @ dup 0 > swap 1 - y ! while ${block()} repeat`;
    return word > 0 ? `w${below(word)}` : '1';
  };
  const body = (word: number): string =>
    Array.from({ length: 3 + below(9) }, () => piece(word, 0)).join('\n');
  const words = [0, 1, 2, 3].map((word) => `: w${word} ${2 + word} 3 5\n${body(word)} ;`);
  return `variable x 8 array y\n${words.join('\n')}\n: main 230 0 do w0 w1 w2 w3 i loop . ;`;
}

test('random programs: every outcome of every run is the same interpreted, live and frozen', async () => {
  let frozenToo = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const text = program(randomProgram(seed));
    const interpreted = await start(text, false);
    const live = await start(text, true);
    const expected = Array.from({ length: 6 }, interpreted.run);
    assert.deepEqual(Array.from({ length: 6 }, live.run), expected, `live, seed ${seed}`);
    // A build stops at a program that fails.
    if (expected.some((outcome) => outcome.status !== 0)) continue;
    const frozen = await frozenFrom(text, text);
    const { main } = await thaw(frozen);
    const runs = frozen.report.rounds.filter(({ sealing }) => sealing !== true).length;
    for (const outcome of expected.slice(runs)) assert.deepEqual(main(), outcome, `frozen, seed ${seed}`);
    frozenToo++;
  }
  assert.ok(frozenToo >= 5, `${frozenToo} programs went well`);
});
