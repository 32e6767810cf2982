// The plugin, on the example that the documentation shows: built by Vite and run in Chromium, served by
// Vite, built by Rolldown and run in Node.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, test } from 'node:test';
import { rolldown } from 'rolldown';
import * as vite from 'vite';
import freezePlugin from '../../src/vite.ts';
import { launchChromium } from '../engines/engines.ts';
import { root } from '../engines/places.ts';

const PRIMES = '2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 61 67 71 73 79 83 89 97 ';
const guest = join(root, 'guests/scheme/scheme.wasm');

const folder = mkdtempSync(join(tmpdir(), 'freeze-vite-'));
cpSync(join(root, 'examples/vite'), folder, { recursive: true });
mkdirSync(join(folder, 'node_modules'));
symlinkSync(root, join(folder, 'node_modules', 'freeze'));
after(() => rmSync(folder, { recursive: true }));

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** Serves a folder while `use` is under way. */
async function served<T>(path: string, use: (origin: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    const name = request.url === '/' ? 'index.html' : (request.url ?? '').slice(1);
    try {
      const body = readFileSync(join(path, name));
      response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'text/plain' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await use(`http://127.0.0.1:${port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

interface Page {
  goto(url: string): Promise<unknown>;
  waitForSelector(selector: string): Promise<unknown>;
  textContent(selector: string): Promise<string | null>;
}

test('Vite builds the example; it runs in Chromium', async (t) => {
  await vite.build({ root: folder, configFile: join(folder, 'vite.config.js'), logLevel: 'error' });
  const assets = readdirSync(join(folder, 'dist/assets'));
  const wasm = assets.find((name) => name.endsWith('.wasm'));
  assert.ok(wasm !== undefined, 'the frozen module is an asset');
  const bytes = readFileSync(join(folder, 'dist/assets', wasm));
  assert.ok(WebAssembly.validate(new Uint8Array(bytes)));
  assert.ok(!bytes.includes(tmpdir()), 'no path of this machine is in it');
  const browser = await launchChromium();
  if (browser === undefined) return t.diagnostic('not at hand: Chromium, which would run what was built');
  try {
    const text = await served(join(folder, 'dist'), async (origin) => {
      const page = (await (await browser.newContext()).newPage()) as unknown as Page;
      await page.goto(origin);
      await page.waitForSelector('#out:not(:empty)');
      return page.textContent('#out');
    });
    assert.equal(text, PRIMES);
  } finally {
    await browser.close();
  }
});

test("Vite's server of sources has the module inside", async () => {
  const server = await vite.createServer({
    root: folder,
    configFile: join(folder, 'vite.config.js'),
    logLevel: 'error',
    server: { middlewareMode: true, ws: false },
    optimizeDeps: { noDiscovery: true },
  });
  try {
    const loaded = await server.ssrLoadModule('/primes.js');
    assert.equal(await loaded['primes'](), PRIMES);
  } finally {
    await server.close();
  }
});

test('Rolldown builds it; it runs in Node, wherever it stands', async () => {
  writeFileSync(
    join(folder, 'print.js'),
    "import { primes } from './primes.js';\nconsole.log(await primes());\n",
  );
  const bundle = await rolldown({
    cwd: folder,
    input: join(folder, 'print.js'),
    platform: 'node',
    plugins: [freezePlugin({ guest })],
    logLevel: 'silent',
  });
  const out = join(folder, 'out');
  await bundle.write({ dir: out, format: 'es' });
  await bundle.close();
  rmSync(join(folder, 'primes.scm'));
  const [script] = readdirSync(out).filter((name) => name === 'print.js');
  assert.equal(script, 'print.js');
  assert.equal(execFileSync(process.execPath, [join(out, 'print.js')], { encoding: 'utf8' }), `${PRIMES}\n`);
});

test('what goes wrong in a build is the error of freeze', async () => {
  writeFileSync(join(folder, 'bad.wasm'), 'no module');
  writeFileSync(join(folder, 'bad.scm'), '(car 5)');
  writeFileSync(join(folder, 'bad.js'), "import './bad.scm?freeze';\n");
  const failing = async (wasm: string): Promise<void> => {
    const plugins = [freezePlugin({ guest: wasm })];
    const bundle = await rolldown({
      cwd: folder,
      input: join(folder, 'bad.js'),
      plugins,
      logLevel: 'silent',
    });
    await bundle.generate({ format: 'es' });
  };
  await assert.rejects(failing(join(folder, 'bad.wasm')), /no WebAssembly module|not a WebAssembly/);
  await assert.rejects(failing(guest), /bad\.scm:1: car: not a pair: 5/);
});

test('what a build warns of, the bundler warns of, by its code', async () => {
  // An empty section that a linker would read: id 0, 8 bytes, a name of 7.
  const linking = Buffer.concat([Buffer.of(0, 8, 7), Buffer.from('linking')]);
  writeFileSync(join(folder, 'linking.wasm'), Buffer.concat([readFileSync(guest), linking]));
  writeFileSync(join(folder, 'one.scm'), '(display 1)');
  writeFileSync(join(folder, 'one.js'), "import './one.scm?freeze';\n");
  const warned: (readonly [code: string | undefined, message: string])[] = [];
  const bundle = await rolldown({
    cwd: folder,
    input: join(folder, 'one.js'),
    plugins: [freezePlugin({ guest: join(folder, 'linking.wasm') })],
    onLog: (_level, { pluginCode, message }) => warned.push([String(pluginCode), message]),
  });
  await bundle.generate({ format: 'es' });
  const ours = warned.filter(([code]) => code === 'linker-left-out');
  assert.equal(ours.length, 1, JSON.stringify(warned));
  assert.match(ours[0]?.[1] ?? '', /left out, .*: linking/);
});
