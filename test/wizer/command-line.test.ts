// freeze wizer as a command line: Wizer's spellings, streams, preloads, files and bad input.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from '../../src/wasm/parse.ts';
import { cli, folder, type Result, ROOT, type Settings } from '../cli/cli.ts';
import { needs } from '../support/features.ts';
import { native } from '../support/native-wizer.ts';
import { wat } from '../support/wat.ts';

const COUNTER = `(module (global $g (mut i32) i32.const 0)
  (func (export "wizer-initialize") (global.set $g (i32.const 42)))
  (func (export "_start")) (func (export "wizer.resume") (result i32) (i32.const 7))
  (func (export "run") (result i32) global.get $g))`;

function exportsOf(bytes: Uint8Array): readonly string[] {
  return parse(bytes)
    .exports.map(({ name }) => name)
    .sort();
}

async function callOf(bytes: Uint8Array, name: string, imports: WebAssembly.Imports = {}): Promise<unknown> {
  const { instance } = await WebAssembly.instantiate(bytes as Uint8Array<ArrayBuffer>, imports);
  return (instance.exports[name] as () => unknown)();
}

async function good(args: readonly string[], settings: Settings): Promise<Result> {
  const result = await cli(['wizer', ...args], settings);
  assert.equal(result.code, 0, result.stderr);
  return result;
}

/** Fails with this code and this text, with what was there untouched and nothing new. */
async function refused(
  args: readonly string[],
  code: number,
  says: RegExp,
  settings: Settings & { readonly cwd: string },
): Promise<string> {
  const { cwd } = settings;
  writeFileSync(join(cwd, 'out.wasm'), 'old');
  const before = readdirSync(cwd).sort();
  const result = await cli(['wizer', ...args, '-o', 'out.wasm'], settings);
  assert.equal(result.code, code, result.stderr);
  assert.match(result.stderr, says);
  assert.match(result.stderr, /^Error: /m);
  assert.deepEqual(readdirSync(cwd).sort(), before);
  assert.equal(readFileSync(join(cwd, 'out.wasm'), 'utf8'), 'old');
  return result.stderr;
}

test('input from stdin, output to stdout, in the binary and the text format', async () => {
  const cwd = folder({ 'in.wat': COUNTER });
  for (const stdin of [await wat(COUNTER), COUNTER]) {
    const { stdout } = await good([], { cwd, stdin });
    assert.equal(await callOf(stdout, 'run'), 42);
  }
  await good(['in.wat', '-oout.wasm'], { cwd });
  assert.equal(await callOf(readFileSync(join(cwd, 'out.wasm')), 'run'), 42);
});

test('values of options in all spellings', async () => {
  const cwd = folder({ 'in.wasm': await wat(COUNTER) });
  const all: readonly (readonly string[])[] = [
    ['in.wasm', '-o', 'out.wasm', '-f', 'wizer-initialize', '-r', '_start=wizer.resume'],
    ['-oout.wasm', '--init-func=wizer-initialize', '--rename-func=_start=wizer.resume', 'in.wasm'],
    ['-o=out.wasm', '-fwizer-initialize', '-r=_start=wizer.resume', '--keep-init-func=false', 'in.wasm'],
    [
      '--output',
      'out.wasm',
      '--inherit-stdio',
      'false',
      '--inherit-env=true',
      '-r_start=wizer.resume',
      'in.wasm',
    ],
    [
      '--wasm-simd=true',
      '--wasm-multi-value',
      'true',
      '-W',
      'unknown-imports-trap=y',
      '-r',
      '_start=wizer.resume',
    ].concat(['-o', 'out.wasm', '--', 'in.wasm']),
  ];
  for (const args of all) {
    await good(args, { cwd });
    const bytes = readFileSync(join(cwd, 'out.wasm'));
    assert.deepEqual(exportsOf(bytes), ['_start', 'run'], args.join(' '));
    assert.equal(await callOf(bytes, '_start'), 7);
  }
});

