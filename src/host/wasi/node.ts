// The other WASI host, for who needs the real file system: node:wasi below the same layer.
//
// Files, directories and descriptors from 3 on are Node's, and what the guest writes is written.
// Time, randomness, waiting and stdio are ours, as on the default host. Node's own documentation
// says that node:wasi keeps no hostile guest in: it is chosen with `--wasi node`, never by default.
// One way out is closed here: Node follows a directory's link out of a preopen (seen in 20.20).

import { lstatSync, realpathSync } from 'node:fs';
import { dirname, posix, sep } from 'node:path';
import { type Base, checkOptions, imported, late, memoryOf } from './base.ts';
import { FixedClock } from './clock.ts';
import { COMMON_CALLS } from './common.ts';
import { Files } from './files.ts';
import { GuestMemory } from './memory.ts';
import {
  CALL_NAMES,
  type CallName,
  type Calls,
  Errno,
  LookupFlag,
  type Namespace,
  OpenFlag,
  type WasiFunction,
} from './preview1.ts';
import { Random } from './random.ts';
import { isStdio, Stdio } from './stdio.ts';
import { joined, Tree } from './tree.ts';
import {
  type CommonOptions,
  type OpenFile,
  type WasiHost,
  WasiOptionError,
  type WrittenFile,
} from './types.ts';
import { argumentsOf, attach, table } from './wasi.ts';

/** What {@link createNodeWasi} takes. */
export interface NodeWasiOptions extends CommonOptions {
  /** Preopened directories, at descriptors 3, 4, … in this order; default none. */
  readonly directories?: readonly NodeDirectory[];
}

/** A directory of the machine's, under a name in the guest. The guest may write to it. */
export interface NodeDirectory {
  readonly guest: string;
  readonly host: string;
}

/**
 * A WASI host like `createWasi`'s, over the real file system. `filesWritten` and `openFiles` tell
 * what went through it. Throws {@link WasiOptionError} for options that cannot be, and Node's
 * error for a directory that is not there.
 */
export async function createNodeWasi(
  options: NodeWasiOptions,
  module: WebAssembly.Module,
): Promise<WasiHost> {
  checkOptions(options);
  const memory = new GuestMemory();
  const clock = new FixedClock(options.clock);
  const random = new Random(options.random);
  const log = new Log(memory, options.directories ?? []);
  // Stdio is a host of ours that has nothing else.
  const stdio = new Files(memory, clock, new Stdio(memory, options), new Tree(0), undefined);
  const readable = (fd: number): bigint | Errno => {
    if (isStdio(fd)) return stdio.readable(fd);
    // How much there is, Node is not asked; that something is there, is right for files.
    return log.has(fd) ? 1n : Errno.badf;
  };
  const wanted = imported(module);
  const [namespace, other] = new Set(wanted.map((each) => each.module));
  if (other !== undefined) {
    throw new WasiOptionError('a guest that imports two versions of WASI: node:wasi has one at a time');
  }
  const base = namespace && (await nodeBase(options, namespace));
  const files = base && namespace ? parted(stdio, namespace, log.watched(every(base, namespace))) : {};
  const ours = argumentsOf(memory, options);
  const state = { memory, clock, random, readable };
  const imports = table(
    wanted,
    (name, namespace) => COMMON_CALLS[name]?.(state, namespace) ?? ours[name] ?? files[name],
  );
  return {
    imports,
    bind: (target) => attach(memory, base, memoryOf(target)),
    filesWritten: () => log.written(),
    onDisk: true,
    openFiles: () => log.open(),
    drawn: () => random.drawn(),
    draws: () => random.draws(),
  };
}

/** node:wasi, loaded without its warning. */
async function nodeBase(options: NodeWasiOptions, namespace: Namespace): Promise<Base> {
  const { WASI } = await withoutWarning(() => import('node:wasi'));
  const preopens: Record<string, string> = {};
  for (const { guest, host } of options.directories ?? []) preopens[guest] = host;
  const wasi = new WASI({
    version: namespace === 'wasi_unstable' ? 'unstable' : 'preview1',
    args: [...(options.args ?? [])],
    env: { ...options.env },
    preopens,
  });
  const calls = wasi.wasiImport as Readonly<Record<string, unknown>>;
  let attached = false;
  return {
    attach: (memory) => {
      // It wants an instance, and of it only the memory. A second call is refused by Node.
      wasi.initialize({ exports: { memory } });
      attached = true;
    },
    call: (_, name) => late(() => (attached ? calls : undefined), name),
  };
}

