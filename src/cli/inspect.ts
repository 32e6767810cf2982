/** `freeze inspect`: what a module is, or the code of some of its functions, as text or as JSON. */
import { noSuchFunction } from '../wasm/errors.ts';
import type { Module } from '../wasm/module.ts';
import type { Parsed } from './commands.ts';
import { readModule } from './input.ts';
import type { Io } from './io.ts';
import { flag, many } from './options.ts';

export async function inspect(parsed: Parsed, io: Io): Promise<number> {
  const bytes = await readModule(parsed.file, io.readStdin);
  const wanted = many(parsed, 'code');
  const json = flag(parsed, 'json');
  if (wanted.length > 0) {
    const functions = await functionTexts(bytes, wanted);
    io.out.write(json ? jsonText({ functions }) : functions.map(({ text }) => text).join(''));
    return 0;
  }
  const { inspectModule, renderInspection } = await import('../report/inspect.ts');
  const inspection = inspectModule(bytes);
  io.out.write(json ? jsonText(inspection) : renderInspection(inspection, { color: io.out.colour }));
  return 0;
}

function jsonText(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

interface FunctionText {
  readonly index: number;
  readonly text: string;
}

async function functionTexts(bytes: Uint8Array, wanted: readonly string[]): Promise<readonly FunctionText[]> {
  const { parse } = await import('../wasm/parse.ts');
  const { Ids, printFunction } = await import('../wasm/print.ts');
  const { moduleNames } = await import('../wasm/names.ts');
  const { spaces } = await import('../wasm/module.ts');
  const module = parse(bytes);
  const ids = new Ids(module);
  const names = moduleNames(module).func ?? new Map<number, string>();
  const find = (text: string): readonly number[] => {
    const found = functionsCalled(module, names, text);
    const known = found.filter((index) => index < spaces(module).funcs.length);
    if (known.length === 0) throw noSuchFunction(text, spaces(module).funcs.length);
    return known;
  };
  return wanted.flatMap(find).map((index) => ({ index, text: printFunction(module, index, ids) }));
}

/** By an index, by an export, or by the name section, in which several may have one name. */
function functionsCalled(
  module: Module,
  names: ReadonlyMap<number, string>,
  text: string,
): readonly number[] {
  if (/^\d+$/.test(text)) return [Number(text)];
  const plain = text.replace(/^\$/, '');
  const named = [...names].flatMap(([index, name]) => (name === text || name === plain ? [index] : []));
  const exported = module.exports.flatMap((item) =>
    item.kind === 'func' && item.name === text ? [item.index as number] : [],
  );
  return [...new Set([...exported, ...named])];
}
