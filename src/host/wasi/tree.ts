// The guest's files: a tree in memory whose branches grow when they are looked at.
//
// A mounted directory starts with nothing but its source. Looking a name up asks the source what
// is there and plants a node without content; listing plants a node for each name; the content is
// read when the file is first opened. So `/` may be mounted over gigabytes. What the guest changes
// it changes here; the source is never written. This is overlayfs with the upper layer in memory,
// and it has its one limit as well: a directory that comes from a source cannot be renamed.
//
// Why not @wasmer/wasi's MemFS: it has no hook before a lookup, and does not keep to POSIX where
// guests rely on it (see `wasmer.ts` for the list).

import { Errno } from './preview1.ts';
import type { FileSource, SourceStat, WrittenFile } from './types.ts';

/** Linux' limits, for the same reason: a bound on what one call can cost. */
const MAX_PATH = 4096;
const MAX_NAME = 255;
/** Symbolic links followed in one path before ELOOP: Linux' number. */
const MAX_LINKS = 40;
/** Files, directories and links that a guest may create: some 100 MB of nodes at most. */
const MAX_NODES = 500_000;

/** Where a node comes from: a path within a source. */
interface Origin {
  readonly source: FileSource;
  readonly path: string;
}

interface Common {
  readonly ino: bigint;
  /** By the guest, so that it counts against {@link MAX_NODES}. */
  readonly made: boolean;
  /** Times that the guest set; undefined: the clock's start. */
  atim: bigint | undefined;
  mtim: bigint | undefined;
}

/** A file. Its content is `bytes[0..size]`; while `origin` is set, it has not been read yet. */
export interface FileNode extends Common {
  readonly kind: 'file';
  origin: Origin | undefined;
  bytes: Uint8Array;
  /** undefined: known by name only, from a listing. */
  size: number | undefined;
  /** Created or changed by the guest. */
  written: boolean;
  /** Names that it has, and descriptors that hold it: at 0 of both its bytes are given back. */
  names: number;
  holders: number;
}

/** A directory. `entries` has what was looked at; null marks what the guest removed. */
export interface DirectoryNode extends Common {
  readonly kind: 'directory';
  readonly origin: Origin | undefined;
  readonly entries: Map<string, Node | null>;
  listed: boolean;
}

/** A symbolic link that the guest made. A source's links are followed by the source. */
export interface LinkNode extends Common {
  readonly kind: 'link';
  readonly target: string;
}

export type Node = FileNode | DirectoryNode | LinkNode;

/** What a path leads to. */
export interface Resolved {
  /** The directory that has, or would have, the last name. */
  readonly parent: DirectoryNode;
  /** The last name; `.` where the path leads to a directory by `.`, `..` or nothing. */
  readonly name: string;
  /** What is there, if anything. */
  readonly node: Node | undefined;
  /** The path from the start, without `.`, `..` and links. */
  readonly path: string;
  /** The path ended in `/` or `/.`: it means a directory. */
  readonly slash: boolean;
}

/** The files of one guest. */
export class Tree {
  readonly #maxBytes: number;
  #bytes = 0;
  #nodes = 0;
  #nextIno = 1n;

  /** @param maxBytes file content that may be held at once */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** A new root over `source`. */
  mount(source: FileSource): DirectoryNode {
    return this.#directory({ source, path: '' }, false);
  }

