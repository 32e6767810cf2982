// Every option of `freeze build`, on real guests and small ones.
import assert from 'node:assert/strict';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { REPORT_SCHEMA, type Report } from '../../src/report/report.ts';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, LAMBDA, LAMBDA_STUB, matchesSnapshot, ROOT } from './cli.ts';
import { COMMAND, COUNTER, GOOD_AUX, PROBE, pushGuest } from './guests.ts';

const FIB = '(letrec ((fib (lambda (n) (if (< n 2) 1 (+ (fib (- n 1)) (fib (- n 2))))))) (fib 15))';

function reportIn(bytes: Uint8Array): Report {
  return JSON.parse(new TextDecoder().decode(bytes));
}

/** Numbers that differ from machine to machine, and times. */
function settled(text: string): string {
  return text.replace(/(?<=[a-z] )\d+\.\d{3}(?=,|\n|$)/g, '0.000');
}

test('a guest that speaks the wasm-jit ABI is frozen, and closes with a summary', async () => {
  const cwd = folder({ 'fib.scm': FIB, 'lambda.wasm': readFileSync(LAMBDA) });
  const { stdout, stderr } = await good(
    ['build', 'lambda.wasm', '--warmup', 'fib.scm', '--entry', 'run=fib.scm', ...LAMBDA_STUB],
    { cwd },
  );
  assert.equal(stdout.length, 0);
  matchesSnapshot('build-lambda.txt', settled(stderr));
  const { stdout: printed } = await good(['run', 'lambda.frozen.wasm', '--invoke', 'run()'], { cwd });
  assert.equal(printed.toString(), 'result: 987\n');
  const imports = WebAssembly.Module.imports(
    new WebAssembly.Module(readFileSync(join(cwd, 'lambda.frozen.wasm'))),
  );
  assert.deepEqual([...new Set(imports.map((item) => item.module))], ['wasi_snapshot_preview1']);
});

test('the Scheme guest takes programs that stay, and a command', async (t) => {
  const scheme = join(ROOT, 'guests', 'scheme', 'scheme.wasm');
  if (!existsSync(scheme)) return t.skip('guests/scheme/scheme.wasm is not built');
  const cwd = folder({
    'app.scm':
      '(define (sum n) (let loop ((i 0) (s 0)) (if (= i n) s (loop (+ i 1) (+ s i)))))\n(display (sum 10)) (newline)',
    'bench.scm': '(define (f n) (if (< n 2) n (+ (f (- n 1)) (f (- n 2)))))\n(display (f 15)) (newline)',
  });
  const { stdout } = await good(
    [
      'build',
      scheme,
      '--load',
      'app.scm',
      '--warmup',
      'bench.scm',
      '--entry',
      'main=app.scm',
      '--command',
      'main',
      '-o',
      'app.wasm',
      '--json',
      '-',
      '-q',
    ],
    { cwd },
  );
  const report = reportIn(stdout);
  assert.equal(report.protocol, 'freeze');
  assert.ok(report.linked.functions > 0);
  assert.equal((await good(['run', 'app.wasm'], { cwd })).stdout.toString(), '45\n');
  assert.equal((await good(['run', 'app.wasm', '--invoke', 'main()'], { cwd })).stdout.toString(), '45\n0\n');
});

test('without options a module is frozen as it starts', async () => {
  const cwd = folder({ 'c.wat': COUNTER, 'd.wasm': await wat(COUNTER), noext: await wat(COUNTER) });
  for (const [guest, frozen] of [
    ['c.wat', 'c.frozen.wasm'],
    ['d.wasm', 'd.frozen.wasm'],
    ['noext', 'noext.frozen.wasm'],
  ] as const) {
    await good(['build', guest], { cwd });
    const { stdout } = await good(['run', frozen, '--invoke', 'add(5)', '--invoke', 'get()'], { cwd });
    assert.equal(stdout.toString(), '5\n5\n');
  }
});

test('warm-ups that are calls change the state, and --rounds bounds them', async () => {
  const cwd = folder({ 'c.wasm': await wat(COUNTER) });
  await good(
    [
      'build',
      'c.wasm',
      '--warmup',
      'add(2)',
      '--warmup',
      'add(0x10)',
      '--rounds',
      '1',
      '--entry',
      'again=add(100)',
      '-o',
      'f.wasm',
    ],
    { cwd },
  );
  const calls = ['get()', 'again()', 'both()'].flatMap((call) => ['--invoke', call]);
  assert.equal((await good(['run', 'f.wasm', ...calls], { cwd })).stdout.toString(), '18\n118\n118 118\n');
});

