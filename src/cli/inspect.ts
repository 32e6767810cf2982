/** `freeze inspect`: what a module is, or the code of some of its functions, as text or as JSON. */

import { badCommandLine } from '../errors/usage.ts';
import type { MemoryInspection } from '../report/memory/memory.ts';
import type { Parsed } from './commands.ts';
import { readModule } from './input.ts';
import type { Io } from './io.ts';
import { flag, many, one } from './options.ts';

/** What servers use for what they compress while they send it; the highest takes a minute for a large module. */
const BROTLI_QUALITY = 5;

export async function inspect(parsed: Parsed, io: Io): Promise<number> {
  const bytes = await readModule(parsed.file, io.readStdin);
  const wanted = many(parsed, 'code');
  const json = flag(parsed, 'json');
  if (wanted.length > 0) {
    const functions = await functionTexts(bytes, wanted);
    io.out.write(json ? jsonText({ functions }) : functions.map(({ text }) => text).join(''));
    return 0;
  }
  const against = one(parsed, 'against');
  if (!flag(parsed, 'memory') && against !== undefined) throw badCommandLine('--against goes with --memory');
  if (parsed.file === '-' && against === '-')
    throw badCommandLine('standard input is read once: it cannot be both the file and --against');
  if (flag(parsed, 'memory')) {
    const { renderMemory } = await import('../report/memory/text.ts');
    const inspection = await memoryInspection(bytes, against, io);
    io.out.write(json ? jsonText(inspection) : renderMemory(inspection));
    return 0;
  }
  const { inspectModule, renderInspection } = await import('../report/inspect.ts');
  const inspection = inspectModule(bytes);
  io.out.write(json ? jsonText(inspection) : renderInspection(inspection, { color: io.out.colour }));
  return 0;
}

/** What fills its memory, with the sizes that a web server would send. */
async function memoryInspection(
  bytes: Uint8Array,
  against: string | undefined,
  io: Io,
): Promise<MemoryInspection> {
  const { inspectMemory } = await import('../report/memory/memory.ts');
  const { parse } = await import('../wasm/parse.ts');
  const { brotliCompressSync, constants, gzipSync } = await import('node:zlib');
  const before = against === undefined ? undefined : parse(await readModule(against, io.readStdin));
  const compress = (of: Uint8Array): { gzip: number; brotli: number } => ({
    gzip: gzipSync(of).length,
    brotli: brotliCompressSync(of, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }).length,
  });
  return inspectMemory(bytes, parse(bytes), { compress, ...(before && { against: before }) });
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
