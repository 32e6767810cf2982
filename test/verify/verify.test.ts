// A frozen module does what its guest does, and `verify` says so; one of which a single byte is wrong does not,
// and `verify` says where.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { createWasi } from '../../src/host/wasi/wasi.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { abridged, Output } from '../../src/sides.ts';
import { type Difference, type VerifyOptions, verify } from '../../src/verify.ts';
import { encode, madeSpan } from '../../src/wasm/encode.ts';
import { assemble, assembleBody } from '../../src/wasm/instructions.ts';
import type { Data, Elem, Global, Module } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { FuncIdx } from '../../src/wasm/types.ts';
import type { CallWorkload } from '../../src/workloads.ts';
import { GOOD_AUX, pushGuest } from '../cli/guests.ts';
import { closeEngines, enginesAtHand } from '../engines/engines.ts';
import { root } from '../engines/places.ts';
import { inTemporaryFile } from '../support/files.ts';
import { wat } from '../support/wat.ts';

after(closeEngines);

const call = (name: string, ...args: readonly string[]): CallWorkload => ({
  kind: 'call',
  export: name,
  args,
});

/** State of every kind, all of it changed by the warm-up. */
async function guest(): Promise<Uint8Array> {
  return pushGuest(await wat(GOOD_AUX), {
    more: `(global $kept i64 (i64.const 11))
    (global $count (export "count") (mut i32) (i32.const 0))
    (global $float (mut f64) (f64.const 1))
    (global $held (mut funcref) (ref.null func))
    (elem $passive func $seven $warm)
    (data $text "some text")
    (func (export "work") (param i32) (result i32)
      (call $warm)
      (global.set $count (i32.add (global.get $count) (local.get 0)))
      (global.set $float (f64.reinterpret_i64 (i64.const 0x7ff4000000000001)))
      (global.set $held (ref.func $seven))
      (memory.init $text (i32.const 16) (i32.const 0) (i32.const 9))
      (if (i32.eqz (ref.is_null (table.get $t (i32.const 2)))) (then (return (global.get $count))))
      (table.init $passive (i32.const 2) (i32.const 0) (i32.const 2))
      (elem.drop $passive)
      (global.get $count))
    (func (export "far") (param i32) (result i32)
      (if (i32.eq (local.get 0) (i32.const 63)) (then (return (i32.const 1)))) (i32.const 2))
    (func (export "float") (result f64) (global.get $float))
    (func (export "wide") (result i64) (global.get $kept))
    (func (export "read") (param i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "traps") unreachable)`,
  });
}

const OPTIONS: FreezeOptions = {
  warmups: [call('work', '3')],
  entries: [{ name: 'main', workload: call('work', '4') }],
};
const CALLS = [
  call('apply', '1'),
  call('float'),
  call('read', '16'),
  call('main'),
  call('traps'),
  call('wide'),
];

async function found(
  change: (module: Module) => Module,
  options: VerifyOptions = {},
): Promise<readonly Difference[]> {
  const bytes = await guest();
  const frozen = await freeze(bytes, OPTIONS);
  const changed = encode(change(parse(frozen.bytes)));
  assert.ok(WebAssembly.validate(changed as Uint8Array<ArrayBuffer>), 'the changed module is valid');
  const report = await verify(bytes, changed, { ...OPTIONS, calls: [], ...options });
  assert.equal(report.same, report.differences.length === 0);
  assert.equal(report.state, 'compared');
  return report.differences;
}

function places(differences: readonly Difference[]): readonly string[] {
  return differences.map(({ where }) => where);
}

/** The item that `which` picks, changed. */
function changed<T>(items: readonly T[], which: (item: T) => boolean, change: (item: T) => T): readonly T[] {
  const at = items.findIndex(which);
  assert.ok(at >= 0);
  return items.map((item, i) => (i === at ? change(item) : item));
}

