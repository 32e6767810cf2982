// include/freeze.h as freeze keeps it: pull, push, what the guest is told, and limits.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FreezeError } from '../../src/errors/classes.ts';
import { freeze } from '../../src/freeze.ts';
import type { FreezeOptions } from '../../src/options.ts';
import { differential } from '../support/differential.ts';
import { pullGuest } from '../support/pull.ts';
import { bytesLiteral, wat } from '../support/wat.ts';

const CALLERS = `(type $i (func (result i32)))
  (func (export "run") (param i32) (result i32) (call_indirect (type $i) (local.get 0)))`;

const slot = (index: number, value: number): string =>
  `(module (import "env" "table" (table 1 funcref)) (elem (i32.const ${index}) $f) (func $f (result i32) (i32.const ${value})))`;

const SKIP: FreezeOptions = { skipBadModules: true };

async function codeOf(guest: string, options: FreezeOptions = {}): Promise<string> {
  try {
    await freeze(await wat(guest), options);
    return 'none';
  } catch (error) {
    if (error instanceof FreezeError) return error.code;
    throw error;
  }
}

describe('pull', () => {
  it('modules are linked, named and reported, in the order in which they come', async () => {
    const { frozen, results } = await differential({
      guest: await pullGuest([{ name: 'fib', code: slot(1, 11) }, { code: slot(2, 22) }], CALLERS),
      calls: [
        ['run', 1],
        ['run', 2],
        ['status', 0],
        ['status', 1],
      ],
      engines: 'all',
    });
    assert.deepEqual(results, ['11', '22', '0', '0']);
    assert.deepEqual(
      frozen.report.modules.map(({ name, linked, round }) => [name, linked, round]),
      [
        ['fib', true, 1],
        ['jit2', true, 1],
      ],
    );
    assert.deepEqual(
      frozen.report.rounds.map((round) => round.modules),
      [2, 0],
    );
  });

  it('the guest is told how linking went, by the statuses of freeze.h', async () => {
    const valid = await wat(slot(1, 1));
    const { results, frozen } = await differential({
      guest: await pullGuest(
        [
          { code: slot(1, 11) },
          { name: 'empty', code: new Uint8Array(0) },
          { name: 'cut', code: valid.subarray(0, valid.length - 1) },
          { name: 'invalid', code: '(module (func (result i32)))' },
          { name: 'absent', code: '(module (import "env" "nothing" (func)))' },
          { name: 'mistyped', code: '(module (import "env" "run" (func)))' },
          { name: 'kind', code: '(module (import "env" "table" (memory 1)))' },
          { name: 'short', code: '(module (import "env" "table" (table 1000 funcref)))' },
          { name: 'noslot', code: '(module (import "slot" "9" (func (result i32))))' },
          { name: 'outside', code: '(module (import "slot" "99999" (func (result i32))))' },
          { name: 'trap', code: '(module (func $s (unreachable)) (start $s))' },
          { name: 'last', code: slot(2, 22) },
        ],
        CALLERS,
      ),
      options: SKIP,
      calls: [...Array.from({ length: 12 }, (_, i) => ['status', i] as const), ['run', 1], ['run', 2]],
    });
    assert.deepEqual(results, ['0', '2', '2', '2', '3', '3', '3', '3', '3', '3', '4', '0', '11', '22']);
    const [, empty] = frozen.report.modules;
    assert.match(empty?.error ?? '', /auxiliary module empty is not valid/);
    assert.deepEqual(
      frozen.report.modules.map((module) => module.name),
      [
        'jit1',
        'empty',
        'cut',
        'invalid',
        'absent',
        'mistyped',
        'kind',
        'short',
        'noslot',
        'outside',
        'trap',
        'last',
      ],
    );
  });

  it('a bad module stops the build, with its name', async () => {
    const bad = async (code: string): Promise<string> =>
      codeOf(await pullGuest([{ name: 'bad', code }], CALLERS));
    assert.equal(await bad('(module (func (result i32)))'), 'aux-invalid');
    assert.equal(await bad('(module (import "env" "nothing" (func)))'), 'unresolved-import');
    assert.equal(await bad('(module (func $s (unreachable)) (start $s))'), 'aux-trapped');
  });

  it('a guest without memory or table, when its modules need them', async () => {
    const noTable = (await pullGuest([{ code: slot(1, 1) }], '')).replace('(export "table")', '');
    assert.equal(await codeOf(noTable), 'unresolved-import');
    const noMemory = (await pullGuest([{ code: slot(1, 1) }], '')).replace('(export "memory")', '');
    assert.equal(await codeOf(noMemory), 'no-memory');
  });

  it('limits: as many modules and bytes as allowed, and then status 5', async () => {
    const modules = [1, 2, 3].map((index) => ({ code: slot(index, index) }));
    const size = (await wat(slot(1, 1))).length;
    for (const limits of [
      { modules: 2, bytes: 1_000_000 },
      { modules: 100, bytes: 2 * size },
    ]) {
      const { results } = await differential({
        guest: await pullGuest(modules, CALLERS),
        options: { ...SKIP, limits },
        calls: [
          ['status', 1],
          ['status', 2],
        ],
      });
      assert.deepEqual(results, ['0', '5']);
    }
    assert.equal(
      await codeOf(await pullGuest(modules, CALLERS), { limits: { modules: 2, bytes: 1000 } }),
      'aux-limit',
    );
  });

  it('a guest that hands modules over without end is stopped', async () => {
    const endless = async (code: string | Uint8Array): Promise<string> =>
      (await pullGuest([{ code }], CALLERS))
        .replace(/\(i32.lt_u \(global.get \$handed\).*?\)\)/s, '(i32.const 1)')
        .replace('(i32.add (global.get $handed) (i32.const 1))', '(i32.const 1)');
    // The modules link, one after the other, up to the limit.
    assert.equal(
      await codeOf(await endless(slot(1, 1)), { limits: { modules: 50, bytes: 1e9 } }),
      'aux-limit',
    );
    // Skipping leaves the number of polls.
    assert.equal(await codeOf(await endless(new Uint8Array(0)), SKIP), 'endless');
  });

  it('an address outside the memory is the guest’s mistake', async () => {
    const guest = (await pullGuest([], CALLERS)).replace('(else (i32.const 0))', '(else (i32.const -4))');
    assert.equal(await codeOf(guest), 'workload');
    // The struct is inside, what it points at is not: an invalid module.
    const far = (await pullGuest(
      [{ code: slot(1, 1) }],
      `${CALLERS} (data (i32.const 0x4000) "\\f0\\ff\\ff\\ff")`,
    )) as string;
    assert.equal(await codeOf(far), 'aux-invalid');
  });

  it('new code in later rounds is collected until a round brings none', async () => {
    // One module for each time that `warm` ran, up to three.
    const guest = (
      await pullGuest(
        [1, 2, 3].map((index) => ({ code: slot(index, index * 11) })),
        `${CALLERS} (global $warm (mut i32) (i32.const 0))
          (func (export "warm") (global.set $warm (i32.add (global.get $warm) (i32.const 1))))`,
      )
    ).replace(
      '(i32.lt_u (global.get $handed) (i32.const 3))',
      '(i32.lt_u (global.get $handed) (select (i32.const 3) (global.get $warm) (i32.gt_u (global.get $warm) (i32.const 3))))',
    );
    const options = { warmups: [{ kind: 'call', export: 'warm', args: [] }] } as const;
    const { frozen } = await differential({ guest, options, calls: [['run', 3]] });
    assert.deepEqual(
      frozen.report.rounds.map((round) => round.modules),
      [1, 1, 1, 0],
    );
    const { frozen: bounded } = await differential({ guest, options: { ...options, rounds: 2 } });
    assert.equal(bounded.report.modules.length, 2);
  });
});

