/**
 * Counting calls through table slots, on request: before every `call_indirect` stands a call of a
 * function that gets the slot and gives it back. It comes from outside, in a table that is appended,
 * so no index of the module moves; one slot of it for each table of the module.
 */
import { madeSpan } from '../wasm/encode.ts';
import { assemble } from '../wasm/instructions.ts';
import { type Body, exportNamed, type Module, spaces } from '../wasm/module.ts';
import { opcodeNamed } from '../wasm/opcodes.ts';
import { FUNCREF, type TableIdx, type TypeIdx } from '../wasm/types.ts';
import { INDEX_KIND, walkBody } from '../wasm/walk.ts';
import { Writer } from '../wasm/writer.ts';
import { TypePool } from './types.ts';

export interface Counting {
  readonly module: Module;
  /** The export of the table of counting functions, [i32] → [i32]; undefined where nothing is called so. */
  readonly counters: string | undefined;
}

const CALLS: ReadonlySet<number> = new Set(
  ['call_indirect', 'return_call_indirect'].map((name) => opcodeNamed(name).opcode),
);

/** The module with its calls counted. Those through 64-bit tables are not: their slots are i64. */
export function countCalls(module: Module): Counting {
  const { tables } = spaces(module);
  const pool = new TypePool(module.types);
  const type = pool.intern({
    types: [{ final: true, supers: [], comp: { kind: 'func', params: ['i32'], results: ['i32'] } }],
    explicit: false,
  });
  const counters = tables.length as TableIdx;
  const counted = (table: number): boolean => tables[table]?.limits.address === 'i32';
  const codes = module.codes.map((body) => withCounts(body, counted, type, counters));
  if (codes.every((body, i) => body === module.codes[i])) return { module, counters: undefined };
  let name = '\0count';
  while (exportNamed(module, name) !== undefined) name = `\0${name}`;
  const limits = { address: 'i32', min: BigInt(tables.length), max: BigInt(tables.length) } as const;
  return {
    module: {
      ...module,
      types: pool.recs,
      codes,
      tables: [...module.tables, { type: { ref: FUNCREF, limits }, init: undefined }],
      exports: [...module.exports, { name, kind: 'table', index: counters }],
    },
    counters: name,
  };
}

/** The body itself where it calls through no table that is counted. */
function withCounts(
  body: Body,
  counted: (table: number) => boolean,
  type: TypeIdx,
  counters: TableIdx,
): Body {
  const out = new Writer();
  let copied = body.start;
  let call = -1;
  walkBody(body, {
    kinds: INDEX_KIND.table,
    op: (opcode, at) => {
      call = CALLS.has(opcode) ? at : -1;
    },
    index: (_kind, table) => {
      if (call < 0 || !counted(table)) return;
      out.raw(body.bytes.subarray(copied, call));
      const count = assemble([
        ['i32.const', table],
        ['call_indirect', type, counters],
      ]);
      out.raw(count.subarray(0, -1));
      copied = call;
    },
  });
  if (copied === body.start) return body;
  out.raw(body.bytes.subarray(copied, body.end));
  return madeSpan(out.finish(), body.label);
}
