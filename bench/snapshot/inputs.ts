/**
 * What is snapshotted: real modules, where they are at hand, and memories of known content. All of it is
 * made here, the same in each run; a compiled program is kept under .cache, for compiling takes a minute.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from '@bytecodealliance/jco';
import { realModules } from '../../test/real/modules.ts';
import { root } from '../programs.ts';
import { recordComponentize } from './componentize.ts';

export interface SnapshotInput {
  readonly name: string;
  /** What the issue of speed asks for, as shares of Wizer's wall time and peak memory. */
  readonly floor: readonly [wall: number, memory: number | undefined];
  readonly args: readonly string[];
  readonly wasm: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

const MIB = 1 << 20;

/** A module whose init function writes `bytes` of memory in the way of `step`, from address 0 on. */
function filled(pages: number, bytes: number, step: string): string {
  return `(module (memory (export "memory") ${pages})
    (func (export "wizer-initialize") (local $at i32) (local $x i32) (local $end i32)
      (local.set $x (i32.const 12345))
      (loop $next ${step} (br_if $next (i32.lt_u (local.get $at) (i32.const ${bytes}))))))`;
}

/** The upper bits of a linear congruential generator: lengths that look arbitrary, and are not. */
const RANDOM = '(local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))';
const length = (mask: number): string =>
  `(i32.add (i32.const 1) (i32.and (i32.shr_u (local.get $x) (i32.const 16)) (i32.const ${mask})))`;
const advance = (by: string): string => `(local.set $at (i32.add (local.get $at) ${by}))`;

const TEXTS: Readonly<Record<string, string>> = {
  '64 MiB, non-zero': filled(
    1024,
    64 * MIB,
    `(i64.store (local.get $at) (i64.const 0x0102030405060708)) ${advance('(i32.const 8)')}`,
  ),
  '64 MiB, 1 byte in 8': filled(
    1024,
    64 * MIB,
    `(i32.store8 (local.get $at) (i32.const 1)) ${advance('(i32.const 8)')}`,
  ),
  // Runs of 1 to 256 bytes, gaps of 1 to 64.
  '64 MiB, mixed runs': filled(
    1024,
    64 * MIB - 512,
    `${RANDOM} (memory.fill (local.get $at) (i32.const 90) ${length(255)}) ${advance(length(255))}
     ${RANDOM} ${advance(length(63))}`,
  ),
  // 4 KiB in every 400.
  '1 GiB, 1% used': filled(
    16384,
    1024 * MIB - 409_600,
    `(memory.fill (local.get $at) (i32.const 90) (i32.const 4096)) ${advance('(i32.const 409600)')}`,
  ),
};
const FLOORS: Readonly<Record<string, SnapshotInput['floor']>> = { '1 GiB, 1% used': [1 / 2, 1 / 2] };

/** The inputs at hand, and a line for each that is not. Files are written to `folder`. */
export async function snapshotInputs(
  folder: string,
): Promise<{ readonly inputs: readonly SnapshotInput[]; readonly absent: readonly string[] }> {
  const absent: string[] = [];
  const inputs: SnapshotInput[] = [];
  const monkey = await recordComponentize(path.join(folder, 'componentize'));
  if (monkey === undefined) absent.push('StarlingMonkey: componentize-js is not at hand (npm install)');
  else inputs.push({ name: 'StarlingMonkey', floor: [1 / 5, 2 / 3], ...monkey });
  const ruby = realModules().find(({ name }) => name === 'ruby-stdlib');
  if (ruby === undefined) absent.push('ruby+stdlib: node scripts/real-modules.mjs brings it');
  else {
    const args = ['--allow-wasi', '-f', '_initialize'];
    inputs.push({ name: 'ruby+stdlib', floor: [1 / 5, 2 / 3], args, wasm: ruby.path });
  }
  inputs.push({ name: 'regex', floor: [1 / 1.5, undefined], args: ['--allow-wasi'], wasm: await regex() });
  for (const [name, text] of Object.entries(TEXTS)) {
    const wasm = path.join(folder, `${name.replaceAll(/\W+/g, '-')}.wasm`);
    writeFileSync(wasm, await parse(text));
    inputs.push({ name, floor: FLOORS[name] ?? [1, 1], args: [], wasm });
  }
  return { inputs, absent };
}

type Clang = (
  args: readonly string[],
  files: Readonly<Record<string, string>>,
  options: { readonly fetchProgress: () => void },
) => Promise<Readonly<Record<string, Uint8Array>>>;

/** Compiled with Clang as Wasm, once. */
async function regex(): Promise<string> {
  const at = path.join(root, '.cache', 'bench', 'regex.wasm');
  if (existsSync(at)) return at;
  // Its types name only the whole of LLVM.
  const { runClang } = (await import('@yowasp/clang')) as unknown as { readonly runClang: Clang };
  const source = readFileSync(path.join(root, 'bench/snapshot/regex.cc'), 'utf8');
  const args = ['-O3', '-mexec-model=reactor', '-fno-exceptions', 'regex.cc', '-o', 'regex.wasm'];
  const files = await runClang(['clang++', ...args], { 'regex.cc': source }, { fetchProgress: () => {} });
  mkdirSync(path.dirname(at), { recursive: true });
  writeFileSync(at, files['regex.wasm'] ?? new Uint8Array(0));
  return at;
}
