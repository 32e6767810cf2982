/**
 * A module as it is: instantiated with its host and nothing of ours around it. What `freeze run`
 * calls; nobody links code here, so a guest that hands some over is told that it is not available.
 */

import { guestExited } from '../errors/guest.ts';
import { engineLacks } from '../errors/unsupported.ts';
import type { Stub } from '../link/stub.ts';
import type { Import, Module } from '../wasm/module.ts';
import { compile } from './engine.ts';
import { addImport, guestImports, type HostFactory, type WasmValue } from './guest.ts';
import type { StateImports } from './imported-state.ts';
import { DEFAULT_LIMITS, Room, withImported } from './limits.ts';
import { LINK_STATUS } from './live.ts';
import { Registry } from './registry.ts';
import { guestError, hostError } from './trap.ts';
import { WasiExit } from './wasi/types.ts';

export class Bare {
  readonly #instance: WebAssembly.Instance;

  get exports(): WebAssembly.Exports {
    return this.#instance.exports;
  }

  private constructor(instance: WebAssembly.Instance) {
    this.#instance = instance;
  }

  /** Compiles and instantiates; its start function runs here, `_initialize` does not. `state` gives it what else it imports. */
  static async start(
    module: Module,
    bytes: Uint8Array,
    host: HostFactory,
    stubs: ReadonlyMap<number, Stub>,
    state?: StateImports,
  ): Promise<Bare> {
    return Bare.instantiate(module, await compile(bytes, 'the module', module), host, stubs, state);
  }

  /** The same for a module that is compiled already. */
  static async instantiate(
    module: Module,
    compiled: WebAssembly.Module,
    host: HostFactory,
    stubs: ReadonlyMap<number, Stub>,
    state?: StateImports,
  ): Promise<Bare> {
    const wasi = await host(compiled).catch((error: unknown) => {
      throw hostError(error);
    });
    const imports = guestImports(module, wasi.imports, stubs, () => LINK_STATUS.unavailable, new Registry());
    if (state !== undefined) {
      const caps = new Room(DEFAULT_LIMITS).guest(withImported(module));
      for (const [i, value] of state.give(module, wasi.imports, caps).values)
        addImport(imports, module.imports[i] as Import, value);
    }
    try {
      const instance = await WebAssembly.instantiate(compiled, imports);
      if (instance.exports['memory'] instanceof WebAssembly.Memory) wasi.bind(instance);
      return new Bare(instance);
    } catch (error) {
      if (error instanceof WebAssembly.LinkError) throw engineLacks(error.message);
      if (error instanceof WasiExit) throw guestExited('while it was instantiated', error.code);
      throw guestError(error, 'while it was instantiated');
    }
  }

  /** Calls an exported function. A WasiExit comes out as it is: a command may well exit. */
  call(name: string, args: readonly WasmValue[], doing: string): unknown {
    const func = this.#instance.exports[name];
    if (typeof func !== 'function') throw new TypeError(`the module exports no function ${name}`);
    try {
      return func(...args);
    } catch (error) {
      if (error instanceof WasiExit) throw error;
      throw guestError(error, doing);
    }
  }
}
