/**
 * The one walk over code. It steps from instruction to instruction as the opcode table says, and
 * shows each index immediate with the bytes it stands in. Relocation, reachability and feature
 * detection are visitors of it.
 *
 * It goes over the bytes once, without recursion and without making an object: nesting depth costs
 * nothing, and a body of megabytes is walked at memory speed.
 *
 * https://webassembly.github.io/spec/core/binary/instructions.html
 */
import { badByte, badLeb, unexpectedEnd, unknownOpcode } from './errors.ts';
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

// The shapes that are an index of a kind, and which.
const KINDS = new Uint8Array(256);
for (const name of INDEX_NAMES) KINDS[code(`${name}idx`)] = INDEX_KIND[name];

const SHAPES = new Uint8Array(OPCODE_COUNT).fill(UNKNOWN);
const LISTS: (readonly number[])[] = [];
for (const row of OPCODES) {
  const [first, second] = row.immediates;
  SHAPES[row.opcode] = first === undefined ? NOTHING : second === undefined ? code(first) : MANY;
  LISTS[row.opcode] = row.immediates.map(code);
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
      if (byte < 0x80) return value;
    }
    const last = this.u8();
    if (last > 0x0f) this.fail((s, o) => badLeb('u32', s, o), at);
    return (value | (last << 28)) >>> 0;
  }

  /** Skips a LEB of up to `bits` bits. */
  skip(bits: number): void {
    const at = this.pos;
    const longest = Math.ceil(bits / 7);
    for (let n = 1; n <= longest; n++) if (this.u8() < 0x80) return;
    this.fail((s, o) => badLeb(`${bits}-bit integer`, s, o), at);
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

  /** A block type or heap type: a negative one-byte code, or a typeidx as a non-negative s33. */
  s33(): void {
    const at = this.pos;
    const first = this.u8();
    // 0x40 up to 0x7f are the one-byte negative codes: empty, value types, abstract heap types.
    if (first >= 0x40 && first < 0x80) {
      if (first === 0x63 || first === 0x64) this.s33();
      return;
    }
    let value = first & 0x7f;
    let scale = 128;
    let byte = first;
    for (let n = 1; byte >= 0x80; n++) {
      if (n === 5) this.fail((s, o) => badLeb('s33', s, o), at);
      byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    if ((byte & 0x40) !== 0) this.fail((s, o) => badLeb('s33', s, o), at);
    if ((this.kinds & INDEX_KIND.type) !== 0) this.visitor.index(INDEX_KIND.type, value, at, this.pos, at);
  }

  valType(): void {
    const first = this.bytes[this.pos];
    if (first === undefined || first < 0x40 || first >= 0x80 || first === 0x40) {
      this.fail((s, o) => badByte('value type', first ?? 0, s, o), this.pos);
    }
    this.s33();
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
    this.skip(64);
  }

  locals(): void {
    for (let groups = this.u32(); groups > 0; groups--) {
      this.u32();
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
        this.skip(32);
        return;
      case I64:
        this.skip(64);
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
      case HEAPTYPE:
        this.s33();
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
    const { bytes, end } = this;
    const everyOp = this.visitor.op !== undefined;
    while (this.pos < end) {
      const byte = bytes[this.pos] as number;
      const shape = SHAPES[byte] as number;
      // The three commonest shapes inline: more than half of all instructions.
      if (!everyOp && shape === NOTHING) {
        this.pos++;
      } else if (!everyOp && (shape === LOCALIDX || shape === LABELIDX)) {
        this.pos++;
        if ((bytes[this.pos] as number) < 0x80) this.pos++;
        else this.u32();
      } else {
        this.instruction();
      }
    }
    if (this.pos !== end) this.fail(unexpectedEnd, end);
  }

  constExpr(): number {
    for (;;) if (this.instruction() === 0x0b) return this.pos;
  }
}
