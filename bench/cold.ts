/**
 * Cold start of app.scm in this process: from bytes to the first answer, unfrozen and frozen. Each
 * turn has bytes of its own, since engines keep what they compiled.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freeze } from '../src/freeze.ts';
import type { HostFactory } from '../src/host/guest.ts';
import { createWasi, WasiExit } from '../src/host/wasi/wasi.ts';
import { encode } from '../src/wasm/encode.ts';
import type { Module } from '../src/wasm/module.ts';
import { parse } from '../src/wasm/parse.ts';
import { appBuild, root } from './programs.ts';

/** What the shop is asked. */
export const REQUEST = 'GET /products?category=kitchen&sort=price HTTP/1.1\nHost: example.org\n\n';

export interface Cold {
  /** Milliseconds. */
  readonly unfrozen: readonly number[];
  readonly sealed: readonly number[];
  /** Bytes. */
  readonly openSize: number;
  readonly sealedSize: number;
}

/** What of the guest's exports loads a program and runs it (include/freeze.h). */
interface Guest {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  freeze_alloc(size: number): number;
  freeze_load(name: number, nameSize: number, text: number, size: number): number;
  freeze_run(handle: number): number;
}

function file(name: string): Uint8Array {
  return new Uint8Array(readFileSync(path.join(root, 'guests/scheme', name)));
}

function unique(module: Module, turn: number): Uint8Array {
  const custom = { name: 'turn', bytes: new TextEncoder().encode(String(turn)), after: 11 };
  return encode({ ...module, customs: [...module.customs, custom] });
}

/** A host with the request on its standard input; what it prints is collected in `into`. */
function host(into: string[]): HostFactory {
  return (compiled) =>
    createWasi(
      {
        stdin: new TextEncoder().encode(REQUEST),
        random: { kind: 'system' },
        stdout: (chunk) => {
          into.push(Buffer.from(chunk).toString());
        },
      },
      compiled,
    );
}

async function answerFrozen(bytes: Uint8Array, into: string[]): Promise<void> {
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await host(into)(compiled);
  const instance = await WebAssembly.instantiate(compiled, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  try {
    (instance.exports['_start'] as () => void)();
  } catch (error) {
    if (!(error instanceof WasiExit)) throw error;
  }
}

/** As any host would: nothing of ours but WASI stands between the bytes and the answer. */
async function answerUnfrozen(bytes: Uint8Array, into: string[]): Promise<void> {
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await host(into)(compiled);
  const instance = await WebAssembly.instantiate(compiled, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  const guest = instance.exports as unknown as Guest;
  guest._initialize();
  const give = (data: Uint8Array): readonly [address: number, size: number] => {
    const address = guest.freeze_alloc(data.length);
    new Uint8Array(guest.memory.buffer).set(data, address);
    return [address, data.length];
  };
  const handle = guest.freeze_load(...give(new TextEncoder().encode('app.scm')), ...give(file('app.scm')));
  if (guest.freeze_run(handle) !== 0) throw new Error('the unfrozen guest failed');
}

/** Garbage and code that gets hot, of the turn before, are taken care of before the clock starts. */
const SETTLED_MS = 20;

/** Node has it with --expose-gc. */
const collectGarbage = (globalThis as { readonly gc?: () => void }).gc;

async function timed(work: () => Promise<void>): Promise<number> {
  collectGarbage?.();
  await setTimeout(SETTLED_MS);
  const start = performance.now();
  await work();
  return performance.now() - start;
}

export async function coldStart(runs: number): Promise<Cold> {
  const { wasm, options } = appBuild();
  const open = await freeze(wasm, { ...options, seal: false });
  const sealed = await freeze(wasm, options);
  const [guest, frozen] = [parse(wasm), parse(sealed.bytes)];
  const times = { unfrozen: [] as number[], sealed: [] as number[] };
  for (let turn = -1; turn < runs; turn++) {
    const pages: [string[], string[]] = [[], []];
    const unfrozenBytes = unique(guest, turn);
    const sealedBytes = unique(frozen, turn);
    const unfrozenMs = await timed(() => answerUnfrozen(unfrozenBytes, pages[0]));
    const sealedMs = await timed(() => answerFrozen(sealedBytes, pages[1]));
    if (pages[0].join('') !== pages[1].join(''))
      throw new Error('the sealed application answers something else');
    if (turn < 0) continue;
    times.unfrozen.push(unfrozenMs);
    times.sealed.push(sealedMs);
  }
  return { ...times, openSize: open.bytes.length, sealedSize: sealed.bytes.length };
}
