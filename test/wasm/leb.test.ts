// Integers of the binary format: what is written is read back, in any width that is allowed and in no
// other; the limits of the reader, of the walk and of the writer are the same.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MalformedError } from '../../src/errors/classes.ts';
import { assembleBody } from '../../src/wasm/instructions.ts';
import { Reader } from '../../src/wasm/reader.ts';
import { walkBody } from '../../src/wasm/walk.ts';
import { signedWidth, unsignedWidth, Writer } from '../../src/wasm/writer.ts';

interface Kind {
  readonly name: string;
  readonly bits: number;
  readonly signed: boolean;
  readonly read: (reader: Reader) => number | bigint;
  readonly write: (writer: Writer, value: bigint) => Writer;
}

const KINDS: readonly Kind[] = [
  { name: 'u32', bits: 32, signed: false, read: (r) => r.u32(), write: (w, v) => w.u32(Number(v)) },
  { name: 'u64', bits: 64, signed: false, read: (r) => r.u64(), write: (w, v) => w.u64(v) },
  { name: 's32', bits: 32, signed: true, read: (r) => r.s32(), write: (w, v) => w.s33(Number(v)) },
  { name: 's33', bits: 33, signed: true, read: (r) => r.s33(), write: (w, v) => w.s33(Number(v)) },
  { name: 's64', bits: 64, signed: true, read: (r) => r.s64(), write: (w, v) => w.s64(v) },
];

function range({ bits, signed }: Kind): { readonly min: bigint; readonly max: bigint } {
  return signed
    ? { min: -(1n << BigInt(bits - 1)), max: (1n << BigInt(bits - 1)) - 1n }
    : { min: 0n, max: (1n << BigInt(bits)) - 1n };
}

const reader = (bytes: Uint8Array): Reader => new Reader(bytes, 'test');

function refused(bytes: Uint8Array, kind: Kind): void {
  assert.throws(
    () => kind.read(reader(bytes)),
    (error) => error instanceof MalformedError && error.offset <= bytes.length,
    `${kind.name} ${Buffer.from(bytes).toString('hex')}`,
  );
}

for (const kind of KINDS) {
  const { min, max } = range(kind);
  const longest = Math.ceil(kind.bits / 7);
  const values = fc.oneof(
    fc.bigInt({ min, max }),
    fc.bigInt({ min: -300n, max: 300n }).filter((value) => value >= min),
    fc.constantFrom(min, max, min + 1n, max - 1n),
  );

  test(`${kind.name}: what is written is read back, and is the shortest`, () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = kind.write(new Writer(), value).finish();
        const r = reader(bytes);
        assert.equal(BigInt(kind.read(r)), value);
        assert.ok(r.eof);
        for (let width = 1; width < bytes.length; width++) {
          const rest = value >> BigInt(7 * width - (kind.signed ? 1 : 0));
          assert.ok(rest !== 0n && (rest !== -1n || !kind.signed), `${value} fits ${width} bytes`);
        }
      }),
    );
  });

  test(`${kind.name}: every width up to ${longest} bytes is read, none above`, () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: longest }), (value, width) => {
        const bytes = padded(value, width, kind);
        assert.equal(BigInt(kind.read(reader(bytes))), value);
        const sign = kind.signed && value < 0n ? 0x7f : 0;
        const longer = [...padded(value, longest, kind)];
        longer[longest - 1] = (longer[longest - 1] ?? 0) | 0x80;
        refused(Uint8Array.from([...longer, sign]), kind);
      }),
    );
  });

  test(`${kind.name}: of the last byte only what is in range is read`, () => {
    const heads = fc.array(fc.integer({ min: 0x80, max: 0xff }), {
      minLength: longest - 1,
      maxLength: longest - 1,
    });
    fc.assert(
      fc.property(heads, fc.integer({ min: 0, max: 0xff }), (head, last) => {
        const bytes = [...head, last];
        const raw = bytes.reduceRight((value, byte) => (value << 7n) | BigInt(byte & 0x7f), 0n);
        const value = kind.signed ? BigInt.asIntN(7 * longest, raw) : raw;
        if (last < 0x80 && value >= min && value <= max)
          assert.equal(BigInt(kind.read(reader(Uint8Array.from(bytes)))), value);
        else refused(Uint8Array.from(bytes), kind);
      }),
      { numRuns: 2000 },
    );
  });

  test(`${kind.name}: the end of the bytes is an error`, () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = kind.write(new Writer(), value).finish();
        for (let end = 0; end < bytes.length; end++) refused(bytes.subarray(0, end), kind);
      }),
    );
  });
}

