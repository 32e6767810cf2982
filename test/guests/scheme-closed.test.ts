// What the Scheme guest compiles once more when it is sealed must do what it did before.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { freeze } from '../../src/freeze.ts';
import { createWasi } from '../../src/host/wasi/wasi.ts';
import { moduleNames } from '../../src/wasm/names.ts';
import { parse } from '../../src/wasm/parse.ts';
import { root } from '../engines/places.ts';

const wasm = new Uint8Array(readFileSync(join(root, 'guests', 'scheme', 'scheme.wasm')));

interface Said {
  readonly out: string;
  readonly err: string;
}

/** A host that keeps what is written. */
function listening(): {
  readonly take: () => Said;
  readonly host: (m: WebAssembly.Module) => ReturnType<typeof createWasi>;
} {
  let out = '';
  let err = '';
  const text = new TextDecoder();
  return {
    take: () => {
      const said = { out, err };
      out = '';
      err = '';
      return said;
    },
    host: (compiled) =>
      createWasi(
        {
          stdout: (chunk) => {
            out += text.decode(chunk);
          },
          stderr: (chunk) => {
            err += text.decode(chunk);
          },
        },
        compiled,
      ),
  };
}

interface Sealed {
  readonly exports: WebAssembly.Exports;
  readonly take: () => Said;
  /** Modules that the guest made in all. */
  readonly modules: number;
}

function program(name: string, text: string): { kind: 'program'; name: string; bytes: Uint8Array } {
  return { kind: 'program', name, bytes: new TextEncoder().encode(text) };
}

/** With `asked`, the entry is that program, which no warm-up has run. */
async function sealed(
  source: string,
  options: { entry: boolean; seal: boolean; asked?: string },
): Promise<Sealed> {
  const workload = program('program.scm', source);
  const entry = options.asked === undefined ? workload : program('asked.scm', options.asked);
  const { bytes, report } = await freeze(wasm, {
    warmups: [workload],
    entries: options.entry ? [{ name: 'app', workload: entry }] : [],
    seal: options.seal,
  });
  const { take, host } = listening();
  const module = await WebAssembly.compile(bytes as Uint8Array<ArrayBuffer>);
  const wasi = await host(module);
  const instance = await WebAssembly.instantiate(module, wasi.imports as WebAssembly.Imports);
  wasi.bind(instance);
  return { exports: instance.exports, take, modules: report.modules.length };
}

function call(exports: WebAssembly.Exports, name: string, ...args: readonly number[]): number {
  const func = exports[name];
  assert.ok(typeof func === 'function', name);
  return Number(func(...args));
}

/** A program, or what is asked of it, runs open and sealed, a few times each, and says the same. */
async function same(source: string, asked?: string): Promise<Said[]> {
  const said: Said[][] = [];
  for (const seal of [false, true]) {
    const { exports, take } = await sealed(source, {
      entry: true,
      seal,
      ...(asked === undefined ? {} : { asked }),
    });
    said.push(
      [0, 1, 2].map(() => {
        call(exports, 'app');
        return take();
      }),
    );
  }
  const [open = [], closed = []] = said;
  assert.deepEqual(closed, open);
  return open;
}

/** Calls `(NAME x)` often enough to be compiled. */
const WARM = '(define (warm f x) (do ((i 0 (+ i 1))) ((= i 1000)) (f x)))\n';

test('sealing brings one module more', async () => {
  const source = '(define (one x) (+ x 1)) (do ((i 0 (+ i 1))) ((= i 1000)) (one i))';
  const open = await sealed(source, { entry: true, seal: false });
  const closed = await sealed(source, { entry: true, seal: true });
  assert.equal(closed.modules, open.modules + 1);
});

test('inlined arithmetic leaves the fixnums, and loops of tail calls take flonums and overflow', async () => {
  const [first] = await same(`${WARM}
    (define (up x) (+ x 1))
    (define (twice x) (up (up x)))
    (define (sum n total) (if (= n 0) total (sum (- n 1) (+ total n))))
    (define (half n) (sum n 0))
    (define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
    (warm twice 1) (warm half 10) (warm fib 5)
    (define (main)
      (write (list (twice 1073741822) (twice 1.5) (sum 3.0 0) (sum 3 0.5) (half 60000) (fib 6.0) (fib 20)))
      (newline))`);
  assert.equal(first?.out, '(1073741824.0 3.5 6.0 6.5 1800030000.0 8.0 6765)\n');
});