/** Every call of a base. */
function every(base: Base, namespace: Namespace): Calls {
  const out: Partial<Record<CallName, WasiFunction>> = {};
  for (const name of CALL_NAMES) out[name] = base.call(namespace, name);
  return out;
}

/** Keeps the one warning back that loading node:wasi gives; who chose this host knows. */
async function withoutWarning<Result>(run: () => Promise<Result>): Promise<Result> {
  const emit = process.emitWarning;
  process.emitWarning = (warning: string | Error, ...rest: readonly unknown[]) => {
    if (rest[0] === 'ExperimentalWarning' && String(warning).startsWith('WASI ')) return;
    Reflect.apply(emit, process, [warning, ...rest]);
  };
  try {
    return await run();
  } finally {
    process.emitWarning = emit;
  }
}

/** Calls on descriptors 0 to 2 go to `stdio`, on others to `files`. */
function parted(stdio: Files, namespace: Namespace, files: Calls): Calls {
  const out: Partial<Record<CallName, WasiFunction>> = { ...files };
  for (const [key, make] of Object.entries(Files.calls)) {
    const name = key as CallName;
    const high = files[name];
    if (high === undefined || !name.startsWith('fd_')) continue;
    const low = make(stdio, namespace);
    out[name] = (...parameters: readonly unknown[]) => {
      const fd = Number(parameters[0]);
      // One table is Node's and one is ours; nothing moves between them.
      if (name === 'fd_renumber' && isStdio(fd) !== isStdio(Number(parameters[1]))) return Errno.notsup;
      return Reflect.apply(isStdio(fd) ? low : high, undefined, parameters);
    };
  }
  return out;
}

/** A descriptor of Node's: where it leads, as the guest and as the machine names it. */
interface Entry {
  readonly path: string;
  readonly host: string;
  /** The preopen's real place, which nothing may lead out of. */
  readonly root: string;
  readonly preopen: boolean;
}

/** Follows the calls that pass, to tell what is open and what was written. */
class Log {
  readonly #memory: GuestMemory;
  readonly #open: Map<number, Entry> = new Map();
  /** What was written: the guest's path to the machine's. */
  readonly #written: Map<string, string> = new Map();

  constructor(memory: GuestMemory, directories: readonly NodeDirectory[]) {
    this.#memory = memory;
    for (const [index, { guest, host }] of directories.entries()) {
      const root = realpathSync(host);
      this.#open.set(3 + index, { path: guest, host: root, root, preopen: true });
    }
  }

  has(fd: number): boolean {
    return this.#open.has(fd >>> 0);
  }

