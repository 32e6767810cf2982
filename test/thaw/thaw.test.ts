// thaw: fresh, isolated instances of one frozen module, as a test harness uses them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, beforeEach, test } from 'node:test';
import { GuestError, MalformedError, UnsupportedError } from '../../src/errors/classes.ts';
import { freeze } from '../../src/freeze.ts';
import { type Thawed, thaw } from '../../src/thaw.ts';
import { root } from '../engines/places.ts';
import { wat } from '../support/wat.ts';

const PROGRAM = `
(define seen 0)
(define (main)
  (set! seen (+ seen 1))
  (display (list 'run seen (command-line)))
  (newline))`;

let bytes: Uint8Array;
let app: Thawed;

before(async () => {
  const program = { kind: 'program', name: 'app.scm', bytes: new TextEncoder().encode(PROGRAM) } as const;
  const guest = new Uint8Array(readFileSync(join(root, 'guests/scheme/scheme.wasm')));
  ({ bytes } = await freeze(guest, { loads: [program], entries: [{ name: 'main', workload: program }] }));
});

beforeEach(async () => {
  app = await thaw(bytes, { args: ['app', 'x'] });
});

for (const turn of ['first', 'second']) {
  test(`the ${turn} test starts where the guest was frozen`, () => {
    app.call('main');
    assert.equal(app.stdout(), '(run 1 (app x))\n');
    app.call('main');
    assert.equal(app.stdout(), '(run 2 (app x))\n');
    assert.equal(app.stdout(), '', 'what was taken is gone');
  });
}

test('two instances at a time share nothing but code', async () => {
  const other = await thaw(bytes);
  app.call('main');
  app.call('main');
  other.call('main');
  assert.equal(app.stdout(), '(run 1 (app x))\n(run 2 (app x))\n');
  assert.match(other.stdout(), /^\(run 1 /);
  assert.notEqual(app.exports['memory'], other.exports['memory']);
});

test('results, traps and exits', async () => {
  const module = await wat(`(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (func (export "two") (param i32 i64) (result i64 i32) (local.get 1) (local.get 0))
    (func $deep unreachable)
    (func (export "trap") (call $deep))
    (func (export "leave") (call $exit (i32.const 7)) unreachable))`);
  const one = await thaw(module);
  assert.deepEqual(one.call('two', -3, 5n), [5n, -3]);
  assert.throws(
    () => one.call('trap'),
    (error) => error instanceof GuestError && error.wasmStack.some((frame) => frame.includes('deep')),
  );
  assert.equal(one.exitCode, undefined);
  assert.equal(one.call('leave'), undefined);
  assert.equal(one.exitCode, 7);
  assert.throws(() => one.call('none'), /exports no function none/);
});

test('a module is compiled once, by the identity of its bytes', async () => {
  let compiled = 0;
  const { compile } = WebAssembly;
  WebAssembly.compile = (source) => {
    compiled++;
    return compile(source);
  };
  try {
    const copy = bytes.slice();
    await Promise.all([thaw(copy), thaw(copy), thaw(copy)]);
    await thaw(copy);
  } finally {
    WebAssembly.compile = compile;
  }
  assert.equal(compiled, 1);
});

test('what cannot be thawed is refused', async () => {
  await assert.rejects(thaw(Uint8Array.of(1, 2, 3)), MalformedError);
  const importing = await wat('(module (import "env" "f" (func)))');
  await assert.rejects(thaw(importing), UnsupportedError);
  const stubbed = await thaw(importing, { stubs: [{ pattern: 'env.f', stub: { kind: 'trap' } }] });
  assert.deepEqual(Object.keys(stubbed.exports), []);
});
