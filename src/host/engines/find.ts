/**
 * Other engines of this machine: Nodes, and wasmtime as a Python module. Looking for one is starting it once;
 * what is not there is a line that says so.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Engine } from './job.ts';
import { type Environment, nodeEngine, wasmtimeEngine } from './process.ts';

const execute = promisify(execFile);

/** The first start of a large binary on a loaded machine is slow. */
const START_MS = 60_000;

/** A Node binary, or why it is none: the words go on from its path. */
export async function findNode(binary: string, env: Environment): Promise<Engine | string> {
  const version = await firstLine(binary, ['--version'], env);
  return version === undefined ? `${binary}: it does not start` : nodeEngine(binary, version, env);
}

/** wasmtime in a Python, or why there is none. `env` may have a PYTHONPATH. */
export async function findWasmtime(python: string, env: Environment): Promise<Engine | string> {
  const script = 'import wasmtime, importlib.metadata as m; print(m.version("wasmtime"))';
  const version = await firstLine(python, ['-c', script], env);
  return version === undefined
    ? `wasmtime: ${python} has no module of this name`
    : wasmtimeEngine(python, version, env);
}

/** The first line that a program prints; undefined where it does not start. */
export async function firstLine(
  command: string,
  args: readonly string[],
  env: Environment,
): Promise<string | undefined> {
  try {
    const { stdout } = await execute(command, args, { env: { ...env }, timeout: START_MS });
    return stdout.trim().split('\n')[0];
  } catch {
    return undefined;
  }
}

/** What a program needs of the environment to start, and nothing that tells it how to behave. */
export function plainEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const needed = ['PATH', 'HOME', 'TMPDIR', 'LD_LIBRARY_PATH', 'PYTHONPATH', 'SystemRoot'];
  return Object.fromEntries(
    needed.flatMap((key) => {
      const value = env[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );
}