test('a round that brings code is followed by another, up to --rounds', async () => {
  const cwd = folder({ 'g.wasm': await pushGuest(await wat(GOOD_AUX)) });
  const rounds = async (...more: readonly string[]): Promise<number> => {
    const { stdout } = await good(
      ['build', 'g.wasm', '--warmup', 'warm()', '-o', 'f.wasm', '--json', '-', '-q', ...more],
      { cwd },
    );
    return reportIn(stdout).rounds.length;
  };
  assert.equal(await rounds(), 2);
  assert.equal(await rounds('--rounds', '1'), 1);
  const calls = ['status()', 'apply(1)'].flatMap((call) => ['--invoke', call]);
  assert.equal((await good(['run', 'f.wasm', ...calls], { cwd })).stdout.toString(), '0\n42\n');
});

test('--protocol forces one', async () => {
  const cwd = folder({ 'fib.scm': FIB });
  const json = ['--json', '-', '-o', 'f.wasm', '-q', ...LAMBDA_STUB];
  assert.equal(reportIn((await good(['build', LAMBDA, ...json], { cwd })).stdout).protocol, 'wasm-jit');
  assert.equal(
    reportIn((await good(['build', LAMBDA, '--protocol', 'plain', ...json], { cwd })).stdout).protocol,
    'plain',
  );
  const refused = await cli(['build', LAMBDA, '--protocol', 'plain', '--load', 'fib.scm', ...json], { cwd });
  assert.equal(refused.code, 2);
});

test('--stub-import takes trap, nop, numbers and globs', async () => {
  const cwd = folder({
    'g.wasm': await wat(`(module
      (import "a" "one" (func $one (result i32))) (import "a" "two" (func $two (result i64)))
      (import "b" "x=y" (func $three (result f64))) (import "c" "boom" (func $boom))
      (func (export "all") (result i32 i64 f64) (call $one) (call $two) (call $three))
      (func (export "boom") (call $boom)))`),
  });
  const stubs = ['a.one=7', 'a.*=-0x10', 'b.x=y=nop', 'c.boom=trap'].flatMap((stub) => [
    '--stub-import',
    stub,
  ]);
  const { stderr } = await good(['build', 'g.wasm', ...stubs], { cwd });
  assert.match(stderr, /stubbed +a\.one, a\.two, b\.x=y, c\.boom/);
  assert.equal(
    (await good(['run', 'g.frozen.wasm', '--invoke', 'all()'], { cwd })).stdout.toString(),
    '7 -16 0\n',
  );
  const trapped = await cli(['run', 'g.frozen.wasm', '--invoke', 'boom()'], { cwd });
  assert.equal(trapped.code, 1);
  errorLine(trapped.stderr, /trapped in boom\(\): unreachable/);
});

test('what the guest prints is marked, on stderr, line by line', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  const calls = ['out()', 'partial()', 'partial()', 'err()', 'partial()'].flatMap((call) => [
    '--warmup',
    call,
  ]);
  const { stdout, stderr } = await good(['build', 'g.wasm', ...calls, '-o', '-'], { cwd });
  assert.ok(WebAssembly.validate(new Uint8Array(stdout)));
  const end = stderr.indexOf('g.wasm -> ');
  assert.equal(
    stderr.slice(0, end),
    'guest| to out\nguest| no newline\nguest| no newline\nguest| to err\nguest| no newline\n',
  );
});

test('--log-level says how much is told', async () => {
  const cwd = folder({ 'guest.wasm': await pushGuest(await wat('(module (import "env" "nope" (func)))')) });
  const line = ['build', 'guest.wasm', '--warmup', 'warm()', '--skip-bad-modules'];
  const told = async (...more: readonly string[]): Promise<string> =>
    (await good([...line, ...more], { cwd })).stderr;
  assert.equal(await told('--log-level', 'error'), '');
  assert.match(
    await told('--log-level', 'warn'),
    /^warning: left out: .* \[module-left-out\]\n {2}hint: .*\n$/,
  );
  assert.match(await told(), /^guest\.wasm -> /);
  assert.match(await told('--verbose'), /^module jit1, \d+ bytes$/m);
  assert.match(await told('--verbose'), /^bake: /m);
  for (const [more, says] of [
    [['--log-level', 'loud'], /--log-level loud: it is one of error, warn, info, debug/],
    [['-q', '--verbose'], /say one thing/],
  ] as const) {
    const { code, stderr } = await cli([...line, ...more], { cwd });
    assert.equal(code, 2);
    errorLine(stderr, says);
  }
});

test('--quiet leaves stderr empty', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  const { stdout, stderr } = await good(['build', 'g.wasm', '--warmup', 'out()', '-q'], { cwd });
  assert.equal(stdout.length + stderr.length, 0);
});

