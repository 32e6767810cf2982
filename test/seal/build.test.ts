// Sealing in a build: who is sealed, which exports go, what is vouched for, and what is refused.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FreezeError } from '../../src/errors/classes.ts';
import { freeze } from '../../src/freeze.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { readProvenance } from '../../src/report/provenance.ts';
import { functionsNamed } from '../../src/seal/extract.ts';
import { spaces } from '../../src/wasm/module.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import { pushGuest } from '../cli/guests.ts';
import { wat } from '../support/wat.ts';
import { outcomes } from './sealed.ts';

const PLAIN = `(module (type $i (func (result i32))) (table $t (export "table") 3 funcref) (elem (i32.const 1) $one)
  (memory (export "memory") 1) (global $kept (export "global") (mut i32) (i32.const 0))
  (func $one (result i32) (i32.const 1)) (func $dead)
  (func (export "run") (result i32) (call_indirect $t (type $i) (i32.const 1)))
  (func (export "other") (result i32) (i32.const 2))
  (func (export "write") (table.set $t (i32.const 1) (ref.func $one)))
  (func (export "clear") (table.set $t (i32.const 1) (ref.null func))))`;

/** It follows the contract, and has a compiler that grows the table and that only freeze calls. */
const driven = (fields = ''): string => `(module (type $i (func (result i32)))
  (table $t (export "table") 3 funcref) (elem (i32.const 1) $one) (memory (export "memory") 1)
  (data (i32.const 64) "\\00\\01\\00\\00\\04\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00\\00")
  (func $one (result i32) (i32.const 1))
  (func (export "freeze_contract") (result i32) (i32.const 1))
  (func (export "freeze_poll") (result i32) (call $compile) (i32.const 0))
  (func $compile (drop (table.grow $t (ref.null func) (i32.const 1))))
  (func (export "freeze_alloc") (param i32) (result i32) (i32.const 1024)) (func (export "freeze_free") (param i32 i32))
  (func (export "freeze_load") (param i32 i32 i32 i32) (result i32) (i32.const 1))
  (func (export "freeze_run") (param i32) (result i32) (drop (call_indirect $t (type $i) (i32.const 1))) (i32.const 0))
  (func (export "run") (result i32) (call_indirect $t (type $i) (i32.const 1)))
  ${fields})`;
const PROGRAM = { kind: 'program', name: 'p', bytes: new Uint8Array([1]) } as const;

const build = async (text: string, options: FreezeOptions = {}) => {
  const { bytes, report } = await freeze(await wat(text), options);
  const module = parse(bytes);
  return { bytes, report, module, exports: module.exports.map(({ name }) => name) };
};

async function codeOf(text: string, options: FreezeOptions): Promise<string> {
  try {
    await freeze(await wat(text), options);
  } catch (error) {
    if (error instanceof FreezeError) return error.code;
    throw error;
  }
  return 'none';
}

