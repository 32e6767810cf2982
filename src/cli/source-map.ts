/**
 * The source map of a guest, and where that of the output goes: beside it, where the module says that it is.
 */
import { basename } from 'node:path';
import { badCommandLine } from '../errors/usage.ts';
import type { FreezeOptions } from '../options.ts';
import { type ReadStdin, readInput } from './input.ts';

export function mapName(output: string): string {
  if (output === '-') throw badCommandLine('--source-map writes a file beside the output, which is a stream');
  return `${output}.map`;
}

export function sourceMapOf(
  path: string,
  output: string,
  stdin: ReadStdin,
): NonNullable<FreezeOptions['sourceMap']> {
  const text = new TextDecoder().decode(readInput(path, stdin));
  return { text, url: encodeURIComponent(basename(mapName(output))) };
}
