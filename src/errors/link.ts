// Auxiliary modules that do not fit: for the author of a JIT.
import { LinkError } from './classes.ts';

const AUX_HINT = '--skip-bad-modules leaves such modules out and reports them';

export function unmapped(kind: string, index: number, place: string): LinkError {
  return new LinkError('unmapped', `${place} names ${kind} ${index}, which is not part of the linked module`);
}

export function unresolvedImport(aux: string, module: string, name: string, why: string): LinkError {
  return new LinkError(
    'unresolved-import',
    `auxiliary module ${aux} imports "${module}" "${name}", ${why}`,
    'an auxiliary module may import what the guest exports ("env" NAME), slots ("slot" N), what the guest imports, and exports of earlier auxiliary modules',
  );
}

export function auxInvalid(aux: string, message: string): LinkError {
  return new LinkError('aux-invalid', `auxiliary module ${aux} is not valid: ${message}`, AUX_HINT);
}

export function auxTrapped(aux: string, message: string): LinkError {
  return new LinkError(
    'aux-trapped',
    `auxiliary module ${aux} trapped while it was patched in: ${message}`,
    AUX_HINT,
  );
}

/** It needs more than the engine has. */
export function auxTooLarge(aux: string, message: string): LinkError {
  return new LinkError('aux-limit', `auxiliary module ${aux}: ${message}`, AUX_HINT);
}
