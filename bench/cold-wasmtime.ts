/** Cold start of the shop in wasmtime, where it is at hand: cold-wasmtime.py, unfrozen and frozen in turns. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freeze } from '../src/freeze.ts';
import { places } from '../test/engines/places.ts';
import { REQUEST } from './cold.ts';
import { appBuild, root } from './programs.ts';

/** Milliseconds: from Wasm, and from what wasmtime compiled before. */
export interface ColdInWasmtime {
  readonly unfrozen: readonly number[];
  readonly frozen: readonly number[];
  readonly unfrozenCompiled: readonly number[];
  readonly frozenCompiled: readonly number[];
}

export async function coldInWasmtime(repeat: number): Promise<ColdInWasmtime> {
  const folder = mkdtempSync(path.join(tmpdir(), 'freeze-cold-'));
  try {
    const { wasm, options } = appBuild();
    const frozen = path.join(folder, 'frozen.wasm');
    writeFileSync(frozen, (await freeze(wasm, options)).bytes);
    const job = {
      guest: path.join(root, 'guests/scheme/scheme.wasm'),
      frozen,
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
