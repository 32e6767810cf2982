// The package as a library: what it exports, that a browser can load it, and the report's schema.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import * as browser from '../../src/browser.ts';
import * as node from '../../src/index.ts';
import { wat } from '../support/wat.ts';
import { folder, good, LAMBDA, LAMBDA_STUB, ROOT } from './cli.ts';
import { COUNTER, GOOD_AUX, PROBE, pushGuest } from './guests.ts';

test('bytes in, bytes out: no file is needed', async () => {
  const { bytes, report } = await browser.freeze(await pushGuest(await wat(GOOD_AUX)), {
    warmups: [{ kind: 'call', export: 'warm', args: [] }],
    entries: [{ name: 'answer', workload: { kind: 'call', export: 'apply', args: ['1'] } }],
  });
  assert.equal(report.modules.length, 1);
  const { instance } = await WebAssembly.instantiate(new Uint8Array(bytes));
  const { answer } = instance.exports;
  assert.ok(typeof answer === 'function');
  assert.equal(answer(), 42);
  assert.match(browser.summary(report, 'a', 'b').join('\n'), /1 module collected/);
});

test('a guest takes what it is given, and errors are told by class and code', async () => {
  const guest = await wat(PROBE);
  const call = (name: string): browser.Workload => ({ kind: 'call', export: name, args: [] });
  const printed: Uint8Array[] = [];
  const host: browser.HostFactory = (compiled) =>
    browser.createWasi({ stdout: (chunk) => printed.push(chunk) }, compiled);
  await browser.freeze(guest, { warmups: [call('out')], host });
  assert.equal(Buffer.concat(printed).toString(), 'to out\n');
  await assert.rejects(browser.freeze(guest, { warmups: [call('random')] }), (error: unknown) => {
    assert.ok(error instanceof browser.GuestError && error instanceof browser.FreezeError);
    assert.equal(error.code, 'entropy');
    assert.equal(error.exitCode, browser.EXIT.guest);
    assert.match(error.wasmStack[0] ?? '', /draw/);
    return true;
  });
  const bad: browser.HostFactory = (compiled) => browser.createWasi({ args: ['a\0b'] }, compiled);
  await assert.rejects(browser.freeze(guest, { host: bad }), browser.UsageError);
  await assert.rejects(browser.freeze(new Uint8Array(3)), browser.MalformedError);
  await assert.rejects(browser.freeze(await wat('(component)')), browser.UnsupportedError);
});

test('a module can be run and inspected without a command line', async () => {
  const results: (readonly unknown[])[] = [];
  const exit = await browser.run(await wat(COUNTER), {
    invokes: [{ kind: 'call', export: 'add', args: ['4'] }],
    onResult: (values) => results.push(values),
  });
  assert.equal(exit, 0);
  assert.deepEqual(results, [[4]]);
  assert.equal(browser.inspectModule(await wat(COUNTER)).kind, 'module');
});

test('Node has all that browsers have, and its files', () => {
  for (const name of Object.keys(browser)) assert.ok(name in node, name);
  const more = Object.keys(node).filter((name) => !(name in browser));
  assert.deepEqual(more.sort(), ['createNodeWasi', 'nodeFiles']);
  assert.equal(node.VERSION, JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version);
});

test('source files from a directory of the machine', async () => {
  const cwd = folder({ 'in.txt': 'hello\n' });
  const printed: Uint8Array[] = [];
  const host: node.HostFactory = (compiled) =>
    node.createWasi(
      { mounts: [{ guest: '/', source: node.nodeFiles(cwd) }], stdout: (chunk) => printed.push(chunk) },
      compiled,
    );
  await node.freeze(await wat(PROBE), {
    warmups: [{ kind: 'call', export: 'file', args: [] }],
    allowOpenFiles: ['/in.txt'],
    host,
  });
  assert.equal(Buffer.concat(printed).toString(), 'hello\n');
});

/** A file without its comments. */
function code(file: string): string {
  return readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/g, '');
}

