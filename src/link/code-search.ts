/**
 * Finding the few bodies in which something stands, without walking the others: a walk knows what
 * each byte is and costs for each instruction, a look at the bytes alone costs next to nothing. What
 * looks like it need not be it, so that what is found is walked.
 */
import type { Body } from '../wasm/module.ts';
import { type Feature, OPCODES, type Opcode, type OpcodeRow } from '../wasm/opcodes.ts';
import { INDEX_KIND, type IndexKind, type Visitor, walkBody } from '../wasm/walk.ts';

/** `ref.func`, which has a single byte. */
const REF_FUNC = 0xd2;

/** The value of the unsigned LEB at `at`, whatever it is: bytes that are none give some number. */
function lebAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[at + i] as number;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) break;
  }
  return value;
}

/** The functions of which `wanted` is true and that `ref.func` names in these bodies. */
export function referencedFunctions(
  bodies: readonly Body[],
  wanted: (func: number) => boolean,
): ReadonlySet<number> {
  const found = new Set<number>();
  for (const body of bodies) {
    if (!mayRefer(body, wanted)) continue;
    walkBody(body, {
      kinds: INDEX_KIND.func,
      index: (_, func, at) => {
        // The byte before tells it from a call.
        if (body.bytes[at - 1] === REF_FUNC && wanted(func)) found.add(func);
      },
    });
  }
  return found;
}

function mayRefer({ bytes, start, end }: Body, wanted: (func: number) => boolean): boolean {
  for (let at = start; at < end; at++) {
    if (bytes[at] === REF_FUNC && wanted(lebAt(bytes, at + 1))) return true;
  }
  return false;
}

/** Instructions that have a prefix: that byte → the numbers behind it. */
function byPrefix(rows: readonly OpcodeRow[]): ReadonlyMap<number, ReadonlySet<number>> {
  return new Map(
    [...new Set(rows.map(({ prefix }) => prefix))].map((prefix) => [
      prefix,
      new Set(rows.filter((row) => row.prefix === prefix).map((row) => row.code)),
    ]),
  );
}

/** The instructions of these bodies that came with `feature`, all of which have a prefix: name → the first body. */
export function instructionsOf(bodies: readonly Body[], feature: Feature): ReadonlyMap<string, number> {
  const rows = OPCODES.filter((row) => row.feature === feature);
  const names = new Map(rows.map((row) => [row.opcode, row.name]));
  const opcodes = byPrefix(rows);
  const found = new Map<string, number>();
  bodies.forEach((body, i) => {
    if (!mayHold(body, opcodes)) return;
    const op = (opcode: Opcode): void => {
      const name = names.get(opcode);
      if (name !== undefined && !found.has(name)) found.set(name, i);
    };
    walkBody(body, { kinds: 0, index: () => {}, op });
  });
  return found;
}

/** The segments of a kind that an instruction of these bodies names. */
export function namedSegments(bodies: readonly Body[], kind: 'data' | 'elem'): ReadonlySet<number> {
  const opcodes = byPrefix(OPCODES.filter((row) => row.immediates.includes(`${kind}idx`)));
  const found = new Set<number>();
  const visitor: Visitor = {
    kinds: INDEX_KIND[kind],
    index: (_: IndexKind, index: number) => {
      found.add(index);
    },
  };
  for (const body of bodies) if (mayHold(body, opcodes)) walkBody(body, visitor);
  return found;
}

/** The least prefix byte. Most bytes are below it. */
const PREFIXES = 0xfb;

function mayHold({ bytes, start, end }: Body, opcodes: ReadonlyMap<number, ReadonlySet<number>>): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte >= PREFIXES && opcodes.get(byte)?.has(lebAt(bytes, at + 1)) === true) return true;
  }
  return false;
}
