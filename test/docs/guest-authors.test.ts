// docs/guest-authors.md, followed to the letter: its files are written, its commands run in a shell,
// and what they print is what the page says (`...` there stands for anything).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const page = readFileSync(join(root, 'docs', 'guest-authors.md'), 'utf8');
const scratch = mkdtempSync(join(tmpdir(), 'freeze-doc-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

interface Block {
  /** What stands after the three backticks: `sh`, `c file=sum.c`, `text output`. */
  readonly info: string;
  readonly text: string;
}

const blocks: readonly Block[] = [...page.matchAll(/^```(.+)\n([\s\S]*?)^```$/gm)].map(
  ([, info = '', text = '']) => ({ info, text }),
);

/** What `npm install` would have made; `npx` is the real one's short cut to what is installed. */
function install(): void {
  const modules = join(scratch, 'node_modules');
  mkdirSync(modules);
  symlinkSync(root, join(modules, 'freeze'), 'junction');
  symlinkSync(join(root, 'node_modules', '@yowasp'), join(modules, '@yowasp'), 'junction');
  const npx = join(scratch, 'npx');
  writeFileSync(
    npx,
    `#!/bin/sh\n[ "$1" = freeze ] && shift && exec "${process.execPath}" "${join(root, 'dist/src/cli/main.js')}" "$@"\n`,
  );
  chmodSync(npx, 0o755);
}

function shell(command: string): string {
  const path = [scratch, join(process.execPath, '..'), process.env['PATH']].join(delimiter);
  const env = { PATH: path, HOME: process.env['HOME'] ?? scratch };
  const { status, stdout } = spawnSync('sh', ['-ec', `exec 2>&1\n${command}`], {
    cwd: scratch,
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0, `${command}${stdout}`);
  // What takes long is told with its time, on a slow machine only.
  return stdout.replace(/^[a-z ]+: \d+\.\d s\n/gm, '');
}

function matches(expected: string): RegExp {
  const escaped = expected.split('...').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('[\\s\\S]*')}$`);
}

test('every step of docs/guest-authors.md does what the page says', { timeout: 300_000 }, () => {
  let printed = '';
  for (const { info, text } of blocks) {
    const file = / file=(.+)$/.exec(info)?.[1];
    if (file !== undefined) writeFileSync(join(scratch, file), text);
    else if (text.startsWith('npm install')) install();
    else if (info === 'sh') printed = shell(text);
    else if (info === 'text output') assert.match(printed, matches(text));
    else assert.fail(`a block that no step knows: ${info}`);
  }
  assert.ok(printed.length > 0);
});

test('the page has no option that freeze does not know', () => {
  const help = ['build', 'run'].map((command) => {
    const { stdout } = spawnSync(process.execPath, [join(root, 'dist/src/cli/main.js'), command, '--help'], {
      encoding: 'utf8',
    });
    return stdout;
  });
  const named = [...page.matchAll(/(?<=[ `])--[a-z][a-z-]+/g)].map(([option]) => option);
  assert.ok(named.length > 5);
  for (const option of named) assert.ok(help.join('').includes(option), option);
});