test('a global that the program sets, or defines as something else, is not constant', async () => {
  const said = await same(`${WARM}
    (define (step x) (+ x 1))
    (define (other x) (* x 100))
    (define (use x) (step x))
    (define turns 0)
    (warm use 1)
    (define (main)
      (write (use 7))
      (set! turns (+ turns 1))
      (if (= turns 4) (set! step other)))`);
  assert.deepEqual(
    said.map(({ out }) => out),
    ['8', '8', '700'],
  );
});

test('an error in an inlined procedure has its line, and one in the library that of the call', async () => {
  const run = async (line: string): Promise<string> => {
    const source = `(define (first x)\n  (car x))\n(define (use x)\n  (+ (first x)\n     1))\n${WARM}(warm use '(1 2))
(define turns 0)
(define (main) (set! turns (+ turns 1)) (if (> turns 3) ${line}))`;
    // The warm-up's runs go well, the last one here does not.
    return (await same(source)).at(-1)?.err ?? '';
  };
  assert.equal(await run('(use 5)'), 'program.scm:2: car: not a pair: 5\n');
  assert.match(await run("(use '(a))"), /^program\.scm:4: \+: /);
});

test('a program that a sealed module loads may change what was constant', async () => {
  const source = `${WARM}(define (step x) (+ x 1))\n(define (use x) (* 2 (step x)))\n(warm use 1)\n(define (main) (write (use 3)))`;
  const { exports, take } = await sealed(source, { entry: false, seal: true });
  call(exports, 'freeze_run', 1);
  assert.equal(take().out, '8');
  const text = new TextEncoder().encode('(define (step x) (* x 10)) (write (use 3))');
  const address = call(exports, 'freeze_alloc', text.length);
  new Uint8Array((exports['memory'] as WebAssembly.Memory).buffer).set(text, address);
  const handle = call(exports, 'freeze_load', address, 0, address, text.length);
  call(exports, 'freeze_run', handle);
  assert.equal(take().out, '60');
  call(exports, 'freeze_run', 1);
  assert.equal(take().out, '60');
});

test('a loop that leaves its fixnums goes on in the interpreter, from the round that did', async () => {
  const [first] = await same(`${WARM}
    (define (sum n) (let loop ((i 0) (total 0)) (if (= i n) total (loop (+ i 1) (+ total (* i i))))))
    (define (grow n) (let loop ((i 0) (x 1)) (if (= i n) x (loop (+ i 1) (* x 3)))))
    (define (both n)
      (let outer ((i 0) (total 0))
        (if (= i n) total
            (outer (+ i 1) (+ total (let inner ((k 0) (x i)) (if (= k n) x (inner (+ k 1) (+ x x)))))))))
    (define (said n) (let loop ((i 0) (x 1)) (if (= i n) x (begin (write i) (loop (+ i 1) (* x 50))))))
    (define (down n) (let loop ((i n) (x -1)) (if (= i 0) x (loop (- i 1) (- (* x 2) i)))))
    (warm sum 10) (warm grow 4) (warm both 4) (warm down 5)
    (define (main)
      (write (list (sum 3000) (grow 30) (both 40) (sum 5.0) (down 60) (said 8)))
      (newline))`);
  assert.equal(
    first?.out,
    '01234567(8995500500.0 205891132094649.0 857619069665280.0 30 -6.917529027641081e19 39062500000000.0)\n',
  );
});

