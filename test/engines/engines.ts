// The engines at hand: everything on this machine that a frozen module can be run on, out of process.
// A test of the output, and a benchmark, goes over `enginesAtHand()`; this Node is always among them,
// and what is not at hand is a line to print, never a failure.
//
//     for (const engine of await enginesAtHand()) {
//       const { results, trap } = await engine.run('app.frozen.wasm', {
//         invoke: [{ name: 'load' }, { name: 'fib', args: [30], warm: 3, repeat: 10 }],
//       });
//     }
//     await closeEngines();
//
// FREEZE_ENGINES=node20,chromium keeps those whose name starts so. FREEZE_NODES adds Node binaries
// (separated as PATH is); FREEZE_PYTHON and FREEZE_CHROMIUM replace the programs looked for.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import {
  firstLine,
  findNode as foundNode,
  findWasmtime as foundWasmtime,
  plainEnvironment,
} from '../../src/host/engines/find.ts';
import type { Engine } from '../../src/host/engines/job.ts';
import { nodeEngine } from '../../src/host/engines/process.ts';
import { ARGS, type Browser, chromiumEngine, type Driver } from './chromium.ts';
import { places, root } from './places.ts';

export {
  type Engine,
  EngineError,
  type Invocation,
  type RunOptions,
  type RunResult,
} from '../../src/host/engines/job.ts';

export interface Found {
  readonly atHand: readonly Engine[];
  /** A line for each engine that is not, with the command that fetches it. */
  readonly absent: readonly string[];
}

/** Nothing that the tests' own process was told (NODE_OPTIONS, the test runner's) may leak in. */
const env = plainEnvironment(process.env);
let found: Promise<Found> | undefined;

export async function enginesAtHand(): Promise<readonly Engine[]> {
  return (await lookForEngines()).atHand;
}

/** The engines at hand and what to say of the others; looked for once a process. */
export function lookForEngines(): Promise<Found> {
  found ??= look();
  return found;
}

/** Ends what engines keep running between runs (the browser). */
export async function closeEngines(): Promise<void> {
  if (found === undefined) return;
  const { atHand } = await found;
  await Promise.all(atHand.map((engine) => engine.close()));
}

async function look(): Promise<Found> {
  const looked = await Promise.all([
    nodeEngine(process.execPath, process.version, env),
    ...otherNodes().map(findNode),
    findWasmtime(),
    findChromium(),
  ]);
  const atHand = new Map<string, Engine>();
  const absent: string[] = [];
  for (const one of looked) {
    if (typeof one === 'string') absent.push(one);
    else if (!atHand.has(one.name)) atHand.set(one.name, one);
  }
  return { atHand: [...atHand.values()].filter(wanted), absent };
}

function wanted(engine: Engine): boolean {
  const names = listed('FREEZE_ENGINES', ',');
  return names.length === 0 || names.some((name) => engine.name.startsWith(name));
}

function otherNodes(): readonly string[] {
  const fetched = places.nodes.majors.map((major) =>
    join(root, places.nodes.binary.replace('{major}', String(major))),
  );
  return [...listed('FREEZE_NODES', delimiter), ...fetched];
}

async function findNode(binary: string): Promise<Engine | string> {
  const advice = `not at hand: ${binary} (node scripts/engines.mjs --nodes)`;
  if (!existsSync(binary)) return advice;
  const found = await foundNode(binary, env);
  return typeof found === 'string' ? `${advice}: it does not start` : found;
}

async function findWasmtime(): Promise<Engine | string> {
  const python = process.env['FREEZE_PYTHON'] ?? 'python3';
  const paths = [join(root, places.wasmtime.folder), process.env['PYTHONPATH'] ?? ''];
  const path = paths.filter((one) => one !== '').join(delimiter);
  const found = await foundWasmtime(python, { ...env, PYTHONPATH: path });
  return typeof found === 'string' ? 'not at hand: wasmtime (node scripts/engines.mjs --wasmtime)' : found;
}

/** Where a Chromium would be. */
export function chromiumExecutable(): string {
  return process.env['FREEZE_CHROMIUM'] ?? places.chromium.executable;
}

async function findChromium(): Promise<Engine | string> {
  const advice = '(node scripts/engines.mjs --chromium)';
  const executable = chromiumExecutable();
  if (!existsSync(executable)) return `not at hand: chromium: no ${executable} ${advice}`;
  const driver = loadDriver();
  if (driver === undefined) return `not at hand: chromium: no ${places.chromium.driver} ${advice}`;
  // "Chromium 156.0.8078.79 built on Debian …"
  const version = /\d+(\.\d+)+/.exec((await firstLine(executable, ['--version'], env)) ?? '')?.[0];
  if (version === undefined) return `not at hand: ${executable}: it does not start`;
  return chromiumEngine(driver, executable, version);
}

/** Chromium for a test that drives it itself; undefined where it is not at hand. */
export async function launchChromium(): Promise<Browser | undefined> {
  const executablePath = process.env['FREEZE_CHROMIUM'] ?? places.chromium.executable;
  return existsSync(executablePath)
    ? loadDriver()?.chromium.launch({ executablePath, args: ARGS })
    : undefined;
}

/** It is installed apart from the project's own packages, as few need it and it is not small. */
export function loadDriver(): Driver | undefined {
  const require = createRequire(join(root, places.chromium.folder, 'package.json'));
  try {
    return require(places.chromium.driver) as Driver;
  } catch {
    return undefined;
  }
}

function listed(variable: string, separator: string): readonly string[] {
  return (process.env[variable] ?? '').split(separator).filter((one) => one !== '');
}
