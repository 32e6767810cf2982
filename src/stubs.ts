/**
 * Which imports of a guest become functions of the module, by pattern.
 */

import { noSuchImport } from './errors/usage.ts';
import { glob } from './glob.ts';
import { PUSH_IMPORT } from './host/guest.ts';
import { LINK_STATUS } from './host/live.ts';
import { type Stub, stubBody } from './link/stub.ts';
import { type Body, type Module, spaces } from './wasm/module.ts';
import type { TypeIdx } from './wasm/types.ts';

export interface StubOption {
  /** `MODULE.NAME`, where `*` stands for any characters. */
  readonly pattern: string;
  readonly stub: Stub;
}

/** Imported functions that a pattern names, by funcidx. A pattern that names none is a mistake. */
export function stubbedImports(module: Module, options: readonly StubOption[]): ReadonlyMap<number, Stub> {
  const imports = spaces(module).imports.func.map((item) => `${item.module}.${item.name}`);
  const stubs = new Map<number, Stub>();
  for (const { pattern, stub } of options) {
    const fits = glob(pattern);
    if (!imports.some((name) => fits(name))) throw noSuchImport(pattern, imports);
    imports.forEach((name, index) => {
      if (fits(name) && !stubs.has(index)) stubs.set(index, stub);
    });
  }
  return stubs;
}

/**
 * The code that takes the place of imports: stubs and, but in an open module, the push import, which
 * answers that nobody links.
 */
export function stubBodies(
  module: Module,
  stubs: ReadonlyMap<number, Stub>,
  open = false,
): ReadonlyMap<number, Body> {
  const { funcs, types, imports } = spaces(module);
  const bodies = new Map<number, Body>();
  imports.func.forEach((item, index) => {
    const push = !open && item.module === PUSH_IMPORT.module && item.name === PUSH_IMPORT.name;
    const stub: Stub | undefined =
      stubs.get(index) ?? (push ? { kind: 'const', value: BigInt(LINK_STATUS.unavailable) } : undefined);
    const comp = types[funcs[index] as TypeIdx]?.comp;
    if (stub !== undefined && comp?.kind === 'func') bodies.set(index, stubBody(stub, comp));
  });
  return bodies;
}
