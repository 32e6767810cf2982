// Bad input: one line, the right exit code, no output file, the old output untouched.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, LAMBDA, LAMBDA_STUB, ROOT, refused } from './cli.ts';
import { COUNTER, GOOD_AUX, PROBE, pushGuest } from './guests.ts';

const lambda = readFileSync(LAMBDA);
const FIB = '(letrec ((fib (lambda (n) (if (< n 2) 1 (+ (fib (- n 1)) (fib (- n 2))))))) (fib 15))';

test('what is not Wasm is told by its first bytes', async () => {
  const cwd = folder({
    'a.wasm': 'GIF89a',
    'empty.wasm': '',
    'short.wasm': '\0as',
    'v2.wasm': '\0asm\x02\0\0\0',
  });
  await refused(['a.wasm'], { code: 3, says: /a\.wasm: not a WebAssembly module/ }, { cwd });
  await refused(['empty.wasm'], { code: 3, says: /empty\.wasm: / }, { cwd });
  await refused(['short.wasm'], { code: 3, says: /short\.wasm: / }, { cwd });
  await refused(['v2.wasm'], { code: 3, says: /v2\.wasm: binary version 2 is unknown/ }, { cwd });
  await refused(['-'], { code: 3, says: /standard input: not a WebAssembly/ }, { cwd, stdin: 'MZ' });
});

test('text that does not assemble is told with its line', async () => {
  const cwd = folder({ 'a.wat': '(module\n  (func (export "f") foo))' });
  await refused(
    ['a.wat'],
    {
      code: 3,
      says: /a\.wat: unknown operator or unexpected token, in line 2, column 22 \(text, at byte 0x1d\)$/,
    },
    { cwd },
  );
});

/** Where each section begins, and the end. */
function boundaries(bytes: Uint8Array): readonly number[] {
  const out: number[] = [];
  let at = 8;
  while (at < bytes.length) {
    out.push(at++);
    let size = 0;
    let shift = 0;
    for (let more = true; more; shift += 7) {
      const byte = bytes[at++] ?? 0;
      size |= (byte & 0x7f) << shift;
      more = byte > 0x7f;
    }
    at += size;
  }
  assert.equal(at, bytes.length);
  return out;
}

