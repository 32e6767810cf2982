// Sealed modules with the generated code optimized: whatever a program prints, and whatever a random
// guest computes, is the same at every level, and the same bytes come out of every Node.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { GuestError } from '../../src/errors/classes.ts';
import { freeze } from '../../src/freeze.ts';
import { createWasi } from '../../src/host/wasi/wasi.ts';
import type { FreezeOptions } from '../../src/options.ts';
import type { Report } from '../../src/report/report.ts';
import { COMPUTED_NAN, OPTIMIZE_LEVELS, type OptimizeLevel } from '../../src/seal/optimize.ts';
import { encode } from '../../src/wasm/encode.ts';
import { readBody } from '../../src/wasm/instructions.ts';
import { spaces } from '../../src/wasm/module.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import type { Workload } from '../../src/workloads.ts';
import { places, root } from '../engines/places.ts';
import { needs } from '../support/features.ts';
import { Random, randomCase } from '../support/random-modules.ts';
import { wat } from '../support/wat.ts';

const read = (file: string): Uint8Array => new Uint8Array(readFileSync(join(root, file)));

interface Sealed {
  readonly bytes: Uint8Array;
  readonly report: Report;
}

function program(file: string): Extract<Workload, { kind: 'program' }> {
  return { kind: 'program', name: file.split('/').at(-1) ?? file, bytes: read(file) };
}

function build(guest: string, file: string, level: OptimizeLevel): Promise<Sealed> {
  const workload = program(file);
  const options: FreezeOptions = {
    warmups: [workload],
    entries: [{ name: 'run', workload }],
    optimize: level,
    seal: true,
    stubs: guest.includes('lambda') ? [{ pattern: 'env.throw_error', stub: { kind: 'trap' } }] : [],
  };
  return freeze(read(guest), options);
}

