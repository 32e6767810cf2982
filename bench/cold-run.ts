/**
 * One side of cold.ts: answers app.scm from bytes, unfrozen, frozen and in C in turns, in a process where
 * nothing else runs. Each turn has bytes of its own, since engines keep what they compiled.
 *
 * Arguments: the guest, the frozen module, the shop in C, turns. On standard output: milliseconds as JSON.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createWasi, WasiExit } from '../src/host/wasi/wasi.ts';
import { type ColdTimes, REQUEST } from './cold.ts';
import { root } from './programs.ts';

/** What of the guest's exports loads a program and runs it (include/freeze.h). */
interface Guest {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  freeze_alloc(size: number): number;
  freeze_load(name: number, nameSize: number, text: number, size: number): number;
  freeze_run(handle: number): number;
}

// What a host has as bytes before it starts anything.
const app = new Uint8Array(readFileSync(path.join(root, 'guests/scheme/app.scm')));
const request = new TextEncoder().encode(REQUEST);

/** With a custom section at its end: id, size, name, the turn. */
function unique(module: Uint8Array, turn: number): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(`turn ${turn}`);
  return new Uint8Array(Buffer.concat([module, Uint8Array.of(0, name.length + 1, name.length), name]));
}

/** A host with the request on its standard input, and little else; what is printed is collected in `into`. */
function host(into: Uint8Array[], module: Promise<WebAssembly.Module>): ReturnType<typeof createWasi> {
  return createWasi(
    {
      stdin: request,
      random: { kind: 'system' },
      light: true,
      stdout: (chunk) => {
        into.push(chunk);
      },
    },
    module,
  );
}

/** Frozen or in C, it is a command. */
async function answerCommand(bytes: Uint8Array<ArrayBuffer>, into: Uint8Array[]): Promise<void> {
  const module = WebAssembly.compile(bytes);
  const wasi = await host(into, module);
  const instance = await WebAssembly.instantiate(await module, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  try {
    (instance.exports['_start'] as () => void)();
  } catch (error) {
    if (!(error instanceof WasiExit)) throw error;
  }
}

/** As any host would: nothing of ours but WASI stands between the bytes and the answer. */
async function answerUnfrozen(bytes: Uint8Array<ArrayBuffer>, into: Uint8Array[]): Promise<void> {
  const module = WebAssembly.compile(bytes);
  const wasi = await host(into, module);
  const instance = await WebAssembly.instantiate(await module, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  const guest = instance.exports as unknown as Guest;
  guest._initialize();
  const give = (data: Uint8Array): readonly [address: number, size: number] => {
    const address = guest.freeze_alloc(data.length);
    new Uint8Array(guest.memory.buffer).set(data, address);
    return [address, data.length];
  };
  const handle = guest.freeze_load(...give(new TextEncoder().encode('app.scm')), ...give(app));
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

type Side = keyof ColdTimes;

async function main(files: Readonly<Record<Side, string>>, turns: number): Promise<ColdTimes> {
  const ways = [
    { side: 'unfrozen', module: readFileSync(files.unfrozen), answer: answerUnfrozen },
    { side: 'sealed', module: readFileSync(files.sealed), answer: answerCommand },
    { side: 'c', module: readFileSync(files.c), answer: answerCommand },
  ] as const;
  const times: Record<Side, number[]> = { unfrozen: [], sealed: [], c: [] };
  for (let turn = -1; turn < turns; turn++) {
    const pages = new Set<string>();
    for (const { side, module, answer } of ways) {
      const [bytes, page] = [unique(module, turn), [] as Uint8Array[]];
      const ms = await timed(() => answer(bytes, page));
      pages.add(Buffer.concat(page).toString());
      if (turn >= 0) times[side].push(ms);
    }
    if (pages.size !== 1) throw new Error('unfrozen, sealed and in C, the shop does not answer the same');
  }
  return times;
}

const [unfrozen = '', sealed = '', c = '', turns = '5'] = process.argv.slice(2);
console.log(JSON.stringify(await main({ unfrozen, sealed, c }, Number(turns))));
