// Tests what would be published: packs it, installs the tarballs into folders outside of the repository, once without the
// platform's addon, and runs the tests of this folder on them. Words on the command line choose tests by their file's name.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'stanchion-packed-'));

/** A program's folder with the tarballs installed: from an empty cache and without the network. */
function install(name, tarballs) {
  const app = join(folder, name);
  mkdirSync(app);
  cpSync(join(here, 'programs'), app, { recursive: true });
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true }));
  const flags = ['--offline', '--no-audit', '--no-fund', '--loglevel=error', '--cache', join(folder, 'cache')];
  execFileSync('npm', ['install', ...flags, ...tarballs], { cwd: app, stdio: ['ignore', 'ignore', 'inherit'] });
}

try {
  const pack = join(here, '../../scripts/pack.mjs');
  const tarballs = execFileSync(process.execPath, [pack, join(folder, 'tarballs')], { encoding: 'utf8' }).trim().split('\n');
  install('with-addon', tarballs);
  install('without-addon', tarballs.slice(0, 1));
  const words = process.argv.slice(2);
  const tests = readdirSync(here).filter((file) => file.endsWith('.test.mjs') && (words.length === 0 || words.some((word) => file.includes(word))));
  const env = { ...process.env, STANCHION_PACKED: folder };
  process.exitCode = spawnSync(process.execPath, ['--test', ...tests.map((file) => join(here, file))], { env, stdio: 'inherit' }).status;
} finally {
  rmSync(folder, { recursive: true });
}
