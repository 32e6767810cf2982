#!/usr/bin/env node
// Random modules through a snapshot, as many as wanted: test/random/snapshot.test.ts with another count.
//
//     node scripts/fuzz-snapshot.mjs [count] [first seed]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const [count = '2000', seed = String(Math.floor(Date.now() / 1000))] = process.argv.slice(2);
if (![count, seed].every((text) => /^\d+$/.test(text))) {
  console.error('fuzz-snapshot: [count] [first seed], whole numbers');
  process.exit(2);
}
console.log(`${count} modules from seed ${seed} on`);
const test = fileURLToPath(new URL('../dist/test/random/snapshot.test.js', import.meta.url));
const env = { ...process.env, FREEZE_RANDOM: count, FREEZE_SEED: seed };
const { status } = spawnSync(process.execPath, ['--test', test], { env, stdio: 'inherit' });
process.exitCode = status ?? 1;
