/**
 * State as plain values: what memories, globals, tables and segments of the guest and of every
 * auxiliary module held when the snapshot was taken. No engine below this line.
 */
import { type EntityRef, entityKey } from '../link/entity.ts';
import type { Held } from '../link/reach.ts';
import type { Runs } from './runs.ts';

/** A reference: null, a function by who defines it, or what the host gave for an immutable global. */
export type RefValue = EntityRef | null;

export interface MemoryState {
  /** In pages of 64 KiB. */
  readonly pages: bigint;
  /** All bytes; a view, which may be the live memory itself. */
  readonly bytes: Uint8Array;
  /** Where they are not zero, if that is known already. */
  readonly runs?: Runs;
}

/** A number is its bit pattern: i32 and f32 in 32 bits, i64 and f64 in 64, v128 in 128. */
export type GlobalState =
  | { readonly kind: 'bits'; readonly bits: bigint }
  | { readonly kind: 'ref'; readonly ref: RefValue };

export interface TableState {
  readonly slots: readonly RefValue[];
}

/** What an instance itself defines; what it imports belongs to another. Keys count in index spaces. */
export interface InstanceState {
  readonly memories: ReadonlyMap<number, MemoryState>;
  /** Mutable globals; the others are what their initializers say. */
  readonly globals: ReadonlyMap<number, GlobalState>;
  readonly tables: ReadonlyMap<number, TableState>;
  /** Segments that were dropped; instantiation drops active and declarative ones. */
  readonly droppedElems: ReadonlySet<number>;
  readonly droppedDatas: ReadonlySet<number>;
}

export interface Snapshot {
  /** The guest, then the auxiliary modules in the order in which they were linked. */
  readonly instances: readonly InstanceState[];
}

/** The snapshot as the linker asks about it. */
export function heldBy(snapshot: Snapshot): Held {
  const functions = function* ({ instance, kind, index }: EntityRef): Generator<EntityRef> {
    const state = snapshot.instances[instance];
    if (kind === 'table') {
      for (const slot of state?.tables.get(index)?.slots ?? []) if (slot?.kind === 'func') yield slot;
    } else if (kind === 'global') {
      const value = state?.globals.get(index);
      if (value?.kind === 'ref' && value.ref?.kind === 'func') yield value.ref;
    }
  };
  const place = (holder: EntityRef, func: EntityRef): string => {
    const of = holder.instance === 0 ? '' : ` of auxiliary module ${holder.instance}`;
    if (holder.kind !== 'table') return `global ${holder.index}${of}`;
    const slots = snapshot.instances[holder.instance]?.tables.get(holder.index)?.slots ?? [];
    const slot = slots.findIndex((one) => one !== null && entityKey(one) === entityKey(func));
    return `slot ${slot} of table ${holder.index}${of}`;
  };
  return {
    functions,
    place,
    droppedElem: (instance, index) => snapshot.instances[instance]?.droppedElems.has(index) === true,
    droppedData: (instance, index) => snapshot.instances[instance]?.droppedDatas.has(index) === true,
  };
}