test('streams: the guest comes from stdin, the module or the report goes to stdout', async () => {
  const cwd = folder({ 'c.wasm': await wat(COUNTER) });
  const piped = await good(['build', '-', '-q'], { cwd, stdin: readFileSync(join(cwd, 'c.wasm')) });
  await good(['build', 'c.wasm', '-q'], { cwd });
  assert.deepEqual(piped.stdout, readFileSync(join(cwd, 'c.frozen.wasm')));
  const text = await good(['build', '-', '-q', '-o', '-'], { cwd, stdin: `;; a comment\n ${COUNTER}` });
  assert.deepEqual(text.stdout, piped.stdout);
  const json = await good(['build', '-', '-o', 'o.wasm', '--json', '-'], { cwd, stdin: COUNTER });
  assert.equal(reportIn(json.stdout).schema, REPORT_SCHEMA);
  for (const [args, says] of [
    [['-', '--load', '-'], /cannot be both the guest and --load/],
    [['c.wasm', '--stdin', '-', '--warmup', '-'], /standard input is read once/],
    [['c.wasm', '-o', '-', '--json', '-'], /standard output is written once/],
  ] as const) {
    const result = await cli(['build', ...args], { cwd });
    assert.equal(result.code, 2);
    errorLine(result.stderr, says);
  }
});

test('--env, --arg and --stdin are all that the guest has', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE), 'in.txt': 'line one\nline two\n' });
  const guest = async (...args: readonly string[]): Promise<string> => {
    const { stderr } = await good(['build', 'g.wasm', '-o', 'f.wasm', ...args], {
      cwd,
      stdin: 'not this',
      env: { SECRET: 'x' },
    });
    return stderr.slice(0, stderr.indexOf('g.wasm -> '));
  };
  assert.equal(await guest('--warmup', 'env()', '--warmup', 'args()', '--warmup', 'cat()'), '');
  assert.equal(
    await guest('--warmup', 'env()', '--env', 'B=1', '--env', 'A=x=y', '--env', 'E='),
    'guest| B=1\0A=x=y\0E=\0\n',
  );
  assert.equal(await guest('--warmup', 'args()', '--arg', 'a b', '--arg=-x'), 'guest| g.wasm\0a b\0-x\0\n');
  assert.equal(
    await guest('--warmup', 'cat()', '--stdin', 'in.txt', '--rounds', '1'),
    'guest| line one\nguest| line two\n',
  );
});

test('--dir maps a directory read-only; what the guest writes is reported, and gone', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  mkdirSync(join(cwd, 'data'));
  writeFileSync(join(cwd, 'data', 'in.txt'), 'from the file\n');
  const open = ['--allow-open-files', '*.txt'];
  const files = ['--warmup', 'file()', '--warmup', 'write()', ...open, '-o', 'f.wasm', '--json', 'r.json'];
  const { stderr } = await good(['build', 'g.wasm', ...files, '--dir', 'data::/d'], { cwd });
  assert.match(stderr, /^guest\| from the file$/m);
  assert.match(stderr, /warning: \/d\/out\.txt was written before the snapshot, .* \[files-not-kept\]/);
  const report = reportIn(readFileSync(join(cwd, 'r.json')));
  assert.deepEqual(report.filesWritten, [{ path: '/d/out.txt', size: 7 }]);
  assert.equal(existsSync(join(cwd, 'data', 'out.txt')), false);
  await good(['build', 'g.wasm', ...files, '--dir', 'data'], { cwd });
  const missing = await cli(['build', 'g.wasm', '--dir', 'nope::/d'], { cwd });
  assert.equal(missing.code, 5);
  errorLine(missing.stderr, /cannot read nope: no such file or directory/);
  const file = await cli(['build', 'g.wasm', '--dir', 'g.wasm'], { cwd });
  assert.equal(file.code, 5);
  errorLine(file.stderr, /cannot read g\.wasm: not a directory/);
});

test('--wasi node gives the real file system', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  mkdirSync(join(cwd, 'data'));
  writeFileSync(join(cwd, 'data', 'in.txt'), 'from the file\n');
  const args = [
    '--wasi',
    'node',
    '--warmup',
    'file()',
    '--warmup',
    'write()',
    '--dir',
    'data::/d',
    '--allow-open-files',
    '/d/*',
    '-o',
    'f.wasm',
  ];
  const { stderr } = await good(['build', 'g.wasm', ...args], { cwd });
  assert.match(stderr, /^guest\| from the file$/m);
  assert.doesNotMatch(stderr, /Warning/);
  assert.equal(readFileSync(join(cwd, 'data', 'out.txt'), 'utf8'), 'to out\n');
});

