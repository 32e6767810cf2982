// Where mounts come from in Node: a directory of the machine's, read and never left.
//
// A path is resolved to its real place first, and what is not below the real root is absent: an
// absolute link, a link that climbs out, a link to such a link. Only files and directories exist;
// opening a pipe would wait for its writer, and a device has no end. The real place is opened
// without following a link in its last part, and checked again once open. Against someone who
// swaps directories for links during the build this is no guard; Node has no openat.

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { join, sep } from 'node:path';
import type { DirEntry, FileSource, SourceStat } from './types.ts';

/**
 * The files below a directory.
 * @param root a path of the machine's; throws Node's error where it is no directory
 */
export function nodeFiles(root: string): FileSource {
  const real = realpathSync(root);
  // Throws ENOTDIR in Node's words.
  readdirSync(real);
  return {
    list: (path) => {
      const place = placed(real, path);
      return place === undefined ? undefined : listing(real, path, place);
    },
    stat: (path) => {
      const place = placed(real, path);
      return place === undefined ? undefined : stats(place);
    },
    read: (path) => {
      const place = placed(real, path);
      if (place === undefined) throw new Error(`no such file below the mount: ${path}`);
      return content(place);
    },
  };
}

/** The real place of a path, if it is below the real root. */
function placed(root: string, path: string): string | undefined {
  // A guest's name may be a separator to the machine: `a\b` on Windows is not a name below here.
  if (sep !== '/' && (path.includes(sep) || path.includes(':'))) return undefined;
  try {
    const place = realpathSync(join(root, path));
    const below = root.endsWith(sep) ? root : root + sep;
    return place === root || place.startsWith(below) ? place : undefined;
  } catch {
    return undefined;
  }
}

function stats(place: string): SourceStat | undefined {
  const stat = statSync(place, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return { kind: 'directory', size: 0 };
  if (stat?.isFile()) return { kind: 'file', size: stat.size };
  return undefined;
}

function listing(root: string, path: string, place: string): readonly DirEntry[] | undefined {
  if (stats(place)?.kind !== 'directory') return undefined;
  const out: DirEntry[] = [];
  for (const entry of readdirSync(place, { withFileTypes: true })) {
    const name = entry.name;
    if (entry.isFile()) out.push({ name, kind: 'file' });
    else if (entry.isDirectory()) out.push({ name, kind: 'directory' });
    else if (entry.isSymbolicLink()) {
      const target = placed(root, join(path, name));
      const stat = target === undefined ? undefined : stats(target);
      if (stat !== undefined) out.push({ name, kind: stat.kind });
    }
  }
  return out;
}

function content(place: string): Uint8Array {
  // Windows has neither flag, and no need of them.
  const flags = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const fd = openSync(place, flags);
  try {
    if (!fstatSync(fd).isFile()) throw new Error(`no file any more: ${place}`);
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}
