/**
 * Branch hints: which way a branch mostly goes, by function and byte offset in its body.
 *
 * https://github.com/WebAssembly/branch-hinting
 */
import { Reader } from '../wasm/reader.ts';
import { Writer } from '../wasm/writer.ts';

export interface FunctionHints {
  readonly func: number;
  readonly hints: readonly { readonly offset: number; readonly value: Uint8Array }[];
}

export function readBranchHints(bytes: Uint8Array): readonly FunctionHints[] {
  return new Reader(bytes, 'branch hint section').vec((r) => ({
    func: r.u32(),
    hints: r.vec((s) => ({ offset: s.u32(), value: s.take(s.u32()) })),
  }));
}

/** Functions must stand in ascending order. */
export function writeBranchHints(functions: readonly FunctionHints[]): Uint8Array {
  const sorted = [...functions].sort((a, b) => a.func - b.func);
  return new Writer()
    .vec(sorted, (w, { func, hints }) => {
      w.u32(func).vec(hints, (v, { offset, value }) => v.u32(offset).sized(value));
    })
    .finish();
}
