/**
 * A host for an instance that is compared with another. What a guest may draw in its warm-up is for the build to
 * say; what a thawed instance draws is new, and is the same here for all that are compared: a stream of bytes from
 * a seed, from `restored` on.
 *
 * https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#random_get
 */
import type { HostFactory } from './guest.ts';
import { SeededBytes } from './wasi/random.ts';
import type { WasiHost } from './wasi/types.ts';

type RandomGet = (address: number, length: number) => unknown;

export class RestoredHost {
  readonly factory: HostFactory;
  #stream: SeededBytes | undefined;
  #memory: WebAssembly.Memory | undefined;

  constructor(make: HostFactory) {
    this.factory = async (compiled) => this.#wrap(await make(compiled));
  }

  restored(): void {
    this.#stream = new SeededBytes(0n);
  }

  #wrap(host: WasiHost): WasiHost {
    const modules = Object.entries(host.imports).map(([name, functions]) => {
      const given = functions?.['random_get'];
      return [name, given === undefined ? functions : { ...functions, random_get: this.#random(given) }];
    });
    return {
      ...host,
      imports: Object.fromEntries(modules),
      bind: (target) => {
        host.bind(target);
        const memory = target instanceof WebAssembly.Memory ? target : target.exports['memory'];
        if (memory instanceof WebAssembly.Memory) this.#memory = memory;
      },
    };
  }

  #random(given: unknown): RandomGet {
    return (address, length) => {
      const memory = new Uint8Array(this.#memory?.buffer ?? new ArrayBuffer(0));
      const [start, end] = [address >>> 0, (address >>> 0) + (length >>> 0)];
      if (this.#stream === undefined || end > memory.length) return (given as RandomGet)(address, length);
      this.#stream.fill(memory.subarray(start, end));
      return 0;
    };
  }
}
