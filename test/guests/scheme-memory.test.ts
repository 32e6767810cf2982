// The Scheme guest's own malloc: blocks of random sizes come and go, and keep what is in them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numbersFrom, type SchemeExports, startScheme } from '../support/scheme.ts';

/** Mostly small, sometimes large, as the guest's own are. */
function randomSize(random: (bound: number) => number): number {
  const kind = random(20);
  return kind < 12 ? random(100) : kind < 18 ? random(2000) : kind < 19 ? random(20_000) : random(300_000);
}

const bytesOf = (guest: SchemeExports, address: number, size: number): Uint8Array =>
  new Uint8Array(guest.memory.buffer, address, size);

interface Block {
  readonly address: number;
  readonly size: number;
  readonly fill: number;
}

function allocate(guest: SchemeExports, size: number, fill: number): Block {
  const address = guest.freeze_alloc(size);
  assert.ok(address !== 0 && address % 8 === 0, `a block of ${size} bytes at ${address}`);
  bytesOf(guest, address, size).fill(fill);
  return { address, size, fill };
}

function release(guest: SchemeExports, { address, size, fill }: Block): void {
  const content = bytesOf(guest, address, size);
  assert.ok(
    content.every((byte) => byte === fill),
    `the block of ${size} bytes at ${address} was written to by another`,
  );
  guest.freeze_free(address, size);
}

interface Traffic {
  readonly blocks: readonly Block[];
  /** Bytes of the blocks at most. */
  readonly peak: number;
}

/** Blocks come and go; what is left of them at the end. */
function comeAndGo(guest: SchemeExports): Traffic {
  const random = numbersFrom(1);
  const blocks: Block[] = [];
  let live = 0;
  let peak = 0;
  for (let i = 0; i < 6000; i++) {
    // It grows for a while and shrinks for a while.
    const grows = random(100) < (i % 2000 < 1000 ? 60 : 40);
    const last = blocks.length > 0 && !grows ? blocks.pop() : undefined;
    if (last) {
      // Not the newest: any one goes.
      const at = random(blocks.length + 1);
      const chosen = blocks[at] ?? last;
      if (at < blocks.length) blocks[at] = last;
      live -= chosen.size;
      release(guest, chosen);
    } else {
      const block = allocate(guest, randomSize(random), random(256));
      live += block.size;
      peak = Math.max(peak, live);
      blocks.push(block);
    }
  }
  return { blocks, peak };
}

test('blocks that come and go never overlap, and what is free is used again', async () => {
  const { exports: guest } = await startScheme();
  const before = guest.memory.buffer.byteLength;
  const { blocks, peak } = comeAndGo(guest);
  const grown = guest.memory.buffer.byteLength - before;
  assert.ok(grown < 1.5 * peak, `${grown} bytes of memory for ${peak}`);
  for (const block of blocks) release(guest, block);
  // All of it is one block again.
  allocate(guest, grown - 65_536, 1);
  assert.equal(guest.memory.buffer.byteLength - before, grown);
});

test('when it is sealed, free memory goes to the blocks before it, and comes back with them', async () => {
  const { exports: guest, load } = await startScheme();
  assert.equal(load('(define (main) 1)'), 1);
  const blocks = Array.from({ length: 300 }, (_, i) => allocate(guest, 100 * i, 0xee));
  const gone = blocks.filter((_, i) => i % 3 === 1);
  for (const block of gone) release(guest, block);
  guest.freeze_seal();
  guest.freeze_before_snapshot();
  for (const { address, size } of gone) {
    assert.ok(
      bytesOf(guest, address, size).every((byte) => byte === 0),
      `something is left at ${address}`,
    );
  }
  for (const [i, block] of blocks.entries()) if (i % 3 !== 1) release(guest, block);
  const size = guest.memory.buffer.byteLength;
  const bytes = blocks.reduce((sum, block) => sum + block.size, 0);
  for (let used = 0; used < 0.9 * bytes; used += 100_000) allocate(guest, 100_000, 1);
  assert.equal(guest.memory.buffer.byteLength, size);
  comeAndGo(guest);
});

test('a block of 2 GiB and more is refused, and nothing is lost by that', async () => {
  const { exports: guest } = await startScheme();
  for (const size of [0x8000_0000, 0xffff_ffff, 0xffff_fff0]) assert.equal(guest.freeze_alloc(size), 0);
  release(guest, allocate(guest, 100_000, 1));
});

test('before a snapshot, what is free holds nothing of what was in it', async () => {
  const { exports: guest, load } = await startScheme();
  assert.equal(load('(define (main) 1)'), 1);
  const blocks = Array.from({ length: 300 }, (_, i) => allocate(guest, 8 * i, 0xee));
  for (const [i, block] of blocks.entries()) if (i % 3 !== 0) release(guest, block);
  guest.freeze_before_snapshot();
  const kept = blocks.filter((_, i) => i % 3 === 0);
  for (const block of kept) release(guest, block);
  guest.freeze_before_snapshot();
  const left = new Uint8Array(guest.memory.buffer).reduce((sum, byte) => sum + (byte === 0xee ? 1 : 0), 0);
  assert.ok(left < 1000, `${left} bytes of blocks that were freed`);
});
