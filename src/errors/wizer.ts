// What `freeze wizer` says, in Wizer's words where Wizer has some: for who calls it in Wizer's place.
import { GuestError, UnsupportedError, UsageError } from './classes.ts';
import { hintFor, listed } from './nearest.ts';

export function deadlinePassed(seconds: number): GuestError {
  return new GuestError(
    'deadline',
    `the guest did not return within ${seconds} s`,
    [],
    'where it needs longer, allow more with --timeout SECONDS',
  );
}

export function noInitFunction(wanted: readonly string[], known: readonly string[]): UsageError {
  return new UsageError(
    'init-func',
    `the Wasm module does not have a \`${wanted.join('` or `')}\` export`,
    known.length === 0 ? 'it exports no function' : listed(known, '-f names another; it exports'),
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
  return new UsageError(
    'rename',
    `--rename-func ${rename}: the module exports no function of the second name`,
    hintFor(rename.replace(/^[^=]*=/, ''), known, 'it exports', 'it exports none'),
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
