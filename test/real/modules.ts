// Real modules to run against: what people ship, from 0.3 to 75 MB.
// None is in the repository: some come with its dependencies, `node scripts/real-modules.mjs` brings the others.
// Tests take those that are there.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../spec/suite.ts';

/** `shared-memory` is a reactor with threads, which cannot be frozen and must be refused. */
export type RealKind = 'reactor' | 'command' | 'library' | 'shared-memory';

export interface RealModule {
  readonly name: string;
  readonly path: string;
  readonly kind: RealKind;
  /** In bytes. */
  readonly size: number;
}

/** A row of modules.json, which the script reads too. */
interface Row {
  readonly name: string;
  readonly package: string;
  /** Absent: a dependency of the repository. */
  readonly version?: string;
  readonly path: string;
  readonly kind: RealKind;
}

/** Those present, the smallest first. */
export function realModules(): readonly RealModule[] {
  return rows()
    .map(({ name, kind, ...row }) => ({ name, kind, path: pathOf(row) }))
    .filter(({ path }) => existsSync(path))
    .map((module) => ({ ...module, size: statSync(module.path).size }))
    .sort((a, b) => a.size - b.size);
}

/** Names of those that are not there. */
export function missingRealModules(): readonly string[] {
  return rows()
    .filter((row) => !existsSync(pathOf(row)))
    .map(({ name }) => name);
}

function rows(): readonly Row[] {
  return JSON.parse(readFileSync(join(repoRoot(), 'test', 'real', 'modules.json'), 'utf8')) as readonly Row[];
}

/** As scripts/real-modules.mjs lays them out. */
function pathOf({ package: name, version, path }: Pick<Row, 'package' | 'version' | 'path'>): string {
  const folder =
    version === undefined ? '.' : join('.cache', 'real-modules', `${name.replaceAll('/', '+')}@${version}`);
  return join(repoRoot(), folder, 'node_modules', name, path);
}
