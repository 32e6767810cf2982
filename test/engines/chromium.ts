// Chromium, driven by playwright-core, both optional and found at run time. One browser serves all
// runs, and a page serves one after another (a new page costs 0.4 s, and a guest that knows only WASI
// leaves nothing behind in one). A run is on the page's main thread, where the stack is the size that
// pages have: a worker's is half. The page comes from a server on this machine that isolates it by
// header, as `performance.now` counts 5 µs then, and 100 µs otherwise.
//
// V8 keeps compiled code by content: the second run of a module finds it compiled, and hot functions
// optimised. A benchmark that wants it cold closes the engine first.
import { readFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import {
  DEFAULT_TIMEOUT_MS,
  type Engine,
  EngineError,
  type Outcome,
  prepare,
  type RunOptions,
  type RunResult,
  resultOf,
} from '../../src/host/engines/job.ts';
import { major, runnerFile as sharedFile } from '../../src/host/engines/process.ts';
import { runnerFile } from './places.ts';

/** What is used of playwright-core, whose own types are not at hand when this compiles. */
export interface Driver {
  readonly chromium: {
    launch(options: { readonly executablePath: string; readonly args: readonly string[] }): Promise<Browser>;
  };
}

export interface Browser {
  newContext(): Promise<Context>;
  close(): Promise<void>;
}

interface Context {
  newPage(): Promise<Page>;
}

interface Page {
  goto(url: string): Promise<unknown>;
  evaluate(expression: string): Promise<unknown>;
}

interface PageOutcome extends Outcome {
  readonly stdout: string;
  readonly stderr: string;
}

/** A browser and the server its pages come from. */
interface Session {
  readonly browser: Browser;
  readonly context: Context;
  /** The pages that no run is using. */
  readonly pages: Page[];
  readonly server: Server;
  readonly modules: Map<string, string>;
  readonly origin: string;
}

export const ARGS: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
// A forgotten close() then costs a test run this long, and does not hang it.
const IDLE_MS = 3_000;
const PAGE = '<!doctype html><script type="module" src="/browser-run.mjs"></script>';
const SCRIPTS: ReadonlyMap<string, string> = new Map([
  ['/browser-run.mjs', runnerFile('browser-run.mjs')],
  ['/perform.mjs', sharedFile('perform.mjs')],
]);

export function chromiumEngine(driver: Driver, executablePath: string, version: string): Engine {
  const name = `chromium${major(version)}`;
  let session: Promise<Session> | undefined;
  let running = 0;
  let served = 0;
  let idle: NodeJS.Timeout | undefined;

  const open = (): Promise<Session> => {
    session ??= begin(driver, executablePath);
    return session;
  };
  /** Ends the session given, unless that was done: by now a later run may have another one. */
  const drop = async (dropped: Promise<Session>): Promise<void> => {
    if (session !== dropped) return;
    session = undefined;
    await dropped.then(end, () => undefined);
  };
  const close = async (): Promise<void> => {
    clearTimeout(idle);
    if (session !== undefined) await drop(session);
  };

  const run = async (wasmPath: string, options: RunOptions = {}): Promise<RunResult> => {
    const path = resolve(wasmPath);
    const prepared = prepare(path, options);
    const module = `/module/${served++}`;
    const stdin = Buffer.from(options.stdin ?? '').toString('base64');
    const expression = `runJob(${JSON.stringify({ ...prepared.job, module, stdin })})`;
    const limit = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    clearTimeout(idle);
    running++;
    const mine = open();
    try {
      const used = await mine;
      used.modules.set(module, path);
      const outcome = await inPage(used, expression, limit);
      used.modules.delete(module);
      const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
      return resultOf(name, prepared, outcome, bytes(outcome.stdout), bytes(outcome.stderr));
    } catch (error) {
      if (error instanceof EngineError) throw error;
      // A page that loops for ever, or crashed, may take its browser along: the next run gets a new one.
      await drop(mine);
      throw new EngineError(`${name}: ${error instanceof Error ? error.message : error}`);
    } finally {
      running--;
      if (running === 0) idle = setTimeout(close, IDLE_MS);
    }
  };
  return { name, version, run, close };
}

async function inPage(session: Session, expression: string, limitMs: number): Promise<PageOutcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, failed) => {
    timer = setTimeout(() => failed(new Error(`no answer after ${limitMs} ms`)), limitMs);
  });
  const evaluate = async (): Promise<PageOutcome> => {
    const page = session.pages.pop() ?? (await openPage(session));
    const outcome = (await page.evaluate(expression)) as PageOutcome;
    session.pages.push(page);
    return outcome;
  };
  const evaluated = evaluate();
  // Once the run is late its own failure, when the browser closes, is of no interest.
  evaluated.catch(() => undefined);
  return Promise.race([evaluated, late]).finally(() => clearTimeout(timer));
}

async function openPage({ context, origin }: Session): Promise<Page> {
  const page = await context.newPage();
  await page.goto(origin);
  return page;
}

async function begin(driver: Driver, executablePath: string): Promise<Session> {
  const modules = new Map<string, string>();
  const server = createServer((request, response) => answer(request.url ?? '', modules, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const browser = await driver.chromium.launch({ executablePath, args: ARGS }).catch((error) => {
    server.close();
    throw error;
  });
  const context = await browser.newContext();
  return { browser, context, pages: [], server, modules, origin: `http://127.0.0.1:${port}/` };
}

async function end({ browser, server }: Session): Promise<void> {
  await browser.close();
  server.closeAllConnections();
  await new Promise<void>((done) => server.close(() => done()));
}

/** Serves the page, its scripts, and the modules of the runs under way; nothing else. */
function answer(url: string, modules: ReadonlyMap<string, string>, response: ServerResponse): void {
  const send = (type: string, body: string | Uint8Array): void => {
    response.writeHead(200, {
      'content-type': type,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    });
    response.end(body);
  };
  const module = modules.get(url);
  const script = SCRIPTS.get(url);
  if (url === '/') send('text/html', PAGE);
  else if (script !== undefined) send('text/javascript', readFileSync(script));
  else if (module !== undefined) send('application/wasm', readFileSync(module));
  else response.writeHead(404).end();
}
