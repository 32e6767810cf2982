/**
 * The engine: validate, compile and instantiate, with its errors told apart.
 */
import { engineLacks, invalidModule } from '../wasm/errors.ts';

/** TypeScript wants an ArrayBuffer behind a view; a shared one is never passed here. */
function source(bytes: Uint8Array): BufferSource {
  return bytes as Uint8Array<ArrayBuffer>;
}

export function compileNow(bytes: Uint8Array): WebAssembly.Module {
  return new WebAssembly.Module(source(bytes));
}

/**
 * Compiles a module that our own reader has taken. What it does not validate for is malformed
 * input; a proposal that this engine lacks is told apart by its message.
 */
export async function compile(bytes: Uint8Array, what: string): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(source(bytes));
  } catch (error) {
    throw compileError(error, what);
  }
}

export function compileError(error: unknown, what: string): Error {
  if (!(error instanceof WebAssembly.CompileError))
    return error instanceof Error ? error : new Error(String(error));
  const { message } = error;
  if (/experimental|enable with|not enabled|--experimental-wasm/i.test(message)) return engineLacks(message);
  return invalidModule(what, message);
}

/** Throws where the module does not validate. */
export async function validate(bytes: Uint8Array, what: string): Promise<void> {
  if (!WebAssembly.validate(source(bytes))) await compile(bytes, what);
}
