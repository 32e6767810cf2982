/**
 * What a browser loads of the package: an entry that names some of its exports, bundled and minified
 * by rolldown as applications do it.
 */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { root } from './programs.ts';

export interface Bundle {
  readonly code: string;
  /** Bytes of the code, and of the code compressed. */
  readonly minified: number;
  readonly gzipped: number;
}

/** Loaded when asked for: WebAssembly tools, WASI arguments, Binaryen, which is 13 MB. */
const APART = [/^@bytecodealliance\//, /^@wasmer\//, /^binaryen$/];

const ENTRY = '\0entry';

/**
 * Bundles `export { NAMES } from FILE`, a file of dist/src, as a script that makes a global `freeze`.
 * The packages that are loaded when asked for are left out, unless all is `whole`.
 */
export async function bundle(file: string, names: readonly string[] | '*', whole = false): Promise<Bundle> {
  const what = names === '*' ? '*' : `{ ${names.join(', ')} }`;
  const source = `export ${what} from ${JSON.stringify(join(root, 'dist', 'src', file))};`;
  const build = await rolldown({
    input: ENTRY,
    external: whole ? [/^binaryen$/] : APART,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === ENTRY ? id : undefined),
        load: (id) => (id === ENTRY ? source : undefined),
      },
    ],
  });
  const { output } = await build.generate({
    format: 'iife',
    name: 'freeze',
    minify: true,
    codeSplitting: false,
  });
  const code = output.map((one) => (one.type === 'chunk' ? one.code : '')).join('');
  return { code, minified: Buffer.byteLength(code), gzipped: gzipSync(code, { level: 9 }).length };
}
