// A real guest whose own JavaScript makes the modules: v86, an x86 in WebAssembly. Its JavaScript runs
// unmodified under the recorder. The machine has 16 MB and, for a BIOS, a loop of ours, which the JIT
// of v86 compiles; frozen, the machine goes on where it stopped, the compiled loop in its slot.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { type Driver, freeze } from '../../src/browser.ts';
import { realModules } from './modules.ts';

const v86 = realModules().find(({ name }) => name === 'v86');

/** What of v86's interface is used. */
interface Emulator {
  add_listener(event: string, listener: () => void): void;
  stop(): Promise<void>;
  destroy(): Promise<void>;
  read_memory(address: number, size: number): Uint8Array;
}
type Constructor = new (options: object) => Emulator;
type Func = (...args: number[]) => number;

/** Counts in eax, and writes it to 0x500. The reset vector is 16 bytes before the end. */
function bios(): Uint8Array {
  const image = new Uint8Array(65536).fill(0x90);
  image.set([
    ...[0x31, 0xc0], // xor ax, ax
    ...[0x8e, 0xd8], // mov ds, ax
    ...[0x66, 0x40], // inc eax
    ...[0x66, 0xa3, 0x00, 0x05], // mov [0x500], eax
    ...[0xeb, 0xf8], // jmp to the inc
  ]);
  image.set([0xe9, 0x0d, 0x00], 0xfff0); // jmp to the start
  return image;
}

const MACHINE = {
  bios: { buffer: bios().buffer },
  memory_size: 16 << 20,
  vga_memory_size: 1 << 20,
  autostart: true,
  disable_keyboard: true,
  disable_mouse: true,
  disable_speaker: true,
  log_level: 0,
};

/** Where v86 has eax: the first of its eight registers. */
const EAX = 64;
/** Where v86 puts compiled code. */
const FIRST_SLOT = 1024;
const SLOTS = 900;
/** Longer than the JIT ever takes to find the loop hot. */
const PATIENCE_MS = 60_000;

/** As its manual says to run it in Node; the counter in memory when it was stopped. */
function driver(path: string, stopped: (counter: number) => void): Driver {
  return async ({ freeze: say, wasm }) => {
    const library = pathToFileURL(join(dirname(path), 'libv86.mjs')).href;
    const { V86 } = (await import(library)) as { V86: Constructor };
    let guest: WebAssembly.Instance | undefined;
    let table: WebAssembly.Table | undefined;
    const wasm_fn = async (imports: WebAssembly.Imports): Promise<WebAssembly.Exports> => {
      table = imports['env']?.['__indirect_function_table'] as WebAssembly.Table;
      guest = (await WebAssembly.instantiate(wasm as BufferSource, imports)).instance;
      return guest.exports;
    };
    const emulator = new V86({ ...MACHINE, wasm_fn });
    await new Promise<void>((done) => emulator.add_listener('emulator-started', done));
    assert.ok(guest && table);
    const slots = Array.from({ length: SLOTS }, (_, i) => FIRST_SLOT + i);
    const compiled = (): boolean => slots.some((slot) => table?.get(slot) != null);
    for (const end = Date.now() + PATIENCE_MS; !compiled() && Date.now() < end; )
      await new Promise((done) => setTimeout(done, 20));
    await emulator.stop();
    const bytes = emulator.read_memory(0x500, 4);
    stopped(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true));
    say.guest(guest);
    await say.done();
    await emulator.destroy();
  };
}

test('v86 runs on from where it was frozen, its compiled loop inside', {
  skip: v86 === undefined ? 'node scripts/real-modules.mjs brings v86' : false,
}, async () => {
  assert.ok(v86);
  let counter = 0;
  const { bytes, report } = await freeze(new Uint8Array(readFileSync(v86.path)), {
    driver: driver(v86.path, (value) => {
      counter = value;
    }),
  });
  assert.ok(report.modules.length >= 1 && report.linked.functions >= 1, 'the loop was compiled');
  const module = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  // The hardware does nothing, but time goes by: half a millisecond whenever it is looked at.
  let now = 0;
  const tick = (): number => {
    now += 0.5;
    return now;
  };
  const hardware = WebAssembly.Module.imports(module).map(({ name }) => [
    name,
    () => (name === 'microtick' ? tick() : 0),
  ]);
  const { exports } = await WebAssembly.instantiate(module, { env: Object.fromEntries(hardware) });
  const eax = (): number =>
    new DataView((exports['memory'] as WebAssembly.Memory).buffer).getUint32(EAX, true);
  const before = eax();
  assert.ok(before === counter || before === counter + 1, `eax is ${before}, and ${counter} was written`);
  (exports['main_loop'] as Func)();
  assert.ok(eax() - before > 10_000, `it counted on to ${eax()}`);
});
