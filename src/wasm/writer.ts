/**
 * Writes the primitive values of the binary format. Mirrors reader.ts.
 *
 * Small values go to a growing buffer; big views are kept by reference and copied once, at the end,
 * so that a snapshot of gigabytes is not moved again with every section that wraps it.
 */
const utf8 = new TextEncoder();

/** From this many bytes on a view is kept by reference: below it a copy is cheaper than the seam. */
const BY_REFERENCE = 512;

/** A buffer grows up to here; then it stays, and the next one begins. */
const CHUNK = 1 << 20;

/** How many bytes the shortest LEB of a u32 takes. */
export function unsignedWidth(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

/** The same for a value that is read as a signed LEB. */
export function signedWidth(value: number): number {
  return value < 0x40 ? 1 : value < 0x2000 ? 2 : value < 0x10_0000 ? 3 : value < 0x800_0000 ? 4 : 5;
}

export class Writer {
  #parts: Uint8Array[] = [];
  #partsSize = 0;
  #buffer: Uint8Array;
  #used = 0;
  /** What was last allocated; a seam cuts the buffer, and the next one is not to begin small again. */
  #capacity: number;

  constructor(capacity = 256) {
    this.#capacity = Math.max(capacity, 1);
    this.#buffer = new Uint8Array(capacity);
  }

  get size(): number {
    return this.#partsSize + this.#used;
  }

  #room(count: number): void {
    if (this.#used + count <= this.#buffer.length) return;
    this.#capacity = Math.min(CHUNK, this.#capacity * 2);
    // A full buffer stays where it is; a small one moves on to a bigger one.
    if (this.#used >= CHUNK) this.#seal();
    const grown = new Uint8Array(Math.max(this.#capacity, this.#used + count));
    grown.set(this.#buffer.subarray(0, this.#used));
    this.#buffer = grown;
  }

  #seal(): void {
    if (this.#used === 0) return;
    this.#parts.push(this.#buffer.subarray(0, this.#used));
    this.#partsSize += this.#used;
    this.#buffer = this.#buffer.subarray(this.#used);
    this.#used = 0;
  }

  u8(byte: number): this {
    this.#room(1);
    this.#buffer[this.#used++] = byte;
    return this;
  }

  u32(value: number): this {
    this.#room(5);
    let rest = value;
    while (rest > 0x7f) {
      this.#buffer[this.#used++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#used++] = rest;
    return this;
  }

  /** A u32 in exactly `width` bytes, so that what follows keeps its offset. */
  u32Padded(value: number, width: number): this {
    this.#room(width);
    let rest = value;
    for (let i = 1; i < width; i++) {
      this.#buffer[this.#used++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[this.#used++] = rest;
    return this;
  }

  u64(value: bigint): this {
    let rest = value;
    while (rest > 0x7fn) {
      this.u8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    return this.u8(Number(rest));
  }

  /** s32 and s33, and any other signed integer that a double holds exactly. */
  s33(value: number): this {
    let rest = value;
    for (;;) {
      const byte = ((rest % 128) + 128) % 128;
      rest = Math.floor(rest / 128);
      if ((rest === 0 && byte < 0x40) || (rest === -1 && byte >= 0x40)) return this.u8(byte);
      this.u8(byte | 0x80);
    }
  }

  s64(value: bigint): this {
    let rest = BigInt.asIntN(64, value);
    for (;;) {
      const byte = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && byte < 0x40) || (rest === -1n && byte >= 0x40)) return this.u8(byte);
      this.u8(byte | 0x80);
    }
  }

  /** `size` bytes of `value`, lowest first: the bit patterns of f32 and f64. */
  little(value: bigint, size: number): this {
    for (let i = 0; i < size; i++) this.u8(Number((value >> BigInt(8 * i)) & 0xffn));
    return this;
  }

  raw(bytes: Uint8Array): this {
    if (bytes.length >= BY_REFERENCE) {
      this.#seal();
      this.#parts.push(bytes);
      this.#partsSize += bytes.length;
    } else {
      this.#room(bytes.length);
      this.#buffer.set(bytes, this.#used);
      this.#used += bytes.length;
    }
    return this;
  }

  /** Bytes with their length before them. */
  sized(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  name(text: string): this {
    return this.sized(utf8.encode(text));
  }

  vec<T>(items: readonly T[], write: (writer: Writer, item: T) => void): this {
    this.u32(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  /** Takes over what another writer holds. */
  append(other: Writer): this {
    other.#seal();
    for (const part of other.#parts) this.raw(part);
    return this;
  }

  /** Everything written, in one array. The writer is used up. */
  finish(): Uint8Array {
    this.#seal();
    const [only] = this.#parts;
    if (only !== undefined && this.#parts.length === 1) return only;
    const out = new Uint8Array(this.#partsSize);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
