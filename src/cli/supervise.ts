/**
 * A deadline for synchronous work. Nothing in JavaScript can interrupt a thread that runs Wasm; Node's
 * `vm` can: it watches scripts from a thread of its own, and stops whatever they have called. That costs
 * a thread a call, and no second copy of the engine.
 */
import { Script } from 'node:vm';
import type { FreezeError } from '../errors/classes.ts';
import type { Supervise } from '../host/guest.ts';

/** What the script calls: a global, for it sees nothing else. */
const WORK = Symbol.for('freeze.deadline');

const script = new Script("globalThis[Symbol.for('freeze.deadline')]()", { filename: 'freeze:deadline' });

function isTimeout(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}

/** Ends each piece of work after so many seconds, with the error that `late` makes of what it was doing. */
export function deadline(seconds: number, late: (doing: string) => FreezeError): Supervise {
  const holder = globalThis as { [WORK]?: () => void };
  return <T>(work: () => T, doing: string): T => {
    const outer = holder[WORK];
    let result: { readonly value: T } | undefined;
    holder[WORK] = () => {
      result = { value: work() };
    };
    try {
      script.runInThisContext({ timeout: Math.ceil(seconds * 1000), displayErrors: false });
    } catch (error) {
      throw isTimeout(error) ? late(doing) : error;
    } finally {
      if (outer === undefined) delete holder[WORK];
      else holder[WORK] = outer;
    }
    if (result === undefined) throw new TypeError('the work did not run');
    return result.value;
  };
}
