/**
 * The sections that are tables of addresses: `.debug_addr`, where version 5 keeps them, and
 * `.debug_aranges`, which says what code each unit is about. Patched where they stand.
 *
 * https://dwarfstd.org/doc/DWARF5.pdf (7.27: address table, 6.1.2: lookup by address)
 */
import type { CodeMap } from '../code-map.ts';
import { Cursor, NotUnderstood, putUint, tombstone } from './cursor.ts';

/**
 * The addresses of `.debug_addr`. Most are of data, and do not move: only those that something says
 * to be of code do, each once.
 */
export class AddressTable {
  readonly #old: Uint8Array;
  readonly #now: Uint8Array;
  readonly #map: CodeMap;

  constructor(bytes: Uint8Array, map: CodeMap) {
    this.#old = bytes;
    this.#now = bytes.slice();
    this.#map = map;
  }

  get bytes(): Uint8Array {
    return this.#now;
  }

  /** The address of code at an offset of the section, as it was; from now on it is where it is now. */
  code(offset: number, width: number): number {
    const address = new Cursor(this.#old, offset).uint(width);
    putUint(this.#now, offset, width, this.#map.at(address) ?? tombstone(width));
    return address;
  }

  /** The address that a range ends with. */
  end(offset: number, width: number, start: number): void {
    const end = new Cursor(this.#old, offset).uint(width);
    putUint(this.#now, offset, width, this.#map.range(start, end)?.end ?? tombstone(width));
  }
}

export function moveAranges(bytes: Uint8Array, map: CodeMap): Uint8Array {
  const out = bytes.slice();
  const cursor = new Cursor(out);
  while (!cursor.eof) {
    const start = cursor.pos;
    const end = cursor.unitEnd();
    const version = cursor.u16();
    if (version !== 2) throw new NotUnderstood(`version ${version} of address ranges`);
    cursor.skip(4);
    const [width, segment] = [cursor.u8(), cursor.u8()];
    if ((width !== 4 && width !== 8) || segment !== 0)
      throw new NotUnderstood(`addresses of ${width} bytes, segments of ${segment}`);
    // Pairs are aligned to their own size, from the start of the unit.
    cursor.pos = start + Math.ceil((cursor.pos - start) / (2 * width)) * 2 * width;
    while (cursor.pos + 2 * width <= end) {
      const at = cursor.pos;
      const [address, length] = [cursor.uint(width), cursor.uint(width)];
      if (length === 0) continue;
      const moved = map.range(address, address + length);
      putUint(out, at, width, moved?.start ?? tombstone(width));
      if (moved !== undefined) putUint(out, at + width, width, moved.end - moved.start);
    }
    cursor.pos = end;
  }
  return out;
}
