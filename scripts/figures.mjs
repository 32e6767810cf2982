// Writes the figures of the README: the Scheme guest's app, without generated code and frozen, on each
// engine that freeze bench finds and that scripts/engines.mjs brought. Run after a build (npm run figures),
// on a machine that does nothing else.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { places, root } from '../dist/test/engines/places.js';

const main = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));
const scheme = (name) => join(root, 'guests/scheme', name);
const nodes = places.nodes.majors.map((major) => join(root, places.nodes.binary.replace('{major}', major)));
const env = {
  ...process.env,
  FREEZE_NODES: nodes.filter((binary) => existsSync(binary)).join(delimiter),
  PYTHONPATH: join(root, places.wasmtime.folder),
};
const folder = mkdtempSync(join(tmpdir(), 'freeze-figures-'));
const freeze = (...line) => execFileSync(process.execPath, [main, ...line], { cwd: folder, env }).toString();

const app = ['--load', scheme('app.scm'), '--entry', `main=${scheme('app.scm')}`, '--command', 'main', '-q'];
freeze('build', scheme('scheme.wasm'), ...app, '--open', '-o', 'plain.wasm');
freeze('build', scheme('scheme.wasm'), ...app, '--warmup', scheme('warmup.scm'), '-o', 'frozen.wasm');
freeze(
  'build',
  scheme('scheme.wasm'),
  '--load',
  scheme('bench/fib.scm'),
  '-q',
  '--open',
  '-o',
  'fib.wasm',
  '--entry',
  `main=${scheme('bench/fib.scm')}`,
);
freeze(
  'build',
  scheme('scheme.wasm'),
  '--warmup',
  scheme('bench/fib.scm'),
  '-q',
  '-o',
  'fast.wasm',
  '--entry',
  `main=${scheme('bench/fib.scm')}`,
);
writeFileSync(
  join(folder, 'request.txt'),
  'GET /products?category=kitchen&sort=price HTTP/1.1\nHost: example.org\n\n',
);
const shop = JSON.parse(
  freeze('bench', 'plain.wasm', 'frozen.wasm', '--stdin', 'request.txt', '--runs', '7', '--json'),
);
const fib = JSON.parse(freeze('bench', 'fib.wasm', 'fast.wasm', '--call', 'main()', '--runs', '5', '--json'));

const ms = (spread) => `${spread.median.toFixed(spread.median < 10 ? 1 : 0)} ms`;
const rows = shop.engines.map(({ engine, modules: [plain, frozen] }) => {
  const other = fib.engines.find((one) => one.engine === engine);
  const [slow, fast] = other.modules;
  const speed = `${ms(slow.steady)} → ${ms(fast.steady)}, ${other.steady.toFixed(1)}x`;
  return `| ${engine} | ${ms(plain.cold)} | ${ms(frozen.cold)} | ${speed} |`;
});
const kB = (name) =>
  `${Math.round(statSync(name.startsWith('/') ? name : join(folder, name)).size / 1000)} kB`;
const table = `| engine | a request, process start to end: snapshot alone | with its code frozen | \`(fib 30)\`, warm: interpreted → frozen |
|---|---|---|---|
${rows.join('\n')}

The guest has ${kB(scheme('scheme.wasm'))}, the snapshot with the shop in it ${kB('plain.wasm')}, the sealed module ${kB('frozen.wasm')}.`;
rmSync(folder, { recursive: true });

const readme = join(root, 'README.md');
const text = readFileSync(readme, 'utf8');
writeFileSync(
  readme,
  text.replace(/(<!-- figures -->\n).*?(<!-- \/figures -->)/s, (_, from, to) => `${from}${table}\n${to}`),
);
console.log(table);
