// Builds the two guests of the WASI tests from probe.c with @yowasp/clang, byte for byte the same.
import { readFile, writeFile } from 'node:fs/promises';
import { runClang } from '@yowasp/clang';

const source = await readFile(new URL('probe.c', import.meta.url), 'utf8');
for (const [name, ...flags] of [
  ['probe-command.wasm', '-DCOMMAND'],
  ['probe-reactor.wasm', '-mexec-model=reactor'],
]) {
  const built = await runClang(['clang', '-Oz', '-Wl,--strip-all', ...flags, 'probe.c', '-o', name], {
    'probe.c': source,
  });
  await writeFile(new URL(name, import.meta.url), built[name]);
}
