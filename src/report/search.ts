/**
 * Many needles in one pass over bytes: the block search of Wu and Manber ("A fast algorithm for
 * multi-pattern searching", TR 94-17, 1994) with blocks of two bytes.
 *
 * A window as long as the shortest needle slides over the text. The last two bytes of the window
 * tell how far it may jump: as far as no needle can begin in between. So most bytes are never
 * looked at, and memories that are a hundred megabytes are searched in a fraction of a second.
 */

/** Two bytes as one number. */
const BLOCKS = 65_536;

/** The longest jump that fits the table's bytes. */
const MOST_SHIFT = 255;

/** Slots of the filter, as the bits of an index: ten times the needles that there are at most. */
const FILTER_BITS = 20;
/** What the filter looks at. */
const WORD = 4;

export class Search {
  readonly #needles: readonly Uint8Array[];
  readonly #window: number;
  /** By block: how far the window may jump; 0 where a needle's window ends with the block. */
  readonly #shift: Uint8Array;
  /** By block: the needles whose window ends with it. */
  /**
   * By a hash of four bytes, whether a needle begins with such. With a hundred thousand needles every block ends the
   * window of some, and this is what tells quickly that it is none of them.
   */
  readonly #begins: Uint8Array;
  readonly #ending: readonly (readonly number[])[];

  /** The needles are two bytes or longer. */
  constructor(needles: readonly Uint8Array[]) {
    this.#needles = needles;
    this.#window = needles.reduce((least, { length }) => Math.min(least, length), MOST_SHIFT);
    this.#begins = new Uint8Array(1 << FILTER_BITS);
    this.#shift = new Uint8Array(BLOCKS).fill(this.#window - 1);
    const nothing: number[] = [];
    const ending = new Array<number[]>(BLOCKS).fill(nothing);
    needles.forEach((needle, which) => {
      if (this.#window >= WORD) this.#begins[hashAt(needle, 0)] = 1;
      for (let end = 1; end < this.#window; end++) {
        const block = blockAt(needle, end);
        const shift = this.#window - 1 - end;
        if (shift < (this.#shift[block] as number)) this.#shift[block] = shift;
        if (shift > 0) continue;
        const same = ending[block] ?? nothing;
        if (same === nothing) ending[block] = [which];
        else same.push(which);
      }
    });
    this.#ending = ending;
  }

  /** Calls `found` for each place of each needle, from the first byte on. */
  in(bytes: Uint8Array, found: (needle: number, at: number) => void): void {
    if (this.#needles.length === 0) return;
    const shifts = this.#shift;
    const { length } = bytes;
    const window = this.#window;
    const begins = window >= WORD ? this.#begins : undefined;
    for (let end = window - 1; end < length; ) {
      const block = blockAt(bytes, end);
      const shift = shifts[block] as number;
      if (shift > 0) {
        end += shift;
        continue;
      }
      const start = end - window + 1;
      if (begins !== undefined && begins[hashAt(bytes, start)] === 0) {
        end++;
        continue;
      }
      const ending = this.#ending[block] as readonly number[];
      for (let i = 0; i < ending.length; i++) {
        const which = ending[i] as number;
        if (isAt(bytes, start, this.#needles[which] as Uint8Array)) found(which, start);
      }
      end++;
    }
  }
}

/** Fibonacci hashing of the four bytes from `at` on: Knuth, The Art of Computer Programming 3, 6.4. */
function hashAt(bytes: Uint8Array, at: number): number {
  const word =
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24);
  return Math.imul(word, 0x9e3779b1) >>> (32 - FILTER_BITS);
}

/** The two bytes that end at `end`. */
function blockAt(bytes: Uint8Array, end: number): number {
  return (bytes[end - 1] as number) | ((bytes[end] as number) << 8);
}

function isAt(bytes: Uint8Array, start: number, needle: Uint8Array): boolean {
  if (start + needle.length > bytes.length) return false;
  for (let i = 0; i < needle.length; i++) if (bytes[start + i] !== needle[i]) return false;
  return true;
}
