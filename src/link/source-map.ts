/**
 * Source maps: where each byte of code came from, in a file beside the module. Columns of its only
 * line are offsets from the start of the module; they move with the code.
 *
 * https://tc39.es/ecma426/ (the format; mappings are base64 VLQs, each relative to the one before)
 */
import { badSourceMap } from '../errors/usage.ts';
import { type Module, rawSection } from '../wasm/module.ts';
import { readSections } from '../wasm/parse.ts';
import { CodeMap, type PlaceOf } from './code-map.ts';

/** What names the file, in a module. */
export const SOURCE_MAPPING_URL = 'sourceMappingURL';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES: ReadonlyMap<string, number> = new Map([...DIGITS].map((digit, i) => [digit, i]));

/** A mapping: its column, and up to four more fields, which are kept as they are. */
type Mapping = readonly number[];

function readMapping(text: string): Mapping {
  const fields: number[] = [];
  let [value, scale] = [0, 1];
  for (const digit of text) {
    const bits = VALUES.get(digit);
    if (bits === undefined || scale > 2 ** 35) throw badSourceMap(`"${text.slice(0, 20)}" is no mapping`);
    value += (bits & 31) * scale;
    scale *= 32;
    if (bits >= 32) continue;
    fields.push(value % 2 === 1 ? -(value - 1) / 2 : value / 2);
    [value, scale] = [0, 1];
  }
  if (scale !== 1 || ![1, 4, 5].includes(fields.length))
    throw badSourceMap(`"${text.slice(0, 20)}" is no mapping`);
  return fields;
}

function writeMapping(fields: Mapping): string {
  let text = '';
  for (const field of fields) {
    let rest = field < 0 ? -field * 2 + 1 : field * 2;
    do {
      const bits = rest % 32;
      rest = Math.floor(rest / 32);
      text += DIGITS[rest > 0 ? bits + 32 : bits];
    } while (rest > 0);
  }
  return text;
}

/** Mappings with every column moved; one whose code has gone goes with it. */
export function moveMappings(mappings: string, move: (column: number) => number | undefined): string {
  const out: string[] = [];
  // The fields of the mapping before: as they were read, and as they were written.
  const [read, written] = [
    [0, 0, 0, 0, 0],
    [0, 0, 0, 0, 0],
  ];
  for (const text of mappings === '' ? [] : mappings.split(',')) {
    const delta = readMapping(text);
    delta.forEach((field, i) => {
      read[i] = (read[i] as number) + field;
    });
    const column = move(read[0] as number);
    if (column === undefined) continue;
    const fields = delta.map((_, i) => (i === 0 ? column : (read[i] as number)));
    out.push(writeMapping(fields.map((field, i) => field - (written[i] as number))));
    fields.forEach((field, i) => {
      written[i] = field;
    });
  }
  return out.join(',');
}

/** The source map of `before` as it is true of the module in `output`, whose code is that of `after`. */
export function moveSourceMap(
  text: string,
  before: Module,
  after: Module,
  output: Uint8Array,
  placeOf?: PlaceOf,
): string {
  const map = readMap(text);
  const old = rawSection(before.codes)?.offset;
  const now = readSections(output).find(({ name }) => name === 'code')?.offset;
  if (old === undefined || now === undefined) throw badSourceMap('the module has no code');
  const code = new CodeMap(before, after, placeOf);
  const mappings = moveMappings(map.mappings, (column) => {
    const at = code.isCode(column - old) ? code.at(column - old) : undefined;
    return at === undefined ? undefined : now + at;
  });
  return `${JSON.stringify({ ...map, mappings })}\n`;
}

function readMap(text: string): { readonly mappings: string } {
  let map: unknown;
  try {
    // Some servers want this before JSON, and the format allows it.
    map = JSON.parse(text.replace(/^\)\]\}'[^\n]*\n/, ''));
  } catch {
    throw badSourceMap('it is no JSON');
  }
  const { version, mappings } = (map ?? {}) as Readonly<Record<string, unknown>>;
  if (version !== 3 || typeof mappings !== 'string')
    throw badSourceMap('it has no version 3 and mappings (maps of several sections are not taken)');
  if (mappings.includes(';')) throw badSourceMap('it has several lines, where that of a module has one');
  return { ...(map as object), mappings };
}
