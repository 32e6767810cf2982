// What a build does all the same, and who reads of it may want otherwise. A warning has what an error has:
// what and where in one line, what to do, and a code that is stable. They are values, not thrown.

export interface Warning {
  readonly code: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

function warning(code: string, message: string, hint: string): Warning {
  return { code, message, hint };
}

// ---- the guest -----------------------------------------------------------------------------------

/** `error` is why: its own code is that of the error which the build would have ended with. */
export function moduleLeftOut(error: string): Warning {
  return warning(
    'module-left-out',
    `left out: ${error}`,
    'the frozen module does without this code, as the guest did; that it was made is a bug of the JIT',
  );
}

export function stillNewCode(rounds: number): Warning {
  return warning(
    'rounds',
    `the guest still made new code in round ${rounds}`,
    '--rounds N allows more; a guest that is never done compiles the same again and again',
  );
}

export function frozenBefore(): Warning {
  return warning(
    'frozen-before',
    'the guest is a frozen module already, and not an open one: code that it makes now may have nobody to link it',
    'build it with --open where it is to be frozen again',
  );
}

export function frozenByOther(version: string, own: string): Warning {
  return warning(
    'other-version',
    `the guest was frozen by freeze ${version}, and this is ${own}: its hook and entries stay as that version made them`,
    'freeze the original guest to be sure',
  );
}

/** The two that are compared are not of one kind: a difference may say nothing of either. */
export function madeOfOther(): Warning {
  return warning(
    'other-guest',
    'the frozen module was made of another guest: their SHA-256 differ',
    'freeze inspect tells the SHA-256 of the guest that it was made of',
  );
}

export function madeByOther(version: string, own: string): Warning {
  return warning(
    'other-version',
    `the frozen module was made by freeze ${version}, and this is ${own}`,
    'compare with the version that made it, or freeze the guest again',
  );
}

/** `uses` are instructions with their functions. */
export function relaxedSimd(uses: readonly string[]): Warning {
  const shown = uses.slice(0, 3).join(', ') + (uses.length > 3 ? ` and ${uses.length - 3} more` : '');
  return warning(
    'relaxed-simd',
    `what it computes with these may differ from machine to machine: ${shown}`,
    'what the warm-up computed is in the snapshot as this machine gave it; build the guest without relaxed SIMD where that matters',
  );
}

export function stackNotWiped(why: string): Warning {
  return warning(
    'stack-not-wiped',
    `the stack was not wiped: ${why}`,
    'export __stack_pointer and __stack_low from the guest (docs/debugging.md), or leave --wipe-stack out',
  );
}

/** Files that the guest wrote, by their paths. */
export function filesNotKept(paths: readonly string[]): Warning {
  const shown = paths.slice(0, 8).join(', ') + (paths.length > 8 ? `, and ${paths.length - 8} more` : '');
  const [were, are] = paths.length === 1 ? ['was', 'is'] : ['were', 'are'];
  return warning(
    'files-not-kept',
    `${shown} ${were} written before the snapshot, and ${are} not in the frozen module`,
    'a module has no files: keep in memory what it is to know; --wasi node with --dir writes to the disk',
  );
}

// ---- what goes -----------------------------------------------------------------------------------

export function debugLeftOut(section: string, why: string): Warning {
  return warning(
    'debug-left-out',
    `left out, as the code has moved: ${section} (${why})`,
    'DWARF 4 and 5 are brought along (docs/debugging.md); a sealed module keeps its code in place with --debug',
  );
}

export function sourceMapLeftOut(section: string): Warning {
  return warning(
    'source-map-left-out',
    `left out, as the code has moved: ${section}`,
    '--source-map FILE carries it over',
  );
}

export function linkerSectionLeftOut(section: string): Warning {
  return warning(
    'linker-left-out',
    `left out, as it is of the guest's own segments: ${section}`,
    'only a linker reads it: give the linked guest, without --emit-relocs and -r, and nothing is left out',
  );
}

// ---- what stays ----------------------------------------------------------------------------------

/** `places` say where, `remedy` what keeps it out. */
export function valueInModule(name: string, places: string, remedy: string): Warning {
  return warning('value-in-module', `${name} stands in the module, at ${places}`, remedy);
}

// ---- measuring -----------------------------------------------------------------------------------

export function notMeasured(why: string): Warning {
  return warning(
    'not-measured',
    `nothing was measured (--measure): ${why}`,
    'freeze bench times any export, on every engine at hand',
  );
}

// ---- the cache -----------------------------------------------------------------------------------

export function notCached(why: string): Warning {
  return warning('not-cached', `not cached: ${why}`, 'leave --cache out for this build, or that option');
}

export function cacheUnread(why: string): Warning {
  return warning(
    'cache-read',
    `cannot read the cache: ${why}`,
    'it was built anew; see who may read the folder',
  );
}

export function cacheDamaged(path: string): Warning {
  return warning('cache-damaged', `the cache is damaged: ${path}`, 'it was built anew, and written anew');
}

export function cacheUnwritten(why: string): Warning {
  return warning(
    'cache-write',
    `cannot write the cache: ${why}`,
    'the output is written all the same; give --cache a folder that can be written',
  );
}
