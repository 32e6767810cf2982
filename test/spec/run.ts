// Runs the suite's scripts on the `WebAssembly` of the running Node.
// Every command has an outcome: passed, failed, unsupported (the engine refuses a module that is valid) or
// skipped, with a reason; nothing is left out of the counts. A hook may put another module in the place of
// each one that is valid, and all assertions are then made of that one.
import type { Adapter, Observed } from './adapter.ts';
import { adapt } from './adapter.ts';
import { readSignature } from './signature.ts';
import type { Action, Command, Expected, Module, Suite, SuiteFile, Value } from './suite.ts';
import { laneWidth } from './values.ts';

export interface TransformContext {
  readonly file: string;
  readonly line: number;
  /** What the module is for: `module`, `definition`, `assert_unlinkable`, `assert_trap_module` … */
  readonly kind: Command['kind'];
  /** What the module will be instantiated with. */
  readonly imports: WebAssembly.Imports;
}

/** A module declined: its commands count as skipped, with this reason. */
export interface Declined {
  readonly skip: string;
}

export type Transform = (
  bytes: Uint8Array,
  context: TransformContext,
) => Uint8Array | Declined | Promise<Uint8Array | Declined>;

/** A module that is alive, and that can be replaced by what becomes of it. */
export interface Staged {
  readonly exports: WebAssembly.Exports;
  /** What takes its place, from its state as it is now. */
  thaw(): Promise<Replacement | Declined>;
}

export interface Replacement {
  readonly bytes: Uint8Array;
  readonly exports: WebAssembly.Exports;
}

/** Instances that are replaced while their script runs: assertions before and after are of one story. */
export interface Replacing {
  /**
   * Instantiates a module; throws what instantiation throws. `called` are the exports that the script names of what
   * takes its place; undefined where other modules may import any of them.
   */
  stage(
    bytes: Uint8Array,
    context: TransformContext,
    called: ReadonlySet<string> | undefined,
  ): Promise<Staged | Declined>;
  /** After how many of `actions` the instance is replaced: those that reach it while nobody imports from it. */
  after(actions: readonly Command[]): number;
  /** Told of every instance, once. */
  readonly onReplaced?: (event: Replaced) => void;
}

export interface Replaced {
  readonly file: string;
  readonly line: number;
  /** Why it was not; undefined where it was. */
  readonly declined: string | undefined;
  /** Actions that ran before and after. */
  readonly before: number;
  readonly after: number;
}

export interface RunOptions {
  readonly transform?: Transform;
  readonly replace?: Replacing;
  /** Whether to run a file. */
  readonly filter?: (file: SuiteFile) => boolean;
}

export type Status = 'passed' | 'failed' | 'unsupported' | 'skipped';

export interface Outcome {
  readonly file: string;
  readonly line: number;
  readonly kind: Command['kind'];
  readonly status: Status;
  /** Why it did not pass; for a trap that was wanted, the engine's message, so that two runs can be compared. */
  readonly detail: string;
}

export interface RunResult {
  readonly counts: Readonly<Record<Status, number>>;
  /** Of those that passed: malformed text, which an assembler refused. No engine and no transformation was at work. */
  readonly passedAsText: number;
  readonly outcomes: readonly Outcome[];
}

export async function runSuite(suite: Suite, options: RunOptions = {}): Promise<RunResult> {
  const results: RunResult[] = [];
  for (const file of suite.files) {
    if (options.filter?.(file) ?? true) results.push(await runFile(suite, file, options));
  }
  return summarise(results.flatMap((result) => result.outcomes));
}

export async function runFile(suite: Suite, file: SuiteFile, options: RunOptions = {}): Promise<RunResult> {
  const script = new Script(suite, file, options);
  const outcomes: Outcome[] = [];
  for (const [index, command] of file.commands.entries()) {
    const [status, detail] = await script.run(index);
    outcomes.push({ file: file.name, line: command.line, kind: command.kind, status, detail });
  }
  await script.finish();
  return summarise(outcomes);
}

