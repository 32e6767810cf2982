// What the Scheme guest does anew in each instance: seed, arguments, environment, input.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { createWasi, type WasiOptions } from '../../src/host/wasi/wasi.ts';
import { root } from '../engines/places.ts';

const wasm = new Uint8Array(readFileSync(join(root, 'guests', 'scheme', 'scheme.wasm')));

/** Looks at everything that belongs to an instance, and did so at its warm-up already. */
const LOOK = `(define (main)
  (write (list (getenv "NAME") (command-line) (read-line) (random 1000000000)))
  (newline))`;

const frozenFrom = async (): Promise<Uint8Array> => {
  const look = { kind: 'program', name: 'look.scm', bytes: new TextEncoder().encode(LOOK) } as const;
  const host = (compiled: WebAssembly.Module): ReturnType<typeof createWasi> => {
    const stdin = new TextEncoder().encode('line of the build\nrest of the build\n');
    return createWasi({ env: { NAME: 'build' }, args: ['build', 'argument'], stdin }, compiled);
  };
  const entries = [{ name: 'look', workload: look }];
  return (await freeze(wasm, { warmups: [look], entries, host, seal: false })).bytes;
};

async function instance(bytes: Uint8Array, options: WasiOptions): Promise<(name: string) => string> {
  let out = '';
  const stdout = (chunk: Uint8Array): void => {
    out += new TextDecoder().decode(chunk);
  };
  const module = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await createWasi({ ...options, stdout }, module);
  const { exports } = await WebAssembly.instantiate(module, wasi.imports as WebAssembly.Imports);
  wasi.bind({ exports });
  return (name) => {
    out = '';
    const func = exports[name];
    assert.ok(typeof func === 'function', name);
    func();
    return out;
  };
}

test('each instance has its own environment, arguments, input and seed, however it is started', async () => {
  const bytes = await frozenFrom();
  for (const start of [['look'], ['_initialize', 'look'], ['freeze_after_restore', 'look']]) {
    const seen: string[] = [];
    for (const name of ['one', 'two']) {
      const seed = name === 'one' ? 1n : 2n;
      const run = await instance(bytes, {
        env: { NAME: name },
        args: ['program', name],
        stdin: new TextEncoder().encode(`line of ${name}\n`),
        random: { kind: 'seeded', seed },
      });
      const texts = start.map(run);
      const text = texts.at(-1) ?? '';
      assert.match(text, new RegExp(`^\\("${name}" \\("program" "${name}"\\) "line of ${name}" \\d+\\)\n$`));
      seen.push(text);
    }
    const numbers = seen.map((text) => /(\d+)\)\n$/.exec(text)?.[1]);
    assert.notEqual(numbers[0], numbers[1]);
  }
});

test('the generator is seeded once in an instance, and not before each call', async () => {
  const run = await instance(await frozenFrom(), { random: { kind: 'seeded', seed: 1n } });
  assert.notEqual(run('look'), run('look'));
});
