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
  /** Undefined where no option allows more: it is what 32 bits address. */
  readonly option: string | undefined;
  readonly cap: number;
  readonly limit: number;
}

function allowance({ option, cap, limit }: Grown): string {
  if (option === undefined) return `the ${cap} that 32 bits address`;
  return cap === limit ? `the ${limit} of ${option}` : `${cap}, its share of the ${limit} of ${option}`;
}

export function grewTooMuch(use: Grown & { readonly option: string }): LimitError {
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
    error.hint ?? (use.option && `${use.option} allows more`),
  );
}

/** Of the format: the sizes of sections have 32 bits. */
export const MOST_OUTPUT: number = 2 ** 32 - 1;

export function outputTooLarge(bytes: number, limit: number): LimitError {
  const fewer = 'memory that the guest clears before the snapshot is not written';
  const would = `the frozen module would have ${bytes} bytes, more than`;
  return limit >= MOST_OUTPUT
    ? new LimitError('limit', `${would} the ${MOST_OUTPUT} that a module can have`, fewer)
    : new LimitError('limit', `${would} the ${limit} of --max-output`, `--max-output allows more; ${fewer}`);
}

/** `doing` may go on from "the guest trapped": `in f()`. */
export function timedOut(doing: string, seconds: number): LimitError {
  return new LimitError(
    'timeout',
    `${doing.replace(/^(in|while it ran) /, '')} did not end in ${seconds} s (--timeout)`,
    '--timeout SECONDS allows more; 0 is without end',
  );
}
