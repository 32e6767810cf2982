/**
 * `--watch`: builds, and builds again when a file that went in has changed. Folders are watched, not
 * files: editors replace files, and one that has gone may come back.
 */
import { type FSWatcher, watch as watchFolder } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { cannotRead } from '../errors/file.ts';
import { inputFiles } from './build.ts';
import { buildAll } from './build-all.ts';
import type { NamedBuild } from './config.ts';
import { reason } from './input.ts';
import type { Io } from './io.ts';

/** Editors write in several steps: what comes within this many ms is one change. */
const SETTLE = 100;

export async function watch(wanted: readonly NamedBuild[], jobs: number, io: Io): Promise<number> {
  const byFile = new Map<string, NamedBuild[]>();
  for (const build of wanted) {
    for (const file of inputFiles(build.parsed)) {
      const path = resolve(file);
      byFile.set(path, [...(byFile.get(path) ?? []), build]);
    }
  }
  const changes = new Changes();
  const watchers = [...new Set([...byFile.keys()].map((path) => dirname(path)))].map((folder) =>
    watched(folder, (name) => {
      if (byFile.has(resolve(folder, name))) changes.add(resolve(folder, name));
    }),
  );
  await buildAll(wanted, jobs, io);
  const end = (): void => {
    for (const one of watchers) one.close();
  };
  return io.guarded(end, async () => {
    for (;;) {
      io.err.write(`watching ${byFile.size} ${byFile.size === 1 ? 'file' : 'files'}; Ctrl-C ends it\n`);
      const changed = await changes.next();
      const again = new Set(changed.flatMap((path) => byFile.get(path) ?? []));
      io.err.write(`changed: ${changed.map((path) => basename(path)).join(', ')}\n`);
      await buildAll([...again], jobs, io);
    }
  });
}

function watched(folder: string, onChange: (name: string) => void): FSWatcher {
  try {
    return watchFolder(folder, (_event, name) => {
      if (name !== null) onChange(name);
    });
  } catch (error) {
    throw cannotRead(folder, reason(error));
  }
}

/** Files that have changed since they were last asked for. */
class Changes {
  readonly #files = new Set<string>();
  #wake: (() => void) | undefined;

  add(path: string): void {
    this.#files.add(path);
    this.#wake?.();
  }

  /** Waits for one, and for those that come with it. */
  async next(): Promise<readonly string[]> {
    if (this.#files.size === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
    await new Promise((resolve) => setTimeout(resolve, SETTLE));
    const files = [...this.#files].toSorted();
    this.#files.clear();
    return files;
  }
}
