/**
 * A memory as instantiation makes it, in pages: only those that a data segment fills are there, so a
 * memory of gigabytes costs what is in it.
 */
import { constantAddress } from '../../snapshot/layout.ts';
import type { Module } from '../../wasm/module.ts';

/** Small, because segments of a byte can be far apart. */
export const PAGE_BYTES = 4096;

export interface Image {
  /** By number; a page that is not there is zero. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

/** What the active segments of a module put into a memory, where their place is known. */
export function imageOf(module: Module, mem: number): Image {
  const pages = new Map<number, Uint8Array>();
  for (const { mode, bytes } of module.datas) {
    const address = mode.kind === 'active' && mode.mem === mem ? constantAddress(mode.offset) : undefined;
    if (address !== undefined) put(pages, address, bytes);
  }
  return { pages };
}

function put(pages: Map<number, Uint8Array>, address: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    const at = address + done;
    const number = Math.floor(at / PAGE_BYTES);
    const inside = at - number * PAGE_BYTES;
    const part = bytes.subarray(done, done + PAGE_BYTES - inside);
    const page = pages.get(number) ?? new Uint8Array(PAGE_BYTES);
    pages.set(number, page);
    page.set(part, inside);
    done += part.length;
  }
}

/** What a range of a memory holds, and how it came to, where that is known. */
export interface Fill {
  /** Bytes that are not zero. */
  readonly used: number;
  /** Of a memory and what it was before: bytes that are other ones, zero or not. */
  readonly written: number;
}

const ZEROS = new Uint8Array(PAGE_BYTES);

/** Counts in [start, end). Without `before`, all that is not zero counts as written. */
export function fillOf(image: Image, before: Image, start: number, end: number): Fill {
  let [used, written] = [0, 0];
  const [first, last] = [Math.floor(start / PAGE_BYTES), Math.ceil(end / PAGE_BYTES)];
  for (const number of pageNumbers(image, before, first, last)) {
    const page = image.pages.get(number) ?? ZEROS;
    const old = before.pages.get(number) ?? ZEROS;
    const base = number * PAGE_BYTES;
    const to = Math.min(PAGE_BYTES, end - base);
    for (let i = Math.max(0, start - base); i < to; i++) {
      if (page[i] !== 0) used++;
      if (page[i] !== old[i]) written++;
    }
  }
  return { used, written };
}

/** The pages of either, from `first` up to `last`: by looking for each, or in all that there are. */
function pageNumbers(image: Image, before: Image, first: number, last: number): Iterable<number> {
  const there = (number: number): boolean => image.pages.has(number) || before.pages.has(number);
  if (last - first <= image.pages.size + before.pages.size)
    return Array.from({ length: last - first }, (_, i) => first + i).filter(there);
  const all = new Set([...image.pages.keys(), ...before.pages.keys()]);
  return [...all].filter((number) => number >= first && number < last);
}
