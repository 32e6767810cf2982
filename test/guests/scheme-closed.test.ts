// What the Scheme guest compiles once more when it is sealed must do what it did before.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { createWasi } from '../../src/host/wasi/wasi.ts';
import { root } from '../engines/places.ts';

const wasm = new Uint8Array(readFileSync(join(root, 'guests', 'scheme', 'scheme.wasm')));

interface Said {
  readonly out: string;
  readonly err: string;
}

/** A host that keeps what is written. */
function listening(): {
  readonly take: () => Said;
  readonly host: (m: WebAssembly.Module) => ReturnType<typeof createWasi>;
} {
  let out = '';
  let err = '';
  const text = new TextDecoder();
  return {
    take: () => {
      const said = { out, err };
      out = '';
      err = '';
      return said;
    },
    host: (compiled) =>
      createWasi(
        {
          stdout: (chunk) => {
            out += text.decode(chunk);
          },
          stderr: (chunk) => {
            err += text.decode(chunk);
          },
        },
        compiled,
      ),
  };
}

interface Sealed {
  readonly exports: WebAssembly.Exports;
  readonly take: () => Said;
  /** Modules that the guest made in all. */
  readonly modules: number;
}

async function sealed(source: string, options: { entry: boolean; seal: boolean }): Promise<Sealed> {
  const workload = { kind: 'program', name: 'program.scm', bytes: new TextEncoder().encode(source) } as const;
  const { bytes, report } = await freeze(wasm, {
    warmups: [workload],
    entries: options.entry ? [{ name: 'app', workload }] : [],
    seal: options.seal,
  });
  const { take, host } = listening();
  const module = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await host(module);
  const instance = await WebAssembly.instantiate(module, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  return { exports: instance.exports, take, modules: report.modules.length };
}

function call(exports: WebAssembly.Exports, name: string, ...args: readonly number[]): number {
  const func = exports[name];
  assert.ok(typeof func === 'function', name);
  return Number(func(...args));
}

/** A program runs open and sealed, a few times each, and says the same. */
async function same(source: string): Promise<Said[]> {
  const said: Said[][] = [];
  for (const seal of [false, true]) {
    const { exports, take } = await sealed(source, { entry: true, seal });
    said.push(
      [0, 1, 2].map(() => {
        call(exports, 'app');
        return take();
      }),
    );
  }
  const [open = [], closed = []] = said;
  assert.deepEqual(closed, open);
  return open;
}

/** Calls `(NAME x)` often enough to be compiled. */
const WARM = '(define (warm f x) (do ((i 0 (+ i 1))) ((= i 1000)) (f x)))\n';

test('sealing brings one module more', async () => {
  const source = '(define (one x) (+ x 1)) (do ((i 0 (+ i 1))) ((= i 1000)) (one i))';
  const open = await sealed(source, { entry: true, seal: false });
  const closed = await sealed(source, { entry: true, seal: true });
  assert.equal(closed.modules, open.modules + 1);
});

test('inlined arithmetic leaves the fixnums, and loops of tail calls take flonums and overflow', async () => {
  const [first] = await same(`${WARM}
    (define (up x) (+ x 1))
    (define (twice x) (up (up x)))
    (define (sum n total) (if (= n 0) total (sum (- n 1) (+ total n))))
    (define (half n) (sum n 0))
    (define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
    (warm twice 1) (warm half 10) (warm fib 5)
    (define (main)
      (write (list (twice 1073741822) (twice 1.5) (sum 3.0 0) (sum 3 0.5) (half 60000) (fib 6.0) (fib 20)))
      (newline))`);
  assert.equal(first?.out, '(1073741824.0 3.5 6.0 6.5 1800030000.0 8.0 6765)\n');
});

test('a global that the program sets, or defines as something else, is not constant', async () => {
  const said = await same(`${WARM}
    (define (step x) (+ x 1))
    (define (other x) (* x 100))
    (define (use x) (step x))
    (define turns 0)
    (warm use 1)
    (define (main)
      (write (use 7))
      (set! turns (+ turns 1))
      (if (= turns 4) (set! step other)))`);
  assert.deepEqual(
    said.map(({ out }) => out),
    ['8', '8', '700'],
  );
});

test('an error in an inlined procedure has its line, and one in the library that of the call', async () => {
  const run = async (line: string): Promise<string> => {
    const source = `(define (first x)\n  (car x))\n(define (use x)\n  (+ (first x)\n     1))\n${WARM}(warm use '(1 2))
(define turns 0)
(define (main) (set! turns (+ turns 1)) (if (> turns 3) ${line}))`;
    // The warm-up's runs go well, the last one here does not.
    return (await same(source)).at(-1)?.err ?? '';
  };
  assert.equal(await run('(use 5)'), 'program.scm:2: car: not a pair: 5\n');
  assert.match(await run("(use '(a))"), /^program\.scm:4: \+: /);
});

test('a program that a sealed module loads may change what was constant', async () => {
  const source = `${WARM}(define (step x) (+ x 1))\n(define (use x) (* 2 (step x)))\n(warm use 1)\n(define (main) (write (use 3)))`;
  const { exports, take } = await sealed(source, { entry: false, seal: true });
  call(exports, 'freeze_run', 1);
  assert.equal(take().out, '8');
  const text = new TextEncoder().encode('(define (step x) (* x 10)) (write (use 3))');
  const address = call(exports, 'freeze_alloc', text.length);
  new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer).set(text, address);
  const handle = call(exports, 'freeze_load', address, 0, address, text.length);
  call(exports, 'freeze_run', handle);
  assert.equal(take().out, '60');
  call(exports, 'freeze_run', 1);
  assert.equal(take().out, '60');
});
