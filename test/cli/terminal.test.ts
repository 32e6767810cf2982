// What a person sees while a build goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Sink } from '../../src/cli/stdio.ts';
import { printable, Terminal, type TerminalOptions } from '../../src/cli/terminal.ts';
import { moduleLeftOut } from '../../src/errors/warning.ts';
import { REPORT_SCHEMA, type Report } from '../../src/report/report.ts';
import { size, summary } from '../../src/report/summary.ts';
import { wat } from '../support/wat.ts';
import { cli, folder, good } from './cli.ts';
import { COUNTER } from './guests.ts';

const encoder = new TextEncoder();

function terminal(options: Partial<TerminalOptions & Sink> = {}): {
  readonly it: Terminal;
  readonly seen: () => string;
} {
  const chunks: Uint8Array[] = [];
  const sink: Sink = {
    isTTY: true,
    columns: 20,
    colour: false,
    write: (data) => chunks.push(typeof data === 'string' ? encoder.encode(data) : data.slice()),
    ...options,
  };
  const it = new Terminal(sink, { level: 'info', interactive: false, log: false, ...options });
  return { it, seen: () => Buffer.concat(chunks).toString() };
}

test('lines of the guest are marked however they come in pieces', () => {
  const { it, seen } = terminal();
  for (const piece of ['a', 'b\nc', '\n\nd\n', 'é']) it.guest('stdout', encoder.encode(piece));
  it.guest('stderr', encoder.encode('oops'));
  it.guest('stdout', encoder.encode('x\n'));
  it.line('ours');
  assert.equal(seen(), 'guest| ab\nguest| c\nguest| \nguest| d\nguest| é\nguest| oops\nguest| x\nours\n');
});

test('a character cut in two comes out whole', () => {
  const { it, seen } = terminal();
  const bytes = encoder.encode('é\n');
  it.guest('stdout', bytes.subarray(0, 1));
  it.guest('stdout', bytes.subarray(1));
  assert.equal(seen(), 'guest| é\n');
});

test('without a terminal only long steps have a line', async () => {
  const { it, seen } = terminal({ isTTY: false });
  it.progress({ kind: 'pass', pass: 'parse' });
  it.progress({ kind: 'workload', label: 'a.scm', round: 0 });
  it.progress({ kind: 'module', name: 'm', size: 1 });
  it.progress({ kind: 'workload', label: 'a.scm', round: 2 });
  await sleep(520);
  it.progress({ kind: 'pass', pass: 'link' });
  it.finish();
  assert.match(seen(), /^warm up with a\.scm, round 2: 0\.\d s\n$/);
});

test('on a terminal the step under way stands on a line that goes', () => {
  const { it, seen } = terminal({ interactive: true });
  it.progress({ kind: 'pass', pass: 'parse' });
  it.progress({ kind: 'workload', label: 'a-very-long-name.scm', round: 1 });
  it.guest('stdout', encoder.encode('hello\n'));
  it.finish();
  assert.equal(seen(), 'parse\r\x1b[2Kwarm up with a-very\r\x1b[2Kguest| hello\n');
});

test('the line of the step under way counts the modules', () => {
  const { it, seen } = terminal({ interactive: true, columns: 60 });
  it.progress({ kind: 'workload', label: 'a.scm', round: 1 });
  it.progress({ kind: 'module', name: 'jit1', size: 10 });
  it.progress({ kind: 'module', name: 'jit2', size: 20 });
  it.finish();
  const step = 'warm up with a.scm, round 1';
  assert.equal(seen(), `${step}\r\x1b[2K${step}, 1 module\r\x1b[2K${step}, 2 modules\r\x1b[2K`);
});

test('a log has a line for each pass, a verbose one for everything', () => {
  const steps = (options: Partial<TerminalOptions>): string => {
    const { it, seen } = terminal({ isTTY: false, ...options });
    it.progress({ kind: 'pass', pass: 'warm up' });
    it.progress({ kind: 'workload', label: 'a.scm', round: 1 });
    it.progress({ kind: 'module', name: 'jit1', size: 10 });
    it.progress({ kind: 'pass', pass: 'link' });
    it.finish();
    return seen().replace(/\d\.\d+ s/g, '_');
  };
  assert.equal(steps({ log: true }), 'warm up: _\nlink: _\n');
  const all = 'warm up: _\nmodule jit1, 10 bytes\nwarm up with a.scm, round 1: _\nlink: _\n';
  assert.equal(steps({ level: 'debug' }), all);
  assert.equal(steps({ level: 'warn', log: true }), '');
});

test('a quiet one keeps the last of what the guest printed', () => {
  const { it, seen } = terminal({ level: 'error', interactive: true });
  it.progress({ kind: 'pass', pass: 'parse' });
  for (let i = 0; i < 1000; i++) it.guest('stdout', encoder.encode(`line ${i}\n`));
  it.guest('stdout', encoder.encode('and then'));
  it.finish();
  it.line('nothing');
  assert.equal(seen(), '');
  it.release();
  const lines = seen().split('\n');
  assert.match(lines[0] ?? '', /^guest\| line \d+$/);
  assert.equal(lines.at(-2), 'guest| and then');
  assert.ok(seen().length <= 4097);
});

