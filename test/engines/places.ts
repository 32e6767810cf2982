// Where things are: the repository's root, and the engines that `scripts/engines.mjs` fetched. Both
// this file and that script read `places.json`, so they cannot disagree.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Places {
  readonly nodes: { readonly majors: readonly number[]; readonly binary: string };
  readonly wasmtime: { readonly folder: string };
  readonly wizer: { readonly folder: string };
  readonly chromium: {
    readonly executable: string;
    readonly driver: string;
    readonly folder: string;
  };
}

/** The compiled tests run from `dist/`, where the files that are not TypeScript do not follow. */
export const root: string = findRoot(dirname(fileURLToPath(import.meta.url)));
export const places: Places = JSON.parse(readFileSync(runnerFile('places.json'), 'utf8')) as Places;

/** A file of this folder that is not TypeScript. */
export function runnerFile(name: string): string {
  return join(root, 'test/engines', name);
}

function findRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('no package.json in any folder above');
  return findRoot(parent);
}
