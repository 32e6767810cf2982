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

/** From this many bytes on a part is written out by itself; smaller ones are collected. */
const BY_ITSELF = 1 << 16;

/** Bytes of known number that are made only when they are written out, because there are so many of them. */
export interface Later {
  readonly size: number;
  /**
   * Starts at the first of them. What it gives writes the next ones to `target` from `at` on, and says up
   * to where: as many as there is room for, but it may leave less than `SMALL` bytes of room.
   */
  readonly filler: () => (target: Uint8Array, at: number) => number;
}

/** Room that may be left, for what is not written in two parts. */
export const SMALL = 64;

/** How many bytes the shortest LEB of a u32 takes. */
export function unsignedWidth(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}

/** The same for a value that is read as a signed LEB, of 32 bits or of 64. */
export function signedWidth(value: number): number {
  if (value < 0x800_0000) return value < 0x40 ? 1 : value < 0x2000 ? 2 : value < 0x10_0000 ? 3 : 4;
  let width = 5;
  for (let most = 2 ** 34; value >= most; most *= 0x80) width++;
  return width;
}

export class Writer {
  #parts: (Uint8Array | Later)[] = [];
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

  later(part: Later): this {
    this.#seal();
    this.#parts.push(part);
    this.#partsSize += part.size;
    return this;
  }

  /** Takes over what another writer holds. */
  append(other: Writer): this {
    other.#seal();
    for (const part of other.#parts) {
      if (part instanceof Uint8Array) this.raw(part);
      else this.later(part);
    }
    return this;
  }

  /** Everything written, in one array. The writer is used up. */
  finish(): Uint8Array {
    this.#seal();
    const [only] = this.#parts;
    if (only instanceof Uint8Array && this.#parts.length === 1) return only;
    const out = new Uint8Array(this.#partsSize);
    let at = 0;
    for (const part of this.#parts) {
      if (part instanceof Uint8Array) {
        out.set(part, at);
        at += part.length;
      } else {
        at = part.filler()(out, at);
      }
    }
    return out;
  }

  /**
   * Everything written, piece by piece, so that it need not be in memory a second time. A piece is good
   * until the next but one is asked for: one can be written to a file while the next is made.
   */
  *chunks(): Generator<Uint8Array> {
    this.#seal();
    let [buffer, other] = [new Uint8Array(CHUNK), new Uint8Array(CHUNK)];
    let used = 0;
    const full = (): Uint8Array => {
      const chunk = buffer.subarray(0, used);
      [buffer, other] = [other, buffer];
      used = 0;
      return chunk;
    };
    for (const part of this.#parts) {
      if (part instanceof Uint8Array) {
        if (used > 0 && used + part.length > CHUNK) yield full();
        if (part.length >= BY_ITSELF) {
          if (used > 0) yield full();
          yield part;
        } else {
          buffer.set(part, used);
          used += part.length;
        }
        continue;
      }
      const fill = part.filler();
      for (let left = part.size; left > 0; ) {
        if (used + SMALL > CHUNK) yield full();
        const end = fill(buffer, used);
        left -= end - used;
        used = end;
      }
    }
    if (used > 0) yield full();
  }
}
