// More than a build may take: for who set the limits.
import { GuestError, LimitError } from './classes.ts';

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

/** `doing` may go on from "the guest trapped": `in f()`. */
export function timedOut(doing: string, seconds: number): LimitError {
  return new LimitError(
    'timeout',
    `${doing.replace(/^(in|while it ran) /, '')} did not end in ${seconds} s (--timeout)`,
    '--timeout SECONDS allows more; 0 is without end',
  );
}