test('a module truncated at a section boundary is refused', async (t) => {
  const cwd = folder({ 'fib.scm': FIB });
  const args = ['cut.wasm', '--warmup', 'fib.scm', '--entry', 'run=fib.scm', ...LAMBDA_STUB];
  const ends = boundaries(lambda);
  assert.ok(ends.length > 10);
  for (const end of ends) {
    await t.test(`at byte ${end}`, async () => {
      writeFileSync(join(cwd, 'cut.wasm'), lambda.subarray(0, end));
      // The head of a module is a module too: then it lacks what the command line names, or its own
      // code. Names alone may be missing.
      const custom = lambda[end] === 0;
      if (custom) await good(['build', ...args, '-o', 'whole.wasm'], { cwd });
      else await refused(args, { code: exitAt(lambda[end]), says: /./ }, { cwd });
    });
    await t.test(`in the head of the section at ${end}`, async () => {
      writeFileSync(join(cwd, 'cut.wasm'), lambda.subarray(0, end + 1));
      await refused(args, { code: 3, says: /cut\.wasm: unexpected end \(.*at byte 0x/ }, { cwd });
    });
    await t.test(`before the end of the section at ${end}`, async () => {
      writeFileSync(
        join(cwd, 'cut.wasm'),
        lambda.subarray(0, (ends[ends.indexOf(end) + 1] ?? lambda.length) - 1),
      );
      await refused(args, { code: 3, says: /cut\.wasm: .*at byte 0x/ }, { cwd });
    });
  }
});

/** What a module that ends before this section is: its head is a module too, as far as it goes. */
function exitAt(section: number | undefined): number {
  const TYPE = 1;
  const IMPORT = 2;
  const FUNCTION = 3;
  const DATA = 11;
  // Without code for its functions it is none. Without data it runs, and has lost its strings.
  if (section === DATA) return 1;
  // It imports nothing that --stub-import could find, or exports nothing that its protocol wants.
  return section === TYPE || section === IMPORT || section === FUNCTION ? 2 : 3;
}

test('a component is told apart', async () => {
  const cwd = folder({ 'c.wasm': await wat('(component)'), 'c.wat': '(component)' });
  await refused(
    ['c.wasm'],
    { code: 4, says: /c\.wasm: this is a WebAssembly component, not a core module/ },
    { cwd },
  );
  await refused(['c.wat'], { code: 4, says: /c\.wat: this is a WebAssembly component/ }, { cwd });
});

test('a frozen module can be frozen again, and works', async () => {
  const cwd = folder({ 'fib.scm': FIB });
  const program = ['--warmup', 'fib.scm'];
  await good(
    ['build', LAMBDA, ...program, '--open', '--entry', 'one=fib.scm', ...LAMBDA_STUB, '-o', 'once.wasm'],
    {
      cwd,
    },
  );
  await good(
    ['build', 'once.wasm', '--warmup', 'one()', ...program, '--entry', 'two=fib.scm', '-o', 'twice.wasm'],
    { cwd },
  );
  const { stdout } = await good(['run', 'twice.wasm', '--invoke', 'one()', '--invoke', 'two()'], { cwd });
  assert.equal(stdout.toString(), 'result: 987\nresult: 987\n');
});

test('a missing import is named', async () => {
  const cwd = folder({
    'g.wasm': await wat('(module (import "env" "a" (func)) (import "js" "b" (func)) (func (export "f")))'),
  });
  const stderr = await refused(
    ['g.wasm'],
    { code: 4, says: /imports what no host here gives: env\.a, js\.b$/ },
    { cwd },
  );
  assert.match(stderr, /hint: .*--stub-import/);
  await refused(['g.wasm', '--stub-import', 'env.*=nop'], { code: 4, says: /gives: js\.b$/ }, { cwd });
  await refused(
    ['g.wasm', '--stub-import', 'x.y=nop'],
    { code: 2, says: /--stub-import x\.y: .*nothing of this name/ },
    { cwd },
  );
});

test('state that the guest imports is refused', async () => {
  const cwd = folder({
    'mem.wasm': await wat('(module (import "env" "memory" (memory 1)))'),
    'table.wasm': await wat('(module (import "env" "t" (table 1 funcref)))'),
  });
  await refused(['mem.wasm'], { code: 4, says: /the guest imports its memory "env" "memory"/ }, { cwd });
  await refused(['table.wasm'], { code: 4, says: /the guest imports its table "env" "t"/ }, { cwd });
});

test('a guest without memory or table, whose modules need them', async () => {
  const cwd = folder({
    'no-memory.wasm': await pushGuest(new Uint8Array(8), { memory: '' }),
    'hidden.wasm': await pushGuest(new Uint8Array(8), { memory: '(memory 1)' }),
    'no-table.wasm': await pushGuest(await wat(GOOD_AUX), { table: '' }),
  });
  const warm = ['--warmup', 'warm()'];
  await refused(['no-memory.wasm', ...warm], { code: 4, says: /exports no memory named "memory"/ }, { cwd });
  await refused(['hidden.wasm', ...warm], { code: 4, says: /exports no memory named "memory"/ }, { cwd });
  await refused(
    ['no-table.wasm', ...warm],
    { code: 4, says: /auxiliary module good imports "env" "table", which nothing gives/ },
    { cwd },
  );
});

test('a WASI guest whose memory nobody knows', async () => {
  const cwd = folder({
    'g.wasm':
      await wat(`(module (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
      (memory 1) (func (export "f") (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`),
  });
  await refused(
    ['g.wasm', '--warmup', 'f()'],
    { code: 4, says: /made a WASI call in f\(\), and its memory is not known/ },
    { cwd },
  );
});

test('a trap in warm-up comes with the names of the functions', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  const stderr = await refused(
    ['g.wasm', '--warmup', 'trap()'],
    { code: 1, says: /the guest trapped in trap\(\): unreachable$/ },
    { cwd },
  );
  assert.deepEqual(
    stderr.split('\n').flatMap((line) => /^ {4}(\S+) \(function/.exec(line)?.[1] ?? []),
    ['counter.deep', 'counter.deep', 'counter.deep', 'counter.outer'],
  );
});

test('a trap in the start function, in _initialize, and a stack that overflows', async () => {
  const cwd = folder({
    'start.wasm': await wat('(module (func $boot unreachable) (start $boot))'),
    'init.wasm': await wat('(module (func $setup (export "_initialize") unreachable))'),
    'deep.wasm': await wat('(module (func $down (export "f") (call $down)))'),
  });
  await refused(['start.wasm'], { code: 1, says: /trapped while it was instantiated: unreachable/ }, { cwd });
  await refused(['init.wasm'], { code: 1, says: /trapped in _initialize: unreachable/ }, { cwd });
  const stderr = await refused(
    ['deep.wasm', '--warmup', 'f()'],
    { code: 1, says: /trapped in f\(\): .*stack/i },
    { cwd },
  );
  assert.ok(stderr.split('\n').length < 20, stderr);
});

test('an exit in warm-up is not the exit code of freeze', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  for (const code of ['0', '3', '70']) {
    const says = new RegExp(`the guest exited with code ${code} in exit\\(${code}\\)$`);
    await refused(['g.wasm', '--warmup', `exit(${code})`], { code: 1, says }, { cwd });
  }
});

