// What the WASI tests drive hosts with: guests in C (probe.c), and a driver that makes single
// calls as a guest would, with pointers into a memory of its own.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace, WasiFunction } from '../../../src/host/wasi/preview1.ts';
import { CALLS } from '../../../src/host/wasi/preview1.ts';
import type { DirEntry, FileSource, SourceStat, WasiHost } from '../../../src/host/wasi/types.ts';

/** One of the built guests. Tests run from the package's root, wherever they were compiled to. */
export function probe(name: 'probe-command' | 'probe-reactor'): WebAssembly.Module {
  const bytes = readFileSync(join('test', 'host', 'wasi-fixtures', `${name}.wasm`));
  return new WebAssembly.Module(bytes);
}

/** A module that imports `names` from `namespace`, exports a memory, and does nothing. */
export function importer(names: readonly (keyof typeof CALLS)[], namespace: Namespace): WebAssembly.Module {
  const list = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
  const section = (id: number, body: readonly number[]): number[] => [id, ...leb(body.length), ...body];
  const text = (word: string): number[] => list([...new TextEncoder().encode(word)].map((byte) => [byte]));
  const types = names.map((name) => {
    const parameters = [...CALLS[name]].map((letter) => [letter === 'I' ? 0x7e : 0x7f]);
    return [0x60, ...list(parameters), ...list(name === 'proc_exit' ? [] : [[0x7f]])];
  });
  const imports = names.map((name, index) => [...text(namespace), ...text(name), 0, ...leb(index)]);
  const exports = [[...text('memory'), 2, 0]];
  const sections = [
    section(1, list(types)),
    section(2, list(imports)),
    section(5, [1, 0, 4]),
    section(7, list(exports)),
  ];
  return new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]));
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

/** Every call there is, as imported by the driver. */
export const ALL: readonly (keyof typeof CALLS)[] = Object.keys(CALLS) as (keyof typeof CALLS)[];

/** Where the driver has the host put answers. */
const OUT = 512;
const VECTOR = 64;
const SCRATCH = 1024;
const BUFFER = 16_384;
/** Every right on files: Node refuses to open one with those for sockets, bits 28 and 29. */
const EVERY_RIGHT = 0xfff_ffffn;

/** How a path is opened: oflags, rights (all of them by default), fdflags. */
export interface OpenOptions {
  readonly flags?: number;
  readonly rights?: bigint;
  readonly fdFlags?: number;
}

/** Makes single WASI calls. An error number is given as `errno N`. */
export class Driver {
  readonly memory: WebAssembly.Memory = new WebAssembly.Memory({ initial: 4 });
  readonly #calls: Readonly<Record<string, WasiFunction>>;

  constructor(host: WasiHost, namespace: Namespace = 'wasi_snapshot_preview1') {
    this.#calls = host.imports[namespace] ?? {};
    host.bind(this.memory);
  }

