// Binaryen's wasm-opt, many times in one process: its bin is started as a command, half a second each
// time, nearly all of it to decode and compile a module that is always the same.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);

type Glue = (
  Module: object,
  require: NodeJS.Require,
  process: object,
  folder: string,
  file: string,
) => Inside;

/** What is taken out of the glue that Emscripten wrote. */
interface Inside {
  readonly findWasmBinary: () => Uint8Array<ArrayBuffer>;
}

/** Runs wasm-opt on files. Throws where it ends with a status that is not 0. */
export interface WasmOpt {
  run(args: readonly string[]): void;
}

/** jco brings Binaryen along: a package of its own it is not. */
function scriptPath(): string {
  return join(dirname(require.resolve('binaryen')), 'bin', 'wasm-opt');
}

export function wasmOpt(): WasmOpt {
  const file = scriptPath();
  const source = readFileSync(file, 'utf8').replace(/^#!.*/, '');
  const names = ['Module', 'require', 'process', '__dirname', '__filename'];
  const glue = new Function(...names, `${source}\nreturn { findWasmBinary };`) as Glue;
  const start = (options: object, argv: readonly string[]): Inside => {
    const shown = { ...process, versions: process.versions, argv: ['node', file, ...argv], exitCode: 0 };
    return glue(options, require, shown, dirname(file), file);
  };
  const binary = start({ instantiateWasm: () => {} }, []).findWasmBinary();
  const compiled = new WebAssembly.Module(binary);
  return {
    run: (args) => {
      let said = '';
      let status = 0;
      const options = {
        printErr: (line: string) => {
          said += `${line}\n`;
        },
        print: () => {},
        quit: (code: number, error: unknown) => {
          status = code;
          throw error;
        },
        instantiateWasm: (
          imports: WebAssembly.Imports,
          receive: (instance: WebAssembly.Instance) => void,
        ) => {
          receive(new WebAssembly.Instance(compiled, imports));
        },
      };
      start(options, args);
      if (status !== 0) throw new Error(`wasm-opt ended with ${status}: ${said}`);
    },
  };
}

/** A random module of Binaryen's fuzzer: the same bytes for the same seed. */
export function fuzzModule(tool: WasmOpt, seed: Uint8Array, features: readonly string[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'freeze-ttf-'));
  try {
    const [from, to] = [join(folder, 'seed'), join(folder, 'random.wasm')];
    writeFileSync(from, seed);
    tool.run([from, '-ttf', ...features, '--strip-producers', '-o', to]);
    return readFileSync(to);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