test('both names of the init function are found, the newer one first', async () => {
  const both = `(module (global $g (mut i32) i32.const 0)
    (func (export "wizer.initialize") (global.set $g (i32.const 1)))
    (func (export "wizer-initialize") (global.set $g (i32.const 2)))
    (func (export "run") (result i32) global.get $g))`;
  for (const [text, value] of [
    [both, 2],
    [both.replace('"wizer-initialize"', '"other"'), 1],
  ] as const) {
    const { stdout } = await good([], { stdin: text });
    assert.equal(await callOf(stdout, 'run'), value);
  }
});

test('help and version', async () => {
  assert.match((await good(['--help'], {})).stdout.toString(), /--keep-init-func\[=BOOL\]/);
  assert.match((await good(['-V'], {})).stdout.toString(), /^freeze-wizer \d+\.\d+\.\d+\n$/);
  assert.match((await good(['--version'], {})).stdout.toString(), /^freeze-wizer /);
});

test('freeze-wizer runs through a link, and without a PATH', {
  skip: process.platform === 'win32',
}, async () => {
  const cwd = folder({ 'in.wasm': await wat(COUNTER) });
  mkdirSync(join(cwd, 'bin'));
  symlinkSync(join(ROOT, 'bin', 'freeze-wizer'), join(cwd, 'bin', 'freeze-wizer'));
  const run = spawnSync(join(cwd, 'bin', 'freeze-wizer'), ['in.wasm', '-o', 'out.wasm'], { cwd, env: {} });
  assert.equal(run.status, 0, run.stderr.toString());
  assert.equal(await callOf(readFileSync(join(cwd, 'out.wasm')), 'run'), 42);
});

// ---- preloads ------------------------------------------------------------------------------------

const USER = `(module (import "adder" "add" (func $add (param i32 i32) (result i32)))
  (global $g (mut i32) i32.const 0)
  (func (export "wizer-initialize") (global.set $g (call $add (i32.const 40) (i32.const 2))))
  (func (export "run") (result i32) (call $add (global.get $g) (i32.const 0))))`;
const ADDER = `(module (func (export "add") (param i32 i32) (result i32)
  (i32.add (local.get 0) (local.get 1))))`;

test('test_preloads: what a preloaded module gives is called, and stays an import', async () => {
  const cwd = folder({ 'in.wasm': await wat(USER), 'adder.wat': ADDER, 'adder.wasm': await wat(ADDER) });
  for (const file of ['adder.wat', 'adder.wasm']) {
    await good(['in.wasm', '--preload', `adder=${file}`, '-o', 'out.wasm'], { cwd });
    const bytes = readFileSync(join(cwd, 'out.wasm'));
    const add = (a: number, b: number): number => a * 10 + b;
    assert.equal(await callOf(bytes, 'run', { adder: { add } }), 420);
  }
  const peer = native(['in.wasm', '--preload', 'adder=adder.wasm', '-o', 'peer.wasm'], cwd);
  if (peer !== undefined) assert.equal(peer.code, 0, peer.stderr);
});

test('custom_linker: one preloaded module imports from another', async () => {
  const top = `(module (import "low" "add" (func $add (param i32 i32) (result i32)))
    (func (export "add") (param i32 i32) (result i32) (call $add (local.get 0) (local.get 1))))`;
  const cwd = folder({ 'in.wat': USER, 'low.wat': ADDER, 'top.wat': top });
  await good(['in.wat', '--preload=low=low.wat', '--preload=adder=top.wat', '-o', 'out.wasm'], { cwd });
  const bytes = readFileSync(join(cwd, 'out.wasm'));
  assert.equal(await callOf(bytes, 'run', { adder: { add: (a: number, b: number) => a + b } }), 42);
});

