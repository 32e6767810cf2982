// How the room for memories and tables is parted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LimitError } from '../../src/errors/classes.ts';
import { type Caps, capped, DEFAULT_LIMITS, type Excess, Room, usesOf } from '../../src/host/limits.ts';
import type { Module } from '../../src/wasm/module.ts';
import { parse } from '../../src/wasm/parse.ts';
import { wat } from '../support/wat.ts';

const MIB = 1024 * 1024;

const moduleOf = async (fields: string): Promise<Module> => parse(await wat(`(module ${fields})`));

const pages = (caps: Caps | Excess): readonly number[] =>
  'pages' in caps ? caps.pages.map(Number) : assert.fail(caps.option);

test('one memory has all of it, several have their share, and what one does not want the others have', async () => {
  const room = new Room({ memory: MIB, table: 100 });
  const of = async (fields: string): Promise<readonly number[]> => pages(room.guest(await moduleOf(fields)));
  assert.deepEqual(await of('(memory 1)'), [16]);
  assert.deepEqual(await of('(memory 1 4)'), [4]);
  assert.deepEqual(await of('(memory 1) (memory 5)'), [6, 10]);
  assert.deepEqual(await of('(memory 1) (memory 1 2) (memory 1)'), [7, 2, 7]);
  assert.deepEqual(await of(''), []);
  const { slots } = room.guest(await moduleOf('(table 10 funcref) (table 10 20 funcref)'));
  assert.deepEqual(slots, [80n, 20n]);
});

test('what starts with more than there is, is refused', async () => {
  const room = new Room({ memory: MIB, table: 100 });
  const refused = async (fields: string, says: RegExp): Promise<void> => {
    const module = await moduleOf(fields);
    assert.throws(
      () => room.guest(module),
      (error: unknown) => error instanceof LimitError && says.test(error.message),
    );
  };
  await refused('(memory 17)', /^memory 0 starts with 1114112 bytes, more than the 1048576 of --max-memory$/);
  await refused('(memory 9) (memory 8)', /^its 2 memories start with 1114112 bytes, more/);
  await refused(
    '(table 60 funcref) (table 60 funcref)',
    /^its 2 tables start with 120 slots, more than the 100/,
  );
});

test('generated modules have as much again, all together', async () => {
  const room = new Room({ memory: MIB, table: 100 });
  const growing = await moduleOf('(memory 2) (table 0 funcref)');
  // Of 16 pages: 2 and half of the rest, and then of 7, of 3 and of 1.
  assert.deepEqual(
    [pages(room.aux(growing)), pages(room.aux(growing)), pages(room.aux(growing))],
    [[9], [4], [2]],
  );
  assert.deepEqual(room.aux(growing), { most: MIB, what: 'bytes of memory', option: '--max-memory' });
  const tables = await moduleOf('(table 60 60 funcref)');
  assert.ok('slots' in new Room({ memory: MIB, table: 100 }).aux(tables));
  const one = new Room({ memory: MIB, table: 100 });
  one.aux(tables);
  assert.deepEqual(one.aux(tables), { most: 100, what: 'table slots', option: '--max-table' });
});

test('a cap is a maximum, where there is no lower one', async () => {
  const module = await moduleOf('(memory 1) (memory 1 2) (table 1 funcref) (table 1 3 funcref)');
  const held = capped(module, { pages: [5n, 5n], slots: [7n, 7n] });
  assert.deepEqual(
    held.mems.map(({ max }) => max),
    [5n, 2n],
  );
  assert.deepEqual(
    held.tables.map(({ type }) => type.limits.max),
    [7n, 3n],
  );
});

test('what 32 bits address is no limit of ours, but is told where it is used up', async () => {
  const limits = { ...DEFAULT_LIMITS, memory: 2 ** 40 };
  const held = async (fields: string): Promise<unknown> => {
    const module = await moduleOf(fields);
    const caps = new Room(limits).guest(module);
    const [use] = usesOf(module, caps, limits, { pages: () => 65_535, slots: () => 0 });
    return { max: capped(module, caps).mems[0]?.max, cap: use?.cap, option: use?.option };
  };
  assert.deepEqual(await held('(memory 1)'), { max: undefined, cap: 2 ** 32, option: undefined });
  assert.deepEqual(await held('(memory 1 9)'), { max: 9n, cap: undefined, option: undefined });
  assert.deepEqual(await held('(memory i64 1)'), { max: 2n ** 24n, cap: 2 ** 40, option: '--max-memory' });
});
