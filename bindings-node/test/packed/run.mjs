// Tests what would be published: packs it, installs the tarballs into folders outside of the repository, once without the
// platform's addon, and runs the tests of this folder on them. Words on the command line choose tests by their file's name.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'stanchion-packed-'));

/** A program's folder with the tarballs installed: from an empty cache and without the network. */
function install(name, tarballs) {
  const app = join(folder, name);
  mkdirSync(app);
  cpSync(join(here, 'programs'), app, { recursive: true });
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true }));
  const flags = ['--offline', '--no-audit', '--no-fund', '--loglevel=error', '--cache', join(folder, 'cache')];
  execFileSync('npm', ['install', ...flags, ...tarballs], { cwd: app, stdio: ['ignore', 'ignore', 'inherit'] });
  for (const peer of PEERS) {
    mkdirSync(join(app, 'node_modules', peer, '..'), { recursive: true });
    symlinkSync(join(root, 'node_modules', peer), join(app, 'node_modules', peer), 'dir');
  }
}

/** What the user of an entry has, and the types that it wants: the repository's own, which are no part of what is tested. */
const PEERS = ['@opentelemetry/api', '@types/express', '@types/node', 'express', 'fastify', 'hono', 'prom-client'];

/** Beside the programs: the vectors, who replays them, and the digests that the repository's own build computes. */
function addVectors(app) {
  for (const file of ['replay.mjs', 'json.mjs']) cpSync(join(root, 'bindings-wasm/test', file), join(app, file));
  const vectors = join(root, 'core/vectors');
  const files = readdirSync(vectors, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.json') && !name.endsWith('.schema.json'))
    .map((name) => ({ prefix: name.replace(/\.json$/, ''), text: readFileSync(join(vectors, name), 'utf8') }))
    // The steps of a spool are no part of the published WebAssembly: see core/vectors/README.md.
    .filter(({ text }) => !text.includes('"spool": ['));
  writeFileSync(join(app, 'vectors.json'), JSON.stringify(files));
  execFileSync(process.execPath, [join(root, 'bindings-wasm/test/vectors.mjs'), join(folder, 'digests.txt')], { stdio: ['ignore', 'ignore', 'inherit'] });
}

try {
  const pack = join(here, '../../scripts/pack.mjs');
  const tarballs = execFileSync(process.execPath, [pack, join(folder, 'tarballs')], { encoding: 'utf8' }).trim().split('\n');
  install('with-addon', tarballs);
  addVectors(join(folder, 'with-addon'));
  install('without-addon', tarballs.slice(0, 1));
  const words = process.argv.slice(2);
  const tests = readdirSync(here).filter((file) => file.endsWith('.test.mjs') && (words.length === 0 || words.some((word) => file.includes(word))));
  const env = { ...process.env, STANCHION_PACKED: folder };
  process.exitCode = spawnSync(process.execPath, ['--test', ...tests.map((file) => join(here, file))], { env, stdio: 'inherit' }).status;
} finally {
  rmSync(folder, { recursive: true });
}
