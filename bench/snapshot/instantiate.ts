/** Prints, as JSON, how many milliseconds each module takes to instantiate, in turns: TURNS FILE... Imports trap. */
import { readFileSync } from 'node:fs';
import { median } from '../../src/statistics.ts';

const [turns = '', ...files] = process.argv.slice(2);
const sides = files.map((file) => {
  const module = new WebAssembly.Module(readFileSync(file));
  const imports: Record<string, Record<string, () => never>> = {};
  for (const item of WebAssembly.Module.imports(module)) {
    imports[item.module] ??= {};
    (imports[item.module] ?? {})[item.name] = () => {
      throw new Error('an import was called');
    };
  }
  return { module, imports, times: [] as number[] };
});
// Big memories are not kept, but collected when V8 likes.
for (let turn = 0; turn < Number(turns); turn++) {
  for (const { module, imports, times } of sides) {
    const start = performance.now();
    new WebAssembly.Instance(module, imports);
    times.push(performance.now() - start);
  }
}
console.log(JSON.stringify(sides.map(({ times }) => median(times))));
