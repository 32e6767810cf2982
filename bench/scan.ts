/**
 * How fast memory is scanned, against the floor: sparse, dense, and one byte in eight.
 *
 *     node dist/bench/scan.js
 */
import { scan } from '../src/host/scan.ts';
import { nonZeroRuns } from '../src/snapshot/runs.ts';
import { median } from '../src/statistics.ts';

const MIB = 1024 * 1024;
const FILLS: Readonly<Record<string, (bytes: Uint8Array) => void>> = {
  'nothing but zeros': () => {},
  '1% used, in pages': (bytes) => {
    for (let at = 0; at < bytes.length; at += 400 * 1024) bytes.fill(7, at, at + 4096);
  },
  'one byte in eight': (bytes) => {
    for (let at = 0; at < bytes.length; at += 8) bytes[at] = 1;
  },
  'no zero at all': (bytes) => {
    bytes.fill(7);
  },
};

function gigabytesPerSecond(size: number, work: () => unknown): string {
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
  return (size / median(times) / 1e6).toFixed(1);
}

const memory = new WebAssembly.Memory({ initial: (64 * MIB) / 65_536 });
const bytes = new Uint8Array(memory.buffer);
console.log('64 MiB, GB/s: kernel, and by bytes alone');
for (const [name, fill] of Object.entries(FILLS)) {
  bytes.fill(0);
  fill(bytes);
  const kernel = gigabytesPerSecond(bytes.length, () => scan(memory));
  const plain = gigabytesPerSecond(bytes.length, () => nonZeroRuns(bytes));
  console.log(`${name.padEnd(20)} ${kernel.padStart(6)} ${plain.padStart(6)}`);
}
