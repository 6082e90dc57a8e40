// The packed package in a real Chromium: as bundlers build it, and as a plain module script, under a content security policy.
import assert from 'node:assert/strict';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { serve, withChromium } from '../../../bindings-wasm/test/support/chromium.mjs';
import { BUNDLERS } from './bundlers.mjs';
import { FACTS, USING, assertReplayed, withAddon } from './support.mjs';

const CSP = { 'content-security-policy': "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'" };
const STRICT_CSP = { 'content-security-policy': "default-src 'self'" };

/** What the page's own fetch meets. */
const ROUTES = {
  '/text': (response) => response.end('a text'),
  '/redirect': (response) => response.writeHead(302, { location: '/text' }).end(),
  '/never': () => {},
  '/endless': (response) => response.write('it begins'),
  '/reset': (response) => response.socket.resetAndDestroy(),
};

/** How each call came back, how it was settled, and what it holds then. */
const OWN_FETCH = {
  opaque: [['opaque', 0], 'ignored', 0],
  redirect: [['opaqueredirect', 0], 'success', 0],
  followed: [[true, '/text', 'a text'], 'success', 0],
  byob: ['a text', 'success', 0],
  aborted: ['TimeoutError', 'ignored', 0],
  abortedBody: ['AbortError', 'ignored', 0],
  forbidden: ['TypeError', 'failure', 0],
  reset: ['TypeError', 'failure', 0],
};

/** Serves a folder and answers with what the page that loads `script` says, and the errors that it met. */
async function visit(browser, folder, script, headers) {
  writeFileSync(join(folder, 'index.html'), `<!doctype html><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`);
  const server = await serve(folder, headers);
  try {
    const page = await browser.newPage();
    const errors = [];
    page.on('pageerror', ({ name }) => errors.push(name));
    await page.goto(`${server.url}/index.html`);
    return { facts: await page.evaluate(() => globalThis.facts.catch(({ name }) => name)), errors };
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

    await t.test('with its own fetch, `using`, and all vectors', async () => {
      const out = join(withAddon, 'own');
      await BUNDLERS.esbuild(withAddon, 'own.mjs', out);
      cpSync(join(withAddon, 'vectors.json'), join(out, 'vectors.json'));
      writeFileSync(join(out, 'index.html'), '<!doctype html><link rel="icon" href="data:,"><script type="module" src="page.js"></script>');
      const [server, elsewhere] = [await serve(out, {}, ROUTES), await serve(out, {}, ROUTES)];
      try {
        const page = await browser.newPage();
        await page.goto(`${server.url}/index.html`);
        assert.deepEqual(await page.evaluate((url) => globalThis.ownFetch(url), elsewhere.url), OWN_FETCH);
        assert.deepEqual(await page.evaluate(() => globalThis.using), USING);
        assertReplayed(await page.evaluate(() => globalThis.replayed()));
      } finally {
        await Promise.all([server.close(), elsewhere.close()]);
      }
    });

    await t.test("without 'wasm-unsafe-eval' the policy of the page forbids it", async () => {
      // The import compiles nothing: the first policy does, and says so.
      assert.equal((await visit(browser, withAddon, 'plain.mjs', STRICT_CSP)).facts, 'CompileError');
    });
  });
});
