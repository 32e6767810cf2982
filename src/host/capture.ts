/**
 * Capture: the state of a guest and of its auxiliary modules as plain values. Memories are views of
 * the live ones; nothing may run between capture and bake.
 */

import { mutableObject, sharedMemory, unfreezableReference, unknownFunction } from '../errors/unsupported.ts';
import type { Probes } from '../link/instrument.ts';
import type {
  GlobalState,
  InstanceState,
  MemoryState,
  RefValue,
  Snapshot,
  TableState,
} from '../snapshot/state.ts';
import { readExpr } from '../wasm/instructions.ts';
import { type ConstExpr, type Module, spaces } from '../wasm/module.ts';
import { moduleNames } from '../wasm/names.ts';
import { isRef, type RefType, type SubType, showType, type ValType } from '../wasm/types.ts';
import { holdsHosts } from './constant.ts';
import type { Guest } from './guest.ts';
import type { Registry } from './registry.ts';
import { scan } from './scan.ts';
import type { Touched } from './touched.ts';

const PAGE = 65536;

/** `touched` tells of memories what can only be zeros, where the host knows. */
export function capture(guest: Guest, touched?: Touched): Snapshot {
  const instances = [
    captureInstance(
      guest.module,
      guest.probes,
      guest.instance.exports,
      guest.registry,
      '',
      guest.driven,
      touched,
    ),
    ...guest.linker.auxes.map((aux) =>
      captureInstance(
        aux.module,
        aux.probes,
        aux.instance.exports,
        guest.registry,
        ` of auxiliary module ${aux.name}`,
        guest.driven,
        touched,
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
  driven: boolean,
  touched: Touched | undefined,
): InstanceState {
  const all = spaces(module);
  const place = placeNames(module, whose);
  const memories = new Map<number, MemoryState>();
  module.mems.forEach((type, position) => {
    const index = all.imported.mem + position;
    // Without a driver there is one thread: the host starts none.
    if (type.shared && driven) throw sharedMemory(index, 'threads of its JavaScript may write it');
    memories.set(index, captureMemory(exports[probes.mem(index)] as WebAssembly.Memory, touched, driven));
  });
  const globals = new Map<number, GlobalState>();
  module.globals.forEach(({ type, init }, position) => {
    const index = all.imported.global + position;
    if (!type.mutable) {
      refuseMutableObject(all.types, init, place('global', index));
      return;
    }
    globals.set(index, captureGlobal(probes, exports, registry, index, type.val, place('global', index)));
  });
  const tables = new Map<number, TableState>();
  module.tables.forEach(({ type }, position) => {
    const index = all.imported.table + position;
    const table = exports[probes.table(index)] as unknown as AnyTable;
    const isNull = exports[probes.tableIsNull(index)] as SlotProbe | undefined;
    tables.set(index, captureTable({ table, isNull }, registry, type.ref, place('table', index)));
  });
  // Not looked up one by one: a module may have a hundred thousand segments, and few probes.
  const probed = new Set(Object.keys(exports).filter((name) => probes.isSegmentProbe(name)));
  return {
    memories,
    globals,
    tables,
    droppedElems: dropped(module.elems, probes.elemAlive, probed, exports),
    droppedDatas: dropped(module.datas, probes.dataAlive, probed, exports),
  };
}

/** Where something is, in words, for messages: put together when there is one. */
type Place = () => string;

/** Places with the names that the module has for them. */
function placeNames(module: Module, whose: string): (kind: 'global' | 'table', index: number) => Place {
  return (kind, index) => () => {
    const name = moduleNames(module)[kind].get(index);
    return `${kind} ${index}${name === undefined ? '' : ` (${name})`}${whose}`;
  };
}

/**
 * The bytes are a view, but where a driver's JavaScript may go on, against the rules, while the module is made: what
 * it writes then must not stand beside what was captured before.
 */
function captureMemory(
  memory: WebAssembly.Memory,
  touched: Touched | undefined,
  driven: boolean,
): MemoryState {
  const live = new Uint8Array(memory.buffer);
  const bytes = driven ? live.slice() : live;
  return { pages: BigInt(bytes.length / PAGE), bytes, runs: scan(memory, touched) };
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
  type: ValType,
  place: Place,
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

/**
 * A value that is not null: a function whose owner is known, what an import gave, or a refusal that names
 * the place.
 */
function reference(read: () => unknown, registry: Registry, type: RefType, place: Place): RefValue {
  let value: unknown;
  try {
    value = read();
  } catch {
    // Exceptions and other values that JavaScript cannot hold.
    throw unfreezableReference(place(), showType(type), { hosts: false });
  }
  if (value === null) return null;
  // An externref can be a function too, but no constant expression makes one of it.
  const holdsFunctions = type.heap === 'func' || typeof type.heap === 'number';
  if (holdsFunctions && typeof value === 'function') {
    const entity = registry.of(value);
    if (entity?.kind === 'func') return entity;
  }
  const given = registry.givenTo(value);
  if (given !== undefined) return given;
  if (holdsFunctions && typeof value === 'function') throw unknownFunction(place());
  const hosts = holdsHosts(type);
  const primitive =
    hosts && !['object', 'function', 'symbol'].includes(typeof value) ? typeof value : undefined;
  throw unfreezableReference(place(), showType(type), { hosts, primitive });
}

/**
 * An immutable global is what its initializer makes, anew in each instance. An object with fields
 * that code can write is not what it was any more, and no engine shows what it is now.
 */
function refuseMutableObject(types: readonly SubType[], init: ConstExpr, place: Place): void {
  for (const { row, operands } of readExpr(init)) {
    if (!/^(struct|array)\.new/.test(row.name)) continue;
    const comp = types[Number(operands[0])]?.comp;
    const fields = comp?.kind === 'struct' ? comp.fields : comp?.kind === 'array' ? [comp.field] : [];
    if (fields.some((field) => field.mutable)) throw mutableObject(place());
  }
}

/** Since the table64 proposal the JS API counts the slots of a 64-bit table in BigInts. */
interface AnyTable {
  readonly length: number | bigint;
  get(index: number | bigint): unknown;
}

/** Tells whether a slot is null, of a table that JavaScript cannot look into. */
type SlotProbe = (slot: number | bigint) => number;

function captureTable(
  { table, isNull }: { readonly table: AnyTable; readonly isNull: SlotProbe | undefined },
  registry: Registry,
  type: RefType,
  where: Place,
): TableState {
  const { length } = table;
  const at =
    typeof length === 'bigint' ? (slot: number): bigint => BigInt(slot) : (slot: number): number => slot;
  const slots: RefValue[] = [];
  for (let slot = 0; slot < Number(length); slot++) {
    const read = (): unknown => (isNull?.(at(slot)) === 1 ? null : table.get(at(slot)));
    slots.push(reference(read, registry, type, () => `slot ${slot} of ${where()}`));
  }
  return { slots };
}

/**
 * A segment with a probe was dropped when that traps. One without has nothing in it, or is active or
 * declarative and was dropped by instantiation. (Active ones of auxiliary modules have probes: where a
 * patch trapped, those behind the trap are still there.)
 */
function dropped(
  segments: readonly { readonly mode: { readonly kind: string } }[],
  nameOf: (index: number) => string,
  probed: ReadonlySet<string>,
  exports: WebAssembly.Exports,
): ReadonlySet<number> {
  const gone = new Set<number>();
  const none = probed.size === 0;
  segments.forEach(({ mode }, index) => {
    const name = none ? '' : nameOf(index);
    const alive = probed.has(name) ? exports[name] : undefined;
    if (typeof alive !== 'function') {
      if (mode.kind !== 'passive') gone.add(index);
    } else {
      try {
        alive();
      } catch {
        gone.add(index);
      }
    }
  });
  return gone;
}