test('an error in a round that is done again is raised once, with its line', async () => {
  const [first] = await same(
    `(define v (vector 1 2 3 4))
    (define (total n)
      (let loop ((i 0) (sum 0))
        (if (= i n) sum
            (loop (+ i 1)
                  (+ sum (vector-ref v i))))))
    (define (fill n)
      (do ((i 0 (+ i 1))) ((= i n) (write v))
        (vector-set! v i
                     (* i 2))))
    (define (last l) (if (null? (cdr l)) (car l)
      (last (cdr l))))
    (define (main) 0)
    (do ((i 0 (+ i 1))) ((= i 1000)) (total 4) (fill 0) (last '(1 2)))`,
    `(write (total 4)) (fill 4) (write (last '(1 2 x))) (fill 5)`,
  );
  assert.match(first?.err ?? '', /^program\.scm:9: vector-set!: no such index: 4$/m);
});

test('internal definitions that are no loops are procedures, whether they capture anything or not', async () => {
  const [first] = await same(`${WARM}
    (define (alone n) (define (g x) (if (< x 1) 0 (+ 1 x))) (+ (g n) (g (* n 2)) (g 3)))
    (define (two n) (define (g x) (if (< x 1) 0 (+ 1 x))) (define (h x) (+ (g x) (g n))) (list (h 1) (h n) (map g '(0 1))))
    (define (given) (define (g x) (+ x 1)) (g 1) g)
    (warm alone 2) (warm two 2) (warm (lambda (x) (given)) 0)
    (define (main) (write (list (alone 5) (alone 1.5) (two 4) ((given) 2) (eq? (given) (given)))))`);
  assert.equal(first?.out, '(21 10.5 (7 10 (0 2)) 3 #t)');
});

test('a closure that was inlined is called for what it does not expect, and is there until then', async () => {
  const source = `(define (total l) (if (null? l) 0 (+ (car l) (total (cdr l)))))
    (define (built n) (if (= n 0) '() (cons n (built (- n 1)))))
    (define (both f l) (f (car l)) (f (+ (total l) (length (built 99)) -99)))
    (define (scale v k l) (make-list 20) (both (lambda (x) (vector-set! v 0 (+ (vector-ref v 0) (* x k)))) l))
    (define (main) 0)
    (do ((i 0 (+ i 1))) ((= i 1000)) (scale (vector 1) 2 '(1 2 3)))`;
  const asked = `(define (scaled k l) (let ((v (vector 1))) (scale v k l) (vector-ref v 0)))
    (write (list (scaled 2 '(1 2 3)) (scaled 2 '(1 2.5)) (scaled 1.5 '(1 2)) (scaled 1073741823 '(1 1))))`;
  const [first] = await same(source, asked);
  assert.equal(first?.out, '(15 10.0 7.0 3221225470.0)');
  const { exports, take } = await sealed(source, { entry: true, seal: true, asked });
  call(exports, 'scheme_set_stress', 1);
  call(exports, 'app');
  assert.deepEqual(take(), first);
});

test('what a vector in a loop is, and what is stored in it, is for the loop to find out', async () => {
  await same(
    `(define (sum v n) (let loop ((i 0) (total 0)) (if (>= i n) total (loop (+ i 1) (+ total (vector-ref v i))))))
    (define (set v k) (do ((i 0 (+ i k))) ((> i 3) v) (vector-set! v i (+ i k))))
    (do ((i 0 (+ i 1))) ((= i 1000)) (sum (vector 1 2 3) 3) (set (vector 1 2 3 4) 1))
    (define (main) 0)`,
    `(write (list (sum (vector 1.5 2 1073741823) 3) (sum (vector) 0)))
     (newline)
     (set (vector 0 0 0 0) 1.5)`,
  );
  const [first] = await same(
    '(define (second v) (vector-ref v 1)) (define (main) (second (vector 1 2)))',
    '(second (list 1 2))',
  );
  assert.match(first?.err ?? '', /vector-ref: not a vector/);
});

