/**
 * `--check`: the same build once more, as different from this one as can be, must give the same
 * bytes. It is another process, in another directory, time zone and locale, with an environment of
 * its own, one thread for what the engine does beside, functions compiled at once and not when they
 * are called, and no compile cache.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notReproducible, secondBuildFailed } from '../errors/check.ts';
import { beginsAsComponent, readComponentSections, readSections } from '../wasm/parse.ts';
import { lineOf } from './args.ts';
import type { Parsed } from './commands.ts';
import type { Io } from './io.ts';

/** 45 minutes off the hour; dotless i; one thread. */
const OTHER_ENVIRONMENT = {
  TZ: 'Pacific/Chatham',
  LANG: 'tr_TR.UTF-8',
  LC_ALL: 'tr_TR.UTF-8',
  UV_THREADPOOL_SIZE: '1',
  NODE_DISABLE_COMPILE_CACHE: '1',
};
const OTHER_ENGINE = ['--v8-pool-size=0', '--no-wasm-lazy-compilation'];
/** Without these a process does not start everywhere. */
const NEEDED = ['PATH', 'SYSTEMROOT', 'TEMP', 'TMPDIR'];

/** What only says where the output goes and how much is told, what was checked here, and whose line it was. */
const OWN: ReadonlySet<string> = new Set(
  'output json report measure quiet verbose log-level check config only jobs watch print-config'.split(' '),
);

/** Builds again, and throws a CheckError where that gives other bytes. `stdin` is what was read of it here. */
export async function checkReproducible(
  bytes: Uint8Array,
  parsed: Parsed,
  stdin: Uint8Array,
  io: Io,
): Promise<void> {
  const elsewhere = mkdtempSync(join(tmpdir(), 'freeze-check-'));
  const away = (): void => rmSync(elsewhere, { recursive: true, force: true });
  try {
    const output = join(elsewhere, 'again.wasm');
    let child: ChildProcess | undefined;
    const end = (): void => {
      child?.kill('SIGKILL');
      away();
    };
    await io.guarded(end, () => {
      child = startAgain([...again(parsed), '-q', '-o', output], elsewhere, parsed, io);
      return finish(child, stdin);
    });
    compare(bytes, readFileSync(output));
  } finally {
    away();
  }
}

/** The same line, as far as it says what is built. */
function again(parsed: Parsed): readonly string[] {
  const options = new Map([...parsed.options].filter(([name]) => !OWN.has(name)));
  return lineOf({ ...parsed, options });
}

function startAgain(words: readonly string[], elsewhere: string, parsed: Parsed, io: Io): ChildProcess {
  const { env } = io.machine();
  const { node, script, elsewhere: variable } = io.self;
  // A driver is a program of the user's, and has what it has in the first build.
  const kept = parsed.options.has('driver')
    ? env
    : Object.fromEntries(NEEDED.map((name) => [name, env[name]]));
  return spawn(node, [...OTHER_ENGINE, script, ...words], {
    env: { ...kept, ...OTHER_ENVIRONMENT, [variable]: elsewhere },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}

async function finish(child: ChildProcess, stdin: Uint8Array): Promise<void> {
  // A build that fails early does not read all of it.
  child.stdin?.on('error', () => {});
  child.stdin?.end(stdin);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const code = await new Promise<number | null>((done, fail) => {
    child.on('error', fail);
    child.on('close', done);
  });
  if (code !== 0) throw secondBuildFailed(code, said.split('\n')[0]?.replace(/^freeze: /, '') ?? '');
}

function compare(first: Uint8Array, second: Uint8Array): void {
  const length = Math.min(first.length, second.length);
  let at = 0;
  while (at < length && first[at] === second[at]) at++;
  if (at === length && first.length === second.length) return;
  const sections = beginsAsComponent(first) ? readComponentSections(first) : readSections(first);
  const inside = sections.findLast(({ offset }) => offset <= at);
  const name = inside === undefined ? 'header' : `${inside.name} section`;
  throw notReproducible(`in the ${name}, at byte 0x${at.toString(16)}`, [first.length, second.length]);
}
