/**
 * What a person sees on stderr while a build goes on: the step that is under way, steps that took
 * long, and what the guest prints, marked as its own.
 */
import { styleText } from 'node:util';
import { EXIT, type FreezeError, GuestError } from '../errors/classes.ts';
import type { Warning } from '../errors/warning.ts';
import type { Progress } from '../options.ts';
import type { Sink } from './stdio.ts';

type Style = 'red' | 'yellow' | 'dim' | 'bold';

/** Styled where the sink shows colours. */
export function styled(sink: Sink, style: Style, text: string): string {
  // The decision is made already: NO_COLOR, FORCE_COLOR and terminals are known to main.ts.
  return sink.colour ? styleText(style, text, { validateStream: false }) : text;
}

/** One line, and nothing in it that a terminal would obey: names and messages may be a guest's. */
export function printable(text: string): string {
  const line = text.trimEnd().replace(/\s*[\r\n]+\s*/g, '; ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return line.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029]/g, (char) => {
    const code = char.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
}

/** Names in messages are the guest's to choose, megabytes long if it likes: a line stays one that can be read. */
const MOST_CHARACTERS = 4000;

function shortened(message: string): string {
  return message.length <= MOST_CHARACTERS ? message : `${message.slice(0, MOST_CHARACTERS)}…`;
}

/** Errors about what a file holds begin with its name; all end with their code, which docs/errors.md lists. */
export function tellError(error: FreezeError, file: string | undefined, err: Sink): void {
  if (error.code === 'closed-pipe') return;
  const aboutFile = error.exitCode === EXIT.malformed || error.code === 'component';
  const place = aboutFile && file !== undefined ? `${file === '-' ? 'standard input' : file}: ` : '';
  const code = styled(err, 'dim', `[${error.code}]`);
  err.write(`${styled(err, 'red', 'freeze:')} ${printable(shortened(place + error.message))} ${code}\n`);
  if (error instanceof GuestError) {
    for (const frame of error.wasmStack) err.write(`    ${printable(frame)}\n`);
  }
  if (error.hint !== undefined) err.write(`  ${styled(err, 'dim', 'hint:')} ${printable(error.hint)}\n`);
}

/** A step that took longer than this, in ms, is worth a line also where nobody watches. */
const LONG = 500;

/** How much of the guest's output is kept where it is not shown, in case the guest fails. */
const KEPT_BYTES = 4096;

const ERASE_LINE = '\r\x1b[2K';
const MARK = new TextEncoder().encode('guest| ');
const NEWLINE = 10;

/** How much is told: errors alone, warnings too, what was done, or each step of it. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface TerminalOptions {
  readonly level: LogLevel;
  /** Whether a line may be written over: a terminal with somebody before it. */
  readonly interactive: boolean;
  /** A line for each pass, also where it was short: a log that is read afterwards. */
  readonly log: boolean;
}

interface Step {
  readonly label: string;
  readonly isPass: boolean;
  readonly start: number;
}

export class Terminal {
  readonly #err: Sink;
  readonly #options: TerminalOptions;
  #step: Step | undefined;
  #modules = 0;
  /** A line on the screen that is to be erased. */
  #passing = false;
  /** Who wrote the unfinished line that the output ends with. */
  #openLine: 'stdout' | 'stderr' | undefined;
  #kept: Uint8Array = new Uint8Array(0);

  constructor(err: Sink, options: TerminalOptions) {
    this.#err = err;
    this.#options = options;
  }

  readonly progress = (event: Progress): void => {
    if (event.kind === 'module') this.#module(event.name, event.size);
    else if (event.kind === 'pass') this.#begin(event.pass, true);
    else this.#begin(workloadStep(event.label, event.round), false);
  };

  /** What is wrong with a module is an error, or a warning at the end. */
  #module(name: string, size: number): void {
    this.#modules++;
    if (this.#shows('debug')) this.line(`module ${name}, ${size} bytes`, 'dim', 'debug');
    else this.#show();
  }

