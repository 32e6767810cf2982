// Random guests that do to tables all that a module and its host can do: several tables, typed, of
// 64 bits, imported, exported under two names; segments that are active, passive and dropped; function
// references in globals and in the host's hands; subtypes, casts, tail calls, exceptions, a start
// function; and a host that calls back, holds references, and writes the tables that it has.
import type { Random } from '../support/random-modules.ts';

export interface Tier {
  /** Typed references, subtypes and casts, and globals of the module's own in constant expressions. */
  readonly gc: boolean;
  readonly table64: boolean;
  readonly exnref: boolean;
  /** Imports nothing: what a build can bring up. */
  readonly alone?: boolean;
}

/** One thing that a host does. Tables and functions are exports, `imported` is the table that it gave. */
export type Act =
  | { readonly kind: 'call'; readonly name: string; readonly argument: number }
  | { readonly kind: 'slot' | 'clear'; readonly table: string; readonly slot: number }
  | { readonly kind: 'write'; readonly table: string; readonly slot: number; readonly func: string }
  | { readonly kind: 'grow' | 'length'; readonly table: string }
  /** Calls the reference that the guest gave away last. */
  | { readonly kind: 'held'; readonly argument: number }
  | { readonly kind: 'global'; readonly name: string };

export interface HostileGuest {
  readonly text: string;
  readonly acts: readonly Act[];
  /** Exports that no act uses. */
  readonly spare: readonly string[];
  /** No act and no start function can write a table. */
  readonly quiet: boolean;
}

const SLOTS = 8;

type Signature = 'final' | 'top' | 'mid' | 'leaf' | 'wide' | 'void';
const SIGNATURES: readonly Signature[] = ['final', 'top', 'mid', 'leaf', 'wide', 'void'];
/** What takes an i32 and gives one. */
const NARROW: readonly Signature[] = ['final', 'top', 'mid', 'leaf'];
/** Types that functions of a type have as well. */
const SUPERS: Readonly<Record<Signature, readonly Signature[]>> = {
  final: ['final'],
  top: ['top'],
  mid: ['mid', 'top'],
  leaf: ['leaf', 'mid', 'top'],
  wide: ['wide'],
  void: ['void'],
};

interface TableShape {
  readonly name: string;
  readonly wide: boolean;
  readonly imported: boolean;
  /** The type of its slots: any function, or those of `top`. */
  readonly typed: boolean;
  readonly exports: readonly string[];
}

class Maker {
  readonly random: Random;
  readonly tier: Tier;
  readonly functions: readonly Signature[];
  readonly tables: readonly TableShape[];
  readonly passive: number;
  /** Whether code reads slots as values, which keeps all of them. */
  readonly reads: boolean;
  /** Whether the function that is written now may write tables. */
  writes = false;

  constructor(random: Random, tier: Tier) {
    this.random = random;
    this.tier = tier;
    this.functions = Array.from({ length: 5 + random.below(8) }, () =>
      random.pick([...SIGNATURES, 'final', 'top'] as const),
    );
    const count = 1 + random.below(4);
    this.tables = Array.from({ length: count }, (_, i) => {
      const imported = i === 0 && tier.alone !== true && random.chance(20);
      const wide = !imported && tier.table64 && random.chance(25);
      return {
        name: `$t${i}`,
        wide,
        imported,
        typed: !imported && tier.gc && random.chance(30),
        exports: wide || !random.chance(20) ? [] : [`t${i}`, ...(random.chance(50) ? [`again${i}`] : [])],
      };
    });
    this.passive = random.below(3);
    this.reads = random.chance(40);
  }

  /** A function of a signature, or of a subtype; undefined where there is none. */
  func(...wanted: readonly Signature[]): string | undefined {
    const fitting = this.functions.flatMap((own, i) =>
      wanted.some((one) => (this.tier.gc ? SUPERS[own].includes(one) : sameShape(own, one)))
        ? [`$f${i}`]
        : [],
    );
    return fitting.length === 0 ? undefined : this.random.pick(fitting);
  }

  anyFunc(): string {
    return `$f${this.random.below(this.functions.length)}`;
  }

  /** A reference for a slot of this table. */
  ref(table: TableShape): string {
    const nothing = table.typed ? '(ref.null $top)' : '(ref.null func)';
    const func = table.typed ? this.func('top') : this.anyFunc();
    return func === undefined || this.random.chance(25) ? nothing : `(ref.func ${func})`;
  }

