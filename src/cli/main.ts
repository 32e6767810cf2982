#!/usr/bin/env node
/**
 * The process: its arguments, streams, signals and exit code. Nothing else touches `process`.
 */
import { fstatSync } from 'node:fs';
import { homedir, hostname, userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import { EXIT, FreezeError } from '../errors/classes.ts';
import type { Line } from './args.ts';
import type { Machine } from './canaries.ts';
import type { Parsed } from './commands.ts';
import type { Io } from './io.ts';
import { liveInput, messageSink, outputSink, readAll, type Sink } from './stdio.ts';
import { styled, tellError } from './terminal.ts';

/** EX_SOFTWARE of sysexits.h: a bug of ours, whatever was asked for. */
const INTERNAL = 70;

/** Where a terminal does not tell its width, or says 0. */
const COLUMNS = 80;

/** Where a second build (check.ts) goes as soon as it has read its input: relative names lead nowhere there. */
const ELSEWHERE = 'FREEZE_CHECK_DIRECTORY';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

const { env } = process;

function isSet(name: string): boolean {
  return env[name] !== undefined && env[name] !== '';
}

/** https://no-color.org and https://force-color.org; otherwise terminals that know colours. */
function wantsColour(isTTY: boolean): boolean {
  if (isSet('NO_COLOR')) return false;
  if (isSet('FORCE_COLOR')) return env['FORCE_COLOR'] !== '0' && env['FORCE_COLOR'] !== 'false';
  return isTTY && env['TERM'] !== 'dumb';
}

/** Not by node:tty alone, which brings all of Node's streams along: no file and no pipe is a terminal. */
function isTerminal(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule('node:tty').isatty(fd);
  } catch {
    // It is closed.
    return false;
  }
}

function terminalOf(fd: number): Omit<Sink, 'write'> {
  const isTTY = isTerminal(fd);
  const stream = fd === STDOUT ? 'stdout' : 'stderr';
  // Making Node's streams takes time, and only a terminal has a width.
  const columns = isTTY ? process[stream].columns || COLUMNS : COLUMNS;
  return { isTTY, columns, colour: wantsColour(isTTY) };
}

/** Handlers are there only for a moment: while a guest runs, a signal must end the process at once. */
async function guarded<T>(cleanUp: () => void, work: () => Promise<T>): Promise<T> {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (signal: NodeJS.Signals): void => {
    cleanUp();
    for (const one of signals) process.off(one, onSignal);
    process.kill(process.pid, signal);
  };
  for (const one of signals) process.on(one, onSignal);
  try {
    return await work();
  } finally {
    for (const one of signals) process.off(one, onSignal);
  }
}

async function ask(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  const answer = await Promise.race([terminal.question(question), ended]);
  terminal.close();
  return answer.trim();
}

async function again(line: readonly string[]): Promise<{ code: number; text: string }> {
  const { spawn } = await import('node:child_process');
  const [, script = ''] = process.argv;
  const child = spawn(process.execPath, [...process.execArgv, script, ...line], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const chunks: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? EXIT.guest));
  });
  return { code, text: Buffer.concat(chunks).toString() };
}

function machine(): Machine {
  return { env, cwd: process.cwd(), home: homedir(), user: userName(), host: hostname() };
}

/** A process of a container may be nobody that the system knows. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

function makeIo(): Io {
  const err = messageSink(STDERR, terminalOf(STDERR));
  return {
    out: outputSink(STDOUT, terminalOf(STDOUT)),
    err,
    interactive: err.isTTY && !isSet('CI') && env['TERM'] !== 'dumb',
    log: isSet('CI'),
    readStdin: () => readAll(STDIN),
    liveStdin: liveInput(STDIN),
    ask,
    enter: (folder) => process.chdir(folder),
    again,
    machine,
    self: { node: process.execPath, script: fileURLToPath(import.meta.url), elsewhere: ELSEWHERE },
    inputsRead: () => {
      const elsewhere = env[ELSEWHERE];
      if (elsewhere !== undefined) process.chdir(elsewhere);
    },
    fail: (error) => {
      tellError(error, undefined, err);
      process.exit(error.exitCode);
    },
    guarded,
    env,
    nodeVersion: process.version,
  };
}

async function readLine(argv: readonly string[]): Promise<Line> {
  const parsed = (await import('./args.ts')).readPlain(argv);
  if (parsed !== undefined) return { kind: 'command', parsed };
  return (await import('./help.ts')).readWithYargs(argv);
}

/** Commands bring the library with them: only the one that is asked for is loaded. */
async function perform(parsed: Parsed, io: Io): Promise<number> {
  const { name } = parsed.command;
  switch (name) {
    case 'build':
      return (await import('./builds.ts')).builds(parsed, io);
    case 'run':
      return (await import('./run.ts')).runCommand(parsed, io);
    case 'verify':
      return (await import('./verify.ts')).verifyCommand(parsed, io);
    case 'inspect':
      return (await import('./inspect.ts')).inspect(parsed, io);
    case 'completion':
      return (await import('./completion.ts')).completion(parsed, io);
    case 'why':
      return (await import('./why.ts')).why(parsed, io);
    case 'bench':
      return (await import('./bench.ts')).benchCommand(parsed, io);
    case 'demo':
      return (await import('./demo.ts')).demo(parsed, io);
    case 'init':
      return (await import('./init.ts')).init(parsed, io);
    default:
      throw new TypeError(`no command is named ${name}`);
  }
}

async function main(io: Io): Promise<number> {
  let parsed: Parsed | undefined;
  try {
    // It has a command line of its own.
    if (process.argv[2] === 'wizer')
      return await (await import('./wizer.ts')).wizer(process.argv.slice(3), io);
    const line = await readLine(process.argv.slice(2));
    if (line.kind === 'print') {
      io.out.write(line.text);
      return 0;
    }
    parsed = line.parsed;
    return await perform(parsed, io);
  } catch (error) {
    if (!(error instanceof FreezeError)) return internal(error, io.err);
    tellError(error, parsed?.file, io.err);
    return error.exitCode;
  }
}

function internal(error: unknown, err: Sink): number {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  err.write(`${styled(err, 'red', 'freeze: internal error')}\n${stack}\n`);
  return INTERNAL;
}

const io = makeIo();
process.on('uncaughtException', (error) => process.exit(internal(error, io.err)));
// Of a program that waits for what never comes, Node would say that all went well.
process.exitCode = INTERNAL;
void main(io).then((code) => process.exit(code));
