// What a bundle takes along: what is used, and neither the engine nor the addon beyond that.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

import { build } from 'esbuild';

import { BUNDLERS } from './bundlers.mjs';
import { WASM, installed, withAddon } from './support.mjs';

const ADDON = /stanchion-\$|createRequire|\.node\b/;
/** The host layer, and what the bytes as text cost beyond the bytes: a twentieth of the module. */
const LARGEST_BESIDE_THE_MODULE = 24_600;
/** What the errors need, which the program that is shaken uses. */
const LARGEST_SHAKEN = 2500;

async function bundled(bundle, entry) {
  const out = join(withAddon, `${bundle.name}-${entry}`);
  await bundle(withAddon, entry, out);
  return readFileSync(join(out, 'page.js'), 'utf8');
}

for (const bundle of Object.values(BUNDLERS)) {
  test(`${bundle.name} leaves out what is not used`, async () => {
    const all = await bundled(bundle, 'page.mjs');
    assert(all.includes(WASM) && !ADDON.test(all));
    const shaken = await bundled(bundle, 'shaken.mjs');
    assert(!shaken.includes(WASM) && shaken.length <= LARGEST_SHAKEN, `${shaken.length} characters`);
  });
}

test('all of the package in one minified file is little more to download than the module', async () => {
  const gzipped = (content) => gzipSync(content, { level: 9 }).length;
  const more = gzipped(await bundled(BUNDLERS.esbuild, 'everything.mjs')) - gzipped(readFileSync(join(installed, 'bundle/stanchion_bg.wasm')));
  assert(more <= LARGEST_BESIDE_THE_MODULE, `${more} bytes gzipped`);
});

test('a bundle for Node has the addon only with the store', async () => {
  const built = async (entry) => {
    const options = { entryPoints: [join(withAddon, entry)], bundle: true, platform: 'node', format: 'esm', write: false };
    return (await build(options)).outputFiles[0].text;
  };
  assert(!ADDON.test(await built('page.mjs')));
  assert(ADDON.test(await built('open-store.mjs')));
});
