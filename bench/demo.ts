/**
 * npm run demo: freezes the Scheme guest with a real program, and shows what it is worth. The same
 * bench.scm runs three ways, one benchmark at a time, and the page that app.scm makes is printed
 * from the frozen module.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { freeze } from '../src/freeze.ts';
import { createWasi, WasiExit } from '../src/host/wasi/wasi.ts';
import { table } from '../src/report/table.ts';
import { median, pairedRatio } from '../src/statistics.ts';
import type { Workload } from '../src/workloads.ts';
import { benchPrograms, root } from './programs.ts';
import { threeWays } from './three-ways.ts';

const RUNS = 5;
/** Columns of the page that are shown. */
const WIDTH = 100;
const scheme = 'guests/scheme';

function program(file: string): Extract<Workload, { kind: 'program' }> {
  return { kind: 'program', name: file, bytes: new Uint8Array(readFileSync(path.join(root, scheme, file))) };
}

async function freezeApp(): Promise<{
  bytes: Uint8Array;
  input: number;
  functions: number;
  modules: number;
}> {
  const wasm = new Uint8Array(readFileSync(path.join(root, scheme, 'scheme.wasm')));
  const app = program('app.scm');
  const { bytes, report } = await freeze(wasm, {
    loads: [app],
    warmups: [program('warmup.scm'), program('bench.scm')],
    entries: [{ name: 'main', workload: app }],
    command: 'main',
  });
  return { bytes, input: wasm.length, functions: report.linked.functions, modules: report.modules.length };
}

/** Runs a command under a WASI host that has nothing but a standard input. */
async function command(bytes: Uint8Array, stdin: string): Promise<{ text: string; ms: number }> {
  let text = '';
  const start = performance.now();
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await createWasi(
    {
      stdin: new TextEncoder().encode(stdin),
      random: { kind: 'system' },
      stdout: (chunk) => {
        text += Buffer.from(chunk).toString();
      },
    },
    compiled,
  );
  const instance = await WebAssembly.instantiate(compiled, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  try {
    (instance.exports['_start'] as () => void)();
  } catch (error) {
    if (!(error instanceof WasiExit)) throw error;
  }
  return { text, ms: performance.now() - start };
}

const app = await freezeApp();
const file = path.join('out', 'app.frozen.wasm');
mkdirSync(path.join(root, 'out'), { recursive: true });
writeFileSync(path.join(root, file), app.bytes);
const page = await command(
  app.bytes,
  'GET /products?category=kitchen&sort=price HTTP/1.1\nHost: example.org\n\n',
);

const rows: (string | number)[][] = [];
for (const bench of benchPrograms().filter((one) => one.guest === 'scheme')) {
  const ways = await threeWays(bench, RUNS);
  rows.push([
    bench.name,
    median(ways.interpreted),
    median(ways.live),
    median(ways.frozen),
    `${pairedRatio(ways.interpreted, ways.frozen).toFixed(1)}x`,
    String(ways.report.linked.functions),
    bench.wasm.length / 1000,
    ways.bytes.length / 1000,
  ]);
}

console.log('\nthe same program three ways, milliseconds (median of 5 runs that took turns)\n');
console.log(
  table(
    [
      'program',
      'interpreted',
      'live-linked',
      'frozen',
      'speed-up',
      'functions linked',
      'kB guest',
      'kB frozen',
    ],
    rows,
  ),
);
console.log(`\napp.scm answers from the frozen module (${page.ms.toFixed(1)} ms, compilation included):\n`);
console.log(
  page.text
    .split('\n')
    .slice(0, 8)
    .map((line) => `  ${line.length > WIDTH ? `${line.slice(0, WIDTH)}...` : line}`)
    .join('\n'),
);
console.log(`\n${app.modules} auxiliary modules, ${app.functions} functions linked into ${file}`);
console.log(
  `${(app.input / 1000).toFixed(0)} kB -> ${(app.bytes.length / 1000).toFixed(0)} kB; run it anywhere, for example:\n`,
);
console.log(`  echo 'GET / HTTP/1.1' | npx freeze run ${file}`);
