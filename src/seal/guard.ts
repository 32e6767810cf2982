/**
 * Guarded calls: an indirect call whose slot is only known at run time, but where the code that a JIT
 * made mostly calls code that it made, becomes a test for that slot and a direct call:
 *
 *     local.set $slot
 *     local.get $slot  i32.const K  i32.eq
 *     if (type $t)  call F
 *     else          local.get $slot  call_indirect (type $t)  end
 *
 * It computes what it computed, guess right or wrong; a direct call can be inlined. A tail call stays
 * one on both ways.
 *
 * The guesses: the functions of that type that were generated, where they are at most two; else the
 * function itself, where it has the type, since recursion through a variable is how a JIT without
 * knowledge of its variables compiles it. A function that is called directly as well is no guess.
 */

import { assemble, assembleBody, type LocalGroup, type Op, readBody } from '../wasm/instructions.ts';
import { type Body, type Module, spaces } from '../wasm/module.ts';
import type { FuncIdx, TableIdx, TypeIdx } from '../wasm/types.ts';
import type { Slots } from './constants.ts';
import { type Edit, edited } from './edits.ts';
import { functionsNamed } from './extract.ts';

/** More candidates than that, and a guess is mostly wrong. */
const MOST_CANDIDATES = 2;

/** What a table holds for ever; undefined where that is not known. */
export type KnownSlots = (table: TableIdx) => Slots | undefined;

export interface Guarded {
  readonly module: Module;
  /** Indirect calls that have a guard now. */
  readonly calls: number;
}

/** The module with guards before the indirect calls in these functions; the very same where there is none. */
export function guardCalls(module: Module, generated: ReadonlySet<FuncIdx>, known: KnownSlots): Guarded {
  const { imported } = spaces(module);
  const guesser = new Guesser(module, generated, known);
  const codes = [...module.codes];
  let calls = 0;
  for (const func of [...generated].sort((a, b) => a - b)) {
    const body = codes[func - imported.func];
    if (body === undefined) continue;
    const guarded = guardBody(module, func, body, guesser);
    codes[func - imported.func] = guarded.body;
    calls += guarded.calls;
  }
  return calls === 0 ? { module, calls } : { module: { ...module, codes }, calls };
}

interface Guess {
  readonly slot: number;
  readonly func: FuncIdx;
}

class Guesser {
  readonly #module: Module;
  readonly #generated: ReadonlySet<FuncIdx>;
  readonly #known: KnownSlots;
  /** The generated functions in a table, by their type, each with its first slot. */
  readonly #tables = new Map<TableIdx, ReadonlyMap<TypeIdx, readonly Guess[]>>();

  constructor(module: Module, generated: ReadonlySet<FuncIdx>, known: KnownSlots) {
    this.#module = module;
    this.#generated = generated;
    this.#known = known;
  }

  /** What a call of this type from `caller` most likely goes to, the likeliest first. */
  guesses(caller: FuncIdx, table: TableIdx, type: TypeIdx): readonly Guess[] {
    if (spaces(this.#module).tables[table]?.limits.address !== 'i32') return [];
    const candidates = this.#of(table).get(type) ?? [];
    const itself = candidates.filter(({ func }) => func === caller);
    const others = candidates.filter(({ func }) => func !== caller);
    return candidates.length <= MOST_CANDIDATES ? [...itself, ...others] : itself;
  }

  #of(table: TableIdx): ReadonlyMap<TypeIdx, readonly Guess[]> {
    let found = this.#tables.get(table);
    if (found === undefined) {
      found = this.#look(table);
      this.#tables.set(table, found);
    }
    return found;
  }

  #look(table: TableIdx): ReadonlyMap<TypeIdx, readonly Guess[]> {
    const byType = new Map<TypeIdx, Guess[]>();
    const seen = new Set<number>();
    const { funcs } = spaces(this.#module);
    this.#known(table)?.forEach((func, slot) => {
      if (!this.#generated.has(func as FuncIdx) || seen.has(func)) return;
      seen.add(func);
      const type = funcs[func] as TypeIdx;
      byType.set(type, [...(byType.get(type) ?? []), { slot, func: func as FuncIdx }]);
    });
    return byType;
  }
}

function guardBody(
  module: Module,
  func: FuncIdx,
  body: Body,
  guesser: Guesser,
): { readonly body: Body; readonly calls: number } {
  const { types, funcs } = spaces(module);
  const comp = types[funcs[func] as TypeIdx]?.comp;
  const { locals, code } = readBody(body);
  const params = comp?.kind === 'func' ? comp.params.length : 0;
  const slot = locals.reduce((sum, { count }) => sum + count, params);
  // Whom it calls directly already, it calls indirectly where it is somebody else.
  const known = new Set(functionsNamed(body));
  const edits: Edit[] = [];
  let guarded: Uint8Array | undefined;
  let start: number | undefined;
  for (const { row, operands, at } of code) {
    // Locals come first; a guarded call ends where the next instruction begins.
    if (start === undefined) edits.push({ start: body.start, end: at, bytes: localsWith(locals) });
    else if (guarded !== undefined) edits.push({ start, end: at, bytes: guarded });
    guarded = undefined;
    start = at;
    const tail = row.name === 'return_call_indirect';
    if (!tail && row.name !== 'call_indirect') continue;
    const [type, table] = operands as readonly number[];
    const guesses = guesser.guesses(func, table as TableIdx, type as TypeIdx);
    const unknown = guesses.filter((guess) => !known.has(guess.func));
    if (unknown.length === 0) continue;
    const ops = guardedCall([row.name, ...operands], tail, slot, unknown);
    guarded = withoutEnd(assemble([['local.set', slot], ...ops]));
  }
  const calls = edits.length - 1;
  return { body: calls === 0 ? body : edited(body, edits), calls };
}

/** The local declarations with an i32 behind them. */
function localsWith(locals: readonly LocalGroup[]): Uint8Array {
  return withoutEnd(assembleBody([], [...locals, { count: 1, type: 'i32' }]));
}

function withoutEnd(expr: Uint8Array): Uint8Array {
  return expr.subarray(0, -1);
}

function guardedCall(op: Op, tail: boolean, local: number, guesses: readonly Guess[]): readonly Op[] {
  const [, type] = op;
  const [guess, ...others] = guesses;
  if (guess === undefined) return [['local.get', local], op];
  return [
    ['local.get', local],
    ['i32.const', guess.slot],
    ['i32.eq'],
    ['if', { block: type as TypeIdx }],
    [tail ? 'return_call' : 'call', guess.func],
    ['else'],
    ...guardedCall(op, tail, local, others),
    ['end'],
    // Nothing comes back from a tail call.
    ...(tail ? ([['unreachable']] as const) : []),
  ];
}
