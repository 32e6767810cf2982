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

export class Search {
  readonly #needles: readonly Uint8Array[];
  readonly #window: number;
  /** By block: how far the window may jump; 0 where a needle's window ends with the block. */
  readonly #shift: Uint8Array;
  /** By block: the needles whose window ends with it. */
  readonly #ending: ReadonlyMap<number, readonly number[]>;
  readonly #nothing: readonly number[] = [];

  /** The needles are two bytes or longer. */
  constructor(needles: readonly Uint8Array[]) {
    this.#needles = needles;
    this.#window = Math.min(...needles.map((needle) => needle.length), MOST_SHIFT);
    this.#shift = new Uint8Array(BLOCKS).fill(this.#window - 1);
    const ending = new Map<number, number[]>();
    needles.forEach((needle, which) => {
      for (let end = 1; end < this.#window; end++) {
        const block = blockAt(needle, end);
        const shift = this.#window - 1 - end;
        if (shift < (this.#shift[block] as number)) this.#shift[block] = shift;
        if (shift === 0) ending.set(block, [...(ending.get(block) ?? []), which]);
      }
    });
    this.#ending = ending;
  }

  /** Calls `found` for each place of each needle, from the first byte on. */
  in(bytes: Uint8Array, found: (needle: number, at: number) => void): void {
    if (this.#needles.length === 0) return;
    const shifts = this.#shift;
    const { length } = bytes;
    for (let end = this.#window - 1; end < length; ) {
      const block = blockAt(bytes, end);
      const shift = shifts[block] as number;
      if (shift > 0) {
        end += shift;
        continue;
      }
      const start = end - this.#window + 1;
      const ending = this.#ending.get(block) ?? this.#nothing;
      for (let i = 0; i < ending.length; i++) {
        const which = ending[i] as number;
        if (isAt(bytes, start, this.#needles[which] as Uint8Array)) found(which, start);
      }
      end++;
    }
  }
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
