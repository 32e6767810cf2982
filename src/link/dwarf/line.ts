/**
 * Line programs: which line of the source each instruction came from. Opcodes that do not move the
 * address are copied; where the next row is not as far away as it was, the step is written anew.
 * So a program can become longer, and whoever names its offset must be told.
 *
 * https://dwarfstd.org/doc/DWARF5.pdf (6.2: line number information)
 */
import { Writer } from '../../wasm/writer.ts';
import type { CodeMap } from '../code-map.ts';
import { Cursor, NotUnderstood, putUint, tombstone } from './cursor.ts';

/** Standard opcodes. */
const LNS = {
  copy: 1,
  advancePc: 2,
  advanceLine: 3,
  constAddPc: 8,
  fixedAdvancePc: 9,
} as const;
/** Extended opcodes, which stand behind a 0 and their length. */
const LNE = { endSequence: 1, setAddress: 2 } as const;

export interface MovedLines {
  readonly bytes: Uint8Array;
  /** Offset of each program's unit, before → now. */
  readonly offsets: ReadonlyMap<number, number>;
}

/** What a program's header says, so far as its opcodes depend on it. */
interface Header {
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** How many operands the standard opcodes have, from 1 on. */
  readonly operands: readonly number[];
}

export function moveLines(bytes: Uint8Array, map: CodeMap): MovedLines {
  const cursor = new Cursor(bytes);
  const out = new Writer();
  const offsets = new Map<number, number>();
  while (!cursor.eof) {
    const start = cursor.pos;
    offsets.set(start, out.size);
    const end = cursor.unitEnd();
    const inner = cursor.pos;
    const header = readHeader(cursor, end);
    const program = new Program(new Cursor(bytes, cursor.pos, end), header, map).run();
    const unit = new Uint8Array(4);
    putUint(unit, 0, 4, cursor.pos - inner + program.size);
    out.raw(unit).raw(bytes.subarray(inner, cursor.pos)).append(program);
    cursor.pos = end;
  }
  return { bytes: out.finish(), offsets };
}

/** Reads a header; the cursor is at the program behind it afterwards. */
function readHeader(cursor: Cursor, end: number): Header {
  const version = cursor.u16();
  if (version < 2 || version > 5) throw new NotUnderstood(`version ${version} of line programs`);
  if (version === 5) cursor.skip(2);
  const length = cursor.u32();
  const program = cursor.pos + length;
  if (program > end) throw new NotUnderstood('a header of it is too long');
  const step = cursor.u8();
  const operations = version >= 4 ? cursor.u8() : 1;
  // Instructions of WebAssembly are bytes, and one at a time.
  if (step !== 1 || operations !== 1) throw new NotUnderstood('addresses that do not count bytes');
  cursor.skip(1);
  const [lineBase, lineRange, opcodeBase] = [cursor.i8(), cursor.u8(), cursor.u8()];
  if (lineRange === 0 || opcodeBase === 0) throw new NotUnderstood('a line program without a range of lines');
  const operands = Array.from({ length: opcodeBase - 1 }, () => cursor.u8());
  cursor.pos = program;
  return { lineBase, lineRange, opcodeBase, operands };
}

class Program {
  readonly #in: Cursor;
  readonly #header: Header;
  readonly #map: CodeMap;
  readonly #out = new Writer();
  /** The address register, before and now. */
  #old = 0;
  #now = 0;
  /** The address of the last row, before: what steps since then add up to. */
  #row = 0;
  /** Steps since the last row, as they stand in the input. */
  #steps: Uint8Array[] = [];
  /** In a sequence about a function that has gone, everything stays but its address. */
  #gone = false;

  constructor(input: Cursor, header: Header, map: CodeMap) {
    this.#in = input;
    this.#header = header;
    this.#map = map;
  }