  address(table: TableShape, index: number | string): string {
    if (typeof index === 'number') return `(${table.wide ? 'i64' : 'i32'}.const ${index})`;
    return table.wide ? `(i64.extend_i32_u ${index})` : index;
  }

  number(depth = 1): string {
    const { random } = this;
    return random.pick([
      () => `(i32.const ${random.below(50)})`,
      () => '(local.get $p)',
      () => '(local.get $s)',
      () => `(global.get $n${random.below(3)})`,
      () => (depth > 0 ? `(i32.add ${this.number(depth - 1)} ${this.number(depth - 1)})` : '(local.get $p)'),
      () => (depth > 0 ? this.call(depth - 1) : '(local.get $p)'),
    ])();
  }

  slot(table: TableShape): string {
    const { random } = this;
    const plain = random.pick([
      () => random.below(SLOTS + 1),
      () => random.below(SLOTS),
      () => `(global.get $n${random.below(3)})`,
      () => `(local.tee $s (i32.const ${random.below(SLOTS)}))`,
      () => '(local.get $s)',
      () => `(i32.load offset=${4 * random.below(4)} (i32.const 0))`,
      () => `(i32.rem_u (local.get $p) (i32.const ${SLOTS}))`,
    ])();
    return this.address(table, plain);
  }

  table(fits: (table: TableShape) => boolean = () => true): TableShape | undefined {
    const fitting = this.tables.filter(fits);
    return fitting.length === 0 ? undefined : this.random.pick(fitting);
  }

  /** A call that gives a number. */
  call(depth: number): string {
    const { random, tier } = this;
    const table = this.table() as TableShape;
    const narrow = table.typed ? random.pick(['top', 'mid', 'leaf'] as const) : random.pick(NARROW);
    const indirect = (type: Signature): string =>
      `(call_indirect ${table.name} (type $${type}) ${type === 'void' ? '' : this.number(depth - 1)} ${this.slot(table)})`;
    const direct = (): string => {
      const func = this.func(...NARROW);
      return func === undefined ? this.number(0) : `(call ${func} ${this.number(depth - 1)})`;
    };
    return random.pick([
      () => indirect(narrow),
      () => indirect(narrow),
      () => (table.typed ? indirect('top') : `(i32.wrap_i64 ${indirect('wide')})`),
      () => (table.typed ? indirect('mid') : `(block (result i32) ${indirect('void')} ${this.number(0)})`),
      direct,
      () => `(call $reenter ${this.number(0)})`,
      () => (tier.gc ? this.callRef(depth) : direct()),
    ])();
  }

  /** A reference of a type that takes and gives a number. */
  typedRef(): { readonly type: Signature; readonly ref: string } {
    const { random } = this;
    const typed = this.reads ? this.table((one) => one.typed) : undefined;
    const any = this.reads ? this.table((one) => !one.typed) : undefined;
    const type = random.pick(NARROW);
    const func = this.func(type);
    return random.pick([
      () => ({ type: 'top' as const, ref: '(global.get $r0)' }),
      () =>
        func === undefined
          ? { type: 'top' as const, ref: '(global.get $r1)' }
          : { type, ref: `(ref.func ${func})` },
      () =>
        typed === undefined
          ? { type: 'top' as const, ref: '(global.get $r1)' }
          : { type: 'top' as const, ref: `(table.get ${typed.name} ${this.slot(typed)})` },
      () =>
        any === undefined
          ? { type: 'top' as const, ref: '(ref.null $top)' }
          : { type, ref: `(ref.cast (ref null $${type}) (table.get ${any.name} ${this.slot(any)}))` },
    ])();
  }

  callRef(depth: number): string {
    const { type, ref } = this.typedRef();
    return `(call_ref $${type} ${this.number(depth - 1)} ${ref})`;
  }

