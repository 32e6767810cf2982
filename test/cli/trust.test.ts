// What a build promises to who does not trust its guest: nothing of the machine gets in, nothing
// takes more than it may, nothing is kept that should not be, and the same comes out every time.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readProvenance, type Sources } from '../../src/report/provenance.ts';
import type { Report } from '../../src/report/report.ts';
import { parse } from '../../src/wasm/parse.ts';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, refused } from './cli.ts';
import { COUNTER, GOOD_AUX, PROBE, pushGuest } from './guests.ts';

const SECRET = 'a-secret-of-the-build';

async function reportOf(cwd: string, args: readonly string[]): Promise<Report> {
  const { stdout } = await good(['build', 'g.wasm', ...args, '-q', '-o', 'out.wasm', '--json', '-'], { cwd });
  return JSON.parse(stdout.toString()) as Report;
}

test('a guest that bakes its environment: each value is found, named, and never shown', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  const baking = ['--env', `TOKEN=${SECRET}`, '--env', 'X=y', '--warmup', 'env()'];
  const told = await good(['build', 'g.wasm', ...baking, '-o', 'out.wasm', '--json', 'r.json'], { cwd });
  assert.match(
    told.stderr,
    /warning: env:TOKEN stands in the module, at 0x806 \(.*\) \[value-in-module\]\n {2}hint: leave out --env TOKEN/,
  );
  assert.equal(readFileSync(join(cwd, 'r.json'), 'utf8').includes(SECRET), false);
  assert.equal(told.stderr.replace(/^guest\|.*$/m, '').includes(SECRET), false);
  const { leaks } = await reportOf(cwd, baking);
  assert.deepEqual(
    leaks.found.map(({ names }) => names),
    [['env:TOKEN']],
  );
  assert.equal(readFileSync(join(cwd, 'out.wasm')).includes(SECRET), true);
});

test('--fail-on-leak refuses what holds a secret, an argument, a path or random bytes, and takes what is allowed', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  const cases: readonly (readonly [args: readonly string[], name: string, pattern: string])[] = [
    [['--env', `TOKEN=${SECRET}`, '--warmup', 'env()'], 'env:TOKEN', 'env:*'],
    [[`--arg=--key=${SECRET}`, '--warmup', 'args()'], 'arg:1', 'arg:1'],
    [['--random', 'seed=1', '--warmup', 'random()'], 'random', 'random'],
  ];
  for (const [args, name, pattern] of cases) {
    const says = new RegExp(
      `holds what it should not \\(--fail-on-leak\\): ${name} at 0x[0-9a-f]+ \\(.*\\)$`,
    );
    await refused(['g.wasm', ...args, '--fail-on-leak'], { code: 6, says }, { cwd });
    await good(['build', 'g.wasm', ...args, '--fail-on-leak', '--allow-leak', pattern, '-q'], { cwd });
  }
  // Of the machine's own: by a directory whose name in the guest is that on the machine, and by a file.
  const env = { MACHINE_TOKEN: SECRET };
  writeFileSync(join(cwd, 'in.txt'), SECRET);
  const file = ['--warmup', 'file()', '--allow-open-files', '*', '--dir', '.::/d', '--fail-on-leak'];
  await refused(
    ['g.wasm', ...file],
    { code: 6, says: /machine-env:MACHINE_TOKEN at 0x[0-9a-f]+ \(.*\)$/ },
    { cwd, env },
  );
  // The same guest, without: nothing is found.
  await good(['build', 'g.wasm', '--warmup', 'env()', '--fail-on-leak', '-q'], { cwd, env });
});

test('random bytes: who drew them is told, and a budget ends', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  const two = ['--warmup', 'random()', '--warmup', 'random()', '--rounds', '1'];
  const { random } = await reportOf(cwd, [...two, '--random', 'budget=8']);
  const [draw, ...more] = random;
  assert.deepEqual([draw?.calls, draw?.bytes, more], [2, 8, []]);
  assert.match(draw?.stack[0] ?? '', /^(probe\.)?draw \(function \d+\)$/);
  const stderr = await refused(
    ['g.wasm', ...two, '--random', 'seed=3,budget=7'],
    { code: 1, says: /asked for 4 random bytes in random\(\), and has drawn 4 of the 7 that it may/ },
    { cwd },
  );
  assert.match(stderr, /draw \(function \d+, at byte 0x/);
});