describe('verify', () => {
  it('finds no difference where there is none, in every engine at hand', async () => {
    const bytes = await guest();
    const frozen = await freeze(bytes, OPTIONS);
    await inTemporaryFile('frozen.wasm', frozen.bytes, async (path) => {
      const engines = await enginesAtHand();
      const report = await verify(bytes, frozen.bytes, {
        ...OPTIONS,
        calls: CALLS,
        fuzz: 100,
        engines,
        path,
      });
      assert.deepEqual(report.differences, []);
      assert.equal(report.same, true);
      assert.equal(report.calls, CALLS.length + 100);
      assert.deepEqual(report.engines, ['here', ...engines.map(({ name }) => name)]);
    });
  });

  it('calls the warm-ups and the entries where it is not told what', async () => {
    const bytes = await guest();
    const frozen = await freeze(bytes, OPTIONS);
    const report = await verify(bytes, frozen.bytes, OPTIONS);
    assert.deepEqual([report.same, report.calls], [true, 2]);
  });

  it('is told a flipped byte of a memory, with its address', async () => {
    const flip = (data: Data): Data => ({
      ...data,
      bytes: data.bytes.map((byte, i) => (i === 2 ? byte ^ 1 : byte)),
    });
    const text = (data: Data): boolean =>
      new TextDecoder().decode(data.bytes).startsWith('some text') && data.mode.kind === 'active';
    const differences = await found((module) => ({ ...module, datas: changed(module.datas, text, flip) }));
    assert.equal(differences[0]?.where, 'memory 0 at 0x12, before the first call');
    assert.deepEqual([differences[0]?.live, differences[0]?.frozen], ['0x6d', '0x6c']);
  });

  it('is told a changed bit of a global, of any kind', async () => {
    const set = (type: string, init: Uint8Array) => async (): Promise<readonly string[]> => {
      const is = ({ type: { val, mutable } }: Global): boolean => val === type && (mutable || type === 'i64');
      const put = (global: Global): Global => ({ ...global, init: madeSpan(init, 'test') });
      return places(await found((module) => ({ ...module, globals: changed(module.globals, is, put) })));
    };
    assert.ok((await set('i32', assemble([['i32.const', 2]]))()).includes('global 0, before the first call'));
    const quiet = await set('f64', assemble([['f64.const', 0x7ffc000000000001n]]))();
    assert.ok(quiet.includes('global 3, before the first call'), quiet.join());
    const kept = await set('i64', assemble([['i64.const', 12n]]))();
    assert.ok(kept.includes('global 1, before the first call'), kept.join());
  });

  it('is told a reference in a global that is another, or none', async () => {
    const held = ({ type }: Global): boolean => typeof type.val === 'object';
    const none = madeSpan(assemble([['ref.null', { heap: 'func' }]]), 'test');
    const differences = await found((module) => ({
      ...module,
      globals: changed(module.globals, held, (global) => ({ ...global, init: none })),
    }));
    assert.equal(differences[0]?.frozen, 'null');
    assert.match(differences[0]?.live ?? '', /^function \d+$/);
  });

  it('is told a table slot that holds another function', async () => {
    const active = ({ mode, items }: Elem): boolean => mode.kind === 'active' && items.kind === 'funcs';
    const swap = (elem: Elem): Elem =>
      elem.items.kind === 'funcs'
        ? { ...elem, items: { kind: 'funcs', funcs: elem.items.funcs.toReversed() } }
        : elem;
    const differences = await found((module) => ({ ...module, elems: changed(module.elems, active, swap) }));
    assert.match(differences[0]?.where ?? '', /^slot \d of table 0, before the first call$/);
  });

  it('is told a memory and a table of another size', async () => {
    const mems = await found((module) => ({
      ...module,
      mems: module.mems.map((mem) => ({ ...mem, min: mem.min + 1n })),
    }));
    assert.deepEqual(
      [mems[0]?.where, mems[0]?.live, mems[0]?.frozen],
      ['pages of memory 0, before the first call', '1', '2'],
    );
    const tables = await found((module) => ({
      ...module,
      tables: module.tables.map((table) => ({
        ...table,
        type: { ...table.type, limits: { ...table.type.limits, min: 5n } },
      })),
    }));
    assert.equal(tables[0]?.where, 'length of table 0, before the first call');
  });

  it('is told other code by a call, and by a random call', async () => {
    // `far` gives 2 but for 63, of which no given call knows.
    const body = (value: number) =>
      madeSpan(
        assembleBody([
          ['local.get', 0],
          ['i32.const', 63],
          ['i32.eq'],
          ['if', { block: undefined }],
          ['i32.const', value],
          ['return'],
          ['end'],
          ['i32.const', 2],
        ]),
        'test',
      );
    const wrong = (module: Module): Module => {
      const far = module.exports.find(({ name }) => name === 'far')?.index ?? -1;
      const imported = module.imports.filter(({ desc }) => desc.kind === 'func').length;
      return { ...module, codes: module.codes.map((code, i) => (i === far - imported ? body(5) : code)) };
    };
    assert.deepEqual(await found(wrong, { calls: [call('far', '1')] }), []);
    assert.deepEqual(places(await found(wrong, { calls: [call('far', '63')] })), ['far(63)']);
    const random = await found(wrong, { fuzz: 2000, seed: 1n });
    assert.deepEqual([...new Set(places(random))], ['far(63)']);
    assert.deepEqual(random, await found(wrong, { fuzz: 2000, seed: 1n }));
  });

  it('is told another output', async () => {
    const text = (words: string): string => `(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\\08\\00\\00\\00\\05\\00\\00\\00${words}")
      (func (export "say") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))`;
    const frozen = await freeze(await wat(text('salut')));
    const report = await verify(await wat(text('hello')), frozen.bytes, { calls: [call('say')] });
    assert.ok(
      report.differences.some(
        ({ where, live, frozen: is }) => where === 'stdout' && live === 'hello' && is === 'salut',
      ),
    );
  });

  it('keeps a bounded part of what is printed without end, and still tells it from anything else', () => {
    const print = (last: string): Output => {
      const output = new Output();
      const chunk = new TextEncoder().encode('é'.repeat(1_000_000));
      output.streams.stdout(chunk);
      output.keep();
      // A character may be cut between two chunks.
      for (let n = 0; n < 20; n++)
        for (const part of [chunk.subarray(0, 3), chunk.subarray(3)]) output.streams.stdout(part);
      output.streams.stdout(new TextEncoder().encode(last));
      return output;
    };
    const text = print('a').text('stdout');
    assert.equal(text.indexOf('…'), 2 ** 24);
    assert.match(text.slice(2 ** 24), /^… and 3222785 characters more, of the digest \d+$/);
    assert.notEqual(print('b').text('stdout'), text);
    // What an engine printed comes whole.
    assert.equal(abridged(`${'é'.repeat(20_000_000)}a`), text);
  });

  it('compares guests whose hook draws randomness, which a build denies', async () => {
    const scheme = readFileSync(join(root, 'guests', 'scheme', 'scheme.wasm'));
    const program = { name: 'p.scm', bytes: new TextEncoder().encode('(define (main) (display (* 6 7)))') };
    const options: FreezeOptions = {
      warmups: [{ kind: 'program', ...program }],
      entries: [{ name: 'main', workload: { kind: 'program', ...program } }],
    };
    const frozen = await freeze(scheme, options);
    const hostFor: VerifyOptions['hostFor'] = (streams) => (compiled) => createWasi(streams, compiled);
    const report = await verify(scheme, frozen.bytes, { ...options, hostFor });
    assert.deepEqual(report.differences, []);
    // Sealed, nobody runs programs but the entry.
    assert.equal(report.calls, 1);
    assert.equal(report.state, 'compared');
  });

  describe('of a sealed module', () => {
    // Functions and slots go, others move up.
    const SEALED: FreezeOptions = {
      ...OPTIONS,
      seal: true,
      drop: ['apply', 'far', 'float', 'wide', 'traps'],
    };
    const CALLED = [call('read', '16'), call('main'), call('work', '1')];

    async function sealed(
      change: (module: Module) => Module = (module) => module,
    ): Promise<readonly string[]> {
      const bytes = await guest();
      const frozen = await freeze(bytes, SEALED);
      assert.ok(Number(frozen.report.sealed?.removed.functions) > 0, 'functions go');
      const report = await verify(bytes, encode(change(parse(frozen.bytes))), { ...SEALED, calls: CALLED });
      assert.equal(report.state, 'compared');
      return places(report.differences);
    }

    it('finds no difference where there is none, though everything has moved', async () => {
      assert.deepEqual(await sealed(), []);
    });

    it('is told a byte, a global and a slot that are others', async () => {
      const text = ({ bytes, mode }: Data): boolean =>
        new TextDecoder().decode(bytes).startsWith('some text') && mode.kind === 'active';
      const flip = (data: Data): Data => ({ ...data, bytes: data.bytes.map((byte) => byte ^ 1) });
      const memory = await sealed((module) => ({ ...module, datas: changed(module.datas, text, flip) }));
      assert.match(memory.join(), /memory 0 at 0x10.*before the first call/);

      const counts = ({ type }: Global): boolean => type.val === 'i32' && type.mutable;
      const two = madeSpan(assemble([['i32.const', 2]]), 'test');
      const put = (global: Global): Global => ({ ...global, init: two });
      const global = await sealed((module) => ({ ...module, globals: changed(module.globals, counts, put) }));
      assert.match(global.join(), /global \d, before the first call/);

      const fills = ({ mode, items }: Elem): boolean => mode.kind === 'active' && items.kind === 'funcs';
      const other = (elem: Elem): Elem => {
        const { items } = elem;
        if (items.kind !== 'funcs') return elem;
        return {
          ...elem,
          items: { kind: 'funcs', funcs: items.funcs.map((func) => (func === 0 ? 1 : 0) as FuncIdx) },
        };
      };
      const table = await sealed((module) => ({ ...module, elems: changed(module.elems, fills, other) }));
      assert.match(table.join(), /slot \d of table 0, before the first call/);
    });

    it('takes the failure of a call for the same, however it is made there', async () => {
      const bytes = await wat(`(module (type $i (func (result i32))) (table $t 12 funcref)
        (elem (i32.const 1) $one $other) (func $one (result i32) (i32.const 1)) (func $other)
        (func (export "known") (result i32) (call_indirect $t (type $i) (i32.const 2)))
        (func (export "any") (param i32) (result i32) (call_indirect $t (type $i) (local.get 0)))
        (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0))))`);
      const options: FreezeOptions = { seal: true };
      const calls = [
        call('known'),
        call('any', '1'),
        call('any', '2'),
        call('any', '11'),
        call('divide', '0'),
      ];
      const { bytes: frozen, report } = await freeze(bytes, options);
      assert.equal(report.sealed?.trappingCalls, 1);
      assert.deepEqual((await verify(bytes, frozen, { ...options, calls })).differences, []);
      // Another trap than that of a call is another trap.
      const wrong = parse(frozen);
      const traps = madeSpan(assembleBody([['unreachable']]), 'test');
      const codes = wrong.codes.map((code, i) => (i === wrong.codes.length - 1 ? traps : code));
      const found = await verify(bytes, encode({ ...wrong, codes }), { ...options, calls });
      assert.deepEqual(places(found.differences), ['divide(0)']);
    });

    it('compares only what it does where it was sealed with other options', async () => {
      const bytes = await guest();
      const frozen = await freeze(bytes, SEALED);
      const report = await verify(bytes, frozen.bytes, { ...SEALED, drop: [], calls: [call('main')] });
      assert.match(report.state, /^not compared/);
      assert.deepEqual(report.differences, []);
    });
  });

  it('says what cannot be compared', async () => {
    const bytes = await wat('(module (func (export "f") (param externref)) (func (export "g")))');
    const frozen = (await freeze(bytes)).bytes;
    const other = (await freeze(await wat('(module (func (export "h")) (func (export "g")))'))).bytes;
    await assert.rejects(verify(bytes, other, { calls: [call('h')] }), { code: 'cannot-verify' });
    await assert.rejects(verify(bytes, frozen, { calls: [call('f', '1')] }), { code: 'arguments' });
    const strange = await wat('(module (memory 1) (func (export "g")))');
    const report = await verify(bytes, strange, { calls: [call('g')] });
    assert.match(report.state, /^not compared/);
  });
});
