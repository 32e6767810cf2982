/**
 * Memories of random runs and gaps, snapshotted here and by native Wizer: whose output is larger. What both
 * make must instantiate to the same memory.
 *
 *     node dist/bench/snapshot-sizes.js [--seed N] [--seconds N]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from '@bytecodealliance/jco';
import { freeze } from '../src/freeze.ts';
import { NATIVE, native } from '../test/support/native-wizer.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, seconds: { type: 'string', default: '60' } },
});

let state = Number(values.seed);
/** One of these, by a linear congruential generator. */
function oneOf(choices: readonly number[]): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return choices[Math.floor((state / 2 ** 32) * choices.length)] ?? 0;
}

/** Where addresses get wider, and anywhere. */
const STARTS = [0, 8, 100, 8000, 8190, 65_536, 1_048_500, 2 ** 20];
const PAGES = [1, 2, 16, 40, 160, 300];
const SPANS = [50, 1000, 9000, 70_000, 2_000_000, 20_000_000];
/** Lengths and gaps: the least, and what is added at random. */
const LENGTHS = [1, 2, 4, 16, 64, 128, 256];
const LONGER = [0, 0, 1, 3, 15, 63, 127];
const GAPS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];
const WIDER = [0, 0, 1, 3, 7, 15, 63, 255];

function moduleText(): string {
  const [start, pages, span] = [oneOf(STARTS), oneOf(PAGES), oneOf(SPANS)];
  const end = Math.max(start + 1, Math.min(pages * 65_536 - 600, start + span));
  const part = (least: number, more: number): string =>
    `(i32.add (i32.const ${least}) (i32.and (i32.shr_u (local.get $x) (i32.const 16)) (i32.const ${more})))`;
  const [length, gap] = [part(oneOf(LENGTHS), oneOf(LONGER)), part(oneOf(GAPS), oneOf(WIDER))];
  const draw = '(local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))';
  const advance = (by: string): string => `(local.set $at (i32.add (local.get $at) ${by}))`;
  return `(module (memory (export "memory") ${Math.max(pages, 17)})
    (func (export "wizer-initialize") (local $at i32) (local $x i32)
      (local.set $at (i32.const ${start})) (local.set $x (i32.const ${state | 0}))
      (loop $next ${draw} (memory.fill (local.get $at) (i32.const 90) ${length}) ${advance(length)}
        ${draw} ${advance(gap)} (br_if $next (i32.lt_u (local.get $at) (i32.const ${end}))))))`;
}

function memoryOf(bytes: Uint8Array): Buffer {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>));
  return Buffer.from((instance.exports['memory'] as WebAssembly.Memory).buffer);
}

if (NATIVE === undefined) throw new Error('native Wizer is not at hand: node scripts/engines.mjs --wizer');
const folder = mkdtempSync(path.join(tmpdir(), 'freeze-sizes-'));
const counts = { memories: 0, smaller: 0, equal: 0, larger: 0, different: 0 };
try {
  const until = Date.now() + Number(values.seconds) * 1000;
  while (Date.now() < until) {
    const text = moduleText();
    const input = await parse(text);
    writeFileSync(path.join(folder, 'in.wasm'), input);
    const run = native(['in.wasm', '-o', 'out.wasm'], folder);
    if (run?.code !== 0) throw new Error(run?.stderr);
    const theirs = readFileSync(path.join(folder, 'out.wasm'));
    const ours = (await freeze(input, { init: {}, provenance: false })).bytes;
    counts.memories++;
    const [a, b] = [ours.length, theirs.length];
    counts[a < b ? 'smaller' : a === b ? 'equal' : 'larger']++;
    if (!memoryOf(ours).equals(memoryOf(theirs))) counts.different++;
    if (a > b) console.log(`${a} bytes, Wizer ${b}:\n${text}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(counts);
if (counts.larger + counts.different > 0) process.exitCode = 1;
