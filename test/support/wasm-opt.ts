// Binaryen's wasm-opt, many times in one process, and in one instance: its bin is started as a command,
// half a second each time, nearly all of it to decode and compile a module that is always the same; and
// of what is left an instance of its own takes four fifths. Its `main` can be called as often as one
// likes. The modules that it makes do not depend on what it made before (a test holds it to that).
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
  /** Gives the status with which `main` ended. */
  readonly callMain: (args: string[]) => number;
  /** Arguments are put on the stack, and left there. */
  readonly stackSave: () => number;
  readonly stackRestore: (pointer: number) => void;
}

/** Runs wasm-opt on files. Throws where it ends with a status that is not 0. */
export interface WasmOpt {
  run(args: readonly string[]): void;
}

/** What `main` leaves behind in the memory of an instance is not given back: so many runs, and a new one. */
const RUNS = 100;

/** jco brings Binaryen along: a package of its own it is not. */
function scriptPath(): string {
  return join(dirname(require.resolve('binaryen')), 'bin', 'wasm-opt');
}

/** `runs` is how many an instance is used for. */
export function wasmOpt(runs: number = RUNS): WasmOpt {
  const file = scriptPath();
  const source = readFileSync(file, 'utf8').replace(/^#!.*/, '');
  const names = ['Module', 'require', 'process', '__dirname', '__filename'];
  const inside = '{ findWasmBinary, callMain, stackSave, stackRestore }';
  const glue = new Function(...names, `${source}\nreturn ${inside};`) as Glue;
  const start = (options: object): Inside => {
    const shown = {
      ...process,
      versions: process.versions,
      env: {},
      argv: ['node', file],
      exitCode: 0,
    };
    return glue({ ...options, noInitialRun: true }, require, shown, dirname(file), file);
  };
  const compiled = new WebAssembly.Module(start({ instantiateWasm: () => {} }).findWasmBinary());
  let said = '';
  const instantiate = (): Inside =>
    start({
      printErr: (line: string) => {
        said += `${line}\n`;
      },
      print: () => {},
      // `main` is left by throwing; who called it takes the status out of that.
      quit: (_: number, error: unknown) => {
        throw error;
      },
      instantiateWasm: (imports: WebAssembly.Imports, receive: (instance: WebAssembly.Instance) => void) => {
        receive(new WebAssembly.Instance(compiled, imports));
      },
    });
  let instance: Inside | undefined;
  let left = 0;
  return {
    run: (args) => {
      if (instance === undefined || left-- === 0) {
        instance = instantiate();
        left = runs - 1;
      }
      said = '';
      const used = instance;
      const stack = used.stackSave();
      // One that failed is not used again.
      instance = undefined;
      const status = used.callMain([...args]);
      used.stackRestore(stack);
      if (status !== 0) throw new Error(`wasm-opt ended with ${status}: ${said}`);
      instance = used;
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
