// The judge is judged: one module with known behaviour must behave the same on every engine at hand.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { parse } from '@bytecodealliance/jco';
import { closeEngines, EngineError, lookForEngines, type RunOptions } from './engines.ts';

const REACTOR = `(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (table 2 funcref)
  ;; slot 0 stays null, slot 1 has another type
  (elem (i32.const 1) $deep)
  (global $count (mut i32) (i32.const 0))
  (tag $tag (export "tag"))
  (type $void (func))
  ;; 16: a gather list of one buffer, the bytes at 32
  (data (i32.const 16) "\\20\\00\\00\\00\\06\\00\\00\\00")
  (data (i32.const 32) "hello\\n")
  (func (export "_initialize") (global.set $count (i32.add (global.get $count) (i32.const 100))))
  (func (export "add") (param i32 i32) (result i32)
    (i32.add (local.get 0) (local.get 1)))
  (func (export "mul") (param i64 i64) (result i64)
    (i64.mul (local.get 0) (local.get 1)))
  (func (export "count") (result i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (global.get $count))
  (func (export "nan32") (result f32) (f32.const nan:0x200001))
  (func (export "nan64") (result f64) (f64.const -nan:0x4000000000001))
  (func (export "same") (param f32 f64 v128) (result v128 f64 f32)
    (local.get 2) (local.get 1) (local.get 0))
  (func (export "half") (param f64) (result f64) (f64.div (local.get 0) (f64.const 2)))
  (func (export "hello") (result i32)
    (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 0)))
  (func (export "complain") (result i32)
    (call $fd_write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 0)))
  ;; reads up to 6 bytes over "hello\\n", gives the count
  (func (export "read") (result i32)
    (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 0)))
    (i32.load (i32.const 0)))
  (func (export "argc") (result i32)
    (drop (call $args_sizes (i32.const 0) (i32.const 4)))
    (i32.load (i32.const 0)))
  (func (export "environment") (result i32)
    (drop (call $env_sizes (i32.const 0) (i32.const 4)))
    (i32.load (i32.const 4)))
  (func (export "exit") (param i32) (call $proc_exit (local.get 0)))
  (func (export "unreachable") (unreachable))
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const -2147483648) (local.get 0)))
  (func (export "truncate") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "indirect") (param i32) (call_indirect (type $void) (local.get 0)))
  (func $deep (export "deep") (result i32) (i32.add (call $deep) (i32.const 1)))
  (func (export "throw") (throw $tag))
  (func (export "loop") (loop (br 0)))
)`;

const COMMAND = `(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (call $proc_exit (i32.const 7))))`;

/** A function type inside a recursion group, and open to subtypes: it matches no type but itself. */
const GROUPED = `(module
  (rec
    (type $box (sub (struct (field i32))))
    (type $unbox (sub (func (param i32) (result f32)))))
  (func (export "unbox") (type $unbox)
    (f32.convert_i32_s (struct.get $box 0 (struct.new $box (local.get 0))))))`;

const { atHand, absent } = await lookForEngines();
let folder = '';
let reactor = '';

async function assembled(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  writeFileSync(path, await parse(text));
  return path;
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'freeze-engines-test-'));
  reactor = await assembled('reactor.wasm', REACTOR);
});
after(async () => {
  await closeEngines();
  rmSync(folder, { recursive: true, force: true });
});

it('finds this Node, and says which engines are not at hand', (t) => {
  for (const engine of atHand) t.diagnostic(`at hand: ${engine.name} ${engine.version}`);
  for (const line of absent) t.diagnostic(line);
  assert.ok(atHand.length > 0);
});