test('files that are open at the snapshot are refused by name', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  mkdirSync(join(cwd, 'data'));
  writeFileSync(join(cwd, 'data', 'in.txt'), 'x');
  const args = ['g.wasm', '--warmup', 'file()', '--dir', 'data::/d', '--rounds', '1'];
  await refused(args, { code: 4, says: /files open .*: \/d\/in\.txt \(descriptor 4\)$/ }, { cwd });
  await refused([...args, '--allow-open-files', '/e/*'], { code: 4, says: /in\.txt/ }, { cwd });
  await good(['build', ...args, '--allow-open-files', '/d/*.txt', '-q'], { cwd });
});

const GREEDY = `(module
  (memory (export "memory") 1) (table $t (export "table") 1 funcref)
  (func $ever (export "ever") (loop $l (br $l)))
  (func (export "memory_bomb") (loop $l (br_if $l (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0)))))
  (func (export "memory_fault") (loop $l (br_if $l (i32.ge_s (memory.grow (i32.const 3)) (i32.const 0)))) unreachable)
  (func (export "table_bomb") (loop $l (br_if $l
    (i32.ge_s (table.grow $t (ref.null func) (i32.const 1)) (i32.const 0)))))
  (func (export "fill") (local $at i32) (drop (memory.grow (i32.const 15)))
    (loop $l (i32.store8 (local.get $at) (i32.const 7))
      (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (i32.const 1000000))))))`;

test('limits: each has a name, and one that is hit is exit code 1', async () => {
  const cwd = folder({
    'g.wasm': await wat(GREEDY),
    'push.wasm': await pushGuest(await wat(GOOD_AUX)),
    'start.wasm': await wat('(module (memory 200) (table 200 funcref))'),
    'two.wasm': await wat('(module (table 200 funcref) (table 200 funcref))'),
    'slots.wasm': await pushGuest(await wat('(module $slots (table 51 funcref))')),
    'pages.wasm': await pushGuest(await wat('(module $pages (memory 3))')),
    // A module of its own memory, which it fills.
    'grows.wasm': await pushGuest(
      await wat(`(module $grows (memory 1) (func $grow
        (loop $l (br_if $l (i32.ge_s (memory.grow (i32.const 1)) (i32.const 0))))) (start $grow))`),
    ),
  });
  const cases: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [
      ['g.wasm', '--warmup', 'ever()', '--timeout', '1'],
      /^freeze: ever\(\) did not end in 1 s \(--timeout\)$/,
    ],
    [
      ['g.wasm', '--warmup', 'memory_bomb()', '--max-memory', '4M'],
      /memory 0 has grown .*: the 4194304 of --max-memory$/,
    ],
    [
      ['g.wasm', '--warmup', 'memory_fault()', '--max-memory', '4M'],
      /unreachable; its memory 0 has grown to \d+ of the 4194304 of --max-memory$/,
    ],
    [
      ['g.wasm', '--warmup', 'table_bomb()', '--max-table', '5000'],
      /table 0 has grown .*: the 5000 of --max-table$/,
    ],
    [
      ['start.wasm', '--max-memory', '1M'],
      /memory 0 starts with 13107200 bytes, more than the 1048576 of --max-memory$/,
    ],
    [
      ['start.wasm', '--max-table', '100'],
      /table 0 starts with 200 slots, more than the 100 of --max-table$/,
    ],
    [['push.wasm', '--warmup', 'warm()', '--max-modules', '0'], /more than 0 modules \(--max-modules\)$/],
    [
      ['push.wasm', '--warmup', 'warm()', '--max-module-bytes', '10'],
      /more than 10 bytes of modules \(--max-module-bytes\)$/,
    ],
    [
      ['push.wasm', '--warmup', 'warm()', '--max-functions', '0'],
      /more than 0 functions \(--max-functions\)$/,
    ],
    [['push.wasm', '--warmup', 'warm()', '--max-segments', '0'], /more than 0 segments \(--max-segments\)$/],
    [
      ['two.wasm', '--max-table', '350'],
      /its 2 tables start with 400 slots, more than the 350 of --max-table$/,
    ],
    [['slots.wasm', '--warmup', 'warm()', '--max-table', '50'], /more than 50 table slots \(--max-table\)$/],
    [
      ['pages.wasm', '--warmup', 'warm()', '--max-memory', '128K'],
      /more than 131072 bytes of memory \(--max-memory\)$/,
    ],
    [
      ['grows.wasm', '--warmup', 'warm()', '--max-memory', '1M'],
      /memory 0 of auxiliary module grows has grown to .*: 524288, its share of the 1048576 of --max-memory$/,
    ],
    [
      ['g.wasm', '--warmup', 'fill()', '--max-output', '100K'],
      /\d+ bytes, more than the 102400 of --max-output$/,
    ],
  ];
  for (const [args, says] of cases) await refused(args, { code: 1, says }, { cwd });
  // With room, the same guests are frozen.
  await good(['build', 'push.wasm', '--warmup', 'warm()', '--max-modules', '1', '--timeout', '0', '-q'], {
    cwd,
  });
  await good(['build', 'g.wasm', '--warmup', 'fill()', '--max-memory', '2M', '--max-output', '1M', '-q'], {
    cwd,
  });
});

