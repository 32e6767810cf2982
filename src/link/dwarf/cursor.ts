/**
 * Reads the primitive values of DWARF, which are little-endian, and writes them where they stand.
 * What cannot be read is a `NotUnderstood`: it never leaves this folder but as a section's name.
 */

/** What a section holds is not what is known of DWARF; the message says what. */
export class NotUnderstood extends Error {}

/** Bytes that can be read and patched; they are a copy of the section's. */
export class Cursor {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly #view: DataView;
  pos: number;

  constructor(bytes: Uint8Array, pos = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (pos > end || end > bytes.length) throw new NotUnderstood('it ends too early');
  }

  get eof(): boolean {
    return this.pos >= this.end;
  }

  skip(count: number): number {
    const at = this.pos;
    if (count > this.end - at) throw new NotUnderstood('it ends too early');
    this.pos = at + count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  i8(): number {
    return this.#view.getInt8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  /** A number of 1, 2, 3, 4 or 8 bytes. One that a double does not hold is no offset of any module. */
  uint(width: number): number {
    const at = this.skip(width);
    if (width === 8) return Number(this.#view.getBigUint64(at, true));
    let value = 0;
    for (let i = width; i-- > 0; ) value = value * 256 + (this.bytes[at + i] as number);
    return value;
  }

  uleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      if (scale > 2 ** 63) throw new NotUnderstood('it has a LEB128 integer of more than 64 bits');
    }
  }

  sleb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return byte < 0x40 ? value : value - scale * 128;
      if (scale > 2 ** 63) throw new NotUnderstood('it has a LEB128 integer of more than 64 bits');
    }
  }

  /** The bytes up to a zero, which is passed. */
  string(): Uint8Array {
    const zero = this.bytes.indexOf(0, this.pos);
    if (zero < 0 || zero >= this.end) throw new NotUnderstood('it has a string without an end');
    const view = this.bytes.subarray(this.pos, zero);
    this.pos = zero + 1;
    return view;
  }

  /** Length of a unit, which must be in the 32-bit format of DWARF: no module is larger. */
  unitEnd(): number {
    const length = this.u32();
    if (length >= 0xffff_fff0) throw new NotUnderstood('it is 64-bit DWARF');
    const end = this.pos + length;
    if (end > this.end) throw new NotUnderstood('a unit of it ends too late');
    return end;
  }
}

/** All bits of an address set: what linkers write in place of code that has gone. */
export function tombstone(width: number): number {
  return width === 8 ? 2 ** 64 : 0xffff_ffff;
}

/** Puts a number into `width` bytes; whether it fits. */
export function putUint(bytes: Uint8Array, at: number, width: number, value: number): boolean {
  if (value < 0 || (width < 8 && value >= 256 ** width)) return false;
  let rest = value >= 2 ** 64 ? 0xffff_ffff_ffff_ffffn : BigInt(value);
  for (let i = 0; i < width; i++, rest >>= 8n) bytes[at + i] = Number(rest & 0xffn);
  return true;
}

/** Puts a number into the bytes [at, end) of an earlier ULEB128, padded; whether it fits. */
export function putUleb(bytes: Uint8Array, at: number, end: number, value: number): boolean {
  if (value < 0 || value >= 128 ** (end - at)) return false;
  let rest = value;
  for (let i = at; i < end; i++, rest = Math.floor(rest / 128))
    bytes[i] = (rest % 128) | (i + 1 < end ? 0x80 : 0);
  return true;
}