/** What two runs of the entry print. */
async function printed(bytes: Uint8Array): Promise<string> {
  let text = '';
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await createWasi(
    {
      random: { kind: 'seeded', seed: 1n },
      stdout: (chunk) => {
        text += Buffer.from(chunk).toString('latin1');
      },
    },
    compiled,
  );
  const instance = await WebAssembly.instantiate(compiled, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  const run = instance.exports['run'] as () => void;
  run();
  run();
  return text;
}

const SCHEME = 'guests/scheme/scheme.wasm';
const programs: readonly (readonly [guest: string, file: string])[] = [
  ['guests/lambda/lambda.wasm', 'guests/lambda/fib.scm'],
  ['guests/lambda/lambda.wasm', 'guests/lambda/even.scm'],
  ['guests/mini/mini.wasm', 'guests/mini/programs/fib.fs'],
  ['guests/mini/mini.wasm', 'guests/mini/programs/sieve.fs'],
  [SCHEME, 'guests/scheme/bench/ack.scm'],
  [SCHEME, 'guests/scheme/bench/lists.scm'],
  [SCHEME, 'guests/scheme/bench/mandelbrot.scm'],
  [SCHEME, 'guests/scheme/bench/strings.scm'],
  [SCHEME, 'guests/scheme/tests/redefinition.scm'],
  [SCHEME, 'guests/scheme/tests/deep-recursion.scm'],
  [SCHEME, 'guests/scheme/tests/tail-calls.scm'],
  [SCHEME, 'guests/scheme/tests/gc-closures.scm'],
];

describe('programs print the same at every level', () => {
  for (const [guest, file] of programs) {
    it(file, async () => {
      const texts: string[] = [];
      for (const level of OPTIMIZE_LEVELS) {
        const { bytes, report } = await build(guest, file, level);
        assert.equal(report.sealed?.optimized?.kept, undefined);
        texts.push(await printed(bytes));
      }
      const [none = '', ...others] = texts;
      assert.notEqual(none, '');
      for (const text of others) assert.equal(text, none);
    });
  }
});

it('the report says what was optimized', async () => {
  const { report } = await build('guests/lambda/lambda.wasm', 'guests/lambda/fib.scm', 'fast');
  const optimized = report.sealed?.optimized;
  assert.equal(optimized?.level, 'fast');
  assert.equal(optimized.functions, 2);
  assert.ok(optimized.guardedCalls > 0);
  assert.ok(optimized.after !== optimized.before);
});

it('a command is one function with the after-restore hook in it', async () => {
  const workload = program('guests/scheme/bench/fib.scm');
  const hooked = async (level: OptimizeLevel): Promise<readonly string[]> => {
    const entries = [{ name: 'run', workload }];
    const options = { warmups: [workload], entries, command: 'run', drop: ['scheme_*'] };
    const { bytes } = await freeze(read(SCHEME), { ...options, optimize: level });
    return [...moduleNames(parse(bytes)).func.values()].filter((name) => /thawed|after_restore/.test(name));
  };
  assert.deepEqual(await hooked('none'), ['freeze_after_restore']);
  assert.deepEqual(await hooked('fast'), []);
});

it("a _start that is the guest's own keeps its body, beside entries", async () => {
  const lambda = parse(read('guests/lambda/lambda.wasm'));
  const initialize = lambda.exports.filter(({ name }) => name === '_initialize');
  const start = initialize.map((item) => ({ ...item, name: '_start' }));
  const guest = encode({ ...lambda, exports: [...lambda.exports, ...start] });
  const workload = program('guests/lambda/fib.scm');
  const codeOfStart = async (optimize: OptimizeLevel): Promise<readonly string[]> => {
    const stubs = [{ pattern: 'env.throw_error', stub: { kind: 'trap' } }] as const;
    const entries = [{ name: 'run', workload }];
    const { bytes } = await freeze(guest, { warmups: [workload], entries, optimize, seal: true, stubs });
    const module = parse(bytes);
    const index = module.exports.find(({ name }) => name === '_start')?.index ?? 0;
    const body = module.codes[index - spaces(module).imported.func];
    assert.ok(body !== undefined);
    // Its calls go to other indices where more is taken away.
    return Array.from(readBody(body).code, ({ row }) => row.name);
  };
  assert.deepEqual(await codeOfStart('fast'), await codeOfStart('none'));
});

const COUNT = Number(process.env['FREEZE_RANDOM'] ?? 12);
const SEED = Number(process.env['FREEZE_SEED'] ?? 30_260_101);
const rich = needs('multi-memory').skip === false;

it(`${COUNT} random guests compute the same at every level`, async () => {
  let optimized = 0;
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const random = new Random(seed);
    const { guest, calls } = await randomCase(random, rich);
    const later = Array.from({ length: 24 }, () => [random.pick(calls), random.below(64)] as const);
    const warmups = random
      .times(3, () => random.pick(calls))
      .map((name) => ({ kind: 'call', export: name, args: [String(random.below(64))] }) as const);
    const seen: string[] = [];
    for (const optimize of OPTIMIZE_LEVELS) {
      let frozen: Sealed;
      try {
        frozen = await freeze(await wat(guest), {
          warmups,
          skipBadModules: true,
          rounds: 3,
          seal: true,
          optimize,
        });
      } catch (error) {
        // The warm-up trapped: there is nothing to freeze.
        if (error instanceof GuestError && error.code === 'trap') break;
        throw new Error(
          `seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
        );
      }
      const report = frozen.report.sealed?.optimized;
      // Random code computes NaNs of constants.
      assert.ok(report?.kept === undefined || report.kept === COMPUTED_NAN, `seed ${seed}: ${report?.kept}`);
      if (optimize === 'max' && (report?.functions ?? 0) > 0) optimized++;
      seen.push(await outcomes(frozen.bytes, later));
    }
    for (const one of seen) assert.equal(one, seen[0], `seed ${seed}`);
  }
  // Most of them must get so far, or this tests nothing.
  assert.ok(optimized >= COUNT * 0.2, `${optimized} of ${COUNT} had code to optimize`);
});

async function outcomes(bytes: Uint8Array, calls: readonly (readonly [string, number])[]): Promise<string> {
  const compiled = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await createWasi({}, compiled);
  const instance = await WebAssembly.instantiate(compiled, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  return calls
    .map(([name, argument]) => {
      try {
        return String((instance.exports[name] as CallableFunction)(argument));
      } catch (error) {
        return (error as Error).message;
      }
    })
    .join('; ');
}

it('other versions of Node give the same bytes', async (t) => {
  const { majors, binary } = places.nodes;
  const files = majors
    .map((major) => join(root, binary.replace('{major}', String(major))))
    .filter((file) => existsSync(file));
  if (files.length === 0) t.diagnostic('no other Node is at hand');
  const { bytes } = await build('guests/lambda/lambda.wasm', 'guests/lambda/fib.scm', 'fast');
  const expected = createHash('sha256').update(bytes).digest('hex');
  const script = `
    const { freeze } = await import(${JSON.stringify(pathToFileURL(join(root, 'dist/src/freeze.js')).href)});
    const { readFileSync } = await import('node:fs');
    const { createHash } = await import('node:crypto');
    const workload = { kind: 'program', name: 'fib.scm', bytes: new Uint8Array(readFileSync('guests/lambda/fib.scm')) };
    const stub = { pattern: 'env.throw_error', stub: { kind: 'trap' } };
    const { bytes } = await freeze(new Uint8Array(readFileSync('guests/lambda/lambda.wasm')), {
      warmups: [workload], entries: [{ name: 'run', workload }], optimize: 'fast', seal: true, stubs: [stub],
    });
    console.log(createHash('sha256').update(bytes).digest('hex'));`;
  for (const file of files) {
    const out = execFileSync(file, ['--input-type=module', '-e', script], { cwd: root });
    assert.equal(out.toString().trim(), expected, file);
  }
});
