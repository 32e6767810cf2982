// freeze-wizer in Wizer's place: componentize-js and jco build components with it, which do what those that
// native Wizer built do.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { transpile } from '@bytecodealliance/jco';
import { folder, ROOT } from '../../cli/cli.ts';
import { NATIVE } from '../../support/native-wizer.ts';

const FREEZE_WIZER = join(ROOT, 'bin', 'freeze-wizer');

const SOURCE = `const table = new Map([1, 2, 3].map((n) => [n, n * n]));
export function greet(name) { return 'hello ' + name; }
export function total(values) { return values.reduce((sum, value) => sum + value, 0); }
export function move(point, by) {
  return { x: point.x + by, y: point.y + (table.get(by) ?? 0), label: point.label.toUpperCase() };
}
export function words(text) { return text.split(' ').filter(Boolean); }
`;
const WIT = `package test:app;
world app {
  record point { x: s32, y: s32, label: string }
  export greet: func(name: string) -> string;
  export total: func(values: list<s32>) -> s32;
  export move: func(p: point, by: s32) -> point;
  export words: func(text: string) -> list<string>;
}
`;

interface App {
  greet(name: string): string;
  total(values: Int32Array): number;
  move(point: object, by: number): object;
  words(text: string): string[];
}

type Componentize = (options: object) => Promise<{ readonly component: Uint8Array }>;

/** Undefined where the package is not there. */
async function load(): Promise<Componentize | undefined> {
  try {
    return ((await import('@bytecodealliance/componentize-js' as string)) as { componentize: Componentize })
      .componentize;
  } catch {
    return undefined;
  }
}

const componentize = await load();
const skip = componentize === undefined && 'componentize-js is not at hand (npm install)';
const cwd = folder({ 'app.js': SOURCE, 'app.wit': WIT, 'package.json': '{ "type": "module" }' });

/** Builds with `wizerBin`. The names that componentize-js draws for its folders are in the module: here they are fixed. */
async function build(wizerBin: string | undefined, source: string = SOURCE): Promise<Uint8Array> {
  const { random } = Math;
  Math.random = () => (process.pid % 10_007) / 10_007;
  try {
    const files = { sourcePath: join(cwd, 'app.js'), witPath: join(cwd, 'app.wit'), worldName: 'app' };
    writeFileSync(files.sourcePath, source);
    const made = await componentize?.({ ...files, ...(wizerBin === undefined ? {} : { wizerBin }) });
    return made?.component ?? new Uint8Array(0);
  } finally {
    Math.random = random;
  }
}

/** What the functions of a component answer. */
async function answers(component: Uint8Array, name: string): Promise<unknown> {
  const { files } = await transpile(component, { name });
  const at = join(cwd, name);
  // It imports its host's part by name: from here, the repository's packages are found.
  const shim = dirname(createRequire(join(ROOT, 'package.json')).resolve('@bytecodealliance/preview2-shim'));
  for (const [file, bytes] of Object.entries(files as Record<string, Uint8Array>)) {
    mkdirSync(dirname(join(at, file)), { recursive: true });
    const text = file.endsWith('.js') ? Buffer.from(bytes).toString() : undefined;
    const bound = text?.replaceAll(
      /from '@bytecodealliance\/preview2-shim\/([\w-]+)'/g,
      (_, part: string) => `from '${pathToFileURL(join(shim, `${part}.js`)).href}'`,
    );
    writeFileSync(join(at, file), bound ?? bytes);
  }
  const app = (await import(pathToFileURL(join(at, `${name}.js`)).href)) as App;
  return [
    app.greet('wörld'),
    app.total(Int32Array.of(1, 2, 39)),
    app.move({ x: 1, y: 2, label: 'abc' }, 3),
    app.words('a b  c'),
  ];
}

const EXPECTED = ['hello wörld', 42, { x: 4, y: 11, label: 'ABC' }, ['a', 'b', 'c']];

test('componentize({ wizerBin }) builds a component that answers as native Wizer’s, the same bytes twice', {
  skip,
}, async () => {
  const ours = await build(FREEZE_WIZER);
  assert.deepEqual(await answers(ours, 'ours'), EXPECTED);
  assert.deepEqual(Buffer.compare(ours, await build(FREEZE_WIZER)), 0, 'two runs give the same bytes');
  if (NATIVE === undefined) return;
  const theirs = await build(NATIVE);
  assert.deepEqual(await answers(theirs, 'theirs'), EXPECTED);
  assert.ok(ours.length <= theirs.length, `${ours.length} bytes, Wizer has ${theirs.length}`);
});

test('componentize-js tells what is wrong with the JavaScript, without Wizer’s own lines', {
  skip,
}, async () => {
  const wrong = `${SOURCE}\nnull.nothing;\n`;
  const told = await build(FREEZE_WIZER, wrong).then(
    () => '',
    (error: Error) => error.message,
  );
  assert.match(told, /Failed to initialize component/);
  assert.match(told, /TypeError|null/);
  assert.doesNotMatch(told, /Exited with i32 exit status|Caused by/);
});

test('jco componentize --wizer-bin builds the same', { skip }, async () => {
  writeFileSync(join(cwd, 'app.js'), SOURCE);
  // jco 1.35.0 gives its own wasm-tools no directory to read WIT from, whatever Wizer is: it gets one here.
  const jco = createRequire(join(ROOT, 'package.json')).resolve('@bytecodealliance/jco');
  const tools = createRequire(jco).resolve('@bytecodealliance/jco-transpile');
  const shim = createRequire(tools).resolve('@bytecodealliance/preview2-shim/filesystem');
  writeFileSync(
    join(cwd, 'preopen.mjs'),
    `import { _setPreopens } from ${JSON.stringify(pathToFileURL(shim).href)};\n_setPreopens?.({ '/': '/' });\n`,
  );
  const files = ['app.js', '--wit', 'app.wit', '-n', 'app', '-o', 'jco.wasm'];
  const run = spawnSync(
    process.execPath,
    [
      '--import',
      pathToFileURL(join(cwd, 'preopen.mjs')).href,
      join(dirname(jco), 'jco.js'),
      'componentize',
      ...files,
      '--wizer-bin',
      FREEZE_WIZER,
    ],
    { cwd, encoding: 'utf8' },
  );
  assert.equal(run.status, 0, run.stderr);
  assert.deepEqual(await answers(readFileSync(join(cwd, 'jco.wasm')), 'jco'), EXPECTED);
});
