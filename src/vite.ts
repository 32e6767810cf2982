/**
 * A plugin for Vite, Rolldown and Rollup: `import thaw from './app.scm?freeze'` freezes the program at
 * build time, emits the module as an asset, and gives a function that thaws it.
 *
 * ```js
 * // vite.config.js
 * import freeze from 'freeze/vite';
 * export default { plugins: [freeze({ guest: 'scheme.wasm' })] };
 *
 * // main.js
 * import thawApp from './app.scm?freeze';
 * const app = await thawApp({ args: ['app', '-v'] });
 * app.call('main');
 * ```
 */
import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { type Frozen, freeze } from './freeze.ts';
import type { FreezeOptions } from './options.ts';

export interface FreezePluginOptions
  extends Pick<FreezeOptions, 'host' | 'limits' | 'protocol' | 'rounds' | 'skipBadModules' | 'stubs'> {
  /** The guest that programs are for: a path, relative to the working directory. */
  readonly guest: string;
  /** The export that runs the program; default `main`. */
  readonly entry?: string;
}

/** What is used of the context that Rollup calls hooks with. */
interface Context {
  addWatchFile(file: string): void;
  emitFile(file: { type: 'asset'; name: string; source: Uint8Array }): string;
  warn(log: { message: string; code: string; id: string }): void;
}

interface Plugin {
  readonly name: string;
  readonly enforce: 'pre';
  configResolved(config: { readonly command: string }): void;
  resolveId(id: string, importer: string | undefined): string | undefined;
  load(this: Context, id: string): Promise<string | undefined>;
}

/** `app.scm?freeze`, with the programs that warm it up: `app.scm?freeze&warmup=bench.scm&warmup=more.scm`. */
const QUERY = /^([^?]+)\?freeze(?:&(.*))?$/;
const DEFAULT_ENTRY = 'main';

/** Warm-ups that are not given are the program itself. Errors are those of `freeze`. */
export default function freezePlugin(options: FreezePluginOptions): Plugin {
  let serving = false;
  return {
    name: 'freeze',
    enforce: 'pre',
    configResolved({ command }) {
      serving = command === 'serve';
    },
    resolveId(id, importer) {
      const [, path, more] = QUERY.exec(id) ?? [];
      if (path === undefined) return undefined;
      const folder = importer === undefined ? '.' : dirname(importer.split('?')[0] ?? '');
      return `${resolve(folder, path)}?freeze${more === undefined ? '' : `&${more}`}`;
    },
    async load(id) {
      const [, path, more] = QUERY.exec(id) ?? [];
      if (path === undefined) return undefined;
      const warmups = new URLSearchParams(more).getAll('warmup').map((one) => resolve(dirname(path), one));
      for (const file of [path, ...warmups, resolve(options.guest)]) this.addWatchFile(file);
      const { bytes, report } = await frozen(path, warmups, options);
      for (const { code, message, hint } of report.warnings)
        this.warn({ message: `${message} (${hint})`, code, id: path });
      // A server of sources has no assets.
      if (serving) return moduleOf(JSON.stringify(`data:;base64,${Buffer.from(bytes).toString('base64')}`));
      const name = `${path.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '')}.wasm`;
      const reference = this.emitFile({ type: 'asset', name, source: bytes });
      return moduleOf(`import.meta.ROLLUP_FILE_URL_${reference}`);
    },
  };
}

async function frozen(
  path: string,
  warmupPaths: readonly string[],
  { guest, entry = DEFAULT_ENTRY, ...more }: FreezePluginOptions,
): Promise<Frozen> {
  // Names stand in messages, and in the module: they begin where the program is, not at this machine's root.
  const program = async (file: string) => ({
    kind: 'program' as const,
    name: relative(dirname(path), file),
    bytes: new Uint8Array(await readFile(file)),
  });
  const main = await program(path);
  const warmups = await Promise.all(warmupPaths.map(program));
  return freeze(new Uint8Array(await readFile(guest)), {
    ...more,
    loads: [main],
    warmups: warmups.length === 0 ? [main] : warmups,
    entries: [{ name: entry, workload: main }],
  });
}

/** The module that stands for the import; `url` is an expression. Files are read where there is a Node. */
function moduleOf(url: string): string {
  return `import { thaw } from 'freeze/thaw';
const url = ${url};
let bytes;
async function read() {
  const files = globalThis.process?.getBuiltinModule?.('node:fs/promises');
  if (url.startsWith('file:') && files) return new Uint8Array(await files.readFile(new URL(url)));
  const response = await fetch(url);
  if (!response.ok) throw new Error(\`\${url}: \${response.status} \${response.statusText}\`);
  return new Uint8Array(await response.arrayBuffer());
}
export default async function thawed(options) {
  bytes ??= read();
  return thaw(await bytes, options);
}
`;
}
