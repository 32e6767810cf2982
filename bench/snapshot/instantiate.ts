/** Prints how many milliseconds a module takes to instantiate: FILE. Its imports trap. */
import { readFileSync } from 'node:fs';
import { median } from '../../src/statistics.ts';

/** Enough for a median; big memories are not kept, but collected when V8 likes. */
const RUNS = 9;

const module = new WebAssembly.Module(readFileSync(process.argv[2] ?? ''));
const imports: Record<string, Record<string, () => never>> = {};
for (const item of WebAssembly.Module.imports(module)) {
  imports[item.module] ??= {};
  (imports[item.module] ?? {})[item.name] = () => {
    throw new Error('an import was called');
  };
}
const times = Array.from({ length: RUNS }, () => {
  const start = performance.now();
  new WebAssembly.Instance(module, imports);
  return performance.now() - start;
});
console.log(median(times));
