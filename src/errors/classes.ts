// What can go wrong, one class for each audience. The messages are in the files beside this one, one for
// each audience too; no message stands anywhere else.
//
// A message is one line: what, where, and what to do. `code` is stable, for scripts and docs;
// `exitCode` is what the command line ends with.
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
