// What is wrong with a driver, and what it leads to: for who wrote it.
import { GuestError, LinkError, UnsupportedError, UsageError } from './classes.ts';

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
