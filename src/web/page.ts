/**
 * The page: an editor, three ways to run what is in it, and what came of each. The guest runs in
 * worker.ts.
 */
import type { Warning } from '../errors/warning.ts';
import { size } from '../report/summary.ts';
import { drawChart, milliseconds, type Run, WAY_NAMES } from './chart.ts';
import { drawMemory } from './memory-picture.ts';
import type { Answer, Done, Failed, FrozenFacts, Printed, Request, Way } from './messages.ts';

function byId<T extends HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new TypeError(`the page has no #${id}`);
  return element as T;
}

const source = byId<HTMLTextAreaElement>('source');
const gutter = byId('gutter');
const examples = byId<HTMLSelectElement>('examples');
const functions = byId<HTMLSelectElement>('functions');
const failure = byId('failure');
const status = byId('status');
const stop = byId<HTMLButtonElement>('stop');
const download = byId<HTMLButtonElement>('download');
const buttons: Readonly<Record<Way, HTMLButtonElement>> = {
  evaluate: byId('evaluate'),
  jit: byId('jit'),
  freeze: byId('freeze'),
};
const WAYS = ['evaluate', 'jit', 'freeze'] as const;

const runs: Run[] = [];
let wrongLine: number | undefined;
let frozen: FrozenFacts | undefined;

/** What this page cannot do without, by what a user would call it. */
function missingFeature(): string | undefined {
  if (typeof WebAssembly !== 'object') return 'WebAssembly';
  if (typeof Worker !== 'function') return 'web workers';
  // (module (func (result v128) v128.const 0…)): SIMD, the youngest feature that the guest is built with.
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 22, 1, 20, 0];
  const simd = Uint8Array.of(...head, 0xfd, 12, ...new Array<number>(16).fill(0), 0x0b);
  if (!WebAssembly.validate(simd)) return 'WebAssembly SIMD';
  return undefined;
}

/** The worker, and what it is busy with. One that was stopped is replaced. */
class Runner {
  #worker: Worker | undefined;
  #ready: Promise<Worker> | undefined;
  #abandon: (() => void) | undefined;

  ask(request: Request): Promise<Answer | undefined> {
    this.#ready ??= this.#start();
    const ready = this.#ready;
    return new Promise((resolve, reject) => {
      this.#abandon = () => resolve(undefined);
      ready.then((worker) => {
        worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage(request);
      }, reject);
    });
  }

  /** Ends what is running: the answer is undefined. */
  stop(): void {
    this.#worker?.terminate();
    this.#ready = undefined;
    this.#abandon?.();
  }

  #start(): Promise<Worker> {
    const worker = new Worker('/modules/web/worker.js', { type: 'module' });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      worker.onmessage = () => resolve(worker);
      worker.onerror = (event) => reject(new Error(event.message || 'the worker did not start'));
    });
  }
}

const runner = new Runner();

function busy(on: boolean, text: string): void {
  for (const way of WAYS) buttons[way].disabled = on;
  stop.disabled = !on;
  status.textContent = text;
}

const DOING: Readonly<Record<Way, string>> = {
  evaluate: 'Interpreting…',
  jit: 'Warming up and linking…',
  freeze: 'Freezing: warming up, linking, baking…',
};

async function press(way: Way): Promise<void> {
  if (buttons[way].disabled) return;
  showFailure(undefined);
  busy(true, DOING[way]);
  let said = '';
  try {
    const answer = await runner.ask({ kind: way, program: source.value });
    if (answer === undefined) said = 'Stopped.';
    else if (answer.kind === 'failed') showFailure(answer);
    else if (answer.kind === 'done') said = await showDone(answer);
  } catch (error) {
    showFailure({ kind: 'failed', message: String(error), line: undefined, output: '' });
  }
  busy(false, said);
}

async function showDone(done: Done): Promise<string> {
  const program = examples.value === '' ? 'yours' : examples.value;
  runs.push({ way: done.way, ms: done.ms, program });
  drawChart(byId('chart'), runs);
  byId('output').textContent = done.output;
  if (done.frozen !== undefined) await showFrozen(done.frozen, done);
  const linked =
    done.way === 'evaluate'
      ? ''
      : ` ${plural(done.modules, 'module')} linked, ${size(done.moduleBytes)}; before that ${milliseconds(done.beforeMs)} ms.`;
  return `${WAY_NAMES[done.way]}: ${milliseconds(done.ms)} ms, the best of ${plural(done.runs, 'run')}.${linked}`;
}

