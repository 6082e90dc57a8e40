/** The page of a run in a browser: it opens from disk, loads nothing, works by keyboard, and fits small and dark screens. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

import { withChromium } from '../../../bindings-wasm/test/support/chromium.mjs';
import { writeReport } from '../lib/report.mjs';

const at = (ms) => 1_769_882_400_000_000 + ms * 1000;
const explain = (tokens) => ({ circuit: { phase: 'closed' }, limits: [{ name: 'calls', tokens, capacity: 40 }] });
const LINES = [
  { kind: 'run', at_us: at(0), policy: { name: '<b>up</b>', bulkhead: { max_concurrent: 3, lease_ms: 4000 } } },
  { kind: 'phase', at_us: at(0), phase: 'works' },
  { kind: 'call', at_us: at(100), host: 'a', permit: 'p1', sequence: 1 },
  { kind: 'answer', at_us: at(700), host: 'a', status: 503 },
  { kind: 'settled', at_us: at(700), host: 'a', permit: 'p1', sequence: 2, events: ['opened'] },
  { kind: 'rejected', at_us: at(800), host: 'a', by: 'circuit' },
  { kind: 'sample', at_us: at(1000), explain: explain(7) },
  { kind: 'sample', at_us: at(2000), explain: explain(9) },
  { kind: 'phase', at_us: at(3000), phase: 'fails' },
  { kind: 'phase', at_us: at(4000), phase: 'ends' },
];

let folder;
let url;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'stanchion-report-'));
  writeFileSync(join(folder, 'run.jsonl'), LINES.map((line) => JSON.stringify(line)).join('\n'));
  url = pathToFileURL(writeReport(join(folder, 'run.jsonl'))).href;
});
after(() => rmSync(folder, { recursive: true }));

/** Opens the page as a user with these settings would, and lets nothing pass that it should not do. */
async function open(browser, settings, use) {
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (message) => wrong.push(message.text()));
  page.on('request', (request) => request.url() === url || wrong.push(`loads ${request.url()}`));
  await page.goto(url);
  await use(page);
  assert.deepEqual(wrong, []);
  await context.close();
}

const focused = (page, property) => page.evaluate((name) => document.activeElement[name] ?? document.activeElement.getAttribute(name), property);

async function byKeyboard(page) {
  assert.equal(await page.title(), 'Run of <b>up</b>');
  await page.keyboard.press('Tab');
  assert.equal(await focused(page, 'textContent'), 'Skip to the summary');
  await page.keyboard.press('Enter');
  assert.equal(await focused(page, 'id'), 'main');

  const charts = await page.locator('figure').count();
  assert.equal(charts, 5);
  const sliders = page.getByRole('slider');
  assert.equal(await sliders.count(), charts);
  const reached = [];
  for (let tab = 0; tab < 40 && reached.length < charts; tab += 1) {
    await page.keyboard.press('Tab');
    if ((await focused(page, 'className')) === 'cursor is-shown') reached.push(await focused(page, 'aria-label'));
  }
  const titles = ['Phases', 'Answers to a', 'Refusals', 'Tokens', 'Calls in flight'];
  assert.deepEqual(reached, titles.map((title) => `${title}: cursor`));

  const says = (place) => sliders.nth(place).getAttribute('aria-valuetext');
  await sliders.nth(0).focus();
  await page.keyboard.press('ArrowRight');
  assert.equal(await says(0), '0.7 s — upstream: works; circuit: open');
  await sliders.nth(1).focus();
  for (const [key, text] of [['ArrowRight', '0.5 s — 5xx: 1'], ['End', '3.5 s — 5xx: 0'], ['Home', '0 s — 5xx: 0']]) {
    await page.keyboard.press(key);
    assert.equal(await says(1), text);
    assert.equal(await page.locator('figure output').nth(1).textContent(), text);
  }
  await sliders.nth(3).scrollIntoViewIfNeeded();
  const { x, y, width } = await sliders.nth(3).boundingBox();
  await page.mouse.move(x + (width * 1.5) / 4, y + 20);
  assert.equal(await says(3), '1.5 s — calls: 7');

  const details = page.locator('details').nth(3);
  await details.locator('summary').focus();
  await page.keyboard.press('Enter');
  assert.equal(await details.locator('td').first().isVisible(), true);
}

describe('the page of a run', () => {
  it('opens from disk and works by keyboard, in the light, in the dark and on a phone', async () => {
    await withChromium(async (browser) => {
      const colors = [];
      const ground = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
      await open(browser, { colorScheme: 'light' }, async (page) => {
        colors.push(await ground(page));
        await byKeyboard(page);
      });
      await open(browser, { colorScheme: 'dark', viewport: { width: 360, height: 700 } }, async (page) => {
        colors.push(await ground(page));
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'only charts and tables scroll');
      });
      assert.deepEqual(colors, ['rgb(255, 255, 255)', 'rgb(20, 23, 27)']);
      await open(browser, { javaScriptEnabled: false }, async (page) => {
        assert.equal(await page.locator('figure svg').count(), 5, 'the charts are there without the script');
      });
    });
  });
});