test('randomness that was not allowed is named, with who asked', async () => {
  const cwd = folder({ 'g.wasm': await wat(PROBE) });
  const stderr = await refused(
    ['g.wasm', '--warmup', 'random()'],
    { code: 1, says: /asked for 4 random bytes in random\(\)$/ },
    { cwd },
  );
  assert.match(stderr, /^ {4}probe\.draw \(function/m);
  assert.match(stderr, /^ {2}hint: .*--random seed=N/m);
});

test('a workload that does not parse', async () => {
  const cwd = folder({ 'bad.scm': '(letrec ((f', 'nul.scm': '1\0', 'ok.scm': '1' });
  const stderr = await refused(
    [LAMBDA, '--warmup', 'bad.scm', ...LAMBDA_STUB],
    { code: 1, says: /the guest trapped while it parsed bad\.scm: env\.throw_error was called/ },
    { cwd },
  );
  assert.match(stderr, /^guest\| /m);
  await refused(
    [LAMBDA, '--warmup', 'nul.scm', ...LAMBDA_STUB],
    { code: 1, says: /while it parsed nul\.scm: .*NUL/ },
    { cwd },
  );
  // What a quiet guest said of its failure is shown after all.
  const quiet = await refused(
    [LAMBDA, '--quiet', '--warmup', 'bad.scm', ...LAMBDA_STUB],
    { code: 1, says: /bad\.scm/ },
    { cwd },
  );
  assert.equal(quiet, stderr);
  const scheme = join(ROOT, 'guests', 'scheme', 'scheme.wasm');
  if (existsSync(scheme))
    await refused(
      [scheme, '--warmup', 'bad.scm'],
      { code: 1, says: /reports an error while it loaded bad\.scm: / },
      { cwd },
    );
});

test('a workload that is not there, or that nothing takes', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER), 'a.scm': '1' });
  await refused(
    ['g.wasm', '--warmup', 'nope.scm'],
    { code: 5, says: /cannot read nope\.scm: no such file/ },
    { cwd },
  );
  await refused(['g.wasm', '--load', '.'], { code: 5, says: /cannot read \.: .*directory/ }, { cwd });
  await refused(
    ['g.wasm', '--load', 'a.scm'],
    { code: 2, says: /follows no protocol that takes a program like a\.scm/ },
    { cwd },
  );
  await refused(['g.wasm', '--warmup', 'nope()'], { code: 2, says: /exports no function "nope"/ }, { cwd });
  await refused(
    ['g.wasm', '--warmup', 'add()'],
    { code: 2, says: /add\(\): the arguments do not fit, the export takes \(i32\)/ },
    { cwd },
  );
  await refused(['g.wasm', '--warmup', 'add(1, 2)'], { code: 2, says: /do not fit/ }, { cwd });
  await refused(['g.wasm', '--warmup', 'add(x)'], { code: 2, says: /do not fit/ }, { cwd });
  await refused(
    ['g.wasm', '--protocol', 'freeze'],
    { code: 2, says: /does not speak the freeze protocol: it lacks freeze_contract/ },
    { cwd },
  );
});

