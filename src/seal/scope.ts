/** What a search of a module goes by: its types, its tables, and the summaries of its functions. */
import { type Module, spaces } from '../wasm/module.ts';
import { initialSlots, type Slots } from './constants.ts';
import type { Scope } from './reachable.ts';
import { Subtypes } from './subtypes.ts';
import { FunctionUses, Nodes } from './uses.ts';

export function reachScope(module: Module): Scope {
  return {
    module,
    uses: new FunctionUses(module, new Nodes(module)),
    subtypes: new Subtypes(module),
    slots: rewritable(module, initialSlots(module)),
  };
}

/** The slots of those tables of which each slot may become null. */
export function rewritable(
  module: Module,
  slots: readonly (Slots | undefined)[],
): readonly (Slots | undefined)[] {
  const { imported } = spaces(module);
  return slots.map((known, i) => {
    const table = module.tables[i - imported.table];
    return table?.init === undefined && table?.type.ref.nullable === true ? known : undefined;
  });
}
