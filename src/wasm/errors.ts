/**
 * What can go wrong, one class for each audience, and every message in one place.
 *
 * A message is one line: what, where, and what to do. `code` is stable, for scripts and docs;
 * `exitCode` is what the command line ends with.
 */
export const EXIT = { guest: 1, usage: 2, malformed: 3, unsupported: 4, file: 5, check: 6 } as const;

export abstract class FreezeError extends Error {
  abstract readonly exitCode: number;
  readonly code: string;
  /** What to do about it, where there is something: a line of its own. */
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string) {
    super(message);
    this.name = new.target.name;
    this.code = code;
    this.hint = hint;
  }
}

/** Bytes that are no WebAssembly module. `offset` counts from the start of the module. */
export class MalformedError extends FreezeError {
  readonly exitCode: number = EXIT.malformed;
  readonly section: string;
  readonly offset: number;

  constructor(code: string, what: string, section: string, offset: number, hint?: string) {
    super(code, `${what} (${section}, at byte 0x${offset.toString(16)})`, hint);
    this.section = section;
    this.offset = offset;
  }
}

/** A valid module, or a state of it, that cannot be frozen. */
export class UnsupportedError extends FreezeError {
  readonly exitCode: number = EXIT.unsupported;
}

/** An auxiliary module or an import that does not fit. */
export class LinkError extends FreezeError {
  readonly exitCode: number = EXIT.unsupported;
}

/** What the guest did: trapped, exited, reported an error. `stack` lines name Wasm functions. */
export class GuestError extends FreezeError {
  readonly exitCode: number = EXIT.guest;
  readonly wasmStack: readonly string[];

  constructor(code: string, message: string, wasmStack: readonly string[] = [], hint?: string) {
    super(code, message, hint);
    this.wasmStack = wasmStack;
  }
}

/** It exited: `status` is what it exited with, 0 too. */
export class GuestExit extends GuestError {
  readonly status: number;

  constructor(message: string, status: number, hint: string) {
    super('exit', message, [], hint);
    this.status = status;
  }
}

/** The function that initializes it did not return. `cause` is what it did instead. */
export class InitError extends GuestError {
  readonly func: string;
  override readonly cause: GuestError;

  constructor(func: string, cause: GuestError) {
    super(cause.code, cause.message, cause.wasmStack, cause.hint);
    this.func = func;
    this.cause = cause;
  }
}

/** The guest, or a module that it made, is more than a build may take. */
export class LimitError extends FreezeError {
  readonly exitCode: number = EXIT.guest;
}

/** A check that was asked for found something: what was built is right, but not what is wanted. */
export class CheckError extends FreezeError {
  readonly exitCode: number = EXIT.check;
}

/** A wrong option or argument. */
export class UsageError extends FreezeError {
  readonly exitCode: number = EXIT.usage;
}

/** A file that cannot be read or written. */
export class FileError extends FreezeError {
  readonly exitCode: number = EXIT.file;
}

// ---- malformed ---------------------------------------------------------------------------------

export function notWasm(found: string): MalformedError {
  return new MalformedError(
    'not-wasm',
    `not a WebAssembly module: it starts with ${found}, not with "\\0asm"`,
    'header',
    0,
    'give the binary format; `npx jco parse in.wat -o out.wasm` turns text into it',
  );
}

