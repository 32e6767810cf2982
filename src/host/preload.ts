/**
 * Preloaded modules: instances that the guest's imports come from while it runs. Their state is no
 * part of the snapshot, and the imports stay: who thaws the output gives them again.
 */
import { preloadTrapped } from '../errors/guest.ts';
import { preloadNeeds } from '../errors/usage.ts';
import { compile } from './engine.ts';
import type { HostFactory } from './guest.ts';
import { type Hosts, hosted } from './hosts.ts';

export interface Preload {
  /** The module name of the imports that it gives. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Exports by the name of their module. */
export type Preloaded = Readonly<Record<string, WebAssembly.Exports>>;

/**
 * Instantiates them in order; each may import from those before it, and has a host of its own.
 * Throws a UsageError where one does not fit, a GuestError where one traps.
 */
export async function preload(modules: readonly Preload[], host: HostFactory): Promise<Preloaded> {
  const preloaded: Record<string, WebAssembly.Exports> = Object.create(null);
  for (const { name, bytes } of modules) {
    const compiled = await compile(bytes, `preloaded module ${name}`);
    const wasi = await host(compiled);
    const imports: Hosts = { ...wasi.imports, ...preloaded };
    try {
      const instance = await WebAssembly.instantiate(compiled, imports as WebAssembly.Imports);
      if (instance.exports['memory'] instanceof WebAssembly.Memory) wasi.bind(instance);
      preloaded[name] = instance.exports;
    } catch (error) {
      if (error instanceof WebAssembly.LinkError || error instanceof TypeError)
        throw preloadNeeds(name, missingOf(compiled, imports) ?? error.message);
      throw preloadTrapped(name, error instanceof Error ? error.message : String(error));
    }
  }
  return preloaded;
}

/** The first import that nobody gives: an engine tells of the module, or of a name, in words of its own. */
function missingOf(compiled: WebAssembly.Module, hosts: Hosts): string | undefined {
  const missing = WebAssembly.Module.imports(compiled).find((item) => hosted(hosts, item) === undefined);
  return missing && `it imports "${missing.module}" "${missing.name}", which nobody gives`;
}
