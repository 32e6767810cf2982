// More than a build may take: for who set the limits.
import { GuestError, LimitError } from './classes.ts';

export function auxLimit(aux: string, limit: number, what: string, option: string): LimitError {
  return new LimitError(
    'aux-limit',
    `auxiliary module ${aux} is one too many: the guest made more than ${limit} ${what} (${option})`,
    `${option} allows more, and --skip-bad-modules goes on without those that are too many`,
  );
}

/** `what` goes on to "with": `memory 0 starts`. */
export function declaresTooMuch(what: string, wants: string, option: string, limit: string): LimitError {
  return new LimitError(
    'limit',
    `${what} with ${wants}, more than the ${limit} of ${option}`,
    `${option} allows more`,
  );
}

/** Of a memory or a table, and what it may have: all that an option says, or its share of that. */
interface Grown {
  readonly what: string;
  readonly used: number;
  readonly option: string;
  readonly cap: number;
  readonly limit: number;
}

function allowance({ option, cap, limit }: Grown): string {
  return cap === limit ? `the ${limit} of ${option}` : `${cap}, its share of the ${limit} of ${option}`;
}

export function grewTooMuch(use: Grown): LimitError {
  return new LimitError(
    'limit',
    `${use.what} has grown to all that it may have: ${allowance(use)}`,
    `${use.option} allows more`,
  );
}

/** The guest failed, and may have been refused to grow before. */
export function nearLimit(error: GuestError, use: Grown): GuestError {
  return new GuestError(
    error.code,
    `${error.message}; its ${use.what} has grown to ${use.used} of ${allowance(use)}`,
    error.wasmStack,
    error.hint ?? `${use.option} allows more`,
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
