// What a check that was asked for found: for who asked.
import { CheckError } from './classes.ts';

/** `what` names each value with its place. */
export function leaked(what: readonly string[], remedies: readonly string[]): CheckError {
  return new CheckError(
    'leak',
    `the frozen module holds what it should not (--fail-on-leak): ${what.join('; ')}`,
    `to remove it: ${[...remedies, '--allow-leak NAME accepts one'].join('; ')}`,
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

export function differs(count: number, where: string, live: string, frozen: string): CheckError {
  const more = count === 1 ? '' : `, and ${count - 1} more`;
  return new CheckError(
    'different',
    `the frozen module differs from the guest: ${where}: ${live} became ${frozen}${more}`,
    'a guest that draws randomness, or is not deterministic, differs from itself; otherwise this is a bug in freeze',
  );
}
