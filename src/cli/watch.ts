/**
 * `--watch`: builds, and builds again when a file that went in, or the config, has changed. Folders are watched, not
 * files: editors replace files, and one that has gone may come back.
 */
import { type FSWatcher, watch as watchFolder } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { FreezeError } from '../errors/classes.ts';
import { cannotRead } from '../errors/file.ts';
import { inputFiles } from './build.ts';
import { buildAll } from './build-all.ts';
import type { NamedBuild } from './config.ts';
import { reason } from './input.ts';
import type { Io } from './io.ts';
import { tellError } from './terminal.ts';

/** Editors write in several steps: what comes within this many ms is one change. */
const SETTLE = 100;

/** The config that says what is built, and how it is read again. */
export interface WatchedConfig {
  /** Its absolute path. */
  readonly file: string;
  readonly read: () => Promise<readonly NamedBuild[]>;
}

export async function watch(
  given: readonly NamedBuild[],
  jobs: number,
  io: Io,
  config?: WatchedConfig,
): Promise<number> {
  const changes = new Changes();
  let files = new Files(given, config?.file, changes);
  await buildAll(given, jobs, io);
  return io.guarded(
    () => files.close(),
    async () => {
      for (;;) {
        io.err.write(`watching ${files.count} ${files.count === 1 ? 'file' : 'files'}; Ctrl-C ends it\n`);
        const changed = await changes.next();
        io.err.write(`changed: ${changed.map((path) => basename(path)).join(', ')}\n`);
        const anew =
          config !== undefined && changed.includes(config.file) ? await reread(config, io) : undefined;
        const again = anew ?? files.buildsOf(changed);
        if (anew !== undefined) {
          files.close();
          files = new Files(anew, config?.file, changes);
        }
        if (again.length > 0) await buildAll(again, jobs, io);
      }
    },
  );
}

/** What the config says now; undefined, which is told, where it is wrong: what it said before goes on. */
async function reread({ read }: WatchedConfig, io: Io): Promise<readonly NamedBuild[] | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof FreezeError)) throw error;
    tellError(error, undefined, io.err);
    return undefined;
  }
}

/** The files that go into builds, and the watchers of their folders. */
class Files {
  readonly #byFile = new Map<string, NamedBuild[]>();
  readonly #watchers: readonly FSWatcher[];

  constructor(wanted: readonly NamedBuild[], config: string | undefined, changes: Changes) {
    if (config !== undefined) this.#byFile.set(config, []);
    for (const build of wanted) {
      for (const file of inputFiles(build.parsed)) {
        const path = resolve(file);
        this.#byFile.set(path, [...(this.#byFile.get(path) ?? []), build]);
      }
    }
    const folders = new Set([...this.#byFile.keys()].map((path) => dirname(path)));
    this.#watchers = [...folders].map((folder) =>
      watched(folder, (name) => {
        if (this.#byFile.has(resolve(folder, name))) changes.add(resolve(folder, name));
      }),
    );
  }

  get count(): number {
    return this.#byFile.size;
  }

  buildsOf(changed: readonly string[]): readonly NamedBuild[] {
    return [...new Set(changed.flatMap((path) => this.#byFile.get(path) ?? []))];
  }

  close(): void {
    for (const one of this.#watchers) one.close();
  }
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
