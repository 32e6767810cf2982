// The adapter: a little module, made for one run, that stands between an engine's API and the guest's
// exports. It imports each function that is called and exports it again with integers only: an f32 as
// an i32, an f64 as an i64, a v128 as two i64. Engines' APIs convert floats in passing (a JavaScript
// number keeps no signalling NaN, a v128 cannot cross at all), and this way the bits arrive whole.
//
// It reads the guest's types itself, not with `src/wasm/`: the judge of a frozen module must not share
// the eyes of the program that made it.
// https://webassembly.github.io/spec/core/binary/modules.html

export interface Adapter {
  readonly bytes: Uint8Array;
  /** Arguments as the adapter takes them: a number is an i32, a string an i64. */
  lower(name: string, args: readonly (number | bigint)[]): readonly (number | string)[];
  /** Results as `RunResult` gives them, from the integers the adapter returned. */
  lift(name: string, values: readonly string[]): readonly string[];
}

type Numeric = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
type Valtype = Numeric | 'ref';

interface Signature {
  readonly typeidx: number;
  readonly params: readonly Valtype[];
  readonly results: readonly Valtype[];
}

interface GuestTypes {
  /** The type section's entries as they stand, so that recursion groups keep their identity. */
  readonly rawTypes: Uint8Array;
  readonly groupCount: number;
  readonly typeCount: number;
  readonly exported: ReadonlyMap<string, Signature>;
}

interface Wrapped {
  readonly signature: Signature;
  readonly params: readonly Numeric[];
  readonly results: readonly Numeric[];
}

const VALTYPE_CODES: ReadonlyMap<number, Numeric> = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
]);
const CODE_OF: Readonly<Record<Numeric, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};
/** What a value is while it crosses. */
const CROSSING: Readonly<Record<Numeric, readonly ('i32' | 'i64')[]>> = {
  i32: ['i32'],
  i64: ['i64'],
  f32: ['i32'],
  f64: ['i64'],
  v128: ['i64', 'i64'],
};

export function adapterFor(guest: Uint8Array, names: readonly string[]): Adapter {
  const types = readTypes(guest);
  const wrapped = new Map<string, Wrapped>();
  for (const name of names) wrapped.set(name, wrap(types, name));
  const of = (name: string): Wrapped => wrapped.get(name) ?? fail(`"${name}" was not wrapped`);
  return {
    bytes: encode(types, wrapped),
    lower: (name, args) => lower(name, of(name).params, args),
    lift: (name, values) => lift(of(name).results, values),
  };
}

function wrap(types: GuestTypes, name: string): Wrapped {
  const signature = types.exported.get(name) ?? fail(`no exported function "${name}"`);
  const numeric = (list: readonly Valtype[]): Numeric[] =>
    list.map((one) => (one === 'ref' ? fail(`"${name}" takes or gives a reference`) : one));
  return { signature, params: numeric(signature.params), results: numeric(signature.results) };
}

function fail(message: string): never {
  throw new Error(message);
}

// Values

function lower(
  name: string,
  params: readonly Numeric[],
  args: readonly (number | bigint)[],
): readonly (number | string)[] {
  if (args.length !== params.length) {
    fail(`"${name}" takes ${params.length} arguments, not ${args.length}`);
  }
  return params.flatMap((type, i): (number | string)[] => {
    const bits = bitsOf(type, args[i] ?? 0);
    if (type === 'i32' || type === 'f32') return [Number(BigInt.asIntN(32, bits))];
    const low = BigInt.asIntN(64, bits).toString();
    return type === 'v128' ? [low, BigInt.asIntN(64, bits >> 64n).toString()] : [low];
  });
}

function bitsOf(type: Numeric, value: number | bigint): bigint {
  if (typeof value === 'bigint') return value;
  const view = new DataView(new ArrayBuffer(8));
  if (type === 'f32') {
    view.setFloat32(0, value);
    return BigInt(view.getUint32(0));
  }
  if (type === 'f64') {
    view.setFloat64(0, value);
    return view.getBigUint64(0);
  }
  return BigInt(value);
}

function lift(results: readonly Numeric[], values: readonly string[]): readonly string[] {
  let at = 0;
  const next = (): string => values[at++] ?? fail('the engine gave too few results');
  const hex = (bits: bigint, digits: number): string => bits.toString(16).padStart(digits, '0');
  const bits64 = (): bigint => BigInt.asUintN(64, BigInt(next()));
  return results.map((type) => {
    if (type === 'i32' || type === 'i64') return next();
    if (type === 'f32') return `0x${hex(BigInt.asUintN(32, BigInt(next())), 8)}`;
    const low = bits64();
    return type === 'f64' ? `0x${hex(low, 16)}` : `0x${hex(bits64(), 16)}${hex(low, 16)}`;
  });
}

// Reading the guest

class Cursor {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    return this.bytes[this.at++] ?? fail('the module ends too early');
  }

  /** An unsigned LEB; wide enough for the 64-bit limits, of which the value is not used. */
  number(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  name(): string {
    const length = this.number();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }

  valtype(): Valtype {
    const code = this.byte();
    // (ref ht) and (ref null ht): a heap type follows, one LEB of either sign.
    if (code === 0x63 || code === 0x64) this.number();
    return VALTYPE_CODES.get(code) ?? 'ref';
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: this.number() }, item);
  }

  limits(): void {
    const flags = this.number();
    this.number();
    if ((flags & 1) !== 0) this.number();
    // Custom page sizes.
    if ((flags & 8) !== 0) this.number();
  }
}

type Functype = Omit<Signature, 'typeidx'>;
const NOT_A_FUNCTION: Functype = { params: [], results: [] };

