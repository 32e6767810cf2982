/**
 * Cold start of app.scm: from bytes to the first answer, unfrozen, frozen, and the same shop in C, in a
 * process of its own (cold-run.ts) of the Node that runs this; in wasmtime, cold-wasmtime.ts.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freeze } from '../src/freeze.ts';
import { appBuild, root } from './programs.ts';

/** What the shop is asked. */
export const REQUEST = 'GET /products?category=kitchen&sort=price HTTP/1.1\nHost: example.org\n\n';

/** The shop in C, a command. */
export const SHOP_IN_C: string = path.join(root, 'bench/shop/shop.wasm');

/** Milliseconds. */
export interface ColdTimes {
  readonly unfrozen: readonly number[];
  readonly sealed: readonly number[];
  readonly c: readonly number[];
}

export interface Cold extends ColdTimes {
  /** On one processor, where `taskset` can bind to it: what an engine compiles aside takes of its time. */
  readonly oneCore: ColdTimes | undefined;
  /** Bytes. */
  readonly openSize: number;
  readonly sealedSize: number;
}

/** Before a command (util-linux). */
const ONE_CORE = ['taskset', '--cpu-list', '0'] as const;

/** False where there is no taskset, or the first processor is not ours. */
function canBind(): boolean {
  const [taskset, ...bound] = ONE_CORE;
  return spawnSync(taskset, [...bound, 'true']).status === 0;
}

function timesOf([command, ...args]: readonly [string, ...string[]]): ColdTimes {
  return JSON.parse(execFileSync(command, args).toString()) as ColdTimes;
}

export async function coldStart(runs: number): Promise<Cold> {
  const { wasm, options } = appBuild();
  const open = await freeze(wasm, appBuild(false).options);
  const sealed = await freeze(wasm, options);
  const folder = mkdtempSync(path.join(tmpdir(), 'freeze-cold-'));
  try {
    const files = [path.join(folder, 'guest.wasm'), path.join(folder, 'frozen.wasm'), SHOP_IN_C] as const;
    writeFileSync(files[0], wasm);
    writeFileSync(files[1], sealed.bytes);
    const run = path.join(root, 'dist/bench/cold-run.js');
    const node = [process.execPath, '--expose-gc', run, ...files, String(runs)] as const;
    const times = timesOf(node);
    const oneCore = canBind() ? timesOf([...ONE_CORE, ...node]) : undefined;
    return { ...times, oneCore, openSize: open.bytes.length, sealedSize: sealed.bytes.length };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
