/** `freeze inspect`: what a module is, or the code of some of its functions, as text or as JSON. */
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
  const { findFunctions } = await import('./functions.ts');
  const module = parse(bytes);
  const ids = new Ids(module);
  return wanted
    .flatMap((text) => findFunctions(module, text, `--code ${text}`))
    .map((index) => ({ index, text: printFunction(module, index, ids) }));
}
