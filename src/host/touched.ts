/**
 * Which pages of a big memory were ever touched. All others are zeros, and a look at one would have the system
 * map it first: of a gigabyte that is as good as empty, that is most of the time that a snapshot takes.
 *
 * Linux on x64 tells (https://docs.kernel.org/admin-guide/mm/pagemap.html). Node does not tell where a memory
 * is; so it is searched for by its size, and found where a change that is made here is seen there. Whatever is not
 * as expected, down to a /proc that is not there, means that it is not known, and that all of the memory is read.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { type Run, Runs } from '../snapshot/runs.ts';

/** The parts of a memory that may hold more than zeros, in order; undefined where that is not known. */
export type Touched = (memory: Uint8Array) => Iterable<Run> | undefined;

/** Below so many bytes, asking takes as long as looking. */
const WORTH_IT = 1 << 27;

/** Of x64; elsewhere pages have several sizes. */
const PAGE = 4096;

/** Nobody else may write the memory meanwhile: it is not shared, and no code of the guest runs. */
export const touchedPages: Touched = (memory) => {
  if (memory.length < WORTH_IT || arch() !== 'x64' || platform() !== 'linux') return undefined;
  try {
    const address = addressOf(memory);
    return address === undefined ? undefined : pagesFrom(address, memory.length);
  } catch {
    return undefined;
  }
};

/** Private memory of this process that is no part of a file: what was never written there is zero. */
const ANONYMOUS = /^([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0 *$/gm;

function addressOf(memory: Uint8Array): number | undefined {
  const found: { start: number; end: number }[] = [];
  for (const [, from = '', to = ''] of readFileSync('/proc/self/maps', 'latin1').matchAll(ANONYMOUS)) {
    const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
    const last = found.at(-1);
    // A memory that has grown may be several mappings.
    if (last?.end === start) last.end = end;
    else found.push({ start, end });
  }
  // Around a memory there is nothing that can be read or written, for engines check bounds by that.
  const candidates = found.filter(({ start, end }) => end - start === memory.length);
  return candidates.find(({ start }) => isAt(memory, start))?.start;
}

/** Whether a memory is at an address: a change of it is to be seen there, and is taken back. */
function isAt(memory: Uint8Array, address: number): boolean {
  const head = memory.subarray(0, 16);
  const before = head.slice();
  if (!same(before, bytesAt(address, head.length))) return false;
  try {
    for (let i = 0; i < head.length; i++) head[i] = 0xff ^ (before[i] as number);
    return same(head, bytesAt(address, head.length));
  } finally {
    head.set(before);
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}

function bytesAt(address: number, count: number): Uint8Array {
  return readFrom('/proc/self/mem', (fd) => readWhole(fd, new Uint8Array(count), address));
}

function readFrom<T>(path: string, read: (fd: number) => T): T {
  const fd = openSync(path, 'r');
  try {
    return read(fd);
  } finally {
    closeSync(fd);
  }
}

function readWhole(fd: number, bytes: Uint8Array, position: number): Uint8Array {
  if (readSync(fd, bytes, 0, bytes.length, position) !== bytes.length) throw new Error('a part was read');
  return bytes;
}

/** Of an entry's upper half: the page is there, is on a disk, or is a file's. */
const TOUCHED = 0xe000_0000;
const ENTRY = 8;

/** Entries that are read at once. */
const ENTRIES = 1 << 15;

function pagesFrom(address: number, size: number): Runs {
  const pages = new Runs();
  const buffer = new Uint8Array(ENTRIES * ENTRY);
  return readFrom('/proc/self/pagemap', (fd) => {
    for (let first = 0; first < size / PAGE; first += ENTRIES) {
      const count = Math.min(ENTRIES, size / PAGE - first);
      readWhole(fd, buffer.subarray(0, count * ENTRY), (address / PAGE + first) * ENTRY);
      const words = new Uint32Array(buffer.buffer, 0, 2 * count);
      for (let i = 0; i < count; i++) {
        if (((words[2 * i + 1] as number) & TOUCHED) !== 0) addPage(pages, (first + i) * PAGE);
      }
    }
    return pages;
  });
}

/** Pages that touch are one run. */
function addPage(pages: Runs, start: number): void {
  const last = 2 * pages.length - 1;
  if (last > 0 && pages.bounds[last] === start) pages.bounds[last] = start + PAGE;
  else pages.push(start, start + PAGE);
}