test('a guest that loops while it starts, or while it is loaded, is stopped too', async () => {
  const cwd = folder({
    'start.wasm': await wat('(module (func $ever (loop $l (br $l))) (start $ever))'),
    'init.wasm': await wat('(module (func (export "_initialize") (loop $l (br $l))))'),
    'driver.mjs': 'export default async () => { for (;;); };',
  });
  const says = /^freeze: starting the guest did not end in 1 s/;
  await refused(['start.wasm', '--timeout', '1'], { code: 1, says }, { cwd });
  await refused(['init.wasm', '--timeout', '1'], { code: 1, says }, { cwd });
  const driver = /^freeze: the driver driver\.mjs did not end in 1 s/;
  await refused(
    ['init.wasm', '--driver', 'driver.mjs', '--timeout', '1'],
    { code: 1, says: driver },
    { cwd },
  );
});

test('--check builds again elsewhere: it passes for a guest, and names the place for one that differs', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE), 'in.txt': 'x' });
  const read = ['--warmup', 'file()', '--allow-open-files', '*', '--dir', '.::/d'];
  await good(['build', 'g.wasm', ...read, '--stdin', '-', '--check', '-q', '-o', 'out.wasm'], {
    cwd,
    stdin: 'y',
  });
  await good(['build', '-', '--check', '-q', '-o', '-'], { cwd, stdin: await wat(COUNTER) });
  const says = /other bytes \(--check\): they differ first in the data section, at byte 0x/;
  const differs = ['g.wasm', '--warmup', 'random()', '--random', 'system', '--check'];
  await refused(differs, { code: 6, says }, { cwd });
  assert.deepEqual(readdirSync(cwd).sort(), ['g.wasm', 'in.txt', 'out.wasm']);
});

test('the same bytes from any directory, environment and spelling of paths', async () => {
  const hashes = new Set<string>();
  for (const [cwd, path] of [
    [folder({ 'g.wasm': await wat(PROBE), 'p.txt': 'x' }), 'g.wasm'],
    [folder({ 'g.wasm': await wat(PROBE) }), './g.wasm'],
  ] as const) {
    const env = { TZ: `Etc/GMT+${hashes.size}`, LANG: 'tr_TR.UTF-8', SOMETHING: cwd };
    const args = [
      '--warmup',
      'random()',
      '--random',
      'seed=0x10',
      '--env',
      `T=${SECRET}`,
      '--warmup',
      'env()',
    ];
    const { stdout } = await good(['build', path, ...args, '-q', '-o', '-'], { cwd, env });
    hashes.add(createHash('sha256').update(stdout).digest('hex'));
  }
  assert.equal(hashes.size, 1);
});

test('provenance: what the module was made of, by digest, with no value and nothing of the machine', async () => {
  const guest = await wat(PROBE);
  const cwd = folder({ 'g.wasm': guest });
  const args = ['--warmup', 'env()', '--env', `TOKEN=${SECRET}`, '--random', 'seed=7'];
  await good(['build', join(cwd, 'g.wasm'), ...args, '-q', '-o', 'out.wasm'], { cwd });
  const { sources } = readProvenance(parse(readFileSync(join(cwd, 'out.wasm')))) ?? {};
  assert.deepEqual(sources?.input, {
    size: guest.length,
    sha256: createHash('sha256').update(guest).digest('hex'),
  });
  assert.deepEqual(sources?.leaks, { 'env:TOKEN': 1 });
  assert.equal(sources?.options['random'], 'seed=7');
  assert.deepEqual(sources?.options['env'], ['TOKEN']);
  const section = JSON.stringify(sources);
  for (const hidden of [SECRET, cwd]) assert.equal(section.includes(hidden), false);
  const shown = await good(['inspect', 'out.wasm'], { cwd });
  assert.match(shown.stdout.toString(), new RegExp(`input +\\d+ bytes, SHA-256 ${sources?.input?.sha256}`));
  await good(['build', 'g.wasm', ...args, '-q', '--no-provenance', '-o', 'bare.wasm'], { cwd });
  assert.equal(readFileSync(join(cwd, 'bare.wasm')).includes('freeze.provenance'), false);
});

