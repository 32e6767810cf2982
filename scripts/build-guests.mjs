/**
 * Builds the guests that this repository ships as bytes.
 *
 *   node scripts/build-guests.mjs [NAME...] [--check]
 *
 * Every folder of guests/ with a build.json is a guest; bench/c and bench/shop, the limits that the
 * benchmarks show, are built the same way. The compiler is Clang compiled to Wasm
 * (`@yowasp/clang`), which sees only the files that build.json names, under their paths in this
 * repository: no path, header or library of the host can reach the output, so the same sources give
 * the same bytes everywhere. With --check nothing is written, and a difference is an error.
 *
 * build.json:
 *   tool       "clang" or "clang++"
 *   arguments  what else it is given; include/ is on the include path already
 *   link       what it is given besides where it links
 *   sources    what is compiled and linked, relative to the guest's folder, in this order
 *   own        sources that get more arguments, by these: {"-Oz": ["cold.cc"]}
 *   files      what the sources include or embed, relative to the guest's folder
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** What is built but is no guest, and where it stands. */
const beside = { c: 'bench', shop: 'bench' };

const inRepository = (name, file) => path.posix.join(beside[name] ?? 'guests', name, file);

/** Where the module of a guest is committed. */
export const outputOf = (name) => path.join(root, inRepository(name, `${name}.wasm`));

/** Names of all guests, sorted. */
export async function listGuests() {
  const folders = await readdir(path.join(root, 'guests'), { withFileTypes: true });
  const names = Object.keys(beside);
  for (const folder of folders.filter((entry) => entry.isDirectory())) {
    const files = await readdir(path.join(root, 'guests', folder.name));
    if (files.includes('build.json')) names.push(folder.name);
  }
  return names.sort();
}

/** Puts the text of `file` (a path from the root of the repository) into the compiler's file tree. */
async function addFile(tree, file) {
  const steps = file.split('/');
  let folder = tree;
  for (const step of steps.slice(0, -1)) folder = folder[step] ??= {};
  folder[steps.at(-1)] = await readFile(path.join(root, file));
}

/**
 * Builds one guest.
 * @param {string} name a folder of guests/
 * @returns {Promise<Uint8Array>} the module
 */
export async function buildGuest(name) {
  const recipe = JSON.parse(await readFile(path.join(root, inRepository(name, 'build.json')), 'utf8'));
  const sources = recipe.sources.map((file) => inRepository(name, file));
  const tree = {};
  await addFile(tree, 'include/freeze.h');
  for (const file of [...sources, ...(recipe.files ?? []).map((file) => inRepository(name, file))]) {
    await addFile(tree, file);
  }
  // Loaded here, not above: it is large, and whoever only wants the list need not wait for it.
  const { runClang } = await import('@yowasp/clang');
  let messages = '';
  const decoder = new TextDecoder();
  const print = (bytes) => {
    messages += bytes === null ? '' : decoder.decode(bytes, { stream: true });
  };
  const run = async (inputs, more, output) => {
    const command = [recipe.tool, ...recipe.arguments, '-Iinclude', ...more, ...inputs, '-o', output];
    try {
      const files = await runClang(command, tree, { stdout: print, stderr: print, fetchProgress: () => {} });
      return files[output];
    } catch (error) {
      throw new Error(`${name} does not build:\n${messages}`, { cause: error });
    }
  };
  const inputs = [...sources];
  for (const [argument, files] of Object.entries(recipe.own ?? {})) {
    for (const file of files) {
      const object = `${file}.o`;
      tree[object] = await run([inRepository(name, file)], [argument, '-c'], object);
      inputs[recipe.sources.indexOf(file)] = object;
    }
  }
  const module = await run(inputs, recipe.link ?? [], `${name}.wasm`);
  if (messages !== '') console.error(messages.trimEnd());
  return module;
}

async function main(args) {
  const check = args.includes('--check');
  const named = args.filter((argument) => argument !== '--check');
  let failed = false;
  for (const name of named.length > 0 ? named : await listGuests()) {
    const bytes = await buildGuest(name);
    if (check) {
      const committed = await readFile(outputOf(name)).catch(() => new Uint8Array());
      const same = Buffer.compare(bytes, committed) === 0;
      console.log(`${name}: ${same ? 'same bytes' : 'DIFFERS from the committed file'}`);
      failed ||= !same;
    } else {
      await writeFile(outputOf(name), bytes);
      console.log(`${name}: ${bytes.length} bytes`);
    }
  }
  return failed ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    return 1;
  });
}
