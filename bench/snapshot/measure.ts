/** Whole processes, measured from outside: wall time, processor time and peak memory; and what came out. */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from '../../src/wasm/parse.ts';
import { places } from '../../test/engines/places.ts';
import { root } from '../programs.ts';
import type { SnapshotInput } from './inputs.ts';

export interface Cost {
  /** Seconds. */
  readonly wall: number;
  readonly cpu: number;
  /** MiB. */
  readonly peak: number;
}

/** GNU time: Node tells nothing of the resources that a child used. */
const TIME = '/usr/bin/time';

export function runOnce(program: readonly string[], input: SnapshotInput, output: string): Cost {
  const command = ['-f', '%e %U %S %M', ...program, ...input.args, '-o', output, input.wasm];
  const run = spawnSync(TIME, command, {
    env: { PATH: process.env['PATH'], RUST_BACKTRACE: '0', ...input.env },
    input: input.stdin ?? '',
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`${program.join(' ')} failed on ${input.name}:\n${run.stderr}`);
  const [wall = 0, user = 0, system = 0, peak = 0] = (run.stderr.trim().split('\n').at(-1) ?? '')
    .split(' ')
    .map(Number);
  return { wall, cpu: user + system, peak: peak / 1024 };
}

export interface Output {
  readonly bytes: number;
  readonly segments: number;
  /** Milliseconds to instantiate, the module compiled before; undefined where it could not be tried. */
  readonly node: number | undefined;
  readonly wasmtime: number | undefined;
}

/** Instantiations of each module, in turns: of so many, the medians tell a difference of a tenth. */
const TURNS = 31;

/** What came out, on each side; outputs of several sides take turns. */
export function lookAt(outputs: readonly string[]): readonly Output[] {
  const script = fileURLToPath(new URL('./instantiate.js', import.meta.url));
  const node = instantiation([process.execPath, script], outputs);
  const python = process.env['FREEZE_PYTHON'] ?? 'python3';
  const wasmtime = instantiation([python, path.join(root, 'bench/snapshot/instantiate.py')], outputs);
  return outputs.map((output, i) => ({
    bytes: statSync(output).size,
    segments: parse(readFileSync(output)).datas.length,
    node: node[i],
    wasmtime: wasmtime[i],
  }));
}

/** The medians that a program prints; it has a process of its own, as a module has where it is deployed. */
function instantiation(
  [command = '', ...args]: readonly string[],
  outputs: readonly string[],
): readonly (number | undefined)[] {
  const packages = [path.join(root, places.wasmtime.folder), process.env['PYTHONPATH'] ?? ''];
  const env = { ...process.env, PYTHONPATH: packages.join(path.delimiter) };
  const { status, stdout } = spawnSync(command, [...args, String(TURNS), ...outputs], {
    env,
    encoding: 'utf8',
  });
  return status === 0 ? (JSON.parse(stdout) as readonly number[]) : [];
}
