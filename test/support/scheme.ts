// The Scheme guest by itself, not frozen: programs go in, what they print comes out.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWasi } from '../../src/host/wasi/wasi.ts';
import { root } from '../engines/places.ts';

const compiled = new WebAssembly.Module(readFileSync(join(root, 'guests', 'scheme', 'scheme.wasm')));

export interface SchemeExports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  freeze_alloc(size: number): number;
  freeze_free(address: number, size: number): void;
  freeze_load(name: number, nameSize: number, text: number, size: number): number;
  freeze_run(handle: number): number;
  freeze_seal(): void;
  freeze_before_snapshot(): void;
}

export interface Scheme {
  readonly exports: SchemeExports;
  /** Loads a program. Its handle; 0 when there is a mistake in it. */
  load(program: string): number;
  /** Loads and runs a program, and gives back what it wrote. */
  run(program: string): string;
}

/** A guest of its own, with something to read where its program reads. */
export async function startScheme(stdin = ''): Promise<Scheme> {
  let output = '';
  const decoder = new TextDecoder();
  const stdout = (chunk: Uint8Array): void => {
    output += decoder.decode(chunk, { stream: true });
  };
  const wasi = await createWasi({ stdin: new TextEncoder().encode(stdin), stdout }, compiled);
  const instance = await WebAssembly.instantiate(compiled, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  const guest = instance.exports as unknown as SchemeExports;
  guest._initialize();
  const load = (program: string): number => {
    const text = new TextEncoder().encode(program);
    const address = guest.freeze_alloc(text.length);
    new Uint8Array(guest.memory.buffer).set(text, address);
    const handle = guest.freeze_load(address, 1, address, text.length);
    guest.freeze_free(address, text.length);
    return handle;
  };
  return {
    exports: guest,
    load,
    run: (program) => {
      output = '';
      guest.freeze_run(load(program));
      return output;
    },
  };
}

/** The same numbers in every run (the upper bits of a linear congruential generator): 0 <= n < bound. */
export function numbersFrom(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}
