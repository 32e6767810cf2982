// Shell completion: the scripts are run by the shells that are there.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { COMMANDS } from '../../src/cli/commands.ts';
import { cli, errorLine, folder, good } from './cli.ts';

async function script(shell: string): Promise<string> {
  return (await good(['completion', shell])).stdout.toString();
}

/** What bash would offer for a line whose last word is being typed. */
function offered(bash: string, line: readonly string[]): readonly string[] {
  const words = line.map((word) => `'${word}'`).join(' ');
  const ask = `COMP_WORDS=(${words}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _freeze; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `${bash}\n${ask}`], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash completes commands and options, and leaves files to itself', async () => {
  const bash = await script('bash');
  assert.deepEqual(offered(bash, ['freeze', 'bu']), ['build']);
  assert.deepEqual(
    offered(bash, ['freeze', '']).filter((word) => !word.startsWith('-')),
    COMMANDS.map((one) => one.name),
  );
  assert.deepEqual(offered(bash, ['freeze', 'build', 'x.wasm', '--warm']), ['--warmup']);
  const inspect = COMMANDS.find((one) => one.name === 'inspect')?.options ?? {};
  assert.deepEqual(offered(bash, ['freeze', 'inspect', '--']), [
    ...Object.keys(inspect).map((name) => `--${name}`),
    '--help',
  ]);
  assert.deepEqual(offered(bash, ['freeze', 'build', 'x']), []);
  assert.deepEqual(offered(bash, ['freeze', 'build', 'x.wasm', '--target', 'w']), ['wasmtime']);
  assert.deepEqual(offered(bash, ['freeze', 'completion', '']), ['bash', 'zsh', 'fish']);
});

test('zsh and fish take their scripts, where they are there', async (t) => {
  const cwd = folder();
  for (const shell of ['zsh', 'fish']) {
    const text = await script(shell);
    for (const { name, options } of COMMANDS)
      for (const option of Object.keys(options))
        assert.ok(text.includes(option), `${shell}: ${name} --${option}`);
    writeFileSync(join(cwd, shell), text);
    const check = spawnSync(shell, ['-n', shell], { cwd, encoding: 'utf8' });
    if (check.error !== undefined) t.diagnostic(`not at hand: ${shell}`);
    else assert.equal(check.status, 0, `${shell}: ${check.stderr}`);
  }
});

test('fish offers what fits, where it is there', async (t) => {
  const cwd = folder({ script: await script('fish') });
  const offers = (line: string): readonly string[] | undefined => {
    const run = spawnSync('fish', ['-c', `source script; complete -C '${line}'`], { cwd, encoding: 'utf8' });
    return run.error === undefined
      ? run.stdout.split('\n').map((one) => one.split('\t')[0] ?? '')
      : undefined;
  };
  const commands = offers('freeze bu');
  if (commands === undefined) return t.diagnostic('not at hand: fish');
  assert.ok(commands.includes('build'));
  assert.ok(offers('freeze build --warm')?.includes('--warmup'));
  assert.deepEqual(offers('freeze build --optimize f'), ['fast', '']);
});

test('the values that shells and editors offer are all that an option takes', async () => {
  const cwd = folder({ 'guest.wasm': '' });
  for (const [name, { values }] of Object.entries(
    COMMANDS.find((one) => one.name === 'build')?.options ?? {},
  )) {
    if (values === undefined) continue;
    const { code, stderr } = await cli(['build', 'guest.wasm', `--${name}`, 'no such value'], { cwd });
    assert.equal(code, 2, stderr);
    const [line = ''] = stderr.split(' [option]');
    const told = /: it is (?:one of )?(.*)$/.exec(line)?.[1]?.split(/, | or /);
    assert.deepEqual(told?.toSorted(), values.toSorted(), `--${name}: ${stderr}`);
  }
});

test('another shell is told which there are', async () => {
  const { code, stderr } = await cli(['completion', 'tcsh']);
  assert.equal(code, 2);
  errorLine(stderr, /completion tcsh: it is for bash, zsh, fish/);
});