/** Every import of the compiled file, lazy ones too, and of the files behind them. */
function graph(
  entry: string,
  seen: Map<string, readonly string[]> = new Map(),
): ReadonlyMap<string, readonly string[]> {
  if (seen.has(entry)) return seen;
  const text = code(entry);
  const found = [...text.matchAll(/(?:^(?:import|export)\b[^'"`;(=]*|\bimport\(\s*)['"]([^'"]+)['"]/gm)].map(
    (match) => match[1] ?? '',
  );
  seen.set(entry, found);
  for (const name of found) {
    if (name.startsWith('.')) graph(resolve(dirname(entry), name), seen);
  }
  return seen;
}

test('nothing that a browser loads imports Node, or what only the command line needs', () => {
  const files = graph(join(ROOT, 'dist', 'src', 'browser.js'));
  assert.ok(files.size > 30);
  for (const [file, imports] of files) {
    assert.ok(!file.includes('/cli/'), file);
    for (const name of imports)
      assert.ok(
        name.startsWith('.') || name === '@wasmer/wasi' || name === 'binaryen',
        `${file} imports ${name}`,
      );
    assert.doesNotMatch(code(file), /\b(process|Buffer|require)\b[.(]/, file);
  }
  assert.ok([...graph(join(ROOT, 'dist', 'src', 'index.js')).values()].flat().includes('node:fs'));
});

/** As much of JSON Schema as the schema uses; a word that is not known is an error. */
function violations(
  schema: Readonly<Record<string, unknown>>,
  root: unknown,
  value: unknown,
  at: string,
): readonly string[] {
  const out: string[] = [];
  const check = (fits: boolean, what: string): void => {
    if (!fits) out.push(`${at}: ${what}`);
  };
  const record = (what: unknown): Readonly<Record<string, unknown>> =>
    what as Readonly<Record<string, unknown>>;
  const below = (sub: unknown, child: unknown, name: string): void => {
    out.push(...violations(record(sub), root, child, `${at}/${name}`));
  };
  const words: Readonly<Record<string, (word: unknown) => void>> = {
    $schema: () => {},
    $defs: () => {},
    title: () => {},
    description: () => {},
    $ref: (ref) => {
      const target = String(ref)
        .slice(2)
        .split('/')
        .reduce((node, key) => record(record(node)[key]), record(root));
      out.push(...violations(target, root, value, at));
    },
    type: (type) => {
      const actual = Array.isArray(value) ? 'array' : typeof value;
      check(type === 'integer' ? Number.isInteger(value) : actual === type, `is no ${String(type)}`);
    },
    const: (only) => check(value === only, `is not ${String(only)}`),
    enum: (list) => check(Array.isArray(list) && list.includes(value), 'is none of the values'),
    minimum: (least) => check(Number(value) >= Number(least), 'is too small'),
    items: (items) => {
      for (const [i, one] of Array.isArray(value) ? value.entries() : []) below(items, one, String(i));
    },
    required: (names) => {
      for (const name of names as readonly string[])
        check(Object.hasOwn(record(value), name), `lacks ${name}`);
    },
    properties: (known) => {
      const subs = record(known);
      for (const [name, child] of Object.entries(record(value))) {
        // Stricter than the schema, which lets later versions add: what we write is documented.
        check(Object.hasOwn(subs, name), `${name} is not documented`);
        if (Object.hasOwn(subs, name)) below(subs[name], child, name);
      }
    },
  };
  for (const [word, operand] of Object.entries(schema)) {
    const apply = words[word];
    assert.ok(apply !== undefined, `the schema uses ${word}`);
    apply(operand);
  }
  return out;
}

test('reports keep to their schema', async () => {
  const schema = JSON.parse(readFileSync(join(ROOT, 'src', 'report', 'schema.json'), 'utf8'));
  const cwd = folder({
    'probe.wasm': await wat(PROBE),
    'bad.wasm': await pushGuest(new Uint8Array(3)),
    'fib.scm': '(letrec ((f (lambda (n) (if (< n 2) 1 (f (- n 1)))))) (f 9))',
  });
  const lines: readonly (readonly string[])[] = [
    [
      'probe.wasm',
      '--warmup',
      'write()',
      '--warmup',
      'random()',
      '--warmup',
      'env()',
      '--env',
      'TOKEN=quite-a-secret',
      '--random',
      'seed=1',
      '--allow-open-files',
      '*',
      '--dir',
      '.::/',
      '--rounds',
      '1',
    ],
    ['bad.wasm', '--warmup', 'warm()', '--skip-bad-modules'],
    [LAMBDA, '--warmup', 'fib.scm', '--entry', 'run=fib.scm', ...LAMBDA_STUB],
  ];
  for (const line of lines) {
    const { stdout } = await good(['build', ...line, '-o', 'out.wasm', '--json', '-', '-q'], { cwd });
    const report: unknown = JSON.parse(stdout.toString());
    assert.deepEqual(violations(schema, schema, report, ''), []);
    assert.notDeepEqual(
      violations(schema, schema, { ...(report as object), schema: 2, rounds: 'x' }, ''),
      [],
    );
  }
});