/** Reasons with their numbers, the most frequent first; what differs from case to case is cut off after a colon. */
export function reasons(result: RunResult, status: Status): ReadonlyMap<string, number> {
  const counted = new Map<string, number>();
  for (const outcome of result.outcomes) {
    if (outcome.status !== status) continue;
    const reason = outcome.detail.split(':', 1)[0] ?? '';
    counted.set(reason, (counted.get(reason) ?? 0) + 1);
  }
  return new Map([...counted].sort((a, b) => b[1] - a[1]));
}

/** Where two runs may say it otherwise: sealed, a call of a slot that always traps is `unreachable`. */
export type SameTrap = (before: string, after: string) => boolean;

const IDENTICAL: SameTrap = (before, after) => before === after;

/**
 * Where two runs of the same files part: another status, or another trap. The wording of a failure to link is
 * left out, since it numbers the imports.
 */
export function differences(
  before: RunResult,
  after: RunResult,
  same: SameTrap = IDENTICAL,
): readonly string[] {
  if (before.outcomes.length !== after.outcomes.length)
    throw new RangeError('the runs are not of the same files');
  return before.outcomes.flatMap((one, index) => {
    const other = after.outcomes[index];
    const sameTrap = !FAILS_INSIDE.test(one.kind) || same(one.detail, other?.detail ?? '');
    if (other?.status === one.status && sameTrap) return [];
    return [`${place(one)}: ${one.status} (${one.detail}) became ${other?.status} (${other?.detail})`];
  });
}

const FAILS_INSIDE = /^assert_(?:trap|exhaustion|exception)/u;

export function place(outcome: Outcome): string {
  return `${outcome.file}:${outcome.line}`;
}

const AS_TEXT = 'the assembler refuses the text';

function summarise(outcomes: readonly Outcome[]): RunResult {
  const counts: Record<Status, number> = { passed: 0, failed: 0, unsupported: 0, skipped: 0 };
  let passedAsText = 0;
  for (const { status, detail } of outcomes) {
    counts[status]++;
    if (status === 'passed' && detail.startsWith(AS_TEXT)) passedAsText++;
  }
  return { counts, passedAsText, outcomes };
}

type Verdict = readonly [status: Status, detail: string];

const PASSED: Verdict = ['passed', ''];

/** An instance, or why there is none; then the commands that need it share the status. */
interface Live {
  readonly instance?: WebAssembly.Instance;
  exports: WebAssembly.Exports;
  bytes: Uint8Array;
  adapters?: ReadonlyMap<string, Adapter> | undefined;
}
type Absent = { readonly absent: Verdict };
type Slot = Live | Absent;

/** A compiled module and what it will be instantiated with. */
interface Compiled {
  readonly module: WebAssembly.Module;
  readonly bytes: Uint8Array;
}

const NOTHING_YET: Absent = { absent: ['failed', 'there is no instance yet'] };

export class Script {
  readonly #suite: Suite;
  readonly #file: SuiteFile;
  readonly #options: RunOptions;
  /** What is to be done before a command, by its index. */
  readonly #due = new Map<number, () => Promise<void>>();
  /** What a command made, by its index. */
  readonly #made = new Map<number, Slot>();
  #at = 0;
  /** By registered name, as import objects take it. */
  readonly #registry: Record<string, WebAssembly.ModuleImports> = Object.create(null) as Record<
    string,
    WebAssembly.ModuleImports
  >;
  /** Registered names, and fields of spectest, that this engine or the transformation has no module for. */
  readonly #missing = new Map<string, Verdict>();
  readonly #instances = new Map<string, Slot>();
  readonly #definitions = new Map<string, Compiled | Absent>();
  #latest: Slot = NOTHING_YET;
  #latestDefinition: Compiled | Absent = NOTHING_YET;

  constructor(suite: Suite, file: SuiteFile, options: RunOptions) {
    this.#suite = suite;
    this.#file = file;
    this.#options = options;
    this.#registry['spectest'] = this.#createSpectest();
  }

  async run(index: number): Promise<Verdict> {
    this.#at = index;
    await this.#due.get(index)?.();
    return this.#perform(this.#command(index));
  }

