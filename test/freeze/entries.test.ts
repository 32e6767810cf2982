import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FreezeError } from '../../src/errors/classes.ts';
import { freeze } from '../../src/freeze.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { Workload } from '../../src/workloads.ts';
import { differential, hostWith, perform, thaw } from '../support/differential.ts';
import { needs } from '../support/features.ts';
import { wat } from '../support/wat.ts';

const call = (name: string, ...args: readonly string[]): Workload => ({ kind: 'call', export: name, args });

const ECHO = `(module
  (func (export "i") (param i32) (result i32) (local.get 0))
  (func (export "l") (param i64) (result i64) (local.get 0))
  (func (export "f") (param f32) (result i32) (i32.reinterpret_f32 (local.get 0)))
  (func (export "d") (param f64) (result i64) (i64.reinterpret_f64 (local.get 0)))
  (func (export "all") (param i32 i64 f32 f64) (result f64 f32 i64 i32)
    (local.get 3) (local.get 2) (local.get 1) (local.get 0))
  (func (export "v") (param v128) (result i32) (i32.const 0)))`;

async function bits(name: string, text: string): Promise<string> {
  const { bytes } = await freeze(await wat(ECHO), { entries: [{ name: 'run', workload: call(name, text) }] });
  return perform(await thaw(bytes), ['run']);
}

async function codeOf(options: FreezeOptions, guest = ECHO): Promise<string> {
  try {
    await freeze(await wat(guest), options);
    return 'none';
  } catch (error) {
    if (error instanceof FreezeError) return error.code;
    throw error;
  }
}

