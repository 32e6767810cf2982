// S-expressions of the WebAssembly text format, read just far enough to split a .wast file.
// A .wast file is a list of commands; the modules inside them are assembled by someone else, so all that
// is needed here is where each form starts and ends, and the atoms of the forms that are not modules.
// The reader keeps its own stack: a test file may nest thousands deep, the JavaScript stack may not.
// https://webassembly.github.io/spec/core/text/lexical.html

export interface Atom {
  readonly kind: 'atom';
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export interface Text {
  readonly kind: 'string';
  /** The source between the quotes, escapes and all; `stringBytes` decodes it. */
  readonly raw: string;
  readonly start: number;
  readonly end: number;
}

export interface List {
  readonly kind: 'list';
  readonly items: readonly Node[];
  readonly start: number;
  readonly end: number;
}

export type Node = Atom | Text | List;

/** One alternative a token, in the order in which they must be tried; `y` keeps the match where the reader stands. */
const TOKEN: RegExp =
  /(?<space>[ \t\r\n]+|;;[^\r\n]*)|(?<block>\(;)|(?<open>\()|(?<close>\))|(?<text>"(?:[^"\\]|\\.)*")|(?<atom>;|[^\s()";]+)/suy;

/** The forms at the top level of a text. Annotations are dropped at every depth: they may stand anywhere and say nothing here. */
export function readForms(source: string): readonly Node[] {
  const top: Node[] = [];
  const open: { readonly start: number; readonly items: Node[] }[] = [];
  let items = top;
  let at = 0;
  while (at < source.length) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    const groups = match?.groups;
    if (match === null || groups === undefined)
      throw new SyntaxError(`no token at line ${lineOf(source, at)}`);
    const start = at;
    at += match[0].length;
    if (groups['atom'] !== undefined) items.push({ kind: 'atom', text: match[0], start, end: at });
    else if (groups['text'] !== undefined)
      items.push({ kind: 'string', raw: match[0].slice(1, -1), start, end: at });
    else if (groups['block'] !== undefined) at = endOfBlockComment(source, start);
    else if (groups['open'] !== undefined) {
      open.push({ start, items });
      items = [];
    } else if (groups['close'] !== undefined) {
      const outer = open.pop();
      if (outer === undefined) throw new SyntaxError(`unmatched ) at line ${lineOf(source, start)}`);
      const list: List = { kind: 'list', items, start: outer.start, end: at };
      if (headOf(list)?.startsWith('@') !== true) outer.items.push(list);
      items = outer.items;
    }
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined)
    throw new SyntaxError(`( at line ${lineOf(source, unclosed.start)} is never closed`);
  return top;
}

/** Block comments nest. */
function endOfBlockComment(source: string, start: number): number {
  const mark = /\(;|;\)/gu;
  mark.lastIndex = start + 2;
  for (let depth = 1; ; ) {
    const match = mark.exec(source);
    if (match === null) throw new SyntaxError(`comment at line ${lineOf(source, start)} is never closed`);
    depth += match[0] === '(;' ? 1 : -1;
    if (depth === 0) return mark.lastIndex;
  }
}

/** The first atom of a list: the name of the form. */
export function headOf(node: Node | undefined): string | undefined {
  if (node?.kind !== 'list') return undefined;
  const head = node.items[0];
  return head?.kind === 'atom' ? head.text : undefined;
}

const SIMPLE_ESCAPES: ReadonlyMap<string, number> = new Map([
  ['t', 9],
  ['n', 10],
  ['r', 13],
  ['"', 34],
  ["'", 39],
  ['\\', 92],
]);

/** The bytes a string literal stands for. https://webassembly.github.io/spec/core/text/values.html#strings */
export function stringBytes(raw: string): Uint8Array {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  const part = /\\u\{(?<code>[0-9a-fA-F_]+)\}|\\(?<byte>[0-9a-fA-F]{2})|\\(?<simple>.)|(?<plain>[^\\]+)/gsu;
  for (const match of raw.matchAll(part)) {
    const { code, byte, simple, plain } = match.groups ?? {};
    if (code !== undefined)
      bytes.push(...encoder.encode(String.fromCodePoint(Number.parseInt(code.replaceAll('_', ''), 16))));
    else if (byte !== undefined) bytes.push(Number.parseInt(byte, 16));
    else if (plain !== undefined) for (const unit of encoder.encode(plain)) bytes.push(unit);
    else {
      const value = SIMPLE_ESCAPES.get(simple ?? '');
      if (value === undefined) throw new SyntaxError(`unknown escape \\${simple}`);
      bytes.push(value);
    }
  }
  return Uint8Array.from(bytes);
}

/** A line number as editors count, from 1. */
export function lineOf(source: string, offset: number): number {
  let line = 1;
  for (let at = source.indexOf('\n'); at !== -1 && at < offset; at = source.indexOf('\n', at + 1)) line++;
  return line;
}
