// Wrong options, arguments and configs: for who types them.
import { UsageError } from './classes.ts';
import { didYouMean, hintFor, listed } from './nearest.ts';

export function badSourceMap(what: string): UsageError {
  return new UsageError('source-map', `the source map is not one of this module: ${what}`);
}

export function takesNoPrograms(name: string): UsageError {
  return new UsageError(
    'no-protocol',
    `the guest follows no protocol that takes a program like ${name}`,
    'give a call of an export, EXPORT(ARGS), or build the guest with include/freeze.h; a module that freeze wrote takes programs where it was built with --open',
  );
}

export function unknownExport(name: string, known: readonly string[]): UsageError {
  return new UsageError(
    'export',
    `the guest exports no function "${name}"`,
    hintFor(name, known, 'it exports', 'it exports none'),
  );
}

export function badArguments(call: string, want: string): UsageError {
  return new UsageError('arguments', `${call}: the arguments do not fit, the export takes (${want})`);
}

/** Of the memories, tables, globals and tags that a host gives. */
export function hostUnfit(message: string): UsageError {
  const [, why = message] = /^[^:]*: (.*)$/.exec(message) ?? [];
  return new UsageError('host', `what the host gives for an import does not fit: ${why}`);
}

/** What a preloaded module gives is of another type than the guest's import. */
export function preloadUnfit(message: string): UsageError {
  const [, why = message] = /^[^:]*: (.*)$/.exec(message) ?? [];
  return new UsageError('preload', `a preloaded module does not fit: ${why}`);
}

/** A preloaded module itself imports what is not there, or is of another type. */
export function preloadNeeds(preload: string, message: string): UsageError {
  const [, why = message] = /^[^:]*: (.*)$/.exec(message) ?? [];
  return new UsageError(
    'preload',
    `preloaded module ${preload} does not fit: ${why}`,
    'it may import from WASI, where that is allowed, and from modules that are preloaded before it',
  );
}

export function unfitProtocol(protocol: string, missing: readonly string[]): UsageError {
  return new UsageError(
    'protocol',
    `the guest does not speak the ${protocol} protocol: it lacks ${missing.join(', ')}`,
  );
}

export function clashingEntry(name: string): UsageError {
  return new UsageError(
    'entry',
    `the entry "${name}" has the name of an export that the guest has`,
    'choose another name',
  );
}

export function unknownCommand(name: string, known: readonly string[]): UsageError {
  return new UsageError(
    'command',
    `--command ${name}: there is no entry of this name`,
    hintFor(name, known, 'entries are', 'entries are given with --entry'),
  );
}

export function noSuchExport(option: string, pattern: string, names: readonly string[]): UsageError {
  return new UsageError(
    'export',
    `${option} ${pattern} fits no export of the frozen module`,
    hintFor(pattern, names, 'it exports', 'it exports nothing'),
  );
}

/** `writers` are the instructions that can do it again, each with its function. */
export function contradictedAssumption(what: string, writers: readonly string[]): UsageError {
  const more = writers.length > 3 ? ` and ${writers.length - 3} more` : '';
  return new UsageError(
    'assumption',
    `--assume table-const: ${what} in the warm-up, and can be again by ${writers.slice(0, 3).join(', ')}${more}`,
    'leave --assume out, or drop the exports through which these functions are reached (freeze why shows them)',
  );
}

export function noReadOnly(): UsageError {
  return new UsageError(
    'assumption',
    '--assume rodata: the guest has no data segment that is named .rodata',
    'linkers name them in the name section; leave it out, or build the guest without stripping names',
  );
}

export function writtenReadOnly(memory: number, address: number): UsageError {
  return new UsageError(
    'assumption',
    `--assume rodata: the warm-up wrote address 0x${address.toString(16)} of memory ${memory}, which is in .rodata`,
    'leave --assume rodata out: the guest writes its read-only data',
  );
}

export function sealedAndOpen(): UsageError {
  return new UsageError('unsealed', 'a module is either sealed or open: give --seal or --open');
}

export function sealOptionsUnsealed(option: string): UsageError {
  return new UsageError(
    'unsealed',
    `--${option} is for sealed modules, and this one is not sealed`,
    'add --seal: guests that speak no protocol are not sealed unless that is said',
  );
}

export function droppedEntry(name: string): UsageError {
  return new UsageError(
    'entry',
    `--drop would take away the entry "${name}"`,
    'leave the entry out, or name the exports to drop more closely',
  );
}

export function noSuchImport(pattern: string, imports: readonly string[]): UsageError {
  return new UsageError(
    'stub-import',
    `--stub-import ${pattern}: the guest imports nothing of this name`,
    hintFor(pattern, imports, 'it imports', 'it imports nothing'),
  );
}

export function badWasiOption(what: string): UsageError {
  return new UsageError('wasi-option', `the WASI host cannot give the guest this: ${what}`);
}

export function badProfile(name: string, why: string): UsageError {
  return new UsageError('profile', `${name} is no profile: ${why}`, 'a build writes one with --profile-out');
}

export function badCommandLine(what: string, hint?: string): UsageError {
  return new UsageError('command-line', what, hint);
}

export function badOption(option: string, value: string, want: string): UsageError {
  return new UsageError('option', `${option} ${value}: ${want}`);
}

/** A value that is none of a few. */
export function unknownValue(option: string, value: string, known: readonly string[]): UsageError {
  return new UsageError(
    'option',
    `${option} ${value}: it is one of ${known.join(', ')}`,
    didYouMean(value, known),
  );
}

export function givenTwice(option: string): UsageError {
  return new UsageError('twice', `${option} is given twice, and takes one value`);
}

export function sameFile(path: string, one: string, other: string): UsageError {
  return new UsageError(
    'same-file',
    `${one} and ${other} are the same file: ${path}`,
    'give -o another path; an input is never overwritten',
  );
}

export function binaryToTerminal(): UsageError {
  return new UsageError(
    'terminal',
    'the frozen module would go to the terminal',
    'give a file with -o, or redirect stdout',
  );
}

export function nothingToRun(known: readonly string[]): UsageError {
  return new UsageError(
    'nothing-to-run',
    'the module is no command: it exports no function "_start"',
    known.length === 0
      ? 'it exports no function at all'
      : `say what to call: --invoke "NAME(ARGS)"; ${listed(known, 'it exports')}`,
  );
}

export function noSuchFunction(name: string, count: number, near: string | undefined): UsageError {
  return new UsageError(
    'function',
    `${name}: the module has no function of this name or index`,
    `${near === undefined ? '' : `did you mean ${near}? `}it has ${count} functions; give an index, an export, or a name of the name section`,
  );
}

export function badConfig(path: string, what: string, hint?: string): UsageError {
  return new UsageError('config', `${path}: ${what}`, hint);
}

export function noConfig(known: readonly string[]): UsageError {
  return new UsageError(
    'nothing-to-build',
    'no guest is given, and this folder has no config',
    `freeze build GUEST, or write one of ${known.join(', ')}`,
  );
}

export function noSuchBuild(name: string, known: readonly string[]): UsageError {
  return new UsageError(
    'no-build',
    `the config has no build ${name}`,
    hintFor(name, known, 'it has', 'it has one, without a name'),
  );
}

export function notCallable(name: string): UsageError {
  return new UsageError('not-callable', `${name} takes or gives references: only numbers can be compared`);
}

export function cannotVerify(what: string): UsageError {
  return new UsageError('cannot-verify', what);
}
