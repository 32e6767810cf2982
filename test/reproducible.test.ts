// The same bytes on every Node at hand, whatever its version of V8 makes of the guest.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { folder, LAMBDA, LAMBDA_STUB, MAIN } from './cli/cli.ts';
import { PROBE } from './cli/guests.ts';
import { places, root } from './engines/places.ts';
import { wat } from './support/wat.ts';

/** This Node, and those that scripts/engines.mjs brings. */
const nodes = [
  process.execPath,
  ...places.nodes.majors.map((major) => join(root, places.nodes.binary.replace('{major}', String(major)))),
].filter((binary) => existsSync(binary));

const SCHEME = join(root, 'guests', 'scheme');

const BUILDS: Readonly<Record<string, readonly string[]>> = {
  'a guest that draws, and looks at the clock of its files': [
    'g.wasm',
    ...['--warmup', 'random()', '--random', 'seed=5', '--warmup', 'env()', '--env', 'A=some value'],
  ],
  'a guest with a JIT, of the wasm-jit ABI': [
    LAMBDA,
    ...['--warmup', 'fib.scm', '--entry', 'run=fib.scm', ...LAMBDA_STUB],
  ],
  'a guest with a JIT that compiles a whole program': [
    join(SCHEME, 'scheme.wasm'),
    ...['--load', 'app.scm', '--warmup', 'warmup.scm', '--entry', 'main=app.scm', '--command', 'main'],
  ],
};

for (const [name, args] of Object.entries(BUILDS)) {
  test(`${name}: the same bytes on ${nodes.length} Nodes`, async (t) => {
    const cwd = folder({
      'g.wasm': await wat(PROBE),
      'fib.scm': '(letrec ((f (lambda (n) (if (< n 2) 1 (+ (f (- n 1)) (f (- n 2))))))) (f 9))',
      'app.scm': readFileSync(join(SCHEME, 'app.scm')),
      'warmup.scm': readFileSync(join(SCHEME, 'warmup.scm')),
    });
    const hashes = new Map<string, string>();
    for (const node of nodes) {
      const { status, stdout, stderr } = spawnSync(node, [MAIN, 'build', ...args, '-q', '-o', '-'], {
        cwd,
        maxBuffer: 1 << 28,
      });
      assert.equal(status, 0, `${node}: ${String(stderr)}`);
      const version = String(spawnSync(node, ['--version']).stdout).trim();
      hashes.set(version, createHash('sha256').update(stdout).digest('hex'));
      t.diagnostic(`${version}: ${stdout.length} bytes, SHA-256 ${hashes.get(version)}`);
    }
    assert.equal(new Set(hashes.values()).size, 1, JSON.stringify([...hashes], undefined, 1));
  });
}