  open(): readonly OpenFile[] {
    const out: OpenFile[] = [];
    for (const [fd, { path, preopen }] of this.#open) if (!preopen) out.push({ fd, path });
    return out.sort((a, b) => a.fd - b.fd);
  }

  written(): readonly WrittenFile[] {
    const out: WrittenFile[] = [];
    for (const [path, host] of this.#written) {
      const stat = lstatSync(host, { throwIfNoEntry: false });
      if (stat?.isFile()) out.push({ path, size: stat.size });
    }
    return out.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** The same calls, watched. */
  watched(calls: Calls): Calls {
    const out: Partial<Record<CallName, WasiFunction>> = { ...calls };
    for (const name of ['fd_write', 'fd_pwrite', 'fd_allocate', 'fd_filestat_set_size'] as const) {
      out[name] = after(calls[name], (fd) => this.#mark(this.#open.get(fd >>> 0)));
    }
    out.fd_close = after(calls.fd_close, (fd) => this.#open.delete(fd >>> 0));
    out.fd_renumber = after(calls.fd_renumber, (from, to) => {
      const entry = this.#open.get(from >>> 0);
      if (entry === undefined || from === to) return;
      this.#open.delete(from >>> 0);
      this.#open.set(to >>> 0, entry);
    });
    out.path_rename = after(calls.path_rename, (fd, path, length, toFd, toPath, toLength) => {
      const from = this.#at(fd, path, length);
      const to = this.#at(toFd, toPath, toLength);
      if (from === undefined || to === undefined) return;
      this.#mark(to);
      for (const [path, host] of [...this.#written]) {
        if (!path.startsWith(`${from.path}/`)) continue;
        this.#written.delete(path);
        this.#written.set(to.path + path.slice(from.path.length), to.host + host.slice(from.host.length));
      }
    });
    out.path_link = after(calls.path_link, (_fd, _lookup, _path, _length, toFd, toPath, toLength) =>
      this.#mark(this.#at(toFd, toPath, toLength)),
    );
    out.path_open = this.#watchedOpen(calls.path_open);
    this.#keepIn(out);
    return out;
  }

  /** Refuses paths that lead out of their preopen. */
  #keepIn(calls: Partial<Record<CallName, WasiFunction>>): void {
    for (const [name, spots] of Object.entries(PATHS)) {
      const call = calls[name as CallName];
      if (call === undefined) continue;
      calls[name as CallName] = (...parameters: readonly unknown[]) => {
        const numbers = parameters.map(Number);
        for (const [fdSpot, pathSpot, followSpot] of spots) {
          const entry = this.#at(numbers[fdSpot] ?? 0, numbers[pathSpot] ?? 0, numbers[pathSpot + 1] ?? 0);
          const follow = followSpot !== undefined && ((numbers[followSpot] ?? 0) & LookupFlag.follow) !== 0;
          if (entry !== undefined && leadsOut(entry, follow)) return Errno.notcapable;
        }
        return Reflect.apply(call, undefined, parameters);
      };
    }
  }

  #watchedOpen(call: WasiFunction | undefined): WasiFunction {
    return (...parameters: readonly unknown[]) => {
      const [fd = 0, , path = 0, length = 0, flags = 0, , , , out = 0] = parameters.map(Number);
      const entry = this.#at(fd, path, length);
      const existed = entry !== undefined && lstatSync(entry.host, { throwIfNoEntry: false }) !== undefined;
      const result = call === undefined ? Errno.nosys : Reflect.apply(call, undefined, parameters);
      if (result !== Errno.success || entry === undefined) return result;
      this.#open.set(this.#memory.u32(out), entry);
      if (!existed || (flags & OpenFlag.truncate) !== 0) this.#mark(entry);
      return result;
    };
  }

  #mark(entry: Entry | undefined): void {
    if (entry !== undefined) this.#written.set(entry.path, entry.host);
  }

  #at(fd: number, pointer: number, length: number): Entry | undefined {
    const base = this.#open.get(fd >>> 0);
    const path = this.#memory.string(pointer, length);
    if (base === undefined || typeof path === 'number') return undefined;
    const below = posix.normalize(path).replace(/^\.?\/*|\/$/g, '');
    return {
      path: joined(base.path, below),
      host: joined(base.host, below),
      root: base.root,
      preopen: false,
    };
  }
}

/** Where path calls have their paths: the descriptor's parameter, the path's, the lookup flags'. */
const PATHS: Readonly<Partial<Record<CallName, readonly (readonly [number, number, number?])[]>>> = {
  path_create_directory: [[0, 1]],
  path_filestat_get: [[0, 2, 1]],
  path_filestat_set_times: [[0, 2, 1]],
  path_link: [
    [0, 2, 1],
    [4, 5],
  ],
  path_open: [[0, 2, 1]],
  path_readlink: [[0, 1]],
  path_remove_directory: [[0, 1]],
  path_rename: [
    [0, 1],
    [3, 4],
  ],
  path_symlink: [[2, 3]],
  path_unlink_file: [[0, 1]],
};

/** Whether a path's real place, or its directory's where links are not followed, is elsewhere. */
function leadsOut(entry: Entry, follow: boolean): boolean {
  if (entry.host === entry.root) return false;
  try {
    const place = realpathSync(dirname(entry.host));
    if (!isBelow(place, entry.root)) return true;
    const link = follow && lstatSync(entry.host, { throwIfNoEntry: false })?.isSymbolicLink();
    return link === true && !isBelow(realpathSync(entry.host), entry.root);
  } catch {
    // A link that leads nowhere yet could be created through; a directory that is not there is
    // Node's to report.
    return follow && lstatSync(entry.host, { throwIfNoEntry: false }) !== undefined;
  }
}

function isBelow(place: string, root: string): boolean {
  return place === root || place.startsWith(root.endsWith(sep) ? root : root + sep);
}

/** The same call, and `then` with its parameters where it succeeds. */
function after(call: WasiFunction | undefined, then: (...parameters: number[]) => void): WasiFunction {
  return (...parameters: readonly unknown[]) => {
    if (call === undefined) return Errno.nosys;
    const result = Reflect.apply(call, undefined, parameters);
    if (result === Errno.success) then(...parameters.map(Number));
    return result;
  };
}
