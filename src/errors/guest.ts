// What a guest did while it ran: for its author.
import { GuestError, GuestExit, InitError } from './classes.ts';

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

export function preloadTrapped(name: string, message: string): GuestError {
  return new GuestError('preload', `preloaded module ${name} trapped while it was instantiated: ${message}`);
}

export function benchFailed(why: string): GuestError {
  return new GuestError('bench', why, [], 'freeze run shows what it does');
}

/** `name` is the export that hands the modules over. */
export function endless(name: string, count: number): GuestError {
  return new GuestError(
    'endless',
    `${name} hands over modules without end: ${count} and more`,
    [],
    'it must say at some time that it has none: freeze_poll returns 0',
  );
}

export function endlesslyRefused(name: string, count: number): GuestError {
  return new GuestError(
    'endless',
    `${name} goes on handing over modules that cannot be linked: ${count} one after the other`,
    [],
    'the guest is told when a module does not fit, and must not offer it again',
  );
}
