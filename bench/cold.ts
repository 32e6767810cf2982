/**
 * Cold start of app.scm: from bytes to the first answer, unfrozen, frozen, and the same shop in C, in a
 * process of its own (cold-run.ts) of the Node that runs this; in wasmtime, cold-wasmtime.ts.
 */
import { execFileSync } from 'node:child_process';
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
  /** Bytes. */
  readonly openSize: number;
  readonly sealedSize: number;
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
    const out = execFileSync(process.execPath, ['--expose-gc', run, ...files, String(runs)]);
    const times = JSON.parse(out.toString()) as ColdTimes;
    return { ...times, openSize: open.bytes.length, sealedSize: sealed.bytes.length };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