test('a procedure that came as an argument is another one, or is given other values, than it was guessed', async () => {
  const [first] = await same(
    `(define (total f l) (let loop ((l l) (sum 0)) (if (null? l) sum (loop (cdr l) (f (car l) sum)))))
    (define (keep f l) (let loop ((l l)) (cond ((null? l) '()) ((f (car l)) (cons (car l) (loop (cdr l)))) (else (loop (cdr l))))))
    (define (sorted l f) (sort l f))
    (define (main) 0)
    (do ((i 0 (+ i 1))) ((= i 600)) (total + '(1 2 3)) (keep even? '(1 2 3)) (sorted '(3 1 2) <))`,
    `(write (list (total + '(1 2 3)) (total + '(1073741823 1)) (total + '(1.5 2)) (total cons '(1 2)) (total (lambda (x y) x) '(5 7))
                  (keep even? '(1 2.0 4)) (keep odd? '(1 2 3)) (keep (lambda (x) (> x 1)) '(1 2))
                  (sorted '(3 1 2) <) (sorted '(3 1 2) >) (sorted '(2.5 1 2) <) (sorted '("b" "a") string<?)))
     (newline)
     (keep even? '(2
       4 x))`,
  );
  assert.equal(
    first?.out,
    '(6 1073741824.0 3.5 (2 1 . 0) 7 (2.0 4) (1 3) (2) (1 2 3) (3 2 1) (1 2 2.5) ("a" "b"))\n',
  );
  assert.match(first?.err ?? '', /^program\.scm:2: even\?: not an integer: x$/m);
});

test('characters and lengths of strings, paths of car and cdr, and changed pairs are found inline or not', async () => {
  const source = `(define (at s i) (string-ref s i))
    (define (size s) (string-length s))
    (define (second l)
      (cadr l))
    (define (third l) (caddr l))
    (define (put! p x) (set-cdr! p x) (set-car! p 0) p)
    (define (name x) (symbol->string x))
    (define (class x y)
      (cond ((and (pair? x) (or (null? (cdr x)) (eqv? (car x) 'a)) (not (eqv? y 'b))) (list 1 (car x)))
            ((or (and (pair? y) (= (car y) 1)) (and (not (pair? x)) (pair? y))) (list 2 (car y)))
            ((not (or (pair? x) (pair? y))) 3)
            (else 4)))
    (define (main) 0)
    (do ((i 0 (+ i 1))) ((= i 600))
      (at "abc" 1) (size "abc") (second '(1 2)) (third '(1 2 3)) (put! (list 1) 2) (name 'a) (class '(1) 2) (class 1 '(1)))`;
  const [first] = await same(
    source,
    `(write (list (at "abc" 2) (at "aλc" 1) (at "aλc" 2) (size "aλc") (size "") (second '(1 2)) (third '(1 2 3)) (put! (list 1 2) 3)
      (class '(7) 2) (class '(a 2) 2) (class '(a 2) 'b) (class 1 '(5)) (class '(1 2) '(1)) (class 1 2) (class '(1 2) '(2))))
     (second '(1))`,
  );
  assert.equal(first?.out, '(#\\c #\\λ #\\c 3 0 2 3 (0 . 3) (1 7) (1 a) 4 (2 5) (2 1) 3 4)');
  assert.match(first?.err ?? '', /^program\.scm:4: car: not a pair: \(\)$/m);
  for (const [asked, message] of [
    ['(at "abc" 3)', 'string-ref: no such index: 3'],
    ['(at "abc" 1.5)', 'string-ref: no such index: 1.5'],
    ["(at 'abc 1)", 'string-ref: not a string: abc'],
    ["(size '(1))", 'string-length: not a string: (1)'],
    ['(put! 5 1)', 'set-cdr!: not a pair: 5'],
    ['(name "a")', 'symbol->string: not a symbol: "a"'],
  ] as const) {
    const [said] = await same(source, asked);
    assert.equal(said?.err.split(': ').slice(1).join(': ').trim(), message);
  }
});