/** In `width` bytes, or more where it needs them. */
function padded(value: bigint, width: number, kind: Kind): Uint8Array {
  const shortest = kind.write(new Writer(), value).finish();
  if (shortest.length >= width) return shortest;
  const fill = kind.signed && value < 0n ? 0xff : 0x80;
  const bytes = new Uint8Array(width).fill(fill);
  bytes.set(shortest);
  bytes[shortest.length - 1] = (shortest.at(-1) ?? 0) | 0x80;
  bytes[width - 1] = fill & 0x7f;
  return bytes;
}

test('the walk has the limits that the reader has', () => {
  const constants: readonly (readonly [opcode: number, kind: Kind | undefined])[] = [
    [0x41, KINDS[2]],
    [0x42, KINDS[4]],
    [0x20, KINDS[0]],
    [0x10, KINDS[0]],
  ];
  const byte = fc.integer({ min: 0, max: 255 });
  const high = fc.integer({ min: 0x80, max: 255 });
  const tails = fc.oneof(
    fc.array(byte, { minLength: 1, maxLength: 11 }),
    fc.tuple(fc.array(high, { minLength: 3, maxLength: 9 }), byte).map(([many, one]) => [...many, one]),
  );
  for (const [opcode, kind] of constants) {
    assert.ok(kind !== undefined);
    fc.assert(
      fc.property(tails, (tail) => {
        let length = 0;
        try {
          const r = reader(Uint8Array.from(tail));
          kind.read(r);
          length = r.pos;
        } catch (error) {
          assert.ok(error instanceof MalformedError);
        }
        const bytes = Uint8Array.from([0, opcode, ...(length === 0 ? tail : tail.slice(0, length))]);
        const span = { bytes, start: 0, end: bytes.length, base: 0, label: 'body' };
        for (const kinds of [0, 0xff]) {
          const walk = (): void => walkBody(span, { kinds, index: () => {} });
          if (length === 0) assert.throws(walk, MalformedError);
          else walk();
        }
      }),
      { numRuns: 500 },
    );
  }
});

test('widths are those of the shortest LEB', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (value) => {
      assert.equal(unsignedWidth(value), new Writer().u32(value).size);
      assert.equal(signedWidth(value), new Writer().s33(value).size);
      for (let width = unsignedWidth(value); width <= 5; width++) {
        const bytes = new Writer().u32Padded(value, width).finish();
        assert.equal(bytes.length, width);
        assert.equal(reader(bytes).u32(), value);
      }
      for (let width = signedWidth(value); width <= 5; width++) {
        assert.equal(reader(new Writer().u32Padded(value, width).finish()).s33(), value);
      }
    }),
  );
  assert.equal(unsignedWidth(0xffff_ffff), 5);
});

test('opcodes and immediates in padded LEBs are walked', () => {
  // i32.load with flags 2 and offset 0; memory.copy with its secondary opcode in five bytes.
  const bytes = [
    0x28, 0x82, 0x80, 0x00, 0x80, 0x80, 0x00, 0xfc, 0x8a, 0x80, 0x80, 0x80, 0x00, 0x80, 0x00, 0x00,
  ];
  const body = Uint8Array.from([0x80, 0x00, 0x41, 0x80, 0x80, 0x00, ...bytes, 0x0b]);
  const seen: number[] = [];
  walkBody(
    { bytes: body, start: 0, end: body.length, base: 0, label: 'body' },
    { kinds: 0xff, index: (_, index, at, end) => seen.push(index, end - at) },
  );
  assert.deepEqual(seen, [0, 0, 0, 2, 0, 1]);
  assert.equal(
    assembleBody([
      ['i32.const', 0],
      ['i32.load', { align: 2, mem: 0, offset: 0n }],
    ]).length,
    7,
  );
});