interface BadModule {
  readonly what: string;
  readonly aux: Uint8Array;
  readonly says: RegExp;
  /** What the guest is told where bad modules are skipped. */
  readonly status: number;
}

async function badModules(): Promise<readonly BadModule[]> {
  const whole = await wat(GOOD_AUX);
  return [
    { what: 'empty', aux: new Uint8Array(0), says: /module jit1 is not valid: /, status: 2 },
    {
      what: 'not Wasm',
      aux: new TextEncoder().encode('function'),
      says: /jit1 is not valid: not a WebAssembly/,
      status: 2,
    },
    { what: 'truncated', aux: whole.subarray(0, whole.length - 4), says: /jit1 is not valid: /, status: 2 },
    {
      what: 'not valid',
      aux: await wat('(module (func (result i32)))'),
      says: /jit1 is not valid: /,
      status: 2,
    },
    { what: 'a component', aux: await wat('(component)'), says: /jit1 is not valid: .*component/, status: 2 },
    {
      what: 'a function of another type',
      aux: await wat('(module (import "env" "seven" (func (param i64))))'),
      says: /jit1 imports "env" "seven", which does not fit: /,
      status: 3,
    },
    {
      what: 'a memory where a table is wanted',
      aux: await wat('(module (import "env" "memory" (table 1 funcref)))'),
      says: /jit1 imports "env" "memory", which does not fit: /,
      status: 3,
    },
    {
      what: 'an import that does not exist',
      aux: await wat('(module (import "env" "nothing" (func)))'),
      says: /jit1 imports "env" "nothing", which nothing gives$/,
      status: 3,
    },
    {
      what: 'a slot beyond the table',
      aux: await wat('(module (import "slot" "9" (func)))'),
      says: /jit1 imports "slot" "9", which nothing gives$/,
      status: 3,
    },
    {
      what: 'a start function that traps half-way',
      aux: await wat(`(module (import "env" "memory" (memory 1)) (import "env" "table" (table 2 funcref))
        (func $half (i32.store (i32.const 8) (i32.const 77)) (table.set (i32.const 1) (ref.func $f)) unreachable)
        (func $f (result i32) (i32.const 5)) (elem declare func $f) (start $half))`),
      says: /jit1 trapped while it was patched in: unreachable$/,
      status: 4,
    },
    {
      what: 'an active segment out of bounds',
      aux: await wat('(module (import "env" "memory" (memory 1)) (data (i32.const 65535) "ab"))'),
      says: /jit1 trapped while it was patched in: /,
      status: 4,
    },
  ];
}

