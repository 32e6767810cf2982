/**
 * Names for things across modules, before they are one module: which instance, which index space,
 * which index there. Instance 0 is the guest, n the n-th auxiliary module that was linked live.
 */
import type { ExternKind, Import, Module } from '../wasm/module.ts';

export interface EntityRef {
  readonly instance: number;
  readonly kind: ExternKind;
  /** Counts in the instance's own index space, its imports included. */
  readonly index: number;
}

/** What an import of an auxiliary module was given. */
export type Binding =
  | { readonly kind: 'entity'; readonly entity: EntityRef }
  /** An immutable global: the constant expression that makes its value, without `end`. */
  | { readonly kind: 'constant'; readonly code: Uint8Array }
  /** A function in an immutable global, null where there is none. */
  | { readonly kind: 'ref'; readonly entity: EntityRef | undefined }
  /**
   * A function of the host that the guest does not import: it becomes an import of the output. The
   * host can give one function at several types: `type` tells those imports apart.
   */
  | { readonly kind: 'host'; readonly module: string; readonly name: string; readonly type?: string }
  /** What no module can hold: an error where live code needs it, told with the slot that holds it. */
  | { readonly kind: 'unknown'; readonly refuse: (place: string | undefined) => Error };

/** An auxiliary module as it was linked live. */
export interface Aux {
  /** The guest's name for it, or one that `freeze` gave: unique, stands before the names of its functions. */
  readonly name: string;
  readonly module: Module;
  /** One for each import, in order. */
  readonly bindings: readonly Binding[];
}

/** State that an auxiliary module defines and the guest imports: it is the guest's in the output. */
export interface Adopted {
  readonly entity: EntityRef;
  readonly guest: EntityRef;
}

/** A key for maps and sets. */
export function entityKey({ instance, kind, index }: EntityRef): string {
  return `${instance}:${kind}:${index}`;
}

export function sameImport(a: Import, module: string, name: string): boolean {
  return a.module === module && a.name === name;
}
