/**
 * Files that are written: all of them whole, or none. Each is written beside its target under
 * another name, and takes its place only when everything has been written.
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  realpathSync,
  rename as renameFile,
  type Stats,
  statSync,
  unlink as unlinkFile,
  unlinkSync,
  writeFile as writeTo,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cannotWrite } from '../errors/file.ts';
import type { Writer } from '../wasm/writer.ts';
import { reason } from './input.ts';

export type Target =
  | { readonly kind: 'stdout' }
  /** A device or a pipe: written as it is. */
  | { readonly kind: 'device'; readonly path: string }
  | {
      readonly kind: 'file';
      /** As the user wrote it, for messages. */
      readonly path: string;
      /** Where it is, links followed: a link stays a link. */
      readonly real: string;
      readonly mode: number;
    };

export interface Output {
  readonly target: Target;
  readonly bytes: Contents;
}

/** What a file is to hold, in one piece or in several: a big module need not be in memory twice. */
export type Contents = Uint8Array | Pick<Writer, 'chunks' | 'finish'>;

/** The calls that write, so that a test can have a disk that is full. */
export interface Disk {
  /** Takes away what killed builds left in a directory. */
  sweep(directory: string): void;
  /** Makes a file that must not be there yet; leaves nothing behind where it fails. */
  create(path: string, bytes: Contents, mode: number): Promise<void>;
  /** Writes to a device or a pipe. */
  fill(path: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
}

const NEW_FILE = 0o666;

/** Not those of node:fs/promises, which take longer to load than to use. */
const rename = promisify(renameFile);
const unlink = promisify(unlinkFile);
const writeFile = promisify(writeTo);

/** Looks at a target before any work is done, and changes nothing. Throws a FileError. */
export function targetOf(path: string): Target {
  if (path === '-') return { kind: 'stdout' };
  try {
    const there = statSync(path, { throwIfNoEntry: false });
    if (there?.isDirectory() === true) throw cannotWrite(path, 'it is a directory');
    if (there !== undefined && !there.isFile()) return { kind: 'device', path };
    const real = realPath(path);
    accessSync(dirname(real), constants.W_OK | constants.X_OK);
    if (there !== undefined) accessSync(real, constants.W_OK);
    return { kind: 'file', path, real, mode: modeOf(there) };
  } catch (error) {
    if (error instanceof Error && 'exitCode' in error) throw error;
    const missing = existsSync(dirname(path)) ? undefined : dirname(path);
    throw cannotWrite(path, reason(error), missing);
  }
}

function modeOf(there: Stats | undefined): number {
  return there === undefined ? NEW_FILE : there.mode & 0o777;
}

/** Where a path leads, also when there is nothing yet. Throws Node's error where its directory is missing. */
export function realPath(path: string): string {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    try {
      return realpathSync(path);
    } catch {
      // A link to nothing: the file takes the place of the link.
    }
  }
  return join(realpathSync(dirname(path)), basename(path));
}

/** Writes all outputs, or none of those that are files. */
export async function writeOutputs(
  outputs: readonly Output[],
  stdout: (bytes: Uint8Array) => void,
  disk: Disk,
): Promise<void> {
  const staged: { readonly temporary: string; readonly target: Extract<Target, { kind: 'file' }> }[] = [];
  const files = outputs.flatMap(({ target }) => (target.kind === 'file' ? [dirname(target.real)] : []));
  for (const directory of new Set(files)) disk.sweep(directory);
  try {
    for (const { target, bytes } of outputs) {
      if (target.kind === 'file') staged.push({ target, temporary: await stage(target, bytes, disk) });
    }
    // What cannot be taken back comes after what can fail, and before what hardly can.
    for (const { target, bytes } of outputs) {
      if (target.kind === 'stdout') for (const chunk of chunksOf(bytes)) stdout(chunk);
      if (target.kind === 'device')
        await toDevice(target.path, bytes instanceof Uint8Array ? bytes : bytes.finish(), disk);
    }
    for (const { target, temporary } of staged) await replace(target, temporary, disk);
  } catch (error) {
    for (const { temporary } of staged) await disk.remove(temporary).catch(() => {});
    throw error;
  }
}

/** A temporary file, which is there for as long as writing takes. */
const TEMPORARY = /^\.freeze-\d+\.tmp$/;
/** One that nobody has written to for so long is of a build that was killed without a chance to take it away. */
const STALE_MS = 60 * 60 * 1000;

/** Takes stale temporary files away. Whatever is in the way of that is no matter for this build. */
function sweep(directory: string): void {
  try {
    for (const name of readdirSync(directory)) {
      if (!TEMPORARY.test(name)) continue;
      const path = join(directory, name);
      if (Date.now() - lstatSync(path).mtimeMs > STALE_MS) unlinkSync(path);
    }
  } catch {
    // Another build may sweep, too, and a directory may be written without being read.
  }
}

/** Names tried for a temporary file before giving up: each belongs to a build that is under way. */
const MOST_NAMES = 1000;

async function stage(
  target: Extract<Target, { kind: 'file' }>,
  bytes: Contents,
  disk: Disk,
): Promise<string> {
  for (let n = 0; ; n++) {
    // Short: a name beside a long one may be no longer.
    const temporary = join(dirname(target.real), `.freeze-${n}.tmp`);
    try {
      await disk.create(temporary, bytes, target.mode);
      return temporary;
    } catch (error) {
      const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
      if (exists && n < MOST_NAMES) continue;
      throw cannotWrite(target.path, reason(error));
    }
  }
}

async function toDevice(path: string, bytes: Uint8Array, disk: Disk): Promise<void> {
  try {
    await disk.fill(path, bytes);
  } catch (error) {
    throw cannotWrite(path, reason(error));
  }
}

async function replace(
  target: Extract<Target, { kind: 'file' }>,
  temporary: string,
  disk: Disk,
): Promise<void> {
  try {
    await disk.rename(temporary, target.real);
  } catch (error) {
    throw cannotWrite(target.path, reason(error));
  }
}

function chunksOf(bytes: Contents): Iterable<Uint8Array> {
  return bytes instanceof Uint8Array ? [bytes] : bytes.chunks();
}

/** Each chunk is written while the next one is made, which needs another processor, not more time. */
async function writeAll(fd: number, bytes: Contents): Promise<void> {
  let before: Promise<void> = Promise.resolve();
  for (const chunk of chunksOf(bytes)) {
    await before;
    before = writeFile(fd, chunk);
  }
  await before;
}

/** The machine's disk. `unfinished` holds the files that must go when the process is told to end. */
export function machineDisk(unfinished: Set<string>): Disk {
  const remove = async (path: string): Promise<void> => {
    await unlink(path).catch(() => {});
    unfinished.delete(path);
  };
  return {
    sweep,
    create: async (path, bytes, mode) => {
      // In one step with the note of it: a signal finds all of them.
      const fd = openSync(path, 'wx', mode);
      unfinished.add(path);
      try {
        await writeAll(fd, bytes).finally(() => closeSync(fd));
      } catch (error) {
        await remove(path);
        throw error;
      }
    },
    fill: (path, bytes) => writeFile(path, bytes),
    rename: async (from, to) => {
      await rename(from, to);
      unfinished.delete(from);
    },
    remove,
  };
}