describe('push', () => {
  /** A guest that links the module in its memory when `warm` is called, and keeps what it is told. */
  const guest = (code: Uint8Array, fields = ''): string => `(module
    (import "freeze" "link" (func $link (param i32 i32) (result i32)))
    (memory (export "memory") 1) (table (export "table") 8 funcref) (global $status (mut i32) (i32.const -1))
    (data (i32.const 0x1000) ${bytesLiteral(code)})
    (func $push (export "push") (result i32)
      (global.set $status (call $link (i32.const 0x1000) (i32.const ${code.length}))) (global.get $status))
    (func (export "warm") (drop (call $push)))
    (func (export "status") (result i32) (global.get $status)) ${CALLERS} ${fields})`;
  const options = { warmups: [{ kind: 'call', export: 'warm', args: [] }], rounds: 1 } as const;

  it('links live while the guest runs, and is "not available" in the output', async () => {
    const text = guest(await wat(slot(1, 11)), '(elem (i32.const 3) $link)');
    const frozen = await freeze(await wat(text), { seal: false, ...options });
    assert.deepEqual(frozen.report.output.imports, []);
    // Live it goes on linking, so the two are compared by hand.
    const { results } = await differential({
      guest: frozen.bytes,
      calls: [['status'], ['run', 1], ['push'], ['status'], ['run', 1]],
      engines: 'all',
    });
    assert.deepEqual(results, ['0', '11', '1', '1', '11']);
  });

  it('works from a start function, too', async () => {
    const text = guest(await wat(slot(1, 11)), '(func $s (drop (call $push))) (start $s)');
    const { results } = await differential({
      guest: text,
      calls: [['status'], ['run', 1]],
    });
    assert.deepEqual(results, ['0', '11']);
  });

  it('the guest is told of bad modules, when they are skipped', async () => {
    const { results } = await differential({
      guest: guest(new Uint8Array(3)),
      options: { ...options, ...SKIP },
      calls: [['status']],
    });
    assert.deepEqual(results, ['2']);
    assert.equal(await codeOf(guest(new Uint8Array(3)), options), 'aux-invalid');
  });

  it('a module may import freeze.link itself', async () => {
    const aux = `(module (import "freeze" "link" (func $link (param i32 i32) (result i32))) (import "env" "table" (table 1 funcref))
      (elem (i32.const 2) $f) (func $f (result i32) (call $link (i32.const 0) (i32.const 0))))`;
    const frozen = await freeze(await wat(guest(await wat(aux))), options);
    const { results } = await differential({ guest: frozen.bytes, calls: [['run', 2]], engines: 'all' });
    assert.deepEqual(results, ['1']);
  });
});

describe('other versions', () => {
  it('a guest of another version of the contract is refused', async () => {
    assert.equal(
      await codeOf('(module (func (export "freeze_contract") (result i32) (i32.const 2)))'),
      'contract',
    );
  });
});
