/**
 * The recorder: runs with `WebAssembly` replaced by one that records, so that a guest's own
 * JavaScript can bring it up, unmodified, and everything that it was linked with is known.
 */
import {
  badHandover,
  driverNeverDone,
  driverRunning,
  noGuest,
  notRecorded,
  notTheGuest,
  twoGuests,
} from '../errors/driver.ts';
import type { CallCounters } from './counter.ts';
import type { Limits } from './limits.ts';
import type { FunctionMap } from './recorder/maps.ts';
import { Recording } from './recorder/recording.ts';
import type { AnyFunction, InstanceRecord } from './recorder/records.ts';
import { type Driven, resolve } from './recorder/resolve.ts';

export type { FunctionMap } from './recorder/maps.ts';
export type { AnyFunction } from './recorder/records.ts';
export type { Driven } from './recorder/resolve.ts';

/** What a driver is given to say what is what. A wrong call throws, and stops the build also where it is caught. */
export interface DriverHandle {
  /** Which instance is the guest. Every other one is an auxiliary module. */
  guest(instance: WebAssembly.Instance): void;
  /**
   * The guest is warm: what it is now is what is frozen. Compilations under way are waited for, and
   * what waits for them; a module that is made later is an error. Resolves once none is under way.
   */
  done(): Promise<void>;
  /**
   * Keeps a JavaScript function that auxiliary modules import: it becomes the import `module`
   * `name` of the frozen module, where code that is still reachable calls it.
   */
  host(func: AnyFunction, module: string, name: string): void;
  /** Exports something of an instance from the frozen module: a function, memory, table, global or tag. */
  keep(name: string, value: WebAssembly.ExportValue): void;
  /** Exports a table that has these functions in the slots of their ids. */
  map(name: string, functions: FunctionMap): void;
  /**
   * The guest's import `MODULE.NAME` becomes a function of the frozen module that calls the function
   * of an id, given in parameter `id` (the first, 0, unless told), with the other parameters.
   */
  dispatch(imported: string, functions: FunctionMap, options?: { readonly id?: number }): void;
}

export interface RecorderOptions {
  /** The guest's module, where it is known before: an instance of another one is refused. */
  readonly wasm: Uint8Array | undefined;
  readonly limits: Limits;
  readonly counters?: CallCounters | undefined;
  readonly skipBadModules: boolean;
  readonly keepHostFunctions: boolean;
}

/** The one that has replaced the global: there is one global. */
let running: Recorder | undefined;

export class Recorder {
  readonly handle: DriverHandle;
  readonly #options: RecorderOptions;
  readonly #recording: Recording;
  readonly #global: PropertyDescriptor;
  readonly #hosts = new Map<AnyFunction, { readonly module: string; readonly name: string }>();
  readonly #kept = new Map<string, unknown>();
  readonly #maps = new Map<string, FunctionMap>();
  readonly #dispatches = new Map<string, { readonly functions: FunctionMap; readonly id: number }>();
  #guest: InstanceRecord | undefined;
  #settled: Promise<void> | undefined;

  /** Replaces the global `WebAssembly`, until `restore`. */
  constructor(options: RecorderOptions) {
    if (running !== undefined) throw driverRunning();
    this.#options = options;
    this.#recording = new Recording(WebAssembly, options);
    this.handle = this.#makeHandle();
    this.#global = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly') as PropertyDescriptor;
    Object.defineProperty(globalThis, 'WebAssembly', {
      ...this.#global,
      value: this.#recording.namespace,
    });
    running = this;
  }

  /** The first thing that went wrong, whoever caught it. */
  get problem(): Error | undefined {
    return this.#recording.problem;
  }

  restore(): void {
    if (running !== this) return;
    Object.defineProperty(globalThis, 'WebAssembly', this.#global);
    this.#recording.end();
    running = undefined;
  }

  /** What was recorded, when the driver has ended; the global is as it was before. */
  async finish(): Promise<Driven> {
    const recording = this.#recording;
    await this.#settled;
    if (recording.problem !== undefined) throw recording.problem;
    if (this.#settled === undefined) throw driverNeverDone();
    if (this.#guest === undefined) throw noGuest();
    this.restore();
    return resolve(recording, this.#guest, {
      hosts: this.#hosts,
      kept: this.#kept,
      maps: this.#maps,
      dispatches: this.#dispatches,
      keepHostFunctions: this.#options.keepHostFunctions,
    });
  }

  #makeHandle(): DriverHandle {
    const once = (map: ReadonlyMap<unknown, unknown>, key: unknown, method: string): void => {
      if (map.has(key)) throw this.#recording.fail(badHandover(method, `"${String(key)}" was given before`));
    };
    return {
      guest: (instance) => {
        this.#setGuest(instance);
      },
      done: () => {
        this.#settled ??= this.#recording.settle().then(() => {
          this.#recording.close();
        });
        return this.#settled;
      },
      host: (func, module, name) => {
        if (typeof func !== 'function')
          throw this.#recording.fail(badHandover('host', `a ${typeof func} is no function`));
        this.#hosts.set(func, { module: String(module), name: String(name) });
      },
      keep: (name, value) => {
        once(this.#kept, name, 'keep');
        once(this.#maps, name, 'keep');
        this.#kept.set(String(name), value);
      },
      map: (name, functions) => {
        once(this.#kept, name, 'map');
        once(this.#maps, name, 'map');
        this.#maps.set(String(name), functions);
      },
      dispatch: (imported, functions, { id = 0 } = {}) => {
        once(this.#dispatches, imported, 'dispatch');
        this.#dispatches.set(String(imported), { functions, id });
      },
    };
  }

  #setGuest(instance: unknown): void {
    const recording = this.#recording;
    const record = recording.instance(instance);
    if (record === undefined) throw recording.fail(notRecorded('what freeze.guest() was given'));
    if (this.#guest !== undefined && this.#guest !== record) throw recording.fail(twoGuests());
    const { wasm } = this.#options;
    const { bytes } = record.made;
    if (wasm !== undefined && !sameBytes(wasm, bytes))
      throw recording.fail(notTheGuest(bytes.length, wasm.length));
    this.#guest = record;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
