/** The functions that a person names: by an index, an export, or a name of the name section, in full or in short. */

import { nearest } from '../errors/nearest.ts';
import { noSuchFunction } from '../errors/usage.ts';
import { type Module, spaces } from '../wasm/module.ts';
import { moduleNames } from '../wasm/names.ts';
import type { FuncIdx } from '../wasm/types.ts';

/** Their indices, one at least: several can have one name. `asked` is how the user said it, for the error where there is none. */
export function findFunctions(module: Module, text: string, asked: string = text): readonly FuncIdx[] {
  const count = spaces(module).funcs.length;
  const known = functionsCalled(module, text).filter((index) => index < count);
  if (known.length === 0) throw noSuchFunction(asked, count, nearest(text, shortNames(module)));
  return known;
}

function functionsCalled(module: Module, text: string): readonly FuncIdx[] {
  if (/^\d+$/.test(text)) return [Number(text) as FuncIdx];
  const plain = text.replace(/^\$/, '');
  const exported = module.exports.flatMap((item) =>
    item.kind === 'func' && item.name === text ? [item.index as FuncIdx] : [],
  );
  const named = (fits: (name: string) => boolean): readonly FuncIdx[] =>
    [...moduleNames(module).func].flatMap(([index, name]) => (fits(name) ? [index as FuncIdx] : []));
  const exact = [...new Set([...exported, ...named((name) => name === text || name === plain)])];
  return exact.length > 0 ? exact : named((name) => shortName(name) === plain);
}

/**
 * What a person calls a function: `show` of `void (anonymous namespace)::show<int>(Value, int)`, of
 * `core::fmt::show::h0123456789abcdef`, of `module.show`, and of `module.show FILE:LINE`, as JITs name what they make.
 */
export function shortName(name: string): string {
  const [bare = name] = name
    .replaceAll('(anonymous namespace)::', '')
    .split(/[(<]|::h[0-9a-f]{16}$| \S+:\d+$/);
  return /[^\s:.]*$/.exec(bare)?.[0] ?? name;
}

function shortNames(module: Module): readonly string[] {
  const exported = module.exports.flatMap(({ kind, name }) => (kind === 'func' ? [name] : []));
  return [...new Set([...exported, ...[...moduleNames(module).func.values()].map(shortName)])];
}
