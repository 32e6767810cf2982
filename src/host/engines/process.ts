// Engines that are a program of their own: each run is one process, so a crash or a runaway loop of a
// guest ends that process and nothing else. Node runs `node-run.mjs`, wasmtime runs through Python
// with `wasmtime-run.py`; the job goes in on stdin, the outcome comes out on stdout, and the guest's
// three streams are files in a folder that lives as long as the run.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  DEFAULT_TIMEOUT_MS,
  type Engine,
  EngineError,
  type Outcome,
  prepare,
  type RunOptions,
  type RunResult,
  resultOf,
} from './job.ts';

/** All of a program's environment: nothing of this process's own goes along. */
export type Environment = Readonly<Record<string, string>>;

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Environment;
}

interface Running extends Program {
  /** The processes of it that there are. */
  readonly running: Set<ChildProcess>;
}

/** The runners are no TypeScript, and stay where they are when it is compiled to `dist`. */
export function runnerFile(name: string): string {
  return fileURLToPath(new URL(`../../../../src/host/engines/${name}`, import.meta.url));
}

export function nodeEngine(binary: string, version: string, env: Environment): Engine {
  const name = `node${major(version)}`;
  // The warning is that WASI is experimental: known.
  const args = ['--no-warnings', runnerFile('node-run.mjs')];
  return programEngine(name, version, { command: binary, args, env });
}

export function wasmtimeEngine(python: string, version: string, env: Environment): Engine {
  const args = [runnerFile('wasmtime-run.py')];
  return programEngine(`wasmtime${major(version)}`, version, { command: python, args, env });
}

export function major(version: string): string {
  return version.replace(/^v/, '').split('.')[0] ?? version;
}

function programEngine(name: string, version: string, program: Program): Engine {
  const running = new Set<ChildProcess>();
  return {
    name,
    version,
    run: (wasmPath, options = {}) => run(name, { ...program, running }, resolve(wasmPath), options),
    close: async () => {
      for (const child of running) child.kill('SIGKILL');
    },
  };
}

async function run(
  name: string,
  program: Running,
  wasmPath: string,
  options: RunOptions,
): Promise<RunResult> {
  const prepared = prepare(wasmPath, options);
  const folder = mkdtempSync(join(options.folder ?? tmpdir(), 'freeze-engine-'));
  try {
    const stream = (file: string, content: string | Uint8Array = ''): string => {
      writeFileSync(join(folder, file), content);
      return join(folder, file);
    };
    const stdin = stream('stdin', options.stdin);
    const stdout = stream('stdout');
    const stderr = stream('stderr');
    const job = JSON.stringify({ ...prepared.job, stdin, stdout, stderr });
    const answer = await converse(name, program, job, options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const outcome = JSON.parse(answer) as Outcome;
    return resultOf(name, prepared, outcome, readFileSync(stdout), readFileSync(stderr));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts the program, gives it the job, and resolves to all that it printed. */
function converse(
  name: string,
  { command, args, env, running }: Running,
  job: string,
  timeoutMs: number,
): Promise<string> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { env: { ...env } });
    running.add(child);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const printed = collect(child.stdout);
    const said = collect(child.stderr);
    child.on('error', (error) => {
      clearTimeout(timer);
      running.delete(child);
      failed(new EngineError(`${name}: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      if (late) failed(new EngineError(`${name}: no answer after ${timeoutMs} ms`));
      else if (code === 0) done(printed());
      else failed(new EngineError(`${name}: ended with ${signal ?? code}\n${said()}`));
    });
    // A program that ends before it read the job is reported by its exit code, not by this pipe.
    child.stdin.on('error', () => undefined);
    child.stdin.end(job);
  });
}

function collect(stream: NonNullable<ChildProcess['stdout']>): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
