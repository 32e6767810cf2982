// The part of a run that every JavaScript engine shares: compile, instantiate, `_initialize`, then
// the calls, each timed where it happens. Node (`node-run.mjs`) and a page (`browser-run.mjs`) bring
// the WASI host. It is plain JavaScript because it runs as it stands on Nodes that read no TypeScript
// and in a browser.
//
// A job's calls take and give integers only (a number is an i32, a string an i64): the adapter, a
// little module made by `adapter.ts`, turns them into the guest's own types, so that no NaN payload
// passes through a JavaScript number.

/** What `proc_exit` throws. */
export class Exit extends Error {
  constructor(code) {
    super(`exit code ${code}`);
    this.code = code;
  }
}

/** The engine will not have the module at all: it is invalid here, or an import does not link. */
class Refused extends Error {}

/**
 * @param job what to call; `Job` in `job.ts` lists the fields
 * @param bytes the guest
 * @param adapter the adapter's bytes
 * @param host `imports(module)` gives the import object, `attach(instance)` is handed the instance
 * @returns the `Outcome` of `job.ts`
 */
export async function perform(job, bytes, adapter, host) {
  const outcome = { exitCode: 0, results: [], times: [] };
  try {
    const guest = await instantiate(bytes, host, outcome);
    if (job.start) measure(guest._start, [], outcome);
    else await callAll(job, guest, adapter, outcome);
  } catch (error) {
    if (error instanceof Refused) outcome.refused = error.message;
    else if (error instanceof Exit) outcome.exitCode = error.code;
    else outcome.trap = messageOf(error);
  }
  return outcome;
}

async function instantiate(bytes, host, outcome) {
  try {
    const module = await timed(outcome, 'compileMs', () => WebAssembly.compile(bytes));
    const imports = host.imports(module);
    const step = () => WebAssembly.instantiate(module, imports);
    const instance = await timed(outcome, 'instantiateMs', step);
    host.attach(instance);
    return instance.exports;
  } catch (error) {
    // These come from the engine; anything else comes from the module's start function or segments.
    const refusals = [WebAssembly.CompileError, WebAssembly.LinkError, TypeError];
    if (refusals.some((kind) => error instanceof kind)) throw new Refused(`${error}`);
    throw error;
  }
}

async function callAll(job, guest, adapter, outcome) {
  if (typeof guest._initialize === 'function') {
    await timed(outcome, 'initializeMs', guest._initialize);
  }
  const { instance } = await WebAssembly.instantiate(adapter, { guest });
  for (const call of job.calls) callOne(job, call, instance.exports[call.name], outcome);
}

function callOne(job, call, func, outcome) {
  const args = call.args.map((value) => (typeof value === 'string' ? BigInt(value) : value));
  for (let round = -call.warm; round < call.repeat; round++) {
    try {
      if (round < 0) func(...args);
      else measure(func, args, outcome);
    } catch (error) {
      if (!job.keepGoing || error instanceof Exit) throw error;
      if (round >= 0) outcome.results.push({ trap: messageOf(error) });
    }
  }
}

function measure(func, args, outcome) {
  let result;
  const before = performance.now();
  try {
    result = func(...args);
  } finally {
    outcome.times.push(performance.now() - before);
  }
  outcome.results.push(listOf(result).map(String));
}

async function timed(outcome, field, step) {
  const before = performance.now();
  const result = await step();
  outcome[field] = performance.now() - before;
  return result;
}

function listOf(result) {
  if (result === undefined) return [];
  return Array.isArray(result) ? result : [result];
}

function messageOf(error) {
  if (error instanceof WebAssembly.Exception) return 'uncaught exception';
  return error instanceof Error ? error.message : String(error);
}