test('a preloaded module that does not fit', async () => {
  const wrong = ADDER.replaceAll('i32', 'f32');
  const cwd = folder({ 'in.wat': USER, 'wrong.wat': wrong, 'needy.wat': '(module (import "x" "f" (func)))' });
  await refused(['in.wat', '--preload', 'adder=wrong.wat'], 2, /preloaded module does not fit: .*add/, {
    cwd,
  });
  await refused(
    ['in.wat', '--preload', 'adder=needy.wat'],
    2,
    /Error: preloaded module adder does not fit: it imports "x" "f", which nobody gives/,
    {
      cwd,
    },
  );
  const twice = ['in.wat', '--preload', 'adder=wrong.wat', '--preload', 'adder=wrong.wat'];
  await refused(twice, 2, /another module has that name/, { cwd });
  await refused(['in.wat', '--preload', 'adder=none.wasm'], 5, /cannot read none.wasm/, { cwd });
  await refused(['in.wat', '--preload', 'adder'], 2, /NAME=FILE/, { cwd });
});

test('imported memories, tables and globals: refused unless told, then kept or taken in', async () => {
  const text = `(module (import "env" "memory" (memory 1)) (import "env" "t" (table $t 2 funcref)) (import "env" "g" (global $g (mut i32)))
    (import "env" "x" (global $x externref)) (global $y (mut externref) (ref.null extern)) (elem declare func $seven)
    (func (export "wizer-initialize") (i32.store (i32.const 8) (i32.const 9)) (table.set $t (i32.const 1) (ref.func $seven))
      (global.set $g (i32.const 5)) (global.set $y (global.get $x)))
    (func $seven (result i32) (i32.const 7)) (func (export "y") (result externref) (global.get $y))
    (func (export "run") (result i32) (i32.add (i32.load (i32.const 8)) (i32.add (global.get $g) (call_indirect $t (result i32) (i32.const 1))))))`;
  const cwd = folder({ 'in.wasm': await wat(text) });
  await refused(['in.wasm'], 4, /imports its memory "env" "memory"\n {2}hint: --import-state internalize/, {
    cwd,
  });
  await refused(['in.wasm', '--import-state', 'both'], 2, /it is keep or internalize/, { cwd });
  await good(['in.wasm', '--import-state', 'internalize', '-o', 'own.wasm'], { cwd });
  assert.equal(await callOf(readFileSync(join(cwd, 'own.wasm')), 'run'), 21);
  await good(['in.wasm', '--import-state=keep', '-o', 'kept.wasm'], { cwd });
  const x = { an: 'object' };
  const imports = (): WebAssembly.Imports => ({
    env: {
      memory: new WebAssembly.Memory({ initial: 1 }),
      t: new WebAssembly.Table({ element: 'anyfunc', initial: 2 }),
      g: new WebAssembly.Global({ value: 'i32', mutable: true }, 0),
      x: x as unknown as WebAssembly.ImportValue,
    },
  });
  const kept = readFileSync(join(cwd, 'kept.wasm'));
  assert.equal(await callOf(kept, 'run', imports()), 21);
  assert.equal(await callOf(kept, 'y', imports()), x);
});

// ---- WASI ----------------------------------------------------------------------------------------

const CAT = `(module
  (import "wasi_snapshot_preview1" "path_open" (func $open
    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 4) (data (i32.const 8) "file") (data (i32.const 32) "\\80\\00\\00\\00\\05\\00\\00\\00")
  (func (export "wizer-initialize")
    (drop (call $open (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 4) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
    (drop (call $read (i32.load (i32.const 16)) (i32.const 32) (i32.const 1) (i32.const 48)))
    (drop (call $environ (i32.const 4096) (i32.const 65536)))
    (drop (call $random (i32.const 1024) (i32.const 64)))
    (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 2048)))
    (drop (call $write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 48)))))`;

/** Where {@link CAT} has its environment put. */
const ENVIRONMENT = 65536;

/** What the memory of an output holds. */
async function textAt(bytes: Uint8Array, at: number, length: number): Promise<string> {
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = Object.fromEntries(WebAssembly.Module.imports(compiled).map(({ name }) => [name, () => 0]));
  const { exports } = await WebAssembly.instantiate(compiled, { wasi_snapshot_preview1: wasi });
  return Buffer.from((exports['memory'] as WebAssembly.Memory).buffer, at, length).toString();
}

