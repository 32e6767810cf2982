// Bytes that are no WebAssembly module: for who made them.
import { MalformedError } from './classes.ts';

export function notWasm(found: string): MalformedError {
  return new MalformedError(
    'not-wasm',
    `not a WebAssembly module: it starts with ${found}, not with "\\0asm"`,
    'header',
    0,
    'give the binary format; `npx jco parse in.wat -o out.wasm` turns text into it',
  );
}

export function badText(what: string, line: number, column: number, offset: number): MalformedError {
  return new MalformedError('text', `${what}, in line ${line}, column ${column}`, 'text', offset);
}

export function wrongVersion(version: number): MalformedError {
  return new MalformedError(
    'version',
    `binary version ${version} is unknown; 1 is the one there is`,
    'header',
    4,
  );
}

export function unexpectedEnd(section: string, offset: number): MalformedError {
  return new MalformedError('unexpected-end', 'unexpected end', section, offset, 'is the file truncated?');
}

export function badLeb(type: string, section: string, offset: number): MalformedError {
  return new MalformedError('leb', `malformed LEB128 integer: no ${type}`, section, offset);
}

export function badUtf8(section: string, offset: number): MalformedError {
  return new MalformedError('utf8', 'a name is not UTF-8', section, offset);
}

export function badByte(what: string, byte: number, section: string, offset: number): MalformedError {
  return new MalformedError('byte', `0x${byte.toString(16).padStart(2, '0')} is no ${what}`, section, offset);
}

export function unknownSection(id: number, offset: number): MalformedError {
  return new MalformedError('section', `section id ${id} is unknown`, 'module', offset);
}

export function sectionOrder(name: string, offset: number): MalformedError {
  return new MalformedError(
    'section-order',
    `the ${name} section is out of order or stands twice`,
    'module',
    offset,
  );
}

export function trailing(section: string, offset: number): MalformedError {
  return new MalformedError('trailing', 'the section goes on after its last entry', section, offset);
}

export function countMismatch(what: string, section: string, offset: number): MalformedError {
  return new MalformedError('count', `inconsistent counts: ${what}`, section, offset);
}

export function tooManyLocals(section: string, offset: number): MalformedError {
  return new MalformedError('locals', 'a function has more than 4,294,967,295 locals', section, offset);
}

export function missingEnd(section: string, offset: number): MalformedError {
  return new MalformedError('end', 'the code ends inside a block', section, offset);
}

export function unknownOpcode(bytes: string, section: string, offset: number): MalformedError {
  return new MalformedError('opcode', `no instruction has the opcode ${bytes}`, section, offset);
}

export function unknownIndex(kind: string, index: number, section: string, offset: number): MalformedError {
  return new MalformedError('index', `unknown ${kind} ${index}`, section, offset);
}

export function invalidModule(what: string, engineMessage: string): MalformedError {
  const at = /@\+(\d+)/.exec(engineMessage);
  const message = engineMessage.replace(/^.*?(?:\(\): |: )/, '').replace(/ ?@\+\d+/, '');
  return new MalformedError(
    'invalid',
    `${what} does not validate: ${message}`,
    'module',
    Number(at?.[1] ?? 0),
  );
}