  /** The instance that command `made` has made; undefined where there is none. */
  instance(made: number): WebAssembly.Instance | undefined {
    const slot = this.#made.get(made);
    return slot === undefined || 'absent' in slot ? undefined : slot.instance;
  }

  /** Puts an instance in the place of the one that command `made` would make. */
  adopt(made: number, { bytes, exports }: Replacement): void {
    const command = this.#command(made);
    this.#at = made;
    this.#keep('name' in command ? command.name : undefined, { bytes, exports });
  }

  /** Replaces what nothing acts on any more. */
  async finish(): Promise<void> {
    await this.#due.get(this.#file.commands.length)?.();
  }

  async #perform(command: Command): Promise<Verdict> {
    switch (command.kind) {
      case 'module':
        return this.#runModule(command);
      case 'definition': {
        this.#latestDefinition = await this.#compile(command, command.module);
        if (command.name !== undefined) this.#definitions.set(command.name, this.#latestDefinition);
        return 'absent' in this.#latestDefinition ? this.#latestDefinition.absent : PASSED;
      }
      case 'instance': {
        const { definition } = command;
        const compiled =
          definition === undefined
            ? this.#latestDefinition
            : (this.#definitions.get(definition) ?? NOTHING_YET);
        return this.#keep(
          command.name,
          'absent' in compiled ? compiled : await this.#bringUp(compiled, command),
        );
      }
      case 'register':
        return this.#register(command.as, this.#find(command.name));
      case 'action':
        return this.#act(command.action, () => PASSED);
      case 'assert_return':
        return this.#act(command.action, (results) => compareAll(results, command.expected));
      case 'assert_trap':
      case 'assert_exhaustion':
      case 'assert_exception':
        return this.#act(
          command.action,
          (results) => ['failed', `returned ${show(results)}`],
          failureTest(command.kind),
        );
      case 'assert_trap_module':
      case 'assert_exhaustion_module':
      case 'assert_exception_module':
        return this.#runDoomed(
          command,
          command.module,
          failureTest(command.kind.replace('_module', '') as FailureKind),
        );
      case 'assert_unlinkable':
        return this.#runDoomed(command, command.module, isLinkFailure);
      case 'assert_malformed':
      case 'assert_invalid':
      case 'assert_malformed_custom':
      case 'assert_invalid_custom':
        return checkRefused(command.kind, command.module);
      case 'other':
        return ['skipped', `unknown command: ${command.head}`];
    }
  }

  async #runModule(command: Command & { readonly kind: 'module' }): Promise<Verdict> {
    const compiled = await this.#compile(command, command.module);
    return this.#keep(command.name, 'absent' in compiled ? compiled : await this.#bringUp(compiled, command));
  }

  #keep(name: string | undefined, slot: Slot): Verdict {
    this.#latest = 'absent' in slot ? { absent: followUp(slot.absent) } : slot;
    this.#made.set(this.#at, this.#latest);
    if (name !== undefined) this.#instances.set(name, this.#latest);
    return 'absent' in slot ? slot.absent : PASSED;
  }

  /** A module whose instantiation must fail. */
  async #runDoomed(command: Command, source: Module, test: FailureTest): Promise<Verdict> {
    const compiled = await this.#compile(command, source);
    if ('absent' in compiled) return compiled.absent;
    const slot = this.#instantiate(compiled, test);
    return 'absent' in slot ? slot.absent : ['failed', 'the module was instantiated'];
  }

  async #compile(command: Command, source: Module): Promise<Compiled | Absent> {
    const original = source.bytes;
    if (original === undefined) return { absent: ['skipped', `not assembled: ${source.refused ?? ''}`] };
    if (!WebAssembly.validate(own(original)))
      return { absent: ['unsupported', `the engine refuses the module: ${refusal(original)}`] };
    const missing = this.#missingImport(original);
    if (missing !== undefined) return { absent: followUp(missing) };
    let bytes: Uint8Array;
    try {
      const answer = (await this.#options.transform?.(original, this.#context(command))) ?? original;
      if (!(answer instanceof Uint8Array)) return { absent: ['skipped', `declined: ${answer.skip}`] };
      bytes = answer;
    } catch (error) {
      return { absent: ['failed', `the transformation throws: ${describe(error)}`] };
    }
    try {
      return { module: new WebAssembly.Module(own(bytes)), bytes };
    } catch (error) {
      return { absent: ['failed', `the transformed module does not compile: ${describe(error)}`] };
    }
  }

  /** The verdict on the module that an import should come from, where there is none. */
  #missingImport(bytes: Uint8Array): Verdict | undefined {
    if (this.#missing.size === 0) return undefined;
    for (const { module, name } of WebAssembly.Module.imports(new WebAssembly.Module(own(bytes)))) {
      const verdict = this.#missing.get(module) ?? this.#missing.get(`${module}.${name}`);
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  #context(command: Command): TransformContext {
    return { file: this.#file.name, line: command.line, kind: command.kind, imports: this.#registry };
  }

  /** An instance for actions, which is replaced on the way where that was asked for. */
  async #bringUp(compiled: Compiled, command: Command): Promise<Slot> {
    const { replace } = this.#options;
    if (replace === undefined) return this.#instantiate(compiled);
    const { actions, end } = reachOf(this.#file.commands, this.#at);
    const early = actions.filter((index) => index < end);
    const before = Math.min(early.length, replace.after(early.map((index) => this.#command(index))));
    const at = early[before] ?? end;
    const told = { file: this.#file.name, line: command.line, before, after: actions.length - before };
    const called = end < this.#file.commands.length ? undefined : this.#fields(actions.slice(before));
    let staged: Staged | Declined;
    try {
      staged = await replace.stage(compiled.bytes, this.#context(command), called);
    } catch (error) {
      return { absent: ['failed', `staging throws: ${describe(error)}`] };
    }
    if ('skip' in staged) {
      replace.onReplaced?.({ ...told, declined: staged.skip });
      return this.#instantiate(compiled);
    }
    const live = staged;
    const slot: Live = { exports: live.exports, bytes: compiled.bytes };
    this.#before(at, async () => {
      const next = await live.thaw();
      replace.onReplaced?.({ ...told, declined: 'skip' in next ? next.skip : undefined });
      if ('skip' in next) return;
      slot.exports = next.exports;
      slot.bytes = next.bytes;
      slot.adapters = undefined;
    });
    return slot;
  }

  /** The exports that these commands act on. */
  #fields(actions: readonly number[]): ReadonlySet<string> {
    return new Set(
      actions.flatMap((index) => {
        const command = this.#command(index);
        return 'action' in command ? [command.action.field] : [];
      }),
    );
  }

  #command(index: number): Command {
    const command = this.#file.commands[index];
    if (command === undefined) throw new RangeError(`there is no command ${index}`);
    return command;
  }

  /** Several instances may be due before one command. */
  #before(index: number, act: () => Promise<void>): void {
    const earlier = this.#due.get(index);
    this.#due.set(index, async () => {
      await earlier?.();
      await act();
    });
  }

  #instantiate(compiled: Compiled, wanted?: FailureTest): Slot {
    try {
      const instance = new WebAssembly.Instance(compiled.module, this.#registry);
      return { instance, exports: instance.exports, bytes: compiled.bytes };
    } catch (error) {
      if (wanted?.(error) === true) return { absent: ['passed', describe(error)] };
      return { absent: ['failed', `instantiation throws: ${describe(error)}`] };
    }
  }

  #register(as: string, slot: Slot): Verdict {
    delete this.#registry[as];
    this.#missing.delete(as);
    if ('absent' in slot) {
      this.#missing.set(as, slot.absent);
      return slot.absent;
    }
    this.#registry[as] = slot.exports;
    return PASSED;
  }

  #find(name: string | undefined): Slot {
    if (name === undefined) return this.#latest;
    return this.#instances.get(name) ?? { absent: ['failed', `there is no instance ${name}`] };
  }

  #act(action: Action, judge: (results: readonly Observed[]) => Verdict, wanted?: FailureTest): Verdict {
    const slot = this.#find(action.instance);
    if ('absent' in slot) return slot.absent;
    let adapter: Adapter | undefined;
    try {
      slot.adapters ??= adapt(readSignature(slot.bytes), slot.exports);
      adapter = slot.adapters.get(action.field);
    } catch (error) {
      return ['failed', `no adapter: ${describe(error)}`];
    }
    if (adapter === undefined)
      return ['failed', `nothing callable is exported as ${JSON.stringify(action.field)}`];
    let results: readonly Observed[];
    try {
      results = adapter.call(action.args.map(toArgument));
    } catch (error) {
      if (wanted?.(error) === true) return ['passed', describe(error)];
      return ['failed', `throws: ${describe(error)}`];
    }
    return judge(results);
  }

  #createSpectest(): WebAssembly.ModuleImports {
    const fields = Object.create(null) as WebAssembly.ModuleImports;
    for (const bytes of this.#suite.spectest) {
      if (WebAssembly.validate(own(bytes))) {
        Object.assign(fields, new WebAssembly.Instance(new WebAssembly.Module(own(bytes))).exports);
        continue;
      }
      const verdict: Verdict = ['unsupported', `the engine refuses the module: ${refusal(bytes)}`];
      for (const { name } of readSignature(bytes).exports) this.#missing.set(`spectest.${name}`, verdict);
    }
    return fields;
  }
}