  /**
   * Follows `path` from `base`. It may not leave `base`: not by `..`, not from the root.
   * @param follow whether a link in the last place is followed
   */
  resolve(base: DirectoryNode, path: string, follow: boolean): Resolved | Errno {
    if (path === '') return Errno.noent;
    if (path.length > MAX_PATH) return Errno.nametoolong;
    if (path.startsWith('/')) return Errno.notcapable;
    const slash = /\/\.?$/.test(path);
    const pending = parts(path);
    const trail: { readonly node: DirectoryNode; readonly name: string }[] = [{ node: base, name: '' }];
    const here = (): DirectoryNode => trail[trail.length - 1]?.node ?? base;
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') {
        if (trail.length === 1) return Errno.notcapable;
        trail.pop();
        continue;
      }
      if (name.length > MAX_NAME) return Errno.nametoolong;
      const parent = here();
      const node = this.child(parent, name);
      const last = pending.length === 0;
      if (node?.kind === 'link' && (!last || follow || slash)) {
        if (++links > MAX_LINKS) return Errno.loop;
        if (node.target.startsWith('/')) return Errno.notcapable;
        pending.push(...parts(node.target));
        continue;
      }
      if (last) {
        if (slash && node?.kind === 'file') return Errno.notdir;
        const path = [...trail.slice(1).map((step) => step.name), name].join('/');
        return { parent, name, node, path, slash };
      }
      if (node === undefined) return Errno.noent;
      if (node.kind !== 'directory') return Errno.notdir;
      trail.push({ node, name });
    }
    const node = here();
    const parent = trail[trail.length - 2]?.node ?? node;
    const full = trail.slice(1).map((step) => step.name);
    return { parent, name: '.', node, path: full.join('/'), slash: true };
  }

  /** What a directory has under a name, asking its source if need be. */
  child(directory: DirectoryNode, name: string): Node | undefined {
    const known = directory.entries.get(name);
    if (known !== undefined) return known ?? undefined;
    // What a listing did not name is not there, so the source is not asked again.
    if (directory.origin === undefined || directory.listed) return undefined;
    const origin = within(directory.origin, name);
    const stat = ask(() => origin.source.stat(origin.path));
    if (stat === undefined) return undefined;
    return this.#plant(directory, name, stat.kind, origin, stat);
  }

  /** Everything in a directory, sorted by name (UTF-16 units): the same order on every machine. */
  children(directory: DirectoryNode): readonly (readonly [string, Node])[] {
    this.#list(directory);
    const out: [string, Node][] = [];
    for (const [name, node] of directory.entries) if (node !== null) out.push([name, node]);
    return out.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }

  #list(directory: DirectoryNode): void {
    const origin = directory.origin;
    if (origin === undefined || directory.listed) return;
    const listing = ask(() => origin.source.list(origin.path)) ?? [];
    for (const entry of [...listing].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      // A name that would lead elsewhere is the source's error; the guest does not see it.
      if (entry.name === '' || entry.name === '.' || entry.name === '..') continue;
      if (/[/\0]/.test(entry.name) || directory.entries.has(entry.name)) continue;
      this.#plant(directory, entry.name, entry.kind, within(origin, entry.name), undefined);
    }
    directory.listed = true;
  }

  #plant(
    directory: DirectoryNode,
    name: string,
    kind: SourceStat['kind'],
    origin: Origin,
    stat: SourceStat | undefined,
  ): Node {
    const node = kind === 'directory' ? this.#directory(origin, false) : this.#file(origin, stat?.size);
    directory.entries.set(name, node);
    return node;
  }

  #common(made: boolean): Common {
    return { ino: this.#nextIno++, made, atim: undefined, mtim: undefined };
  }

  #directory(origin: Origin | undefined, made: boolean): DirectoryNode {
    const entries = new Map<string, Node | null>();
    return { ...this.#common(made), kind: 'directory', origin, entries, listed: false };
  }

  #file(origin: Origin | undefined, size: number | undefined): FileNode {
    const bytes = new Uint8Array(0);
    const made = origin === undefined;
    const counts = { names: 1, holders: 0 };
    return { ...this.#common(made), kind: 'file', origin, bytes, size, written: made, ...counts };
  }

  /** Puts a new empty file, directory, or link in place. */
  create(at: Resolved, kind: 'file' | 'directory' | { readonly target: string }): Node | Errno {
    if (this.#nodes >= MAX_NODES) return Errno.nospc;
    this.#nodes++;
    const node: Node =
      kind === 'file'
        ? this.#file(undefined, 0)
        : kind === 'directory'
          ? this.#directory(undefined, true)
          : { ...this.#common(true), kind: 'link', target: kind.target };
    at.parent.entries.set(at.name, node);
    return node;
  }

  /** Size in bytes, without reading the content. */
  size(node: Node): number {
    if (node.kind === 'directory') return 0;
    if (node.kind === 'link') return new TextEncoder().encode(node.target).length;
    if (node.size === undefined) {
      const origin = node.origin;
      node.size = (origin && ask(() => origin.source.stat(origin.path))?.size) ?? 0;
    }
    return node.size;
  }

  /** Reads the content of a file that has not been read. */
  load(file: FileNode): Errno {
    const origin = file.origin;
    if (origin === undefined) return Errno.success;
    if (this.#bytes + this.size(file) > this.#maxBytes) return Errno.fbig;
    const bytes = ask(() => origin.source.read(origin.path));
    if (bytes === undefined) return Errno.io;
    if (this.#bytes + bytes.length > this.#maxBytes) return Errno.fbig;
    file.origin = undefined;
    file.bytes = bytes;
    // What was read counts, not what stat said: the file may have changed in between.
    file.size = bytes.length;
    this.#bytes += bytes.length;
    return Errno.success;
  }

  /** The content of a loaded file, as a view. */
  content(file: FileNode): Uint8Array {
    return file.bytes.subarray(0, file.size ?? 0);
  }

  /** Cuts a file, or lengthens it with zeros. Discards content that has not been read. */
  resize(file: FileNode, size: number): Errno {
    const before = file.origin === undefined ? (file.size ?? 0) : 0;
    if (this.#bytes + size - before > this.#maxBytes) return Errno.nospc;
    if (size > file.bytes.length) {
      // Doubling keeps a file that grows by small writes linear.
      const room = new Uint8Array(Math.max(size, Math.min(before * 2, this.#maxBytes)));
      room.set(file.bytes.subarray(0, before));
      file.bytes = room;
    } else {
      file.bytes.fill(0, size, Math.max(size, before));
    }
    this.#bytes += size - before;
    file.origin = undefined;
    file.size = size;
    file.written = true;
    return Errno.success;
  }

  /** Writes at an offset; what lies between the end and it becomes zeros. */
  write(file: FileNode, offset: number, data: Uint8Array): Errno {
    if (data.length === 0) return Errno.success;
    const end = offset + data.length;
    if (end > (file.size ?? 0)) {
      const grown = this.resize(file, end);
      if (grown !== Errno.success) return grown;
    }
    file.bytes.set(data, offset);
    file.written = true;
    return Errno.success;
  }

  /** Gives a file another name. */
  link(at: Resolved, file: FileNode): void {
    file.names++;
    file.written = true;
    at.parent.entries.set(at.name, file);
  }

  /** Takes a name away. */
  unlink(at: Resolved): void {
    const { origin, entries, listed } = at.parent;
    const below = origin === undefined || listed ? undefined : within(origin, at.name);
    // The mark is left only where the source has something that would shine through: a guest that
    // makes and removes a million files leaves nothing behind.
    if (below !== undefined && ask(() => below.source.stat(below.path)) !== undefined) {
      entries.set(at.name, null);
    } else entries.delete(at.name);
    if (at.node?.kind === 'file') {
      at.node.names--;
      this.release(at.node);
    } else if (at.node?.made === true) this.#nodes--;
  }

  /** Gives a file's bytes back once no name and no descriptor has it. */
  release(file: FileNode): void {
    if (file.names > 0 || file.holders > 0) return;
    if (file.made) this.#nodes--;
    if (file.origin !== undefined) return;
    this.#bytes -= file.size ?? 0;
    file.size = 0;
    file.bytes = new Uint8Array(0);
  }

  /** Moves what is at `from` to `to`, whose old node is gone from there. */
  move(from: Resolved, to: Resolved, node: Node): void {
    if (to.node !== undefined) this.unlink(to);
    if (node.kind === 'file') {
      node.names++;
      node.written = true;
    }
    to.parent.entries.set(to.name, node);
    // Its old name goes; a directory or a link only moved, so none is given back.
    this.unlink(node.kind === 'file' ? from : { ...from, node: undefined });
  }

  /** Whether `node` is `directory` or lies below it, as far as the tree has been grown. */
  contains(directory: DirectoryNode, node: Node): boolean {
    const pending: Node[] = [directory];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next === node) return true;
      if (next.kind !== 'directory') continue;
      for (const child of next.entries.values()) if (child !== null) pending.push(child);
    }
    return false;
  }

  /** The files below `root` that the guest created or changed, under `prefix`. */
  written(root: DirectoryNode, prefix: string): readonly WrittenFile[] {
    const out: WrittenFile[] = [];
    const pending: [string, DirectoryNode][] = [[prefix, root]];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const [name, node] of next[1].entries) {
        const path = joined(next[0], name);
        if (node?.kind === 'directory') pending.push([path, node]);
        else if (node?.kind === 'file' && node.written) out.push({ path, size: this.size(node) });
      }
    }
    return out;
  }
}

/** `path` below `directory`, both in the guest's spelling. */
export function joined(directory: string, path: string): string {
  if (path === '') return directory;
  return directory.endsWith('/') || directory === '' ? directory + path : `${directory}/${path}`;
}

/** The names in a path, last first: a stack to pop from. */
function parts(path: string): string[] {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .reverse();
}

function within(origin: Origin, name: string): Origin {
  return { source: origin.source, path: joined(origin.path, name) };
}

/** A source's answer; one that throws has nothing. The guest sees ENOENT, or EIO on reading. */
function ask<Answer>(question: () => Answer): Answer | undefined {
  try {
    return question();
  } catch {
    return undefined;
  }
}
