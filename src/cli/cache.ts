/**
 * `--cache DIR`: what a build made, by the content of all that went in. A build of the same inputs,
 * options and version takes it from there. A file of a cache that is not whole is as good as none, and
 * one that cannot be written is a warning: a cache never changes what comes out.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDamaged, cacheUnread, cacheUnwritten, type Warning } from '../errors/warning.ts';
import type { Frozen } from '../freeze.ts';
import { VERSION } from '../version.ts';
import { lineOf } from './args.ts';
import type { Parsed } from './commands.ts';
import { reason } from './input.ts';

/** What has no part in what a build makes. */
const APART: ReadonlySet<string> = new Set([
  ...['output', 'json', 'report', 'quiet', 'verbose', 'log-level', 'cache', 'timeout'],
  // These come after it, and are done with what is taken, too.
  ...['target', 'component', 'wit', 'world', 'measure'],
]);

/** Of these, `freeze` does not see all that goes in. */
const UNSEEN: Readonly<Record<string, string>> = {
  driver: 'a driver may read anything',
  dir: 'a guest may read anything in --dir',
};

/** Why the build of a line is not cached; undefined where it is. */
export function uncacheable({ options }: Parsed): string | undefined {
  for (const [name, why] of Object.entries(UNSEEN)) if (options.has(name)) return why;
  if (options.get('wasi')?.[0] === 'node') return 'a guest may read anything with --wasi node';
  if (options.get('random')?.some((text) => text.includes('system')))
    return '--random system never gives the same';
  return undefined;
}

/** The name of a build: of its line, this version, and the contents of its inputs, in order. */
export function keyOf(parsed: Parsed, inputs: readonly Uint8Array[]): string {
  const options = new Map([...parsed.options].filter(([name]) => !APART.has(name)));
  const hash = createHash('sha256');
  hash.update(JSON.stringify([VERSION, lineOf({ ...parsed, options })]));
  // Sizes first: no two lists of inputs run together to the same bytes.
  hash.update(JSON.stringify(inputs.map(({ length }) => length)));
  for (const bytes of inputs) hash.update(bytes);
  return hash.digest('hex');
}

/** What is in a file before the module: one line of JSON. */
interface Head {
  readonly sha256: string;
  readonly frozen: Omit<Frozen, 'bytes'>;
}

const NEWLINE = 10;

export class Cache {
  readonly #folder: string;
  readonly #warn: (warning: Warning) => void;

  /** `warn` is told what is wrong with the cache. */
  constructor(folder: string, warn: (warning: Warning) => void) {
    this.#folder = folder;
    this.#warn = warn;
  }

  /** What a build made; undefined where it is not there, or not whole. */
  take(key: string): Frozen | undefined {
    let file: Buffer;
    try {
      file = readFileSync(this.#path(key));
    } catch (error) {
      const absent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!absent) this.#warn(cacheUnread(reason(error)));
      return undefined;
    }
    try {
      const end = file.indexOf(NEWLINE);
      const head = JSON.parse(file.subarray(0, end).toString()) as Head;
      const bytes = new Uint8Array(file.subarray(end + 1));
      if (digest(bytes, head.frozen) === head.sha256) return { ...head.frozen, bytes };
    } catch {
      // Told below.
    }
    this.#warn(cacheDamaged(this.#path(key)));
    return undefined;
  }

  keep(key: string, { bytes, ...frozen }: Frozen): void {
    const head: Head = { sha256: digest(bytes, frozen), frozen };
    const path = this.#path(key);
    const unfinished = `${path}.${randomUUID()}.tmp`;
    try {
      mkdirSync(this.#folder, { recursive: true });
      try {
        writeFileSync(unfinished, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), bytes]));
        renameSync(unfinished, path);
      } catch (error) {
        rmSync(unfinished, { force: true });
        throw error;
      }
    } catch (error) {
      this.#warn(cacheUnwritten(reason(error)));
    }
  }

  #path(key: string): string {
    return join(this.#folder, `${key}.frozen`);
  }
}

function digest(bytes: Uint8Array, frozen: Head['frozen']): string {
  return createHash('sha256').update(JSON.stringify(frozen)).update(bytes).digest('hex');
}
