/**
 * `freeze demo`: serves the page of src/web on this machine, with all that it needs and nothing else.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cannotListen } from '../errors/file.ts';
import { badOption } from '../errors/usage.ts';
import type { Parsed } from './commands.ts';
import { reason } from './input.ts';
import type { Io } from './io.ts';
import { one } from './options.ts';

const DEFAULT_PORT = 8017;
const LAST_PORT = 65_535;

/** This file is dist/src/cli/demo.js of the package. */
const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));
const builtModules = fileURLToPath(new URL('../', import.meta.url));
const scheme = join(packageRoot, 'guests', 'scheme');

/** Timers are precise, and no other page sees into this one, only with these. */
const HEADERS = {
  'cache-control': 'no-cache',
  'content-security-policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; style-src 'self' 'unsafe-inline'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'x-content-type-options': 'nosniff',
};

interface Content {
  readonly type: string;
  readonly body: string | Uint8Array;
}

export async function demo(parsed: Parsed, io: Io): Promise<number> {
  const server = createServer((request, response) => {
    const content = request.method === 'GET' ? contentOf(request.url ?? '') : undefined;
    if (content === undefined) response.writeHead(404, HEADERS).end('there is no such page\n');
    else response.writeHead(200, { ...HEADERS, 'content-type': content.type }).end(content.body);
  });
  const port = portOf(one(parsed, 'port'));
  await listen(server, port);
  const { port: taken } = server.address() as AddressInfo;
  io.out.write(`http://127.0.0.1:${taken}/ shows it; Ctrl-C ends it\n`);
  return new Promise(() => {});
}

function portOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PORT;
  if (!/^\d+$/.test(text) || Number(text) > LAST_PORT)
    throw badOption('--port', text, `a whole number to ${LAST_PORT}; 0 is one that is free`);
  return Number(text);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(cannotListen(port, reason(error))));
    server.listen(port, '127.0.0.1', resolve);
  });
}

/** What stands at a path; undefined where there is nothing. */
function contentOf(url: string): Content | undefined {
  const path = url.split('?')[0] ?? '';
  try {
    switch (path) {
      case '/':
        return { type: 'text/html; charset=utf-8', body: read(packageRoot, 'src/web/index.html') };
      case '/page.css':
        return { type: 'text/css; charset=utf-8', body: read(packageRoot, 'src/web/page.css') };
      case '/guest.wasm':
        return { type: 'application/wasm', body: read(scheme, 'scheme.wasm') };
      case '/wasmer.js':
        return script(readFileSync(wasmerFile()));
      case '/binaryen.js':
        return script(readFileSync(fileURLToPath(import.meta.resolve('binaryen'))));
      case '/programs':
        return { type: 'application/json', body: JSON.stringify(programs()) };
      default:
        return moduleOf(path) ?? programOf(path);
    }
  } catch {
    // A file of a broken installation: what is not there is not found.
    return undefined;
  }
}

function read(...path: readonly string[]): Uint8Array {
  return readFileSync(join(...path));
}

function script(body: string | Uint8Array): Content {
  return { type: 'text/javascript; charset=utf-8', body };
}

/** The modules of `freeze` itself. Browsers know no names of packages, and import maps not in workers. */
function moduleOf(path: string): Content | undefined {
  const name = /^\/modules\/((?:[a-z][\w-]*\/)*[a-z][\w-]*\.js)$/.exec(path)?.[1];
  if (name === undefined || name.startsWith('cli/')) return undefined;
  const text = readFileSync(join(builtModules, name), 'utf8');
  return script(text.replaceAll("'@wasmer/wasi'", "'/wasmer.js'").replaceAll("'binaryen'", "'/binaryen.js'"));
}

function wasmerFile(): string {
  return fileURLToPath(new URL('Library.esm.min.js', import.meta.resolve('@wasmer/wasi')));
}

function programs(): readonly string[] {
  return readdirSync(join(scheme, 'bench'))
    .filter((name) => name.endsWith('.scm'))
    .toSorted();
}

function programOf(path: string): Content | undefined {
  const name = programs().find((one) => path === `/programs/${one}`);
  return name === undefined
    ? undefined
    : { type: 'text/plain; charset=utf-8', body: read(scheme, 'bench', name) };
}
