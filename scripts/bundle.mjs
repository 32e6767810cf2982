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

const external = /^(?:node:|[^./])/;

/**
 * Programs that call Wizer start it for each module. So it is CommonJS, which Node loads without a turn of its
 * event loop for each step, in a few chunks, without what only people read, but for names, which stand in traces.
 * The entry is apart, for Node's compile cache is switched on before the rest is loaded.
 */
const quickStart = {
  format: 'cjs',
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name]-[hash].cjs',
  comments: false,
  minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  codeSplitting: {
    groups: [{ name: 'wizer', test: /src.cli.(?:main|wizer)\.js$/, includeDependenciesRecursively: true }],
  },
};

/** It is always asked for the one command; the others are the other program's. */
const oneCommand = {
  name: 'one-command',
  resolveId(id, importer, { kind }) {
    return kind === 'dynamic-import' && importer === main && id !== './wizer.js'
      ? { id, external: true }
      : null;
  },
};

rmSync(target, { recursive: true, force: true });
await write({ input: { freeze: path.join(source, 'cli/start.js') }, plugins: [ownPlaces] }, {});
await write(
  {
    input: { 'freeze-wizer': path.join(source, 'cli/wizer-main.js') },
    plugins: [ownPlaces, oneCommand],
    // What starts the program exports nothing.
    treeshake: { moduleSideEffects: (id) => /cli.(?:start|main)\.js$/.test(id) },
    // Its lazy imports are the other program's chunks, and of one chunk here.
    checks: { ineffectiveDynamicImport: false },
  },
  quickStart,
);

async function write(input, output) {
  const bundle = await rolldown({ external, platform: 'node', ...input });
  await bundle.write({
    dir: target,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
    ...output,
  });
  await bundle.close();
}
