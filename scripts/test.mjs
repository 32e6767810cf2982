#!/usr/bin/env node
// Runs the compiled tests with this Node's own test runner.
//
//     node scripts/test.mjs [part of a path …] [options of node --test …]
//     node scripts/test.mjs wasm/ --test-name-pattern=LEB
//
// The files are listed one by one, as Node 20 takes no glob. The counts come last, also after the
// failures that the spec reporter prints below its own.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const args = process.argv.slice(2);
const options = args.filter((arg) => arg.startsWith('-'));
const parts = args.filter((arg) => !arg.startsWith('-'));
const files = testFiles().filter((file) => matches(file, parts));

if (files.length === 0) {
  console.error(`no compiled test${parts.length > 0 ? ` matches ${parts.join(' ')}` : ''}: npm run build`);
  process.exit(1);
}
// The programs are of the modules that are tested, also after `tsc` alone.
await import('./bundle.mjs');
process.exitCode = await runTests();

/** Compiled tests that still have a source: an incremental build leaves the others behind. */
function testFiles() {
  const folder = join(root, 'dist', 'test');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.test.js'))
    .filter((file) => existsSync(join(root, 'test', file.replace(/\.js$/, '.ts'))))
    .map((file) => join('dist', 'test', file))
    .sort();
}

function matches(file, parts) {
  const path = file.split(sep).join('/');
  return parts.length === 0 || parts.some((part) => path.includes(part.replace(/\.ts$/, '.js')));
}

async function runTests() {
  const runner = [
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=2',
    // A test that hangs must not take the whole run's time with it.
    '--test-timeout=900000',
    ...options,
    ...files,
  ];
  const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {};
  const child = spawn(process.execPath, runner, {
    cwd: root,
    env: { ...process.env, ...colour },
    stdio: ['inherit', 'pipe', 'inherit'],
  });
  const counts = new Map();
  let last = '';
  for await (const line of linesOf(child.stdout)) {
    process.stdout.write(`${line}\n`);
    if (line.trim() !== '') last = line;
    const count = /ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+/.exec(line);
    if (count !== null) counts.set(count[1], count[0]);
  }
  if (!last.includes('ℹ duration_ms')) console.log(`\n${[...counts.values()].join('\n')}`);
  return child.exitCode ?? (await new Promise((done) => child.on('exit', (code) => done(code ?? 1))));
}

async function* linesOf(stream) {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