  get view(): DataView {
    return new DataView(this.memory.buffer);
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.memory.buffer);
  }

  /** The call itself. */
  call(name: string, ...parameters: readonly (number | bigint)[]): number {
    const call = this.#calls[name];
    if (call === undefined) throw new Error(`no ${name}`);
    return Reflect.apply(call, undefined, parameters);
  }

  /** Strings in the memory: address and length of each. */
  #put(...strings: readonly string[]): [number, number][] {
    let at = SCRATCH;
    return strings.map((string) => {
      const encoded = new TextEncoder().encode(string);
      this.bytes.set(encoded, at);
      const place: [number, number] = [at, encoded.length];
      at += encoded.length;
      return place;
    });
  }

  #answer<Value>(error: number, value: () => Value): Value | string {
    return error === 0 ? value() : `errno ${error}`;
  }

  path(name: string, fd: number, path: string, ...rest: readonly (number | bigint)[]): number {
    const [[at, length] = [0, 0]] = this.#put(path);
    return this.call(name, fd, at, length, ...rest);
  }

  rename(fd: number, from: string, to: string): number {
    const [[a, aLength] = [0, 0], [b, bLength] = [0, 0]] = this.#put(from, to);
    return this.call('path_rename', fd, a, aLength, fd, b, bLength);
  }

  symlink(target: string, fd: number, path: string): number {
    const [[a, aLength] = [0, 0], [b, bLength] = [0, 0]] = this.#put(target, path);
    return this.call('path_symlink', a, aLength, fd, b, bLength);
  }

  open(fd: number, path: string, options: OpenOptions = {}): number | string {
    const { flags = 0, rights = EVERY_RIGHT, fdFlags = 0 } = options;
    const [[at, length] = [0, 0]] = this.#put(path);
    const error = this.call('path_open', fd, 1, at, length, flags, rights, EVERY_RIGHT, fdFlags, OUT);
    return this.#answer(error, () => this.view.getUint32(OUT, true));
  }

  #vector(length: number): void {
    this.view.setUint32(VECTOR, BUFFER, true);
    this.view.setUint32(VECTOR + 4, length, true);
  }

  write(fd: number, data: string, offset?: bigint): number | string {
    const encoded = new TextEncoder().encode(data);
    this.bytes.set(encoded, BUFFER);
    this.#vector(encoded.length);
    const error =
      offset === undefined
        ? this.call('fd_write', fd, VECTOR, 1, OUT)
        : this.call('fd_pwrite', fd, VECTOR, 1, offset, OUT);
    return this.#answer(error, () => this.view.getUint32(OUT, true));
  }

  read(fd: number, length = 1000, offset?: bigint): string {
    this.#vector(length);
    const error =
      offset === undefined
        ? this.call('fd_read', fd, VECTOR, 1, OUT)
        : this.call('fd_pread', fd, VECTOR, 1, offset, OUT);
    return this.#answer(error, () => {
      const read = this.view.getUint32(OUT, true);
      return new TextDecoder().decode(this.bytes.slice(BUFFER, BUFFER + read));
    });
  }

  seek(fd: number, offset: bigint, whence: number): bigint | string {
    const error = this.call('fd_seek', fd, offset, whence, OUT);
    return this.#answer(error, () => this.view.getBigUint64(OUT, true));
  }

  stat(
    fd: number,
    path: string,
  ): { readonly ino: bigint; readonly type: number; readonly size: bigint; readonly mtim: bigint } | string {
    const [[at, length] = [0, 0]] = this.#put(path);
    const error = this.call('path_filestat_get', fd, 1, at, length, OUT);
    return this.#answer(error, () => ({
      ino: this.view.getBigUint64(OUT + 8, true),
      type: this.view.getUint8(OUT + 16),
      size: this.view.getBigUint64(OUT + 32, true),
      mtim: this.view.getBigUint64(OUT + 48, true),
    }));
  }

  /** Names with kinds (`3` a directory, `4` a file), read through a buffer of `length` bytes. */
  list(fd: number, length = 4096): readonly string[] | string {
    const out: string[] = [];
    let cookie = 0n;
    for (;;) {
      const error = this.call('fd_readdir', fd, BUFFER, length, cookie, OUT);
      if (error !== 0) return `errno ${error}`;
      const end = BUFFER + this.view.getUint32(OUT, true);
      let at = BUFFER;
      while (at + 24 <= end && at + 24 + this.view.getUint32(at + 16, true) <= end) {
        const size = this.view.getUint32(at + 16, true);
        const name = new TextDecoder().decode(this.bytes.slice(at + 24, at + 24 + size));
        out.push(`${this.view.getUint8(at + 20)} ${name}`);
        cookie = this.view.getBigUint64(at, true);
        at += 24 + size;
      }
      if (end - BUFFER < length) return out;
      if (at === BUFFER) throw new Error('a buffer too small for one entry');
    }
  }

  time(clock: number): bigint | string {
    const error = this.call('clock_time_get', clock, 0n, OUT);
    return this.#answer(error, () => this.view.getBigUint64(OUT, true));
  }

  random(length: number): string {
    const error = this.call('random_get', BUFFER, length);
    return this.#answer(error, () => Buffer.from(this.bytes.slice(BUFFER, BUFFER + length)).toString('hex'));
  }

  /** argv or the environment, as the guest gets it. */
  strings(what: 'args' | 'environ'): readonly string[] | string {
    const error = this.call(`${what}_sizes_get`, OUT, OUT + 4);
    if (error !== 0) return `errno ${error}`;
    const count = this.view.getUint32(OUT, true);
    const size = this.view.getUint32(OUT + 4, true);
    const second = this.call(`${what}_get`, SCRATCH, BUFFER);
    if (second !== 0) return `errno ${second}`;
    const text = new TextDecoder().decode(this.bytes.slice(BUFFER, BUFFER + size));
    return count === 0 ? [] : text.split('\0').slice(0, count);
  }
}

/** Files in memory as a source; every question is logged. A path not in it is no file. */
export function sourceOf(files: Readonly<Record<string, string>>): FileSource & { readonly asked: string[] } {
  const asked: string[] = [];
  const paths = Object.keys(files);
  const directory = (path: string): boolean =>
    path === '' || paths.some((each) => each.startsWith(`${path}/`));
  return {
    asked,
    list: (path): readonly DirEntry[] | undefined => {
      asked.push(`list ${path}`);
      if (!directory(path)) return undefined;
      const prefix = path === '' ? '' : `${path}/`;
      const names = new Map<string, DirEntry['kind']>();
      for (const each of paths.filter((one) => one.startsWith(prefix))) {
        const [name = '', ...rest] = each.slice(prefix.length).split('/');
        names.set(name, rest.length > 0 ? 'directory' : 'file');
      }
      return [...names].map(([name, kind]) => ({ name, kind }));
    },
    stat: (path): SourceStat | undefined => {
      asked.push(`stat ${path}`);
      const content = files[path];
      if (content !== undefined) return { kind: 'file', size: new TextEncoder().encode(content).length };
      return directory(path) ? { kind: 'directory', size: 0 } : undefined;
    },
    read: (path) => {
      asked.push(`read ${path}`);
      const content = files[path];
      if (content === undefined) throw new Error(`nobody should ask for ${path}`);
      return new TextEncoder().encode(content);
    },
  };
}