  run(): Writer {
    while (!this.#in.eof) this.#opcode();
    return this.#out;
  }

  #opcode(): void {
    const { opcodeBase, lineBase, lineRange, operands } = this.#header;
    const at = this.#in.pos;
    const code = this.#in.u8();
    const raw = (): Uint8Array => this.#in.bytes.subarray(at, this.#in.pos);
    if (code >= opcodeBase) {
      const adjusted = code - opcodeBase;
      this.#old += Math.floor(adjusted / lineRange);
      this.#special(code, lineBase + (adjusted % lineRange));
    } else if (code === 0) {
      this.#extended(at);
    } else if (code === LNS.copy) {
      if (this.#place()) this.#out.u8(LNS.copy);
    } else if (code === LNS.advancePc) {
      this.#step(this.#in.uleb(), raw());
    } else if (code === LNS.constAddPc) {
      this.#step(Math.floor((255 - opcodeBase) / lineRange), raw());
    } else if (code === LNS.fixedAdvancePc) {
      this.#step(this.#in.u16(), raw());
    } else {
      for (let i = operands[code - 1] ?? 0; i > 0; i--) this.#in.uleb();
      this.#out.raw(raw());
    }
  }

  #extended(at: number): void {
    const length = this.#in.uleb();
    const start = this.#in.pos;
    const code = length === 0 ? 0 : this.#in.u8();
    this.#in.pos = start;
    this.#in.skip(length);
    const raw = this.#in.bytes.slice(at, this.#in.pos);
    if (code === LNE.setAddress) {
      const width = length - 1;
      if (width !== 4 && width !== 8) throw new NotUnderstood(`addresses of ${width} bytes`);
      this.#old = new Cursor(this.#in.bytes, start + 1).uint(width);
      const now = this.#map.at(this.#old);
      this.#gone = now === undefined || !this.#map.isCode(this.#old);
      this.#now = now ?? tombstone(width);
      putUint(raw, raw.length - width, width, this.#now);
      this.#row = this.#old;
      this.#steps = [];
    } else if (code === LNE.endSequence) {
      this.#last();
    }
    this.#out.raw(raw);
    if (code === LNE.endSequence) this.#reset();
  }

  #reset(): void {
    this.#old = 0;
    this.#now = 0;
    this.#row = 0;
    this.#steps = [];
    this.#gone = false;
  }

  #step(bytes: number, raw: Uint8Array): void {
    this.#old += bytes;
    this.#steps.push(raw);
  }

  /** A step and a row in one byte: it stays where both are what they were. */
  #special(code: number, line: number): void {
    const now = this.#gone ? undefined : this.#map.at(this.#old);
    if (this.#gone || (now !== undefined && now - this.#now === this.#old - this.#row)) {
      this.#flush();
      this.#out.u8(code);
      this.#now = now ?? this.#now;
      this.#row = this.#old;
      return;
    }
    if (line !== 0) this.#out.u8(LNS.advanceLine).s64(BigInt(line));
    if (this.#place()) this.#out.u8(LNS.copy);
  }

  /** Brings the address to where the instruction is now; whether there is one. */
  #place(): boolean {
    if (this.#gone) {
      this.#flush();
      return true;
    }
    const now = this.#map.at(this.#old);
    // The instruction has gone: its row goes with it.
    if (now === undefined) return false;
    this.#moveTo(now);
    return true;
  }

  /** The end of a sequence is the end of its function, not the beginning of the next. */
  #last(): void {
    if (this.#gone || this.#old === this.#row) {
      this.#flush();
      return;
    }
    const moved = this.#map.range(this.#row, this.#old);
    this.#moveTo(moved === undefined ? this.#now : moved.end);
  }

  #moveTo(now: number): void {
    if (now - this.#now === this.#old - this.#row) this.#flush();
    else if (now > this.#now) this.#out.u8(LNS.advancePc).u32(now - this.#now);
    else if (now < this.#now) throw new NotUnderstood('a line program whose code was put into another order');
    this.#now = now;
    this.#row = this.#old;
    this.#steps = [];
  }

  #flush(): void {
    for (const step of this.#steps) this.#out.raw(step);
    this.#steps = [];
  }
}
