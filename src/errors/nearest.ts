/** Did you mean: the known word that is nearest to one that is not, and hints that say so. */

/** The word that is at most a third of its letters away. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((one) => ({ one, distance: distance(word, one) }))
    .filter(({ one, distance }) => distance <= Math.ceil(one.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.one;
}

/** Levenshtein's: insertions, deletions, replacements. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

/** A hint, where a known word is near. */
export function didYouMean(word: string, known: readonly string[]): string | undefined {
  const near = nearest(word, known);
  return near === undefined ? undefined : `did you mean ${near}?`;
}

/** A hint lists so many names; a module may have thousands. */
const MOST_LISTED = 12;

/** `did you mean main? it exports main, other`: the names there are, behind `has`. */
export function hintFor(word: string, known: readonly string[], has: string, none: string): string {
  if (known.length === 0) return none;
  const near = nearest(word, known);
  return `${near === undefined ? '' : `did you mean ${near}? `}${listed(known, has)}`;
}

export function listed(known: readonly string[], has: string): string {
  return `${has} ${known.slice(0, MOST_LISTED).join(', ')}${known.length > MOST_LISTED ? ', ...' : ''}`;
}
