// Random guests, and random auxiliary modules for them, in text. All are valid, all end, and nothing
// in them depends on the engine: floats are moved and never computed, and fuel bounds the calls.
//
// Guest and modules agree on SIGNATURES, on the exports below, and on memory below 0x2000. Slot n of
// a table mostly holds a function of signature n modulo their number, so that most calls go through.
import { type Handed, pullGuest } from './pull.ts';

/** A small generator with a seed: the same sequence everywhere (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to count - 1. */
  below(count: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % count;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  }

  times<T>(most: number, make: (index: number) => T): readonly T[] {
    return Array.from({ length: this.below(most + 1) }, (_, index) => make(index));
  }
}

type Type = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
const TYPES: readonly Type[] = ['i32', 'i64', 'f32', 'f64', 'v128'];

interface Signature {
  readonly name: string;
  readonly params: readonly Type[];
  readonly results: readonly Type[];
}
const SIGNATURES: readonly Signature[] = [
  { name: '$s0', params: [], results: ['i32'] },
  { name: '$s1', params: ['i32'], results: ['i32'] },
  { name: '$s2', params: ['i64', 'f32'], results: ['i64'] },
  { name: '$s3', params: ['f64', 'v128'], results: ['f64', 'i32'] },
  { name: '$s4', params: [], results: [] },
];

/** Of every table, at least. */
const SLOTS = 16;

/** A slot for functions of a signature. */
function slotFor(random: Random, { name }: Signature): number {
  const index = SIGNATURES.findIndex((one) => one.name === name);
  return index + SIGNATURES.length * random.below(3);
}

interface Global {
  readonly name: string;
  readonly type: Type | 'funcref';
  readonly mutable: boolean;
}
interface Func {
  readonly name: string;
  readonly signature: Signature;
}

/** What code can name. */
interface Scope {
  readonly globals: readonly Global[];
  readonly funcs: readonly Func[];
  readonly tables: readonly string[];
  readonly mems: readonly string[];
  /** Functions that `ref.func` may name. */
  readonly declared: readonly Func[];
  readonly elems: readonly string[];
  readonly datas: readonly string[];
}

function constant(random: Random, type: Type): string {
  const wild = (): number => random.pick([0, 1, -1, 7, 0x7fffffff, -0x80000000, random.below(1000)]);
  switch (type) {
    case 'i32':
      return `(i32.const ${wild()})`;
    case 'i64':
      return `(i64.const ${random.pick(['0', '-1', '0x8000000000000000', String(wild())])})`;
    case 'f32':
      return `(f32.const ${random.pick(['-0', 'inf', 'nan:0x200001', '-nan:0x7fffff', '1.5'])})`;
    case 'f64':
      return `(f64.const ${random.pick(['-0', '-inf', 'nan:0x4000000000001', '-nan', '2.5'])})`;
    case 'v128':
      return `(v128.const i32x4 ${wild()} ${wild()} ${wild()} ${wild()})`;
  }
}

/** Makes expressions and statements. */
class Code {
  readonly #random: Random;
  readonly #scope: Scope;
  readonly #params: readonly Type[];

  constructor(random: Random, scope: Scope, params: readonly Type[]) {
    this.#random = random;
    this.#scope = scope;
    this.#params = params;
  }

