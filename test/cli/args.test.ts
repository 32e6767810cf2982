// The command line as text: two readers that agree, what values mean, help, and a quick start.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { readPlain } from '../../src/cli/args.ts';
import { COMMANDS, isOptional } from '../../src/cli/commands.ts';
import { readWithYargs } from '../../src/cli/help.ts';
import { callOf, entryOf, randomOf, stubOf, workloadOf } from '../../src/cli/options.ts';
import { UsageError } from '../../src/errors/classes.ts';
import { nearest } from '../../src/errors/nearest.ts';
import { wat } from '../support/wat.ts';
import { cli, errorLine, folder, good, matchesSnapshot, ROOT } from './cli.ts';
import { COUNTER } from './guests.ts';

const DIST = join(ROOT, 'dist');

const value = fc.constantFrom(
  'a',
  '',
  '-',
  '1',
  '1e3',
  '0x10',
  'true',
  'false',
  'a=b',
  'f(1, 2)',
  'a b',
  '$0',
  'é',
  '{}',
  '[]',
);

/** A line that is right: words in any order, options once or as often as they may be. */
const line = fc
  .constantFrom(...COMMANDS.filter((one) => Object.keys(one.options).length > 0))
  .chain((command) => {
    const option = fc.constantFrom(...Object.entries(command.options)).chain(([name, { kind, alias }]) => {
      const spelt = alias === undefined ? [`--${name}`] : [`--${name}`, `-${alias}`];
      return fc.tuple(fc.constantFrom(...spelt), fc.constant(kind), value, fc.boolean(), fc.constant(name));
    });
    return fc
      .tuple(
        fc.uniqueArray(option, {
          maxLength: 8,
          selector: ([, kind, text, , name]) => (kind === 'many' ? `${name} ${text}` : name),
        }),
        // Not "true": after a flag both take it for the flag's value, and miss the file.
        fc.array(fc.tuple(fc.constantFrom('guest.wasm', '-', '7', 'a b'), fc.nat(8)), {
          minLength: command.words.filter((word) => !isOptional(word)).length,
          maxLength: command.words.length,
        }),
        command.rest
          ? fc.array(fc.constantFrom('-x', '--wasi', 'a', '--', '5'), { maxLength: 3 })
          : fc.constant([]),
      )
      .map(([options, files, rest]) => {
        const words = options.map(([spelt, kind, text, joined]) => {
          if (kind === 'flag') return [spelt];
          return joined && spelt.startsWith('--') ? [`${spelt}=${text}`] : [spelt, text];
        });
        for (const [file, at] of files) words.splice(at, 0, [file]);
        return [command.name, ...words.flat(), ...(rest.length > 0 ? ['--', ...rest] : [])];
      });
  });

test('the quick reader and yargs read a line alike', async () => {
  await fc.assert(
    fc.asyncProperty(line, async (argv) => {
      const quick = readPlain(argv);
      assert.ok(quick !== undefined, argv.join(' '));
      assert.deepEqual(await readWithYargs(argv), { kind: 'command', parsed: quick });
    }),
    { numRuns: 100 },
  );
});

test('what is not right is left to yargs, which refuses it', async () => {
  const bad = [
    ['run'],
    ['build', 'a', 'b'],
    ['build', 'a', '--nope'],
    ['build', 'a', '--no-quiet'],
    ['build', 'a', '-x'],
    ['build', 'a', '-o'],
    ['build', 'a', '-o', '--quiet'],
    ['build', 'a', '--skipBadModules'],
    ['build', 'a', '--env.x', '1'],
    ['build', 'a', '--', 'b'],
    ['build', '--guest', 'a', 'b'],
    ['nope', 'a'],
    [],
  ];
  for (const argv of bad) {
    assert.equal(readPlain(argv), undefined, argv.join(' '));
    await assert.rejects(readWithYargs(argv), UsageError, argv.join(' '));
  }
});

test('an option that takes one value is not given two', () => {
  assert.throws(() => readPlain(['build', 'a', '-o', 'x', '--output', 'y']), /--output is given twice/);
  assert.deepEqual(readPlain(['build', 'a', '--env', 'x', '--env', 'x'])?.options.get('env'), ['x', 'x']);
});

