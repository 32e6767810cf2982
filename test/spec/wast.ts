// A .wast file as commands, its modules still as source.
// The grammar is that of the reference interpreter's scripts, with the forms that proposals have added
// (module definition and instance, assert_exception, the custom-annotation assertions). A form that this
// file does not know becomes an `other` command: counted and shown, never dropped.
// https://github.com/WebAssembly/spec/blob/main/interpreter/README.md#scripts
import type { List, Node } from './sexpr.ts';
import { headOf, readForms, stringBytes } from './sexpr.ts';
import type { Expected, Value } from './values.ts';
import { readExpected, readValue } from './values.ts';

/** How a module is written down; `quote` is text inside string literals. */
export type Form = 'text' | 'quote' | 'binary';

export interface Action {
  readonly kind: 'invoke' | 'get';
  /** The `$name` of the instance; without one, the latest. */
  readonly instance?: string;
  readonly field: string;
  readonly args: readonly Value[];
}

export type ModuleAssertion =
  | 'assert_malformed'
  | 'assert_invalid'
  | 'assert_unlinkable'
  | 'assert_malformed_custom'
  | 'assert_invalid_custom';

export type FailureAssertion = 'assert_trap' | 'assert_exhaustion' | 'assert_exception';

/** M is how a module is held: as source here, as bytes in a loaded suite. */
export type CommandOf<M> = { readonly line: number } & (
  | { readonly kind: 'module'; readonly name?: string; readonly module: M }
  /** Compiled, not instantiated. */
  | { readonly kind: 'definition'; readonly name?: string; readonly module: M }
  | { readonly kind: 'instance'; readonly name?: string; readonly definition?: string }
  | { readonly kind: 'register'; readonly as: string; readonly name?: string }
  | { readonly kind: 'action'; readonly action: Action }
  | { readonly kind: 'assert_return'; readonly action: Action; readonly expected: readonly Expected[] }
  | { readonly kind: FailureAssertion; readonly action: Action; readonly message: string }
  /** A module that traps, or throws, while it is instantiated. */
  | { readonly kind: `${FailureAssertion}_module`; readonly module: M; readonly message: string }
  | { readonly kind: ModuleAssertion; readonly module: M; readonly message: string }
  | { readonly kind: 'other'; readonly head: string }
);

export type ModuleSource =
  | { readonly form: 'text'; readonly text: string }
  /** The bytes of a module, or of its text, which need not be UTF-8. */
  | { readonly form: 'binary' | 'quote'; readonly bytes: Uint8Array };

export type SourceCommand = CommandOf<ModuleSource>;

/** A file may leave out the `(module …)` around its fields: it is then one module. */
const FIELDS: ReadonlySet<string> = new Set([
  'type',
  'rec',
  'import',
  'func',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'elem',
  'data',
  'tag',
]);

export function readCommands(source: string): readonly SourceCommand[] {
  const forms = readForms(source);
  const lineAt = lineFinder(source);
  const first = forms[0];
  if (FIELDS.has(headOf(first) ?? '')) {
    return [
      {
        kind: 'module',
        line: lineAt(first?.start ?? 0),
        module: { form: 'text', text: `(module ${source}\n)` },
      },
    ];
  }
  return forms.map((form) => readCommand(source, form, lineAt(form.start)));
}

