// Reads line programs and lists of DWARF for tests: a decoder of its own, with whose help the
// library's is judged. Only what Clang writes.
import type { Module } from '../../src/wasm/module.ts';
import { walkBody } from '../../src/wasm/walk.ts';

export interface Row {
  readonly address: number;
  readonly file: number;
  readonly line: number;
  readonly column: number;
  readonly end: boolean;
}

export function section(module: Module, name: string): Uint8Array {
  return module.customs.find((one) => one.name === name)?.bytes ?? new Uint8Array(0);
}

class Bytes {
  at: number;
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }
  skip(count: number): void {
    this.at += count;
  }
  u8(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Error('read behind the end');
    return byte;
  }
  fixed(width: number): number {
    let value = 0;
    for (let i = 0; i < width; i++) value += this.u8() * 2 ** (8 * i);
    return value;
  }
  leb(signed = false): number {
    let [value, scale, byte] = [0, 1, 0];
    do {
      byte = this.u8();
      value += (byte & 0x7f) * scale;
      scale *= 128;
    } while (byte >= 0x80);
    return signed && (byte & 0x40) !== 0 ? value - scale : value;
  }
}

/** The rows of every line program, in order. */
export function lineRows(bytes: Uint8Array): readonly Row[] {
  const rows: Row[] = [];
  for (let start = 0; start < bytes.length; ) {
    const r = new Bytes(bytes, start);
    const end = r.fixed(4) + r.at;
    const version = r.fixed(2);
    if (version === 5) r.fixed(2);
    const length = r.fixed(4);
    const program = r.at + length;
    r.fixed(3);
    const base = (r.u8() << 24) >> 24;
    const [range, opcodes] = [r.u8(), r.u8()];
    const operands = Array.from({ length: opcodes - 1 }, () => r.u8());
    r.at = program;
    let state = { address: 0, file: 1, line: 1, column: 0 };
    const row = (last: boolean): void => {
      rows.push({ ...state, end: last });
    };
    while (r.at < end) {
      const code = r.u8();
      if (code >= opcodes) {
        state.address += Math.floor((code - opcodes) / range);
        state.line += base + ((code - opcodes) % range);
        row(false);
      } else if (code === 0) {
        const size = r.leb();
        const next = r.at + size;
        const sub = r.u8();
        if (sub === 2) state.address = r.fixed(size - 1);
        if (sub === 1) {
          row(true);
          state = { address: 0, file: 1, line: 1, column: 0 };
        }
        r.at = next;
      } else if (code === 1) row(false);
      else if (code === 2) state.address += r.leb();
      else if (code === 3) state.line += r.leb(true);
      else if (code === 4) state.file = r.leb();
      else if (code === 5) state.column = r.leb();
      else if (code === 8) state.address += Math.floor((255 - opcodes) / range);
      else if (code === 9) state.address += r.fixed(2);
      else for (let i = operands[code - 1] ?? 0; i > 0; i--) r.leb();
    }
    start = end;
  }
  return rows;
}

/** Every offset in the code section at which something begins: bodies, instructions, and the end of each body. */
export function codeOffsets(module: Module): readonly number[] {
  return module.codes.flatMap((body) => {
    const offsets = [body.start];
    walkBody(body, { kinds: 0, index: () => {}, op: (_, at) => offsets.push(at) });
    return [...offsets, body.end];
  });
}

/** The absolute ranges of a list of version 4 that counts from `base`; with expressions behind each. */
export function list4(
  bytes: Uint8Array,
  offset: number,
  base: number,
  expressions: boolean,
): readonly number[] {
  const r = new Bytes(bytes, offset);
  const out: number[] = [];
  let from = base;
  for (;;) {
    const [start, end] = [r.fixed(4), r.fixed(4)];
    if (start === 0 && end === 0) return out;
    if (start === 0xffff_ffff) from = end;
    else {
      out.push(from + start, from + end);
      if (expressions) r.skip(r.fixed(2));
    }
  }
}

/** As `list4`, of version 5, with the addresses of `.debug_addr` from their base on. */
export function list5(
  bytes: Uint8Array,
  offset: number,
  base: number,
  expressions: boolean,
  addresses: Uint8Array,
): readonly number[] {
  const r = new Bytes(bytes, offset);
  const out: number[] = [];
  const indexed = (index: number): number => new Bytes(addresses, 8 + 4 * index).fixed(4);
  let from = base;
  for (;;) {
    const code = r.u8();
    if (code === 0) return out;
    if (code === 1) {
      from = indexed(r.leb());
      continue;
    }
    if (code === 3) {
      const start = indexed(r.leb());
      out.push(start, start + r.leb());
    } else if (code === 4) out.push(from + r.leb(), from + r.leb());
    else throw new Error(`a list entry of kind ${code}`);
    if (expressions) r.skip(r.leb());
  }
}
