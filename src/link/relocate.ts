/**
 * Relocation: a copy of code in which every index is the mapped one. One walk: bytes up to an index
 * immediate are copied, the mapped index is written, and so on.
 *
 * A map is total. A kind without a map keeps its indices; an index that a map marks GONE is refused
 * by name, because code that names what is no longer there must not be written.
 */
import { unmapped } from '../errors/link.ts';
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
import { signedWidth, unsignedWidth } from '../wasm/writer.ts';

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

/**
 * Relocated bodies stand one behind another in chunks of this size, since an allocation for each of
 * a hundred thousand bodies would cost more than the walk.
 */
const CHUNK = 1 << 18;

/** Up to here a loop copies faster than a view of the bytes is made. */
const SHORT_COPY = 32;

class Relocator implements Visitor {
  kinds = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #label = '';
  #maps: Maps = {};
  /** The map of each kind, by its bit. */
  readonly #byKind: (IndexMap | undefined)[] = new Array<undefined>(INDEX_KIND.data + 1).fill(undefined);
  #keepWidth = false;
  #chunk: Uint8Array = new Uint8Array(0);
  /** Where the body that is being written begins in the chunk, and where it goes on. */
  #start = 0;
  #used = 0;
  #copied = 0;

  /** The span relocated; itself where nothing in it changes. */
  run(walk: (span: Span, visitor: Visitor) => void, span: Span, maps: Maps, keepWidth: boolean): Span {
    this.kinds = movedKinds(maps);
    for (const name of INDEX_NAMES) this.#byKind[INDEX_KIND[name]] = maps[name];
    this.#maps = maps;
    this.#keepWidth = keepWidth;
    this.#bytes = span.bytes;
    this.#label = span.label;
    this.#used = this.#start;
    this.#copied = span.start;
    walk(span, this);
    if (this.#copied === span.start) return span;
    this.#copyTo(span.end);
    const [bytes, start, end] = [this.#chunk, this.#start, this.#used];
    this.#start = end;
    // The base is such that offsets count from the same byte of the module as before.
    return { bytes, start, end, base: span.base + span.start - start, label: span.label };
  }

  index(kind: IndexKind, index: number, at: number, end: number, flags: number): void {
    if (kind === INDEX_KIND.global) {
      const constant = this.#maps.constants?.get(index);
      // An opcode byte stands before the index: it goes with it.
      if (constant !== undefined) {
        this.#copyTo(at - 1);
        this.#put(constant, 0, constant.length);
        this.#copied = end;
        return;
      }
    }
    const map = this.#byKind[kind];
    const mapped = map === undefined ? index : (map[index] ?? GONE);
    if (mapped === GONE) throw unmapped(nameOfKind.get(kind) as IndexName, index, this.#label);
    if (mapped === index) return;
    if (at === end) {
      this.#implicitMemory(mapped, flags, end);
      return;
    }
    this.#copyTo(at);
    // A typeidx can stand where an s33 is read, so its top bit of seven must be clear there; a
    // padded or shortest u32 below 2^31 with one more byte where needed satisfies both readings.
    const width = this.#keepWidth ? end - at : 0;
    const needed = kind === INDEX_KIND.type ? signedWidth(mapped) : unsignedWidth(mapped);
    this.#leb(mapped, Math.max(width, needed));
    this.#copied = end;
  }

  /** A memarg that left memory 0 unsaid, and now must say another. */
  #implicitMemory(mem: number, flags: number, end: number): void {
    this.#copyTo(flags);
    this.#leb((this.#bytes[flags] as number) | 0x40, 1);
    this.#put(this.#bytes, flags + 1, end);
    this.#leb(mem, unsignedWidth(mem));
    this.#copied = end;
  }

  #copyTo(at: number): void {
    this.#put(this.#bytes, this.#copied, at);
    this.#copied = at;
  }

  #put(bytes: Uint8Array, start: number, end: number): void {
    this.#room(end - start);
    const chunk = this.#chunk;
    if (end - start > SHORT_COPY) chunk.set(bytes.subarray(start, end), this.#used);
    else for (let from = start, to = this.#used; from < end; from++, to++) chunk[to] = bytes[from] as number;
    this.#used += end - start;
  }

  #leb(value: number, width: number): void {
    this.#room(width);
    let rest = value;
    for (let left = width; left > 1; left--) {
      this.#chunk[this.#used++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#chunk[this.#used++] = rest;
  }

  /** A new chunk where this one is full: what was written of this body moves there, those before stay. */
  #room(count: number): void {
    if (this.#used + count <= this.#chunk.length) return;
    const written = this.#used - this.#start;
    const chunk = new Uint8Array(Math.max(CHUNK, 2 * (written + count)));
    chunk.set(this.#chunk.subarray(this.#start, this.#used));
    this.#chunk = chunk;
    this.#start = 0;
    this.#used = written;
  }
}

const relocator = new Relocator();

export interface RelocateOptions {
  /**
   * Keeps each LEB as wide as it was where the new index fits, so that nothing behind it moves:
   * offsets in debug information stay true. Otherwise indices are written in their shortest form.
   */
  readonly keepWidth?: boolean;
}

/** A function body with every index mapped. */
export function relocateBody(body: Span, maps: Maps, options: RelocateOptions = {}): Span {
  return relocator.run(walkBody, body, maps, options.keepWidth === true);
}

/** A constant expression with every index mapped. */
export function relocateExpr(expr: Span, maps: Maps): Span {
  return relocator.run(walkExpr, expr, maps, false);
}
