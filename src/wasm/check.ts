/**
 * Checks that code decodes, without an engine: every instruction is known and whole, blocks are
 * closed where the body ends and nowhere before, and every index names something. Types are not
 * checked; that is the engine's part.
 */
import { missingEnd, trailing, unknownIndex } from '../errors/malformed.ts';
import { type ConstExpr, type Module, spaces } from './module.ts';
import { type Opcode, opcodeNamed } from './opcodes.ts';
import {
  INDEX_KIND,
  INDEX_NAMES,
  type IndexKind,
  type IndexName,
  type Span,
  type Visitor,
  walkBody,
  walkExpr,
} from './walk.ts';

const OPENS: ReadonlySet<Opcode> = new Set(
  ['block', 'loop', 'if', 'try', 'try_table'].map((name) => opcodeNamed(name).opcode),
);
/** `delegate` ends a `try` of legacy exceptions as `end` ends the others. */
const CLOSES: ReadonlySet<Opcode> = new Set(['end', 'delegate'].map((name) => opcodeNamed(name).opcode));

class Checker implements Visitor {
  readonly kinds: number = INDEX_NAMES.reduce((kinds, name) => kinds | INDEX_KIND[name], 0);
  readonly #counts: ReadonlyMap<IndexKind, readonly [name: IndexName, count: number]>;
  #span: Span | undefined;
  #depth = 0;

  constructor(module: Module) {
    const { types, funcs, tables, mems, globals, tags } = spaces(module);
    const counts: Readonly<Record<IndexName, number>> = {
      type: types.length,
      func: funcs.length,
      table: tables.length,
      mem: mems.length,
      global: globals.length,
      tag: tags.length,
      elem: module.elems.length,
      // The data section comes behind the code: without a data count nothing may name a segment.
      data: module.dataCount?.count ?? 0,
    };
    this.#counts = new Map(INDEX_NAMES.map((name) => [INDEX_KIND[name], [name, counts[name]]]));
  }

  check(walk: (span: Span, visitor: Visitor) => void, span: Span): void {
    this.#span = span;
    this.#depth = 1;
    walk(span, this);
    if (this.#depth > 0) throw missingEnd(span.label, span.base + span.end);
  }

  op(opcode: Opcode, at: number): void {
    if (this.#depth === 0) throw trailing(this.#span?.label ?? '', (this.#span?.base ?? 0) + at);
    if (OPENS.has(opcode)) this.#depth++;
    else if (CLOSES.has(opcode)) this.#depth--;
  }

  index(kind: IndexKind, index: number, at: number): void {
    const [name, count] = this.#counts.get(kind) ?? ['func', 0];
    if (index < count) return;
    throw unknownIndex(name, index, this.#span?.label ?? '', (this.#span?.base ?? 0) + at);
  }
}

function* constExprs(module: Module): Generator<ConstExpr> {
  for (const { init } of module.tables) if (init !== undefined) yield init;
  for (const { init } of module.globals) yield init;
  for (const { mode, items } of module.elems) {
    if (mode.kind === 'active') yield mode.offset;
    if (items.kind === 'exprs') yield* items.exprs;
  }
  for (const { mode } of module.datas) if (mode.kind === 'active') yield mode.offset;
}

/** Throws a MalformedError where the code of a module does not decode. */
export function checkCode(module: Module): void {
  const checker = new Checker(module);
  for (const expr of constExprs(module)) checker.check(walkExpr, expr);
  for (const body of module.codes) checker.check(walkBody, body);
}
