// Runs the compiled command line as a user does, in folders of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

/** From dist/test/cli/. */
export const MAIN: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** The same as one bundle, which is what the package starts. */
export const BUNDLE: string = fileURLToPath(new URL('../../bin/freeze.mjs', import.meta.url));
export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url));
const SNAPSHOTS = join(ROOT, 'snapshots', 'cli');

export const LAMBDA: string = join(ROOT, 'guests', 'lambda', 'lambda.wasm');
/** The guest's one import that is not WASI. */
export const LAMBDA_STUB: readonly string[] = ['--stub-import', 'env.throw_error=trap'];

export interface Result {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Settings {
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Which program: {@link MAIN}, unless another is named. */
  readonly main?: string;
  /** Options for Node itself. */
  readonly node?: readonly string[];
}

/** The environment of a plain shell: what the tests run under says nothing about colours or CI. */
function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH = '', HOME = '' } = process.env;
  return { PATH, HOME, ...more };
}

/** Lines for steps that took long: whether there are any depends on what else the machine does. */
const SLOW_STEP = /^[a-z][^:|]*: \d+\.\d s\n/gm;

export async function cli(args: readonly string[], settings: Settings = {}): Promise<Result> {
  const child = spawn(process.execPath, [...(settings.node ?? []), settings.main ?? MAIN, ...args], {
    cwd: settings.cwd,
    env: environment(settings.env),
    stdio: 'pipe',
  });
  // A guest that exits early does not read its input.
  child.stdin.on('error', () => {});
  child.stdin.end(settings.stdin ?? '');
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done) => {
    child.on('close', (...how) => done(how));
  });
  return {
    code,
    signal,
    stdout: Buffer.concat(stdout),
    stderr: Buffer.concat(stderr).toString().replace(SLOW_STEP, ''),
  };
}

/** A folder that goes when the test file is done. */
export function folder(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'freeze-cli-'));
  after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

/** Runs what must go well. */
export async function good(args: readonly string[], settings: Settings = {}): Promise<Result> {
  const result = await cli(args, settings);
  assert.equal(result.code, 0, result.stderr);
  return result;
}

export interface Refusal {
  readonly code: number;
  /** What the one line says, behind `freeze: `. */
  readonly says: RegExp;
}

const OLD = 'the old output';

/**
 * Runs a build that must fail, in `cwd`: with this code and one line, and with nothing written. The
 * output is there before and stays; the report is not, and is not made. Gives all of stderr.
 */
export async function refused(
  args: readonly string[],
  { code, says }: Refusal,
  settings: Settings & { readonly cwd: string },
): Promise<string> {
  const { cwd } = settings;
  writeFileSync(join(cwd, 'out.wasm'), OLD);
  const before = readdirSync(cwd).sort();
  const result = await cli(['build', ...args, '-o', 'out.wasm', '--json', 'report.json'], settings);
  assert.equal(result.code, code, result.stderr);
  errorLine(result.stderr, says);
  assert.equal(result.stdout.length, 0);
  assert.deepEqual(readdirSync(cwd).sort(), before, 'nothing is left behind');
  assert.equal(readFileSync(join(cwd, 'out.wasm'), 'utf8'), OLD);
  return result.stderr;
}

/** Checks the form of an error: what the guest printed, one line, the Wasm stack, one hint. */
export function errorLine(stderr: string, says: RegExp): void {
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('guest| '));
  const [line = '', ...more] = lines;
  const [, first = ''] = /^(freeze: .*) \[[a-z0-9-]+\]$/.exec(line) ?? [];
  assert.notEqual(first, '', stderr);
  assert.match(first, says, stderr);
  for (const line of more)
    assert.match(line, /^( {2}hint: | {4}\S.* \(function \d+, at byte | {4}\.\.\. )/, stderr);
  assert.ok(more.filter((line) => line.startsWith('  hint: ')).length <= 1, stderr);
}

/** Compares with a file under snapshots/cli; UPDATE_SNAPSHOTS=1 writes it. */
export function matchesSnapshot(name: string, text: string): void {
  const path = join(SNAPSHOTS, name);
  if (process.env['UPDATE_SNAPSHOTS'] === '1') writeFileSync(path, text);
  assert.ok(existsSync(path), `${path} is missing: UPDATE_SNAPSHOTS=1 makes it`);
  assert.equal(text, readFileSync(path, 'utf8'));
}
