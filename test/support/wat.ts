// Module text → bytes. The assembler is loaded once a process, and a text is assembled once.
import { parse } from '@bytecodealliance/jco';

const assembled = new Map<string, Promise<Uint8Array>>();

export function wat(text: string): Promise<Uint8Array> {
  let bytes = assembled.get(text);
  if (bytes === undefined) {
    bytes = assemble(text);
    assembled.set(text, bytes);
  }
  return bytes;
}

async function assemble(text: string): Promise<Uint8Array> {
  try {
    return await parse(text);
  } catch (error) {
    // It throws an object whose `payload` is the message.
    const message = (error as { readonly payload?: unknown }).payload ?? error;
    throw new Error(`${String(message)}\n${text}`);
  }
}

/** Bytes as a string literal of the text format. */
export function bytesLiteral(bytes: Uint8Array): string {
  return `"${Array.from(bytes, (byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')}"`;
}