  statement(): string {
    const { random, tier } = this;
    const table = this.table() as TableShape;
    const at = this.slot(table);
    const looks = [
      () => `(local.set $s (i32.const ${random.below(SLOTS)}))`,
      () =>
        `(if (i32.and (local.get $p) (i32.const 1)) (then (local.set $s (i32.const ${random.below(SLOTS)}))))`,
      () => `(global.set $n0 ${this.number(0)})`,
      () => `(drop ${this.call(1)})`,
      () => `(drop ${this.call(1)})`,
      () =>
        `(global.set $n1 ${table.wide ? `(i32.wrap_i64 (table.size ${table.name}))` : `(table.size ${table.name})`})`,
      () => '(call $take (global.get $any))',
      () => `(global.set $any (ref.func ${this.anyFunc()}))`,
    ];
    if (this.reads) {
      looks.push(
        () => `(global.set $n0 (ref.is_null (table.get ${table.name} ${at})))`,
        () => `(global.set $any (table.get ${table.name} ${at}))`,
        () => `(call $take (table.get ${table.name} ${at}))`,
      );
    }
    if (tier.gc) {
      const type = random.pick(NARROW);
      looks.push(
        () => `(global.set $n0 (ref.test (ref $${type}) (global.get $any)))`,
        () =>
          `(global.set $r1 ${this.func('top') === undefined ? '(ref.null $top)' : `(ref.func ${this.func('top')})`})`,
      );
    }
    if (tier.exnref) {
      looks.push(
        () => `(if (i32.eqz (local.get $p)) (then (throw $x ${this.number(0)})))`,
        () => `(throw $y (global.get $any) (i32.const ${random.below(9)}))`,
        () =>
          `(global.set $n0 (block $h (result i32) (try_table (result i32) (catch $x $h) ${this.number(1)})))`,
        () =>
          `(block $h (result funcref i32) (try_table (catch $y $h) ${this.statement()}) (global.get $any) (i32.const 1))
           (global.set $n0) (global.set $any)`,
      );
    }
    return random.pick(this.writes ? [...looks, ...this.writesOf(table, at)] : looks)();
  }

  writesOf(table: TableShape, at: string): readonly (() => string)[] {
    const { random } = this;
    const other = this.table((one) => one.typed === table.typed) as TableShape;
    const few = this.address(table, 1 + random.below(2));
    // The shorter of two address types counts a copy.
    const length = table.wide && other.wide ? '(i64.const 2)' : '(i32.const 2)';
    return [
      () => `(table.set ${table.name} ${at} ${this.ref(table)})`,
      () => `(table.fill ${table.name} ${at} ${this.ref(table)} ${few})`,
      () => `(drop (table.grow ${table.name} ${this.ref(table)} ${few}))`,
      () => `(table.copy ${table.name} ${other.name} ${at} ${this.slot(other)} ${length})`,
      () =>
        this.passive > 0 && !table.typed
          ? `(table.init ${table.name} $p${random.below(this.passive)} ${at} (i32.const 0) (i32.const 2))`
          : '(nop)',
      () => (this.passive > 0 ? `(elem.drop $p${random.below(this.passive)})` : '(nop)'),
    ];
  }

  body(own: Signature): string {
    const { random } = this;
    const statements = Array.from({ length: 1 + random.below(3) }, () => this.statement()).join(' ');
    const tables = this.tables.filter((one) => !one.typed);
    const tail = tables.length === 0 ? undefined : random.pick(tables);
    const result = (): string => {
      if (own === 'void') return '';
      if (own === 'wide') return `(i64.extend_i32_u ${this.number()})`;
      if (tail !== undefined && random.chance(25))
        return `(return_call_indirect ${tail.name} (type $${random.pick(NARROW)}) ${this.number()} ${this.slot(tail)})`;
      if (this.tier.gc && random.chance(25)) {
        const { type, ref } = this.typedRef();
        return `(return_call_ref $${type} ${this.number()} ${ref})`;
      }
      return this.number();
    };
    // Fuel, since a table may lead back.
    return `(if (i32.le_s (global.get $fuel) (i32.const 0)) (then (unreachable)))
      (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1))) ${statements} ${result()}`;
  }
}

function sameShape(one: Signature, other: Signature): boolean {
  return one === other || (NARROW.includes(one) && NARROW.includes(other));
}

const PLAIN_TYPES = SIGNATURES.map((name) => {
  const shape = name === 'void' ? '' : `(param i32) (result ${name === 'wide' ? 'i64' : 'i32'})`;
  return `(type $${name} (func ${shape}))`;
}).join(' ');
const GC_TYPES = `(type $final (func (param i32) (result i32)))
  (type $top (sub (func (param i32) (result i32)))) (type $mid (sub $top (func (param i32) (result i32))))
  (type $leaf (sub final $mid (func (param i32) (result i32))))
  (type $wide (func (param i32) (result i64))) (type $void (func))`;

const HOST = `(import "h" "reenter" (func $reenter (param i32) (result i32)))
  (import "h" "take" (func $take (param funcref)))`;
const ALONE = `(func $reenter (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $take (param funcref) (global.set $any (local.get 0)))`;