test('a workload is a call where it looks like one', () => {
  assert.deepEqual(callOf('f()'), { kind: 'call', export: 'f', args: [] });
  assert.deepEqual(callOf('f( 1 , -2.5 )'), { kind: 'call', export: 'f', args: ['1', '-2.5'] });
  assert.deepEqual(callOf('f(i32)(7)'), { kind: 'call', export: 'f(i32)', args: ['7'] });
  assert.deepEqual(callOf('f(,)'), { kind: 'call', export: 'f', args: ['', ''] });
  for (const file of ['f', '()', 'f(1).scm', 'f)', '(1)']) assert.equal(callOf(file), undefined, file);
  assert.deepEqual(workloadOf('--warmup', './f(1).scm'), { kind: 'file', path: './f(1).scm' });
  assert.deepEqual(entryOf('a=b=f(1)'), {
    name: 'a',
    workload: { kind: 'call', export: 'b=f', args: ['1'] },
  });
  for (const text of ['', '=x', 'a', 'a=']) assert.throws(() => entryOf(text), UsageError, text);
});

test('a stub is the last part of its option', () => {
  assert.deepEqual(stubOf('a.b=trap'), { pattern: 'a.b', stub: { kind: 'trap' } });
  assert.deepEqual(stubOf('a.b=c=nop'), { pattern: 'a.b=c', stub: { kind: 'nop' } });
  assert.deepEqual(stubOf('*=-0xff'), { pattern: '*', stub: { kind: 'const', value: -255n } });
  for (const text of ['a.b', 'a.b=', 'a.b=1.5', '=trap', 'a.b=true', 'a.b=1n'])
    assert.throws(() => stubOf(text), UsageError, text);
});

test('randomness is denied, repeatable or the machine own', () => {
  assert.deepEqual(randomOf('deny'), { kind: 'denied' });
  assert.deepEqual(randomOf('system'), { kind: 'system' });
  assert.deepEqual(randomOf('seed=-1'), { kind: 'seeded', seed: -1n });
  for (const text of ['', 'seed', 'seed=', 'seed=x', '7'])
    assert.throws(() => randomOf(text), UsageError, text);
});

test('wrong values are told in one line, with the option', async () => {
  const cwd = folder({ 'g.wasm': await wat(COUNTER) });
  const lines: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [['--rounds', '0'], /--rounds 0: a whole number from 1 on/],
    [['--rounds', '1e3'], /--rounds 1e3/],
    [['--protocol', 'jit'], /--protocol jit: it is one of freeze, wasm-jit, plain/],
    [['--protocol', 'toString'], /--protocol toString/],
    [['--wasi', 'real'], /--wasi real: it is memory or node/],
    [['--random', 'yes'], /--random yes: it is deny, system, seed=N or budget=BYTES/],
    [['--random', 'seed='], /--random seed=: it is deny/],
    [['--random', 'system,seed=1'], /--random system,seed=1: it is deny/],
    [['--timeout', 'soon'], /--timeout soon: seconds/],
    [['--max-memory', '2 GB'], /--max-memory 2 GB: a size: 65536, 64K/],
    [['--max-modules', '1K'], /--max-modules 1K: a whole number/],
    [['--env', 'HOME'], /--env HOME: a variable is NAME=VALUE/],
    [['--dir', 'a::b::c'], /--dir a::b::c: a directory is HOST or HOST::GUEST/],
    [['--stub-import', 'a.b'], /--stub-import a\.b: a stub is/],
    [['--entry', 'main'], /--entry main: an entry is NAME=WORKLOAD/],
    [['--warmup', ''], /--warmup "": a workload is a file or a call/],
    [['--warmpu', 'x'], /unknown argument: --warmpu/],
  ];
  for (const [args, says] of lines) {
    const { code, stderr, stdout } = await cli(['build', 'g.wasm', ...args], { cwd });
    assert.equal(code, 2, stderr);
    assert.equal(stdout.length, 0);
    errorLine(stderr, says);
  }
  const counter = folder({ 'c.wasm': await wat(COUNTER) });
  assert.match((await cli(['build', 'g.wasm', '--warmpu', 'x'], { cwd })).stderr, /did you mean --warmup\?/);
  assert.match(
    (await cli(['biuld', 'g.wasm'], { cwd })).stderr,
    /unknown command: biuld \[command-line\]\n {2}hint: did you mean build\?/,
  );
  // Words of the guest's, and values that are one of a few.
  for (const [args, meant] of [
    [['build', 'c.wasm', '--warmup', 'gett()'], 'get'],
    [['run', 'c.wasm', '--invoke', 'hafl(1)'], 'half'],
    [['build', 'c.wasm', '--seal', '--keep', 'bothh'], 'both'],
    [['build', 'c.wasm', '--protocol', 'frezze'], 'freeze'],
    [['build', 'c.wasm', '--optimize', 'fats', '--seal'], 'fast'],
    [['build', 'c.wasm', '--target', 'cloudfare'], 'cloudflare'],
    [['build', 'c.wasm', '--log-level', 'wran'], 'warn'],
    [['build', 'c.wasm', '--entry', 'main=get()', '--command', 'man'], 'main'],
  ] as const) {
    const { code, stderr } = await cli(args, { cwd: counter });
    assert.equal(code, 2, stderr);
    assert.match(stderr, new RegExp(`\\n {2}hint: did you mean ${meant}\\?`), args.join(' '));
  }
});

