/** Patterns in options: `*` stands for any characters. */

export type Pattern = (text: string) => boolean;

export function glob(pattern: string): Pattern {
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const whole = new RegExp(`^${escaped.join('.*')}$`, 's');
  return (text) => whole.test(text);
}

/** Whether one of the patterns fits. */
export function anyGlob(patterns: readonly string[]): Pattern {
  const all = patterns.map(glob);
  return (text) => all.some((fits) => fits(text));
}
