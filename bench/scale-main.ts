/** npm run bench:scale: each case in a process of its own, so that memory is its own too. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Scale, scale } from './scale.ts';
import { table } from './table.ts';

const CASES = [
  [1000, 1, 0],
  [10_000, 1, 0],
  [1000, 100, 18],
  [1, 100_000, 18],
] as const;

const [, , chosen] = process.argv;
if (chosen !== undefined) {
  const [modules, functions, padding] = CASES[Number(chosen)] ?? CASES[0];
  console.log(JSON.stringify(await scale(modules, functions, padding)));
} else {
  const rows = CASES.map((_, i) => {
    const out = execFileSync(process.execPath, ['--expose-gc', fileURLToPath(import.meta.url), String(i)]);
    const one = JSON.parse(out.toString()) as Scale;
    return [
      String(one.modules),
      String(one.functions),
      one.size / 1e6,
      one.live,
      one.freeze,
      one.memory,
      one.thaw,
      one.liveMemory,
      one.thawMemory,
    ];
  });
  console.log(`Node ${process.versions.node}\n`);
  console.log(
    table(
      [
        'modules',
        'functions',
        'MB of code',
        'live ms',
        'link ms',
        'MiB',
        'thaw ms',
        'MiB live',
        'MiB thawed',
      ],
      rows,
    ),
  );
}
