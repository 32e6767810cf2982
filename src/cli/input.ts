/**
 * Files that are read: guests, in either format, and programs.
 */
import { readFileSync, statSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { cannotRead } from '../errors/file.ts';
import { badText } from '../errors/malformed.ts';

/** Why a system call failed, in the system's words; without the path, which the message has. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const number = 'errno' in error ? Number(error.errno) : 0;
  const known = getSystemErrorMap().get(number);
  return known === undefined ? error.message : known[1];
}

export type ReadStdin = () => Uint8Array;

/** A file's bytes; `-` is standard input. */
export function readInput(path: string, stdin: ReadStdin): Uint8Array {
  if (path === '-') return stdin();
  try {
    return readFileSync(path);
  } catch (error) {
    throw cannotRead(path, reason(error));
  }
}

/** Throws where a path is no directory that can be read. */
export function checkDirectory(path: string): void {
  try {
    if (statSync(path).isDirectory()) return;
  } catch (error) {
    throw cannotRead(path, reason(error));
  }
  throw cannotRead(path, 'not a directory');
}

/** A module in the binary format; one in the text format is assembled, which jco is loaded for. */
export async function readModule(path: string, stdin: ReadStdin): Promise<Uint8Array> {
  const bytes = readInput(path, stdin);
  return isText(path, bytes) ? assemble(bytes) : bytes;
}

/** By the name, or by the first thing that is no blank and no comment of one line. */
function isText(path: string, bytes: Uint8Array): boolean {
  if (bytes[0] === 0) return false;
  if (path.endsWith('.wat')) return true;
  const head = new TextDecoder().decode(bytes.subarray(0, 4096));
  return /^(\s|;;[^\n]*\n)*\(/.test(head);
}

async function assemble(bytes: Uint8Array): Promise<Uint8Array> {
  const { parse } = await import('@bytecodealliance/jco');
  try {
    return await parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw textError(error instanceof Error ? error.message : String(error));
  }
}

/** The assembler gives its own data in debug form: lines and columns in it count from 0. */
function textError(message: string): Error {
  const line = Number(/line: (\d+)/.exec(message)?.[1] ?? 0) + 1;
  const column = Number(/col: (\d+)/.exec(message)?.[1] ?? 0) + 1;
  const offset = Number(/offset: (\d+)/.exec(message)?.[1] ?? 0);
  const what = /kind: (?:Custom\()?"?([^"]*?)"?\)* }/.exec(message)?.[1] ?? 'malformed';
  return badText(what, line, column, offset);
}