export function hostileGuest(random: Random, tier: Tier): HostileGuest {
  const m = new Maker(random, tier);
  const funcs = m.functions;
  const shown = funcs.map((_, i) => i).filter(() => random.chance(50));
  // What writes stands in these functions; they may be reachable, or not.
  const writing = random.chance(60) ? 30 : 0;
  const writers = new Set(funcs.map((_, i) => i).filter(() => random.chance(writing)));
  const start = random.chance(20) ? funcs.indexOf('void') : -1;

  const tables = m.tables.map((table) => {
    if (table.imported) return `(import "h" "table" (table ${table.name} ${SLOTS} funcref))`;
    const exports = table.exports.map((name) => `(export "${name}")`).join(' ');
    const most = random.chance(30) ? SLOTS + 3 : '';
    const head = `(table ${table.name} ${exports} ${table.wide ? 'i64' : ''} ${SLOTS} ${most} ${table.typed ? '(ref null $top)' : 'funcref'}`;
    const filled = table.typed && random.chance(40) && m.func('top') !== undefined;
    return filled ? `${head} (ref.func ${m.func('top')}))` : `${head})`;
  });
  const active = m.tables.flatMap((table) =>
    Array.from({ length: random.below(5) }, () => {
      const at = m.address(table, random.below(SLOTS - 2));
      const offset = table.wide || !tier.gc || random.chance(70) ? at : '(global.get $base)';
      const first = tier.gc && random.chance(10) && !table.typed ? '(global.get $fixed)' : m.ref(table);
      const type = table.typed ? '(ref null $top)' : 'funcref';
      return random.chance(50) && !table.typed
        ? `(elem (table ${table.name}) ${offset} func ${m.anyFunc()} ${m.anyFunc()})`
        : `(elem (table ${table.name}) ${offset} ${type} (item ${first}) (item ${m.ref(table)}))`;
    }),
  );
  const passive = Array.from(
    { length: m.passive },
    (_, i) => `(elem $p${i} func ${m.anyFunc()} ${m.anyFunc()})`,
  );
  const top = m.func('top');
  const globals = `(global $base i32 (i32.const ${random.below(SLOTS - 2)}))
    (global $fixed funcref (ref.func ${m.anyFunc()}))
    (global $fuel (mut i32) (i32.const 60))
    ${[0, 1, 2].map((n) => `(global $n${n} (mut i32) (i32.const ${random.below(SLOTS)}))`).join(' ')}
    (global $any ${random.chance(30) ? '(export "any")' : ''} (mut funcref) (ref.func ${m.anyFunc()}))
    ${tier.gc ? `(global $r0 (ref null $top) ${top === undefined ? '(ref.null $top)' : `(ref.func ${top})`})` : ''}
    ${tier.gc ? `(global $r1 (mut (ref null $top)) ${top === undefined ? '(ref.null $top)' : `(ref.func ${top})`})` : ''}`;
  const code = funcs.map((own, i) => {
    m.writes = writers.has(i);
    const locals = own === 'void' ? '(local $p i32) (local $s i32)' : '(local $s i32)';
    const params = own === 'void' ? '' : `(param $p i32) (result ${own === 'wide' ? 'i64' : 'i32'})`;
    return `(func $f${i} (type $${own}) ${params} ${locals} ${m.body(own)})`;
  });
  const text = `(module ${tier.gc ? GC_TYPES : PLAIN_TYPES}
    ${tier.alone === true ? '' : HOST}
    ${tables.filter((one) => one.startsWith('(import')).join(' ')}
    ${tables.filter((one) => !one.startsWith('(import')).join(' ')}
    ${tier.exnref ? '(tag $x (export "x") (param i32)) (tag $y (param funcref i32))' : ''}
    (memory 1) (data (i32.const 0) "\\01\\00\\00\\00\\03\\00\\00\\00\\05\\00\\00\\00\\07\\00\\00\\00")
    ${globals} ${active.join('\n')} ${passive.join('\n')} (elem declare func ${funcs.map((_, i) => `$f${i}`).join(' ')})
    (func (export "fuel") (global.set $fuel (i32.const 60)))
    (func (export "n0") (result i32) (global.get $n0)) (func (export "n1") (result i32) (global.get $n1))
    ${code.join('\n')} ${tier.alone === true ? ALONE : ''}
    ${shown.map((i) => `(export "f${i}" (func $f${i}))`).join(' ')}
    ${start >= 0 ? `(start $f${start})` : ''})`;

  const given = m.tables.flatMap(({ imported, exports }) => [...(imported ? ['imported'] : []), ...exports]);
  const called = shown.filter(() => random.chance(80));
  const acts = Array.from({ length: 14 }, (): readonly Act[] => {
    const table = given.length === 0 ? undefined : random.pick(given);
    const slot = random.below(SLOTS);
    if (table !== undefined && random.chance(40)) {
      const kind = random.pick(['slot', 'slot', 'clear', 'write', 'grow', 'length'] as const);
      if (kind === 'grow' || kind === 'length') return [{ kind, table }];
      if (kind !== 'write') return [{ kind, table, slot }];
      return called.length === 0 ? [] : [{ kind, table, slot, func: `f${random.pick(called)}` }];
    }
    if (random.chance(15)) return [{ kind: 'held', argument: random.below(9) }];
    if (random.chance(10) && text.includes('(export "any")')) return [{ kind: 'global', name: 'any' }];
    if (called.length === 0) return [];
    return [
      { kind: 'call', name: 'fuel', argument: 0 },
      { kind: 'call', name: `f${random.pick(called)}`, argument: random.below(9) },
      { kind: 'call', name: random.pick(['n0', 'n1']), argument: 0 },
    ];
  }).flat();
  const used = new Set(
    acts.flatMap((act) => [
      ...('name' in act ? [act.name] : []),
      ...('table' in act ? [act.table] : []),
      ...('func' in act ? [act.func] : []),
    ]),
  );
  // A host that calls back calls f-exports: those that are called stay.
  const names = [...shown.map((i) => `f${i}`), ...m.tables.flatMap(({ exports }) => exports)];
  const writesReachable =
    writers.size > 0 || acts.some(({ kind }) => ['clear', 'write', 'grow'].includes(kind));
  return { text, acts, spare: names.filter((name) => !used.has(name)), quiet: !writesReachable };
}