async function showFrozen(facts: FrozenFacts, done: Done): Promise<void> {
  frozen = facts;
  download.hidden = false;
  download.textContent = `Download ${size(facts.bytes.length)}`;
  byId('frozen').hidden = false;
  const code = facts.functions.reduce((sum, one) => sum + one.size, 0);
  byId('facts').textContent = [
    `Frozen in ${milliseconds(done.beforeMs)} ms, warm-up included.`,
    `${size(facts.guestBytes)} of guest became ${size(facts.bytes.length)}:`,
    `${plural(facts.functions.length, 'generated function')} (${size(code)}) from ${plural(done.modules, 'module')}, and its memory.`,
    `It starts in ${milliseconds(facts.startMs)} ms.`,
  ].join(' ');
  byId('warnings').replaceChildren(...facts.warnings.map(warningItem));
  drawMemory(byId('memory'), facts.memory);
  functions.replaceChildren(
    ...facts.functions.map((one) => new Option(`${one.name} (${size(one.size)})`, String(one.index))),
  );
  await showFunction();
}

function warningItem({ code, message, hint }: Warning): HTMLElement {
  const item = document.createElement('li');
  item.textContent = `${message} [${code}]: ${hint}`;
  return item;
}

async function showFunction(): Promise<void> {
  const index = Number(functions.value);
  if (functions.value === '') {
    byId('code').textContent = 'The program was over before any of it was worth compiling.';
    byId('linked-figure').hidden = true;
    return;
  }
  const answer = await runner.ask({ kind: 'print', index });
  if (answer?.kind === 'printed') showPrinted(answer);
}

function save({ bytes }: FrozenFacts): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'application/wasm' }));
  link.download = 'program.frozen.wasm';
  link.click();
  URL.revokeObjectURL(link.href);
}

function showPrinted({ text, linked }: Printed): void {
  byId('code').textContent = text;
  byId('linked').textContent = linked ?? '';
  byId('linked-figure').hidden = linked === undefined;
}

function showFailure(failed: Failed | undefined): void {
  failure.textContent = failed?.message ?? '';
  wrongLine = failed?.line;
  source.setAttribute('aria-invalid', String(failed !== undefined));
  if (failed !== undefined) byId('output').textContent = failed.output;
  drawGutter();
  if (wrongLine === undefined) return;
  const height = Number.parseFloat(getComputedStyle(source).lineHeight);
  const top = (wrongLine - 1) * height;
  if (top < source.scrollTop || top > source.scrollTop + source.clientHeight - height)
    source.scrollTop = top - height;
}

function drawGutter(): void {
  source.toggleAttribute('data-wrong', wrongLine !== undefined);
  source.style.setProperty('--line-above', String((wrongLine ?? 1) - 1));
  const lines = source.value.split('\n').map((_, i) => {
    const number = document.createElement('div');
    number.textContent = String(i + 1);
    if (i + 1 === wrongLine) number.className = 'wrong';
    return number;
  });
  gutter.replaceChildren(...lines);
  gutter.scrollTop = source.scrollTop;
}

function plural(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

async function showExample(): Promise<void> {
  if (examples.value === '') return;
  const response = await fetch(`/programs/${encodeURIComponent(examples.value)}`);
  source.value = await response.text();
  showFailure(undefined);
}

async function begin(): Promise<void> {
  const missing = missingFeature();
  if (missing !== undefined) {
    busy(true, '');
    stop.disabled = true;
    showFailure({
      kind: 'failed',
      message: `This browser has no ${missing}, which this page needs.`,
      line: undefined,
      output: '',
    });
    return;
  }
  const names = (await (await fetch('/programs')).json()) as readonly string[];
  examples.replaceChildren(...names.map((name) => new Option(name, name)), new Option('your own', ''));
  examples.value = names.find((name) => name === 'fib.scm') ?? '';
  await showExample();
  busy(false, 'Ready.');
}

for (const way of WAYS) buttons[way].addEventListener('click', () => press(way));
download.addEventListener('click', () => {
  if (frozen !== undefined) save(frozen);
});
stop.addEventListener('click', () => runner.stop());
examples.addEventListener('change', showExample);
functions.addEventListener('change', showFunction);
source.addEventListener('input', () => {
  examples.value = '';
  wrongLine = undefined;
  drawGutter();
});
source.addEventListener('scroll', () => {
  gutter.scrollTop = source.scrollTop;
});
document.addEventListener('keydown', (event) => {
  const way = WAYS[Number(event.key) - 1];
  if (!event.altKey || way === undefined) return;
  event.preventDefault();
  press(way);
});
addEventListener('resize', () => {
  if (runs.length > 0) drawChart(byId('chart'), runs);
  if (frozen !== undefined) drawMemory(byId('memory'), frozen.memory);
});
busy(true, 'Loading…');
stop.disabled = true;
await begin();
