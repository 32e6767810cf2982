/**
 * Whether a host takes a module: what it imports, what it must export, the features it uses, its size,
 * its memory, its segments. Limits are those that the hosts publish; they change, so each says where
 * it is from.
 */
import { FEATURES, type Feature, featuresUsed } from './wasm/features.ts';
import { exportNamed, type Module } from './wasm/module.ts';

export interface Target {
  readonly what: string;
  /** Modules whose functions the host gives; a name that ends with * is the beginning of one. */
  readonly imports: readonly string[];
  /** Whether it runs commands alone. */
  readonly command: boolean;
  readonly lacks: readonly Feature[];
  /** Bytes of the module, plain and compressed. */
  readonly size?: number;
  readonly gzip?: number;
  /** Bytes of memory at the start. */
  readonly memory?: number;
  readonly segments?: number;
}

const MEGABYTE = 1_000_000;
const MEBIBYTE = 1024 * 1024;
const PREVIEW1 = 'wasi_snapshot_preview1';
/** What V8 11.3, that of Node 20, does not have. */
const NOT_IN_NODE_20: readonly Feature[] = [
  'relaxed-simd',
  'extended-const',
  'multi-memory',
  'memory64',
  'table64',
  'exceptions',
  'function-references',
  'gc',
];
/** https://webassembly.github.io/spec/js-api/#limits */
const JS_API_SEGMENTS = 100_000;

export type TargetName = 'node' | 'wasmtime' | 'fastly' | 'spin' | 'cloudflare';

export const TARGETS: Readonly<Record<TargetName, Target>> = {
  node: {
    what: 'Node 20.19 and later, with node:wasi',
    imports: [PREVIEW1, 'wasi_unstable'],
    command: false,
    lacks: NOT_IN_NODE_20,
    segments: JS_API_SEGMENTS,
  },
  wasmtime: {
    what: 'wasmtime run, without options',
    imports: [PREVIEW1, 'wasi_unstable'],
    command: false,
    lacks: ['legacy-exceptions'],
  },
  // https://docs.fastly.com/products/compute-resource-limits
  fastly: {
    what: 'Fastly Compute',
    imports: [PREVIEW1, 'fastly_*', 'env'],
    command: true,
    lacks: ['threads', 'memory64', 'table64', 'exceptions', 'legacy-exceptions', 'function-references', 'gc'],
    size: 100 * MEGABYTE,
    memory: 128 * MEBIBYTE,
  },
  // Commands of WASI preview 1 run under its Wagi executor: https://spinframework.dev/v3/http-trigger
  spin: {
    what: 'Spin, a command under its Wagi executor',
    imports: [PREVIEW1],
    command: true,
    lacks: ['threads', 'memory64', 'table64', 'exceptions', 'legacy-exceptions', 'function-references', 'gc'],
  },
  // https://developers.cloudflare.com/workers/platform/limits/ (a Worker of the paid plan)
  cloudflare: {
    what: 'Cloudflare Workers, with a shim for WASI',
    imports: [PREVIEW1],
    command: false,
    lacks: ['threads', 'table64'],
    gzip: 10 * MEGABYTE,
    memory: 128 * MEBIBYTE,
    segments: JS_API_SEGMENTS,
  },
};

export function isTarget(name: string): name is TargetName {
  return Object.hasOwn(TARGETS, name);
}

export interface Finding {
  /** What the host does not take. */
  readonly problem: string;
  /** What changes that. */
  readonly change: string;
}

const PAGE = 65_536n;

/** `size` and `gzip` are bytes of the module as it is and compressed. Nothing found is a good answer. */
export function findingsFor(
  name: TargetName,
  module: Module,
  size: number,
  gzip: number,
): readonly Finding[] {
  const target = TARGETS[name];
  return [
    ...importFindings(target, module),
    ...(target.command && exportNamed(module, '_start', 'func') === undefined
      ? [
          {
            problem: 'it is no command: it exports no function _start',
            change: 'name an entry with --command',
          },
        ]
      : []),
    ...featureFindings(target, module),
    ...above('its size', size, target.size, 'fewer or smaller warm-ups; --report shows what fills it'),
    ...above(
      'its size, compressed with gzip',
      gzip,
      target.gzip,
      'fewer or smaller warm-ups; --report shows what fills it',
    ),
    ...module.mems.flatMap(({ min }, i) =>
      above(`memory ${i} at the start`, Number(min * PAGE), target.memory, 'a smaller heap of the guest'),
    ),
    ...above('data segments', module.datas.length, target.segments, 'a newer freeze: it joins them'),
  ];
}

function importFindings({ imports }: Target, module: Module): readonly Finding[] {
  const given = (from: string): boolean =>
    imports.some((one) => (one.endsWith('*') ? from.startsWith(one.slice(0, -1)) : one === from));
  const foreign = module.imports.filter((item) => item.desc.kind !== 'func' || !given(item.module));
  return foreign.map((item) => ({
    problem: `it imports ${item.module}.${item.name}`,
    change:
      item.desc.kind === 'func'
        ? `--stub-import ${item.module}.${item.name}=trap makes it a function of the module`
        : '--import-state internalize takes state in',
  }));
}

function featureFindings({ lacks }: Target, module: Module): readonly Finding[] {
  const used = featuresUsed(module);
  return FEATURES.filter((feature) => used.has(feature) && lacks.includes(feature)).map((feature) => ({
    problem: `it uses ${feature}`,
    change: 'build the guest without it; freeze inspect names the functions that use it',
  }));
}

function above(what: string, value: number, most: number | undefined, change: string): readonly Finding[] {
  return most === undefined || value <= most
    ? []
    : [{ problem: `${what}: ${value}, of at most ${most}`, change }];
}
