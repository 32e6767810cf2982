import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { parse } from '../../src/wasm/parse.ts';
import { freezeAndKeep, perform, thaw } from '../support/differential.ts';
import { wat } from '../support/wat.ts';

/** Counts how often the hook ran; `n` is an export that does not move it. */
const guest = (fields = ''): string => `(module
  (type $i (func (result i32))) (memory (export "memory") 1) (table 2 funcref) (elem (i32.const 0) $n)
  (global $hooks (mut i32) (i32.const 0)) (global $before (mut i32) (i32.const 0)) (global $calls (mut i32) (i32.const 0))
  (func (export "freeze_contract") (result i32) (i32.const 1))
  (func (export "freeze_before_snapshot") (global.set $before (i32.add (global.get $before) (global.get $calls))))
  (func $hook (export "freeze_after_restore") (global.set $hooks (i32.add (global.get $hooks) (i32.const 1))))
  (func (export "warm") (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
  (func $n (export "n") (result i32) (global.get $hooks))
  (func (export "m") (param i32 i64) (result i32 i64) (global.get $hooks) (local.get 1))
  (func (export "before") (result i32) (global.get $before))
  ${fields})`;

const frozenOf = async (text: string, options: FreezeOptions = {}): Promise<Uint8Array> =>
  (await freeze(await wat(text), { seal: false, ...options })).bytes;

const exportsOf = (bytes: Uint8Array): readonly string[] => parse(bytes).exports.map((item) => item.name);