/**
 * The commands that act on the instance that command `made` makes, and where others begin to import from it:
 * from its registration on there may be state of it in two places. `end` is the number of commands where
 * that never is.
 */
export function reachOf(
  commands: readonly Command[],
  made: number,
): { readonly actions: readonly number[]; readonly end: number } {
  const maker = commands[made];
  const own = maker !== undefined && 'name' in maker ? maker.name : undefined;
  const actions: number[] = [];
  let end = commands.length;
  let latest = true;
  let named = own !== undefined;
  for (let index = made + 1; index < commands.length && (latest || named); index++) {
    const command = commands[index];
    if (command === undefined) break;
    const means = (name: string | undefined): boolean =>
      name === undefined ? latest : named && name === own;
    if (command.kind === 'module' || command.kind === 'instance') {
      latest = false;
      if (command.name === own) named = false;
    } else if (command.kind === 'register') {
      if (means(command.name)) end = Math.min(end, index);
    } else if ('action' in command && means(command.action.instance)) actions.push(index);
  }
  return { actions, end };
}

/** The verdict on what needs a module that is not there. */
function followUp([status, detail]: Verdict): Verdict {
  const prefix = 'needs a module that is absent';
  return [status, detail.startsWith(prefix) ? detail : `${prefix}: ${detail}`];
}

