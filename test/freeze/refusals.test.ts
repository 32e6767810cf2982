// What cannot be frozen is refused by name, with its place.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FreezeError } from '../../src/errors/classes.ts';
import { freeze } from '../../src/freeze.ts';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import { parse } from '../../src/wasm/parse.ts';
import { type Case, freezeAndKeep, hostWith } from '../support/differential.ts';
import { needs } from '../support/features.ts';
import { wat } from '../support/wat.ts';

async function messageOf(one: Case): Promise<string> {
  try {
    await freezeAndKeep(one);
    return 'none';
  } catch (error) {
    if (error instanceof FreezeError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const WARM = { warmups: [{ kind: 'call', export: 'warm', args: [] }] } as const;

describe('refusals', () => {
  it('a function of JavaScript’s own in a table, by its slot', async () => {
    const other = await wat('(module (func (export "f")))');
    const { f } = new WebAssembly.Instance(new WebAssembly.Module(other as Uint8Array<ArrayBuffer>)).exports;
    let table: WebAssembly.Table | undefined;
    const put = (): void => {
      table?.set(2, f);
    };
    const base = hostWith('h', { put });
    const message = await messageOf({
      guest: `(module (import "h" "put" (func $put)) (memory (export "memory") 1) (table (export "table") 4 funcref) (func (export "warm") (call $put)))`,
      options: {
        ...WARM,
        host: async (compiled) => {
          const host = await base(compiled);
          return {
            ...host,
            bind: (target) => {
              if (target instanceof WebAssembly.Instance)
                table = target.exports['table'] as WebAssembly.Table;
              host.bind(target);
            },
          };
        },
      },
    });
    assert.match(message, /^unknown-function: slot 2 of table 0 holds a function that is neither/);
  });

  it('an externref that is not null, in a table, a global, and of an auxiliary module', async () => {
    const thing = (): object => ({});
    const host = hostWith('h', { thing });
    const table = await messageOf({
      guest: `(module (import "h" "thing" (func $t (result externref))) (table $e 3 externref)
        (func (export "warm") (table.set $e (i32.const 1) (call $t))))`,
      options: { ...WARM, host },
    });
    assert.match(table, /^reference: slot 1 of table 0 \(e\) holds an externref that is not null/);
    const global = await messageOf({
      guest: `(module (import "h" "thing" (func $t (result externref))) (global $e (mut externref) (ref.null extern))
        (func (export "warm") (global.set $e (call $t))))`,
      options: { ...WARM, host },
    });
    assert.match(global, /^reference: global 0 \(e\) holds an externref/);
    const aux = await messageOf({
      guest: `(module (import "h" "thing" (func $t (result externref))) (export "thing" (func $t)))`,
      auxes: [
        {
          name: 'fib',
          text: `(module (import "env" "thing" (func $t (result externref))) (table $e 1 externref) (func $s (table.set $e (i32.const 0) (call $t))) (start $s))`,
        },
      ],
      options: { host },
    });
    assert.match(aux, /^reference: slot 0 of table 0 \(e\) of auxiliary module fib/);
  });

  it('a function of the guest in an externref', async () => {
    let own: unknown;
    const base = hostWith('h', { own: () => own });
    const message = await messageOf({
      guest: `(module (import "h" "own" (func $own (result externref))) (memory (export "memory") 1) (table $e 1 externref)
        (func (export "f")) (func (export "warm") (table.set $e (i32.const 0) (call $own))))`,
      options: {
        ...WARM,
        host: async (compiled) => {
          const host = await base(compiled);
          return {
            ...host,
            bind: (target) => {
              if (target instanceof WebAssembly.Instance) own = target.exports['f'];
              host.bind(target);
            },
          };
        },
      },
    });
    assert.match(message, /^reference: slot 0 of table 0 \(e\)/);
  });

  it('structs, arrays, i31 and exceptions, in globals and tables', needs('gc', 'exnref'), async () => {
    const types = '(type $s (struct (field (mut i32)))) (type $a (array (mut i8)))';
    const refused = async (fields: string): Promise<string> =>
      (await messageOf({ guest: `(module ${types} ${fields})`, options: WARM })).split(' holds')[0] ?? '';
    assert.equal(
      await refused(
        '(global $g (mut (ref null $s)) (ref.null $s)) (func (export "warm") (global.set $g (struct.new_default $s)))',
      ),
      'reference: global 0 (g)',
    );
    assert.equal(
      await refused(
        '(table $t 2 anyref) (func (export "warm") (table.set $t (i32.const 1) (array.new_default $a (i32.const 1))))',
      ),
      'reference: slot 1 of table 0 (t)',
    );
    assert.equal(
      await refused(
        '(table $t 2 i31ref) (func (export "warm") (table.set $t (i32.const 0) (ref.i31 (i32.const 1))))',
      ),
      'reference: slot 0 of table 0 (t)',
    );
    assert.equal(
      await refused(
        '(tag $e) (table $t 2 exnref) (func (export "warm") (table.set $t (i32.const 1) (block $c (result exnref) (try_table (catch_all_ref $c) (throw $e)) (unreachable))))',
      ),
      'reference: slot 1 of table 0 (t)',
    );
    assert.equal(
      await refused(
        '(tag $e) (global $g (mut exnref) (ref.null exn)) (func (export "warm") (global.set $g (block $c (result exnref) (try_table (catch_all_ref $c) (throw $e)) (unreachable))))',
      ),
      'reference: global 0 (g)',
    );
  });

  it(
    'an immutable global with an object that code can write; what it cannot write stays',
    needs('gc'),
    async () => {
      const of = (
        field: string,
      ): string => `(module (type $s (struct (field ${field}))) (global $g (ref $s) (struct.new_default $s))
      (func (export "warm")) (func (export "get") (result i32) (struct.get $s 0 (global.get $g))))`;
      assert.match(await messageOf({ guest: of('(mut i32)'), options: WARM }), /^mutable-object: global 0 /);
      assert.equal(await messageOf({ guest: of('i32'), options: WARM }), 'none');
    },
  );

  it('imported state, shared memory among it', async () => {
    assert.match(
      await messageOf({ guest: '(module (import "env" "memory" (memory 1)))' }),
      /^imported-state: .*memory "env" "memory"/,
    );
    assert.match(
      await messageOf({ guest: '(module (import "env" "t" (table 1 funcref)))' }),
      /^imported-state: .*table/,
    );
    assert.match(
      await messageOf({ guest: '(module (import "env" "g" (global i32)))' }),
      /^imported-state: .*global/,
    );
    assert.match(await messageOf({ guest: '(module (import "env" "e" (tag)))' }), /^imported-state: .*tag/);
    const shared = '(module (import "env" "memory" (memory 1 2 shared)))';
    assert.match(await messageOf({ guest: shared }), /^imported-state: .*shared memory "env" "memory"/);
    // To keep it would be refused next.
    await assert.rejects(freezeAndKeep({ guest: shared }), {
      hint: "--import-state internalize makes it the module's own",
    });
    assert.match(
      await messageOf({ guest: shared, options: { importState: 'keep' } }),
      /^shared-memory: memory 0 is shared: every thread/,
    );
  });

  it('a trap, an exit, an exception in the warm-up', async () => {
    assert.match(
      await messageOf({ guest: '(module (func (export "warm") (unreachable)))', options: WARM }),
      /^trap: the guest trapped in warm\(\)/,
    );
    assert.match(
      await messageOf({
        guest:
          '(module (import "wasi_snapshot_preview1" "proc_exit" (func $x (param i32))) (memory (export "memory") 1) (func (export "warm") (call $x (i32.const 7))))',
        options: WARM,
      }),
      /^exit: the guest exited with code 7/,
    );
    assert.match(
      await messageOf({ guest: '(module (tag $e) (func (export "warm") (throw $e)))', options: WARM }),
      /^exception: /,
    );
    assert.match(
      await messageOf({ guest: '(module (func $s (unreachable)) (start $s))' }),
      /^trap: the guest trapped while it was instantiated/,
    );
    assert.match(
      await messageOf({ guest: '(module (func (export "_initialize") (unreachable)))' }),
      /^trap: the guest trapped in _initialize/,
    );
  });

  it('more globals than exports can show, by their number', async () => {
    const guest = encode({
      ...parse(await wat('(module (func (export "f")))')),
      globals: Array.from({ length: 60_000 }, () => ({
        type: { val: 'i32', mutable: true } as const,
        init: madeSpan(Uint8Array.of(0x41, 0x00, 0x0b), 'test'),
      })),
    });
    await assert.rejects(freeze(guest), {
      code: 'too-much-state',
      message: /take 120\d+ exports .*, and engines take 100000$/,
    });
  });
});
