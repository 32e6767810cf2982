/** Cold start of the shop in wasmtime, where it is at hand: cold-wasmtime.py, unfrozen, frozen and in C in turns. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freeze } from '../src/freeze.ts';
import { places } from '../test/engines/places.ts';
import { type ColdTimes, REQUEST, SHOP_IN_C } from './cold.ts';
import { appBuild, root } from './programs.ts';

export interface ColdInWasmtime {
  readonly fromWasm: ColdTimes;
  /** From what wasmtime compiled before. */
  readonly compiled: ColdTimes;
}

export async function coldInWasmtime(repeat: number): Promise<ColdInWasmtime> {
  const folder = mkdtempSync(path.join(tmpdir(), 'freeze-cold-'));
  try {
    const { wasm, options } = appBuild();
    const sealed = path.join(folder, 'frozen.wasm');
    writeFileSync(sealed, (await freeze(wasm, options)).bytes);
    const job = {
      unfrozen: path.join(root, 'guests/scheme/scheme.wasm'),
      sealed,
      c: SHOP_IN_C,
      name: 'app.scm',
      text: readFileSync(path.join(root, 'guests/scheme/app.scm'), 'utf8'),
      request: REQUEST,
      repeat,
    };
    const packages = [path.join(root, places.wasmtime.folder), process.env['PYTHONPATH'] ?? ''];
    const out = execFileSync(
      process.env['FREEZE_PYTHON'] ?? 'python3',
      [path.join(root, 'bench/cold-wasmtime.py')],
      {
        input: JSON.stringify(job),
        env: { ...process.env, PYTHONPATH: packages.join(path.delimiter) },
      },
    );
    return JSON.parse(out.toString()) as ColdInWasmtime;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
