/**
 * What came out of a call into the guest, told apart: a trap, an exit, an exception, or an error of
 * our own on its way through. The stack keeps the frames that are Wasm, with their names.
 */
import { FreezeError, GuestError } from '../errors/classes.ts';
import { guestDrewRandom, guestExited, guestThrew, guestTrapped } from '../errors/guest.ts';
import { wasiWithoutMemory } from '../errors/unsupported.ts';
import { badWasiOption } from '../errors/usage.ts';
import { RandomDenied, WasiExit, WasiOptionError, WasiUnbound } from './wasi/types.ts';

/** A V8 stack line of a Wasm frame: `at name (wasm://wasm/module-hash:wasm-function[12]:0x2f1)`. */
const WASM_FRAME = /^\s*at (?:(.+?) \()?wasm:\/\/wasm\/(?:[^:]*?):wasm-function\[(\d+)\]:(0x[0-9a-f]+)\)?$/;

/** Deep recursion repeats itself: the top and the bottom say enough. */
const MOST_FRAMES = 12;

export function wasmStack(error: unknown): readonly string[] {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  const frames = lines.flatMap((line) => {
    const match = WASM_FRAME.exec(line);
    if (match === null) return [];
    const [, name = '', index = '', offset = ''] = match;
    const plain = name
      .replace(/^wasm:\/\/.*$/, '')
      .replace(/^.*\.(?=[^.]*$)/, (prefix) => (prefix.includes('wasm') ? '' : prefix));
    return [`${plain === '' ? `func ${index}` : plain} (function ${index}, at byte ${offset})`];
  });
  if (frames.length <= MOST_FRAMES) return frames;
  return [...frames.slice(0, MOST_FRAMES - 1), `... ${frames.length - MOST_FRAMES + 1} more`];
}

/** The error to throw on. `doing` goes on from "the guest trapped": "while it ran bench.scm". */
export function guestError(error: unknown, doing: string): FreezeError {
  if (error instanceof FreezeError) {
    return error instanceof GuestError && error.wasmStack.length === 0
      ? withStack(error, wasmStack(error))
      : error;
  }
  if (error instanceof WasiExit) return guestExited(doing, error.code);
  if (error instanceof WasiUnbound) return wasiWithoutMemory(doing);
  if (error instanceof RandomDenied)
    return guestDrewRandom(doing, error.requested, error.drawn, error.budget, wasmStack(error));
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError)
    return guestTrapped(doing, message, wasmStack(error));
  return guestThrew(doing, message, wasmStack(error));
}

/** What came out of the factory of a WASI host. */
export function hostError(error: unknown): unknown {
  return error instanceof WasiOptionError ? badWasiOption(error.message) : error;
}

function withStack(error: GuestError, stack: readonly string[]): GuestError {
  return new GuestError(error.code, error.message, stack, error.hint);
}
