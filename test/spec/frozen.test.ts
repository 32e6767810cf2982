// Not one check of the spec suite that held before breaks where modules are frozen on the way, at several points,
// sealed and not, on each Node at hand; and hundreds break where the frozen module forgets what was done to the live one.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { places, root } from '../engines/places.ts';
import { ALL, type FrozenReport, lineOf, reportAt, SEALED, SHARED } from './frozen-report.ts';
import { findSuite } from './suite.ts';

const absent: string | false =
  findSuite() === undefined
    ? 'the WebAssembly spec suite is not here: set FREEZE_SPEC to a folder of .wast files or a testsuite.tgz'
    : false;

/** The oldest Node, which has the fewest features, can run so much; a run that freezes less tests less. */
const LEAST_FROZEN = 1_400;
const LEAST_SHARED = 40;
const LEAST_CHECKS: Readonly<Record<string, number>> = {
  start: 53_000,
  one: 53_000,
  half: 27_000,
  late: 4_000,
  shared: 110,
};
/** Of the control. */
const LEAST_BROKEN = 400;

function judge(reports: readonly FrozenReport[], t: TestContext): void {
  for (const report of reports) {
    t.diagnostic(lineOf(report));
    assert.deepEqual(report.differences, [], lineOf(report));
    assert.ok(report.frozen >= (report.point === SHARED ? LEAST_SHARED : LEAST_FROZEN), lineOf(report));
    const [point = ''] = report.point.split('/');
    assert.ok(report.checks >= (LEAST_CHECKS[point] ?? 0), lineOf(report));
  }
}

test('no check of the spec suite breaks on frozen modules', { skip: absent }, async (t) => {
  judge(await reportAt(ALL), t);
});

test('nor on sealed ones, with all exports and with those only that are still called', {
  skip: absent,
}, async (t) => {
  judge(await reportAt(SEALED), t);
});

test('hundreds of checks break where the state is dropped', { skip: absent }, async (t) => {
  const [report] = await reportAt(['late'], true);
  assert.ok(report);
  t.diagnostic(`without the state ${report.differences.length} checks break`);
  assert.ok(report.differences.length >= LEAST_BROKEN, `${report.differences.length} broke`);
});

for (const major of places.nodes.majors) {
  const binary = join(root, places.nodes.binary.replace('{major}', String(major)));
  const skip = absent || (!existsSync(binary) && `no Node ${major} (node scripts/engines.mjs --nodes)`);
  test(`nor on Node ${major}`, { skip }, async (t) => {
    // All points where there is time; one that freezes much and checks much elsewhere. Sealing knows no engine.
    const points = process.env['CI'] === undefined ? ['half/closed'] : [...ALL, 'one/sealed', 'half/closed'];
    const script = fileURLToPath(new URL('./frozen-report.js', import.meta.url));
    const most = { maxBuffer: 1 << 28 };
    const { stdout } = await promisify(execFile)(binary, [script, ...points], most);
    judge(JSON.parse(stdout) as readonly FrozenReport[], t);
  });
}
