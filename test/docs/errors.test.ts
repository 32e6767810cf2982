// docs/errors.md has every code that there is, and no other.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { root } from '../engines/places.ts';

/** What stands as the code where one is made: `new LinkError(\n 'unmapped',`, `super('exit',`, `return warning(`. */
const MADE =
  /(?:new (?:Malformed|Unsupported|Link|Guest|Limit|Usage|File|Check)Error|super|return warning)\(\s*'([a-z0-9-]+)',/g;

/** Every code, and the folder of src that it is made in. */
function codes(): readonly { readonly code: string; readonly folder: string }[] {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) =>
      [...readFileSync(join(root, 'src', file), 'utf8').matchAll(MADE)].map(([, code = '']) => ({
        code,
        folder: dirname(file),
      })),
    );
}

test('every code has its place in docs/errors.md, and stands there once', () => {
  const page = readFileSync(join(root, 'docs/errors.md'), 'utf8');
  const documented = [...page.matchAll(/<a id="([a-z0-9-]+)">/g)].map(([, code = '']) => code);
  assert.deepEqual([...documented].sort(), [...new Set(codes().map(({ code }) => code))].sort());
});

test('every message stands in src/errors', () => {
  assert.deepEqual(
    codes().filter(({ folder }) => folder !== 'errors'),
    [],
  );
});
