/**
 * `--component`: the frozen module as a component, by way of the adapter for WASI preview 1 that comes
 * with jco. A command needs no WIT; `--wit` gives the world of one that exports something else.
 */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { FreezeError } from '../errors/classes.ts';
import { cannotRead } from '../errors/file.ts';
import { notAComponent } from '../errors/unsupported.ts';
import { exportNamed } from '../wasm/module.ts';
import { parse } from '../wasm/parse.ts';
import { reason } from './input.ts';

const PREVIEW1 = 'wasi_snapshot_preview1';

export interface Wit {
  /** A file, or a folder with its dependencies in `deps`. */
  readonly path: string;
  /** Of several worlds in it, this one. */
  readonly world: string | undefined;
}

/** Throws a FileError where the WIT cannot be read, an UnsupportedError where the two do not fit. */
export async function asComponent(bytes: Uint8Array, wit: Wit | undefined): Promise<Uint8Array> {
  const jco = await import('@bytecodealliance/jco');
  const module = parse(bytes);
  const isCommand = exportNamed(module, '_start', 'func') !== undefined;
  const knowsWorld = module.customs.some(({ name }) => name.startsWith('component-type'));
  if (!isCommand && !knowsWorld && wit === undefined)
    throw notAComponent('it is no command, and nothing says what it exports', true);
  const adapter = isCommand ? jco.preview1AdapterCommandPath() : jco.preview1AdapterReactorPath();
  const adapters: [string, Uint8Array][] = module.imports.some((item) => item.module === PREVIEW1)
    ? [[PREVIEW1, readFileSync(adapter)]]
    : [];
  try {
    const embedded = wit === undefined ? bytes : await jco.componentEmbed(embedOptions(bytes, wit));
    return await jco.componentNew(embedded, adapters);
  } catch (error) {
    if (error instanceof FreezeError) throw error;
    throw notAComponent(messageOf(error), false);
  }
}

type EmbedOptions = Parameters<typeof import('@bytecodealliance/jco').componentEmbed>[0];

function embedOptions(binary: Uint8Array, { path, world }: Wit): EmbedOptions {
  const given = world === undefined ? {} : { world };
  try {
    if (statSync(path).isDirectory()) return { binary, witPath: resolve(path), ...given };
    return { binary, witSource: readFileSync(path, 'utf8'), ...given };
  } catch (error) {
    throw cannotRead(path, reason(error));
  }
}

/** wasm-tools tells causes on lines of their own. */
function messageOf(error: unknown): string {
  const text =
    typeof error === 'string' ? error : error instanceof Error ? error.message : JSON.stringify(error);
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join('; ');
}