test('a bad auxiliary module stops the build, or is left out and reported', async (t) => {
  for (const { what, aux, says, status } of await badModules()) {
    await t.test(what, async () => {
      const cwd = folder({ 'g.wasm': await pushGuest(aux) });
      const warm = ['g.wasm', '--warmup', 'warm()'];
      const stderr = await refused(warm, { code: 4, says }, { cwd });
      assert.match(stderr, /hint: /);
      const skipped = await good(['build', ...warm, '--skip-bad-modules', '-o', 'skip.wasm', '--json', '-'], {
        cwd,
      });
      const report = JSON.parse(skipped.stdout.toString());
      assert.equal(report.modules.length, 1);
      assert.equal(report.modules[0].linked, false);
      assert.match(report.modules[0].error, says);
      assert.equal(report.linked.functions, what.includes('half-way') ? 1 : 0);
      assert.match(skipped.stderr, /left out: /);
      const run = await good(['run', 'skip.wasm', '--invoke', 'status()', '--invoke', 'apply(0)'], { cwd });
      assert.equal(run.stdout.toString(), `${status}\n7\n`);
    });
  }
});

test('what a module wrote before it trapped stays written', async () => {
  const half = (await badModules()).find(({ what }) => what.includes('half-way'));
  assert.ok(half !== undefined);
  const more = '(func (export "peek") (result i32) (i32.load (i32.const 8)))';
  const cwd = folder({ 'g.wasm': await pushGuest(half.aux, { more }) });
  await good(['build', 'g.wasm', '--warmup', 'warm()', '--skip-bad-modules', '-o', 'f.wasm', '-q'], { cwd });
  const { stdout } = await good(['run', 'f.wasm', '--invoke', 'peek()', '--invoke', 'apply(1)'], { cwd });
  assert.equal(stdout.toString(), '77\n5\n');
});

test('a module that does not fit into a table or memory at its maximum', async () => {
  const grows = await wat(`(module (import "env" "table" (table 1 funcref))
    (func $f) (elem declare func $f)
    (func $patch (table.set (table.grow (ref.func $f) (i32.const 1)) (ref.func $f))) (start $patch))`);
  const wide = await wat('(module (import "env" "memory" (memory 2)))');
  const grown = await wat(`(module (import "env" "memory" (memory 1))
    (func $patch (i32.store (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)) (i32.const 1))) (start $patch))`);
  const cwd = folder({
    'table.wasm': await pushGuest(grows, { table: '(table $t (export "table") 4 4 funcref)' }),
    'memory.wasm': await pushGuest(wide, { memory: '(memory (export "memory") 1 1)' }),
    'grow.wasm': await pushGuest(grown, { memory: '(memory (export "memory") 1 1)' }),
  });
  const warm = ['--warmup', 'warm()'];
  await refused(
    ['table.wasm', ...warm],
    { code: 4, says: /jit1 trapped while it was patched in: table index is out of bounds/ },
    { cwd },
  );
  await refused(
    ['memory.wasm', ...warm],
    { code: 4, says: /jit1 imports "env" "memory", which does not fit/ },
    { cwd },
  );
  await refused(
    ['grow.wasm', ...warm],
    { code: 4, says: /jit1 trapped while it was patched in: memory access out of bounds/ },
    { cwd },
  );
});

test('a guest at its maximum is frozen there', async () => {
  const cwd = folder({
    'g.wasm': await wat(`(module (memory (export "memory") 1 3) (table (export "table") 1 5 funcref)
      (func $f (result i32) (i32.const 9))
      (elem declare func $f)
      (func (export "fill") (drop (memory.grow (i32.const 2))) (i32.store (i32.const 196604) (i32.const 6))
        (drop (table.grow (ref.func $f) (i32.const 4))))
      (func (export "more") (result i32 i32) (memory.grow (i32.const 1)) (table.grow (ref.null func) (i32.const 1)))
      (func (export "last") (result i32 i32) (i32.load (i32.const 196604)) (call_indirect (result i32) (i32.const 4))))`),
  });
  await good(['build', 'g.wasm', '--warmup', 'fill()', '--rounds', '1'], { cwd });
  const { stdout } = await good(['run', 'g.frozen.wasm', '--invoke', 'last()', '--invoke', 'more()'], {
    cwd,
  });
  assert.equal(stdout.toString(), '6 9\n-1 -1\n');
});