describe('who is sealed', () => {
  it('a module without a protocol is not, and loses nothing', async () => {
    const { report, module, exports } = await build(PLAIN);
    assert.equal(report.sealed, undefined);
    assert.deepEqual(exports, ['table', 'memory', 'global', 'run', 'other', 'write', 'clear']);
    assert.equal(module.codes.length, 6);
  });

  it('with seal it loses its table, and every other export stays', async () => {
    const { report, exports, module, bytes } = await build(PLAIN, { seal: true });
    assert.deepEqual(exports, ['memory', 'global', 'run', 'other', 'write', 'clear']);
    assert.deepEqual(report.sealed?.exportsDropped, ['table']);
    assert.equal(module.codes.length, 5);
    assert.deepEqual(report.sealed?.openTables, [
      { table: 0, because: ['table.set in function 4', 'table.set in function 5'] },
    ]);
    assert.deepEqual(await outcomes(bytes, [['run'], ['clear'], ['run']]), ['1', 'undefined', 'trap']);
  });

  it('a guest of the protocol is: what only freeze calls goes, and what that needs', async () => {
    const { report, exports } = await build(driven());
    assert.deepEqual(exports, ['memory', 'freeze_alloc', 'freeze_free', 'freeze_load', 'freeze_run', 'run']);
    assert.equal(report.sealed?.directCalls, 2);
    assert.deepEqual(report.sealed?.constantTables, [0]);
    assert.equal(report.sealed?.removed.functions, 3);
  });

  it('where entries run its programs, what takes programs goes too', async () => {
    const entries = [{ name: 'main', workload: PROGRAM }];
    const { exports, module } = await build(driven(), { entries });
    assert.deepEqual(exports, ['memory', 'run', 'main']);
    const kept = await build(driven(), { entries, keep: ['freeze_*', 'table'] });
    assert.ok(kept.exports.includes('freeze_poll') && kept.exports.includes('table'));
    assert.equal(kept.report.sealed?.directCalls, 0);
    assert.ok(kept.module.codes.length > module.codes.length);
  });

  it('open it keeps everything', async () => {
    const { report, exports } = await build(driven(), { open: true });
    assert.equal(report.sealed, undefined);
    assert.ok(exports.includes('table') && exports.includes('freeze_poll'));
  });
});

describe('exports', () => {
  it('go by drop, and keep wins', async () => {
    const { exports, report } = await build(PLAIN, { seal: true, drop: ['*'], keep: ['run', 'mem*'] });
    assert.deepEqual(exports, ['memory', 'run']);
    assert.equal(report.sealed?.directCalls, 1);
    assert.equal(report.sealed?.removed.functions, 4);
  });

  it('must be there, and an entry is never dropped', async () => {
    assert.equal(await codeOf(PLAIN, { seal: true, drop: ['nothing'] }), 'export');
    assert.equal(await codeOf(PLAIN, { seal: true, keep: ['nothing'] }), 'export');
    const entries = [{ name: 'main', workload: { kind: 'call', export: 'run', args: [] } }] as const;
    assert.equal(await codeOf(PLAIN, { seal: true, drop: ['ma*'], entries }), 'entry');
  });

  it('and what is only for sealed modules is refused for others', async () => {
    for (const options of [{ keep: ['run'] }, { drop: ['run'] }, { assume: ['rodata'] as const }])
      assert.equal(await codeOf(PLAIN, options), 'unsealed');
    assert.equal(await codeOf(PLAIN, { seal: true, open: true }), 'unsealed');
  });
});