test('directories, environment and streams, and the same bytes twice', async () => {
  const cwd = folder({ 'in.wasm': await wat(CAT) });
  mkdirSync(join(cwd, 'sub'));
  writeFileSync(join(cwd, 'sub', 'file'), 'bytes');
  const outputs: Buffer[] = [];
  for (const dir of [['--dir', 'sub'], ['--mapdir=/work::sub'], ['--dir=sub::/work']]) {
    const args = ['in.wasm', '--allow-wasi', ...dir, '--env', 'A=b', '-o', 'out.wasm'];
    const { stdout } = await good(args, { cwd });
    assert.equal(stdout.toString(), 'bytes', 'what the module prints goes to stdout');
    const bytes = readFileSync(join(cwd, 'out.wasm'));
    assert.equal(await textAt(bytes, 128, 5), 'bytes');
    assert.equal(await textAt(bytes, ENVIRONMENT, 4), 'A=b\0');
    outputs.push(bytes);
  }
  assert.deepEqual(outputs[0], outputs[1]);
  assert.deepEqual(outputs[0], outputs[2]);

  const inherit = ['in.wasm', '--allow-wasi', '--dir', 'sub', '--inherit-env=true', '--inherit-stdio=false'];
  const { stdout } = await good([...inherit, '-o', 'out.wasm'], { cwd, env: { ONLY: '1' } });
  assert.equal(stdout.length, 0);
  // The whole of it: npm gives its scripts an environment of many kilobytes.
  const environment = await textAt(readFileSync(join(cwd, 'out.wasm')), ENVIRONMENT, 3 * 65536);
  assert.match(environment, /ONLY=1\0/);
});

test('what the module prints does not get into a module that goes to stdout', async () => {
  const cwd = folder({ 'in.wasm': await wat(CAT) });
  writeFileSync(join(cwd, 'file'), 'bytes');
  const { stdout, stderr } = await good(['in.wasm', '--allow-wasi', '--dir', '.'], { cwd });
  assert.equal(await textAt(stdout, 128, 5), 'bytes');
  assert.match(stderr, /bytes/);
});

test('without --allow-wasi, calling it traps', async () => {
  const cwd = folder({ 'in.wasm': await wat(CAT) });
  await refused(['in.wasm'], 1, /unknown import: `wasi_snapshot_preview1::path_open`/, { cwd });
});

// ---- bad input -----------------------------------------------------------------------------------

const bad = (body: string): string => `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1 3)
  (func (export "wizer-initialize") ${body}))`;

test('an init function that is missing, or takes or gives something', async () => {
  const cwd = folder({
    'in.wat': '(module (func (export "f") (param i32)) (func (export "g") (result i32) (i32.const 0)))',
  });
  await refused(['in.wat'], 2, /does not have a `wizer-initialize` or `wizer.initialize` export/, { cwd });
  await refused(['in.wat', '-f', 'none'], 2, /the Wasm module does not have a `none` export/, { cwd });
  for (const name of ['f', 'g'])
    await refused(['in.wat', '-f', name], 2, /function export does not have type `\[\] -> \[\]`/, { cwd });
});

test('an init function that traps, in the form that callers of Wizer look for', async () => {
  const cwd = folder({ 'in.wasm': await wat(bad('unreachable')) });
  const stderr = await refused(['in.wasm'], 1, /unreachable/, { cwd });
  assert.ok(stderr.startsWith('Error: the `wizer-initialize` function trapped\n\nCaused by:\n'), stderr);
});

for (const status of [0, 3]) {
  test(`an init function that exits with ${status}`, async () => {
    const cwd = folder({ 'in.wasm': await wat(bad(`(call $exit (i32.const ${status}))`)) });
    const stderr = await refused(['in.wasm', '--allow-wasi'], 1, /trapped/, { cwd });
    assert.ok(stderr.startsWith('Error: the `wizer-initialize` function trapped\n\nCaused by:\n'), stderr);
    assert.match(stderr, new RegExp(`^\\s+Exited with i32 exit status ${status}$`, 'm'));
  });
}

