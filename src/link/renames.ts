/**
 * Exports that go, and exports that take new names: what an initialized module shows of itself.
 */
import { clashingRename, unknownRename } from '../errors/wizer.ts';
import { exportNamed, type Module } from '../wasm/module.ts';
import { declareFunctions } from './declare.ts';

/** An exported function takes another's name; who had that name loses it. */
export interface Rename {
  readonly to: string;
  readonly from: string;
}

/** Throws a UsageError where a rename names no exported function, or two want or give one name. */
export function checkRenames(module: Module, renames: readonly Rename[]): void {
  const sources = new Set<string>();
  const targets = new Set<string>();
  for (const { to, from } of renames) {
    if (targets.has(to)) throw clashingRename('to', to);
    if (sources.has(from)) throw clashingRename('from', from);
    targets.add(to);
    sources.add(from);
    if (exportNamed(module, from, 'func') === undefined) {
      throw unknownRename(
        `${to}=${from}`,
        module.exports.filter((one) => one.kind === 'func').map((one) => one.name),
      );
    }
  }
}

/** The module without the exports in `dropped`, and with its renames done, all at once. */
export function renameExports(
  module: Module,
  dropped: ReadonlySet<string>,
  renames: readonly Rename[],
): Module {
  const renamed = new Map(renames.map(({ to, from }) => [from, to]));
  const taken = new Set(renames.map(({ to }) => to));
  let functionsGone = false;
  let changed = false;
  const exports = module.exports.flatMap((item) => {
    const name = item.kind === 'func' ? renamed.get(item.name) : undefined;
    if (name === undefined && !taken.has(item.name) && !dropped.has(item.name)) return [item];
    changed = true;
    if (name !== undefined) return [{ ...item, name }];
    functionsGone ||= item.kind === 'func';
    return [];
  });
  if (!changed) return module;
  const whole = { ...module, exports };
  // An export that went may have been what declared its function for `ref.func`.
  return functionsGone ? declareFunctions(whole) : whole;
}