describe('entries', () => {
  it('integers as arguments, at the ends of their ranges', async () => {
    assert.equal(await bits('i', '-2147483648'), '-2147483648');
    assert.equal(await bits('i', '4294967295'), '-1');
    assert.equal(await bits('i', '0x7fffffff'), '2147483647');
    assert.equal(await bits('l', '-9223372036854775808'), '-9223372036854775808');
    assert.equal(await bits('l', '0xffffffffffffffff'), '-1');
    assert.equal(await bits('l', '+9007199254740993'), '9007199254740993');
  });

  it('floats as arguments: -0, infinities, NaN, the smallest and the largest', async () => {
    assert.equal(await bits('f', '-0'), String(0x80000000 | 0));
    assert.equal(await bits('f', 'nan'), String(0x7fc00000));
    assert.equal(await bits('f', '-inf'), String(0xff800000 | 0));
    assert.equal(await bits('f', '1e-45'), '1');
    assert.equal(await bits('f', '0.1'), String(0x3dcccccd));
    assert.equal(await bits('d', '-0.0'), String(BigInt.asIntN(64, 1n << 63n)));
    assert.equal(await bits('d', 'NaN'), String(0x7ff8n << 48n));
    assert.equal(await bits('d', 'Infinity'), String(0x7ff0n << 48n));
    assert.equal(await bits('d', '5e-324'), '1');
    assert.equal(await bits('d', '-0x10'), String(BigInt.asIntN(64, 0xc030n << 48n)));
  });

  it('arguments that do not fit are refused', async () => {
    for (const [name, text] of [
      ['i', '4294967296'],
      ['i', '-2147483649'],
      ['i', '1.5'],
      ['i', ''],
      ['i', 'x'],
      ['l', '18446744073709551616'],
      ['f', 'one'],
      ['f', '-nan'],
      ['d', ''],
      ['v', '0'],
    ] as const) {
      const refused = await codeOf({ entries: [{ name: 'run', workload: call(name, text) }] });
      assert.equal(refused, 'arguments', `${name}(${text})`);
    }
    assert.equal(await codeOf({ entries: [{ name: 'run', workload: call('i') }] }), 'arguments');
    assert.equal(await codeOf({ entries: [{ name: 'run', workload: call('i', '1', '2') }] }), 'arguments');
  });

  it('several arguments and several results', async () => {
    const { results } = await differential({
      guest: ECHO,
      options: { entries: [{ name: 'again', workload: call('i', '3') }] },
      calls: [['all', 1, 2n, 3, 4]],
    });
    assert.equal(results.length, 1);
    const { bytes } = await freeze(await wat(ECHO), {
      entries: [{ name: 'run', workload: call('all', '-1', '-2', '-0', 'inf') }],
    });
    assert.equal(perform(await thaw(bytes), ['run']), '0x7ff0000000000000 0x80000000 -2 -1');
  });

  it('names that cannot be are refused before anything runs', async () => {
    const run = call('i', '1');
    assert.equal(await codeOf({ entries: [{ name: 'i', workload: run }] }), 'entry');
    assert.equal(
      await codeOf({
        entries: [
          { name: 'a', workload: run },
          { name: 'a', workload: run },
        ],
      }),
      'entry',
    );
    assert.equal(await codeOf({ entries: [{ name: '_initialize', workload: run }] }), 'entry');
    assert.equal(await codeOf({ command: 'absent' }), 'command');
    assert.equal(await codeOf({ entries: [{ name: 'a', workload: call('absent') }] }), 'export');
  });

  it('the command is _start, in place of the one that the guest has, and its results are dropped', async () => {
    const { bytes } = await freeze(
      await wat(`(module (memory (export "memory") 1) (global $n (mut i32) (i32.const 0))
        (func (export "_start") (global.set $n (i32.const 99)))
        (func (export "f") (param i32) (result i32 i32) (global.set $n (local.get 0)) (i32.const 1) (i32.const 2))
        (func (export "n") (result i32) (global.get $n)))`),
      { entries: [{ name: 'main', workload: call('f', '5') }], command: 'main' },
    );
    const one = await thaw(bytes);
    perform(one, ['_start']);
    assert.equal(perform(one, ['n']), '5');
    assert.equal(perform(one, ['main']), '1 2');
    assert.equal(parse(bytes).exports.filter((item) => item.name === '_start').length, 1);
  });

  const program = (status: string, imports = ''): string => `(module ${imports}
    (memory (export "memory") 1) (global $handle (mut i32) (i32.const 0))
    (func (export "freeze_contract") (result i32) (i32.const 1))
    (func (export "freeze_alloc") (param i32) (result i32) (i32.const 1024)) (func (export "freeze_free") (param i32 i32))
    (func (export "freeze_load") (param i32 i32 i32 i32) (result i32)
      (global.set $handle (i32.add (global.get $handle) (i32.const 1))) (i32.store (i32.mul (global.get $handle) (i32.const 4)) (i32.load8_u (local.get 2)))
      (global.get $handle))
    (func (export "freeze_run") (param i32) (result i32) ${status})
    (func (export "loaded") (param i32) (result i32) (i32.load (i32.mul (local.get 0) (i32.const 4)))))`;
  const PROC_EXIT = '(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))';
  const text = (name: string, content: string): Workload => ({
    kind: 'program',
    name,
    bytes: new TextEncoder().encode(content),
  });

  it('programs are loaded once and keep their handles', async () => {
    const app = text('app.scm', 'A');
    const { bytes, report } = await freeze(await wat(program('(local.get 0)')), {
      loads: [{ name: 'lib.scm', bytes: new TextEncoder().encode('L') }],
      entries: [
        { name: 'main', workload: app },
        { name: 'again', workload: text('app.scm', 'A') },
      ],
    });
    const one = await thaw(bytes);
    assert.deepEqual(
      [
        perform(one, ['main']),
        perform(one, ['again']),
        perform(one, ['loaded', 1]),
        perform(one, ['loaded', 2]),
      ],
      ['2', '2', '76', '65'],
    );
    assert.deepEqual(report.entries, ['main', 'again']);
  });

  it('a program as the command: its status is the exit code', async () => {
    const run = async (status: string, imports: string): Promise<string> => {
      const options = { entries: [{ name: 'main', workload: text('a', 'A') }], command: 'main' };
      const { bytes } = await freeze(await wat(program(status, imports)), options);
      return perform(await thaw(bytes), ['_start']);
    };
    assert.equal(await run('(i32.const 0)', PROC_EXIT), '');
    assert.equal(await run('(i32.const 3)', PROC_EXIT), 'exit: 3');
    assert.equal(await run('(i32.const 0)', ''), '');
    assert.equal(await run('(i32.const 3)', ''), 'trap: unreachable');
  });
});

