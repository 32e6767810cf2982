/**
 * Capture: the state of a guest and of its auxiliary modules as plain values. Memories are views of
 * the live ones; nothing may run between capture and bake.
 */
import type { Probes } from '../link/instrument.ts';
import type {
  GlobalState,
  InstanceState,
  MemoryState,
  RefValue,
  Snapshot,
  TableState,
} from '../snapshot/state.ts';
import { sharedMemory, unfreezableReference, unknownFunction } from '../wasm/errors.ts';
import { type Module, spaces } from '../wasm/module.ts';
import { isRef, type RefType, showType } from '../wasm/types.ts';
import type { Guest } from './guest.ts';
import type { Registry } from './registry.ts';

const PAGE = 65536;

export function capture(guest: Guest): Snapshot {
  const instances = [
    captureInstance(guest.module, guest.probes, guest.instance.exports, guest.registry, ''),
    ...guest.linker.auxes.map((aux) =>
      captureInstance(
        aux.module,
        aux.probes,
        aux.instance.exports,
        guest.registry,
        ` of auxiliary module ${aux.name}`,
      ),
    ),
  ];
  return { instances };
}

function captureInstance(
  module: Module,
  probes: Probes,
  exports: WebAssembly.Exports,
  registry: Registry,
  whose: string,
): InstanceState {
  const all = spaces(module);
  const memories = new Map<number, MemoryState>();
  module.mems.forEach((type, position) => {
    const index = all.imported.mem + position;
    if (type.shared) throw sharedMemory(index);
    memories.set(index, captureMemory(exports[probes.mem(index)] as WebAssembly.Memory));
  });
  const globals = new Map<number, GlobalState>();
  module.globals.forEach(({ type }, position) => {
    if (!type.mutable) return;
    const index = all.imported.global + position;
    globals.set(index, captureGlobal(probes, exports, registry, index, type.val, `global ${index}${whose}`));
  });
  const tables = new Map<number, TableState>();
  module.tables.forEach(({ type }, position) => {
    const index = all.imported.table + position;
    const table = exports[probes.table(index)] as WebAssembly.Table;
    tables.set(index, captureTable(table, registry, type.ref, `of table ${index}${whose}`));
  });
  return {
    memories,
    globals,
    tables,
    droppedElems: dropped(module.elems, (index) => exports[probes.elemAlive(index)]),
    droppedDatas: dropped(module.datas, (index) => exports[probes.dataAlive(index)]),
  };
}

function captureMemory(memory: WebAssembly.Memory): MemoryState {
  const bytes = new Uint8Array(memory.buffer);
  return { pages: BigInt(bytes.length / PAGE), bytes };
}

function call(exports: WebAssembly.Exports, name: string): unknown {
  const func = exports[name];
  if (typeof func !== 'function') throw new TypeError(`the instrumented module lacks ${name}`);
  return func();
}

function captureGlobal(
  probes: Probes,
  exports: WebAssembly.Exports,
  registry: Registry,
  index: number,
  type: import('../wasm/types.ts').ValType,
  place: string,
): GlobalState {
  if (isRef(type)) {
    if (call(exports, probes.globalIsNull(index)) === 1) return { kind: 'ref', ref: null };
    const global = exports[probes.global(index)] as WebAssembly.Global;
    return { kind: 'ref', ref: reference(() => global.value, registry, type, place) };
  }
  const part = (which: 0 | 1): bigint => {
    const bits = call(exports, probes.globalBits(index, which));
    return typeof bits === 'bigint' ? BigInt.asUintN(64, bits) : BigInt((bits as number) >>> 0);
  };
  const low = part(0);
  return { kind: 'bits', bits: type === 'v128' ? low | (part(1) << 64n) : low };
}

/** A value that is not null: a function whose owner is known, or a refusal that names the place. */
function reference(read: () => unknown, registry: Registry, type: RefType, place: string): RefValue {
  let value: unknown;
  try {
    value = read();
  } catch {
    // Exceptions and other values that JavaScript cannot hold.
    throw unfreezableReference(place, showType(type));
  }
  if (value === null) return null;
  const entity = registry.of(value);
  if (entity?.kind === 'func') return entity;
  if (typeof value === 'function' && type.heap !== 'extern') throw unknownFunction(place);
  throw unfreezableReference(place, showType(type));
}

/** Since the table64 proposal the JS API counts the slots of a 64-bit table in BigInts. */
interface AnyTable {
  readonly length: number | bigint;
  get(index: number | bigint): unknown;
}

function captureTable(table: AnyTable, registry: Registry, type: RefType, where: string): TableState {
  const { length } = table;
  const at =
    typeof length === 'bigint' ? (slot: number): bigint => BigInt(slot) : (slot: number): number => slot;
  const slots: RefValue[] = [];
  for (let slot = 0; slot < Number(length); slot++) {
    slots.push(reference(() => table.get(at(slot)), registry, type, `slot ${slot} ${where}`));
  }
  return { slots };
}

/** Active and declarative segments are dropped by instantiation; a passive one is when its probe traps. */
function dropped(
  segments: readonly { readonly mode: { readonly kind: string } }[],
  probe: (index: number) => unknown,
): ReadonlySet<number> {
  const gone = new Set<number>();
  segments.forEach(({ mode }, index) => {
    const alive = probe(index);
    if (mode.kind !== 'passive') gone.add(index);
    else if (typeof alive === 'function') {
      try {
        alive();
      } catch {
        gone.add(index);
      }
    }
  });
  return gone;
}
