// Runs the suite unfrozen and frozen at some points on the Node that executes this file, and prints what came of
// it as JSON: the test does so on each Node at hand.
//
//     node dist/test/spec/frozen-report.js [point …] [drop]
//
// `half/sealed` freezes half-way and seals; see Sealing for `half/closed`.
import { freezing, POINTS, type Sealing, sealedTraps } from './frozen.ts';
import { differences, type Replaced, type RunResult, runSuite } from './run.ts';
import { runShared, type SharedReport } from './shared.ts';
import { loadSuite, type Suite } from './suite.ts';

/** In the place of a point: modules that import state, at all points, by way of a driver. */
export const SHARED = 'shared';
export const ALL: readonly string[] = [...Object.keys(POINTS), SHARED];
/** Sealed: where most is left to be called, and where most has been. */
export const SEALED: readonly string[] = ['one/sealed', 'start/closed', 'half/closed', 'late/closed'];

export interface FrozenReport {
  readonly node: string;
  readonly point: string;
  /** Modules that were frozen, and checks that ran on frozen modules. */
  readonly frozen: number;
  readonly checks: number;
  /** Modules that were refused, by the code of the error. */
  readonly declined: Readonly<Record<string, number>>;
  readonly differences: readonly string[];
}

export async function reportAt(
  points: readonly string[],
  dropState = false,
): Promise<readonly FrozenReport[]> {
  const suite = await loadSuite();
  if (suite === undefined) throw new Error('the WebAssembly spec suite is not here');
  const before = await runSuite(suite);
  const reports: FrozenReport[] = [];
  for (const name of points) {
    if (name === SHARED) {
      reports.push(await reportShared(suite, before));
      continue;
    }
    const [where = '', sealing] = name.split('/') as [string?, Sealing?];
    const point = POINTS[where];
    if (point === undefined) throw new RangeError(`there is no point ${where}`);
    const events: Replaced[] = [];
    const onReplaced = (event: Replaced): unknown => events.push(event);
    const after = await runSuite(suite, {
      replace: freezing({ point, onReplaced, dropState, ...(sealing && { sealing }) }),
    });
    reports.push({
      ...summary(events),
      node: process.versions.node,
      point: name,
      differences: differences(before, after, sealing && sealedTraps),
    });
  }
  return reports;
}

async function reportShared(suite: Suite, before: RunResult): Promise<FrozenReport> {
  const report: SharedReport = { frozen: 0, checks: 0, declined: {}, differences: [] };
  let first = 0;
  for (const file of suite.files) {
    const end = first + file.commands.length;
    await runShared(suite, file, before.outcomes.slice(first, end), report);
    first = end;
  }
  return { ...report, node: process.versions.node, point: SHARED };
}

function summary(events: readonly Replaced[]): Pick<FrozenReport, 'frozen' | 'checks' | 'declined'> {
  const declined: Record<string, number> = {};
  let frozen = 0;
  let checks = 0;
  for (const event of events) {
    if (event.declined === undefined) {
      frozen++;
      checks += event.after;
    } else declined[event.declined] = (declined[event.declined] ?? 0) + 1;
  }
  return { frozen, checks, declined };
}

/** One line for a person. */
export function lineOf({ node, point, frozen, checks, declined, differences: broken }: FrozenReport): string {
  return `Node ${node}, frozen at ${point}: ${frozen} modules, ${checks} checks on them, refused ${JSON.stringify(declined)}, broken ${broken.length}`;
}

if (process.argv[1]?.endsWith('frozen-report.js') === true) {
  const asked = process.argv.slice(2);
  const points = asked.filter((word) => word !== 'drop');
  const reports = await reportAt(points.length > 0 ? points : ALL, asked.includes('drop'));
  process.stdout.write(`${JSON.stringify(reports)}\n`);
}
