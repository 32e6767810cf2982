// The guests that are committed as bytes are what their sources give, byte for byte.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { root } from '../engines/places.ts';

interface Builder {
  readonly listGuests: () => Promise<readonly string[]>;
  readonly outputOf: (name: string) => string;
  readonly buildGuest: (name: string) => Promise<Uint8Array>;
}

const script = pathToFileURL(join(root, 'scripts/build-guests.mjs')).href;
const { listGuests, outputOf, buildGuest } = (await import(script)) as Builder;

for (const name of await listGuests()) {
  it(`${name} rebuilds to the committed bytes`, async () => {
    const committed = readFileSync(outputOf(name));
    assert.ok(committed.equals(await buildGuest(name)), `node scripts/build-guests.mjs ${name} rebuilds it`);
  });
}
