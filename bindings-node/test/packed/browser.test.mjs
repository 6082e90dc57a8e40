// The packed package in a real Chromium: as bundlers build it, and as a plain module script, under a content security policy.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { serve, withChromium } from '../../../bindings-wasm/test/support/chromium.mjs';
import { BUNDLERS } from './bundlers.mjs';
import { FACTS, withAddon } from './support.mjs';

const CSP = { 'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" };
const STRICT_CSP = { 'content-security-policy': "default-src 'self'" };

/** Serves a folder and answers with what the page that loads `script` says, and the errors that it met. */
async function visit(browser, folder, script, headers) {
  writeFileSync(join(folder, 'index.html'), `<!doctype html><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`);
  const server = await serve(folder, headers);
  try {
    const page = await browser.newPage();
    const errors = [];
    page.on('pageerror', ({ name }) => errors.push(name));
    await page.goto(`${server.url}/index.html`);
    return { facts: await page.evaluate(() => globalThis.facts), errors };
  } finally {
    await server.close();
  }
}

test('in Chromium', async (t) => {
  await withChromium(async (browser) => {
    for (const [name, bundle] of Object.entries(BUNDLERS)) {
      await t.test(`built by ${name}`, async () => {
        const out = join(withAddon, `built-by-${name}`);
        await bundle(withAddon, 'page.mjs', out);
        assert.deepEqual(await visit(browser, out, 'page.js', CSP), { facts: FACTS, errors: [] });
      });
    }

    await t.test('as a plain module script', async () => {
      assert.deepEqual(await visit(browser, withAddon, 'plain.mjs', CSP), { facts: FACTS, errors: [] });
    });

    await t.test("without 'wasm-unsafe-eval' the policy of the page forbids it", async () => {
      const { facts, errors } = await visit(browser, withAddon, 'plain.mjs', STRICT_CSP);
      assert.deepEqual([facts, errors], [undefined, ['CompileError']]);
    });
  });
});
