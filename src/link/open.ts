/**
 * Open modules: a frozen module that can be linked live further, and frozen again. Beside what the
 * guest exports it has exports of ours, which start with a prefix:
 *
 * - what auxiliary modules exported, so that later ones can import it by their names,
 * - the flag that tells whether the after-restore hook has run, so that a snapshot of a thawed
 *   instance can be one of an instance that is to be thawed.
 *
 * A module that is not open has none of these.
 */
import { type Module, spaces } from '../wasm/module.ts';
import type { Aux } from './entity.ts';
import type { Kept } from './link.ts';
import { Owners } from './reach.ts';

const PREFIX = 'freeze:';
const AUX_PREFIX = `${PREFIX}aux/`;
/** The export of the flag, a mutable i32. */
export const THAWED: string = `${PREFIX}thawed`;

export function isOfOpenModule(name: string): boolean {
  return name.startsWith(PREFIX);
}

export function isAuxExport(name: string): boolean {
  return name.startsWith(AUX_PREFIX);
}

/** Encoded, a module's name has no slash, so no two pairs of names are one. */
export function auxExportName(aux: string, name: string): string {
  return `${AUX_PREFIX}${encodeURIComponent(aux)}/${name}`;
}

/** The names of the modules whose exports an open module has. */
export function auxExporters(module: Module): readonly string[] {
  const names = module.exports
    .filter(({ name }) => isAuxExport(name))
    .map(({ name }) => name.slice(AUX_PREFIX.length).replace(/\/.*$/s, ''));
  return [...new Set(names)].map(decodeURIComponent);
}

/** All that auxiliary modules export, but constants that they were given: those are no entities any more. */
export function auxExports(auxes: readonly Aux[]): readonly Kept[] {
  const owners = new Owners(auxes);
  return auxes.flatMap((aux, i) =>
    aux.module.exports.flatMap(({ name, kind, index }): Kept[] => {
      const entity = { instance: i + 1, kind, index };
      return 'instance' in owners.owner(entity) ? [{ name: auxExportName(aux.name, name), entity }] : [];
    }),
  );
}

/** Whether a module has the flag. A guest can export whatever it likes under the name. */
export function hasThawedFlag(module: Module): boolean {
  const item = module.exports.find(({ name }) => name === THAWED);
  const type = item?.kind === 'global' ? spaces(module).globals[item.index] : undefined;
  return type?.mutable === true && type.val === 'i32';
}
