/**
 * Relocation: a copy of code in which every index is the mapped one. One walk: bytes up to an index
 * immediate are copied, the mapped index is written, and so on.
 *
 * A map is total. A kind without a map keeps its indices; an index that a map marks GONE is refused
 * by name, because code that names what is no longer there must not be written.
 */
import { unmapped } from '../wasm/errors.ts';
import {
  INDEX_KIND,
  INDEX_NAMES,
  type IndexKind,
  type IndexName,
  type Span,
  type Visitor,
  walkBody,
  walkExpr,
} from '../wasm/walk.ts';
import { signedWidth, unsignedWidth, Writer } from '../wasm/writer.ts';

/** Old index → new index. */
export type IndexMap = Uint32Array;
export const GONE = 0xffff_ffff;

export interface Maps extends Readonly<Partial<Record<IndexName, IndexMap>>> {
  /** Globals that are constants now: `global.get` of one becomes these bytes. */
  readonly constants?: ReadonlyMap<number, Uint8Array>;
}

const nameOfKind = new Map<IndexKind, IndexName>(INDEX_NAMES.map((name) => [INDEX_KIND[name], name]));

export function identityMap(length: number): IndexMap {
  return Uint32Array.from({ length }, (_, i) => i);
}

/** The kinds that these maps move, as bits of INDEX_KIND. */
export function movedKinds(maps: Maps): number {
  let kinds = 0;
  for (const name of INDEX_NAMES) if (maps[name] !== undefined) kinds |= INDEX_KIND[name];
  return maps.constants === undefined || maps.constants.size === 0 ? kinds : kinds | INDEX_KIND.global;
}

/** The mapped index. `place` says where it stands, for the error. */
export function mapIndex(maps: Maps, name: IndexName, index: number, place: string): number {
  const map = maps[name];
  if (map === undefined) return index;
  const mapped = map[index];
  if (mapped === undefined || mapped === GONE) throw unmapped(name, index, place);
  return mapped;
}

class Relocator implements Visitor {
  readonly kinds: number;
  readonly #span: Span;
  readonly #maps: Maps;
  readonly #keepWidth: boolean;
  readonly #out: Writer;
  #copied: number;

  constructor(span: Span, maps: Maps, kinds: number, keepWidth: boolean) {
    this.kinds = kinds;
    this.#span = span;
    this.#maps = maps;
    this.#keepWidth = keepWidth;
    this.#out = new Writer(span.end - span.start + 32);
    this.#copied = span.start;
  }

  #copyTo(at: number): void {
    this.#out.raw(this.#span.bytes.subarray(this.#copied, at));
  }

  index(kind: IndexKind, index: number, at: number, end: number, flags: number): void {
    if (kind === INDEX_KIND.global) {
      const constant = this.#maps.constants?.get(index);
      // An opcode byte stands before the index: it goes with it.
      if (constant !== undefined) {
        this.#copyTo(at - 1);
        this.#out.raw(constant);
        this.#copied = end;
        return;
      }
    }
    const mapped = mapIndex(this.#maps, nameOfKind.get(kind) as IndexName, index, this.#span.label);
    if (at === end) {
      this.#implicitMemory(mapped, flags, end);
      return;
    }
    if (mapped === index) return;
    this.#copyTo(at);
    // A typeidx can stand where an s33 is read, so its top bit of seven must be clear there; a
    // padded or shortest u32 below 2^31 with one more byte where needed satisfies both readings.
    const width = this.#keepWidth ? end - at : 0;
    const needed = kind === INDEX_KIND.type ? signedWidth(mapped) : unsignedWidth(mapped);
    this.#out.u32Padded(mapped, Math.max(width, needed));
    this.#copied = end;
  }

  /** A memarg that left memory 0 unsaid, and now must say another. */
  #implicitMemory(mem: number, flags: number, end: number): void {
    if (mem === 0) return;
    this.#copyTo(flags);
    this.#out.u8((this.#span.bytes[flags] as number) | 0x40);
    this.#out.raw(this.#span.bytes.subarray(flags + 1, end)).u32(mem);
    this.#copied = end;
  }

  finish(): Uint8Array {
    this.#copyTo(this.#span.end);
    return this.#out.finish();
  }
}

export interface RelocateOptions {
  /**
   * Keeps each LEB as wide as it was where the new index fits, so that nothing behind it moves:
   * offsets in debug information stay true. Otherwise indices are written in their shortest form.
   */
  readonly keepWidth?: boolean;
}

function relocate(
  walk: (span: Span, visitor: Visitor) => void,
  span: Span,
  maps: Maps,
  options: RelocateOptions,
): Span {
  const relocator = new Relocator(span, maps, movedKinds(maps), options.keepWidth === true);
  walk(span, relocator);
  const bytes = relocator.finish();
  return { bytes, start: 0, end: bytes.length, base: span.base + span.start, label: span.label };
}

/** A function body with every index mapped. */
export function relocateBody(body: Span, maps: Maps, options: RelocateOptions = {}): Span {
  return relocate(walkBody, body, maps, options);
}

/** A constant expression with every index mapped. */
export function relocateExpr(expr: Span, maps: Maps): Span {
  return relocate(walkExpr, expr, maps, {});
}
