// Types and names: written, read, the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { CustomSection } from '../../src/wasm/module.ts';
import {
  type IndirectNameMap,
  type NameMap,
  type Names,
  readNames,
  writeNames,
} from '../../src/wasm/names.ts';
import { Reader } from '../../src/wasm/reader.ts';
import {
  type FieldType,
  type GlobalType,
  type HeapType,
  type Limits,
  type MemType,
  mapSubType,
  type NumType,
  type RecType,
  type RefType,
  readGlobalType,
  readMemType,
  readRecType,
  readTableType,
  readValType,
  type SubType,
  showType,
  type TableType,
  type TypeIdx,
  type ValType,
  writeGlobalType,
  writeMemType,
  writeRecType,
  writeTableType,
  writeValType,
} from '../../src/wasm/types.ts';
import { walkValType } from '../../src/wasm/walk.ts';
import { Writer } from '../../src/wasm/writer.ts';

/** Objects as literals are, with a prototype. */
function record<T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true });
}

const typeIdx: fc.Arbitrary<TypeIdx> = fc
  .oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 2 ** 31 - 1 }))
  .map((index) => index as TypeIdx);
const heap: fc.Arbitrary<HeapType> = fc.oneof(
  fc.constantFrom<HeapType[]>('func', 'extern', 'any', 'eq', 'i31', 'struct', 'array', 'exn'),
  fc.constantFrom<HeapType[]>('none', 'nofunc', 'noextern', 'noexn'),
  typeIdx,
);
const ref: fc.Arbitrary<RefType> = record({ nullable: fc.boolean(), heap });
const val: fc.Arbitrary<ValType> = fc.oneof(
  fc.constantFrom<NumType[]>('i32', 'i64', 'f32', 'f64', 'v128'),
  ref,
);
const field: fc.Arbitrary<FieldType> = record({
  storage: fc.oneof(val, fc.constantFrom<('i8' | 'i16')[]>('i8', 'i16')),
  mutable: fc.boolean(),
});
const sub: fc.Arbitrary<SubType> = record({
  final: fc.boolean(),
  supers: fc.array(typeIdx, { maxLength: 1 }),
  comp: fc.oneof(
    record({ kind: fc.constant('func' as const), params: fc.array(val), results: fc.array(val) }),
    record({ kind: fc.constant('struct' as const), fields: fc.array(field) }),
    record({ kind: fc.constant('array' as const), field }),
  ),
});
const rec: fc.Arbitrary<RecType> = fc.oneof(
  sub.map((type) => ({ types: [type], explicit: false })),
  fc.array(sub, { maxLength: 4 }).map((types) => ({ types, explicit: true })),
);
const limits: fc.Arbitrary<Limits> = fc.oneof(
  ...(['i32', 'i64'] as const).map((address) => {
    const bound = fc.bigInt({ min: 0n, max: (1n << (address === 'i32' ? 32n : 64n)) - 1n });
    return record({
      address: fc.constant(address),
      min: bound,
      max: fc.option(bound, { nil: undefined }),
    });
  }),
);
const mem: fc.Arbitrary<MemType> = fc
  .tuple(limits, fc.boolean())
  .map(([one, shared]) => ({ ...one, shared }));
const table: fc.Arbitrary<TableType> = record({ ref, limits });
const global: fc.Arbitrary<GlobalType> = record({ val, mutable: fc.boolean() });

function roundTrips<T>(
  name: string,
  values: fc.Arbitrary<T>,
  write: (writer: Writer, value: T) => void,
  read: (reader: Reader) => T,
): void {
  test(`${name}: what is written is read back`, () => {
    fc.assert(
      fc.property(values, (value) => {
        const w = new Writer();
        write(w, value);
        const r = new Reader(w.finish(), 'test');
        assert.deepEqual(read(r), value);
        assert.ok(r.eof);
      }),
    );
  });
}

roundTrips('value types', val, writeValType, readValType);
roundTrips('recursion groups', rec, writeRecType, readRecType);
roundTrips('memory types', mem, writeMemType, readMemType);
roundTrips('table types', table, writeTableType, readTableType);
roundTrips('global types', global, writeGlobalType, readGlobalType);

test('the walk goes over a value type as the reader does', () => {
  fc.assert(
    fc.property(val, (type) => {
      const w = new Writer();
      writeValType(w, type);
      const bytes = w.finish();
      const shown: number[] = [];
      const span = { bytes, start: 0, end: bytes.length, base: 0, label: 'type' };
      const end = walkValType(span, { kinds: 0xff, index: (_, index) => shown.push(index) });
      assert.equal(end, bytes.length);
      assert.deepEqual(shown, typeof type === 'object' && typeof type.heap === 'number' ? [type.heap] : []);
    }),
  );
});

test('mapping types by the identity changes nothing, and there and back neither', () => {
  fc.assert(
    fc.property(sub, (type) => {
      assert.deepEqual(
        mapSubType(type, (index) => index),
        type,
      );
      const there = mapSubType(type, (index) => (index + 7) as TypeIdx);
      assert.deepEqual(
        mapSubType(there, (index) => (index - 7) as TypeIdx),
        type,
      );
    }),
  );
});

test('types are shown as the text format has them', () => {
  assert.equal(showType('i8'), 'i8');
  assert.equal(showType({ nullable: true, heap: 'none' }), 'nullref');
  assert.equal(showType({ nullable: true, heap: 'extern' }), 'externref');
  assert.equal(showType({ nullable: false, heap: 'func' }), '(ref func)');
  assert.equal(showType({ nullable: true, heap: 3 as TypeIdx }), '(ref null 3)');
});

// ---- names --------------------------------------------------------------------------------------

const index: fc.Arbitrary<number> = fc.integer({ min: 0, max: 2 ** 32 - 1 });
// Everything but lone surrogates.
const text: fc.Arbitrary<string> = fc.string({ unit: 'binary' });
const nameMap: fc.Arbitrary<NameMap> = fc.array(fc.tuple(index, text)).map((list) => new Map(list));
const indirect: fc.Arbitrary<IndirectNameMap> = fc
  .array(fc.tuple(index, nameMap), { maxLength: 4 })
  .map((list) => new Map(list));
const names: fc.Arbitrary<Names> = record({
  module: text,
  func: nameMap,
  local: indirect,
  label: indirect,
  type: nameMap,
  table: nameMap,
  mem: nameMap,
  global: nameMap,
  elem: nameMap,
  data: nameMap,
  field: indirect,
  tag: nameMap,
});

function section(bytes: Uint8Array): CustomSection {
  return { name: 'name', bytes, after: 11 };
}

test('name sections: what is written is read back, all subsections', () => {
  fc.assert(
    fc.property(names, (value) => {
      assert.deepEqual(readNames(section(writeNames(value))), value);
    }),
  );
});

test('name sections: indices are written in ascending order', () => {
  const func = new Map([
    [5, 'b'],
    [2, 'a'],
  ]);
  const bytes = writeNames({ ...readNames(undefined), func });
  assert.deepEqual([...readNames(section(bytes)).func.keys()], [2, 5]);
});

test('name sections: nothing in one is an error, and what comes before the fault is kept', () => {
  fc.assert(
    fc.property(names, fc.nat(), fc.nat({ max: 255 }), (value, at, byte) => {
      const bytes = writeNames(value);
      const broken = bytes.slice();
      if (broken.length > 0) broken[at % broken.length] = byte;
      readNames(section(broken));
      const read = readNames(section(bytes.subarray(0, at % (bytes.length + 1))));
      assert.ok(read.module === undefined || read.module === value.module);
    }),
  );
});