/** A malformed or invalid module: the engine refuses its bytes, or the assembler its text. */
function checkRefused(kind: Command['kind'], module: Module): Verdict {
  if (module.bytes === undefined) {
    if (kind === 'assert_invalid') return ['skipped', `not assembled: ${module.refused ?? ''}`];
    return ['passed', `${AS_TEXT}: ${module.refused ?? ''}`];
  }
  if (!WebAssembly.validate(own(module.bytes))) return PASSED;
  if (module.form !== 'binary' && kind !== 'assert_invalid')
    return ['skipped', 'the assembler takes malformed text'];
  return ['failed', 'the engine takes the module'];
}

// Failures

type FailureKind = 'assert_trap' | 'assert_exhaustion' | 'assert_exception';
type FailureTest = (error: unknown) => boolean;

/** https://webassembly.github.io/spec/js-api/#stack-overflow leaves the error of exhaustion open; V8 throws a RangeError. */
function failureTest(kind: FailureKind): FailureTest {
  switch (kind) {
    case 'assert_trap':
      return (error) => error instanceof WebAssembly.RuntimeError;
    case 'assert_exhaustion':
      return (error) => error instanceof RangeError;
    case 'assert_exception':
      return (error) => error instanceof WebAssembly.Exception;
  }
}

/** A TypeError where the whole module is unknown. https://webassembly.github.io/spec/js-api/#read-the-imports */
function isLinkFailure(error: unknown): boolean {
  return error instanceof WebAssembly.LinkError || error instanceof TypeError;
}

