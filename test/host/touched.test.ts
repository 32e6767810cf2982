import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { describe, it } from 'node:test';
import { scan } from '../../src/host/scan.ts';
import { touchedPages } from '../../src/host/touched.ts';

const MIB = 1 << 20;
const tells = platform() === 'linux' && arch() === 'x64' && existsSync('/proc/self/pagemap');

function memoryOf(mebibytes: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 16 * mebibytes, maximum: 32 * mebibytes });
}

function touchedBytes(memory: WebAssembly.Memory): number | undefined {
  const parts = touchedPages(new Uint8Array(memory.buffer));
  return parts && [...parts].reduce((sum, { start, end }) => sum + end - start, 0);
}

describe('the pages of a memory that were ever touched', () => {
  it('are all that a scan has to look at, and few', { skip: !tells && 'this system does not tell' }, () => {
    // Another one of the same size is not taken for it.
    const other = memoryOf(160);
    const memory = memoryOf(160);
    const bytes = new Uint8Array(memory.buffer);
    for (let at = 5000; at < bytes.length; at += 7 * MIB) bytes.fill(7, at, at + 100);
    bytes[bytes.length - 1] = 1;
    new Uint8Array(other.buffer)[123 * MIB] = 1;
    const found = touchedBytes(memory);
    assert.ok(found !== undefined && found < MIB, `${found}`);
    const runs = [...scan(memory, touchedPages)];
    assert.ok((touchedBytes(memory) ?? 0) < MIB, 'the scan itself touched no more');
    assert.deepEqual(runs, [...scan(memory)]);
    assert.equal(bytes[0], 0);
    assert.equal(new Uint8Array(other.buffer)[123 * MIB], 1);
  });

  it('of a memory that has grown, before and behind', { skip: !tells && 'this system does not tell' }, () => {
    const memory = memoryOf(80);
    new Uint8Array(memory.buffer)[79 * MIB] = 3;
    memory.grow(16 * 70);
    new Uint8Array(memory.buffer)[140 * MIB] = 4;
    assert.notEqual(touchedBytes(memory), undefined);
    assert.deepEqual(
      [...scan(memory, touchedPages)].map(({ start }) => start),
      [79 * MIB, 140 * MIB],
    );
  });

  it('are not asked for where looking is as fast, or where the bytes are no memory of an engine', () => {
    assert.equal(touchedPages(new Uint8Array(memoryOf(1).buffer)), undefined);
    const copy = new Uint8Array(128 * MIB + 4096).subarray(48);
    copy[9] = 1;
    assert.equal(touchedPages(copy), undefined);
    assert.equal(copy[9], 1);
  });
});
