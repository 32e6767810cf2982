// The WebAssembly spec suite on unfrozen modules: the baseline that every transformation is held against.
// It shows that the tools read the whole suite, that they notice what is wrong, and what the running Node does.
// The suite is not in the repository: FREEZE_SPEC names it, or it lies in ../shared/spec beside the checkout.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Expectation } from './expected.ts';
import { EXPECTED, EXPECTED_LEGACY } from './expected.ts';
import type { RunResult } from './run.ts';
import { differences, place, reasons, runSuite } from './run.ts';
import type { Command, Expected, Suite, SuiteFile } from './suite.ts';
import { allModules, findSuite, loadSuite, NO_WABT, repoRoot } from './suite.ts';

const absent: string | false =
  findSuite() === undefined
    ? 'the WebAssembly spec suite is not here: set FREEZE_SPEC to a folder of .wast files or a testsuite.tgz'
    : false;

const major: number = Number(process.versions.node.split('.', 1)[0]);

test('the spec suite', { skip: absent }, async (t) => {
  const suite = await loadSuite();
  assert.ok(suite !== undefined);
  const hasWabt = !suite.unparsed.some(({ reason }) => reason === NO_WABT);
  if (!hasWabt)
    t.diagnostic(
      `legacy/*.wast: ${suite.unparsed.length} modules not assembled, since npm wabt is not installed`,
    );
  const baseline = await runSuite(suite, { filter: isCurrent });

  await t.test('every module is assembled, but for those in unparsed.txt', () => {
    const found = suite.unparsed
      .filter(({ reason }) => reason !== NO_WABT)
      .map(({ file, line, reason }) => `${file}:${line} ${reason}`);
    assert.deepEqual(found, ledger('unparsed.txt'));
  });

  await t.test('valid modules, malformed ones and invalid ones are listed', (t) => {
    const counts = { valid: 0, malformed: 0, invalid: 0 };
    for (const { kind, bytes } of allModules(suite)) {
      counts[kind]++;
      if (kind !== 'valid') assert.equal(WebAssembly.validate(new Uint8Array(bytes)), false);
    }
    t.diagnostic(`modules: ${JSON.stringify(counts)}`);
    assert.ok(
      counts.valid >= 2500 && counts.malformed >= 700 && counts.invalid >= 2700,
      JSON.stringify(counts),
    );
  });

  await t.test('every command has an outcome', () => {
    const commands = suite.files.filter(isCurrent).reduce((sum, file) => sum + file.commands.length, 0);
    assert.equal(baseline.outcomes.length, commands);
  });

  await t.test('this Node does with it what it is known to do', (t) => {
    report(baseline, t);
    const known = EXPECTED.get(major) ?? EXPECTED.get(Math.max(...EXPECTED.keys()));
    if (!EXPECTED.has(major))
      t.diagnostic(`Node ${major} is not in expected.ts: held against the latest that is`);
    assert.ok(known !== undefined);
    atLeast(baseline, known);
    const failures = baseline.outcomes.filter(({ status }) => status === 'failed').map(place);
    assert.deepEqual(failures, knownFailures());
  });

  await t.test('legacy exceptions', { skip: hasWabt ? false : 'npm wabt is not installed' }, async (t) => {
    const legacy = await runSuite(suite, { filter: (file) => !isCurrent(file) });
    report(legacy, t);
    atLeast(legacy, EXPECTED_LEGACY);
    assert.equal(legacy.counts.failed, 0);
  });

  await t.test('a transformation that keeps the meaning changes no outcome', async () => {
    let calls = 0;
    // An empty custom section named "x" at the end.
    const tail = [0, 2, 1, 0x78];
    const after = await runSuite(suite, {
      filter: isCurrent,
      transform(bytes) {
        calls++;
        return Uint8Array.from([...bytes, ...tail]);
      },
    });
    assert.ok(calls > 1500, `called for ${calls} modules`);
    assert.deepEqual(differences(baseline, after), []);
  });

  await t.test('every result that is expected wrongly is found', async () => {
    // Bit 0 of every scalar and every lane: the least difference there is.
    const spoilt: Suite = { ...suite, files: suite.files.filter(isCurrent).map(spoilFile) };
    const commands = spoilt.files.flatMap((file) => file.commands);
    const after = await runSuite(spoilt);
    const wrong = commands.map(
      (command, index) => isSpoilt(command) && baseline.outcomes[index]?.status === 'passed',
    );
    const missed = after.outcomes.filter(({ status }, index) => wrong[index] === true && status === 'passed');
    assert.deepEqual(missed.map(place), []);
    const found = after.outcomes.filter(
      ({ status }, index) => wrong[index] === true && status === 'failed',
    ).length;
    assert.ok(found > 40_000, `only ${found} found`);
  });
});

function isCurrent(file: SuiteFile): boolean {
  return !file.name.startsWith('legacy/');
}

function report(result: RunResult, t: { diagnostic(message: string): void }): void {
  t.diagnostic(
    `Node ${process.versions.node}: ${JSON.stringify(result.counts)}, of the passed ${result.passedAsText} malformed texts that the assembler refused`,
  );
  for (const status of ['unsupported', 'skipped'] as const) {
    for (const [reason, count] of reasons(result, status)) t.diagnostic(`${status}: ${count} ${reason}`);
  }
}

function atLeast({ counts }: RunResult, known: Expectation): void {
  assert.ok(counts.passed >= known.passed, `${counts.passed} passed, ${known.passed} are known to`);
  assert.ok(
    counts.unsupported <= known.unsupported,
    `${counts.unsupported} unsupported, ${known.unsupported} are known`,
  );
  assert.ok(counts.skipped <= known.skipped, `${counts.skipped} skipped, ${known.skipped} are known`);
}

function ledger(name: string): readonly string[] {
  const lines = readFileSync(join(repoRoot(), 'test', 'spec', name), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

function knownFailures(): readonly string[] {
  return ledger('failing.txt').flatMap((line) => {
    const [node, where] = line.split(' ');
    return Number(node) === major && where !== undefined ? [where] : [];
  });
}

function spoilFile(file: SuiteFile): SuiteFile {
  return {
    name: file.name,
    commands: file.commands.map((command) =>
      command.kind === 'assert_return' ? { ...command, expected: command.expected.map(spoil) } : command,
    ),
  };
}

function spoil(expected: Expected): Expected {
  const flip = (bits: string): string =>
    bits.startsWith('nan:') ? bits : `0x${(BigInt(bits) ^ 1n).toString(16)}`;
  if (expected.type === 'v128') return { ...expected, lanes: expected.lanes.map(flip) };
  return 'bits' in expected ? { ...expected, bits: flip(expected.bits) } : expected;
}

/** Whether something is wrong now: a class of NaNs, or a reference, was left as it was. */
function isSpoilt(command: Command): boolean {
  if (command.kind !== 'assert_return') return false;
  return command.expected.some((want) =>
    want.type === 'v128'
      ? want.lanes.some((lane) => lane.startsWith('0x'))
      : 'bits' in want && want.bits.startsWith('0x'),
  );
}
