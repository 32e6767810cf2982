// Code written anew, instruction by instruction: what does not change the meaning is made the same, so
// that the code of two modules can be compared byte by byte.
import {
  type LocalGroup,
  type Operand,
  readBody,
  readExpr,
  writeInstruction,
} from '../../src/wasm/instructions.ts';
import type { OpcodeRow } from '../../src/wasm/opcodes.ts';
import { showType, writeValType } from '../../src/wasm/types.ts';
import type { Span } from '../../src/wasm/walk.ts';
import { Writer } from '../../src/wasm/writer.ts';

function writeLocals(w: Writer, groups: readonly LocalGroup[]): void {
  w.vec(groups, (v, { count, type }) => writeValType(v.u32(count), type));
}

/** A body with every instruction read and written again; its locals grouped as they were. */
export function canonicalBody(body: Span): Uint8Array {
  return rewritten(body, (groups) => groups);
}

/** The same, with locals in the fewest groups. */
export function canonicalBytes(body: Span): Uint8Array {
  return rewritten(body, merged);
}

function rewritten(body: Span, locals: (groups: readonly LocalGroup[]) => readonly LocalGroup[]): Uint8Array {
  const { locals: groups, code } = readBody(body);
  const w = new Writer();
  writeLocals(w, locals(groups));
  for (const { row, operands } of code) writeInstruction(w, row, operands);
  return w.finish();
}

export function canonicalExpr(expr: Span): Uint8Array {
  const w = new Writer();
  for (const { row, operands } of readExpr(expr)) writeInstruction(w, row, operands);
  return w.finish();
}

function merged(groups: readonly LocalGroup[]): readonly LocalGroup[] {
  const out: LocalGroup[] = [];
  for (const { count, type } of groups) {
    const last = out.at(-1);
    if (count === 0) continue;
    if (last !== undefined && showType(last.type) === showType(type))
      out[out.length - 1] = { count: last.count + count, type };
    else out.push({ count, type });
  }
  return out;
}

export function someInstruction(row: OpcodeRow, operands: readonly Operand[]): Uint8Array {
  const w = new Writer();
  writeInstruction(w, row, operands);
  return w.finish();
}
