/**
 * npm run bench:scale: on each Node at hand, each case in a process of its own, so that memory is its
 * own too.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { table } from '../src/report/table.ts';
import { places, root } from '../test/engines/places.ts';
import { type Scale, scale } from './scale.ts';

const CASES = [
  [1000, 1, 0],
  [10_000, 1, 0],
  [1000, 100, 18],
  [1, 100_000, 18],
] as const;

const HEAD = [
  'modules',
  'functions',
  'MB of code',
  'live ms',
  'link ms CPU',
  'MiB',
  'thaw ms',
  'MiB live',
  'MiB thawed',
];

/** This Node, and those that scripts/engines.mjs fetched: V8 copied tables for every instance before 13. */
function nodesAtHand(): readonly string[] {
  const { majors, binary } = places.nodes;
  const others = majors.map((major) => join(root, binary.replace('{major}', String(major))));
  return [process.execPath, ...others.filter((file) => existsSync(file))];
}

function rowsOn(node: string): readonly (readonly (string | number)[])[] {
  return CASES.map((_, i) => {
    const out = execFileSync(node, ['--expose-gc', fileURLToPath(import.meta.url), String(i)]);
    const one = JSON.parse(out.toString()) as Scale;
    const { size, live, freeze, memory, thaw, liveMemory, thawMemory } = one;
    const counts = [String(one.modules), String(one.functions)];
    return [...counts, size / 1e6, live, freeze, memory, thaw, liveMemory, thawMemory];
  });
}

const [, , chosen] = process.argv;
if (chosen !== undefined) {
  const [modules, functions, padding] = CASES[Number(chosen)] ?? CASES[0];
  console.log(JSON.stringify(await scale(modules, functions, padding)));
} else {
  for (const node of nodesAtHand()) {
    const [version, v8] = JSON.parse(
      execFileSync(node, ['-p', 'JSON.stringify([process.version, process.versions.v8])']).toString(),
    ) as [string, string];
    console.log(`Node ${version}, V8 ${v8}\n\n${table(HEAD, rowsOn(node))}\n`);
  }
}
