/**
 * Range lists and location lists, patched where they stand: each entry says which code it is about.
 * One that no longer is about any becomes an empty range, which readers pass over.
 *
 * https://dwarfstd.org/doc/DWARF4.pdf (2.17.3, 2.6.2: pairs that count from a base address)
 * https://dwarfstd.org/doc/DWARF5.pdf (7.25, 7.29: entries of several kinds)
 */
import type { CodeMap, Range } from '../code-map.ts';
import { Cursor, NotUnderstood, putUint, putUleb, tombstone } from './cursor.ts';

/** What an entry counts from: where it was, and where it is. */
export interface Base {
  readonly old: number;
  readonly now: number;
}

export interface ListContext {
  readonly map: CodeMap;
  readonly addressSize: number;
  readonly base: Base;
  /** An address of `.debug_addr` that code stands at, by its index in this unit. */
  readonly address: (index: number) => number;
}

/** A list of `.debug_ranges`, or with `expressions` of `.debug_loc`, which begins at `offset`. */
export function moveList4(
  bytes: Uint8Array,
  offset: number,
  context: ListContext,
  expressions: boolean,
): void {
  const { map, addressSize: width } = context;
  const most = tombstone(width);
  const cursor = new Cursor(bytes, offset);
  let { base } = context;
  for (;;) {
    const at = cursor.pos;
    const [start, end] = [cursor.uint(width), cursor.uint(width)];
    if (start === 0 && end === 0) return;
    if (start === most) {
      base = { old: end, now: map.at(end) ?? tombstone(width) };
      putUint(bytes, at + width, width, base.now);
      continue;
    }
    // The last address but one is what linkers write for code that has gone: all bits would be a base.
    const gone = most - 1;
    if (start !== gone) {
      const found = map.range(base.old + start, base.old + end);
      const moved = found && found.end > found.start ? relative(found, base.now) : undefined;
      const fits =
        moved !== undefined &&
        putUint(bytes, at, width, moved.start) &&
        putUint(bytes, at + width, width, moved.end);
      if (!fits) for (const to of [at, at + width]) putUint(bytes, to, width, gone);
    }
    if (expressions) cursor.skip(cursor.u16());
  }
}

function relative({ start, end }: Range, base: number): Range {
  return { start: start - base, end: end - base };
}

/** The kinds of entries of version 5; a location list has one more, and an expression behind most. */
const RANGE_KINDS = [
  'end',
  'baseIndex',
  'indexIndex',
  'indexLength',
  'offsets',
  'base',
  'addresses',
  'addressLength',
] as const;
const LOCATION_KINDS = [...RANGE_KINDS.slice(0, 5), 'default', ...RANGE_KINDS.slice(5)] as const;

/** A list of `.debug_rnglists`, or with `expressions` of `.debug_loclists`. */
export function moveList5(
  bytes: Uint8Array,
  offset: number,
  context: ListContext,
  expressions: boolean,
): void {
  const kinds: readonly string[] = expressions ? LOCATION_KINDS : RANGE_KINDS;
  const { map, addressSize: width, address } = context;
  const cursor = new Cursor(bytes, offset);
  let { base } = context;
  const uleb = (): Field => {
    const at = cursor.pos;
    const value = cursor.uleb();
    return { value, put: (to) => putUleb(bytes, at, at + lebWidth(bytes, at), to) };
  };
  const addr = (): Field => {
    const at = cursor.pos;
    return { value: cursor.uint(width), put: (to) => putUint(bytes, at, width, to) };
  };
  for (;;) {
    const code = cursor.u8();
    switch (kinds[code]) {
      case 'end':
        return;
      case 'baseIndex': {
        const old = address(cursor.uleb());
        base = { old, now: map.at(old) ?? tombstone(width) };
        continue;
      }
      case 'base': {
        const field = addr();
        base = { old: field.value, now: map.at(field.value) ?? tombstone(width) };
        field.put(base.now);
        continue;
      }
      case 'indexIndex':
        // Both addresses move where they stand, in `.debug_addr`.
        address(cursor.uleb());
        address(cursor.uleb());
        break;
      case 'indexLength':
        lengthAt(map, address(cursor.uleb()), uleb());
        break;
      case 'offsets':
        offsetPair(map, base, uleb(), uleb());
        break;
      case 'addresses':
        addressPair(map, addr(), addr(), width);
        break;
      case 'addressLength': {
        const start = addr();
        lengthAt(map, start.value, uleb());
        start.put(map.at(start.value) ?? tombstone(width));
        break;
      }
      case 'default':
        break;
      default:
        throw new NotUnderstood(`a list entry of kind ${code}`);
    }
    if (expressions) cursor.skip(cursor.uleb());
  }
}

/** A number in a section, and how to put another one there: whether that fits. */
interface Field {
  readonly value: number;
  readonly put: (value: number) => boolean;
}

function lebWidth(bytes: Uint8Array, at: number): number {
  let end = at;
  while ((bytes[end] as number) >= 0x80) end++;
  return end + 1 - at;
}

function lengthAt(map: CodeMap, start: number, length: Field): void {
  const moved = map.range(start, start + length.value);
  if (moved === undefined || !length.put(moved.end - moved.start)) length.put(0);
}

function offsetPair(map: CodeMap, base: Base, start: Field, end: Field): void {
  const moved = map.range(base.old + start.value, base.old + end.value);
  if (moved !== undefined && start.put(moved.start - base.now) && end.put(moved.end - base.now)) return;
  start.put(0);
  end.put(0);
}

function addressPair(map: CodeMap, start: Field, end: Field, width: number): void {
  const moved = map.range(start.value, end.value);
  start.put(moved?.start ?? tombstone(width));
  end.put(moved?.end ?? tombstone(width));
}