function readCommand(source: string, form: Node, line: number): SourceCommand {
  const head = headOf(form);
  if (form.kind !== 'list' || head === undefined) throw new SyntaxError(`line ${line}: a command is a list`);
  try {
    return commandOf(source, form, head, line);
  } catch (error) {
    throw new SyntaxError(`line ${line}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function commandOf(source: string, form: List, head: string, line: number): SourceCommand {
  const second = form.items[1];
  switch (head) {
    case 'module':
      return readModuleCommand(source, form, line);
    case 'register': {
      const name = identifier(form.items[2]);
      return { kind: 'register', line, as: text(second), ...(name === undefined ? {} : { name }) };
    }
    case 'invoke':
    case 'get':
      return { kind: 'action', line, action: readAction(form) };
    case 'assert_return':
      return {
        kind: head,
        line,
        action: readAction(second),
        expected: form.items.slice(2).map(readExpected),
      };
    case 'assert_trap':
    case 'assert_exhaustion':
    case 'assert_exception': {
      const message = form.items.length > 2 ? text(form.items[2]) : '';
      if (headOf(second) !== 'module') return { kind: head, line, action: readAction(second), message };
      return { kind: `${head}_module`, line, module: readModule(source, second).module, message };
    }
    case 'assert_malformed':
    case 'assert_invalid':
    case 'assert_unlinkable':
    case 'assert_malformed_custom':
    case 'assert_invalid_custom':
      return { kind: head, line, module: readModule(source, second).module, message: text(form.items[2]) };
    default:
      return { kind: 'other', line, head };
  }
}

function readModuleCommand(source: string, form: List, line: number): SourceCommand {
  const second = form.items[1];
  if (second?.kind === 'atom' && second.text === 'instance') {
    const name = identifier(form.items[2]);
    const definition = identifier(form.items[3]);
    return {
      kind: 'instance',
      line,
      ...(name === undefined ? {} : { name }),
      ...(definition === undefined ? {} : { definition }),
    };
  }
  const { isDefinition, name, module } = readModule(source, form);
  return {
    kind: isDefinition ? 'definition' : 'module',
    line,
    module,
    ...(name === undefined ? {} : { name }),
  };
}

interface ModuleHeader {
  readonly isDefinition: boolean;
  readonly name: string | undefined;
  readonly module: ModuleSource;
}

/** `(module definition? $name? (binary "…"* | quote "…"* | field*))` */
function readModule(source: string, node: Node | undefined): ModuleHeader {
  if (node?.kind !== 'list' || headOf(node) !== 'module') throw new SyntaxError('a module is expected');
  let at = 1;
  const isDefinition = atomText(node.items[at]) === 'definition';
  if (isDefinition) at++;
  const name = identifier(node.items[at]);
  if (name !== undefined) at++;
  const form = atomText(node.items[at]);
  if (form === 'binary' || form === 'quote') {
    const bytes = concat(
      node.items.slice(at + 1).map((item) => stringBytes(rawText(item))),
      form === 'quote',
    );
    return { isDefinition, name, module: { form, bytes } };
  }
  // Sliced from the source, so that comments, annotations and odd spacing reach the assembler as they are.
  const last = node.items[at - 1]?.end ?? node.start;
  return {
    isDefinition,
    name,
    module: { form: 'text', text: `(module ${name ?? ''}${source.slice(last, node.end)}` },
  };
}

function readAction(node: Node | undefined): Action {
  const kind = headOf(node);
  if (node?.kind !== 'list' || (kind !== 'invoke' && kind !== 'get'))
    throw new SyntaxError('an action is expected');
  const instance = identifier(node.items[1]);
  const at = instance === undefined ? 1 : 2;
  return {
    kind,
    ...(instance === undefined ? {} : { instance }),
    field: text(node.items[at]),
    args: node.items.slice(at + 1).map(readValue),
  };
}

function atomText(node: Node | undefined): string | undefined {
  return node?.kind === 'atom' ? node.text : undefined;
}

function identifier(node: Node | undefined): string | undefined {
  const name = atomText(node);
  return name?.startsWith('$') === true ? name : undefined;
}

function rawText(node: Node | undefined): string {
  if (node?.kind !== 'string') throw new SyntaxError('a string is expected');
  return node.raw;
}

function text(node: Node | undefined): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(stringBytes(rawText(node)));
}

/** Adjacent strings are one; in quoted text a space keeps their tokens apart, as the reference interpreter does. */
function concat(parts: readonly Uint8Array[], spaced: boolean): Uint8Array {
  const gap = spaced ? 1 : 0;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length + gap, 0)).fill(0x20);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length + gap;
  }
  return whole;
}

function lineFinder(source: string): (offset: number) => number {
  const starts = [0];
  for (let at = source.indexOf('\n'); at !== -1; at = source.indexOf('\n', at + 1)) starts.push(at + 1);
  let line = 0;
  // Asked in ascending order, so one sweep serves a whole file.
  return (offset) => {
    while ((starts[line] ?? Number.POSITIVE_INFINITY) <= offset) line++;
    return line;
  };
}
