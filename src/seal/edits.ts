/**
 * Edits of a function body: spans of it that become other bytes. Everything else is copied.
 */
import type { Body } from '../wasm/module.ts';

/** Bytes [start, end) of the body's view become these. Edits of a body are in order and apart. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

export function edited(body: Body, edits: readonly Edit[]): Body {
  const grown = edits.reduce((sum, { start, end, bytes }) => sum + bytes.length - (end - start), 0);
  const out = new Uint8Array(body.end - body.start + grown);
  let [from, to] = [body.start, 0];
  const copy = (end: number): void => {
    out.set(body.bytes.subarray(from, end), to);
    to += end - from;
  };
  for (const { start, end, bytes } of edits) {
    copy(start);
    out.set(bytes, to);
    to += bytes.length;
    from = end;
  }
  copy(body.end);
  const made: Body = {
    bytes: out,
    start: 0,
    end: out.length,
    base: body.base + body.start,
    label: body.label,
  };
  return body.sizeWidth === undefined || grown !== 0 ? made : { ...made, sizeWidth: body.sizeWidth };
}

/** Where an instruction that stays is now; offsets count from the start of the body. */
export function editedOffset(body: Body, edits: readonly Edit[], offset: number): number {
  const at = body.start + offset;
  return edits.reduce(
    (moved, { start, end, bytes }) => (end <= at ? moved + bytes.length - (end - start) : moved),
    offset,
  );
}

/** The longest LEB of an index. */
const LONGEST = 5;

/**
 * Code that ends in an index, as long as what it takes the place of: its LEB is padded. Undefined
 * where it is longer, or no index can be so long.
 */
export function padded(bytes: Uint8Array, length: number): Uint8Array | undefined {
  const more = length - bytes.length;
  if (more === 0) return bytes;
  let first = bytes.length - 1;
  while (first > 0 && (bytes[first - 1] as number) >= 0x80) first--;
  const width = bytes.length - first + more;
  if (more < 0 || width > LONGEST) return undefined;
  const out = new Uint8Array(length).fill(0x80);
  out.set(bytes);
  out[bytes.length - 1] = (bytes[bytes.length - 1] as number) | 0x80;
  out[length - 1] = 0;
  return out;
}
