/**
 * Why a function is in a module: the shortest chain of references to it, from an export or the start
 * function on. What it says is what sealing goes by; a function without a chain would go.
 */
import type { Module } from '../wasm/module.ts';
import { functionName } from '../wasm/names.ts';
import type { FuncIdx } from '../wasm/types.ts';
import type { IndexName } from '../wasm/walk.ts';
import { type Reached, type Reason, reachable } from './reachable.ts';
import { reachScope } from './scope.ts';
import type { FunctionUses } from './uses.ts';

export interface Link {
  readonly kind: IndexName;
  readonly index: number;
  /** What it is called: `function 12 (main)`. */
  readonly shown: string;
  /** How the one before it leads here; of the first, what makes it a root. */
  readonly how: string;
}

/** The chain from a root to the function; undefined where nothing reaches it. */
export function whyReachable(module: Module, func: FuncIdx): readonly Link[] | undefined {
  const scope = reachScope(module);
  const reached = reachable(scope);
  const { nodes } = reached;
  const links: Link[] = [];
  for (let node: number | undefined = nodes.node('func', func); node !== undefined; ) {
    const reason = reached.reason(node);
    if (reason === undefined) return undefined;
    const { kind, index } = nodes.place(node);
    const from = reason.from === undefined ? undefined : nodes.place(reason.from);
    const shown = kind === 'func' ? `function ${functionName(module, index)}` : `${WORDS[kind]} ${index}`;
    links.push({ kind, index, shown, how: how(scope.uses, reason, from, { kind, index }) });
    node = reason.from;
  }
  return links.reverse();
}

type Place = ReturnType<Reached['nodes']['place']>;

const WORDS: Readonly<Record<IndexName, string>> = {
  type: 'type',
  func: 'function',
  table: 'table',
  mem: 'memory',
  global: 'global',
  tag: 'tag',
  elem: 'element segment',
  data: 'data segment',
};

function how(uses: FunctionUses, reason: Reason, from: Place | undefined, to: Place): string {
  if (from === undefined) return reason.root ?? 'a root';
  if (reason.slot !== undefined) {
    const { table, index, type } = reason.slot;
    const slot = `in slot ${index} of table ${table}`;
    if (from.kind === 'table') return slot;
    return type === undefined
      ? `${slot}, which it reads`
      : `${slot}, where it calls functions of type ${type}`;
  }
  if (from.kind === 'func' && to.kind === 'func') {
    const refs = uses.of(from.index as FuncIdx)?.refs ?? [];
    return refs.includes(to.index as FuncIdx) ? 'to which it makes a reference' : 'which it calls';
  }
  if (from.kind === 'func') return 'which it names';
  return from.kind === 'global' ? 'which it starts as' : 'which it holds';
}