test('what a comparison tells of a variable, and a look at a pair, hold until they do not', async () => {
  const [first] = await same(
    `(define (down n) (if (< n 1) n (down (- n 1))))
    (define (under n) (if (< n -5) 0 (- n 1073741824)))
    (define (from x) (if (>= x 0) (- x 1) (+ x 1)))
    (define (twice p) (let ((before (car p))) (set-car! p (+ (car p) 1)) (+ before (car p))))
    (define (bump! p) (set-car! p 100))
    (define (over p) (if (= (car p) 1) (begin (bump! p) (car p)) (car p)))
    (define (walk p n) (let loop ((i 0) (sum 0)) (if (= i n) sum (begin (set-car! p (+ (car p) 1)) (loop (+ i 1) (+ sum (car p)))))))
    (define (main) 0)
    (do ((i 0 (+ i 1))) ((= i 600))
      (down 3) (under 1073741823) (from 3) (from -3) (twice (list 1)) (over (list 1)) (walk (list 0) 3))`,
    `(write (list (down 5) (down -3) (down 2.5) (under 5) (under -5) (from -1073741824) (from 0) (from 1.5) (from -0.5)
      (twice (list 5)) (twice (list 1073741823)) (over (list 1)) (over (list 2)) (over (list 1.0)) (walk (list 0) 4)))`,
  );
  assert.equal(
    first?.out,
    '(0 -3 0.5 -1073741819.0 -1073741829.0 -1073741823 -1 0.5 0.5 11 2147483647.0 100 2 100 10)',
  );
});

test('what an entry names in any way is there: by value, in data, as a symbol, from another program', async () => {
  const [first] = await same(
    `${WARM}
    (define table (list (cons 'first car) (cons 'join string-append) (cons 'twice (lambda (x) (* 2 x)))))
    (define unused (lambda (x) (string-split x #\\space)))
    (define (of name) (cdr (assq name table)))
    (define (step x) (+ x 1))
    (warm step 1)`,
    `(define (main)
       (write (list ((of 'first) '(1 2)) ((of 'join) "a" "b") ((of 'twice) 4) (apply max '(1 5 3))))
       (write (list (eq? (string->symbol "first") 'first) (eq? (string->symbol "unused") (string->symbol "unused"))
                    (symbol->string (string->symbol "never read")) (map step '(1 2))))
       (newline))`,
  );
  assert.equal(first?.out, '(1 "ab" 8 5)(#t #t "never read" (2 3))\n');
});

test('an entry without main is evaluated anew by each call, with what it defines', async () => {
  const said = await same(
    '(define count 0) (define (next) (set! count (+ count 1)) count)',
    '(define (show x) (write x) (newline)) (show (next)) (show (vector-map next2 (vector 1)))',
  );
  assert.match(said[0]?.err ?? '', /next2/);
  assert.deepEqual(
    said.map(({ out }) => out),
    ['1\n', '2\n', '3\n'],
  );
});

test('what no entry reaches goes: the library, builtins and their functions; a kept export keeps them', async () => {
  const small = program('small.scm', '(define (main) (display "hello") (newline))');
  const options = { loads: [small], entries: [{ name: 'app', workload: small }] };
  const closed = await freeze(wasm, options);
  const loads = await freeze(wasm, { ...options, keep: ['freeze_*'] });
  assert.ok(closed.bytes.length < loads.bytes.length / 2, `${closed.bytes.length} of ${loads.bytes.length}`);
  assert.ok(closed.report.output.functions < loads.report.output.functions / 2);
  const has = (bytes: Uint8Array, name: string): boolean =>
    [...moduleNames(parse(bytes)).func.values()].some((text) => text.includes(name));
  assert.deepEqual(
    [loads, closed].map(({ bytes }) => has(bytes, '::stringSplit(')),
    [true, false],
  );
});

test('what only the interpreter could call has no code, what ran at all has, and both run', async () => {
  const source = `${WARM}
    (define (half x) (quotient x 2))
    (define (sum l) (fold + 0 (map half l)))
    (define (rare n) (if (= n 0) '() (cons (sum (list n 4)) (rare (- n 1)))))
    (define (middle n) (rare n))
    (warm sum '(2 4 6))
    (define (main) (middle 2))`;
  const asked = `(define (main) (write (list (middle 2) (sum '(1073741823 1073741823 1073741823))
    (apply half '(9)) (half 7))) (newline) (sum '(2 x)))`;
  const [first] = await same(source, asked);
  assert.equal(first?.out, '((3 2) 1610612733.0 4 3)\n');
  assert.match(first?.err ?? '', /^program\.scm:3: quotient: not a number: x/);
  const bench = program('program.scm', source);
  const { bytes } = await freeze(wasm, { warmups: [bench], entries: [{ name: 'app', workload: bench }] });
  const names = [...moduleNames(parse(bytes)).func.values()].filter((name) => name.startsWith('jit'));
  const compiled = (name: string): boolean => names.some((text) => text.includes(`.${name} `));
  assert.deepEqual(['rare', 'middle'].filter(compiled), ['rare']);
});

