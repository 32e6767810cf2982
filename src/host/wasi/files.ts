// Every fd_* and path_* call, over the tree in memory and the three stdio descriptors.
//
// A call is: find the descriptor, check the right, do it in the tree, write the answer. Whatever
// finds something returns it or an Errno, told apart by typeof. Descriptors are the lowest free
// number, as POSIX has it. Rights follow what wasi-libc asks for: reading and writing are checked,
// the others are told and not enforced.

import type { FixedClock } from './clock.ts';
import type { GuestMemory } from './memory.ts';
import {
  Errno,
  FdFlag,
  type Fdstat,
  type Filestat,
  FileType,
  LookupFlag,
  type Makers,
  type Namespace,
  OpenFlag,
  Right,
  TimeFlag,
  Whence,
} from './preview1.ts';
import type { Stdio, StdioNumber } from './stdio.ts';
import { type DirectoryNode, type FileNode, joined, type Node, type Resolved, type Tree } from './tree.ts';
import type { Mount, OpenFile, WrittenFile } from './types.ts';

/** Descriptors that may be open at once: Linux' usual limit. */
const MAX_DESCRIPTORS = 1024;
/** A directory entry before its name. */
const DIRENT_BYTES = 24;

/** For calls that have nothing to do once they found their descriptor. */
const done = (): Errno => Errno.success;

interface StdioDescriptor {
  readonly kind: 'stdio';
  readonly which: StdioNumber;
}

interface FileDescriptor {
  readonly kind: 'file';
  readonly node: FileNode;
  readonly path: string;
  position: number;
  flags: number;
  rights: bigint;
  inheriting: bigint;
}

interface DirectoryDescriptor {
  readonly kind: 'directory';
  readonly node: DirectoryNode;
  readonly parent: DirectoryNode;
  readonly path: string;
  /** The mount's name in the guest, where this is one. */
  readonly preopen: Uint8Array | undefined;
  /** What fd_readdir reads from: taken at its start, so that removing while listing is safe. */
  listing: readonly (readonly [Uint8Array, Node])[];
  flags: number;
  rights: bigint;
  inheriting: bigint;
}

type Descriptor = StdioDescriptor | FileDescriptor | DirectoryDescriptor;

const STDIO = ([0, 1, 2] as const).map((which): StdioDescriptor => ({ kind: 'stdio', which }));

/** The descriptors of one guest, and the calls on them. */
export class Files {
  readonly #memory: GuestMemory;
  readonly #clock: FixedClock;
  readonly #stdio: Stdio;
  readonly #tree: Tree;
  readonly #table: (Descriptor | undefined)[] = [...STDIO];
  readonly #roots: (readonly [string, DirectoryNode])[] = [];

  constructor(
    memory: GuestMemory,
    clock: FixedClock,
    stdio: Stdio,
    tree: Tree,
    mounts: readonly Mount[] | undefined,
  ) {
    this.#memory = memory;
    this.#clock = clock;
    this.#stdio = stdio;
    this.#tree = tree;
    mounts?.forEach((mount) => {
      this.#mount(mount);
    });
  }

