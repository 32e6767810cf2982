/**
 * Wizer's manner of initializing a module (docs/wizer.md): `_initialize`, where the module has it, then
 * one function of type [] → [], called once; its export goes, and others may take new names.
 */

import { initFailed } from '../errors/guest.ts';
import { badInitFunction, noInitFunction } from '../errors/wizer.ts';
import type { Rename } from '../link/renames.ts';
import { exportNamed, type Module, spaces } from '../wasm/module.ts';
import type { TypeIdx } from '../wasm/types.ts';
import { PLAIN } from './plain.ts';
import type { Protocol } from './protocol.ts';

export interface InitOptions {
  /** The export to call; default is the first of {@link INIT_NAMES} that there is. */
  readonly func?: string;
  /** Keeps the export of the function, which goes otherwise. */
  readonly keep?: boolean;
  readonly renames?: readonly Rename[];
}

/** What toolchains call it: the newer name first. */
export const INIT_NAMES = ['wizer-initialize', 'wizer.initialize'] as const;

/** The WASI reactor's own: the host of a guest calls it when it has been instantiated. */
export const REACTOR_INIT = '_initialize';

/** The export that initializes a module. Throws a UsageError where there is none, or it takes or gives something. */
export function initFunction(module: Module, { func }: InitOptions): string {
  const candidates = func === undefined ? INIT_NAMES : [func];
  const name = candidates.find((one) => exportNamed(module, one, 'func') !== undefined);
  if (name === undefined) {
    throw noInitFunction(
      candidates,
      module.exports.filter((one) => one.kind === 'func').map((one) => one.name),
    );
  }
  const { funcs, types } = spaces(module);
  const item = exportNamed(module, name, 'func');
  const comp = item && types[funcs[item.index] as TypeIdx]?.comp;
  if (comp?.kind !== 'func' || comp.params.length > 0 || comp.results.length > 0) throw badInitFunction(name);
  return name;
}

/** Calls `name` once, before the snapshot. What the host has called already is not called again. */
export function wizer(name: string): Protocol {
  return {
    ...PLAIN,
    name: 'wizer',
    beforeSnapshot: (guest) => {
      if (name === REACTOR_INIT) return;
      try {
        guest.call(name, [], `in ${name}`);
      } catch (error) {
        throw initFailed(name, error);
      }
    },
  };
}

/** The exports that an initialized module has no use for any more; `_initialize` must not run twice, kept or not. */
export function spentExports(name: string, { keep }: InitOptions = {}): ReadonlySet<string> {
  return new Set(keep === true ? [REACTOR_INIT] : [name, REACTOR_INIT]);
}
