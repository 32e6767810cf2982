/**
 * The engine: validate, compile and instantiate, with its errors told apart.
 */
import { invalidModule } from '../errors/malformed.ts';
import { engineLacks, engineLacksFeatures } from '../errors/unsupported.ts';
import type { Module } from '../wasm/module.ts';
import { lackingFeatures } from './features.ts';

/** TypeScript wants an ArrayBuffer behind a view; a shared one is never passed here. */
function source(bytes: Uint8Array): BufferSource {
  return bytes as Uint8Array<ArrayBuffer>;
}

export function compileNow(bytes: Uint8Array): WebAssembly.Module {
  return new WebAssembly.Module(source(bytes));
}

/**
 * Compiles a module that our own reader has taken. What it does not validate for is malformed
 * input; a proposal that this engine lacks
 * is found where `module` is given, what the bytes were parsed or made from, and else told by the message.
 */
export async function compile(bytes: Uint8Array, what: string, module?: Module): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(source(bytes));
  } catch (error) {
    const lacking = module && error instanceof WebAssembly.CompileError ? lackingFeatures(module) : [];
    throw lacking.length > 0 ? engineLacksFeatures(lacking) : compileError(error, what);
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

/** A module that exports one function, "t", which is `unreachable`. */
const UNREACHABLE = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[0x01, 0x04, 0x01, 0x60, 0x00, 0x00], // type section: [] → []
  ...[0x03, 0x02, 0x01, 0x00], // function section
  ...[0x07, 0x05, 0x01, 0x01, 0x74, 0x00, 0x00], // export section
  ...[0x0a, 0x05, 0x01, 0x03, 0x00, 0x00, 0x0b], // code section
);
let unreachable: CallableFunction | undefined;

/** Traps, for real: what JavaScript throws, `catch_all` in a guest would catch, and a trap it does not. */
export function trap(message: string): never {
  unreachable ??= new WebAssembly.Instance(compileNow(UNREACHABLE)).exports['t'] as CallableFunction;
  try {
    unreachable();
  } catch (error) {
    if (error instanceof Error) error.message = message;
    throw error;
  }
  throw new TypeError('unreachable was reached');
}