function readTypes(guest: Uint8Array): GuestTypes {
  const functypes: Functype[] = [];
  const typeidxOf: number[] = [];
  const exported = new Map<string, Signature>();
  let rawTypes = new Uint8Array();
  let groupCount = 0;
  const cursor = new Cursor(guest, 8);
  while (cursor.at < guest.length) {
    const id = cursor.byte();
    const size = cursor.number();
    const end = cursor.at + size;
    if (id === 1) {
      const inside = new Cursor(guest, cursor.at);
      groupCount = inside.number();
      const start = inside.at;
      for (let i = 0; i < groupCount; i++) readRectype(inside, functypes);
      rawTypes = guest.slice(start, end);
    } else if (id === 2) {
      cursor.list(() => readImport(cursor, typeidxOf));
    } else if (id === 3) {
      cursor.list(() => typeidxOf.push(cursor.number()));
    } else if (id === 7) {
      cursor.list(() => {
        const name = cursor.name();
        const kind = cursor.byte();
        const typeidx = typeidxOf[cursor.number()];
        if (kind !== 0 || typeidx === undefined) return;
        exported.set(name, { typeidx, ...(functypes[typeidx] ?? NOT_A_FUNCTION) });
      });
    }
    cursor.at = end;
  }
  return { rawTypes, groupCount, typeCount: functypes.length, exported };
}

function readRectype(cursor: Cursor, into: Functype[]): void {
  const group = cursor.bytes[cursor.at] === 0x4e;
  if (!group) {
    into.push(readSubtype(cursor));
    return;
  }
  cursor.byte();
  into.push(...cursor.list(() => readSubtype(cursor)));
}

function readSubtype(cursor: Cursor): Functype {
  let code = cursor.byte();
  // sub and sub final: the supertypes, then the composite type.
  if (code === 0x50 || code === 0x4f) {
    cursor.list(() => cursor.number());
    code = cursor.byte();
  }
  const field = (): void => {
    cursor.valtype();
    cursor.byte();
  };
  if (code === 0x60) {
    const params = cursor.list(() => cursor.valtype());
    return { params, results: cursor.list(() => cursor.valtype()) };
  }
  if (code === 0x5f) cursor.list(field);
  else if (code === 0x5e) field();
  else fail(`a type of kind 0x${code.toString(16)} at byte ${cursor.at - 1}`);
  return NOT_A_FUNCTION;
}

function readImport(cursor: Cursor, typeidxOf: number[]): void {
  cursor.name();
  cursor.name();
  const kind = cursor.byte();
  if (kind === 0) {
    typeidxOf.push(cursor.number());
  } else if (kind === 1) {
    cursor.valtype();
    cursor.limits();
  } else if (kind === 2) {
    cursor.limits();
  } else if (kind === 3) {
    cursor.valtype();
    cursor.byte();
  } else if (kind === 4) {
    cursor.byte();
    cursor.number();
  } else {
    fail(`an import of kind ${kind} at byte ${cursor.at - 1}`);
  }
}

// Writing the adapter

function encode(types: GuestTypes, wrapped: ReadonlyMap<string, Wrapped>): Uint8Array {
  const entries = [...wrapped];
  const crossing = (list: readonly Numeric[]): number[] =>
    vec(list.flatMap((one) => CROSSING[one].map((type) => [CODE_OF[type]])));
  const ownTypes = entries.map(([, { params, results }]) => [
    0x60,
    ...crossing(params),
    ...crossing(results),
  ]);
  const imports = entries.map(([name, { signature }]) => [
    ...text('guest'),
    ...text(name),
    0x00,
    ...leb(signature.typeidx),
  ]);
  const functions = entries.map((_, i) => leb(types.typeCount + i));
  const exports = entries.map(([name], i) => [...text(name), 0x00, ...leb(entries.length + i)]);
  const bodies = entries.map(([, one], i) => body(one, i));
  const typeSection = [...leb(types.groupCount + entries.length), ...types.rawTypes, ...ownTypes.flat()];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, typeSection),
    ...section(2, vec(imports)),
    ...section(3, vec(functions)),
    ...section(7, vec(exports)),
    ...section(10, vec(bodies)),
  ]);
}

/** Converts the parameters, calls, keeps the results in locals, and converts them one by one. */
function body(one: Wrapped, funcidx: number): number[] {
  const get = (localidx: number): number[] => [0x20, ...leb(localidx)];
  let local = 0;
  const params = one.params.flatMap((type) => {
    if (type === 'f32') return [...get(local++), 0xbe]; // f32.reinterpret_i32
    if (type === 'f64') return [...get(local++), 0xbf]; // f64.reinterpret_i64
    if (type !== 'v128') return get(local++);
    // i64x2.splat, then i64x2.replace_lane 1
    return [...get(local++), 0xfd, 0x12, ...get(local++), 0xfd, 0x1e, 1];
  });
  const first = local;
  const sets = one.results.map((_, i) => [0x21, ...leb(first + i)]).reverse();
  const results = one.results.flatMap((type, i) => {
    const value = get(first + i);
    if (type === 'f32') return [...value, 0xbc]; // i32.reinterpret_f32
    if (type === 'f64') return [...value, 0xbd]; // i64.reinterpret_f64
    if (type !== 'v128') return value;
    // i64x2.extract_lane 0 and 1
    return [...value, 0xfd, 0x1d, 0, ...value, 0xfd, 0x1d, 1];
  });
  const locals = vec(one.results.map((type) => [1, CODE_OF[type]]));
  const code = [...locals, ...params, 0x10, ...leb(funcidx), ...sets.flat(), ...results, 0x0b];
  return [...leb(code.length), ...code];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content];
}

function vec(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

function text(value: string): number[] {
  const bytes = new TextEncoder().encode(value);
  return [...leb(bytes.length), ...bytes];
}

function leb(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...leb(Math.floor(value / 128))];
}
