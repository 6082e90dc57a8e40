// Replays the vectors in one page of Chromium. Arguments: see `main` in runner.mjs.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { main } from './runner.mjs';
import { bundle } from './support/bundle.mjs';
import { serve, withChromium } from './support/chromium.mjs';

async function inChromium(files) {
  const folder = mkdtempSync(join(tmpdir(), 'stanchion-page-'));
  await bundle(fileURLToPath(new URL('page.mjs', import.meta.url)), folder, ['browser']);
  writeFileSync(join(folder, 'index.html'), '<!doctype html><script type="module" src="page.js"></script>');
  writeFileSync(join(folder, 'vectors.json'), JSON.stringify(files));
  const server = await serve(folder);
  try {
    return await withChromium(async (browser) => {
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(error));
      await page.goto(`${server.url}/index.html`);
      return page.evaluate(() => globalThis.replayed);
    });
  } finally {
    await server.close();
    rmSync(folder, { recursive: true });
  }
}

await main(inChromium, process.argv.slice(2));
