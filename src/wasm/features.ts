/**
 * The features of WebAssembly that a module can use, under the names that tools know them by.
 * The opcode table gives each instruction its feature; types and limits bring the rest.
 */
export const FEATURES = [
  'mvp',
  'sign-extension',
  'saturating-float-to-int',
  'mutable-globals',
  'multi-value',
  'bulk-memory',
  'reference-types',
  'simd',
  'relaxed-simd',
  'threads',
  'tail-call',
  'extended-const',
  'multi-memory',
  'memory64',
  'table64',
  'exceptions',
  'legacy-exceptions',
  'function-references',
  'gc',
] as const;
export type Feature = (typeof FEATURES)[number];
