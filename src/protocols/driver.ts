/**
 * A driver: JavaScript that brings a guest up as the guest's own host does, warms it up, and says
 * which instance is the guest and when it is warm. See docs/drivers.md.
 */

import { FreezeError } from '../errors/classes.ts';
import { driverThrew, driverTimedOut, noDriver } from '../errors/driver.ts';
import type { CallCounters } from '../host/counter.ts';
import type { Limits } from '../host/limits.ts';
import { type Driven, type DriverHandle, Recorder } from '../host/recorder.ts';
import { wasmStack } from '../host/trap.ts';
import { PLAIN } from './plain.ts';
import type { Protocol } from './protocol.ts';

export interface DriverContext {
  readonly freeze: DriverHandle;
  /** What the user gave after --driver-arg, in order. */
  readonly args: readonly string[];
  /** The module that is being frozen, where it was given. A copy: the driver may do with it what it likes. */
  readonly wasm: Uint8Array<ArrayBuffer> | undefined;
}

/** The default export of a driver file. Its promise settles when the guest is warm. */
export type Driver = (context: DriverContext) => unknown;

export interface DriverOptions {
  readonly args: readonly string[];
  readonly wasm: Uint8Array | undefined;
  readonly limits: Limits;
  readonly counters?: CallCounters | undefined;
  readonly skipBadModules: boolean;
  /** JavaScript functions that auxiliary modules import become imports of the output, unless the driver names them. */
  readonly keepHostFunctions: boolean;
  readonly timeoutMs: number;
}

/** A runtime may take minutes to boot; a driver that hangs must not hang for ever. */
export const DEFAULT_DRIVER_TIMEOUT_MS = 600_000;

/** A guest that a driver has warmed up: it can be called further, but takes no programs. */
export const DRIVER: Protocol = { ...PLAIN, name: 'driver' };

/** The driver of a file that was imported. Throws a UsageError where there is none. */
export function driverOf(namespace: unknown, file: string): Driver {
  const driver = (namespace as { readonly default?: unknown } | null | undefined)?.default;
  if (typeof driver !== 'function') throw noDriver(file);
  return driver as Driver;
}

/** Runs a driver to its end. The global `WebAssembly` is what it was, whatever happens. */
export async function bringUp(driver: Driver, options: DriverOptions): Promise<Driven> {
  const recorder = new Recorder(options);
  try {
    await within(options.timeoutMs, async () => {
      const wasm = options.wasm && Uint8Array.from(options.wasm);
      await driver({ freeze: recorder.handle, args: options.args, wasm });
    });
    return await recorder.finish();
  } catch (error) {
    // What stopped the build first says more than what the driver made of it.
    if (recorder.problem !== undefined) throw recorder.problem;
    if (error instanceof FreezeError) throw error;
    throw driverThrew(error instanceof Error ? error.message : String(error), wasmStack(error));
  } finally {
    recorder.restore();
  }
}

async function within(ms: number, work: () => Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(driverTimedOut(ms)), ms);
  });
  try {
    await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
