/**
 * The producers section: which tools made a module. `freeze` adds itself to those that processed it.
 *
 * https://github.com/WebAssembly/tool-conventions/blob/main/ProducersSection.md
 */
import { FreezeError } from '../errors/classes.ts';
import type { CustomSection, Module } from '../wasm/module.ts';
import { Reader } from '../wasm/reader.ts';
import { Writer } from '../wasm/writer.ts';

export const PRODUCERS = 'producers';
const PROCESSED_BY = 'processed-by';
const TOOL = 'freeze';

/** A field, as `language`, and its tools with their versions, in the order in which they stand. */
export interface Producers {
  readonly field: string;
  readonly values: readonly (readonly [name: string, version: string])[];
}

export function readProducers(bytes: Uint8Array): readonly Producers[] {
  return new Reader(bytes, 'producers section').vec((r) => ({
    field: r.name(),
    values: r.vec((s) => [s.name(), s.name()] as const),
  }));
}

export function writeProducers(fields: readonly Producers[]): Uint8Array {
  return new Writer()
    .vec(fields, (w, { field, values }) => {
      w.name(field).vec(values, (v, [name, version]) => {
        v.name(name).name(version);
      });
    })
    .finish();
}

/** The fields with this `freeze` among the tools that processed the module, once. */
function withTool(fields: readonly Producers[], version: string): readonly Producers[] {
  const at = fields.findIndex(({ field }) => field === PROCESSED_BY);
  const known = fields[at]?.values.filter(([name]) => name !== TOOL) ?? [];
  const processed = { field: PROCESSED_BY, values: [...known, [TOOL, version] as const] };
  return at < 0 ? [...fields, processed] : fields.with(at, processed);
}

/** Where the section goes in a module that has none: at its end, but before `target_features`. */
const AFTER_DATA = 11;
const TARGET_FEATURES = 'target_features';
const NAME = 'name';

/**
 * The module with `freeze` in its producers section, which stands behind the name section and before
 * `target_features`. A section that cannot be read stays as it is.
 */
export function withProducer(module: Module, version: string): Module {
  const { customs } = module;
  const at = customs.findIndex(({ name }) => name === PRODUCERS);
  const known = customs[at];
  let fields: readonly Producers[] = [];
  try {
    if (known !== undefined) fields = readProducers(known.bytes);
  } catch (error) {
    if (error instanceof FreezeError) return module;
    throw error;
  }
  const bytes = writeProducers(withTool(fields, version));
  const names = customs.findIndex(({ name }) => name === NAME);
  // It stays in its place, unless a name section has come in behind it.
  if (known !== undefined && names < at)
    return { ...module, customs: customs.with(at, { name: PRODUCERS, bytes, after: known.after }) };
  const others = customs.filter((one) => one !== known);
  const features = others.findIndex(({ name, after }) => name === TARGET_FEATURES && after === AFTER_DATA);
  const behind = others.findIndex(({ name }) => name === NAME) + 1;
  const place = features >= behind ? features : others.length;
  const custom: CustomSection = { name: PRODUCERS, bytes, after: AFTER_DATA };
  return { ...module, customs: others.toSpliced(place, 0, custom) };
}
