/**
 * Bundles the two programs of the package into dist/bin, of what tsc wrote to dist/src. Loading a
 * hundred modules is most of what a short run takes; the library and the tests use the modules as they are.
 *
 * Packages stay where npm puts them. Commands are chunks of their own, loaded when they are asked for.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const source = path.join(root, 'dist/src');
const main = path.join(source, 'cli/main.js');
const target = path.join(root, 'dist/bin');

/** A module looks for files from where it stands in dist/src, wherever its code has gone; main.js, which starts itself again, is where it is. */
const ownPlaces = {
  name: 'own-places',
  transform(code, id) {
    if (id === main || !code.includes('import.meta.url')) return null;
    const place = path.relative(target, id).split(path.sep).join('/');
    return code.replaceAll('import.meta.url', `new URL(${JSON.stringify(place)}, import.meta.url).href`);
  },
};

const bundle = await rolldown({
  input: {
    freeze: path.join(source, 'cli/start.js'),
    'freeze-wizer': path.join(source, 'cli/wizer-main.js'),
  },
  external: /^(?:node:|[^./])/,
  platform: 'node',
  plugins: [ownPlaces],
});
rmSync(target, { recursive: true, force: true });
await bundle.write({
  dir: target,
  format: 'esm',
  entryFileNames: '[name].mjs',
  chunkFileNames: '[name]-[hash].mjs',
});
await bundle.close();
