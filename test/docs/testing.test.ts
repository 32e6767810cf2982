// docs/testing.md, followed literally: its example is run by Node's test runner.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../engines/places.ts';

test('the example of docs/testing.md passes, and fails where it should', () => {
  const text = readFileSync(join(root, 'docs/testing.md'), 'utf8');
  const code = /```js\n(.*?)```/s.exec(text)?.[1];
  assert.ok(code !== undefined);
  const folder = mkdtempSync(join(tmpdir(), 'freeze-docs-'));
  const run = (source: string): string => {
    writeFileSync(join(folder, 'greet.test.mjs'), source);
    // The runner's own variable would make it report to this run.
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const options = { cwd: folder, env, encoding: 'utf8' } as const;
    return spawnSync(process.execPath, ['--test', 'greet.test.mjs'], options).stdout;
  };
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(root, join(folder, 'node_modules', 'freeze'));
    assert.match(run(code), /pass 2\b/);
    assert.match(run(code.replace("'greet', 'Ada'", "'greet', 'Bob'")), /fail 2\b/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
