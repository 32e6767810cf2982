// Input and output of the Scheme guest, whose buffers have a size that nobody shall see: lines and
// characters that end before, at and behind it, and input that comes in pieces of any size.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createWasi } from '../../src/host/wasi/wasi.ts';
import { root } from '../engines/places.ts';

const module = new WebAssembly.Module(readFileSync(join(root, 'guests/scheme/scheme.wasm')));

/** What of the guest's exports loads a program and runs it (include/freeze.h). */
interface Scheme {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  freeze_alloc(size: number): number;
  freeze_load(name: number, nameSize: number, text: number, size: number): number;
  freeze_run(handle: number): number;
}

type Read = (fd: number, vectors: number, count: number, done: number) => number;

/** What the program prints, with this input, of which a read gives at most so many bytes. */
async function printed(program: string, stdin: string, piece: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  const [input, text] = [stdin, program].map((each) => new TextEncoder().encode(each));
  const stdout = (chunk: Uint8Array): void => {
    chunks.push(chunk.slice());
  };
  const wasi = await createWasi({ stdin: input ?? new Uint8Array(), stdout }, module);
  const calls = wasi.imports.wasi_snapshot_preview1 as unknown as { readonly fd_read: Read };
  const limited: Read = (fd, vectors, count, done) => {
    const view = new DataView(scheme.memory.buffer);
    view.setUint32(vectors + 4, Math.min(view.getUint32(vectors + 4, true), piece), true);
    return calls.fd_read(fd, vectors, count, done);
  };
  const imports = { ...wasi.imports, wasi_snapshot_preview1: { ...calls, fd_read: limited } };
  const instance = await WebAssembly.instantiate(module, imports as unknown as WebAssembly.Imports);
  const scheme = instance.exports as unknown as Scheme;
  wasi.bind(instance);
  scheme._initialize();
  const give = (bytes: Uint8Array): [address: number, size: number] => {
    const address = scheme.freeze_alloc(bytes.length);
    new Uint8Array(scheme.memory.buffer).set(bytes, address);
    return [address, bytes.length];
  };
  const name = new TextEncoder().encode('ports.scm');
  const handle = scheme.freeze_load(...give(name), ...give(text ?? new Uint8Array()));
  assert.equal(scheme.freeze_run(handle), 0);
  return Buffer.concat(chunks).toString();
}

const sizes = [0, 1, 4094, 4095, 4096, 4097, 8191, 8192, 8193, 16383, 16384, 16385, 70_000];
const line = (size: number): string => 'abcdefg'.repeat(size / 7 + 1).slice(0, size);
const pieces = [1, 7, 4095, 1 << 20];

describe('ports of the Scheme guest', () => {
  it('read lines of any length', async () => {
    const program =
      '(let loop () (let ((l (read-line))) (if (not (eof-object? l)) (begin (write l) (newline) (loop)))))';
    const lines = sizes.map(line);
    const expected = lines.map((each) => `${JSON.stringify(each)}\n`).join('');
    for (const piece of pieces) {
      assert.equal(await printed(program, lines.map((each) => `${each}\n`).join(''), piece), expected);
    }
    assert.equal(await printed(program, lines.join('\n'), 5000), expected, 'the last without its end');
  });

  it('read characters and strings across the ends of pieces', async () => {
    const text = 'aä€😀'.repeat(3000);
    const characters = '(do ((c (read-char) (read-char))) ((eof-object? c)) (write-char c))';
    const peeked = '(do () ((eof-object? (peek-char))) (if (char=? (peek-char) (read-char)) (display ".")))';
    const strings = (k: number): string =>
      `(let loop () (let ((s (read-string ${String(k)}))) (if (not (eof-object? s)) (begin (display s) (loop)))))`;
    for (const piece of pieces) {
      assert.equal(await printed(characters, text, piece), text);
      assert.equal(await printed(peeked, text, piece), '.'.repeat(12_000));
      assert.equal(await printed(strings(1000), text, piece), text);
      assert.equal(await printed(strings(5001), text, piece), text);
    }
  });

  it('write all, in order, whatever its size', async () => {
    const all = sizes.flatMap((size) => [line(size), '|']);
    const program = all.map((each) => `(display ${JSON.stringify(each)})`).join('\n');
    assert.equal(await printed(program, '', 1), all.join(''));
  });

  it('measure strings before they make them', async () => {
    const program = `
      (write (list->string (list #\\a (integer->char 228) (integer->char 8364) (integer->char 128512))))
      (write (string (integer->char 228) #\\b (integer->char 128512)))
      (write (string)) (write (list->string '()))
      (write (make-string 3 (integer->char 8364))) (write (make-string 0 #\\a))
      (write (string-pad-left "ä1" 5 (integer->char 8364))) (write (string-pad-right "1ä" 5))
      (write (string-pad-left "12345" 3)) (write (string-length (string-pad-right "ä" 4 (integer->char 128512))))
      (write (string-split "aä€b€c" (integer->char 8364))) (write (string-index "aä€b" (integer->char 8364)))`;
    const expected = '"aä€😀""äb😀""""""€€€""""€€€ä1""1ä   ""12345"4("aä" "b" "c")2';
    assert.equal(await printed(program, '', 1), expected);
  });
});
