/**
 * What this engine lacks of what a module uses. Features are tried, with a module each that has
 * nothing else in it: versions tell less, as flags switch features on and off.
 */
import { encode, madeSpan } from '../wasm/encode.ts';
import { FEATURES, type Feature, featuresUsed } from '../wasm/features.ts';
import { assembleBody, type Op } from '../wasm/instructions.ts';
import { EMPTY_MODULE, type Module } from '../wasm/module.ts';
import { moduleNames } from '../wasm/names.ts';
import type { FuncType, MemType, TagIdx, TypeIdx } from '../wasm/types.ts';

const NOTHING: FuncType = { kind: 'func', params: [], results: [] };
const type = (comp: FuncType): Module['types'][number] => ({
  types: [{ final: true, supers: [], comp }],
  explicit: false,
});

/** A module with one function, [] → []. */
function code(...ops: readonly Op[]): Module {
  const codes = [madeSpan(assembleBody(ops), 'probe')];
  return { ...EMPTY_MODULE, types: [type(NOTHING)], funcs: [0 as TypeIdx], codes };
}

const memory = (more: Partial<MemType> = {}): MemType => ({
  address: 'i32',
  shared: false,
  min: 0n,
  max: 0n,
  ...more,
});
const VECTOR: Op = ['v128.const', new Uint8Array(16)];
const CONST: Op = ['i32.const', 0];
const END: Op = ['end'];

/** A module for each feature that an engine of today may lack. */
const PROBES: Readonly<Partial<Record<Feature, Module>>> = {
  simd: code(VECTOR, ['drop']),
  'relaxed-simd': code(VECTOR, VECTOR, ['i8x16.relaxed_swizzle'], ['drop']),
  threads: { ...EMPTY_MODULE, mems: [memory({ shared: true })] },
  'tail-call': code(['return_call', 0]),
  'extended-const': {
    ...EMPTY_MODULE,
    globals: [
      {
        type: { val: 'i32', mutable: false },
        init: madeSpan(Uint8Array.of(0x41, 0, 0x41, 0, 0x6a, 0x0b), 'probe'),
      },
    ],
  },
  'multi-memory': { ...EMPTY_MODULE, mems: [memory(), memory()] },
  memory64: { ...EMPTY_MODULE, mems: [memory({ address: 'i64' })] },
  table64: {
    ...EMPTY_MODULE,
    tables: [
      {
        type: { ref: { nullable: true, heap: 'func' }, limits: { address: 'i64', min: 0n, max: 0n } },
        init: undefined,
      },
    ],
  },
  exceptions: {
    ...code(
      ['block', { block: undefined }],
      ['try_table', { block: undefined }, { catches: [{ kind: 'catch', tag: 0 as TagIdx, label: 0 }] }],
      END,
      END,
    ),
    tags: [0 as TypeIdx],
  },
  'legacy-exceptions': code(['try', { block: undefined }], ['catch_all'], END),
  'function-references': code(['ref.null', { heap: 0 as TypeIdx }], ['drop']),
  gc: code(CONST, ['ref.i31'], ['drop']),
};

/** The first version of Node whose V8 has it, where that is not every one that `freeze` runs on. */
const SINCE: Readonly<Partial<Record<Feature, number>>> = {
  'relaxed-simd': 22,
  'extended-const': 22,
  'multi-memory': 22,
  memory64: 22,
  exceptions: 22,
  'function-references': 22,
  gc: 22,
  table64: 24,
};

export interface Lacking {
  readonly feature: Feature;
  /** Where it is used: `functions 3 (run), 7 and 12 more`, `the table section`. */
  readonly where: string;
  /** The first version of Node that has it, where one has. */
  readonly node: number | undefined;
}

/** What the module uses and this engine does not take. */
export function lackingFeatures(module: Module): readonly Lacking[] {
  const used = featuresUsed(module);
  const names = moduleNames(module).func;
  return FEATURES.flatMap((feature): readonly Lacking[] => {
    const use = used.get(feature);
    const probe = PROBES[feature];
    if (use === undefined || probe === undefined) return [];
    if (WebAssembly.validate(encode(probe) as Uint8Array<ArrayBuffer>)) return [];
    const shown = use.first.map((func) => `${func}${names.has(func) ? ` (${names.get(func)})` : ''}`);
    const more = use.functions - use.first.length;
    const functions = `function${use.functions === 1 ? '' : 's'} ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    const where = use.functions > 0 ? functions : `the ${use.sections.join(' and ')} section`;
    return [{ feature, where, node: SINCE[feature] }];
  });
}