/** What the acts give, one instance for all of them. A trap is a trap: sealing changes its kind, not that it comes. */
export async function actedOut(bytes: Uint8Array, acts: readonly Act[]): Promise<readonly string[]> {
  let instance: WebAssembly.Instance | undefined;
  let held: unknown = null;
  let depth = 0;
  const given = new WebAssembly.Table({ element: 'anyfunc', initial: SLOTS });
  const again = acts.find((act) => act.kind === 'call' && act.name !== 'fuel');
  const imports = {
    h: {
      table: given,
      take: (func: unknown) => {
        held = func;
      },
      // Calls back into the guest, once.
      reenter: (argument: number) => {
        if (depth > 0 || again?.kind !== 'call' || instance === undefined) return argument + 1;
        depth++;
        try {
          return Number((instance.exports[again.name] as CallableFunction)(argument)) | 0;
        } finally {
          depth--;
        }
      },
    },
  };
  const outcome = (run: () => unknown): string => {
    try {
      const result = run();
      return typeof result === 'function' ? 'a function' : String(result);
    } catch (error) {
      if (error instanceof WebAssembly.Exception) return 'exception';
      if (error instanceof WebAssembly.RuntimeError) return 'trap';
      if (error instanceof RangeError || error instanceof TypeError) return error.constructor.name;
      throw error;
    }
  };
  const module = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const started = outcome(() => {
    instance = new WebAssembly.Instance(module, imports);
  });
  if (instance === undefined) return [started];
  const { exports } = instance as WebAssembly.Instance;
  const tableOf = (name: string): WebAssembly.Table =>
    name === 'imported' ? given : (exports[name] as WebAssembly.Table);
  const run = (act: Act): unknown => {
    switch (act.kind) {
      case 'call':
        return (exports[act.name] as CallableFunction)(act.argument);
      case 'slot': {
        const func: unknown = tableOf(act.table).get(act.slot);
        return typeof func === 'function' ? `${func.length}: ${outcome(() => func(act.slot))}` : func;
      }
      case 'clear':
        return tableOf(act.table).set(act.slot, null);
      case 'write':
        return tableOf(act.table).set(act.slot, exports[act.func]);
      case 'grow':
        return tableOf(act.table).grow(1);
      case 'length':
        return tableOf(act.table).length;
      case 'held':
        return typeof held === 'function' ? held(act.argument) : held;
      case 'global':
        return (exports[act.name] as WebAssembly.Global).value;
    }
  };
  return acts.map((act) => outcome(() => run(act)));
}
