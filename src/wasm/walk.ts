/**
 * The one walk over code. It steps from instruction to instruction as the opcode table says, and
 * shows each index immediate with the bytes it stands in, or each LEB of more than one byte. Relocation,
 * reachability, feature detection and shortening are visitors of it.
 *
 * It goes over the bytes once, without recursion and without making an object: nesting depth costs
 * nothing, and a body of megabytes is walked at memory speed.
 *
 * https://webassembly.github.io/spec/core/binary/instructions.html
 */
import { badByte, badLeb, tooManyLocals, unexpectedEnd, unknownOpcode } from '../errors/malformed.ts';
import { IMMEDIATES, type Immediate, OPCODE_COUNT, OPCODES, type Opcode, prefixed } from './opcodes.ts';

/** The kinds of index that a module-level change can move, as bits of a set. */
export const INDEX_KIND = {
  type: 1,
  func: 2,
  table: 4,
  mem: 8,
  global: 16,
  tag: 32,
  elem: 64,
  data: 128,
} as const;
export type IndexName = keyof typeof INDEX_KIND;
export type IndexKind = (typeof INDEX_KIND)[IndexName];
export const INDEX_NAMES = Object.keys(INDEX_KIND) as readonly IndexName[];

/** Bytes [start, end) of a larger view, which begins at `base` in the module. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly base: number;
  /** What it is, for messages: `code section, func 12`. */
  readonly label: string;
}

export interface Visitor {
  /** The set of index kinds to show, as bits of INDEX_KIND. */
  readonly kinds: number;
  /**
   * An index immediate: bytes [at, end) hold it as an unsigned LEB (a non-negative s33 for a
   * typeidx in a block, heap or value type). A memarg without a memory index is shown as an empty
   * span, `at === end`, behind its flags, which begin at `flags`.
   */
  index(kind: IndexKind, index: number, at: number, end: number, flags: number): void;
  /** Every instruction, where this is wanted. */
  op?(opcode: Opcode, at: number): void;
  /**
   * The one-byte code of every value type, of a block type that is no typeidx (0x40: empty), and of
   * every abstract heap type, where this is wanted; 0x63 and 0x64 stand before a heap type.
   */
  type?(code: number): void;
  /** With `walkLebs`, every LEB of more than one byte, the numbers behind prefixes among them: bytes [at, end). */
  leb?(at: number, end: number, signed: boolean): void;
}

// An opcode's shape is what follows it. Single immediates have the number of their kind, from 1 on;
// 0 is nothing; MANY goes through the list.
const NOTHING = 0;
const MANY = 255;
const UNKNOWN = 254;
const code = (name: Immediate): number => IMMEDIATES.indexOf(name) + 1;
const LOCALIDX = code('localidx');
const LABELIDX = code('labelidx');
const FIELDIDX = code('fieldidx');
const U32 = code('u32');
const I32 = code('i32');
const I64 = code('i64');
const F32 = code('f32');
const F64 = code('f64');
const V128 = code('v128');
const LANES = code('lanes');
const LANEIDX = code('laneidx');
const BLOCKTYPE = code('blocktype');
const HEAPTYPE = code('heaptype');
const VALTYPES = code('valtypes');
const MEMARG = code('memarg');
const LABELS = code('labels');
const CATCHES = code('catches');
const CASTOP = code('castop');
const ZERO = code('zero');

// The shapes that are an index of a kind, and which, as an index kind's bit.
const KINDS = new Uint8Array(256);
for (const name of INDEX_NAMES) KINDS[code(`${name}idx`)] = INDEX_KIND[name];

const SHAPES = new Uint8Array(OPCODE_COUNT).fill(UNKNOWN);
const LISTS: (readonly number[])[] = [];
for (const row of OPCODES) {
  const [first, second] = row.immediates;
  SHAPES[row.opcode] = first === undefined ? NOTHING : second === undefined ? code(first) : MANY;
  LISTS[row.opcode] = row.immediates.map(code);
}

// How the main loop may step over an instruction that shows nothing, by its first byte. These make
// nine of ten instructions; what is not in one of these forms is read by the opcode table.
const BY_TABLE = 0;
const NO_BYTES = 1;
/** A LEB: one of up to four bytes is in range whatever its type. */
const ONE_LEB = 2;
/** A memarg: flags below 0x40, which leave the memory unsaid, and an offset. */
const TWO_LEBS = 3;
const ONE_TYPE = 4;
/** An index, or a memarg whose memory is to be shown, and nothing else. */
const SHOWN = 5;