for (const engine of atHand) {
  const run = (options: RunOptions = {}) => engine.run(reactor, options);

  describe(engine.name, () => {
    it('gives integers in decimal', async () => {
      const { results, exitCode, trap } = await run({
        invoke: [
          { name: 'add', args: [2147483647, 1] },
          { name: 'mul', args: [2n, 2n ** 62n] },
          { name: 'mul', args: [-3, 5n] },
        ],
      });
      assert.deepEqual(results, [['-2147483648'], ['-9223372036854775808'], ['-15']]);
      assert.equal(exitCode, 0);
      assert.equal(trap, undefined);
    });

    it('gives floats as bits, signalling NaNs and v128 included', async () => {
      const { results } = await run({
        invoke: [
          { name: 'nan32' },
          { name: 'nan64' },
          { name: 'half', args: [-0] },
          { name: 'same', args: [0xffa00001n, 1.5, 0x7ff400000000000100000000ffa00001n] },
        ],
      });
      assert.deepEqual(results, [
        ['0x7fa00001'],
        ['0xfff4000000000001'],
        ['0x8000000000000000'],
        ['0x7ff400000000000100000000ffa00001', '0x3ff8000000000000', '0xffa00001'],
      ]);
    });

    it('calls _initialize once, then keeps one instance over all calls', async () => {
      const { results, times, initializeMs } = await run({
        invoke: [{ name: 'count' }, { name: 'count', warm: 2, repeat: 2 }, { name: 'count' }],
      });
      assert.deepEqual(results, [['101'], ['104'], ['105'], ['106']]);
      assert.equal(times.length, 4);
      assert.ok(times.every((time) => time >= 0 && time < 1000));
      assert.ok(initializeMs >= 0);
    });

    it('carries stdin, stdout, stderr, arguments and environment', async () => {
      const { stdout, stderr, results } = await run({
        invoke: [
          { name: 'hello' },
          { name: 'complain' },
          { name: 'read' },
          { name: 'hello' },
          { name: 'argc' },
          { name: 'environment' },
        ],
        stdin: 'né?\n!',
        args: ['program', 'one'],
        env: { KEY: 'é' },
      });
      assert.equal(stdout, 'hello\nné?\n!');
      assert.equal(stderr, 'hello\n');
      assert.deepEqual(results.slice(2), [['6'], ['0'], ['2'], ['7']]);
    });

    it('hands over nothing that was not asked for', async () => {
      const { results } = await run({
        invoke: [{ name: 'read' }, { name: 'argc' }, { name: 'environment' }],
      });
      assert.deepEqual(results, [['0'], ['1'], ['0']]);
    });

    it('names traps in the words that all engines share', async () => {
      const traps: readonly (readonly [name: string, args: readonly number[], kind: string])[] = [
        ['unreachable', [], 'unreachable'],
        ['divide', [0], 'integer divide by zero'],
        ['divide', [-1], 'integer unrepresentable'],
        ['truncate', [1e10], 'integer unrepresentable'],
        ['truncate', [Number.NaN], 'integer unrepresentable'],
        ['load', [65536], 'out of bounds memory access'],
        ['indirect', [0], 'indirect call'],
        ['indirect', [1], 'indirect call'],
        ['indirect', [2], 'out of bounds table access'],
        ['deep', [], 'call stack exhausted'],
        ['throw', [], 'uncaught exception'],
      ];
      const { results } = await run({
        invoke: traps.map(([name, args]) => ({ name, args })),
        keepGoing: true,
      });
      assert.deepEqual(
        results,
        traps.map(([, , kind]) => [`trap: ${kind}`]),
      );
    });

    it('stops at a trap, with what came before', async () => {
      const { stdout, results, trap, exitCode } = await run({
        invoke: [{ name: 'hello' }, { name: 'unreachable' }, { name: 'hello' }],
      });
      assert.deepEqual(
        { stdout, results, trap, exitCode },
        {
          stdout: 'hello\n',
          results: [['0']],
          trap: 'unreachable',
          exitCode: 134,
        },
      );
    });

    it('goes on after a trap when asked to', async () => {
      const { results, trap } = await run({
        invoke: [{ name: 'count' }, { name: 'unreachable' }, { name: 'count' }],
        keepGoing: true,
      });
      assert.deepEqual(results, [['101'], ['trap: unreachable'], ['102']]);
      assert.equal(trap, undefined);
    });

    it('gives the exit code of a call and of a command', async () => {
      const exit = await run({ invoke: [{ name: 'exit', args: [3] }], keepGoing: true });
      assert.equal(exit.exitCode, 3);
      const command = await engine.run(await assembled('command.wasm', COMMAND));
      assert.equal(command.exitCode, 7);
      assert.equal(command.trap, undefined);
    });

    it('ends a call that never returns', async () => {
      await assert.rejects(run({ invoke: [{ name: 'loop' }], timeoutMs: 1500 }), /no answer after/);
      assert.deepEqual((await run({ invoke: [{ name: 'count' }] })).results, [['101']]);
    });

    it('calls a function whose type matches only within its recursion group', async () => {
      const path = await assembled('grouped.wasm', GROUPED);
      const running = engine.run(path, { invoke: [{ name: 'unbox', args: [-2] }] });
      // V8 11, of Node 20, has no GC.
      if (engine.name === 'node20') await assert.rejects(running, EngineError);
      else assert.deepEqual((await running).results, [['0xc0000000']]);
    });

    it('says when the module is refused, or a function is missing', async () => {
      const text = '(module (import "env" "missing" (func)) (func (export "f")))';
      const path = await assembled('unlinkable.wasm', text);
      await assert.rejects(engine.run(path, { invoke: [{ name: 'f' }] }), EngineError);
      await assert.rejects(run({ invoke: [{ name: 'none' }] }), /no exported function "none"/);
    });
  });
}