test('an init function, a start function and an _initialize that never return', async () => {
  const texts = [
    '(module (func (export "wizer-initialize") (loop (br 0))))',
    '(module (func $s (loop (br 0))) (start $s) (func (export "wizer-initialize")))',
    '(module (func (export "_initialize") (loop (br 0))) (func (export "wizer-initialize")))',
  ];
  for (const text of texts) {
    const cwd = folder({ 'in.wasm': await wat(text) });
    await refused(['in.wasm', '--timeout', '0.2'], 1, /did not return within 0.2 s/, { cwd });
  }
});

test('an init function that grows its memory as far as it goes', async () => {
  const grow = '(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))';
  const cwd = folder({ 'in.wasm': await wat(bad(grow)) });
  await good(['in.wasm', '-o', 'out.wasm'], { cwd });
  const { mems } = parse(readFileSync(join(cwd, 'out.wasm')));
  assert.deepEqual([mems[0]?.min, mems[0]?.max], [3n, 3n]);
});

test('no limit but that of 32 bits holds it; that is told where it was met, with no option that there is not', async () => {
  const grow = '(drop (memory.grow (i32.const 65535))) (i32.store8 (i32.const -1) (i32.const 7))';
  const module = (then: string): Promise<Uint8Array> =>
    wat(`(module (memory (export "memory") 1) (func (export "wizer-initialize") ${grow} ${then}))`);
  const cwd = folder({ 'full.wasm': await module(''), 'trap.wasm': await module('unreachable') });
  await good(['full.wasm', '-o', 'full.out.wasm'], { cwd });
  const [mem] = parse(readFileSync(join(cwd, 'full.out.wasm'))).mems;
  assert.deepEqual([mem?.min, mem?.max], [65_536n, undefined]);
  const says = /unreachable; its memory 0 has grown to 4294967296 of the 4294967296 that 32 bits address$/m;
  assert.doesNotMatch(await refused(['trap.wasm'], 1, says, { cwd }), /--max/);
});

test('a memory of 64 bits may be as big as the engine takes', needs('memory64'), async () => {
  const text = `(module (memory i64 1) (func (export "wizer-initialize")
    (drop (memory.grow (i64.const 70000))) (i64.store (i64.const 0x1_0000_0005) (i64.const 7))))`;
  const cwd = folder({ 'in.wasm': await wat(text) });
  await good(['in.wasm', '-o', 'out.wasm'], { cwd });
  const [mem] = parse(readFileSync(join(cwd, 'out.wasm'))).mems;
  assert.deepEqual([mem?.min, mem?.max], [70_001n, undefined]);
});

test('an init function that needs WASI, without it', async () => {
  const text = `(module (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (memory (export "memory") 1) (func (export "wizer-initialize") (drop (call $yield))))`;
  const cwd = folder({ 'in.wasm': await wat(text) });
  const told = await refused(['in.wasm'], 1, /^ {2}hint: --allow-wasi gives it WASI/m, { cwd });
  assert.match(told, /unknown import: `wasi_snapshot_preview1::sched_yield` has not been defined$/m);
  await good(['in.wasm', '--allow-wasi', '-o', 'out.wasm'], { cwd });
});

test('renames that clash, or name nothing', async () => {
  const cwd = folder({ 'in.wasm': await wat(COUNTER) });
  await refused(['in.wasm', '-r', 'a=run', '-r', 'a=_start'], 2, /Duplicated function rename dst a/, { cwd });
  await refused(['in.wasm', '-r', 'a=run', '-r', 'b=run'], 2, /Duplicated function rename src run/, { cwd });
  await refused(['in.wasm', '-r', 'run=none'], 2, /--rename-func run=none/, { cwd });
  await refused(['in.wasm', '-r', 'a'], 2, /DST=SRC/, { cwd });
});

