// The types of what a module exports, read from its bytes.
// The JavaScript API does not tell them, and the adapters need them. This is a reader of its own, apart from
// the project's, so that a mistake there cannot hide behind the same mistake here. Modules are validated
// before they come here: what does not parse is an error, not a finding.
// https://webassembly.github.io/spec/core/binary/modules.html

/** The encoding of a value type: one byte, or a prefix and a heap type. */
export type ValType = Uint8Array;

export interface FuncType {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
}

export type CompositeKind = 'func' | 'struct' | 'array';

export type Export =
  | { readonly kind: 'func'; readonly name: string; readonly type: number }
  | { readonly kind: 'global'; readonly name: string; readonly type: ValType; readonly mutable: boolean }
  | { readonly kind: 'other'; readonly name: string };

export interface Signature {
  /** The recursive types of the type section as they are encoded, and how many of them there are. */
  readonly recTypes: Uint8Array;
  readonly recTypeCount: number;
  /** By typeidx. */
  readonly kinds: readonly CompositeKind[];
  readonly funcTypes: ReadonlyMap<number, FuncType>;
  readonly exports: readonly Export[];
}

class Cursor {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new RangeError('the module ends too soon');
    return value;
  }

  /** Of a signed number only the extent matters here, and that is the same. */
  leb(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  take(length: number): Uint8Array {
    const part = this.bytes.subarray(this.at, this.at + length);
    this.at += length;
    return part;
  }

  name(): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.take(this.leb()));
  }

  /** What `read` passes over, as bytes. */
  span(read: () => void): Uint8Array {
    const start = this.at;
    read();
    return this.bytes.subarray(start, this.at);
  }

  valType(): ValType {
    return this.span(() => {
      const byte = this.byte();
      // 63 and 64 open (ref null ht) and (ref ht).
      if (byte === 0x63 || byte === 0x64) this.leb();
    });
  }

  vec<T>(read: () => T): readonly T[] {
    const items: T[] = [];
    for (let left = this.leb(); left > 0; left--) items.push(read());
    return items;
  }
}

const SECTION = { type: 1, import: 2, func: 3, global: 6, export: 7 } as const;

export function readSignature(bytes: Uint8Array): Signature {
  const sections = readSections(bytes);
  const types = readTypes(sections.get(SECTION.type));
  const funcs: number[] = [];
  const globals: { readonly type: ValType; readonly mutable: boolean }[] = [];
  readImports(sections.get(SECTION.import), funcs, globals);
  sections.get(SECTION.func)?.vec(readInto(funcs));
  const globalSection = sections.get(SECTION.global);
  globalSection?.vec(() => {
    globals.push({ type: globalSection.valType(), mutable: globalSection.byte() === 1 });
    skipConstant(globalSection);
  });
  const exportSection = sections.get(SECTION.export);
  const exports = exportSection?.vec((): Export => {
    const name = exportSection.name();
    const kind = exportSection.byte();
    const index = exportSection.leb();
    const type = funcs[index];
    const global = globals[index];
    if (kind === 0 && type !== undefined) return { kind: 'func', name, type };
    if (kind === 3 && global !== undefined) return { kind: 'global', name, ...global };
    return { kind: 'other', name };
  });
  return { ...types, exports: exports ?? [] };

  function readInto(list: number[]): () => void {
    return () => list.push(sections.get(SECTION.func)?.leb() ?? 0);
  }
}

function readSections(bytes: Uint8Array): ReadonlyMap<number, Cursor> {
  const cursor = new Cursor(bytes);
  cursor.take(8);
  const sections = new Map<number, Cursor>();
  while (!cursor.atEnd) {
    const id = cursor.byte();
    sections.set(id, new Cursor(cursor.take(cursor.leb())));
  }
  return sections;
}

function readTypes(section: Cursor | undefined): Omit<Signature, 'exports'> {
  const kinds: CompositeKind[] = [];
  const funcTypes = new Map<number, FuncType>();
  if (section === undefined) return { recTypes: new Uint8Array(), recTypeCount: 0, kinds, funcTypes };
  const recTypeCount = section.leb();
  const recTypes = section.span(() => {
    for (let left = recTypeCount; left > 0; left--) readRecType(section, kinds, funcTypes);
  });
  return { recTypes, recTypeCount, kinds, funcTypes };
}

function readRecType(section: Cursor, kinds: CompositeKind[], funcTypes: Map<number, FuncType>): void {
  const first = section.byte();
  if (first !== 0x4e) section.at--;
  for (let left = first === 0x4e ? section.leb() : 1; left > 0; left--)
    readSubType(section, kinds, funcTypes);
}

function readSubType(section: Cursor, kinds: CompositeKind[], funcTypes: Map<number, FuncType>): void {
  let code = section.byte();
  if (code === 0x50 || code === 0x4f) {
    section.vec(() => section.leb());
    code = section.byte();
  }
  if (code === 0x60) {
    const params = section.vec(() => section.valType());
    funcTypes.set(kinds.length, { params, results: section.vec(() => section.valType()) });
    kinds.push('func');
  } else if (code === 0x5f || code === 0x5e) {
    // A packed type is one byte like the plain value types; mutability follows.
    const field = (): void => {
      section.valType();
      section.byte();
    };
    if (code === 0x5f) section.vec(field);
    else field();
    kinds.push(code === 0x5f ? 'struct' : 'array');
  } else throw new RangeError(`type ${kinds.length} has the unknown code 0x${code.toString(16)}`);
}

function readImports(
  section: Cursor | undefined,
  funcs: number[],
  globals: { type: ValType; mutable: boolean }[],
): void {
  section?.vec(() => {
    section.name();
    section.name();
    const kind = section.byte();
    if (kind === 0) funcs.push(section.leb());
    else if (kind === 1) {
      section.valType();
      skipLimits(section);
    } else if (kind === 2) skipLimits(section);
    else if (kind === 3) globals.push({ type: section.valType(), mutable: section.byte() === 1 });
    else if (kind === 4) {
      section.byte();
      section.leb();
    } else throw new RangeError(`unknown kind of import 0x${kind.toString(16)}`);
  });
}

function skipLimits(section: Cursor): void {
  const flags = section.byte();
  section.leb();
  // Bit 0: a maximum; bit 3: a page size.
  if ((flags & 1) !== 0) section.leb();
  if ((flags & 8) !== 0) section.leb();
}

/** The instructions that may stand in a constant expression, up to its end. */
function skipConstant(section: Cursor): void {
  for (;;) {
    const code = section.byte();
    if (code === 0x0b) return;
    // i32.const, i64.const, global.get, ref.null, ref.func: one number each.
    if (code === 0x41 || code === 0x42 || code === 0x23 || code === 0xd0 || code === 0xd2) section.leb();
    else if (code === 0x43) section.take(4);
    else if (code === 0x44) section.take(8);
    else if (code === 0xfd) {
      section.leb();
      section.take(16);
    } else if (code === 0xfb) skipGcConstant(section);
    // i32 and i64 add, sub, mul have no immediates.
    else if (![0x6a, 0x6b, 0x6c, 0x7c, 0x7d, 0x7e].includes(code))
      throw new RangeError(`0x${code.toString(16)} is no constant`);
  }
}

function skipGcConstant(section: Cursor): void {
  const code = section.leb();
  // struct.new, struct.new_default, array.new, array.new_default, array.new_fixed take a type.
  if ([0, 1, 6, 7, 8].includes(code)) section.leb();
  if (code === 8) section.leb();
}