  #begin(label: string, isPass: boolean): void {
    this.finish();
    this.#step = { label, isPass, start: performance.now() };
    this.#show();
  }

  /** What is under way, on a line that the next one replaces. */
  #show(): void {
    if (this.#step === undefined || !this.#shows('info') || !this.#options.interactive) return;
    this.#clear();
    const modules =
      this.#modules === 0 ? '' : `, ${this.#modules} ${this.#modules === 1 ? 'module' : 'modules'}`;
    const text = printable(`${this.#step.label}${modules}`).slice(0, Math.max(1, this.#err.columns - 1));
    this.#err.write(styled(this.#err, 'dim', text));
    this.#passing = true;
  }

  #shows(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) <= LOG_LEVELS.indexOf(this.#options.level);
  }

  /** The step that was under way is over. */
  finish(): void {
    const step = this.#step;
    this.#step = undefined;
    this.#clear();
    if (step === undefined) return;
    const took = performance.now() - step.start;
    if (took >= LONG || this.#shows('debug') || (this.#options.log && step.isPass))
      this.line(`${step.label}: ${(took / 1000).toFixed(took >= LONG ? 1 : 3)} s`, 'dim');
  }

  /** A line of our own, of a level. */
  line(text: string, style?: Style, level: LogLevel = 'info'): void {
    if (!this.#shows(level)) return;
    this.#clear();
    const shown = printable(text);
    this.#err.write(`${style === undefined ? shown : styled(this.#err, style, shown)}\n`);
  }

  /** What, with its code, and a line on what to do: as errors are told. */
  warn({ code, message, hint }: Warning): void {
    if (!this.#shows('warn')) return;
    this.#clear();
    const [label, tail, what] = [
      styled(this.#err, 'yellow', 'warning:'),
      styled(this.#err, 'dim', `[${code}]`),
      styled(this.#err, 'dim', 'hint:'),
    ];
    this.#err.write(`${label} ${printable(message)} ${tail}\n  ${what} ${printable(hint)}\n`);
  }

  /** Takes what the guest writes, in pieces that need not be lines. */
  readonly guest = (stream: 'stdout' | 'stderr', chunk: Uint8Array): void => {
    const marked = this.#marked(stream, chunk);
    if (!this.#shows('info')) {
      const both = Buffer.concat([this.#kept, marked]);
      this.#kept = both.subarray(-KEPT_BYTES);
      return;
    }
    if (this.#passing) {
      this.#err.write(ERASE_LINE);
      this.#passing = false;
    }
    this.#err.write(marked);
  };

  /** What a quiet guest printed last: its own account of why it failed. */
  release(): void {
    this.#clear();
    if (this.#kept.length === 0) return;
    const start = this.#kept.length < KEPT_BYTES ? 0 : this.#kept.indexOf(NEWLINE) + 1;
    this.#err.write(this.#kept.subarray(start));
    this.#kept = new Uint8Array(0);
  }

  /** Leaves the cursor at the start of a line. */
  #clear(): void {
    if (this.#passing) this.#err.write(ERASE_LINE);
    this.#passing = false;
    if (this.#openLine === undefined) return;
    this.#openLine = undefined;
    if (!this.#shows('info')) this.#kept = Buffer.concat([this.#kept, Uint8Array.of(NEWLINE)]);
    else this.#err.write('\n');
  }

  #marked(stream: 'stdout' | 'stderr', chunk: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    if (this.#openLine !== undefined && this.#openLine !== stream) {
      parts.push(Uint8Array.of(NEWLINE));
      this.#openLine = undefined;
    }
    for (let at = 0; at < chunk.length; ) {
      const end = chunk.indexOf(NEWLINE, at);
      const next = end < 0 ? chunk.length : end + 1;
      if (this.#openLine === undefined) parts.push(MARK);
      parts.push(chunk.subarray(at, next));
      this.#openLine = end < 0 ? stream : undefined;
      at = next;
    }
    return Buffer.concat(parts);
  }
}

function workloadStep(label: string, round: number): string {
  return round === 0 ? `load ${label}` : `warm up with ${label}, round ${round}`;
}
