// Brings the real modules of test/real/modules.json that are not in the repository's own node_modules.
//
//     node scripts/real-modules.mjs            all of them, about 300 MB on disk
//     node scripts/real-modules.mjs --small    those under 3 MB
//
// Each package is installed at its pinned version into a folder of its own under .cache/real-modules/, so that
// one that cannot be had does not keep the others away; one that is there already is left alone. Install
// scripts never run. The exit code is 1 if something is missing in the end.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, '.cache', 'real-modules');
const modules = JSON.parse(readFileSync(join(root, 'test', 'real', 'modules.json'), 'utf8'));

/** A module without a version is the repository's own dependency. */
const folderOf = ({ package: name, version }) =>
  version === undefined ? root : join(cache, `${name.replaceAll('/', '+')}@${version}`);

const pathOf = (module) => join(folderOf(module), 'node_modules', module.package, module.path);

function install(module) {
  const folder = folderOf(module);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--save-exact',
    ...(module.flags ?? []),
  ];
  const run = spawnSync('npm', [...args, `${module.package}@${module.version}`], {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (run.status === 0) return undefined;
  rmSync(folder, { recursive: true, force: true });
  const complaint = `${run.error?.message ?? ''}${run.stderr ?? ''}`
    .split('\n')
    .find((line) => /error/iu.test(line));
  return complaint ?? `npm ended with ${run.status}`;
}

const small = process.argv.includes('--small');
const failed = new Set();
for (const module of modules) {
  if (small && module.large) continue;
  let problem;
  if (!existsSync(pathOf(module)) && module.version !== undefined && !failed.has(module.package)) {
    console.log(`${module.name}: installing ${module.package} ${module.version}`);
    problem = install(module);
  }
  if (existsSync(pathOf(module))) {
    console.log(`${module.name}: ${(statSync(pathOf(module)).size / 1e6).toFixed(1)} MB`);
    continue;
  }
  failed.add(module.package);
  problem ??=
    module.version === undefined
      ? 'run npm install first'
      : `${module.package} ${module.version} has no ${module.path}`;
  console.log(`${module.name}: could not be had: ${problem}`);
}
process.exitCode = failed.size === 0 ? 0 : 1;