  #address(depth = 1): string {
    return `(i32.and ${this.expr('i32', depth)} (i32.const 0x1ff8))`;
  }

  #slot(): string {
    return this.#random.chance(60)
      ? `(i32.const ${this.#random.below(SLOTS)})`
      : `(i32.and ${this.expr('i32', 0)} (i32.const ${SLOTS - 1}))`;
  }

  expr(type: Type, depth: number): string {
    const random = this.#random;
    const locals = this.#params.flatMap((one, i) => (one === type ? [`(local.get ${i})`] : []));
    const globals = this.#scope.globals.filter((global) => global.type === type);
    if (depth <= 0 || random.chance(30)) {
      const leaves = [
        constant(random, type),
        ...locals,
        ...globals.map(({ name }) => `(global.get ${name})`),
      ];
      return random.pick(leaves);
    }
    const mem = random.pick(this.#scope.mems);
    const load = `(${type}.load ${mem} ${random.chance(50) ? `offset=${random.below(64)}` : ''} ${this.#address(depth - 1)})`;
    const sub = (one: Type): string => this.expr(one, depth - 1);
    switch (type) {
      case 'i32': {
        const table = random.pick(this.#scope.tables);
        return random.pick([
          load,
          `(i32.${random.pick(['add', 'mul', 'xor', 'rotl', 'lt_u'])} ${sub('i32')} ${sub('i32')})`,
          `(i32.reinterpret_f32 ${sub('f32')})`,
          `(i32.wrap_i64 ${sub('i64')})`,
          `(table.size ${table})`,
          `(memory.size ${mem})`,
          `(ref.is_null (table.get ${table} ${this.#slot()}))`,
          `(select ${sub('i32')} ${sub('i32')} ${sub('i32')})`,
          ...(depth > 1 ? [this.#call('$s1', [sub('i32')]), this.#call('$s0', [])] : []),
        ]);
      }
      case 'i64':
        return random.pick([
          load,
          `(i64.${random.pick(['add', 'mul', 'xor', 'shl'])} ${sub('i64')} ${sub('i64')})`,
          `(i64.reinterpret_f64 ${sub('f64')})`,
          `(i64.extend_i32_s ${sub('i32')})`,
          `(i64x2.extract_lane 1 ${sub('v128')})`,
          ...(depth > 1 ? [this.#call('$s2', [sub('i64'), sub('f32')])] : []),
        ]);
      case 'f32':
        return random.pick([load, `(f32.reinterpret_i32 ${sub('i32')})`, `(f32.neg ${sub('f32')})`]);
      case 'f64':
        return random.pick([load, `(f64.reinterpret_i64 ${sub('i64')})`, `(f64.abs ${sub('f64')})`]);
      case 'v128':
        return random.pick([
          load,
          `(i32x4.add ${sub('v128')} ${sub('v128')})`,
          `(i64x2.splat ${sub('i64')})`,
          `(f32x4.replace_lane 2 ${sub('v128')} ${sub('f32')})`,
        ]);
    }
  }

  /** By the table mostly: there may be a function of another type, or none, and then it traps. */
  #call(signature: string, args: readonly string[]): string {
    const direct = this.#scope.funcs.filter((func) => func.signature.name === signature);
    if (direct.length > 0 && this.#random.chance(60))
      return `(call ${this.#random.pick(direct).name} ${args.join(' ')})`;
    const table = this.#random.chance(80) ? '$table' : this.#random.pick(this.#scope.tables);
    const found = SIGNATURES.find((one) => one.name === signature) ?? this.#random.pick(SIGNATURES);
    const slot = this.#random.chance(90) ? `(i32.const ${slotFor(this.#random, found)})` : this.#slot();
    return `(call_indirect ${table} (type ${signature}) ${args.join(' ')} ${slot})`;
  }

  #reference(): string {
    const { declared, tables, globals } = this.#scope;
    const held = globals.filter((global) => global.type === 'funcref');
    return this.#random.pick([
      '(ref.null func)',
      `(table.get ${this.#random.pick(tables)} ${this.#slot()})`,
      ...held.map(({ name }) => `(global.get ${name})`),
      ...declared.map(({ name }) => `(ref.func ${name})`),
    ]);
  }

  #tableSet(table: string): string {
    const { declared } = this.#scope;
    if (declared.length === 0 || this.#random.chance(15))
      return `(table.set ${table} ${this.#slot()} ${this.#reference()})`;
    const func = this.#random.pick(declared);
    return `(table.set ${table} (i32.const ${slotFor(this.#random, func.signature)}) (ref.func ${func.name}))`;
  }

  statement(): string {
    const random = this.#random;
    const { globals, tables, mems, elems, datas } = this.#scope;
    const [mem, table] = [random.pick(mems), random.pick(tables)];
    const type = random.pick(TYPES);
    const mutable = globals.filter((global) => global.mutable);
    const set = mutable.map(
      ({ name, type: of }) =>
        `(global.set ${name} ${of === 'funcref' ? this.#reference() : this.expr(of, 2)})`,
    );
    return random.pick([
      `(${type}.store ${mem} ${random.chance(40) ? `offset=${random.below(64)} align=1` : ''} ${this.#address()} ${this.expr(type, 2)})`,
      this.#tableSet(table),
      this.#tableSet(table),
      `(drop (table.grow ${table} ${this.#reference()} (i32.const ${random.below(3)})))`,
      `(drop (memory.grow ${mem} (i32.const ${random.chance(15) ? 1 : 0})))`,
      `(memory.fill ${mem} ${this.#address()} ${this.expr('i32', 1)} (i32.const ${random.below(40)}))`,
      `(memory.copy ${mem} ${random.pick(mems)} ${this.#address()} ${this.#address()} (i32.const ${random.below(40)}))`,
      `(table.copy ${table} ${random.pick(tables)} ${this.#slot()} ${this.#slot()} (i32.const ${random.below(3)}))`,
      `(drop ${this.#call('$s1', [this.expr('i32', 1)])})`,
      this.#call('$s4', []),
      `(if ${this.expr('i32', 1)} (then ${this.#random.chance(50) ? this.statement() : ''}))`,
      ...(set.length > 0 ? [random.pick(set), random.pick(set)] : []),
      ...(elems.length > 0
        ? [
            `(table.init ${table} ${random.pick(elems)} ${this.#slot()} (i32.const 0) (i32.const ${random.chance(20) ? 1 : 0}))`,
            ...(random.chance(15) ? [`(elem.drop ${random.pick(elems)})`] : []),
          ]
        : []),
      ...(datas.length > 0
        ? [
            `(memory.init ${mem} ${random.pick(datas)} ${this.#address()} (i32.const 0) (i32.const ${random.chance(20) ? 3 : 0}))`,
            ...(random.chance(15) ? [`(data.drop ${random.pick(datas)})`] : []),
          ]
        : []),
    ]);
  }
}

const FUEL =
  '(if (i32.eqz (global.get $fuel)) (then (unreachable))) (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))';

function typed({ params, results }: Pick<Signature, 'params' | 'results'>): string {
  return `${params.map((one) => `(param ${one})`).join('')} ${results.map((one) => `(result ${one})`).join('')}`;
}

function funcText(random: Random, { name, signature }: Func, scope: Scope, before = ''): string {
  const code = new Code(random, scope, signature.params);
  const statements = random.times(4, () => code.statement()).join('\n    ');
  const results = signature.results.map((type) => code.expr(type, 2)).join(' ');
  return `(func ${name} ${before} ${typed(signature)} ${FUEL}\n    ${statements}\n    ${results})`;
}

function types(): string {
  return SIGNATURES.map((one) => `(type ${one.name} (func ${typed(one)}))`).join(' ');
}

function segments(
  random: Random,
  funcs: readonly Func[],
): { readonly elems: readonly string[]; readonly datas: readonly string[]; readonly text: string } {
  const elems = random.times(2, (i) => `$e${i}`);
  const datas = random.times(2, (i) => `$d${i}`);
  const text = [
    ...elems.map((name) => {
      const [first, ...others] = [random.pick(funcs), ...random.times(2, () => random.pick(funcs))];
      const mode = random.pick([
        '',
        'declare ',
        `(table $table) (i32.const ${slotFor(random, first.signature)}) `,
      ]);
      return `(elem ${name} ${mode}func ${[first, ...others].map((func) => func.name).join(' ')})`;
    }),
    ...datas.map(
      (name) =>
        `(data ${name} ${random.chance(50) ? '' : `(i32.const ${random.below(4000)})`} "data of ${name}")`,
    ),
  ];
  return { elems, datas, text: text.join('\n  ') };
}

export interface RandomCase {
  readonly guest: string;
  /** Exports that take an i32 and give one, for warm-up and later. */
  readonly calls: readonly string[];
}

/** `rich`: several memories, which not every engine has. */
export async function randomCase(random: Random, rich: boolean): Promise<RandomCase> {
  const globals: readonly Global[] = [
    ...random.times(5, (i) => ({
      name: `$g${i}`,
      type: random.pick([...TYPES, 'funcref'] as const),
      mutable: random.chance(75),
    })),
  ];
  const funcs: readonly Func[] = Array.from({ length: 4 + random.below(6) }, (_, i) => ({
    name: `$f${i}`,
    signature: SIGNATURES[i] ?? random.pick(SIGNATURES),
  }));
  const { elems, datas, text } = segments(random, funcs);
  const scope: Scope = {
    globals,
    funcs,
    tables: ['$table', '$second'],
    mems: rich ? ['$memory', '$other'] : ['$memory'],
    declared: funcs.filter(() => random.chance(60)),
    elems,
    datas,
  };
  const initial = ({ type }: Global): string =>
    type === 'funcref'
      ? random.chance(50)
        ? '(ref.null func)'
        : `(ref.func ${random.pick(funcs).name})`
      : constant(random, type);
  const entries = ['a', 'b', 'c'].map((name) => {
    const body = new Code(random, scope, ['i32']);
    return `(func (export "${name}") (param i32) (result i32) (global.set $fuel (i32.const 60))
    ${random.times(5, () => body.statement()).join('\n    ')} ${body.expr('i32', 3)})`;
  });
  const filled = funcs
    .flatMap((func) => [
      `(elem (table $table) (i32.const ${slotFor(random, func.signature)}) func ${func.name})`,
      `(elem (table $second) (i32.const ${slotFor(random, func.signature)}) func ${func.name})`,
    ])
    .join('\n  ');
  const fields = `${types()}
  ${rich ? '(memory $other 1 4)' : ''} (table $second 16 30 funcref)
  ${filled}
  (global $fuel (export "fuel") (mut i32) (i32.const 0))
  ${globals.map((one) => `(global ${one.name} (export "${one.name}") ${one.mutable ? `(mut ${one.type})` : one.type} ${initial(one)})`).join('\n  ')}
  ${scope.declared.length > 0 ? `(elem declare func ${scope.declared.map(({ name }) => name).join(' ')})` : ''}
  ${text}
  ${funcs.map((func) => funcText(random, func, scope, random.chance(60) ? `(export "${func.name}")` : '')).join('\n  ')}
  ${entries.join('\n  ')}`;
  const exported = funcs.filter(({ name }) => fields.includes(`(export "${name}")`));
  const modules: Handed[] = [];
  const firsts: Func[] = [];
  for (let i = random.below(5); i > 0; i--) {
    const { text: code, first } = auxText(random, globals, exported, firsts, rich);
    modules.push({ name: `m${modules.length}`, code });
    firsts.push(first);
  }
  const guest = (await pullGuest(modules, fields))
    .replace('(memory (export', '(memory $memory (export')
    .replace('(table (export "table") 64 funcref)', '(table $table (export "table") 16 64 funcref)');
  return { guest, calls: ['a', 'b', 'c'] };
}

/** Every module exports its functions and its globals, so that later ones can import them. */
function auxText(
  random: Random,
  guestGlobals: readonly Global[],
  guestFuncs: readonly Func[],
  firsts: readonly Func[],
  rich: boolean,
): { readonly text: string; readonly first: Func } {
  const globals = guestGlobals.filter(() => random.chance(60));
  const imported = guestFuncs.filter(() => random.chance(60));
  const own: readonly Func[] = Array.from({ length: 1 + random.below(4) }, (_, i) => ({
    name: `$own${i}`,
    signature: random.pick(SIGNATURES),
  }));
  const ownGlobals: readonly Global[] = random.times(3, (i) => ({
    name: `$og${i}`,
    type: random.pick([...TYPES, 'funcref'] as const),
    mutable: random.chance(70),
  }));
  const from = random.below(firsts.length + 1);
  const earlier = firsts.slice(from, from + 1).map(({ signature }) => ({ name: '$earlier', signature }));
  const { elems, datas, text } = segments(random, [...own, ...imported]);
  const ownTable = random.chance(40);
  const ownMemory = rich && random.chance(40);
  const alone = ownMemory && random.chance(50);
  const hasStart = random.chance(60);
  const scope: Scope = {
    globals: [...globals, ...ownGlobals],
    funcs: [...own, ...imported, ...earlier],
    tables: ownTable ? ['$table', '$mine'] : ['$table'],
    // Without the guest's memory its own is memory 0, which instructions need not say.
    mems: alone ? ['$mymem'] : ownMemory ? ['$memory', '$mymem'] : ['$memory'],
    declared: own,
    elems,
    datas,
  };
  const start = new Code(random, scope, []);
  // An immutable global can start as an imported one.
  const initial = ({ type, mutable }: Global): string => {
    const same = globals.filter((one) => one.type === type && !one.mutable);
    if (!mutable && same.length > 0 && random.chance(60)) return `(global.get ${random.pick(same).name})`;
    if (type === 'funcref')
      return random.chance(50) ? '(ref.null func)' : `(ref.func ${random.pick(own).name})`;
    return constant(random, type);
  };
  const [first] = own;
  if (first === undefined) throw new RangeError('a module without functions');
  const patch = random.pick(own);
  const module = `(module ${types()}
  ${alone ? '' : '(import "env" "memory" (memory $memory 1))'} (import "env" "table" (table $table 8 funcref)) (import "env" "fuel" (global $fuel (mut i32)))
  ${globals.map((one) => `(import "env" "${one.name}" (global ${one.name} ${one.mutable ? `(mut ${one.type})` : one.type}))`).join('\n  ')}
  ${imported.map((one) => `(import "env" "${one.name}" (func ${one.name} (type ${one.signature.name})))`).join('\n  ')}
  ${earlier.map((one) => `(import "m${from}" "$own0" (func ${one.name} (type ${one.signature.name})))`).join('\n  ')}
  ${ownMemory ? '(memory $mymem 1 3)' : ''} ${ownTable ? '(table $mine 16 20 funcref)' : ''}
  ${ownGlobals.map((one) => `(global ${one.name} ${one.mutable ? `(mut ${one.type})` : one.type} ${initial(one)})`).join('\n  ')}
  ${text} (elem declare func ${own.map(({ name }) => name).join(' ')})
  (elem (table $table) (i32.const ${slotFor(random, patch.signature)}) func ${patch.name})
  (elem (table $table) (i32.const ${slotFor(random, first.signature)}) func ${first.name})
  ${own.map((func) => funcText(random, func, scope, `(export "${func.name}")`)).join('\n  ')}
  ${hasStart ? `(func $start (global.set $fuel (i32.const 30)) ${random.times(4, () => start.statement()).join('\n    ')}) (start $start)` : ''})`;
  return { text: module, first };
}