describe('what is vouched for', () => {
  it('is in the report, with what speaks against it', async () => {
    const { report, bytes } = await build(PLAIN, { seal: true, assume: ['table-const'] });
    assert.equal(report.sealed?.directCalls, 1);
    assert.deepEqual(report.sealed?.assumptions, [
      'no table is written any more (--assume table-const), though table.set in function 4; table.set in function 5',
    ]);
    assert.deepEqual(await outcomes(bytes, [['run'], ['write'], ['run']]), ['1', 'trap', '1']);
  });

  it('is refused where the warm-up has shown otherwise', async () => {
    const options = (name: string): FreezeOptions => ({
      seal: true,
      assume: ['table-const'],
      warmups: [{ kind: 'call', export: name, args: [] }],
    });
    assert.equal(await codeOf(PLAIN, options('clear')), 'assumption');
    // It wrote what was there.
    assert.equal(await codeOf(PLAIN, options('write')), 'none');
    await assert.rejects(
      freeze(await wat(PLAIN), options('clear')),
      /slot 1 of table 0 was written in the warm-up, and can be again by table\.set in function 4, table\.set in function 5$/,
    );
    // What did it is gone.
    assert.equal(await codeOf(PLAIN, { ...options('clear'), drop: ['clear', 'write'] }), 'none');
  });

  it('may be memory: what the guest says, or .rodata', async () => {
    const text = (more: string): string =>
      driven(`(data $rodata (i32.const 256) "\\01\\00\\00\\00")
        (func (export "loaded") (result i32) (call_indirect $t (type $i) (i32.load (i32.const 256)))) ${more}`);
    const said = text('(func (export "freeze_constants") (result i32) (i32.const 64))');
    assert.equal((await build(text(''))).report.sealed?.directCalls, 2);
    const { report, bytes } = await build(said);
    assert.equal(report.sealed?.directCalls, 3);
    assert.deepEqual(report.sealed?.assumptions, [
      'the guest never writes 4 bytes of its memory (freeze_constants)',
    ]);
    assert.deepEqual(await outcomes(bytes, [['loaded']]), ['1']);
    const rodata = text('').replace('(data $rodata', '(data $.rodata');
    const assumed = (await build(rodata, { assume: ['rodata'] })).report.sealed;
    assert.equal(assumed?.directCalls, 3);
    assert.deepEqual(assumed.assumptions, [
      '4 bytes of data named .rodata are never written (--assume rodata)',
    ]);
    assert.equal(await codeOf(text(''), { assume: ['rodata'] }), 'assumption', 'there is none');
    assert.equal((await build(rodata)).report.sealed?.directCalls, 2);
  });

  it('and .rodata that the warm-up wrote is refused, with the address', async () => {
    const text = `(module (memory (export "memory") 1) (data $.rodata (i32.const 256) "\\01\\00\\00\\00") (data $.data (i32.const 512) "\\01")
      (func (export "write") (param i32) (i32.store8 (local.get 0) (i32.const 7))))`;
    const written = (at: string): FreezeOptions => ({
      seal: true,
      assume: ['rodata'],
      warmups: [{ kind: 'call', export: 'write', args: [at] }],
    });
    assert.equal(await codeOf(text, written('512')), 'none');
    assert.equal(await codeOf(text, written('258')), 'assumption');
    await assert.rejects(freeze(await wat(text), written('258')), /warm-up wrote address 0x102 of memory 0/);
    assert.equal(await codeOf(text, { ...written('258'), assume: [] }), 'none');
  });

  it('and a list of memory that has no end or lies outside is refused', async () => {
    const list = (at: number): string =>
      driven(`(data (i32.const 128) "\\00\\00\\01\\00\\01\\00\\00\\00")
        (func (export "freeze_constants") (result i32) (i32.const ${at}))`);
    assert.equal(await codeOf(list(128), {}), 'workload');
    assert.equal(await codeOf(list(65532), {}), 'workload');
  });
});

describe('the guest is told', () => {
  it('by freeze_seal, before the snapshot, and only where it will be sealed', async () => {
    const text = driven(`(global $told (mut i32) (i32.const 0))
      (func (export "freeze_seal") (global.set $told (i32.add (global.get $told) (i32.const 1))))
      (func (export "freeze_before_snapshot") (global.set $told (i32.mul (global.get $told) (i32.const 10))))
      (func (export "told") (result i32) (global.get $told))`);
    assert.deepEqual(await outcomes((await build(text)).bytes, [['told']]), ['10']);
    assert.deepEqual(await outcomes((await build(text, { open: true })).bytes, [['told']]), ['0']);
  });
});

