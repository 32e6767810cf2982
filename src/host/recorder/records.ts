/**
 * What a driver's run leaves behind: the modules and instances that were made, each with the values
 * that it imported, and the memories, tables, globals, tags and functions that JavaScript made.
 */

import type { LimitError, LinkError } from '../../errors/classes.ts';
import type { Probes } from '../../link/instrument.ts';
import type { Module } from '../../wasm/module.ts';
import type { FuncType, GlobalType, MemType, TableType } from '../../wasm/types.ts';

// biome-ignore lint/complexity/noBannedTypes: the JS API takes any callable object, whatever its signature
export type AnyFunction = Function;

/** A module that this reader took, compiled in its instrumented form. */
export interface ModuleRecord {
  /** A copy: the buffer it was made from may be the guest's memory. */
  readonly bytes: Uint8Array;
  readonly module: Module;
  readonly probes: Probes;
  /** The export of the functions that count calls through its tables, where they are counted. */
  readonly counters: string | undefined;
  /** The export that does what instantiation left undone. */
  readonly patch: string;
  /** Why it cannot be instantiated: its memories or tables start with more than they may have. */
  readonly tooMuch: LimitError | undefined;
}

export interface InstanceRecord {
  /** Its module's own, or one by its number, from 0 on: the guest is most often the first. */
  readonly name: string;
  readonly made: ModuleRecord;
  /** All exports, those of instrumentation included. */
  readonly exports: WebAssembly.Exports;
  /** The value of each import, in order. */
  readonly imports: readonly unknown[];
  /** What its active segments or its start function threw. */
  trapped: LinkError | undefined;
}

/** What JavaScript made with a constructor of the namespace. */
export type HostMade =
  | { readonly kind: 'mem'; readonly value: object; readonly type: MemType }
  | { readonly kind: 'table'; readonly value: object; readonly type: TableType }
  | { readonly kind: 'global'; readonly value: object; readonly type: GlobalType }
  | { readonly kind: 'tag'; readonly value: object; readonly type: FuncType }
  | { readonly kind: 'func'; readonly value: object; readonly type: FuncType; readonly func: AnyFunction };