test('what no code defines again is constant, and names of standard procedures are these', async () => {
  const [first] = await same(
    `${WARM}
    (define name-of car) (define age-of cadr) (define pi 3.25) (define limit 10) (define greeting "hello")
    (define table (list 1 2 3))
    (define (about p) (list (name-of p) (+ (age-of p) limit) (* pi 2) greeting table))
    (define (sizes l) (map string-length l))
    (warm about '(ann 41)) (warm sizes '("a"))
    (define (main) 0)`,
    `(define (main) (write (list (about '(bob 1.5)) (sizes '("" "äö" "abc")))) (newline) (about '(eve)))`,
  );
  assert.equal(first?.out, '((bob 11.5 6.5 "hello" (1 2 3)) (0 2 3))\n');
  assert.match(first?.err ?? '', /^program\.scm:5: car: not a pair/);
});

test('a list that is made at once has its parts evaluated in order', async () => {
  const wide = Array.from({ length: 80 }, (_, i) => `,(next ${i})`).join(' ');
  const [first] = await same(`${WARM}
    (define seen '())
    (define (next x) (set! seen (cons x seen)) x)
    (define (tree) \`((a . ,(next 1)) (,(next 2) (b ,(next 3) . c)) ,@(list (next 4)) ,(next 5)))
    (define (wide) \`(${wide}))
    (define (flat) (cons (cons (next 1) (next 2)) (cons (next 3) (next 4))))
    (warm (lambda (i) (tree) (flat) (if (= 0 (remainder i 100)) (wide))) 1)
    (define (run f) (set! seen '()) (let ((value (f))) (write (list value (reverse seen))) (newline)))
    (define (main) (run tree) (run wide) (run flat))`);
  const numbers = Array.from({ length: 80 }, (_, i) => i).join(' ');
  assert.equal(
    first?.out,
    `(((a . 1) (2 (b 3 . c)) 4 5) (1 2 3 4 5))\n((${numbers}) (${numbers}))\n(((1 . 2) 3 . 4) (1 2 3 4))\n`,
  );
});

test('what one look at a value showed holds for the next, and no longer than it does', async () => {
  const [first] = await same(
    `${WARM}
    (define (third l) (car (cdr (cdr l))))
    (define (ends l) (list (car (cdr l)) (third l) (cdr (cdr (cdr l)))))
    (define (change! l) (set-cdr! (cdr l) (list 9 8)))
    (define (changed l) (let ((before (third l))) (change! l) (list before (third l))))
    (define (kind x)
      (cond ((string? x) (string-length x)) ((symbol? x) (symbol->string x)) ((vector? x) (vector-length x))
            ((char? x) (char=? x #\\a)) (else 'other)))
    (define (spaces s) (let loop ((i 0) (n 0)) (if (= i (string-length s)) n (loop (+ i 1) (if (char=? (string-ref s i) #\\space) (+ n 1) n)))))
    (warm ends '(1 2 3)) (warm (lambda (i) (changed (list i 2 3 4))) 1) (warm kind "x") (warm kind 'x) (warm spaces "a b")
    (define (main) 0)`,
    `(define (main)
      (write (list (ends '(1 2 3 . 4)) (changed (list 1 2 3 4)) (map kind (list "four" 'sym (vector 1 2) #\\a #\\b 1.5 '()))
                   (spaces "a b c") (spaces "ä ö ")))
      (newline)
      (spaces 'no))`,
  );
  assert.equal(first?.out, '((2 3 4) (3 9) (4 "sym" 2 #t #f other other) 2 2)\n');
  assert.match(first?.err ?? '', /^program\.scm:10: string-length: /);
});

