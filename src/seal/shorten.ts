/**
 * Shortening: every LEB in code in its shortest form. A linker leaves room for the widest number
 * wherever it relocates one (five bytes for each call), which only a later tool can take back; engines
 * read each of these bytes, and downloads carry them.
 *
 * What a padded LEB has too much is at its end, and nothing but copies of its sign. So its last byte goes,
 * and the one before it ends the number, until that would be another number.
 */
import { CODE_METADATA, moveHints } from '../link/hints.ts';
import { type Body, type Module, spaces } from '../wasm/module.ts';
import { type Span, type Visitor, walkLebs } from '../wasm/walk.ts';

/** The module with no LEB in its code longer than it must be; itself where none is. */
export function shorten(module: Module): Module {
  const shortener = new Shortener(module.codes);
  const codes = module.codes.map((body) => (mayBePadded(body) ? shortener.run(body) : body));
  if (codes.every((body, i) => body === module.codes[i])) return module;
  const first = spaces(module).imported.func;
  const customs = module.customs.map((custom) => {
    if (!custom.name.startsWith(CODE_METADATA)) return custom;
    const bytes = moveHints(custom, (func) => {
      const [before, after] = [module.codes[func - first], codes[func - first]];
      // Functions that are imported have no code, and are named all the same.
      return { func, before: before ?? NO_CODE, after: after ?? NO_CODE };
    });
    return { name: custom.name, bytes, after: custom.after };
  });
  return { ...module, codes, customs };
}

const NO_CODE: Span = { bytes: new Uint8Array(0), start: 0, end: 0, base: 0, label: '' };

/**
 * Whether bytes stand in it as a padded LEB ends: one that goes on, and behind it nothing but a sign.
 * Most code has none, and a look at the bytes costs a tenth of a walk.
 */
function mayBePadded({ bytes, start, end }: Body): boolean {
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte !== 0 && byte !== 0x7f) continue;
    const before = bytes[at - 1] as number;
    if (byte === 0 ? before >= 0x80 : before >= 0xc0) return true;
  }
  return false;
}

/** The byte of a LEB in [at, end) that can be its last. */
function lastNeeded(bytes: Uint8Array, at: number, end: number, signed: boolean): number {
  let last = end - 1;
  while (last > at) {
    const sign = signed && ((bytes[last - 1] as number) & 0x40) !== 0 ? 0x7f : 0;
    if (((bytes[last] as number) & 0x7f) !== sign) break;
    last--;
  }
  return last;
}

class Shortener implements Visitor {
  readonly kinds = 0;
  readonly #codes: readonly Body[];
  #bytes: Uint8Array = new Uint8Array(0);
  /** The bodies that got shorter, one behind another: no more than there were. Made for the first of them. */
  #out: Uint8Array | undefined;
  /** Where the next byte goes, and up to where the body is copied. */
  #used = 0;
  #copied = 0;

  constructor(codes: readonly Body[]) {
    this.#codes = codes;
  }

  /** The body with short LEBs; itself where it has no others. */
  run(body: Body): Body {
    this.#bytes = body.bytes;
    this.#copied = body.start;
    const start = this.#used;
    walkLebs(body, this);
    if (this.#out === undefined || this.#used === start) return body;
    this.#copyTo(this.#out, body.end);
    // Offsets count from the same byte of the module as before.
    const base = body.base + body.start - start;
    return { bytes: this.#out, start, end: this.#used, base, label: body.label };
  }

  index(): void {}

  leb(at: number, end: number, signed: boolean): void {
    const last = lastNeeded(this.#bytes, at, end, signed);
    if (last === end - 1) return;
    this.#out ??= new Uint8Array(this.#codes.reduce((sum, body) => sum + body.end - body.start, 0));
    this.#copyTo(this.#out, last);
    this.#out[this.#used++] = (this.#bytes[last] as number) & 0x7f;
    this.#copied = end;
  }

  #copyTo(out: Uint8Array, end: number): void {
    let to = this.#used;
    for (let from = this.#copied; from < end; from++) out[to++] = this.#bytes[from] as number;
    this.#used = to;
  }
}
