// The page of `freeze demo`, as a person uses it: in Chromium where it is there, and as plain HTTP.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { cli, MAIN } from '../cli/cli.ts';
import { launchChromium } from '../engines/engines.ts';

/** What is used of playwright-core's page. */
interface Page {
  goto(url: string): Promise<unknown>;
  click(selector: string): Promise<void>;
  fill(selector: string, text: string): Promise<void>;
  press(selector: string, key: string): Promise<void>;
  textContent(selector: string): Promise<string | null>;
  selectOption(selector: string, value: string): Promise<unknown>;
  waitForSelector(selector: string): Promise<unknown>;
  locator(selector: string): { count(): Promise<number>; inputValue(): Promise<string> };
  waitForEvent(name: 'download'): Promise<{ saveAs(path: string): Promise<void> }>;
  on(name: 'pageerror', listener: (error: Error) => void): void;
}

const scratch = mkdtempSync(join(tmpdir(), 'freeze-page-'));
let server: ChildProcess;
let origin = '';

before(async () => {
  server = spawn(process.execPath, [MAIN, 'demo', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve) =>
    server.stdout?.once('data', (chunk) => resolve(String(chunk))),
  );
  origin = /^http:\/\/127\.0\.0\.1:\d+\//.exec(line)?.[0] ?? '';
  assert.notEqual(origin, '', `the server says where it is: ${line}`);
});

after(() => {
  server.kill();
  rmSync(scratch, { recursive: true });
});

test('the page, its parts, and nothing else are served', async () => {
  for (const path of [
    '',
    'page.css',
    'guest.wasm',
    'wasmer.js',
    'programs',
    'programs/fib.scm',
    'modules/web/page.js',
  ]) {
    const { status } = await fetch(origin + path);
    assert.equal(status, 200, path);
  }
  for (const path of [
    'package.json',
    'modules/cli/main.js',
    'modules/..%2f..%2fpackage.json',
    'programs/../app.scm',
  ]) {
    const { status } = await fetch(origin + path);
    assert.equal(status, 404, path);
  }
});

test('every module that the page loads is one that a browser can load', async () => {
  const seen = new Set<string>();
  const follow = async (path: string): Promise<void> => {
    if (seen.has(path)) return;
    seen.add(path);
    const response = await fetch(new URL(path, origin));
    assert.equal(response.status, 200, path);
    const text = await response.text();
    if (path === '/wasmer.js' || path === '/binaryen.js') return;
    for (const [, specifier = ''] of text.matchAll(/(?:^(?:import|export) .*?from |\bimport\()'([^']+)'/gm)) {
      assert.match(specifier, /^\.{0,2}\//, `${path} imports ${specifier}`);
      await follow(new URL(specifier, new URL(path, origin)).pathname);
    }
  };
  await follow('/modules/web/page.js');
  await follow('/modules/web/worker.js');
  assert.ok(seen.has('/modules/freeze.js') && seen.has('/wasmer.js') && seen.has('/binaryen.js'));
});

test('a port in use is told, with what to do', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { code, stderr } = await cli(['demo', '--port', String(port)]);
  taken.close();
  assert.equal(code, 5);
  assert.match(stderr, new RegExp(`^freeze: cannot listen on port ${port}: .*in use`));
  assert.match(stderr, /--port 0/);
});

test('in Chromium: evaluate, JIT, freeze, download, run', async (t) => {
  const browser = await launchChromium();
  if (browser === undefined) return t.skip('Chromium is not at hand (node scripts/engines.mjs --chromium)');
  try {
    const page = (await (await browser.newContext()).newPage()) as unknown as Page;
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.goto(origin);
    const idle = (): Promise<unknown> => page.waitForSelector('#evaluate:enabled');
    const bars = (): Promise<number> => page.locator('#chart rect').count();
    await idle();

    // By the keyboard: Alt+1, 2, 3.
    await page.selectOption('#examples', 'tak.scm');
    while (!(await page.locator('#source').inputValue()).includes('tak'));
    const outputs = new Set<string | null>();
    for (const [key, way] of [
      ['Alt+1', 'interpreted'],
      ['Alt+2', 'live-linked'],
      ['Alt+3', 'frozen'],
    ] as const) {
      await page.press('#source', key);
      await idle();
      assert.match((await page.textContent('#status')) ?? '', new RegExp(`^${way}: [\\d.]+ ms`));
      outputs.add(await page.textContent('#output'));
    }
    assert.equal(outputs.size, 1, 'all three print the same');
    assert.equal(await bars(), 3);
    assert.match((await page.textContent('#code')) ?? '', /^\s*\(func \$/);
    assert.match((await page.textContent('#linked')) ?? '', /^\s*\(func \$/);
    assert.notEqual(await page.textContent('#linked'), await page.textContent('#code'), 'sealing changes it');
    assert.match((await page.textContent('#facts')) ?? '', /generated function/);
    assert.match((await page.textContent('#memory')) ?? '', /in use, in \d+ data segments/);

    const file = join(scratch, 'program.frozen.wasm');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
    await download.saveAs(file);
    assert.ok(WebAssembly.validate(new Uint8Array(readFileSync(file))));
    const ran = await cli(['run', file]);
    assert.equal(ran.stdout.toString(), [...outputs][0]);
    assert.equal(ran.code, 0);

    await page.fill('#source', '(define (f x)\n  (car x))\n(f 5)\n');
    await page.click('#evaluate');
    await idle();
    assert.equal(await page.textContent('#failure'), 'program.scm:2: car: not a pair: 5');
    assert.equal(await page.locator('#source[data-wrong]').count(), 1, 'the line is marked in the program');
    assert.equal(await page.textContent('#gutter .wrong'), '2');
    assert.equal(await bars(), 3, 'a failed run is no bar');

    // An endless program is stopped, and the page goes on.
    await page.fill('#source', '(define (spin) (spin))\n(spin)\n');
    await page.click('#evaluate');
    await page.click('#stop');
    await idle();
    assert.equal(await page.textContent('#status'), 'Stopped.');
    await page.fill('#source', '(display 42)');
    assert.equal(await page.locator('#source[data-wrong]').count(), 0, 'what is written anew has not failed');
    await page.click('#evaluate');
    await idle();
    assert.equal(await page.textContent('#output'), '42');
    assert.deepEqual(errors, []);
  } finally {
    await browser.close();
  }
});
