/** The functions that a person names: by an index, an export, or the name section. */
import { noSuchFunction } from '../errors/usage.ts';
import { type Module, spaces } from '../wasm/module.ts';
import { moduleNames } from '../wasm/names.ts';
import type { FuncIdx } from '../wasm/types.ts';

/** Their indices, one at least: several can have one name. `asked` is how the user said it, for the error where there is none. */
export function findFunctions(module: Module, text: string, asked: string = text): readonly FuncIdx[] {
  const count = spaces(module).funcs.length;
  const known = functionsCalled(module, text).filter((index) => index < count);
  if (known.length === 0) throw noSuchFunction(asked, count);
  return known;
}

function functionsCalled(module: Module, text: string): readonly FuncIdx[] {
  if (/^\d+$/.test(text)) return [Number(text) as FuncIdx];
  const plain = text.replace(/^\$/, '');
  const names = moduleNames(module).func;
  const named = [...names].flatMap(([index, name]) =>
    name === text || name === plain ? [index as FuncIdx] : [],
  );
  const exported = module.exports.flatMap((item) =>
    item.kind === 'func' && item.name === text ? [item.index as FuncIdx] : [],
  );
  return [...new Set([...exported, ...named])];
}
