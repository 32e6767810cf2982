/**
 * Many auxiliary modules: linking must grow linearly. The guest is a memory and a table; the modules
 * are made here, each with functions that write memory, patched in by an active segment at a
 * constant slot, as WAForth does it for every word.
 */

import { capture } from '../src/host/capture.ts';
import { Guest } from '../src/host/guest.ts';
import { createWasi } from '../src/host/wasi/wasi.ts';
import { link } from '../src/link/link.ts';
import { DEFAULT_LIMITS } from '../src/options.ts';
import { bake } from '../src/snapshot/bake.ts';
import { heldBy } from '../src/snapshot/state.ts';
import { encode, madeSpan } from '../src/wasm/encode.ts';
import { assemble, assembleBody, type Op } from '../src/wasm/instructions.ts';
import { EMPTY_MODULE, type Module } from '../src/wasm/module.ts';
import { parse } from '../src/wasm/parse.ts';
import { FUNCREF, type FuncIdx, type TableIdx, type TypeIdx } from '../src/wasm/types.ts';

export interface Scale {
  readonly modules: number;
  readonly functions: number;
  /** Bytes of auxiliary modules. */
  readonly size: number;
  /** Milliseconds: linking live one by one. */
  readonly live: number;
  /** Milliseconds of processor time, of all threads: capture, link, bake and encode together. */
  readonly freeze: number;
  /** MiB by which the process grew from capture to encode. */
  readonly memory: number;
  /** Milliseconds to compile and instantiate the frozen module. */
  readonly thaw: number;
  /** MiB that the live-linked instances, and the thawed one, keep. */
  readonly liveMemory: number;
  readonly thawMemory: number;
}

const type0 = 0 as TypeIdx;
const types = [
  {
    types: [{ final: true, supers: [], comp: { kind: 'func', params: ['i32'], results: ['i32'] } }],
    explicit: false,
  },
] as const;

function guestModule(slots: number): Module {
  return {
    ...EMPTY_MODULE,
    types,
    funcs: [type0],
    // Calls a slot: what a guest's interpreter does with compiled code.
    codes: [
      madeSpan(
        assembleBody([
          ['local.get', 0],
          ['local.get', 0],
          ['call_indirect', 0, 0],
        ]),
        'run',
      ),
    ],
    tables: [
      {
        type: { ref: FUNCREF, limits: { address: 'i32', min: BigInt(slots), max: undefined } },
        init: undefined,
      },
    ],
    mems: [{ address: 'i32', shared: false, min: 1n, max: undefined }],
    exports: [
      { name: 'memory', kind: 'mem', index: 0 as FuncIdx },
      { name: 'table', kind: 'table', index: 0 as FuncIdx },
      { name: 'run', kind: 'func', index: 0 as FuncIdx },
    ],
  };
}

function auxModule(first: number, functions: number, padding: number): Module {
  const body = (slot: number): readonly Op[] => [
    ['i32.const', slot % 65000],
    ['local.get', 0],
    ['i32.store8', { align: 0, mem: 0, offset: 0n }],
    ...Array.from({ length: padding }, (): readonly Op[] => [
      ['local.get', 0],
      ['i32.const', slot],
      ['i32.add'],
      ['local.set', 0],
    ]).flat(),
    ['local.get', 0],
    ['i32.const', slot],
    ['i32.add'],
  ];
  const limits = { address: 'i32', min: BigInt(first + functions), max: undefined } as const;
  return {
    ...EMPTY_MODULE,
    types,
    imports: [
      {
        module: 'env',
        name: 'memory',
        desc: { kind: 'mem', type: { address: 'i32', shared: false, min: 1n, max: undefined } },
      },
      { module: 'env', name: 'table', desc: { kind: 'table', type: { ref: FUNCREF, limits } } },
    ],
    funcs: Array.from({ length: functions }, () => type0),
    codes: Array.from({ length: functions }, (_, i) => madeSpan(assembleBody(body(first + i)), 'word')),
    elems: [
      {
        mode: {
          kind: 'active',
          table: 0 as TableIdx,
          offset: madeSpan(assemble([['i32.const', first]]), 'slot'),
        },
        type: { nullable: false, heap: 'func' },
        items: { kind: 'funcs', funcs: Array.from({ length: functions }, (_, i) => i as FuncIdx) },
      },
    ],
  };
}

const MIB = 1024 * 1024;

function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / MIB;
}

export async function scale(modules: number, functionsEach: number, padding: number): Promise<Scale> {
  const slots = modules * functionsEach;
  const codes = Array.from({ length: modules }, (_, i) =>
    encode(auxModule(i * functionsEach, functionsEach, padding)),
  );
  const module = parse(encode(guestModule(slots)));
  const before = resident();
  const guest = await Guest.start({
    module,
    host: (compiled) => createWasi({}, compiled),
    stubs: new Map(),
    limits: DEFAULT_LIMITS,
    skipBadModules: false,
  });
  const started = performance.now();
  for (const code of codes) guest.link(code, undefined);
  const live = performance.now() - started;
  const linkedLive = resident();
  const froze = process.cpuUsage();
  const snapshot = capture(guest);
  const linked = link({ guest: module, auxes: guest.linker.auxes, held: heldBy(snapshot) });
  const bytes = encode(bake(linked, snapshot).module);
  const { user, system } = process.cpuUsage(froze);
  const freeze = (user + system) / 1000;
  const after = process.memoryUsage().rss / MIB;
  const beforeThaw = resident();
  const thawed = performance.now();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>));
  const thaw = performance.now() - thawed;
  const run = instance.exports['run'] as (slot: number) => number;
  if (run(slots - 1) !== slots - 1 + (padding + 1) * (slots - 1))
    throw new Error('the frozen module computes something else');
  return {
    modules,
    functions: slots,
    size: codes.reduce((sum, code) => sum + code.length, 0),
    live,
    freeze,
    memory: after - linkedLive,
    thaw,
    liveMemory: linkedLive - before,
    thawMemory: resident() - beforeThaw,
  };
}
