/**
 * Markup as text. What stands in a module is its author's to choose, so every text and attribute is
 * escaped here, and nowhere else is markup put together by hand.
 */

/** Markup that is safe to put into a page. */
export interface Markup {
  readonly markup: string;
}

type Attributes = Readonly<Record<string, string | number>>;
type Child = Markup | string;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
/** XML takes no other controls, and those that change the direction of text mislead. */
const UNPRINTABLE = /[^\P{Cc}\t\n]|\p{Cf}/gu;

function escaped(text: string): string {
  return text.replace(UNPRINTABLE, '\u{fffd}').replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}

const VOID = new Set(['meta', 'br']);

export function element(name: string, attributes: Attributes, ...children: readonly Child[]): Markup {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`);
  const open = `<${name}${written.join('')}>`;
  const inner = children.map((child) => (typeof child === 'string' ? escaped(child) : child.markup)).join('');
  return { markup: VOID.has(name) ? open : `${open}${inner}</${name}>` };
}

/** Text that stands as it is: a style sheet of ours. */
export function verbatim(text: string): Markup {
  return { markup: text };
}

/** A picture, `width` by `height` in its own units, that grows with the page; `label` is what it says, `of` a class. */
export function picture(
  { width, height, of = '' }: { readonly width: number; readonly height: number; readonly of?: string },
  label: string,
  ...children: readonly Child[]
): Markup {
  const box = { class: of, viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label };
  return element('svg', { xmlns: 'http://www.w3.org/2000/svg', ...box }, ...children);
}

/** A picture as wide as where it stands, whose children are placed in percent across and in pixels down. */
export function fluid(height: number, label: string, ...children: readonly Child[]): Markup {
  const box = { width: '100%', height, role: 'img', 'aria-label': label, class: 'fluid' };
  return element('svg', { xmlns: 'http://www.w3.org/2000/svg', ...box }, ...children);
}

export function percent(share: number): string {
  return `${Math.round(share * 10_000) / 100}%`;
}

/** One digit behind the point is finer than any screen. */
export function unit(value: number): string {
  return String(Math.round(value * 10) / 10);
}