/** The steps for visitors that want these kinds of index. */
function stepsFor(kinds: number): Uint8Array {
  const single = new Set([LOCALIDX, LABELIDX, U32, I32, I64]);
  return Uint8Array.from({ length: 256 }, (_, opcode) => {
    const shape = SHAPES[opcode] as number;
    const kind = KINDS[shape] as number;
    if (shape === NOTHING) return NO_BYTES;
    if (kind !== 0) return (kinds & kind) === 0 ? ONE_LEB : SHOWN;
    if (single.has(shape)) return ONE_LEB;
    if (shape === MEMARG) return (kinds & INDEX_KIND.mem) === 0 ? TWO_LEBS : SHOWN;
    return shape === BLOCKTYPE ? ONE_TYPE : BY_TABLE;
  });
}

const knownSteps: (Uint8Array | undefined)[] = [];

function steps(kinds: number): Uint8Array {
  knownSteps[kinds] ??= stepsFor(kinds);
  return knownSteps[kinds];
}

/** Walks the instructions of a span, which must end where an instruction ends. */
export function walkExpr(span: Span, visitor: Visitor): void {
  new Walk(span, visitor).instructions();
}

/** Walks a function body: its local declarations, then its instructions. */
export function walkBody(span: Span, visitor: Visitor): void {
  const walk = new Walk(span, visitor);
  walk.locals();
  walk.instructions();
}

/** The same for a visitor of LEBs. */
export function walkLebs(span: Span, visitor: Visitor & Required<Pick<Visitor, 'leb'>>): void {
  const walk = new Walk(span, visitor);
  walk.locals();
  walk.instructionsWithLebs();
}

/** Walks one value type or heap type. */
export function walkValType(span: Span, visitor: Visitor): number {
  const walk = new Walk(span, visitor);
  walk.valType();
  return walk.pos;
}

/** Where the constant expression that starts at `span.start` ends: behind its `end`. */
export function constExprEnd(span: Span): number {
  const walk = new Walk(span, { kinds: 0, index: () => {} });
  return walk.constExpr();
}

/** Where the instruction at `pos` ends, if it can be stepped over; otherwise 0. */
function stepOver(bytes: Uint8Array, pos: number, step: number, everyType: boolean): number {
  if (step === NO_BYTES) return pos + 1;
  if (step === ONE_LEB) return lebEnd(bytes, pos + 1);
  if (step === TWO_LEBS) return (bytes[pos + 1] as number) < 0x40 ? lebEnd(bytes, pos + 2) : 0;
  if (step === ONE_TYPE && !everyType) {
    const type = bytes[pos + 1] as number;
    // 0x63 and 0x64 have a heap type behind them.
    return type >= 0x40 && type < 0x80 && type !== 0x63 && type !== 0x64 ? pos + 2 : 0;
  }
  return 0;
}

/** The same for who wants LEBs of more than one byte: over those of one. */
function stepOverShort(bytes: Uint8Array, pos: number, step: number): number {
  if (step === NO_BYTES) return pos + 1;
  if (step === ONE_LEB) return (bytes[pos + 1] as number) < 0x80 ? pos + 2 : 0;
  const isShort = (bytes[pos + 1] as number) < 0x40 && (bytes[pos + 2] as number) < 0x80;
  return step === TWO_LEBS && isShort ? pos + 3 : 0;
}

/** Where a LEB of up to four bytes ends; 0 for a longer one. */
function lebEnd(bytes: Uint8Array, pos: number): number {
  if ((bytes[pos] as number) < 0x80) return pos + 1;
  if ((bytes[pos + 1] as number) < 0x80) return pos + 2;
  if ((bytes[pos + 2] as number) < 0x80) return pos + 3;
  return (bytes[pos + 3] as number) < 0x80 ? pos + 4 : 0;
}

/** The most that the binary format allows; engines take far fewer. */
const MOST_LOCALS = 2 ** 32 - 1;

class Walk {
  readonly bytes: Uint8Array;
  readonly end: number;
  readonly span: Span;
  readonly visitor: Visitor;
  readonly kinds: number;
  pos: number;

  constructor(span: Span, visitor: Visitor) {
    this.bytes = span.bytes;
    this.end = span.end;
    this.span = span;
    this.visitor = visitor;
    this.kinds = visitor.kinds;
    this.pos = span.start;
  }