describe('a function that calls itself through the slot that its patch stored', () => {
  // As JITs do it: the patch puts $down into slot 2, and 2 where generated code looks for it.
  const AUX = `(module $jit (type $i (func (param i32) (result i32)))
    (import "env" "table" (table 3 funcref)) (import "env" "memory" (memory 1)) (elem (i32.const 2) $down)
    (func $patch (i32.store (i32.const 2048) (i32.const 2))) (start $patch)
    (func $down (type $i) (if (result i32) (local.get 0)
      (then (i32.add (i32.const 1) (call_indirect (type $i) (i32.sub (local.get 0) (i32.const 1)) (i32.load (i32.const 2048)))))
      (else (i32.const 0)))))`;
  const guest = async (more = ''): Promise<Uint8Array> =>
    pushGuest(await wat(AUX), {
      more: `(type $i (func (param i32) (result i32))) (data (i32.const 3072) "\\00\\08\\00\\00\\04\\00\\00\\00")
        (func (export "freeze_contract") (result i32) (i32.const 1)) ${more}
        (func (export "run") (param i32) (result i32) (call_indirect (type $i) (local.get 0) (i32.load (i32.const 2048))))`,
    });
  const options: FreezeOptions = {
    warmups: [{ kind: 'call', export: 'warm', args: [] }],
    optimize: 'none',
  };

  it('calls itself directly where that memory is said to be constant', async () => {
    const said = '(func (export "freeze_constants") (result i32) (i32.const 3072))';
    const { bytes, report } = await freeze(await guest(said), options);
    assert.equal(report.sealed?.directCalls, 2);
    assert.deepEqual(await outcomes(bytes, [['run', 5]]), ['5']);
    const module = parse(bytes);
    const [down = -1] = [...moduleNames(module).func].find(([, name]) => name === 'jit.down') ?? [];
    const body = module.codes[down - spaces(module).imported.func];
    assert.ok(body !== undefined);
    assert.deepEqual(functionsNamed(body), [down]);
  });

  it('and through the table where nobody says so', async () => {
    const { bytes, report } = await freeze(await guest(), options);
    assert.equal(report.sealed?.directCalls, 0);
    assert.deepEqual(await outcomes(bytes, [['run', 5]]), ['5']);
  });
});

describe('what runs in every instance', () => {
  const slots = `(func $two (result i32) (i32.const 2)) (elem declare func $two)
    (func (export "slot") (result i32) (call_indirect $t (type $i) (i32.const 1)))`;

  it('counts as any code: a hook after the thaw that writes a table, or a global that holds a slot', async () => {
    const table = driven(`${slots}
      (func $hook (export "freeze_after_restore") (table.set $t (i32.const 1) (ref.func $two)))`);
    const { report, bytes } = await build(table);
    assert.deepEqual(report.sealed?.openTables, [{ table: 0, because: ['table.set in function 11 (hook)'] }]);
    assert.deepEqual(await outcomes(bytes, [['slot']]), ['2']);
    const global = driven(`${slots} (global $at (mut i32) (i32.const 1)) (elem (i32.const 2) $two)
      (func (export "freeze_after_restore") (global.set $at (i32.const 2)))
      (func (export "through") (result i32) (call_indirect $t (type $i) (global.get $at)))`);
    const held = await build(global);
    assert.deepEqual(held.report.sealed?.constantTables, [0]);
    assert.deepEqual(await outcomes(held.bytes, [['through'], ['slot']]), ['2', '1']);
  });

  it('and a _start that grows its table keeps the slots that it had', async () => {
    const text = `(module (type $i (func (result i32))) (table $t 2 10 funcref) (elem (i32.const 1) $one)
      (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
      (global $size (export "size") (mut i32) (i32.const 0)) (elem declare func $two)
      (func (export "_start") (global.set $size (table.grow $t (ref.func $two) (i32.const 2))))
      (func (export "known") (result i32) (call_indirect $t (type $i) (i32.const 1)))
      (func (export "any") (param i32) (result i32) (call_indirect $t (type $i) (local.get 0))))`;
    const { report, bytes } = await build(text, { seal: true });
    assert.equal(report.sealed?.directCalls, 1);
    const calls = [['known'], ['_start'], ['any', 1], ['any', 3], ['any', 4], ['known']] as const;
    assert.deepEqual(await outcomes(bytes, calls), ['1', 'undefined', '1', '2', 'trap', '1']);
  });
});

describe('what is told about functions', () => {
  it('provenance follows them', async () => {
    const { bytes } = await build(PLAIN, { seal: true });
    assert.equal(readProvenance(parse(bytes))?.guest, 5);
  });

  it('debug keeps every byte of code where it was', async () => {
    const kept = await build(PLAIN, { seal: true, debug: true, drop: ['write', 'clear'] });
    assert.deepEqual(kept.report.warnings, []);
    assert.equal(kept.report.sealed?.removed.codeBytes, 0);
    assert.equal(kept.report.sealed?.directCalls, 1);
    assert.equal(kept.module.codes.length, 6);
  });
});
