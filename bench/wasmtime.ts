/**
 * The same three ways on wasmtime, where it is at hand. Interpreted is an image without generated
 * code: loaded, never warmed up. Live-linked is a host of its own in Python, live-wasmtime.py.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freeze } from '../src/freeze.ts';
import { enginesAtHand } from '../test/engines/engines.ts';
import { places } from '../test/engines/places.ts';
import { type BenchProgram, root } from './programs.ts';

export interface EngineTimes {
  readonly engine: string;
  readonly interpreted: readonly number[];
  readonly live: readonly number[];
  readonly frozen: readonly number[];
}

/** An image that has the program and no code for it. */
async function interpretedImage(bench: BenchProgram): Promise<Uint8Array> {
  const workload = { kind: 'program', ...bench.program } as const;
  const calls = bench.interpretOnly.map(
    (call) => ({ kind: 'call', export: call.export, args: call.args.map(String) }) as const,
  );
  const { bytes } = await freeze(bench.wasm, {
    warmups: calls,
    entries: [{ name: 'bench', workload }],
    stubs: bench.stubs,
  });
  return bytes;
}

function live(bench: BenchProgram, wasm: string, protocol: string, runs: number): readonly number[] {
  const job = {
    wasm,
    protocol,
    text: Buffer.from(bench.program.bytes).toString(),
    name: bench.program.name,
    warm: 1,
    repeat: runs,
  };
  const python = process.env['FREEZE_PYTHON'] ?? 'python3';
  const packages = [path.join(root, places.wasmtime.folder), process.env['PYTHONPATH'] ?? ''].join(
    path.delimiter,
  );
  const out = execFileSync(python, [path.join(root, 'bench/live-wasmtime.py')], {
    input: JSON.stringify(job),
    env: { ...process.env, PYTHONPATH: packages },
  });
  const { times } = JSON.parse(out.toString()) as { readonly times: readonly number[] };
  return times;
}

/** Undefined where wasmtime is not at hand. */
export async function onWasmtime(
  bench: BenchProgram,
  frozen: Uint8Array,
  protocol: string,
  runs: number,
): Promise<EngineTimes | undefined> {
  const engine = (await enginesAtHand()).find((one) => one.name.startsWith('wasmtime'));
  if (engine === undefined) return undefined;
  const folder = mkdtempSync(path.join(tmpdir(), 'freeze-bench-'));
  try {
    const file = (name: string, bytes: Uint8Array): string => {
      const at = path.join(folder, name);
      writeFileSync(at, bytes);
      return at;
    };
    const timed = async (wasm: string): Promise<readonly number[]> => {
      const { times } = await engine.run(wasm, { invoke: [{ name: 'bench', warm: 1, repeat: runs }] });
      return times;
    };
    return {
      engine: engine.name,
      interpreted: await timed(file('interpreted.wasm', await interpretedImage(bench))),
      live: live(bench, file('guest.wasm', bench.wasm), protocol, runs),
      frozen: await timed(file('frozen.wasm', frozen)),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