test('--random allows randomness, repeatable by a seed, and the summary tells', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  const build = async (random: string): Promise<Buffer> => {
    const args = ['build', 'g.wasm', '--warmup', 'random()', '--rounds', '1', '--random', random, '-o', '-'];
    const { stdout, stderr } = await good(args, { cwd });
    assert.match(stderr, /random +4 bytes, the same in every instance/);
    return stdout;
  };
  assert.deepEqual(await build('seed=7'), await build('seed=0x7'));
  assert.notDeepEqual(await build('seed=7'), await build('seed=8'));
  assert.notDeepEqual(await build('system'), await build('system'));
});

test('a WASI command is a guest too', async () => {
  const cwd = folder({ 'c.wasm': await wat(COMMAND) });
  await good(['build', 'c.wasm'], { cwd });
  const { code, stdout } = await cli(['run', 'c.frozen.wasm'], { cwd, stdin: 'through' });
  assert.equal(code, 3);
  assert.equal(stdout.toString(), 'through');
});

test('--command makes an entry what the module does when it is run', async () => {
  const cwd = folder({ 'c.wasm': await wat(PROBE) });
  await good(['build', 'c.wasm', '--entry', 'hello=out()', '--command', 'hello', '-o', 'f.wasm'], { cwd });
  assert.equal((await good(['run', 'f.wasm'], { cwd })).stdout.toString(), 'to out\n');
  for (const [args, says] of [
    [['--command', 'hello'], /--command hello: there is no entry of this name/],
    [['--entry', 'out=err()'], /the entry "out" has the name of an export/],
    [['--entry', 'a=out()', '--entry', 'a=err()'], /the entry "a"/],
  ] as const) {
    const result = await cli(['build', 'c.wasm', ...args], { cwd });
    assert.equal(result.code, 2);
    errorLine(result.stderr, says);
  }
});

test('an output that is there is replaced: mode and link stay', async () => {
  const cwd = folder({ 'c.wasm': await wat(COUNTER), 'old.wasm': 'old' });
  writeFileSync(join(cwd, 'private.wasm'), 'old', { mode: 0o600 });
  symlinkSync('old.wasm', join(cwd, 'link.wasm'));
  await good(['build', 'c.wasm', '-o', 'private.wasm'], { cwd });
  assert.equal(statSync(join(cwd, 'private.wasm')).mode & 0o777, 0o600);
  await good(['build', 'c.wasm', '-o', 'link.wasm'], { cwd });
  assert.ok(lstatSync(join(cwd, 'link.wasm')).isSymbolicLink());
  assert.ok(WebAssembly.validate(readFileSync(join(cwd, 'old.wasm'))));
});

test('the same line gives the same bytes', async () => {
  const cwd = folder({ 'fib.scm': FIB });
  const build = [
    'build',
    LAMBDA,
    '--warmup',
    'fib.scm',
    '--entry',
    'run=fib.scm',
    ...LAMBDA_STUB,
    '-q',
    '-o',
    '-',
  ];
  assert.deepEqual((await good(build, { cwd })).stdout, (await good(build, { cwd })).stdout);
});

test('--driver brings the guest up by JavaScript of its own', async () => {
  const driver = `export default async ({ freeze, args, wasm }) => {
    const { instance } = await WebAssembly.instantiate(wasm);
    for (const arg of args) instance.exports.add(Number(arg));
    freeze.guest(instance);
    await freeze.done();
  };`;
  const cwd = folder({
    'c.wasm': await wat(COUNTER),
    'd.mjs': driver,
    'syntax.mjs': 'export default (',
    'none.mjs': 'export const a = 1;',
  });
  const args = [
    '--driver',
    'd.mjs',
    '--driver-arg',
    '5',
    '--driver-arg',
    '6',
    '--warmup',
    'add(1)',
    '--rounds',
    '1',
  ];
  await good(['build', 'c.wasm', ...args, '-o', 'f.wasm'], { cwd });
  assert.equal((await good(['run', 'f.wasm', '--invoke', 'get()'], { cwd })).stdout.toString(), '12\n');
  for (const [file, code, says] of [
    ['syntax.mjs', 1, /the driver threw: /],
    ['none.mjs', 2, /none\.mjs exports no default function/],
    ['nope.mjs', 5, /cannot read nope\.mjs/],
    ['-', 2, /--driver -: a driver is a file/],
  ] as const) {
    const result = await cli(['build', 'c.wasm', '--driver', file], { cwd });
    assert.equal(result.code, code, result.stderr);
    errorLine(result.stderr, says);
  }
  const clash = await cli(['build', 'c.wasm', '--driver', 'd.mjs', '-o', 'd.mjs'], { cwd });
  assert.equal(clash.code, 2);
  errorLine(clash.stderr, /the output and --driver are the same file/);
});
