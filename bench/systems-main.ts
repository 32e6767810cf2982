/**
 * npm run bench:systems: guests in the manner of each system that is known to make code, interpreted,
 * live and frozen, on every engine at hand. What runs them are the tests; a row is here when all
 * three gave the same on the engines of that row.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { table } from '../src/report/table.ts';
import type { SystemRecord } from '../test/driver/support.ts';
import { lookForEngines } from '../test/engines/engines.ts';
import { root } from './programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'freeze-systems-'));
const file = join(folder, 'systems.jsonl');
try {
  const run = spawnSync(process.execPath, ['--test', join(root, 'dist/test/driver/systems.test.js')], {
    env: { ...process.env, FREEZE_SYSTEMS: file },
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    console.error(run.stdout);
    process.exitCode = 1;
  }
  const records = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SystemRecord);
  const { atHand, absent } = await lookForEngines();
  const names = atHand.map(({ name }) => name);
  const rows = records.map(({ test, engines, modules, functions }) => {
    const [manner = '', system = ''] = test.split(/: (?=[^:]*$)/);
    const frozen = names.map((name) => (engines.includes(name) ? 'same' : '-'));
    return [system, manner, String(modules), String(functions), 'same', ...frozen];
  });
  console.log(table(['system', 'its manner', 'modules', 'functions', 'live', ...names], rows));
  for (const line of absent) console.log(line);
} finally {
  rmSync(folder, { recursive: true });
}