test('a module that another version froze is frozen again with a warning', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  await good(['build', 'g.wasm', '-q', '-o', 'one.wasm'], { cwd });
  const one = readFileSync(join(cwd, 'one.wasm'));
  const at = one.indexOf('"version":"') + '"version":"'.length;
  one[at] = '9'.charCodeAt(0);
  writeFileSync(join(cwd, 'old.wasm'), one);
  assert.match(
    (await good(['build', 'old.wasm', '-o', 'two.wasm'], { cwd })).stderr,
    /warning: the guest was frozen by freeze 9\.\S+, and this is /,
  );
  assert.doesNotMatch((await good(['build', 'one.wasm', '-o', 'two.wasm'], { cwd })).stderr, /was frozen by/);
  const { earlier } = readProvenance(parse(readFileSync(join(cwd, 'two.wasm')))) ?? {};
  assert.equal(earlier?.length, 1);
  errorLine((await cli(['build', 'one.wasm', '--max-output', '1'], { cwd })).stderr, /--max-output/);
});

test('provenance: every option that says what the module is, and every file that went in, by digest', async () => {
  const driver = `export default async ({ freeze, wasm }) => {
    const { instance } = await WebAssembly.instantiate(wasm, {});
    freeze.guest(instance);
    await freeze.done();
  };`;
  const cwd = folder({
    'g.wasm': await wat(COUNTER),
    'p.wasm': await wat(PROBE),
    'in.txt': 'some input',
    'd.mjs': driver,
  });
  const sourcesOf = async (args: readonly string[]): Promise<Sources> => {
    await good(['build', ...args, '-q', '-o', 'out.wasm'], { cwd });
    return (
      readProvenance(parse(readFileSync(join(cwd, 'out.wasm'))))?.sources ?? assert.fail('there is none')
    );
  };
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

  const sealing = [
    '--seal',
    '--assume',
    'table-const',
    '--optimize',
    'none',
    '--keep',
    'a*',
    '--drop',
    'trap',
  ];
  const sealed = await sourcesOf(['g.wasm', ...sealing, '--no-wipe-stack', '--rounds', '3']);
  assert.deepEqual(sealed.options, {
    rounds: 3,
    seal: true,
    assume: ['table-const'],
    optimize: 'none',
    keep: ['a*'],
    drop: ['trap'],
    wipeStack: false,
  });
  // What is so by default is not said.
  assert.deepEqual((await sourcesOf(['g.wasm'])).options, {});
  assert.deepEqual((await sourcesOf(['g.wasm', '--open', '--import-state', 'keep'])).options, {
    open: true,
    importState: 'keep',
  });

  await good(['build', 'g.wasm', '-q', '-o', 'out.wasm', '--profile-out', 'p.json'], { cwd });
  const profile = readFileSync(join(cwd, 'p.json'), 'utf8');
  const read = await sourcesOf(['p.wasm', '--stdin', join(cwd, 'in.txt'), '--profile', 'p.json']);
  assert.deepEqual(read.others, [
    { kind: 'profile', name: 'p.json', sha256: digest(profile) },
    { kind: 'stdin', name: 'in.txt', sha256: digest('some input') },
  ]);
  const shown = (await good(['inspect', 'out.wasm'], { cwd })).stdout.toString();
  assert.match(shown, new RegExp(`stdin +in\\.txt, SHA-256 ${digest('some input')}`));
  const driven = await sourcesOf(['g.wasm', '--driver', 'd.mjs', '--driver-arg', SECRET]);
  assert.deepEqual(driven.others, [{ kind: 'driver', name: 'd.mjs', sha256: digest(driver) }]);
  assert.deepEqual(driven.options, { driver: true, driverArgs: 1 });
});
