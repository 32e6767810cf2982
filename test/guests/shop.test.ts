// The shop in C (bench/shop), the limit of the benchmarks' cold starts, answers what guests/scheme/app.scm
// answers. What is expected comes from the Scheme guest, which interprets the program.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { createWasi } from '../../src/host/wasi/wasi.ts';
import { root } from '../engines/places.ts';
import { startScheme } from '../support/scheme.ts';

const app = readFileSync(join(root, 'guests/scheme/app.scm'), 'utf8');
const shop = new WebAssembly.Module(readFileSync(join(root, 'bench/shop/shop.wasm')));

async function inScheme(request: string): Promise<string> {
  return (await startScheme(request)).run(app);
}

async function inC(request: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  const stdin = new TextEncoder().encode(request);
  const wasi = await createWasi({ stdin, stdout: (chunk) => chunks.push(chunk) }, shop);
  const instance = await WebAssembly.instantiate(shop, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  (instance.exports['_start'] as () => void)();
  return Buffer.concat(chunks).toString();
}

const AGENT = '  User-Agent :ignored\r\nUSER-AGENT: a "browser" <1.0>; ä \r\nno colon\r\n\r\nnot: read';

/** Requests, and the status of what answers them. */
const REQUESTS: readonly (readonly [request: string, status: number])[] = [
  ['', 400],
  ['\r\n', 400],
  ['GET', 200],
  ['  GET / HTTP/1.1  ', 200],
  [`HEAD /?q=pen HTTP/1.1\r\n${AGENT}`, 200],
  ['POST /products HTTP/1.1\n\n', 405],
  ['GET  /products HTTP/1.1\n\n', 404],
  ['GET /nowhere/<b>"&amp;"</b>?<i> HTTP/1.1\n\n', 404],
  ['GET /products HTTP/1.1\n\n', 200],
  ['GET /products?sort=price&sort=stock&category=kitchen HTTP/1.1\n\n', 200],
  ['GET /products?&&sort=stock&=&category HTTP/1.1\n\n', 200],
  ['GET /products?sort=name&q=P%65N%20%&category=office HTTP/1.1\n\n', 200],
  ['GET /products?q=P%65N&min=%37.5e0 HTTP/1.1\n\n', 200],
  ['GET /products?q=%22%3c+ä%E4%zz%+5%-1%-0%4 HTTP/1.1\n\n', 200],
  ['GET /products?min=-3&sort=%70rice HTTP/1.1\n\n', 200],
  // The teapot costs 29.16; the cutting board 39.27, a little less than 100 times the double of that.
  ['GET /products?min=29.16&sort=price HTTP/1.1\n\n', 200],
  ['GET /products?min=39.27&sort=price HTTP/1.1\n\n', 200],
  ['GET /products?min=1e9&sort=price HTTP/1.1\n\n', 200],
  ['GET /products?min=cheap HTTP/1.1\n\n', 200],
  [`GET /${'a&b/'.repeat(9000)} HTTP/1.1\nhost: ${'x'.repeat(70000)}\n\n`, 404],
];

for (const [request, status] of REQUESTS) {
  it(`answers ${JSON.stringify(request.slice(0, 70))} as the Scheme program does`, async () => {
    const expected = await inScheme(request);
    assert.ok(expected.startsWith(`HTTP/1.1 ${status} `), expected.slice(0, 100));
    assert.equal(await inC(request), expected);
  });
}