describe('hooks', () => {
  it('after-restore runs once where the host calls _initialize first', async () => {
    const one = await thaw(await frozenOf(guest('(func (export "_initialize"))')));
    const results = ['_initialize', 'n', 'n', '_initialize', 'n'].map((name) => perform(one, [name]));
    assert.deepEqual(results, ['', '1', '1', '', '1']);
  });

  it('after-restore runs once where the host calls any export first, with its arguments and results', async () => {
    const bytes = await frozenOf(guest());
    const one = await thaw(bytes);
    assert.equal(perform(one, ['m', 7, 8n]), '1 8');
    assert.equal(perform(one, ['n']), '1');
    assert.ok(exportsOf(bytes).includes('_initialize'));
    assert.equal(perform(one, ['_initialize']), '');
    assert.equal(perform(one, ['n']), '1');
  });

  it('after-restore runs in each instance', async () => {
    const bytes = await frozenOf(guest());
    const [one, two] = [await thaw(bytes), await thaw(bytes)];
    for (const instance of [one, two]) assert.equal(perform(instance, ['n']), '1');
  });

  it('after-restore runs once in every instance of one compiled module, whichever way each is started', async () => {
    const reactor = guest('(func (export "_initialize"))');
    const entry = {
      entries: [{ name: 'main', workload: { kind: 'call', export: 'n', args: [] } }],
    } as const;
    const ways: readonly (readonly [bytes: Uint8Array, starts: readonly (readonly string[])[]])[] = [
      [
        await frozenOf(reactor),
        [['_initialize'], ['n'], ['freeze_after_restore'], ['_initialize', '_initialize']],
      ],
      [await frozenOf(guest()), [['_initialize'], ['n'], ['before'], []]],
      [await frozenOf(guest(), entry), [['main'], ['_initialize', 'main'], ['n', 'main']]],
      [await frozenOf(guest(), { ...entry, command: 'main' }), [['_start'], ['main'], ['n']]],
    ];
    for (const [bytes, starts] of ways) {
      const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
      // All instances first: what one does must be nothing to the others.
      const instances = await Promise.all(starts.map(() => WebAssembly.instantiate(compiled)));
      for (const [i, { exports }] of instances.entries()) {
        const call = (name: string): unknown => (exports[name] as () => unknown)();
        for (const name of starts[i] ?? []) call(name);
        assert.equal(call('n'), 1, `${starts[i]}`);
      }
    }
  });

  it('after-restore runs once where the host calls it itself', async () => {
    const one = await thaw(await frozenOf(guest()));
    const results = ['freeze_after_restore', 'n', '_initialize', 'n'].map((name) => perform(one, [name]));
    assert.deepEqual(results, ['', '1', '', '1']);
  });

  it('a command of the guest is prepended, and hosts that start commands find no _initialize', async () => {
    const bytes = await frozenOf(
      guest('(func (export "_start") (i32.store (i32.const 0) (global.get $hooks)))'),
    );
    assert.equal(exportsOf(bytes).includes('_initialize'), false);
    const one = await thaw(bytes);
    perform(one, ['_start']);
    assert.equal(perform(one, ['n']), '1');
    assert.equal(new Uint32Array(one.memory().buffer)[0], 1);
  });

  it('an entry as the command has the hook before it', async () => {
    const bytes = await frozenOf(guest(), {
      entries: [{ name: 'main', workload: { kind: 'call', export: 'n', args: [] } }],
      command: 'main',
    });
    assert.equal(exportsOf(bytes).includes('_initialize'), false);
    const one = await thaw(bytes);
    assert.equal(perform(one, ['_start']), '');
    assert.equal(perform(one, ['main']), '1');
  });

  it('what the hook calls does not start it again', async () => {
    const text = guest().replace(
      '(global.set $hooks (i32.add',
      '(drop (call_indirect (type $i) (i32.const 0))) (drop (call $n)) (global.set $hooks (i32.add',
    );
    const one = await thaw(await frozenOf(text));
    assert.equal(perform(one, ['n']), '1');
  });

  it('a hook that traps does not run again', async () => {
    const text = guest().replace(
      '(i32.const 1))))\n  (func (export "warm")',
      '(i32.const 1))) (unreachable))\n  (func (export "warm")',
    );
    assert.ok(text.includes('(unreachable)'));
    const one = await thaw(await frozenOf(text));
    assert.deepEqual(
      ['n', 'n'].map((name) => perform(one, [name])),
      ['trap: unreachable', '1'],
    );
  });

  it('before-snapshot runs once, behind all of the warm-up', async () => {
    const { frozen, live } = await freezeAndKeep({
      guest: guest(),
      options: {
        warmups: [
          { kind: 'call', export: 'warm', args: [] },
          { kind: 'call', export: 'warm', args: [] },
        ],
      },
    });
    assert.equal(perform(live, ['before']), '2');
    assert.equal(perform(live, ['n']), '0');
    assert.equal(perform(await thaw(frozen.bytes), ['before']), '2');
  });

  it('code may name functions that only exports declared, though those lead to wrappers now', async () => {
    const text = guest(`(table $t 1 funcref) (func $only (export "only") (result i32) (i32.const 6))
      (func (export "run") (result i32) (table.set $t (i32.const 0) (ref.func $only)) (call_indirect $t (type $i) (i32.const 0)))`);
    const one = await thaw(await frozenOf(text));
    assert.equal(perform(one, ['run']), '6');
  });

  it('a second freeze: the state goes on, and the hook still runs once in each instance', async () => {
    const warm = { warmups: [{ kind: 'call', export: 'warm', args: [] }], rounds: 1 } as const;
    const first = await frozenOf(guest('(func (export "calls") (result i32) (global.get $calls))'), warm);
    const second = (await freeze(first, { seal: false, ...warm })).bytes;
    const third = (await freeze(second, { seal: false, ...warm })).bytes;
    const counts: string[] = [];
    for (const bytes of [first, second, third]) {
      const one = await thaw(bytes);
      counts.push(`${perform(one, ['calls'])} ${perform(one, ['n'])} ${perform(one, ['n'])}`);
    }
    // A build thaws the module that it freezes, and that thawing has the hook run too.
    assert.deepEqual(counts, ['1 1 1', '2 2 2', '3 3 3']);
  });
});
