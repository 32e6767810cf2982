// How much memory a build takes beside its guest's: node dist/bench/memory.js [MiB].
//
// The promise is three times the guest's memory and a constant. The dense guest is the worst case:
// none of its bytes is zero, so that its image and the output are as large as its memory.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wat } from '../test/support/wat.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const MIB = 1024 * 1024;

/** Writes its peak to stdout, in KiB, when it ends: that is what getrusage counts. */
const TELL = `import { writeSync } from 'node:fs';
process.on('exit', () => writeSync(1, String(process.resourceUsage().maxRSS)));`;

/** Writes eight bytes at every `step` of its memory. */
const filling = (mib: number, step: number): string => `(module
  (memory (export "memory") ${mib * 16})
  (func (export "fill") (local $at i32)
    (loop $l (i64.store (local.get $at) (i64.const 0x0101010101010101))
      (br_if $l (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const ${step})))
        (i32.const ${mib * MIB}))))))`;

/** Peak resident size of a build, in MiB. */
async function peak(mib: number, step: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-memory-'));
  try {
    writeFileSync(join(folder, 'guest.wasm'), await wat(filling(mib, step)));
    writeFileSync(join(folder, 'tell.mjs'), TELL);
    const args = ['build', 'guest.wasm', '--warmup', 'fill()', '--rounds', '1', '-q', '-o', 'out.wasm'];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', './tell.mjs', MAIN, ...args],
      { cwd: folder },
    );
    if (status !== 0) throw new Error(String(stderr));
    return Number(stdout) / 1024;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const mib = Number(process.argv[2] ?? 512);
const empty = await peak(1, MIB);
console.log(`nothing to speak of: ${empty.toFixed(0)} MiB`);
for (const [name, step] of [
  ['sparse, eight bytes a page', 65_536],
  ['dense', 8],
] as const) {
  const all = await peak(mib, step);
  console.log(
    `${mib} MiB, ${name}: ${all.toFixed(0)} MiB, ${((all - empty) / mib).toFixed(2)} times and a constant`,
  );
}
