// Traps in one language. The spec fixes when a module traps, not the words, and V8 and wasmtime say it
// differently, and from version to version; a test compares the kinds below. Where one engine cannot
// tell two traps apart, neither do the kinds: V8 12 has one message for a null and for a mistyped table
// slot, and wasmtime one for the overflow of a division and of a conversion.

const KINDS: readonly (readonly [kind: string, messages: RegExp])[] = [
  ['unreachable', /unreachable/],
  ['integer divide by zero', /(divide|division|remainder) by zero/],
  ['integer unrepresentable', /unrepresentable|integer overflow|invalid conversion to integer/],
  [
    'out of bounds table access',
    /table index is out of bounds|table (access|element)|undefined element|element segment/,
  ],
  ['indirect call', /null function|signature mismatch|indirect call type mismatch|uninitialized element/],
  ['out of bounds array access', /array element access|array access|out of bounds array/],
  ['out of bounds memory access', /memory access out of bounds|memory fault|out of bounds memory|segment/],
  ['allocation too large', /too large/],
  ['call stack exhausted', /call stack/],
  ['null reference', /null reference|null pointer/],
  ['cast failure', /illegal cast|cast failure/],
  ['uncaught exception', /uncaught exception|thrown Wasm exception/],
  ['unaligned atomic', /unaligned/],
];

export function trapKind(message: string): string {
  // wasmtime prints a backtrace around it, with the guest's own function names.
  const said = /wasm trap: (.*)/.exec(message)?.[1] ?? message;
  const found = KINDS.find(([, messages]) => messages.test(said));
  return found === undefined ? `other: ${said}` : found[0];
}