function refusal(bytes: Uint8Array): string {
  try {
    new WebAssembly.Module(own(bytes));
    return '';
  } catch (error) {
    return describe(error);
  }
}

function describe(error: unknown): string {
  if (error instanceof WebAssembly.Exception) return 'WebAssembly.Exception';
  if (!(error instanceof Error)) return String(error);
  return `${error.name}: ${error.message.replace(/^WebAssembly\.\w+\(\): /u, '')}`;
}

/** The engine's interface takes no views of shared buffers, and TypeScript knows. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
}

// Values

/** Host values by number; objects, since numbers would turn into i31 references. */
const HOST_VALUES: object[] = [];

function hostValue(id: number): object {
  HOST_VALUES[id] ??= Object.freeze({ host: id });
  return HOST_VALUES[id];
}

function toArgument(value: Value): Observed {
  switch (value.type) {
    case 'null':
      return { type: 'ref', value: null, what: 'ref' };
    case 'extern':
    case 'host':
      return { type: 'ref', value: hostValue(value.id), what: 'ref' };
    case 'v128': {
      const width = BigInt(laneWidth(value.shape));
      const bits = value.lanes.reduce(
        (sum, lane, index) => sum | (BigInt(lane) << (BigInt(index) * width)),
        0n,
      );
      return { type: 'v128', bits };
    }
    default:
      return { type: value.type, bits: BigInt(value.bits) };
  }
}

function compareAll(results: readonly Observed[], expected: readonly Expected[]): Verdict {
  const same =
    results.length === expected.length && expected.every((want, index) => matches(results[index], want));
  return same ? PASSED : ['failed', `returned ${show(results)}, not ${JSON.stringify(expected)}`];
}

function matches(result: Observed | undefined, want: Expected): boolean {
  if (result === undefined) return false;
  if (want.type === 'either') return want.of.some((one) => matches(result, one));
  if (result.type === 'ref') return referenceMatches(result, want);
  if (want.type === 'v128') return result.type === 'v128' && lanesMatch(result.bits, want);
  return (
    want.type === result.type &&
    'bits' in want &&
    bitsMatch(result.bits, want.bits, want.type.endsWith('64') ? 64 : 32)
  );
}

function lanesMatch(bits: bigint, want: Value & { readonly type: 'v128' }): boolean {
  const width = laneWidth(want.shape);
  return want.lanes.every((lane, index) =>
    bitsMatch(BigInt.asUintN(width, bits >> BigInt(index * width)), lane, width),
  );
}

/** https://webassembly.github.io/spec/core/syntax/values.html#floating-point: canonical is the quiet bit alone, arithmetic at least that. */
function bitsMatch(bits: bigint, want: string, width: number): boolean {
  if (!want.startsWith('nan:')) return bits === BigInt(want);
  const quiet = width === 32 ? 0x7fc00000n : 0x7ff8000000000000n;
  const unsigned = BigInt.asUintN(width - 1, bits);
  return want === 'nan:canonical' ? unsigned === quiet : (unsigned & quiet) === quiet;
}

function referenceMatches({ value, what }: Observed & { readonly type: 'ref' }, want: Expected): boolean {
  switch (want.type) {
    case 'null':
      return value === null;
    case 'extern':
      return value === hostValue(want.id);
    case 'host':
      return what === 'host' && value === hostValue(want.id);
    case 'ref':
      return value !== null && value !== undefined && kindMatches(value, what, want.kind);
    default:
      return false;
  }
}

function kindMatches(value: unknown, what: string, kind: string): boolean {
  switch (kind) {
    case 'func':
      return typeof value === 'function';
    case 'extern':
      return what === 'ref';
    case 'any':
      return what !== 'ref' && what !== 'exn';
    case 'eq':
      return what === 'i31' || what === 'struct' || what === 'array';
    default:
      return what === kind;
  }
}

function show(results: readonly Observed[]): string {
  const parts = results.map((result) =>
    result.type === 'ref'
      ? `${result.what} ${String(result.value)}`
      : `${result.type} 0x${result.bits.toString(16)}`,
  );
  return `[${parts.join(', ')}]`;
}
