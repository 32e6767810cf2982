/**
 * Exports that go, and exports that take new names: what an initialized module shows of itself.
 */
import { clashingRename, unknownRename } from '../wasm/errors.ts';
import { type Body, exportNamed, type Module } from '../wasm/module.ts';
import { declareFunctions, REF_FUNC } from './declare.ts';

/** The most bytes that a u32 takes, padded or not. */
const MOST_LEB = 5;

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
  const gone = new Set<number>();
  let changed = false;
  const exports = module.exports.flatMap((item) => {
    const name = item.kind === 'func' ? renamed.get(item.name) : undefined;
    if (name === undefined && !taken.has(item.name) && !dropped.has(item.name)) return [item];
    changed = true;
    if (name !== undefined) return [{ ...item, name }];
    if (item.kind === 'func') gone.add(item.index);
    return [];
  });
  if (!changed) return module;
  const whole = { ...module, exports };
  // An export that went may have been what declared its function for `ref.func`.
  return module.codes.some((body) => mayRefer(body, gone)) ? declareFunctions(whole) : whole;
}

/** Whether bytes of a body could be a `ref.func` of one of these: seldom, and then it is looked at properly. */
function mayRefer({ bytes, start, end }: Body, funcs: ReadonlySet<number>): boolean {
  const code = bytes.subarray(start, end);
  for (let at = code.indexOf(REF_FUNC); at >= 0; at = code.indexOf(REF_FUNC, at + 1)) {
    let index = 0;
    for (let i = 0; i < MOST_LEB; i++) {
      const byte = code[at + 1 + i] ?? 0;
      index += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) break;
    }
    if (funcs.has(index)) return true;
  }
  return false;
}
