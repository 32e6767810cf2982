// What the search for leaks costs of a build: node dist/bench/leaks.js [RUNS].
//
// The promise is a tenth of the build at most. The environment is that of a CI runner: sixty variables more than
// here, a few of them short, for which the search is slower.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Report } from '../src/report/report.ts';
import { table } from '../src/report/table.ts';
import { median } from '../src/statistics.ts';
import { root } from '../test/engines/places.ts';
import { realModules } from '../test/real/modules.ts';
import { wat } from '../test/support/wat.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const MIB = 1024 * 1024;

const ENVIRONMENT: Readonly<Record<string, string>> = Object.fromEntries([
  ...Array.from({ length: 50 }, (_, n) => [`RUNNER_VARIABLE_${n}`, `/opt/runner/some/place/of/its/own/${n}`]),
  ...Array.from({ length: 10 }, (_, n) => [`RUNNER_FLAG_${n}`, `flag${n}`]),
]);

/** Runs of 1 to 256 bytes with gaps between them, as a heap has. */
const heap = (mib: number): string => `(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") ${mib * 16})
  (func (export "fill") (local $at i32) (local $x i32)
    (loop $l
      (local.set $x (i32.add (i32.mul (local.get $x) (i32.const 1664525)) (i32.const 1013904223)))
      (memory.fill (local.get $at) (local.get $x) (i32.and (i32.shr_u (local.get $x) (i32.const 16)) (i32.const 255)))
      (local.set $at (i32.add (local.get $at) (i32.const 300)))
      (br_if $l (i32.lt_u (local.get $at) (i32.const ${mib * MIB - 1024})))))
  (func (export "draw") (drop (call $random (i32.const 0) (i32.const 4000)))))`;

interface Subject {
  readonly name: string;
  readonly args: readonly string[];
}

const runs = Number(process.argv[2] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'freeze-leaks-'));
try {
  writeFileSync(join(folder, 'heap.wasm'), await wat(heap(16)));
  const scheme = join(root, 'guests', 'scheme');
  const subjects: readonly Subject[] = [
    { name: 'a heap of 16 MiB', args: ['heap.wasm', '--warmup', 'fill()', '--rounds', '1'] },
    {
      name: 'the same, and 4,000 random bytes',
      args: ['heap.wasm', '--warmup', 'fill()', '--warmup', 'draw()', '--rounds', '1', '--random', 'seed=1'],
    },
    {
      name: 'the shop in Scheme',
      args: [
        join(scheme, 'scheme.wasm'),
        ...['--load', join(scheme, 'app.scm'), '--warmup', join(scheme, 'warmup.scm')],
      ],
    },
    ...realModules()
      .filter(({ kind }) => kind === 'reactor')
      .map(({ name, path }) => ({ name, args: [path] })),
  ];
  const rows = subjects.flatMap((subject) => {
    const all = Array.from({ length: runs }, () => built(subject)).flatMap((one) => one ?? []);
    const [first] = all;
    if (first === undefined) return [];
    const cell = (of: (one: Cost) => number): string => median(all.map(of)).toFixed(1);
    const share = median(all.map(({ leaks, build }) => (100 * leaks) / build));
    const { searched } = first;
    return [
      [
        subject.name,
        `${searched}`,
        cell((one) => one.leaks),
        cell((one) => one.build),
        `${share.toFixed(1)} %`,
      ],
    ];
  });
  console.log(table(['guest', 'values', 'search, ms', 'build, ms', 'share'], rows));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

interface Cost {
  readonly leaks: number;
  /** The whole process. */
  readonly build: number;
  readonly searched: number;
}

/** Undefined where it cannot be frozen as it is: its imports are not all WASI's. */
function built({ args }: Subject): Cost | undefined {
  const line = [
    MAIN,
    'build',
    ...args,
    '-q',
    '-o',
    join(folder, 'out.wasm'),
    '--json',
    join(folder, 'r.json'),
  ];
  const start = performance.now();
  const { status } = spawnSync(process.execPath, line, {
    cwd: folder,
    env: { ...process.env, ...ENVIRONMENT },
  });
  const build = performance.now() - start;
  if (status !== 0) return undefined;
  const { passes, leaks } = JSON.parse(readFileSync(join(folder, 'r.json'), 'utf8')) as Report;
  const of = (name: string): number => passes.find(({ pass }) => pass === name)?.ms ?? 0;
  return {
    leaks: of('leaks'),
    build,
    searched: leaks.searched,
  };
}