  fail(make: (section: string, offset: number) => Error, at: number): never {
    throw make(this.span.label, this.span.base + at);
  }

  u8(): number {
    if (this.pos >= this.end) this.fail(unexpectedEnd, this.end);
    return this.bytes[this.pos++] as number;
  }

  u32(): number {
    const first = this.bytes[this.pos];
    if (first !== undefined && first < 0x80) {
      this.pos++;
      return first;
    }
    return this.longU32();
  }

  longU32(): number {
    const at = this.pos;
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.visitor.leb?.(at, this.pos, false);
        return value;
      }
    }
    const last = this.u8();
    if (last > 0x0f) this.fail((s, o) => badLeb('u32', s, o), at);
    this.visitor.leb?.(at, this.pos, false);
    return (value | (last << 28)) >>> 0;
  }

  /** Skips a LEB of up to `bits` bits; what its last byte holds beyond them must repeat the sign. */
  skip(type: 's32' | 's64' | 'u64', bits: number): void {
    const at = this.pos;
    for (let left = bits; left > 7; left -= 7) {
      if (this.u8() >= 0x80) continue;
      if (this.pos - at > 1) this.visitor.leb?.(at, this.pos, type !== 'u64');
      return;
    }
    const last = this.u8();
    const value = type === 'u64' ? last : (last << 25) >> 25;
    const rest = bits % 7;
    const fits = type === 'u64' ? value >> rest === 0 : value >> (rest - 1) === value >> 7;
    if (last >= 0x80 || !fits) this.fail((s, o) => badLeb(type, s, o), at);
    this.visitor.leb?.(at, this.pos, type !== 'u64');
  }

  take(count: number): void {
    this.pos += count;
    if (this.pos > this.end) this.fail(unexpectedEnd, this.end);
  }

  index(kind: IndexKind): void {
    const at = this.pos;
    const value = this.u32();
    if ((this.kinds & kind) !== 0) this.visitor.index(kind, value, at, this.pos, at);
  }

  /** A typeidx where types stand: a non-negative s33. */
  typeIdx(): void {
    const at = this.pos;
    let byte = this.u8();
    let value = byte & 0x7f;
    let scale = 128;
    for (let n = 1; byte >= 0x80; n++) {
      if (n === 5) this.fail((s, o) => badLeb('s33', s, o), at);
      byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    // The fifth byte holds five bits of the value, the sign among them.
    if ((byte & 0x40) !== 0 || value >= 2 ** 32) this.fail((s, o) => badLeb('typeidx', s, o), at);
    if (this.pos - at > 1) this.visitor.leb?.(at, this.pos, true);
    if ((this.kinds & INDEX_KIND.type) !== 0) this.visitor.index(INDEX_KIND.type, value, at, this.pos, at);
  }

  /** Whether a one-byte type code comes next; from 0x80 on and below 0x40 it is a typeidx. */
  isTypeCode(): boolean {
    const byte = this.bytes[this.pos] as number;
    return this.pos < this.end && byte >= 0x40 && byte < 0x80;
  }

  blockType(): void {
    if (!this.isTypeCode()) {
      this.typeIdx();
    } else if (this.bytes[this.pos] !== 0x40) {
      this.valType();
    } else {
      this.pos++;
      this.visitor.type?.(0x40);
    }
  }

  heapType(): void {
    if (!this.isTypeCode()) {
      this.typeIdx();
      return;
    }
    const at = this.pos;
    const heap = this.u8();
    // Abstract heap types lie between exn and noexn.
    if (heap < 0x69 || heap > 0x74) this.fail((s, o) => badByte('heap type', heap, s, o), at);
    this.visitor.type?.(heap);
  }

  valType(): void {
    const at = this.pos;
    const first = this.u8();
    if (first <= 0x40 || first >= 0x80) this.fail((s, o) => badByte('value type', first, s, o), at);
    this.visitor.type?.(first);
    if (first === 0x63 || first === 0x64) this.heapType();
  }

  memarg(): void {
    const flags = this.pos;
    const align = this.u32();
    const at = this.pos;
    let memory = 0;
    if (align >= 0x40) {
      if (align >= 0x80) this.fail((s, o) => badByte('alignment', align, s, o), flags);
      memory = this.u32();
    }
    if ((this.kinds & INDEX_KIND.mem) !== 0) {
      this.visitor.index(INDEX_KIND.mem, memory, at, this.pos, flags);
    }
    this.skip('u64', 64);
  }

  locals(): void {
    let total = 0;
    for (let groups = this.u32(); groups > 0; groups--) {
      const at = this.pos;
      total += this.u32();
      if (total > MOST_LOCALS) this.fail(tooManyLocals, at);
      this.valType();
    }
  }

  catches(): void {
    for (let count = this.u32(); count > 0; count--) {
      const at = this.pos;
      const kind = this.u8();
      if (kind > 3) this.fail((s, o) => badByte('catch clause', kind, s, o), at);
      if (kind < 2) this.index(INDEX_KIND.tag);
      this.u32();
    }
  }

  opcode(): Opcode {
    const at = this.pos;
    const byte = this.u8();
    if (byte < 0xfb) return byte;
    const opcode = prefixed(byte, this.u32());
    if (opcode < 0) this.unknown(at);
    return opcode;
  }

  unknown(at: number): never {
    const shown = Array.from(this.bytes.subarray(at, Math.max(this.pos, at + 1)), (byte) =>
      byte.toString(16).padStart(2, '0'),
    );
    this.fail((s, o) => unknownOpcode(`0x${shown.join(' ')}`, s, o), at);
  }

  immediate(shape: number): void {
    const kind = KINDS[shape] as IndexKind | 0;
    if (kind !== 0) {
      this.index(kind);
      return;
    }
    switch (shape) {
      case LOCALIDX:
      case LABELIDX:
      case FIELDIDX:
      case U32:
        this.u32();
        return;
      case I32:
        this.skip('s32', 32);
        return;
      case I64:
        this.skip('s64', 64);
        return;
      case F32:
        this.take(4);
        return;
      case F64:
        this.take(8);
        return;
      case V128:
      case LANES:
        this.take(16);
        return;
      case LANEIDX:
      case CASTOP:
      case ZERO:
        this.take(1);
        return;
      case BLOCKTYPE:
        this.blockType();
        return;
      case HEAPTYPE:
        this.heapType();
        return;
      case MEMARG:
        this.memarg();
        return;
      case LABELS:
        for (let count = this.u32(); count >= 0; count--) this.u32();
        return;
      case VALTYPES:
        for (let count = this.u32(); count > 0; count--) this.valType();
        return;
      case CATCHES:
        this.catches();
        return;
      default:
        throw new TypeError(`walk: no immediate has the shape ${shape}`);
    }
  }

  /** An instruction of one byte with an index or a memarg. */
  shown(opcode: Opcode): void {
    const shape = SHAPES[opcode] as number;
    this.pos++;
    if (shape === MEMARG) this.memarg();
    else this.index(KINDS[shape] as IndexKind);
  }

  /** One instruction; its opcode. */
  instruction(): Opcode {
    const at = this.pos;
    const opcode = this.opcode();
    const shape = SHAPES[opcode] as number;
    if (shape === UNKNOWN) this.unknown(at);
    this.visitor.op?.(opcode, at);
    if (shape === MANY) for (const one of LISTS[opcode] ?? []) this.immediate(one);
    else if (shape !== NOTHING) this.immediate(shape);
    return opcode;
  }

  instructions(): void {
    const { bytes, end, visitor } = this;
    const step = steps(this.kinds);
    const everyOp = visitor.op !== undefined;
    const everyType = visitor.type !== undefined;
    let pos = this.pos;
    while (pos < end) {
      const first = bytes[pos] as number;
      const how = step[first] as number;
      const next = stepOver(bytes, pos, how, everyType);
      if (everyOp && (next !== 0 || how === SHOWN)) visitor.op?.(first, pos);
      if (next !== 0) {
        pos = next;
        continue;
      }
      this.pos = pos;
      if (how === SHOWN) this.shown(first);
      else this.instruction();
      pos = this.pos;
    }
    this.pos = pos;
    if (pos !== end) this.fail(unexpectedEnd, end);
  }

  /** All instructions, for a visitor of LEBs. A loop of its own, so that the other one stays as fast as it is. */
  instructionsWithLebs(): void {
    const { bytes, end } = this;
    const step = steps(0);
    while (this.pos < end) {
      const next = stepOverShort(bytes, this.pos, step[bytes[this.pos] as number] as number);
      if (next === 0) this.instruction();
      else this.pos = next;
    }
    if (this.pos !== end) this.fail(unexpectedEnd, end);
  }

  constExpr(): number {
    for (;;) if (this.instruction() === 0x0b) return this.pos;
  }
}
