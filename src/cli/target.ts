/** `--target NAME`: the output is one that a host takes, or it is not written. */
import { gzipSync } from 'node:zlib';
import { notForTarget } from '../errors/unsupported.ts';
import { unknownValue } from '../errors/usage.ts';
import { findingsFor, isTarget, TARGETS, type TargetName } from '../targets.ts';
import { parse } from '../wasm/parse.ts';

export function targetNameOf(text: string): TargetName {
  if (isTarget(text)) return text;
  throw unknownValue('--target', text, Object.keys(TARGETS));
}

/** Throws an UnsupportedError that names all that stands in the way. */
export function checkTarget(name: TargetName, bytes: Uint8Array): void {
  const findings = findingsFor(name, parse(bytes), bytes.length, gzipSync(bytes).length);
  if (findings.length > 0) throw notForTarget(TARGETS[name].what, findings);
}