test('a procedure that is given to an inlined one is called as what it is', async () => {
  const [first] = await same(
    `${WARM}
    (define (twice f x) (f (f x)))
    (define (add n) (lambda (x) (twice (lambda (y) (+ y n)) x)))
    (define add3 (add 3))
    (define (odd-one f) (f 1 2))
    (define (wrong x) (odd-one (lambda (y) y)))
    (warm add3 1)
    (define (main) 0)`,
    `(define (main) (write (list (add3 1) (add3 1.5) ((add 1073741823) 1))) (newline) (wrong 1))`,
  );
  assert.equal(first?.out, '(7 7.5 2147483647.0)\n');
  assert.match(first?.err ?? '', /takes 1 argument, got 2/);
});

test('a procedure that takes a rest is called with the list of it, from many places, and by itself', async () => {
  const [first] = await same(
    `${WARM}
    (define (show . all) (for-each display all) (newline) all)
    (define (tag name . body)
      (let ((n (length body)))
        (cond ((= n 0) (list name))
              ((number? (car body)) (set! body (cons 'number (cdr body))) (cons name body))
              ((eq? (car body) 'again) (apply tag name (cdr body)))
              ((eq? (car body) 'more) (tag name 'again 'of n))
              (else (cons n (lambda () (cons name body)))))))
    (define (use x) (list (tag x) (tag x 1) (tag x 1.5 x) (tag x 'again x) (tag x 'more 'or 'less) ((cdr (tag 'a 'b x)))))
    (define (last x) (tag x 'again 'again 2 3))
    (warm use 1) (warm last 1)
    (define (main) 0)`,
    `(define (main)
       (write (list (use 7) (last 8) (map tag '(1 2) '(3 4)) (tag 5 6 7 8)))
       (show (show 1 "two") (show))
       (tag))`,
  );
  assert.equal(
    first?.out,
    '(((7) (7 number) (7 number 7) (7 number) (2 . #<procedure lambda>) (a b 7)) (8 number 3) ((1 number) (2 number)) (5 number 7 8))' +
      '1two\n\n(1 two)()\n',
  );
  assert.match(first?.err ?? '', /^asked\.scm:4: tag: takes at least 1 argument, got 0/);
});

test('what is known of the value of a block neither saves the block nor outlives a change', async () => {
  const source = `${WARM}
    (define turns 0)
    (define (first x) (car x))
    (define (twice p) (+ (car p) (car (begin (set! turns (+ turns 1)) p))))
    (define (changed p x) (let ((before (first p))) (set-car! p x) (list (+ before 1) (first p) (+ (first p) 1))))
    (define (between a b) (- (if (> (first a) 100) (- (first a) (quotient (first a) 10)) (first a)) (first b)))
    (warm twice '(1)) (warm (lambda (x) (changed (list x) x)) 1) (warm (lambda (x) (between '(200) '(1))) 1)
    (define (main) 0)`;
  const [first] = await same(
    source,
    `(set! turns 0)
     (write (list (twice (list 2 3)) turns (changed (list 1) 7) (changed (list 1.5) 2.5) (between '(200) '(1.5)) (between '(-1073741824) '(1))))
     (changed (list 1) 'x)`,
  );
  assert.equal(first?.out, '(4 1 (2 7 8) (2.5 2.5 3.5) 178.5 -1073741825.0)');
  assert.match(first?.err ?? '', /^program\.scm:6: \+: not a number: x$/m);
});

test('procedures that call none ask for no collection; who calls them again and again does', async () => {
  const source = `
    (define (some x) (list x x x x x x x x))
    (define (others x) (vector->list (make-vector 8 x)))
    (define (repeat f n) (if (> n 0) (begin (f n) (repeat f (- n 1)))))
    (do ((i 0 (+ i 1))) ((= i 100)) (repeat some 20) (repeat others 20))
    (define (main) (repeat some 500000) (repeat others 500000))`;
  const { exports } = await sealed(source, { entry: true, seal: true });
  for (let turn = 0; turn < 3; turn++) call(exports, 'app');
  const { memory } = exports;
  assert.ok(memory instanceof WebAssembly.Memory);
  assert.ok(memory.buffer.byteLength < 64 << 20, `${memory.buffer.byteLength} bytes`);
});

