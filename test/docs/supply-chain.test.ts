// What SECURITY.md says of the packages, held to the lock file.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../engines/places.ts';

interface Locked {
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly dev?: boolean;
}

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Readonly<Record<string, Locked>> };
const manifest = JSON.parse(read('package.json')) as Record<
  'dependencies' | 'devDependencies',
  Record<string, string>
>;
const security = read('SECURITY.md');
const entries = Object.entries(packages).filter(([path]) => path !== '');

test('every package is pinned by its SHA-512, none has an install script, and direct ones are exact', () => {
  for (const [path, { integrity, hasInstallScript }] of entries) {
    assert.match(integrity ?? '', /^sha512-/, path);
    assert.notEqual(hasInstallScript, true, path);
  }
  for (const version of Object.values({ ...manifest.dependencies, ...manifest.devDependencies }))
    assert.match(version, /^\d+\.\d+\.\d+(-[\w.-]+)?$/);
  assert.match(security, new RegExp(`all ${entries.length} entries of the lock`));
});

/** Where Node finds a dependency of the package at `path`. */
function resolved(path: string, name: string): string | undefined {
  for (let from = path; ; from = from.slice(0, Math.max(0, from.lastIndexOf('node_modules/') - 1))) {
    const there = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
    if (packages[there] !== undefined) return there;
    if (from === '') return undefined;
  }
}

/** A package and all that it needs. */
function closure(name: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    const { dependencies = {} } = packages[path] ?? {};
    for (const one of Object.keys(dependencies)) visit(resolved(path, one) ?? assert.fail(`${path}: ${one}`));
  };
  visit(`node_modules/${name}`);
  return seen;
}

test('the table of what is used at run time has every dependency, and how many packages each brings', () => {
  const rows = [...security.matchAll(/^ {2}\| `([^`]+)`[^|]*\| (\d+) \|/gm)];
  const told = Object.fromEntries(rows.map(([, name = '', count]) => [name, Number(count)]));
  const counted = Object.keys(manifest.dependencies).map((name) => [name, closure(name).size] as const);
  assert.deepEqual(told, Object.fromEntries(counted));
});
