/**
 * Code metadata: notes to instructions, by function and byte offset in its body. Branch hints, which
 * way a branch mostly goes, are the kind that compilers write; all kinds have the same form.
 *
 * https://github.com/WebAssembly/tool-conventions/blob/main/CodeMetadata.md
 * https://github.com/WebAssembly/branch-hinting
 * https://github.com/WebAssembly/compilation-hints (what a call mostly calls names functions itself)
 */
import { FreezeError } from '../errors/classes.ts';
import type { CustomSection } from '../wasm/module.ts';
import { Reader } from '../wasm/reader.ts';
import { type Span, walkBody } from '../wasm/walk.ts';
import { Writer } from '../wasm/writer.ts';

/** What the names of such sections begin with. */
export const CODE_METADATA = 'metadata.code.';
export const BRANCH_HINTS = 'metadata.code.branch_hint';
export const CALL_TARGETS = 'metadata.code.call_targets';

export interface FunctionHints {
  readonly func: number;
  readonly hints: readonly { readonly offset: number; readonly value: Uint8Array }[];
}

/** A function's new index, and its body before and after indices in it moved. */
export interface Place {
  readonly func: number;
  readonly before: Span;
  readonly after: Span;
  /** Where an offset is now, where instructions were replaced; otherwise they are counted off. */
  readonly moved?: (offset: number) => number;
}

export function readHints(bytes: Uint8Array): readonly FunctionHints[] {
  return new Reader(bytes, 'code metadata section').vec((r) => ({
    func: r.u32(),
    hints: r.vec((s) => ({ offset: s.u32(), value: s.take(s.u32()) })),
  }));
}

/** Functions must stand in ascending order. */
export function writeHints(functions: readonly FunctionHints[]): Uint8Array {
  const sorted = [...functions].sort((a, b) => a.func - b.func);
  return new Writer()
    .vec(sorted, (w, { func, hints }) => {
      w.u32(func).vec(hints, (v, { offset, value }) => v.u32(offset).sized(value));
    })
    .finish();
}

/** The hints of a section where their functions are now; nothing of one that cannot be read, as in engines. */
export function placedHints(
  bytes: Uint8Array,
  place: (func: number) => Place | undefined,
): readonly FunctionHints[] {
  let read: readonly FunctionHints[];
  try {
    read = readHints(bytes);
  } catch (error) {
    if (error instanceof FreezeError) return [];
    throw error;
  }
  return read.flatMap(({ func, hints }) => {
    const placed = place(func);
    if (placed === undefined) return [];
    const offsets = placed.moved === undefined ? movedOffsets(placed) : undefined;
    const moved = placed.moved ?? ((offset: number): number => offsets?.get(offset) ?? offset);
    return [{ func: placed.func, hints: hints.map((hint) => ({ ...hint, offset: moved(hint.offset) })) }];
  });
}

/** A section of hints where its functions are now. */
export function moveHints(
  { name, bytes }: CustomSection,
  place: (func: number) => Place | undefined,
): Uint8Array {
  const placed = placedHints(bytes, place);
  return writeHints(name === CALL_TARGETS ? placed.map((one) => withMovedTargets(one, place)) : placed);
}

/** The targets of calls that are still there, each with how often it is called. */
function withMovedTargets(
  { func, hints }: FunctionHints,
  place: (func: number) => Place | undefined,
): FunctionHints {
  const moved = hints.map(({ offset, value }) => ({ offset, value: movedTargets(value, place) }));
  return { func, hints: moved.filter(({ value }) => value.length > 0) };
}

function movedTargets(value: Uint8Array, place: (func: number) => Place | undefined): Uint8Array {
  const r = new Reader(value, 'call targets');
  const w = new Writer(value.length);
  try {
    while (r.pos < value.length) {
      const [target, share] = [place(r.u32()), r.u32()];
      if (target !== undefined) w.u32(target.func).u32(share);
    }
  } catch (error) {
    // What cannot be read says nothing.
    if (error instanceof FreezeError) return new Uint8Array(0);
    throw error;
  }
  return w.finish();
}

/** Where a section of hints goes in a module that has none: before the code section. */
const BEFORE_CODE = 12;

/** The custom sections with more branch hints. */
export function addHints(
  customs: readonly CustomSection[],
  added: readonly FunctionHints[],
): readonly CustomSection[] {
  if (added.length === 0) return customs;
  const at = customs.findIndex((custom) => custom.name === BRANCH_HINTS);
  const known = customs[at];
  const hints = known === undefined ? added : [...readHints(known.bytes), ...added];
  const custom = { name: BRANCH_HINTS, bytes: writeHints(hints), after: known?.after ?? BEFORE_CODE };
  return at < 0 ? [...customs, custom] : customs.with(at, custom);
}

/** Where each instruction stands now: relocation changes how long they are, not how many. */
function movedOffsets({ before, after }: Place): ReadonlyMap<number, number> {
  if (before === after) return new Map();
  const now = offsetsOf(after);
  return new Map(offsetsOf(before).map((offset, i) => [offset, now[i] ?? offset]));
}

function offsetsOf(body: Span): readonly number[] {
  const offsets: number[] = [];
  walkBody(body, {
    kinds: 0,
    index: () => {},
    op: (_, at) => {
      offsets.push(at - body.start);
    },
  });
  return offsets;
}
