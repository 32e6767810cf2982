/** What is measured: guests and the programs that they run. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FreezeOptions } from '../src/options.ts';
import type { Program } from '../src/protocols/protocol.ts';
import type { StubOption } from '../src/stubs.ts';

/** The repository's root, from dist/bench. */
export const root: string = fileURLToPath(new URL('../..', import.meta.url));

export interface BenchProgram {
  readonly guest: string;
  readonly name: string;
  readonly wasm: Uint8Array;
  readonly program: Program;
  readonly stubs: readonly StubOption[];
  /** Exports called with these arguments before anything is loaded, for a run that only interprets. */
  readonly interpretOnly: readonly { readonly export: string; readonly args: readonly number[] }[];
}

function read(file: string): Uint8Array {
  return new Uint8Array(readFileSync(path.isAbsolute(file) ? file : path.join(root, file)));
}

function program(file: string): Program {
  return { name: path.basename(file), bytes: read(file) };
}

/** wasm-jit's own guest is not ours to ship: FREEZE_WASM_JIT names a build of it. */
function wasmJitGuests(): readonly { readonly guest: string; readonly file: string }[] {
  const real = process.env['FREEZE_WASM_JIT'];
  const ours = { guest: 'lambda', file: 'guests/lambda/lambda.wasm' };
  return real === undefined || !existsSync(real)
    ? [ours]
    : [ours, { guest: 'wasm-jit', file: path.resolve(real) }];
}

export function benchPrograms(): readonly BenchProgram[] {
  const lambda = wasmJitGuests().map(({ guest, file }) => ({
    guest,
    name: 'fib 30',
    wasm: read(file),
    program: program('guests/lambda/fib.scm'),
    stubs: [{ pattern: 'env.throw_error', stub: { kind: 'trap' } } as const],
    interpretOnly: [],
  }));
  const folder = path.join(root, 'guests/scheme/bench');
  const files = existsSync(folder)
    ? readdirSync(folder)
        .filter((file) => file.endsWith('.scm'))
        .sort()
    : [];
  const scheme = files.map((file) => ({
    guest: 'scheme',
    name: path.basename(file, '.scm'),
    wasm: read('guests/scheme/scheme.wasm'),
    program: program(path.join('guests/scheme/bench', file)),
    stubs: [],
    interpretOnly: [{ export: 'scheme_set_jit', args: [0] }],
  }));
  return [...lambda, ...scheme];
}

/** The Scheme guest with its shop, as a build, sealed or open: one program, whose answer is the command. */
export function appBuild(seal = true): { readonly wasm: Uint8Array; readonly options: FreezeOptions } {
  const file = (name: string) => ({ kind: 'program', ...program(path.join('guests/scheme', name)) }) as const;
  return {
    wasm: read('guests/scheme/scheme.wasm'),
    options: {
      loads: [file('app.scm')],
      warmups: [file('warmup.scm')],
      entries: [{ name: 'main', workload: file('app.scm') }],
      command: 'main',
      seal,
      // What the guest exports for its tests.
      ...(seal ? { drop: ['scheme_*'] } : {}),
    },
  };
}
