// A guest in text that hands over modules as include/freeze.h says, by pull.
//
// At 0x3000 a byte for each module: the status that freeze_linked told, 0xff before that. At 0x4000
// the structs. From 0x8000 on names and code, so the fields of a test have what is below 0x3000.
import { bytesLiteral, wat } from './wat.ts';

export interface Handed {
  readonly name?: string;
  /** Text, or bytes as they are. */
  readonly code: string | Uint8Array;
}

const STATUSES = 0x3000;
const STRUCTS = 0x4000;
const CODES = 0x8000;

/** The text of a guest; `fields` goes behind its memory, its table of 64 slots and its protocol. */
export async function pullGuest(modules: readonly Handed[], fields: string): Promise<string> {
  let at = CODES;
  const data: string[] = [];
  const place = (bytes: Uint8Array): number => {
    const address = at;
    data.push(`(data (i32.const ${address}) ${bytesLiteral(bytes)})`);
    at += bytes.length;
    return address;
  };
  for (const [i, { name = '', code }] of modules.entries()) {
    const bytes = typeof code === 'string' ? await wat(code) : code;
    const named = new TextEncoder().encode(name);
    const struct = new DataView(new ArrayBuffer(16));
    struct.setUint32(0, place(bytes), true);
    struct.setUint32(4, bytes.length, true);
    struct.setUint32(8, named.length === 0 ? 0 : place(named), true);
    struct.setUint32(12, named.length, true);
    data.push(`(data (i32.const ${STRUCTS + 16 * i}) ${bytesLiteral(new Uint8Array(struct.buffer))})`);
    data.push(`(data (i32.const ${STATUSES + i}) "\\ff")`);
  }
  return `(module
    (memory (export "memory") ${Math.ceil(at / 65536) + 1})
    (table (export "table") 64 funcref)
    ${data.join('\n    ')}
    (global $handed (mut i32) (i32.const 0))
    (func (export "freeze_contract") (result i32) (i32.const 1))
    (func (export "freeze_poll") (result i32)
      (if (result i32) (i32.lt_u (global.get $handed) (i32.const ${modules.length}))
        (then
          (global.set $handed (i32.add (global.get $handed) (i32.const 1)))
          (i32.add (i32.const ${STRUCTS - 16}) (i32.mul (global.get $handed) (i32.const 16))))
        (else (i32.const 0))))
    (func (export "freeze_linked") (param i32 i32)
      (i32.store8
        (i32.add (i32.const ${STATUSES}) (i32.div_u (i32.sub (local.get 0) (i32.const ${STRUCTS})) (i32.const 16)))
        (local.get 1)))
    (func (export "status") (param i32) (result i32) (i32.load8_u (i32.add (i32.const ${STATUSES}) (local.get 0))))
    ${fields})`;
}
