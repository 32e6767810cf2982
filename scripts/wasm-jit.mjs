/**
 * Builds the guest of wingo's wasm-jit workbench (https://github.com/wingo/wasm-jit), which is not ours
 * to ship, for `FREEZE_WASM_JIT` of the benchmarks:
 *
 *   git clone https://github.com/wingo/wasm-jit ../wasm-jit
 *   node scripts/wasm-jit.mjs ../wasm-jit/interp.cc ../wasm-jit/interplib.wasm
 *   FREEZE_WASM_JIT=../wasm-jit/interplib.wasm npm run bench:sealed -- --only wasm-jit
 *
 * Its own command, with the compiler of our guests; C++17, because in C++20 the standard library
 * wants a type complete that the source completes later.
 */
import { readFile, writeFile } from 'node:fs/promises';

const [source, output] = process.argv.slice(2);
if (source === undefined || output === undefined) {
  console.error('node scripts/wasm-jit.mjs INTERP_CC OUT_WASM');
  process.exit(2);
}
const { runClang } = await import('@yowasp/clang');
const files = await runClang(
  [
    'clang++',
    '-O2',
    '-std=c++17',
    '-mexec-model=reactor',
    '-Wl,--growable-table',
    '-Wl,--export-table',
    '-DLIBRARY=1',
    '-fno-exceptions',
    'interp.cc',
    '-o',
    'interplib.wasm',
  ],
  { 'interp.cc': await readFile(source) },
  { fetchProgress: () => {} },
);
await writeFile(output, files['interplib.wasm']);