test('an output that cannot be written is told before the guest runs', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER), file: 'x' });
  const before = readdirSync(cwd);
  const places: readonly (readonly [out: string, says: RegExp])[] = [
    ['nowhere/out.wasm', /cannot write nowhere\/out\.wasm: no such file or directory/],
    ['file/out.wasm', /cannot write file\/out\.wasm: not a directory/],
    ['.', /cannot write \.: it is a directory/],
  ];
  for (const [out, says] of places) {
    for (const args of [
      ['-o', out],
      ['--json', out, '-o', 'out.wasm'],
    ]) {
      const result = await cli(['build', 'g.wasm', '--warmup', 'trap()', ...args], { cwd });
      assert.equal(result.code, 5, result.stderr);
      errorLine(result.stderr, says);
      const hint = /hint: the folder nowhere is not there: make it first/;
      if (out.startsWith('nowhere')) assert.match(result.stderr, hint);
    }
  }
  assert.deepEqual(readdirSync(cwd), before);
});

test('an output that is an input is refused', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER), 'a.scm': '1', 'in.txt': 'x' });
  symlinkSync('g.wasm', join(cwd, 'link.wasm'));
  const lines: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [['-o', 'g.wasm'], /the output and the guest are the same file: g\.wasm/],
    [
      ['-o', './../'.concat(cwd.split('/').at(-1) ?? '', '/g.wasm')],
      /the output and the guest are the same file/,
    ],
    [['-o', 'link.wasm'], /the output and the guest are the same file: link\.wasm/],
    [['-o', 'a.scm', '--load', 'a.scm'], /the output and --load are the same file: a\.scm/],
    [['-o', 'a.scm', '--entry', 'e=a.scm'], /the output and --entry are the same file/],
    [['-o', 'in.txt', '--stdin', 'in.txt'], /the output and --stdin are the same file/],
    [['--json', 'g.wasm'], /--json and the guest are the same file/],
    [['-o', 'x', '--json', './x'], /the output and --json are the same file/],
  ];
  for (const [args, says] of lines) {
    const result = await cli(['build', 'g.wasm', ...args], { cwd });
    assert.equal(result.code, 2, result.stderr);
    errorLine(result.stderr, says);
  }
  assert.deepEqual(readdirSync(cwd).sort(), ['a.scm', 'g.wasm', 'in.txt', 'link.wasm']);
  assert.deepEqual(new Uint8Array(readFileSync(join(cwd, 'g.wasm'))), new Uint8Array(await wat(COUNTER)));
});

test('a full disk is told, and the other file is not written either', {
  skip: !existsSync('/dev/full'),
}, async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  const says = /cannot write \/dev\/full: no space left on device/;
  const module = await cli(['build', 'g.wasm', '-o', '/dev/full', '--json', 'r.json'], { cwd });
  assert.equal(module.code, 5);
  errorLine(module.stderr, says);
  const json = await cli(['build', 'g.wasm', '-o', 'out.wasm', '--json', '/dev/full'], { cwd });
  assert.equal(json.code, 5);
  errorLine(json.stderr, says);
  assert.deepEqual(readdirSync(cwd), ['g.wasm']);
});

test('a guest with many imports, or with a name of a megabyte, gets a line that can be read', async () => {
  const imports = (names: readonly string[]): string =>
    `(module ${names.map((name) => `(import "m" "${name}" (func))`).join('')})`;
  const cwd = folder({
    'many.wasm': await wat(imports(Array.from({ length: 1000 }, (_, n) => `f${n}`))),
    'long.wasm': await wat(imports(['x'.repeat(1_000_000)])),
  });
  await refused(['many.wasm'], { code: 4, says: /gives: m\.f0, .*, m\.f31, and 968 more$/ }, { cwd });
  const { code, stderr } = await cli(['build', 'long.wasm'], { cwd });
  assert.equal(code, 4);
  assert.ok(stderr.length < 5000, `${stderr.length} characters`);
  errorLine(stderr, /^freeze: the guest imports what no host here gives: m\.x+…$/);
});