test('builtins that cannot fail for what is known of their arguments fail for others', async () => {
  const source = `${WARM}
    (define (name x)
      (if (symbol? x) (symbol->string x) (if (number? x) (number->string x) (string-downcase (string-append x "!")))))
    (define (words s)
      (string-split (string-trim s) #\\-))
    (define (within s sub)
      (list (string-index s #\\b) (string-index s sub)
            (string=? s sub)))
    (define (padded s n c)
      (list (string-pad-left s n c) (string-pad-left (string-upcase s) n
                                                     c)))
    (define (digits s)
      (string->number (if (string=? s "") "0" s)))
    (define (main) 0)
    (for-each (lambda (f) (warm f "ab")) (list name words digits))
    (warm (lambda (x) (within x "b") (padded x 4 #\\space)) "ab")`;
  const [first] = await same(
    source,
    `(write (list (name 'A) (name 1.5) (name "λA") (words " a-b ") (words "") (within "abc" "bc") (padded "b" 3 #\\λ) (digits "") (digits "12")))`,
  );
  assert.equal(first?.out, '("A" "1.5" "λa!" ("a" "b") ("") (1 1 #f) ("λλb" "λλB") 0 12)');
  for (const [asked, message] of [
    ["(name '(a))", '4: string-append: not a string: (a)'],
    ['(words 5)', '6: string-trim: not a string: 5'],
    ['(within \'abc "b")', '8: string-index: not a string: abc'],
    ['(within "abc" 5)', '8: string-index: not a character or string: 5'],
    ['(within "abc" #\\b)', '9: string=?: not a string: #\\b'],
    ['(padded 1 2 #\\a)', '11: string-pad-left: not a string: 1'],
    ['(padded "a" "2" #\\a)', '11: string-pad-left: not a length: "2"'],
    ['(padded "a" 2 "a")', '11: string-pad-left: not a character: "a"'],
    ['(digits 12)', '14: string=?: not a string: 12'],
  ] as const) {
    const [one] = await same(source, asked);
    assert.equal(one?.err, `program.scm:${message}\n`, asked);
  }
});

test('what a loop collects is a list, unless somebody else has it; what is no list to go through is an error', async () => {
  const source = `${WARM}
    (define (doubles l) (map (lambda (x) (* x 2)) l))
    (define (evens l)
      (filter even? l))
    (define last 0)
    (define (keep! x) (set! last x) x)
    (define (shared l)
      (let loop ((rest l) (done '()))
        (if (pair? rest)
            (loop (cdr rest) (cons (car rest) (keep! done)))
            (begin (if (pair? last) (set-cdr! last 5))
                   (reverse done)))))
    (define (main) 0)
    (warm doubles '(1 2)) (warm evens '(1 2)) (warm shared '(1))`;
  const [first] = await same(
    source,
    `(set! last 0)
     (write (list (doubles '(1 2 3)) (doubles '(1.5 536870912)) (doubles '()) (evens '(1 2 4)) (shared '(1))))
     (shared '(1 2))`,
  );
  assert.equal(first?.out, '((2 4 6) (3.0 1073741824.0) () (2 4) (1))');
  assert.match(first?.err ?? '', /^program\.scm:13: reverse: not a list: \(2 1 \. 5\)$/m);
  const [bad] = await same(source, "(evens '(2 . 4))");
  assert.equal(bad?.err, 'program.scm:5: filter: not a list: (2 . 4)\n');
});

test('where the stack is full, the error has the line of the outermost call, also of inlined ones', async () => {
  const [first] = await same(
    `${WARM}
    (define (deep n) (if (= n 0) 0 (+ 1 (deep (- n 1)))))
    (define (small x)
      (+ (deep x)
         0))
    (define (use x)
      (+ (small x)
         (small 1)))
    (warm use 1)
    (define (main) 0)`,
    `(define (main) (write (use 3)) (use 1000000))`,
  );
  assert.equal(first?.out, '4');
  assert.equal(first?.err, 'program.scm:8: stack overflow: the recursion is too deep\n');
});
