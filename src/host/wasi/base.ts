// What lies below our layer: a WASI host of somebody else's, and how its calls are reached.
//
// A base needs an instance to find its memory in, at a time when the guest's may not exist yet,
// may be called otherwise or may have been imported. So it is given a stand-in instead: its calls
// look their target up when they are made, and `attach` puts that target there.

import { type CallName, Errno, isNamespace, type Namespace, type WasiFunction } from './preview1.ts';
import { type CommonOptions, WasiOptionError, WasiUnbound } from './types.ts';

/** A host below ours. */
export interface Base {
  /** Tells it the memory; from then on its calls work. */
  attach(memory: WebAssembly.Memory): void;
  /** A call of its as a function to import; one that it lacks answers ENOSYS. */
  call(namespace: Namespace, name: CallName): WasiFunction;
}

/** A function that calls what `find` finds by then; ENOSYS for what the base does not have. */
export function late(
  find: () => Readonly<Record<string, unknown>> | undefined,
  name: CallName,
): WasiFunction {
  return (...parameters: readonly unknown[]) => {
    const target = find();
    if (target === undefined) throw new WasiUnbound();
    const call = target[name];
    if (typeof call !== 'function') return Errno.nosys;
    return Number(Reflect.apply(call, undefined, parameters));
  };
}

/** A function that a module imports from preview 1. */
export interface Import {
  readonly module: Namespace;
  readonly name: string;
}

/** What a module imports of preview 1. */
export function imported(module: WebAssembly.Module): readonly Import[] {
  return WebAssembly.Module.imports(module).filter(isImport);
}

function isImport(entry: WebAssembly.ModuleImportDescriptor): entry is typeof entry & Import {
  return entry.kind === 'function' && isNamespace(entry.module);
}

/** The memory of what `bind` was given. Not by instanceof: it may come from another realm. */
export function memoryOf(target: WebAssembly.Instance | WebAssembly.Memory): WebAssembly.Memory {
  if (!('exports' in target)) return target;
  const memory = target.exports['memory'];
  if (typeof memory !== 'object' || !('buffer' in memory)) throw new WasiUnbound();
  return memory;
}

/** Refuses what bases refuse in words of their own, or worse, take and cut. */
export function checkOptions(options: CommonOptions): void {
  const { args, env } = options;
  const cut = args?.find((argument) => argument.includes('\0'));
  if (cut !== undefined) throw new WasiOptionError(`a NUL in the argument ${JSON.stringify(cut)}`);
  if (env === undefined) return;
  for (const [name, value] of Object.entries(env)) {
    const bad = name === '' || name.includes('=') || name.includes('\0') || value.includes('\0');
    if (bad) throw new WasiOptionError(`an environment variable that cannot be: ${JSON.stringify(name)}`);
  }
}