  #mount(mount: Mount): void {
    const node = this.#tree.mount(mount.source);
    this.#roots.push([mount.guest, node]);
    const preopen = new TextEncoder().encode(mount.guest);
    const rights = { rights: Right.all, inheriting: Right.all };
    const at = { node, parent: node, path: mount.guest };
    this.#table.push({ kind: 'directory', ...at, preopen, listing: [], flags: 0, ...rights });
  }

  /** Files that the guest created or changed, sorted by path. */
  written(): readonly WrittenFile[] {
    const out = this.#roots.flatMap(([guest, root]) => this.#tree.written(root, guest));
    return out.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  }

  /** Descriptors that are neither stdio nor a mount. */
  open(): readonly OpenFile[] {
    const out: OpenFile[] = [];
    for (const [fd, open] of this.#table.entries()) {
      if (open === undefined || open.kind === 'stdio') continue;
      if (open.kind === 'file' || open.preopen === undefined) out.push({ fd, path: open.path });
    }
    return out;
  }

  /** Bytes that can be read from a descriptor at once. */
  readable(fd: number): bigint | Errno {
    const open = this.#get(fd);
    if (typeof open === 'number') return open;
    if (open.kind === 'stdio') return BigInt(open.which === 0 ? this.#stdio.left : 0);
    if (open.kind === 'directory') return 0n;
    return BigInt(Math.max(0, this.#tree.size(open.node) - open.position));
  }

  /** How each call is made, laid out for a namespace. */
  static readonly calls: Makers<Files> = {
    fd_advise: (files) => (fd: number) => files.#with(fd, done),
    fd_allocate: (files) => (fd: number, offset: bigint, length: bigint) =>
      files.#withFile(fd, (open) => {
        const end = BigInt.asUintN(64, offset) + BigInt.asUintN(64, length);
        if (end <= BigInt(files.#tree.size(open.node))) return Errno.success;
        return files.#resize(open, end);
      }),
    fd_close: (files) => (fd: number) => files.#close(fd),
    fd_datasync: (files) => (fd: number) => files.#with(fd, done),
    fd_fdstat_get: (files) => (fd: number, pointer: number) =>
      files.#with(fd, (open) => {
        files.#memory.setFdstat(pointer, files.#fdstat(open));
        return Errno.success;
      }),
    fd_fdstat_set_flags: (files) => (fd: number, flags: number) =>
      files.#with(fd, (open) => {
        if (open.kind !== 'stdio') open.flags = flags & 0xffff;
        return Errno.success;
      }),
    fd_fdstat_set_rights: (files) => (fd: number, rights: bigint, inheriting: bigint) =>
      files.#with(fd, (open) => {
        const now = files.#fdstat(open);
        const more = (rights & ~now.rights) | (inheriting & ~now.inheriting);
        if (BigInt.asUintN(64, more) !== 0n) return Errno.notcapable;
        if (open.kind === 'stdio') return Errno.success;
        open.rights = rights;
        open.inheriting = inheriting;
        return Errno.success;
      }),
    fd_filestat_get: (files, namespace) => (fd: number, pointer: number) =>
      files.#with(fd, (open) => {
        const stat = open.kind === 'stdio' ? files.#stdio.filestat(open.which) : files.#filestat(open.node);
        files.#memory.setFilestat(pointer, stat, namespace);
        return Errno.success;
      }),
    fd_filestat_set_size: (files) => (fd: number, size: bigint) =>
      files.#withFile(fd, (open) => files.#resize(open, BigInt.asUintN(64, size))),
    fd_filestat_set_times: (files) => (fd: number, atim: bigint, mtim: bigint, flags: number) =>
      files.#with(fd, (open) =>
        open.kind === 'stdio' ? Errno.badf : files.#setTimes(open.node, atim, mtim, flags),
      ),
    fd_pread: (files) => (fd: number, vectors: number, count: number, offset: bigint, out: number) =>
      files.#withFile(fd, (open) => files.#readFile(open, vectors, count, BigInt.asUintN(64, offset), out)),
    fd_prestat_get: (files) => (fd: number, pointer: number) => {
      const open = files.#get(fd);
      if (typeof open === 'number' || open.kind !== 'directory') return Errno.badf;
      if (open.preopen === undefined) return Errno.badf;
      // A tag, 0 for a directory, and the length of its name.
      files.#memory.setU32(pointer, 0);
      files.#memory.setU32(pointer + 4, open.preopen.length);
      return Errno.success;
    },
    fd_prestat_dir_name: (files) => (fd: number, pointer: number, length: number) => {
      const open = files.#get(fd);
      if (typeof open === 'number' || open.kind !== 'directory') return Errno.badf;
      if (open.preopen === undefined) return Errno.badf;
      if (length >>> 0 < open.preopen.length) return Errno.nametoolong;
      files.#memory.bytes(pointer, open.preopen.length).set(open.preopen);
      return Errno.success;
    },
    fd_pwrite: (files) => (fd: number, vectors: number, count: number, offset: bigint, out: number) =>
      files.#withFile(fd, (open) => files.#writeFile(open, vectors, count, BigInt.asUintN(64, offset), out)),
    fd_read: (files) => (fd: number, vectors: number, count: number, out: number) => {
      const open = files.#get(fd);
      if (typeof open === 'number') return open;
      if (open.kind === 'stdio') return files.#stdio.read(open.which, vectors, count, out);
      if (open.kind === 'directory') return Errno.isdir;
      return files.#readFile(open, vectors, count, undefined, out);
    },
    fd_readdir: (files) => (fd: number, pointer: number, length: number, cookie: bigint, out: number) =>
      files.#withDirectory(fd, (open) =>
        files.#readDirectory(open, pointer, length, BigInt.asUintN(64, cookie), out),
      ),
    fd_renumber: (files) => (from: number, to: number) => files.#renumber(from, to),
    fd_seek: (files, namespace) => (fd: number, offset: bigint, whence: number, out: number) =>
      files.#withFile(fd, (open) => files.#seek(open, offset, whenceOf(whence, namespace), out)),
    fd_sync: (files) => (fd: number) => files.#with(fd, done),
    fd_tell: (files) => (fd: number, out: number) =>
      files.#withFile(fd, (open) => {
        files.#memory.setU64(out, BigInt(open.position));
        return Errno.success;
      }),
    fd_write: (files) => (fd: number, vectors: number, count: number, out: number) => {
      const open = files.#get(fd);
      if (typeof open === 'number') return open;
      if (open.kind === 'stdio') return files.#stdio.write(open.which, vectors, count, out);
      if (open.kind === 'directory') return Errno.isdir;
      return files.#writeFile(open, vectors, count, undefined, out);
    },
    path_create_directory: (files) => (fd: number, path: number, length: number) =>
      files.#withPath(fd, path, length, false, (at) => {
        if (at.node !== undefined) return Errno.exist;
        return outcome(files.#tree.create(at, 'directory'));
      }),
    path_filestat_get:
      (files, namespace) => (fd: number, lookup: number, path: number, length: number, out: number) =>
        files.#withPath(fd, path, length, (lookup & LookupFlag.follow) !== 0, (at) => {
          if (at.node === undefined) return Errno.noent;
          files.#memory.setFilestat(out, files.#filestat(at.node), namespace);
          return Errno.success;
        }),
    path_filestat_set_times:
      (files) =>
      (fd: number, lookup: number, path: number, length: number, atim: bigint, mtim: bigint, flags: number) =>
        files.#withPath(fd, path, length, (lookup & LookupFlag.follow) !== 0, (at) => {
          if (at.node === undefined) return Errno.noent;
          return files.#setTimes(at.node, atim, mtim, flags);
        }),
    path_link:
      (files) =>
      (
        fd: number,
        lookup: number,
        path: number,
        length: number,
        toFd: number,
        toPath: number,
        toLength: number,
      ) =>
        files.#withPath(fd, path, length, (lookup & LookupFlag.follow) !== 0, (from) =>
          files.#withPath(toFd, toPath, toLength, false, (to) => files.#link(from, to)),
        ),
    path_open:
      (files) =>
      (
        fd: number,
        lookup: number,
        path: number,
        length: number,
        openFlags: number,
        rights: bigint,
        inheriting: bigint,
        flags: number,
        out: number,
      ) => {
        // Before anything happens: what cannot be told must not be opened.
        files.#memory.bytes(out, 4);
        // CREATE with EXCLUSIVE means the name itself, even if it is a link that leads nowhere.
        const exclusive = (openFlags & OpenFlag.exclusive) !== 0;
        const follow = (lookup & LookupFlag.follow) !== 0 && !exclusive;
        return files.#withPath(fd, path, length, follow, (at, base) => {
          const opened = files.#open(at, base, openFlags, rights, inheriting, flags & 0xffff);
          if (typeof opened === 'number') return opened;
          files.#memory.setU32(out, opened.fd);
          return Errno.success;
        });
      },
    path_readlink:
      (files) => (fd: number, path: number, length: number, pointer: number, size: number, out: number) =>
        files.#withPath(fd, path, length, false, (at) => {
          if (at.node === undefined) return Errno.noent;
          if (at.node.kind !== 'link') return Errno.inval;
          const target = new TextEncoder().encode(at.node.target).subarray(0, size >>> 0);
          files.#memory.bytes(pointer, target.length).set(target);
          files.#memory.setU32(out, target.length);
          return Errno.success;
        }),
    path_remove_directory: (files) => (fd: number, path: number, length: number) =>
      files.#withPath(fd, path, length, false, (at) => files.#removeDirectory(at)),
    path_rename:
      (files) => (fd: number, path: number, length: number, toFd: number, toPath: number, toLength: number) =>
        files.#withPath(fd, path, length, false, (from) =>
          files.#withPath(toFd, toPath, toLength, false, (to) => files.#rename(from, to)),
        ),
    path_symlink: (files) => (old: number, oldLength: number, fd: number, path: number, length: number) => {
      const target = files.#memory.string(old, oldLength);
      if (typeof target === 'number') return target;
      if (target === '') return Errno.noent;
      if (target.length > 4096) return Errno.nametoolong;
      // It could only lead out of the mount, which resolving would refuse.
      if (target.startsWith('/')) return Errno.perm;
      return files.#withPath(fd, path, length, false, (at) => {
        if (at.node !== undefined) return Errno.exist;
        if (at.slash) return Errno.noent;
        return outcome(files.#tree.create(at, { target }));
      });
    },
    path_unlink_file: (files) => (fd: number, path: number, length: number) =>
      files.#withPath(fd, path, length, false, (at) => {
        if (at.node === undefined) return Errno.noent;
        if (at.node.kind === 'directory') return Errno.isdir;
        files.#tree.unlink(at);
        return Errno.success;
      }),
  };

  #get(fd: number): Descriptor | Errno {
    return this.#table[fd >>> 0] ?? Errno.badf;
  }

  #with(fd: number, use: (open: Descriptor) => Errno): Errno {
    const open = this.#get(fd);
    return typeof open === 'number' ? open : use(open);
  }

  #withFile(fd: number, use: (open: FileDescriptor) => Errno): Errno {
    const open = this.#get(fd);
    if (typeof open === 'number') return open;
    if (open.kind === 'stdio') return Errno.spipe;
    return open.kind === 'directory' ? Errno.isdir : use(open);
  }

  #withDirectory(fd: number, use: (open: DirectoryDescriptor) => Errno): Errno {
    const open = this.#get(fd);
    if (typeof open === 'number') return open;
    return open.kind === 'directory' ? use(open) : Errno.notdir;
  }

  #withPath(
    fd: number,
    pointer: number,
    length: number,
    follow: boolean,
    use: (at: Resolved, base: DirectoryDescriptor) => Errno,
  ): Errno {
    return this.#withDirectory(fd, (base) => {
      const path = this.#memory.string(pointer, length);
      if (typeof path === 'number') return path;
      const at = this.#tree.resolve(base.node, path, follow);
      return typeof at === 'number' ? at : use(at, base);
    });
  }

  #open(
    at: Resolved,
    base: DirectoryDescriptor,
    openFlags: number,
    rights: bigint,
    inheriting: bigint,
    flags: number,
  ): { readonly fd: number } | Errno {
    const fd = this.#free();
    if (fd === undefined) return Errno.mfile;
    const given = { flags, rights: rights & base.inheriting, inheriting: inheriting & base.inheriting };
    const path = joined(base.path, at.path);
    const creates = (openFlags & OpenFlag.create) !== 0;
    const wantsDirectory = (openFlags & OpenFlag.directory) !== 0;
    let node = at.node;
    if (node === undefined) {
      if (!creates) return Errno.noent;
      if (wantsDirectory) return Errno.inval;
      if (at.slash) return Errno.isdir;
      const created = this.#tree.create(at, 'file');
      if (typeof created === 'number') return created;
      node = created;
    } else if (creates && (openFlags & OpenFlag.exclusive) !== 0) return Errno.exist;
    if (node.kind === 'link') return Errno.loop;
    if (node.kind === 'directory') {
      const writes = creates || (openFlags & OpenFlag.truncate) !== 0;
      // Guests that ask for a directory with every right there is are given those it has.
      if (writes || ((rights & Right.fdWrite) !== 0n && !wantsDirectory)) return Errno.isdir;
      const parent = at.name === '.' && at.path === '' ? base.parent : at.parent;
      const where = { node, parent, path, preopen: undefined, listing: [] };
      this.#table[fd] = { kind: 'directory', ...where, ...given };
      return { fd };
    }
    if (wantsDirectory) return Errno.notdir;
    const ready = (openFlags & OpenFlag.truncate) !== 0 ? this.#tree.resize(node, 0) : this.#tree.load(node);
    if (ready !== Errno.success) return ready;
    node.holders++;
    this.#table[fd] = { kind: 'file', node, path, position: 0, ...given };
    return { fd };
  }

  /** The lowest free number, as POSIX has it. */
  #free(): number | undefined {
    for (let fd = 0; fd < MAX_DESCRIPTORS; fd++) if (this.#table[fd] === undefined) return fd;
    return undefined;
  }

  #close(fd: number): Errno {
    const open = this.#get(fd);
    if (typeof open === 'number') return open;
    this.#table[fd >>> 0] = undefined;
    if (open.kind === 'file') {
      open.node.holders--;
      this.#tree.release(open.node);
    }
    return Errno.success;
  }

  #renumber(from: number, to: number): Errno {
    const open = this.#get(from);
    if (typeof open === 'number') return open;
    if (typeof this.#get(to) === 'number') return Errno.badf;
    if (from === to) return Errno.success;
    this.#close(to);
    this.#table[to >>> 0] = open;
    this.#table[from >>> 0] = undefined;
    return Errno.success;
  }

  #readFile(
    open: FileDescriptor,
    vectorsPointer: number,
    count: number,
    offset: bigint | undefined,
    out: number,
  ): Errno {
    if ((open.rights & Right.fdRead) === 0n) return Errno.notcapable;
    const vectors = this.#memory.vectors(vectorsPointer, count);
    if (typeof vectors === 'number') return vectors;
    const content = this.#tree.content(open.node);
    // Any offset beyond the end reads nothing; which, is not told.
    const start = offset === undefined ? open.position : Number(offset);
    let at = Math.min(start, content.length);
    const first = at;
    for (const target of vectors) {
      const part = content.subarray(at, at + target.length);
      target.set(part);
      at += part.length;
    }
    if (offset === undefined) open.position += at - first;
    this.#memory.setU32(out, at - first);
    return Errno.success;
  }

  #writeFile(
    open: FileDescriptor,
    vectorsPointer: number,
    count: number,
    offset: bigint | undefined,
    out: number,
  ): Errno {
    if ((open.rights & Right.fdWrite) === 0n) return Errno.notcapable;
    const vectors = this.#memory.vectors(vectorsPointer, count);
    if (typeof vectors === 'number') return vectors;
    this.#memory.bytes(out, 4);
    const appends = offset === undefined && (open.flags & FdFlag.append) !== 0;
    const start =
      offset !== undefined ? Number(offset) : appends ? this.#tree.size(open.node) : open.position;
    let at = start;
    for (const data of vectors) {
      const wrote = this.#tree.write(open.node, at, data);
      if (wrote !== Errno.success) {
        // What fitted is a short write, unless it is nothing.
        if (at === start) return wrote;
        break;
      }
      at += data.length;
    }
    if (offset === undefined) open.position = at;
    this.#memory.setU32(out, at - start);
    return Errno.success;
  }

  #resize(open: FileDescriptor, size: bigint): Errno {
    if ((open.rights & Right.fdWrite) === 0n) return Errno.inval;
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) return Errno.fbig;
    return this.#tree.resize(open.node, Number(size));
  }

  #seek(open: FileDescriptor, offset: bigint, whence: number | undefined, out: number): Errno {
    if (whence === undefined) return Errno.inval;
    const base =
      whence === Whence.set ? 0 : whence === Whence.current ? open.position : this.#tree.size(open.node);
    const position = BigInt(base) + offset;
    if (position < 0n || position > BigInt(Number.MAX_SAFE_INTEGER)) return Errno.inval;
    this.#memory.setU64(out, position);
    open.position = Number(position);
    return Errno.success;
  }

  #readDirectory(
    open: DirectoryDescriptor,
    pointer: number,
    length: number,
    cookie: bigint,
    out: number,
  ): Errno {
    const target = this.#memory.bytes(pointer, length);
    if (cookie === 0n) open.listing = this.#listing(open);
    if (cookie > BigInt(open.listing.length)) return Errno.inval;
    let used = 0;
    for (let index = Number(cookie); index < open.listing.length; index++) {
      const [name, node] = open.listing[index] ?? [];
      if (name === undefined || node === undefined || used === target.length) break;
      const entry = new Uint8Array(DIRENT_BYTES + name.length);
      const view = new DataView(entry.buffer);
      view.setBigUint64(0, BigInt(index + 1), true);
      view.setBigUint64(8, node.ino, true);
      view.setUint32(16, name.length, true);
      view.setUint8(20, typeOf(node));
      entry.set(name, DIRENT_BYTES);
      // An entry that does not fit is cut: a full buffer tells the guest to ask again.
      const part = entry.subarray(0, target.length - used);
      target.set(part, used);
      used += part.length;
    }
    this.#memory.setU32(out, used);
    return Errno.success;
  }

  #listing(open: DirectoryDescriptor): readonly (readonly [Uint8Array, Node])[] {
    const named: (readonly [string, Node])[] = [
      ['.', open.node],
      ['..', open.parent],
      ...this.#tree.children(open.node),
    ];
    const encoder = new TextEncoder();
    return named.map(([name, node]) => [encoder.encode(name), node] as const);
  }

  #link(from: Resolved, to: Resolved): Errno {
    if (from.node === undefined) return Errno.noent;
    if (from.node.kind !== 'file') return Errno.perm;
    if (to.node !== undefined) return Errno.exist;
    if (to.slash) return Errno.noent;
    this.#tree.link(to, from.node);
    return Errno.success;
  }

  #removeDirectory(at: Resolved): Errno {
    if (at.node === undefined) return Errno.noent;
    if (at.node.kind !== 'directory') return Errno.notdir;
    if (at.name === '.') return Errno.inval;
    if (this.#tree.children(at.node).length > 0) return Errno.notempty;
    this.#tree.unlink(at);
    return Errno.success;
  }

  #rename(from: Resolved, to: Resolved): Errno {
    const node = from.node;
    if (node === undefined) return Errno.noent;
    if (from.name === '.' || to.name === '.') return Errno.inval;
    if (node === to.node) return Errno.success;
    if (node.kind === 'directory') {
      if (to.node !== undefined && to.node.kind !== 'directory') return Errno.notdir;
      if (this.#tree.contains(node, to.parent)) return Errno.inval;
      if (node.origin !== undefined) return Errno.xdev;
    } else if (to.slash) return Errno.notdir;
    if (to.node?.kind === 'directory') {
      if (node.kind !== 'directory') return Errno.isdir;
      if (this.#tree.children(to.node).length > 0) return Errno.notempty;
    }
    this.#tree.move(from, to, node);
    return Errno.success;
  }

  #setTimes(node: Node, atim: bigint, mtim: bigint, flags: number): Errno {
    const both = [TimeFlag.atim | TimeFlag.atimNow, TimeFlag.mtim | TimeFlag.mtimNow];
    if (both.some((pair) => (flags & pair) === pair)) return Errno.inval;
    if ((flags & TimeFlag.atim) !== 0) node.atim = BigInt.asUintN(64, atim);
    if ((flags & TimeFlag.mtim) !== 0) node.mtim = BigInt.asUintN(64, mtim);
    if ((flags & TimeFlag.atimNow) !== 0) node.atim = this.#clock.read(0);
    if ((flags & TimeFlag.mtimNow) !== 0) node.mtim = this.#clock.read(0);
    return Errno.success;
  }

  #fdstat(open: Descriptor): Fdstat {
    if (open.kind === 'stdio') return this.#stdio.fdstat(open.which);
    const { flags, rights, inheriting } = open;
    return { type: typeOf(open.node), flags, rights, inheriting };
  }

  #filestat(node: Node): Filestat {
    // One device, and numbers that no two files share: guests compare the pair to tell files apart.
    const start = this.#clock.start;
    return {
      dev: 1n,
      ino: node.ino,
      type: typeOf(node),
      nlink: node.kind === 'file' ? node.names : 1,
      size: this.#tree.size(node),
      atim: node.atim ?? start,
      mtim: node.mtim ?? start,
      ctim: start,
    };
  }
}

function typeOf(node: Node): FileType {
  if (node.kind === 'file') return FileType.regularFile;
  return node.kind === 'directory' ? FileType.directory : FileType.symbolicLink;
}

/** Snapshot 0 counts current, end, set; preview 1 set, current, end. */
function whenceOf(whence: number, namespace: Namespace): number | undefined {
  const { set, current, end } = Whence;
  const order = namespace === 'wasi_unstable' ? [current, end, set] : [set, current, end];
  return order[whence >>> 0];
}

function outcome(created: Node | Errno): Errno {
  return typeof created === 'number' ? created : Errno.success;
}
