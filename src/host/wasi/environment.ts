// Arguments and environment, without a library: two lists of strings, each told as its sizes and then
// as an array of pointers and one buffer of bytes that end in NUL.

import type { GuestMemory } from './memory.ts';
import { type Calls, Errno } from './preview1.ts';
import type { CommonOptions } from './types.ts';

const utf8 = new TextEncoder();

export function environmentCalls(memory: GuestMemory, { args = [], env = {} }: CommonOptions): Calls {
  const given = new Strings(memory, args);
  const variables = new Strings(
    memory,
    Object.entries(env).map(([name, value]) => `${name}=${value}`),
  );
  return {
    args_get: (pointers: number, buffer: number) => given.write(pointers, buffer),
    args_sizes_get: (count: number, size: number) => given.sizes(count, size),
    environ_get: (pointers: number, buffer: number) => variables.write(pointers, buffer),
    environ_sizes_get: (count: number, size: number) => variables.sizes(count, size),
  };
}

class Strings {
  readonly #memory: GuestMemory;
  readonly #strings: readonly Uint8Array[];

  constructor(memory: GuestMemory, strings: readonly string[]) {
    this.#memory = memory;
    this.#strings = strings.map((string) => utf8.encode(`${string}\0`));
  }

  sizes(count: number, size: number): Errno {
    this.#memory.setU32(count, this.#strings.length);
    this.#memory.setU32(
      size,
      this.#strings.reduce((sum, string) => sum + string.length, 0),
    );
    return Errno.success;
  }

  write(pointers: number, buffer: number): Errno {
    let at = buffer >>> 0;
    this.#strings.forEach((string, i) => {
      this.#memory.setU32((pointers >>> 0) + 4 * i, at);
      this.#memory.bytes(at, string.length).set(string);
      at += string.length;
    });
    return Errno.success;
  }
}
