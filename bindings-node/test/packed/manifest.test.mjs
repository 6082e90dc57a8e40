// What the packed packages say of themselves, and what tools that check packages say of them.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

import { PLATFORMS, platform } from '../../dist/platform.js';
import { WASM, installed, said, tarball, tool, withAddon } from './support.mjs';

const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
const addon = JSON.parse(readFileSync(join(installed, `../stanchion-${platform()}/package.json`), 'utf8'));
const files = readdirSync(installed, { recursive: true, encoding: 'utf8' });

test('publint finds nothing', async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true });
  assert.deepEqual(messages.map((message) => formatMessage(message, pkg)), []);
});

test('are the types wrong? no', async () => {
  const { problems } = await said(withAddon, tool('attw'), tarball, '--profile', 'node16', '--format', 'json');
  // TypeScript's resolution of the days before `exports`, which newer compilers do not have any more.
  const found = Object.values(problems).flat().filter(({ resolutionKind }) => resolutionKind !== 'node10');
  assert.deepEqual(found, []);
});

test('each platform has its package, of the same version, and nothing runs at an installation', () => {
  const wanted = Object.fromEntries(PLATFORMS.map((name) => [`stanchion-${name}`, manifest.version]));
  assert.deepEqual(manifest.optionalDependencies, wanted);
  assert.equal(addon.version, manifest.version);
  for (const { scripts, dependencies } of [manifest, addon]) assert.deepEqual([scripts, dependencies], [undefined, undefined]);
});

test('all packages say where they come from: from where the crates do', () => {
  const [, repository] = readFileSync(new URL('../../../Cargo.toml', import.meta.url), 'utf8').match(/^repository = "(.*)"$/m);
  for (const { repository: found, homepage, bugs, author } of [manifest, addon]) {
    assert.deepEqual(found, { type: 'git', url: `git+${repository}.git`, directory: 'bindings-node' });
    assert.deepEqual([homepage, bugs.url, typeof author], [`${repository}#readme`, `${repository}/issues`, 'string']);
  }
});

test('what an entry wants from its user is an optional peer', () => {
  const peers = Object.keys(manifest.peerDependencies);
  assert.deepEqual(peers, ['@opentelemetry/api', 'express', 'fastify', 'hono', 'prom-client']);
  for (const peer of peers) assert.equal(manifest.peerDependenciesMeta[peer].optional, true);
});

test('the licences and what the README shows are in the package', () => {
  for (const name of ['LICENSE-APACHE', 'LICENSE-MIT', 'README.md']) assert(files.includes(name), name);
  assert.doesNotMatch(readFileSync(join(installed, 'README.md'), 'utf8'), /npm ci|in the repository/, 'nothing of how it was built');
});

test('source maps carry their sources, and the bytes of the engine are in none', () => {
  const maps = files.filter((name) => name.endsWith('.map'));
  assert(maps.length > 10);
  for (const name of maps) {
    const { sources, sourcesContent = [] } = JSON.parse(readFileSync(join(installed, name), 'utf8'));
    assert(sourcesContent.length === sources.length && sourcesContent.every((text) => typeof text === 'string'), name);
    assert(sourcesContent.every((text) => !text.includes(WASM)), name);
  }
});
