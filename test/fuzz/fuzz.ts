// The fuzzers' command:
//
//     npm run fuzz -- decoder|freeze|aux|aux-fast|aux-max [--seed S] [--time SECONDS] [--executions N]
//
// A finding is made smaller, written to test/fuzz/corpus, from where the tests run it again, and is exit code 1.
// A seed says where the sequence begins: --seed S --executions 1 makes the subject of S again. (The decoder's come
// from the modules at hand, .cache/real-modules among them.)
import { parseArgs } from 'node:util';
import { auxiliary } from './aux.ts';
import { decoder } from './decoder.ts';
import { freezer } from './freeze.ts';
import { campaign, type Fuzzer, keep } from './fuzzer.ts';

export const FUZZERS: readonly Fuzzer[] = [
  decoder,
  freezer('freeze'),
  auxiliary('aux', 'none'),
  auxiliary('aux-fast', 'fast'),
  auxiliary('aux-max', 'max'),
];

const DEFAULT_SECONDS = 60;

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { seed: { type: 'string' }, time: { type: 'string' }, executions: { type: 'string' } },
  });
  const fuzzer = FUZZERS.find(({ name }) => name === positionals[0]);
  const numbers = [
    values.seed ?? '1',
    values.time ?? String(DEFAULT_SECONDS),
    values.executions ?? 'Infinity',
  ].map(Number);
  const [seed = 1, seconds = DEFAULT_SECONDS, executions = Number.POSITIVE_INFINITY] = numbers;
  if (fuzzer === undefined || positionals.length !== 1 || numbers.some(Number.isNaN)) {
    const names = FUZZERS.map(({ name }) => name).join('|');
    console.error(`fuzz: npm run fuzz -- ${names} [--seed S] [--time SECONDS] [--executions N]`);
    return 2;
  }
  const result = await campaign(fuzzer, { seed, executions, time: seconds * 1000, reduce: true });
  for (const finding of result.findings)
    console.log(`seed ${finding.seed}: ${finding.message}\n  kept as ${keep(fuzzer.name, finding)}`);
  const { checked, findings } = result;
  console.log(
    `${fuzzer.name}: ${result.executions} executions from seed ${seed}, ${checked} of them checked, ${findings.length} findings`,
  );
  return findings.length === 0 ? 0 : 1;
}

if (process.argv[1]?.endsWith('fuzz.js') === true) process.exitCode = await main(process.argv.slice(2));
