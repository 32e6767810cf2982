// @wasmer/wasi below our layer: loaded when a guest asks for something that is left to it.
//
// That is the arguments and the environment, in which it is right. Its other calls, as of 1.2.2,
// are not, and our layer has them instead:
// - time and randomness are the machine's; poll_oneoff and proc_raise panic; sock_accept is missing;
// - after a file was removed while open, every call on files panics, for good;
// - pwrite, seek beyond the end, set_size and two descriptors on a file give wrong content: of 20
//   runs of 300 random calls each against a model, 18 ended in a panic;
// - files opened for reading can be written; seeking before the start gives a position near 2^64;
// - absolute paths, and `..` out of a preopen, are followed; creating a directory that exists
//   succeeds; there is a preopen `/` that nobody asked for and that cannot be used;
// - path_filestat_get and fd_readdir give inode 0 to every file, so guests take all for the same;
// - MemFS has no hook before a lookup, so mounts could not be brought in when they are looked at.
// A panic (a RuntimeError) leaves its locks held; what is left to it here cannot panic.

import { type Base, late } from './base.ts';
import { CALLS, type CallName, type Namespace } from './preview1.ts';
import type { CommonOptions } from './types.ts';

type Library = Pick<typeof import('@wasmer/wasi'), 'WASI' | 'init'>;

let library: Promise<Library> | undefined;

/** The library, loaded and initialised once: some 80 ms, half of it compiling its module. */
function load(): Promise<Library> {
  library ??= initialised();
  return library;
}

async function initialised(): Promise<Library> {
  const imported = await import('@wasmer/wasi');
  // CommonJS in Node, where names may only be on the default export; ESM in browsers.
  const found: Library = 'WASI' in imported ? imported : (imported as { default: Library }).default;
  await withBuffer(() => found.init());
  return found;
}

/**
 * Lends a `Buffer.from` to `init` where there is none: also its browser build decodes its own
 * module with it, before it first waits. So nobody else gets to see the stand-in.
 */
function withBuffer(run: () => Promise<void>): Promise<void> {
  if ('Buffer' in globalThis) return run();
  const from = (text: string): Uint8Array => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  Object.defineProperty(globalThis, 'Buffer', { value: { from }, configurable: true });
  try {
    return run();
  } finally {
    Reflect.deleteProperty(globalThis, 'Buffer');
  }
}

/** Arguments and environment from @wasmer/wasi. */
export async function wasmerBase(options: CommonOptions): Promise<Base> {
  const { WASI } = await load();
  const settings = { args: [...(options.args ?? [])], env: { ...options.env }, preopens: {} };
  const wanted = new Map<Namespace, readonly CallName[]>();
  const found = new Map<Namespace, Readonly<Record<string, unknown>>>();
  return {
    attach: (memory) => {
      for (const [namespace, names] of wanted) {
        const wasi = new WASI(settings);
        const module = new WebAssembly.Module(standIn(namespace, names, shared(memory)));
        const imports = wasi.getImports(module) as Record<string, Record<string, unknown>>;
        const stub = { ...imports, host: { memory } } as WebAssembly.Imports;
        wasi.instantiate(new WebAssembly.Instance(module, stub), undefined);
        found.set(namespace, imports[namespace] ?? {});
      }
    },
    call: (namespace, name) => {
      wanted.set(namespace, [...(wanted.get(namespace) ?? []), name]);
      return late(() => found.get(namespace), name);
    },
  };
}

function shared(memory: WebAssembly.Memory): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && memory.buffer instanceof SharedArrayBuffer;
}

/**
 * A module that imports the given calls, and the memory from `host`, and exports the memory: the
 * instance that wasmer wants. It reads the memory from the exports of an instance, once.
 */
function standIn(namespace: Namespace, names: readonly CallName[], shared: boolean): Uint8Array<ArrayBuffer> {
  const types = names.map((name) => [
    0x60,
    ...vector([...CALLS[name]].map((letter) => [letter === 'I' ? 0x7e : 0x7f])),
    ...vector([[0x7f]]),
  ]);
  const calls = names.map((name, index) => [...text(namespace), ...text(name), 0, index]);
  // Limits that every memory of its kind meets: at least 0 pages, and 65,536 at most if shared.
  const limits = shared ? [3, 0, 0x80, 0x80, 0x04] : [0, 0];
  const memory = [...text('host'), ...text('memory'), 2, ...limits];
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(2, vector([...calls, memory])),
    ...section(7, vector([[...text('memory'), 2, 0]])),
  ]);
}

function section(id: number, content: readonly number[]): readonly number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): readonly number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(string: string): readonly number[] {
  return vector([...new TextEncoder().encode(string)].map((byte) => [byte]));
}

function unsigned(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}
