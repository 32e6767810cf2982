// The documents: links lead somewhere, options are ones that freeze knows, and the generated page is up
// to date.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../../src/cli/commands.ts';
import { optionsPage } from '../../src/cli/options-page.ts';
import { root } from '../engines/places.ts';

const pages: readonly string[] = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
  ...readdirSync(join(root, 'guests')).flatMap((name) => {
    const page = `guests/${name}/README.md`;
    return existsSync(join(root, page)) ? [page] : [];
  }),
];

function read(page: string): string {
  return readFileSync(join(root, page), 'utf8');
}

/** As GitHub makes them of headings; and those that stand there. */
function anchors(text: string): ReadonlySet<string> {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = '']) => id)]);
}

test('every link of the documents leads somewhere', () => {
  let links = 0;
  for (const page of pages) {
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      links++;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : join(dirname(page), path);
      assert.ok(existsSync(join(root, file)), `${page}: ${target}`);
      if (anchor !== undefined && file.endsWith('.md'))
        assert.ok(anchors(read(file)).has(anchor), `${page}: ${target} has no such heading`);
    }
  }
  assert.ok(links > 20);
});

test('lines of freeze in the documents have options that there are', () => {
  const known = new Map(COMMANDS.map(({ name, options }) => [name, options]));
  let seen = 0;
  for (const page of pages) {
    const text = read(page).replaceAll('\\\n', ' ');
    for (const [, command = '', rest = ''] of text.matchAll(/\bfreeze ([a-z]+)((?: [^\n`|]*)?)/g)) {
      const options = known.get(command);
      if (options === undefined) continue;
      // Behind another command, or behind --, options are not ours.
      const own = rest.split(/ -- | && | \| |;|freeze /)[0] ?? '';
      for (const [, option = ''] of own.matchAll(/(?:^|[\s[(])--([a-z][a-z-]*)/g)) {
        seen++;
        assert.ok(
          option === 'help' || Object.hasOwn(options, option),
          `${page}: freeze ${command} --${option}`,
        );
      }
    }
  }
  assert.ok(seen > 30);
});

test('docs/options.md is what the table says', () => {
  assert.ok(read('docs/options.md') === optionsPage(), 'npm run schema writes it anew');
});