test('what a message holds is not obeyed', () => {
  assert.equal(printable('a\n  b\r\nc'), 'a; b; c');
  assert.equal(printable('\x1b[31mred\x07\x9b\u2028\0'), '\\x1b[31mred\\x07\\x9b\\u2028\\x00');
  assert.equal(printable('  indented  '), '  indented');
});

test('colours come where they are wanted, and never into a pipe unasked', async () => {
  const cwd = folder();
  const stderr = async (env: Readonly<Record<string, string>>): Promise<string> =>
    (await cli(['build', 'nope.wasm'], { cwd, env })).stderr;
  const plain = 'freeze: cannot read nope.wasm: no such file or directory [read]\n';
  assert.equal(await stderr({}), plain);
  assert.equal(await stderr({ CI: 'true', GITHUB_ACTIONS: 'true' }), plain);
  assert.equal(await stderr({ FORCE_COLOR: '0' }), plain);
  assert.equal(await stderr({ FORCE_COLOR: '1', NO_COLOR: '1' }), plain);
  const coloured = await stderr({ FORCE_COLOR: '1' });
  assert.notEqual(coloured, plain);
  assert.equal(stripVTControlCharacters(coloured), plain);
});

test('names from a module cannot play with the terminal', async () => {
  const cwd = folder({ 'g.wasm': await wat('(module (import "\\1b[2J" "a\\0ab" (func)))') });
  const { code, stderr } = await cli(['build', 'g.wasm'], { cwd });
  assert.equal(code, 4);
  assert.match(
    stderr,
    /^freeze: the guest imports what no host here gives: \\x1b\[2J\.a; b \[missing-import\]\n/,
  );
});

test('nothing is written with escapes into pipes', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  const { stdout, stderr } = await good(['build', 'g.wasm', '--warmup', 'add(1)', '--json', '-'], { cwd });
  assert.ok(!stdout.includes(27) && !stderr.includes('\x1b'));
});

const REPORT: Report = {
  schema: REPORT_SCHEMA,
  version: '0.1.0',
  protocol: 'plain',
  input: { size: 500, functions: 3 },
  output: { size: 2048, functions: 4, imports: [] },
  rounds: [
    { modules: 2, functions: 1, size: 100, ms: 1 },
    { modules: 0, functions: 0, size: 0, ms: 1 },
  ],
  modules: [
    { name: 'a', size: 60, round: 1, linked: true },
    { name: 'b', size: 40, round: 1, linked: false, error: 'it is bad' },
  ],
  linked: { functions: 1, codeBytes: 10, unreached: 2, typesAdded: 0, importsAdded: 0 },
  snapshot: { segments: 1, segmentBytes: 1536, memoryBytes: 131072, tableSlots: 1 },
  entries: ['main', 'other'],
  stubbed: Array.from({ length: 10 }, (_, i) => `env.f${i}`),
  filesWritten: [{ path: '/tmp/x', size: 5 * 1024 * 1024 }],
  random: [],
  leaks: { searched: 0, skipped: [], found: [] },
  randomBytes: 1,
  passes: [
    { pass: 'parse', ms: 1.2345 },
    { pass: 'warm up', ms: 61_000 },
  ],
  warnings: [moduleLeftOut('it is bad')],
};

test('the summary has everything that a build did', () => {
  assert.deepEqual(summary(REPORT, 'a.wasm', 'b.wasm'), [
    'a.wasm -> b.wasm',
    '  modules    2 modules collected (100 B) in 2 rounds, 1 left out',
    '  functions  1 function linked (10 B), 2 unreached, 4 in all',
    '  memory     128.0 KiB in 1 segment (1.5 KiB), 1 table slot',
    '  size       500 B before, 2.0 KiB after',
    '  entries    main, other',
    '  stubbed    env.f0, env.f1, env.f2, env.f3, env.f4, env.f5, env.f6, env.f7, and 2 more',
    '  random     1 byte, the same in every instance',
    '  seconds    parse 0.001, warm up 61.000',
  ]);
  assert.deepEqual([0, 1023, 1024, 1048575, 1048576].map(size), [
    '0 B',
    '1023 B',
    '1.0 KiB',
    '1024.0 KiB',
    '1.0 MiB',
  ]);
});

test('a warning is told as errors are: what, its code, what to do; and nothing of it to who wants errors alone', () => {
  const warning = moduleLeftOut('it is\nbad');
  const told = (level: TerminalOptions['level'], colour = false): string => {
    const { it, seen } = terminal({ level, colour });
    it.warn(warning);
    return seen();
  };
  assert.equal(told('warn'), `warning: left out: it is; bad [module-left-out]\n  hint: ${warning.hint}\n`);
  assert.equal(told('info'), told('warn'));
  assert.equal(told('error'), '');
  assert.equal(stripVTControlCharacters(told('warn', true)), told('warn'));
  assert.notEqual(told('warn', true), told('warn'));
});