test('near words are found, far ones are not', () => {
  const known = ['warmup', 'wasi', 'env', 'entry'];
  assert.equal(nearest('warmpu', known), 'warmup');
  assert.equal(nearest('wassi', known), 'wasi');
  assert.equal(nearest('en', known), 'env');
  assert.equal(nearest('output', known), undefined);
});

test('help says everything, the same in any language', async () => {
  for (const [name, args] of [
    ['help.txt', ['--help']],
    ['help-build.txt', ['build', '--help']],
    ['help-run.txt', ['run', 'x', '-h']],
    ['help-inspect.txt', ['inspect', '--help']],
  ] as const) {
    const { stdout, stderr } = await good(args, { env: { LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' } });
    assert.equal(stderr, '');
    matchesSnapshot(name, stdout.toString());
  }
  assert.equal((await good(['--version'])).stdout.toString(), '0.1.0\n');
  const none = await cli([]);
  assert.equal(none.code, 2);
  errorLine(none.stderr, /which command\? build, run, .* or \w+/);
});

/** The files that a module brings along when it is loaded: by `import … from`, not by `import()`. */
function loadedBy(file: string, seen = new Set<string>()): ReadonlySet<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  if (!file.startsWith(DIST)) return seen;
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export) (?:.*? from )?'([^']+)';$/gm,
  )) {
    if (specifier.startsWith('.')) loadedBy(join(dirname(file), specifier), seen);
    else seen.add(specifier);
  }
  return seen;
}

test('freeze wizer loads no package', () => {
  const wizer = join(DIST, 'src', 'cli', 'wizer.js');
  // What it imports when it is needed: the passes, and the host in memory.
  const rest = ['freeze.js', 'host/wasi/wasi.js', 'host/wasi/node-files.js'].map((file) =>
    join(DIST, 'src', file),
  );
  const files = [join(DIST, 'src', 'cli', 'main.js'), wizer, ...rest];
  const loaded = new Set(files.flatMap((file) => [...loadedBy(file)]));
  assert.deepEqual(
    [...loaded].filter((one) => !one.startsWith(DIST) && !one.startsWith('node:')),
    [],
  );
});

test('nothing heavy is loaded before a build has read its guest', () => {
  const cli = join(DIST, 'src', 'cli');
  const loaded = new Set(
    ['main.js', 'args.js', 'builds.js', 'build.js'].flatMap((file) => [...loadedBy(join(cli, file))]),
  );
  const packages = [...loaded].filter((one) => !one.startsWith(DIST) && !one.startsWith('node:'));
  assert.deepEqual(packages, ['yargs-parser']);
  for (const room of ['host', 'link', 'report', 'seal', 'snapshot'])
    assert.deepEqual(
      [...loaded].filter((file) => file.startsWith(join(DIST, 'src', room))),
      [],
      room,
    );
  assert.ok(
    loadedBy(join(DIST, 'src', 'freeze.js')).has(join(DIST, 'src', 'host', 'capture.js')),
    'it would be seen',
  );
});
