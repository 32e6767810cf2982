#!/usr/bin/env node
// Fetches the engines that tests and benchmarks run frozen modules on, and says what is at hand.
//
//     node scripts/engines.mjs [--all] [--nodes] [--wasmtime] [--chromium] [--wizer]
//
// Every engine is optional: one that cannot be had is a line, not a failure, and the exit code stays 0.
// It runs in a fresh clone, before `npm install`: Node's own modules only. Everything lands in
// `.cache/`, except Chromium, which comes from apt. Where things are is written once, in
// `test/engines/places.json`; `test/engines/engines.ts` looks in the same places.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const places = JSON.parse(readFileSync(join(root, 'test/engines/places.json'), 'utf8'));
const python = process.env.FREEZE_PYTHON ?? 'python3';
const chromium = process.env.FREEZE_CHROMIUM ?? places.chromium.executable;

const flags = new Set(process.argv.slice(2));
const known = new Set(['--all', '--nodes', '--wasmtime', '--chromium', '--wizer']);
const unknown = [...flags].filter((flag) => !known.has(flag));
if (unknown.length > 0) {
  console.error(`engines: no option ${unknown.join(', ')}; there are ${[...known].join(', ')}`);
  process.exit(2);
}

const wants = (flag) => flags.has('--all') || flags.has(flag);
if (wants('--nodes')) fetchNodes();
if (wants('--wasmtime')) fetchWasmtime();
if (wants('--chromium')) fetchChromium();
if (wants('--wizer')) fetchWizer();
for (const line of [...nodeLines(), wasmtimeLine(), chromiumLine(), wizerLine()]) console.log(line);

function fetchNodes() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.log('engines: other Nodes are fetched on Linux x64 only');
    return;
  }
  for (const major of places.nodes.majors) {
    if (existsSync(nodeBinary(major))) continue;
    const folder = join(root, places.nodes.folder.replace('{major}', String(major)));
    npmInstall(folder, `${places.nodes.package}@${major}`);
  }
}

function fetchWasmtime() {
  if (wasmtimeVersion() !== undefined) return;
  // A folder of our own: a system Python is often closed to pip (PEP 668), and needs no root this way.
  const folder = join(root, places.wasmtime.folder);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', folder];
  attempt(python, [...pip, places.wasmtime.package]);
}

function fetchChromium() {
  if (!existsSync(chromium)) aptInstall('chromium');
  const folder = join(root, places.chromium.folder);
  if (driverVersion() !== undefined) return;
  npmInstall(folder, `${places.chromium.driver}@${places.chromium.driverVersion}`);
}

/** Not an engine, but what snapshots are compared with. */
function fetchWizer() {
  if (wizerVersion() !== undefined) return;
  const { folder, package: name, version } = places.wizer;
  npmInstall(join(root, folder), `${name}@${version}`);
}

function aptInstall(name) {
  if (process.getuid?.() !== 0 || !succeeds('apt-get', ['--version'])) {
    console.log(`engines: ${name} is not installed: that takes root and apt-get`);
    return;
  }
  const install = ['install', '-y', '-qq', '--no-install-recommends', name];
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  // Package lists are often missing or stale in a container: one update, then once more.
  if (succeeds('apt-get', install, env)) return;
  attempt('apt-get', ['update', '-qq'], env);
  attempt('apt-get', install, env);
}

function npmInstall(folder, spec) {
  mkdirSync(folder, { recursive: true });
  attempt('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--no-package-lock', spec]);
}

/** Runs a command; a failure is one line with the last thing the command said. */
function attempt(command, args, env = {}) {
  console.log(`engines: ${command} ${args.join(' ')}`);
  const done = run(command, args, env);
  if (done.status === 0) return;
  const said = `${done.stderr ?? ''}`.trim().split('\n').at(-1);
  console.log(`engines: that failed: ${done.error?.message ?? (said || `exit code ${done.status}`)}`);
}

function succeeds(command, args, env = {}) {
  return run(command, args, env).status === 0;
}

function run(command, args, env) {
  // Ten minutes: a mirror that hangs must not hang the whole run.
  const options = {
    encoding: 'utf8',
    cwd: root,
    env: { ...process.env, ...env },
    timeout: 600_000,
  };
  return spawnSync(command, args, options);
}

function nodeBinary(major) {
  return join(root, places.nodes.binary.replace('{major}', String(major)));
}

function nodeLines() {
  const others = (process.env.FREEZE_NODES ?? '').split(delimiter).filter((path) => path !== '');
  const paths = [...others, ...places.nodes.majors.map(nodeBinary)];
  return [`at hand: node ${process.version} (this one)`, ...paths.map(nodeLine)];
}

function nodeLine(path) {
  const asked = run(path, ['--version'], {});
  if (asked.status === 0) return `at hand: node ${asked.stdout.trim()} (${path})`;
  return `not at hand: ${path} (node scripts/engines.mjs --nodes)`;
}

function wasmtimeVersion() {
  const folder = join(root, places.wasmtime.folder);
  const env = {
    PYTHONPATH: [folder, process.env.PYTHONPATH ?? ''].filter(Boolean).join(delimiter),
  };
  const script = 'import wasmtime, importlib.metadata as m; print(m.version("wasmtime"))';
  const asked = run(python, ['-c', script], env);
  return asked.status === 0 ? asked.stdout.trim() : undefined;
}

function wasmtimeLine() {
  const version = wasmtimeVersion();
  if (version !== undefined) return `at hand: wasmtime ${version} (through ${python})`;
  return 'not at hand: wasmtime (node scripts/engines.mjs --wasmtime)';
}

function driverVersion() {
  const file = join(root, places.chromium.folder, 'node_modules', places.chromium.driver, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined;
}

function chromiumLine() {
  const advice = '(node scripts/engines.mjs --chromium)';
  if (!existsSync(chromium)) return `not at hand: chromium: no ${chromium} ${advice}`;
  const driver = driverVersion();
  if (driver === undefined) return `not at hand: chromium: no ${places.chromium.driver} ${advice}`;
  const asked = run(chromium, ['--version'], {});
  if (asked.status !== 0) return `not at hand: ${chromium} does not start`;
  return `at hand: ${asked.stdout.trim()} (${chromium}, ${places.chromium.driver} ${driver})`;
}

function wizerVersion() {
  const file = join(root, places.wizer.folder, 'node_modules', places.wizer.package, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined;
}

function wizerLine() {
  const version = wizerVersion();
  if (version === undefined) return 'not at hand: wizer (node scripts/engines.mjs --wizer)';
  return `at hand: wizer ${version}`;
}