describe('stubs', () => {
  const guest = `(module
    (import "a" "void" (func $void)) (import "wasi_snapshot_preview1" "sched_yield" (func $kept (result i32)))
    (import "a" "i" (func $i (param i32) (result i32))) (import "a" "many" (func $many (result i32 i64 f32 f64 funcref externref)))
    (import "b" "l" (func $l (result i64)))
    (memory (export "memory") 1) (table $t 5 funcref) (elem (i32.const 0) $void $i $l $kept $f) (global (mut funcref) (ref.func $i))
    (export "i" (func $i)) (export "l" (func $l))
    (func $f (export "void") (call $void))
    (func (export "many") (result i32 i64 f32 f64 funcref externref) (call $many))
    (func (export "kept") (result i32) (call $kept)))`;

  it('return nothing, zeros and nulls, or a constant of every type', async () => {
    const { output, results } = await differential({
      guest,
      options: {
        stubs: [
          { pattern: 'a.v*', stub: { kind: 'nop' } },
          { pattern: 'b.*', stub: { kind: 'const', value: -1n } },
          { pattern: 'a.*', stub: { kind: 'const', value: -7n } },
        ],
      },
      calls: [['void'], ['i', 3], ['many'], ['l'], ['kept']],
    });
    assert.deepEqual(results, ['', '-7', '-7 -7 0xc0e00000 0xc01c000000000000 null null', '-1', '0']);
    assert.deepEqual(
      output.imports.map((item) => item.name),
      ['sched_yield'],
    );
  });

  it('trap, for real', async () => {
    const { results } = await differential({
      guest,
      options: { stubs: [{ pattern: '*.*', stub: { kind: 'trap' } }] },
      calls: [['void'], ['i', 3], ['l'], ['kept']],
      engines: 'all',
    });
    assert.deepEqual([...new Set(results)], ['trap: unreachable']);
  });

  it('a stub that traps is caught by no catch_all, live or frozen', needs('exnref'), async () => {
    await differential({
      guest: `(module (import "a" "f" (func $f)) (func (export "run") (result i32)
        (block $l (try_table (catch_all $l) (call $f)) (return (i32.const 1))) (i32.const 2)))`,
      options: { stubs: [{ pattern: 'a.f', stub: { kind: 'trap' } }] },
      calls: [['run']],
      engines: 'modern',
    });
  });

  it('a pattern that fits nothing, and an import that nobody gives, are refused', async () => {
    assert.equal(await codeOf({ stubs: [{ pattern: 'c.*', stub: { kind: 'nop' } }] }, guest), 'stub-import');
    assert.equal(
      await codeOf({ stubs: [{ pattern: 'a.*', stub: { kind: 'nop' } }] }, guest),
      'missing-import',
    );
    const inherited = '(module (import "constructor" "assign" (func)))';
    assert.equal(await codeOf({}, inherited), 'missing-import');
    assert.equal(
      await codeOf({ host: hostWith('h', {}) }, '(module (import "h" "toString" (func)))'),
      'missing-import',
    );
  });

  it('an auxiliary module that imports what is stubbed gets the stub', async () => {
    const { results } = await differential({
      guest: `(module (import "a" "f" (func $f (result i32))) (type $i (func (result i32))) (table (export "table") 3 funcref)
        (func (export "run") (param i32) (result i32) (call_indirect (type $i) (local.get 0))))`,
      auxes: [
        `(module (import "a" "f" (func $f (result i32))) (import "env" "table" (table 1 funcref)) (elem (i32.const 0) $f $g)
          (func $g (result i32) (i32.add (call $f) (i32.const 1))))`,
      ],
      options: { stubs: [{ pattern: 'a.f', stub: { kind: 'const', value: 41n } }] },
      calls: [
        ['run', 0],
        ['run', 1],
      ],
    });
    assert.deepEqual(results, ['41', '42']);
  });
});