export function isComponent(): UnsupportedError {
  return new UnsupportedError(
    'component',
    'this is a WebAssembly component, not a core module',
    'freeze the core module before it is made a component, then `npx jco new` the frozen one',
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

export function badSourceMap(what: string): UsageError {
  return new UsageError('source-map', `the source map is not one of this module: ${what}`);
}

// ---- linking -----------------------------------------------------------------------------------

export function unmapped(kind: string, index: number, place: string): LinkError {
  return new LinkError('unmapped', `${place} names ${kind} ${index}, which is not part of the linked module`);
}

export function unresolvedImport(aux: string, module: string, name: string, why: string): LinkError {
  return new LinkError(
    'unresolved-import',
    `auxiliary module ${aux} imports "${module}" "${name}", ${why}`,
    'an auxiliary module may import what the guest exports ("env" NAME), slots ("slot" N), what the guest imports, and exports of earlier auxiliary modules',
  );
}

export function auxInvalid(aux: string, message: string): LinkError {
  return new LinkError('aux-invalid', `auxiliary module ${aux} is not valid: ${message}`, AUX_HINT);
}

export function auxTrapped(aux: string, message: string): LinkError {
  return new LinkError(
    'aux-trapped',
    `auxiliary module ${aux} trapped while it was patched in: ${message}`,
    AUX_HINT,
  );
}

/** It needs more than the engine has. */
export function auxTooLarge(aux: string, message: string): LinkError {
  return new LinkError('aux-limit', `auxiliary module ${aux}: ${message}`, AUX_HINT);
}

const AUX_HINT = '--skip-bad-modules leaves such modules out and reports them';

// ---- state that cannot be frozen ----------------------------------------------------------------

export function unknownFunction(place: string): UnsupportedError {
  return new UnsupportedError(
    'unknown-function',
    `${place} holds a function that is neither the guest's, nor an auxiliary module's, nor an import of the guest`,
    'a function of the host cannot be part of a module: clear the slot before the snapshot',
  );
}

export function unfreezableReference(place: string, type: string): UnsupportedError {
  return new UnsupportedError(
    'reference',
    `${place} holds a ${type} that is not null`,
    'only null and functions can be written into a module: clear it before the snapshot (freeze_before_snapshot)',
  );
}

export function mutableObject(place: string): UnsupportedError {
  return new UnsupportedError(
    'mutable-object',
    `${place} is initialized with a struct or an array that code can write`,
    'what was written cannot be seen from outside: make its fields immutable, or keep them in memory',
  );
}

/** `why` says what is wrong with it, where it is more than that nobody said what becomes of it. */
export function importedState(kind: string, module: string, name: string, why?: string): UnsupportedError {
  return new UnsupportedError(
    'imported-state',
    `the guest imports its ${kind} "${module}" "${name}"${why === undefined ? '' : `, ${why}`}`,
    why === undefined
      ? `--import-state internalize makes it the module's own, keep imports it still and restores it`
      : `build it so that it defines and exports the ${kind} itself`,
  );
}

/** `why` says what keeps it from being captured. */
export function sharedMemory(index: number, why: string): UnsupportedError {
  return new UnsupportedError(
    'shared-memory',
    `memory ${index} is shared: ${why}`,
    'build the guest without threads, or freeze it before it starts any',
  );
}

export function missingImports(names: readonly string[]): UnsupportedError {
  return new UnsupportedError(
    'missing-import',
    `the guest imports what no host here gives: ${names.join(', ')}`,
    'turn them into functions of the module with --stub-import MODULE.NAME=trap|nop|CONST (globs allowed)',
  );
}

export function wasiWithoutMemory(doing: string): UnsupportedError {
  return new UnsupportedError(
    'wasi-memory',
    `the guest made a WASI call ${doing}, and its memory is not known`,
    'a guest that uses WASI exports its memory as "memory", and makes no WASI call in its start function',
  );
}

export function engineLacks(message: string): UnsupportedError {
  return new UnsupportedError(
    'engine',
    `this engine cannot run the module: ${message}`,
    'a newer Node can: run freeze with Node 24',
  );
}

/** `lacking` is not empty. */
export function engineLacksFeatures(
  lacking: readonly { readonly feature: string; readonly where: string; readonly node: number | undefined }[],
): UnsupportedError {
  const versions = lacking.map(({ node }) => node);
  const newest = versions.includes(undefined) ? undefined : Math.max(...versions.map((node) => node ?? 0));
  return new UnsupportedError(
    'engine',
    `this engine cannot run the guest: it lacks ${lacking.map(({ feature, where }) => `${feature}, which ${where} needs`).join('; ')}`,
    newest === undefined
      ? 'no version of Node known here has all of it'
      : `run freeze with Node ${newest} or newer`,
  );
}

export function noWebCrypto(): UnsupportedError {
  return new UnsupportedError(
    'web-crypto',
    'this page has no Web Crypto, which says what a module was made of',
    'serve the page over https, or freeze without provenance',
  );
}

// ---- what the guest did --------------------------------------------------------------------------

export function guestTrapped(doing: string, message: string, stack: readonly string[]): GuestError {
  return new GuestError('trap', `the guest trapped ${doing}: ${message}`, stack);
}

export function guestExited(doing: string, code: number): GuestError {
  return new GuestExit(
    `the guest exited with code ${code} ${doing}`,
    code,
    'a guest must return, so that there is something to freeze',
  );
}

export function initFailed(func: string, error: unknown): unknown {
  return error instanceof GuestError ? new InitError(func, error) : error;
}

export function guestThrew(doing: string, message: string, stack: readonly string[]): GuestError {
  return new GuestError('exception', `the guest let an exception out ${doing}: ${message}`, stack);
}

export function guestDrewRandom(
  doing: string,
  requested: number,
  drawn: number,
  budget: number,
  stack: readonly string[],
): GuestError {
  const before =
    budget === 0 ? '' : `, and has drawn ${drawn} of the ${budget} that it may (--random budget)`;
  return new GuestError(
    'entropy',
    `the guest asked for ${requested} random bytes ${doing}${before}`,
    stack,
    'none are given unasked, for a snapshot repeats them in every instance: --random seed=N gives a repeatable stream, --random budget=BYTES no more than so much of one, --random system what this machine has',
  );
}

export function guestRefused(doing: string, message: string): GuestError {
  return new GuestError('workload', `the guest reports an error ${doing}: ${message}`);
}

export function openFiles(
  files: readonly { readonly fd: number; readonly path: string }[],
): UnsupportedError {
  const shown = files.slice(0, 8).map(({ fd, path }) => `${path} (descriptor ${fd})`);
  const more = files.length > shown.length ? `, and ${files.length - shown.length} more` : '';
  return new UnsupportedError(
    'open-files',
    `the guest has files open that no thawed instance would have: ${shown.join(', ')}${more}`,
    'close them before the snapshot (freeze_before_snapshot), or say that it is meant: --allow-open-files GLOB',
  );
}

// ---- limits ------------------------------------------------------------------------------------

export function auxLimit(aux: string, limit: number, what: string, option: string): LimitError {
  return new LimitError(
    'aux-limit',
    `auxiliary module ${aux} is one too many: the guest made more than ${limit} ${what} (${option})`,
    `${option} allows more, and --skip-bad-modules goes on without those that are too many`,
  );
}

export function declaresTooMuch(what: string, wants: string, option: string, limit: string): LimitError {
  return new LimitError(
    'limit',
    `${what} starts with ${wants}, more than the ${limit} of ${option}`,
    `${option} allows more`,
  );
}

export function grewTooMuch(what: string, option: string, limit: number): LimitError {
  return new LimitError(
    'limit',
    `${what} has grown to all that it may have: the ${limit} of ${option}`,
    `${option} allows more`,
  );
}

/** The guest failed, and may have been refused to grow before. */
export function nearLimit(
  error: GuestError,
  what: string,
  used: number,
  option: string,
  limit: number,
): GuestError {
  return new GuestError(
    error.code,
    `${error.message}; its ${what} has grown to ${used} of the ${limit} of ${option}`,
    error.wasmStack,
    error.hint ?? `${option} allows more`,
  );
}

export function outputTooLarge(bytes: number, limit: number): LimitError {
  return new LimitError(
    'limit',
    `the frozen module would have ${bytes} bytes, more than the ${limit} of --max-output`,
    '--max-output allows more; memory that the guest clears before the snapshot is not written',
  );
}

export function timedOut(doing: string, seconds: number): LimitError {
  return new LimitError(
    'timeout',
    `${doing} did not end in ${seconds} s (--timeout)`,
    '--timeout SECONDS allows more; 0 is without end',
  );
}

// ---- checks ------------------------------------------------------------------------------------

export function leaked(names: readonly string[]): CheckError {
  return new CheckError(
    'leak',
    `the frozen module holds what it should not (--fail-on-leak): ${names.join(', ')}`,
    '--allow-leak NAME accepts one; without --fail-on-leak the report has the addresses',
  );
}

export function notReproducible(place: string, sizes: readonly [number, number]): CheckError {
  return new CheckError(
    'not-reproducible',
    `a second build gives other bytes (--check): they differ first ${place}; ${sizes[0]} and ${sizes[1]} bytes`,
    '--random system, a driver and --wasi node can differ from build to build; if none is used, this is a bug in freeze',
  );
}

export function secondBuildFailed(code: number | null, said: string): CheckError {
  return new CheckError(
    'second-build',
    `a second build, elsewhere, does not go well (--check): ${said === '' ? `exit code ${code}` : said}`,
    'what the guest is given must not depend on the directory, the environment or the time of a build',
  );
}

// ---- usage ---------------------------------------------------------------------------------------

export function takesNoPrograms(name: string): UsageError {
  return new UsageError(
    'no-protocol',
    `the guest follows no protocol that takes a program like ${name}`,
    'give a call of an export, EXPORT(ARGS), or build the guest with include/freeze.h; a module that freeze wrote takes programs where it was built with --open',
  );
}

export function unknownExport(name: string, known: readonly string[]): UsageError {
  const shown = known.slice(0, 12).join(', ');
  return new UsageError(
    'export',
    `the guest exports no function "${name}"`,
    known.length === 0 ? 'it exports none' : `it exports ${shown}${known.length > 12 ? ', ...' : ''}`,
  );
}

export function badArguments(call: string, want: string): UsageError {
  return new UsageError('arguments', `${call}: the arguments do not fit, the export takes (${want})`);
}

export function deadlinePassed(seconds: number): GuestError {
  return new GuestError(
    'deadline',
    `the guest did not return within ${seconds} s`,
    [],
    'where it needs longer, allow more with --timeout SECONDS',
  );
}

export function noInitFunction(wanted: readonly string[], known: readonly string[]): UsageError {
  const shown = known.slice(0, 12).join(', ');
  return new UsageError(
    'init-func',
    `the Wasm module does not have a \`${wanted.join('` or `')}\` export`,
    known.length === 0
      ? 'it exports no function'
      : `-f names another; it exports ${shown}${known.length > 12 ? ', ...' : ''}`,
  );
}

export function proposalForbidden(proposal: string, where: readonly string[]): UnsupportedError {
  return new UnsupportedError(
    'forbidden',
    `${proposal} support is not enabled, and the module uses it: ${where.join(', ')}`,
    `leave --wasm-${proposal}=false out`,
  );
}

export function badInitFunction(name: string): UsageError {
  return new UsageError(
    'init-func',
    `the Wasm module's \`${name}\` function export does not have type \`[] -> []\``,
    'initialization takes and gives nothing: export a function that calls it with what it needs',
  );
}

export function unknownRename(rename: string, known: readonly string[]): UsageError {
  const shown = known.slice(0, 12).join(', ');
  return new UsageError(
    'rename',
    `--rename-func ${rename}: the module exports no function of the second name`,
    known.length === 0 ? 'it exports none' : `it exports ${shown}${known.length > 12 ? ', ...' : ''}`,
  );
}

export function clashingRename(end: 'to' | 'from', name: string): UsageError {
  return new UsageError(
    'rename',
    end === 'to'
      ? `Duplicated function rename dst ${name}: two functions cannot have one name`
      : `Duplicated function rename src ${name}: a function is renamed once`,
  );
}

export function preloadUnfit(message: string): UsageError {
  const [, why = message] = /^[^:]*: (.*)$/.exec(message) ?? [];
  return new UsageError('preload', `a preloaded module does not fit: ${why}`);
}

export function preloadTrapped(name: string, message: string): GuestError {
  return new GuestError('preload', `preloaded module ${name} trapped while it was instantiated: ${message}`);
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
    `entries are ${known.join(', ') || 'given with --entry'}`,
  );
}

export function noSuchExport(option: string, pattern: string, names: readonly string[]): UsageError {
  const shown = names.slice(0, 12).join(', ');
  return new UsageError(
    'export',
    `${option} ${pattern} fits no export of the frozen module`,
    names.length === 0 ? 'it exports nothing' : `it exports ${shown}${names.length > 12 ? ', ...' : ''}`,
  );
}

export function contradictedAssumption(what: string, op: string, func: string): UsageError {
  return new UsageError(
    'assumption',
    `--assume table-const: ${what} in the warm-up, and ${op} in function ${func} can do it again`,
    'leave --assume out, or drop the exports through which that function is reached (freeze why shows them)',
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
    `it imports ${imports.join(', ') || 'nothing'}`,
  );
}

export function badWasiOption(what: string): UsageError {
  return new UsageError('wasi-option', `the WASI host cannot give the guest this: ${what}`);
}

export function badProfile(name: string, why: string): UsageError {
  return new UsageError('profile', `${name} is no profile: ${why}`, 'a build writes one with --profile-out');
}

export function takesNoProfile(): UnsupportedError {
  return new UnsupportedError(
    'no-profile',
    'the guest takes no profile: it exports no freeze_profile_load',
    'it is for the guest that wrote it; without --profile, warm-ups do the same',
  );
}

export function countsNotDriven(): UsageError {
  return new UsageError(
    'count-calls',
    'calls of table slots are not counted where a driver brings the guest up',
  );
}

export function badCommandLine(what: string, hint?: string): UsageError {
  return new UsageError('command-line', what, hint);
}

export function badOption(option: string, value: string, want: string): UsageError {
  return new UsageError('option', `${option} ${value}: ${want}`);
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
  const shown = known.slice(0, 12).join(', ');
  return new UsageError(
    'nothing-to-run',
    'the module is no command: it exports no function "_start"',
    known.length === 0
      ? 'it exports no function at all'
      : `say what to call: --invoke "NAME(ARGS)"; it exports ${shown}${known.length > 12 ? ', ...' : ''}`,
  );
}

// ---- drivers -------------------------------------------------------------------------------------

const DRIVER_HINT =
  'docs/drivers.md says what a driver does; examples/driver-skeleton.mjs is one to start from';

export function noDriver(file: string): UsageError {
  return new UsageError('driver', `${file} exports no default function`, DRIVER_HINT);
}

export function driverRunning(): UsageError {
  return new UsageError(
    'driver-running',
    'another driver runs in this process, and both would replace the global WebAssembly',
    'await the one before you start the other',
  );
}

export function driverThrew(message: string, stack: readonly string[]): GuestError {
  return new GuestError('driver-threw', `the driver threw: ${message}`, stack);
}

export function driverNeverDone(): UsageError {
  return new UsageError(
    'never-done',
    'the driver ended and never called freeze.done()',
    'call it once the guest is warm, and before the promise of the driver settles',
  );
}

export function driverTimedOut(ms: number): UsageError {
  return new UsageError(
    'driver-timeout',
    `the driver did not end in ${ms} ms`,
    'its promise must settle; where the guest needs longer, allow more (driverTimeoutMs)',
  );
}

export function noGuest(): UsageError {
  return new UsageError(
    'no-guest',
    'the driver never said which instance is the guest',
    'call freeze.guest(instance)',
  );
}

export function twoGuests(): UsageError {
  return new UsageError(
    'two-guests',
    'the driver called freeze.guest() with two instances',
    'one instance is the guest; the others are auxiliary modules, linked into it',
  );
}

export function notRecorded(what: string): UsageError {
  return new UsageError(
    'not-recorded',
    `${what} was not made while the driver ran`,
    'load the JavaScript of the guest inside the driver, so that it sees the WebAssembly that records',
  );
}

export function notTheGuest(instance: number, given: number): UsageError {
  return new UsageError(
    'not-the-guest',
    `freeze.guest() was given an instance of another module than the guest: ${instance} bytes, the guest has ${given}`,
    'hand over the instance of the module that is being frozen',
  );
}

export function moduleAfterDone(): UsageError {
  return new UsageError(
    'after-done',
    'a module was made after freeze.done()',
    'call freeze.done() last; asynchronous compilations that began before it are waited for',
  );
}

export function foreignState(kind: string, module: string, name: string): UnsupportedError {
  return new UnsupportedError(
    'foreign-state',
    `the guest imports its ${kind} "${module}" "${name}", which was not made while the driver ran`,
    'make it inside the driver, with the global WebAssembly',
  );
}

export function importedTwice(kind: string, module: string, name: string): UnsupportedError {
  return new UnsupportedError(
    'imported-twice',
    `the guest imports its ${kind} "${module}" "${name}" a second time, under another name`,
    'import it once',
  );
}

export function hostFunction(
  /** The import that it was given to; none where it came into a table or global by itself. */
  given: { readonly aux: string; readonly module: string; readonly name: string } | undefined,
  func: string,
  place: string | undefined,
): UnsupportedError {
  const imported = given && `auxiliary module ${given.aux} imports "${given.module}" "${given.name}"`;
  const what = `the JavaScript function ${func}`;
  const held = place === undefined ? `live code calls ${what}` : `${place} holds ${what}`;
  const told = place === undefined ? `${imported}, which is ${what}` : `${held}: ${imported}`;
  return new UnsupportedError(
    'host-function',
    imported === undefined ? held : told,
    'keep it as an import of the frozen module, with freeze.host(func, module, name) in the driver or --keep-host-functions',
  );
}

export function unknownOrigin(
  aux: string,
  item: { readonly module: string; readonly name: string },
  what: string,
  place: string | undefined,
): LinkError {
  const by = place === undefined ? '' : ` (${place} holds it)`;
  return new LinkError(
    'unknown-origin',
    `auxiliary module ${aux} imports "${item.module}" "${item.name}", ${what} of unknown origin${by}`,
    'only what was made while the driver ran, with the global WebAssembly, can be part of the output',
  );
}

export function badHandover(method: string, what: string): UsageError {
  return new UsageError('driver-call', `freeze.${method}: ${what}`, DRIVER_HINT);
}

export function noSuchFunction(name: string, count: number): UsageError {
  return new UsageError(
    'function',
    `${name}: the module has no function of this name or index`,
    `it has ${count} functions; give an index, an export, or a name of the name section`,
  );
}

// ---- files ---------------------------------------------------------------------------------------

export function cannotRead(path: string, why: string): FileError {
  return new FileError('read', `cannot read ${path}: ${why}`);
}

export function cannotWrite(path: string, why: string): FileError {
  return new FileError('write', `cannot write ${path}: ${why}`);
}

export function notForTarget(
  host: string,
  findings: readonly { readonly problem: string; readonly change: string }[],
): UnsupportedError {
  return new UnsupportedError(
    'target',
    `${host} does not take it: ${findings.map(({ problem }) => problem).join('; ')}`,
    [...new Set(findings.map(({ change }) => change))].join('; '),
  );
}

export function notAComponent(why: string, lacksWit: boolean): UnsupportedError {
  return new UnsupportedError(
    'no-component',
    `the frozen module does not become a component: ${why}`,
    lacksWit
      ? 'name an entry with --command, or say with --wit what it exports'
      : 'freeze inspect shows what it imports and exports',
  );
}

export function benchFailed(why: string): GuestError {
  return new GuestError('bench', why, [], 'freeze run shows what it does');
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
    `it has ${known.join(', ') || 'one, without a name'}`,
  );
}

export function cannotListen(port: number, why: string): FileError {
  return new FileError(
    'port',
    `cannot listen on port ${port}: ${why}`,
    'end what listens there, or give another one: --port 0 takes one that is free',
  );
}

/** Who read stdout has gone: nobody is left to be told, so nothing is printed for it. */
export function closedPipe(): FileError {
  return new FileError('closed-pipe', 'standard output was closed');
}

// ---- verifying ---------------------------------------------------------------------------------

export function differs(count: number, where: string, live: string, frozen: string): CheckError {
  const more = count === 1 ? '' : `, and ${count - 1} more`;
  return new CheckError(
    'different',
    `the frozen module differs from the guest: ${where}: ${live} became ${frozen}${more}`,
    'a guest that draws randomness, or is not deterministic, differs from itself; otherwise this is a bug in freeze',
  );
}

export function notCallable(name: string): UsageError {
  return new UsageError('not-callable', `${name} takes or gives references: only numbers can be compared`);
}

export function cannotVerify(what: string): UsageError {
  return new UsageError('cannot-verify', what);
}