test('two functions exchange their names', async () => {
  const cwd = folder({ 'in.wasm': await wat(COUNTER) });
  await good(['in.wasm', '-r', 'run=wizer.resume', '-r', 'wizer.resume=run', '-o', 'out.wasm'], { cwd });
  const bytes = readFileSync(join(cwd, 'out.wasm'));
  assert.equal(await callOf(bytes, 'run'), 7);
  assert.equal(await callOf(bytes, 'wizer.resume'), 42);
});

test('directories, options and inputs that cannot be', async () => {
  const cwd = folder({ 'in.wasm': await wat(COUNTER), text: 'no module' });
  await refused(['in.wasm', '--dir', 'none'], 5, /cannot read none: no such file/, { cwd });
  await refused(['in.wasm', '--mapdir', '/x'], 2, /GUEST::HOST/, { cwd });
  await refused(['in.wasm', '--keep-init-func=perhaps'], 2, /true or false/, { cwd });
  await refused(['in.wasm', '--nonsense'], 2, /unknown option: --nonsense/, { cwd });
  await refused(['in.wasm', '-f'], 2, /--init-func needs a value/, { cwd });
  await refused(['in.wasm', 'text'], 2, /this is a second: text/, { cwd });
  await refused(['text'], 3, /not a WebAssembly module/, { cwd });
  await refused(['none'], 5, /cannot read none/, { cwd });
});

test('a proposal that is forbidden', async () => {
  const text = `(module (func (export "wizer-initialize") (drop (i32x4.splat (i32.const 1)))))`;
  const cwd = folder({ 'in.wasm': await wat(text) });
  await refused(['in.wasm', '--wasm-simd=false'], 4, /simd support is not enabled.*function 0/, { cwd });
});

test('export names that the instrumentation would use', async () => {
  const text = COUNTER.replace('"run"', '"\\00freeze:m0"').replace('"_start"', '"\\00start"');
  const { stdout } = await good([], { stdin: text });
  assert.equal(await callOf(stdout, '\0freeze:m0'), 42);
});

test('a name section that comes first, where Wizer writes an invalid module', async () => {
  const plain = await wat(
    '(module (memory 1) (func (export "wizer-initialize") (i32.store8 (i32.const 5) (i32.const 1))))',
  );
  const names = Uint8Array.of(0, 5, 4, ...Buffer.from('name'));
  const bytes = Buffer.concat([plain.subarray(0, 8), names, plain.subarray(8)]);
  const { stdout } = await good([], { stdin: bytes });
  assert.equal(WebAssembly.validate(new Uint8Array(stdout)), true);
});

test('a reference to a function that only an export declared', async () => {
  const text = `(module (table 1 funcref) (type $t (func (result i32)))
    (func $f (export "gone") (result i32) (i32.const 42)) (func (export "wizer-initialize"))
    (func (export "run") (result i32) (table.set (i32.const 0) (ref.func $f))
      (call_indirect (type $t) (i32.const 0)))
    (func $other (export "other") (result i32) (i32.const 1)))`;
  const { stdout } = await good(['-r', 'gone=other'], { stdin: text });
  assert.equal(await callOf(stdout, 'run'), 42);
});

test('files that the module writes are told, and not kept', async () => {
  const writer = `(module
    (import "wasi_snapshot_preview1" "path_open" (func $open
      (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1) (data (i32.const 8) "new")
    (func (export "wizer-initialize") (drop (call $open (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 3)
      (i32.const 1) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 16)))))`;
  const cwd = folder({ 'in.wasm': await wat(writer) });
  const { stderr } = await good(['in.wasm', '--allow-wasi', '--dir', '.', '-o', 'out.wasm'], { cwd });
  assert.match(stderr, /warning: .*new was written .* \[files-not-kept\]\n {2}hint: /);
  assert.equal(existsSync(join(cwd, 'new')), false);
});
