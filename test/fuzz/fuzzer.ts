// What the fuzzers share: a subject that comes from a seed, a check that throws where something is wrong, and a
// corpus of what was once found, each made as small as it gets.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../engines/places.ts';
import type { LaterCall } from '../support/differential.ts';

/** What is checked: a module, and for one that runs what it is asked to do. */
export interface Subject {
  readonly bytes: Uint8Array;
  /** Calls before the freeze, and behind it. */
  readonly warmups?: readonly LaterCall[];
  readonly calls?: readonly LaterCall[];
}

export interface Fuzzer {
  readonly name: string;
  /** The same subject for the same seed; undefined where the seed makes none. */
  make(seed: number): Promise<Subject | undefined>;
  /** Throws where something is wrong; whether there was something to check. */
  check(subject: Subject): Promise<boolean>;
  /** The smallest subject found for which `wrong` holds. */
  reduce(subject: Subject, wrong: (subject: Subject) => Promise<boolean>): Promise<Subject>;
}

export interface Finding {
  readonly seed: number;
  readonly message: string;
  readonly subject: Subject;
}

export interface Result {
  readonly executions: number;
  /** Of them those that checked something. */
  readonly checked: number;
  readonly findings: readonly Finding[];
}

export interface Limits {
  readonly seed: number;
  readonly executions: number;
  /** Milliseconds; a campaign is bounded by either. */
  readonly time?: number;
  /** Findings are made smaller; it takes a while. */
  readonly reduce?: boolean;
}

/** One finding of a kind is enough for a campaign. */
export async function campaign(fuzzer: Fuzzer, limits: Limits): Promise<Result> {
  const until = performance.now() + (limits.time ?? Number.POSITIVE_INFINITY);
  const findings = new Map<string, Finding>();
  let executions = 0;
  let checked = 0;
  for (let seed = limits.seed; executions < limits.executions && performance.now() < until; seed++) {
    const subject = await fuzzer.make(seed);
    executions++;
    if (subject === undefined) continue;
    const answer = await ask(fuzzer, subject);
    if (answer !== 'nothing to check') checked++;
    if (typeof answer === 'string') continue;
    const kind = kindOf(answer.wrong);
    if (!findings.has(kind)) findings.set(kind, await finding(fuzzer, seed, answer.wrong, subject, limits));
  }
  return { executions, checked, findings: [...findings.values()] };
}

type Answer = 'right' | 'nothing to check' | { readonly wrong: string };

async function ask(fuzzer: Fuzzer, subject: Subject): Promise<Answer> {
  try {
    return (await fuzzer.check(subject)) ? 'right' : 'nothing to check';
  } catch (error) {
    return { wrong: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** Without numbers, which differ from module to module: the first line. */
function kindOf(message: string): string {
  return (message.split('\n')[0] ?? '').replaceAll(/0x[0-9a-f]+|\d+/g, 'N').slice(0, 80);
}

async function finding(
  fuzzer: Fuzzer,
  seed: number,
  message: string,
  subject: Subject,
  { reduce = false }: Limits,
): Promise<Finding> {
  if (!reduce) return { seed, message, subject };
  const kind = kindOf(message);
  const wrong = async (smaller: Subject): Promise<boolean> => {
    const again = await ask(fuzzer, smaller);
    return typeof again === 'object' && kindOf(again.wrong) === kind;
  };
  return { seed, message, subject: await fuzzer.reduce(subject, wrong) };
}

// ---- corpus ------------------------------------------------------------------------------------

/** A folder for each fuzzer; a module and beside it, as JSON, its calls and what was wrong. */
function corpusOf(fuzzer: string): string {
  return join(root, 'test', 'fuzz', 'corpus', fuzzer);
}

/** Writes a finding down; where. */
export function keep(fuzzer: string, { seed, message, subject }: Finding): string {
  const { bytes, ...calls } = subject;
  const name = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const folder = corpusOf(fuzzer);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}.wasm`), bytes);
  const said = (message.split('\n')[0] ?? '').trim();
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ ...calls, seed, said }, undefined, 2)}\n`);
  return join(folder, `${name}.wasm`);
}

export function corpus(fuzzer: string): readonly (readonly [name: string, subject: Subject])[] {
  const folder = corpusOf(fuzzer);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith('.wasm'));
  return files.sort().map((file) => {
    const { warmups, calls } = JSON.parse(
      readFileSync(join(folder, file.replace(/\.wasm$/, '.json')), 'utf8'),
    ) as Omit<Subject, 'bytes'>;
    const bytes = new Uint8Array(readFileSync(join(folder, file)));
    return [file, { bytes, ...(warmups && { warmups }), ...(calls && { calls }) }] as const;
  });
}
