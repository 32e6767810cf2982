// The words of WASI preview 1: the calls it has, its error numbers, its flags.
//
// Source of every number: https://github.com/WebAssembly/WASI/blob/wasi-0.1/preview1/docs.md
// `wasi_unstable` (snapshot 0) has the same calls but `sock_accept`, and differs in three places:
// the order of `whence`, the width of `nlink` in a filestat, and the layout of a subscription.

/** The module names under which a guest imports preview 1 calls, which are laid out for the name. */
export type Namespace = 'wasi_snapshot_preview1' | 'wasi_unstable';

export function isNamespace(name: string): name is Namespace {
  return name === 'wasi_snapshot_preview1' || name === 'wasi_unstable';
}

/** Parameters of every call, `i` an i32 and `I` an i64; all but `proc_exit` return an i32 errno. */
export const CALLS = {
  args_get: 'ii',
  args_sizes_get: 'ii',
  clock_res_get: 'ii',
  clock_time_get: 'iIi',
  environ_get: 'ii',
  environ_sizes_get: 'ii',
  fd_advise: 'iIIi',
  fd_allocate: 'iII',
  fd_close: 'i',
  fd_datasync: 'i',
  fd_fdstat_get: 'ii',
  fd_fdstat_set_flags: 'ii',
  fd_fdstat_set_rights: 'iII',
  fd_filestat_get: 'ii',
  fd_filestat_set_size: 'iI',
  fd_filestat_set_times: 'iIIi',
  fd_pread: 'iiiIi',
  fd_prestat_dir_name: 'iii',
  fd_prestat_get: 'ii',
  fd_pwrite: 'iiiIi',
  fd_read: 'iiii',
  fd_readdir: 'iiiIi',
  fd_renumber: 'ii',
  fd_seek: 'iIii',
  fd_sync: 'i',
  fd_tell: 'ii',
  fd_write: 'iiii',
  path_create_directory: 'iii',
  path_filestat_get: 'iiiii',
  path_filestat_set_times: 'iiiiIIi',
  path_link: 'iiiiiii',
  path_open: 'iiiiiIIii',
  path_readlink: 'iiiiii',
  path_remove_directory: 'iii',
  path_rename: 'iiiiii',
  path_symlink: 'iiiii',
  path_unlink_file: 'iii',
  poll_oneoff: 'iiii',
  proc_exit: 'i',
  proc_raise: 'i',
  random_get: 'ii',
  sched_yield: '',
  sock_accept: 'iii',
  sock_recv: 'iiiiii',
  sock_send: 'iiiii',
  sock_shutdown: 'ii',
} as const;

/** The name of a preview 1 call. */
export type CallName = keyof typeof CALLS;

/** Every call by name; what a guest imports from a {@link Namespace} is one of these. */
export const CALL_NAMES: readonly CallName[] = Object.keys(CALLS) as CallName[];

/**
 * A WASI call as the guest sees it: numbers and bigints in, an errno out (`proc_exit` throws).
 * `never[]` because every call has parameters of its own; only WebAssembly calls them.
 */
export type WasiFunction = (...parameters: never[]) => number;

/** A table of calls; what a call that is missing in it means, its owner says. */
export type Calls = Readonly<Partial<Record<CallName, WasiFunction>>>;

/**
 * What makes each call, of the state that it works on and the namespace it is imported from. A guest
 * imports few of them, and only those are made.
 */
export type Makers<State> = Readonly<
  Partial<Record<CallName, (state: State, namespace: Namespace) => WasiFunction>>
>;

/** Error numbers that this host gives. 0 is success. */
export const Errno = {
  success: 0,
  badf: 8,
  exist: 20,
  fault: 21,
  fbig: 22,
  ilseq: 25,
  inval: 28,
  io: 29,
  isdir: 31,
  loop: 32,
  mfile: 33,
  nametoolong: 37,
  noent: 44,
  nospc: 51,
  nosys: 52,
  notdir: 54,
  notempty: 55,
  notsup: 58,
  perm: 63,
  spipe: 70,
  xdev: 75,
  notcapable: 76,
} as const;

/** An error number; functions that find something return it or one of these, told by `typeof`. */
export type Errno = (typeof Errno)[keyof typeof Errno];

export const FileType = { characterDevice: 2, directory: 3, regularFile: 4, symbolicLink: 7 } as const;
export type FileType = (typeof FileType)[keyof typeof FileType];

export const FdFlag = { append: 1 } as const;
export const OpenFlag = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
export const LookupFlag = { follow: 1 } as const;
export const TimeFlag = { atim: 1, atimNow: 2, mtim: 4, mtimNow: 8 } as const;
export const Whence = { set: 0, current: 1, end: 2 } as const;

export const Right = {
  fdRead: 0x2n,
  fdSeek: 0x4n,
  fdTell: 0x20n,
  fdWrite: 0x40n,
  fdAllocate: 0x100n,
  fdFilestatSetSize: 0x40_0000n,
  /** Every right that preview 1 names, bit 0 (fd_datasync) to bit 29 (sock_accept). */
  all: 0x3fff_ffffn,
} as const;

/** What `fd_filestat_get` and `path_filestat_get` tell; times in nanoseconds since the epoch. */
export interface Filestat {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly type: FileType;
  readonly nlink: number;
  readonly size: number;
  readonly atim: bigint;
  readonly mtim: bigint;
  readonly ctim: bigint;
}

/** What `fd_fdstat_get` tells. */
export interface Fdstat {
  readonly type: FileType;
  readonly flags: number;
  readonly rights: bigint;
  readonly inheriting: bigint;
}
