// What the fuzzers once found stays right, and a few of their subjects each: `npm run fuzz` makes more of them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from '../../src/wasm/parse.ts';
import { decoder } from './decoder.ts';
import { FUZZERS } from './fuzz.ts';
import { campaign, corpus, type Fuzzer } from './fuzzer.ts';

/** Bounded by executions, not by time: the same subjects on a slow machine. */
const EXECUTIONS: Readonly<Record<string, number>> = {
  decoder: 1000,
  freeze: 20,
  aux: 30,
  'aux-fast': 15,
  'aux-max': 10,
};
const SEED = 20_260_101;

for (const fuzzer of FUZZERS) {
  describe(`the ${fuzzer.name} fuzzer`, () => {
    it('finds nothing any more in what it once found', async () => {
      for (const [name, subject] of corpus(fuzzer.name)) {
        await assert.doesNotReject(() => fuzzer.check(subject), name);
      }
    });

    it('finds nothing in a few subjects', async (t) => {
      const executions = EXECUTIONS[fuzzer.name] ?? 0;
      const { checked, findings } = await campaign(fuzzer, { seed: SEED, executions });
      t.diagnostic(`${executions} executions, ${checked} of them checked`);
      assert.deepEqual(
        findings.map(({ seed, message }) => `seed ${seed}: ${message}`),
        [],
      );
      assert.ok(checked >= executions / 4, `only ${checked} of ${executions} were checked`);
    });
  });
}

it('a finding comes with its seed, and is made smaller', async () => {
  const planted: Fuzzer = {
    ...decoder,
    check: async ({ bytes }) => {
      let functions = 0;
      try {
        functions = parse(bytes).codes.length;
      } catch {
        return false;
      }
      if (functions > 2) throw new Error(`there are ${functions} functions`);
      return true;
    },
  };
  const { findings } = await campaign(planted, { seed: SEED, executions: 200, reduce: true });
  const [finding] = findings;
  assert.ok(finding);
  assert.equal(findings.length, 1, 'findings that differ in numbers only are one');
  assert.match(finding.message, /there are \d+ functions/);
  assert.equal(parse(finding.subject.bytes).codes.length, 3);
  assert.ok(finding.subject.bytes.length < 60, `${finding.subject.bytes.length} bytes`);
  const again = await decoder.make(finding.seed);
  assert.ok(parse(again?.bytes ?? new Uint8Array()).codes.length > 2, 'the seed makes it again');
});
