// Every block of TypeScript in the package's README is run, in the order in which they stand; and every row of its tables for those
// who move here is tried on both libraries.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { transformSync } from 'esbuild';

import { TestClock } from '../dist/testing.js';
import { fromCockatiel } from './support/moving/cockatiel.mjs';
import { fromOpossum } from './support/moving/opossum.mjs';
import { BLOCKS, rows } from './support/readme.mjs';

// Inside of the package, so that it can import itself by its name.
const folder = mkdtempSync(fileURLToPath(new URL('.snippets-', import.meta.url)));
const states = mkdtempSync(join(tmpdir(), 'stanchion-readme-'));
after(() => [folder, states].forEach((path) => rmSync(path, { recursive: true })));

/** What stands on the page without being defined there: see `types/page.d.ts`. */
Object.assign(globalThis, {
  UpstreamError: class UpstreamError extends Error {},
  callUpstream: async () => 'called',
  sendPrompt: async () => ({ usage: { totalTokens: 120 } }),
  upstreamUrl: 'data:application/json,[1,2]',
  stateFile: join(states, 'stanchion.state'),
  spoolFolder: join(states, 'spool'),
});

/** What must hold after a block ran, beside that nothing was thrown. */
const then = {
  async 'At the edge, with a Durable Object'({ Upstream }) {
    const kept = new Map();
    const storage = { get: async (key) => kept.get(key), put: (key, bytes) => void kept.set(key, bytes) };
    const started = [];
    const context = { storage, blockConcurrencyWhile: (start) => void started.push(start()) };
    const first = new Upstream(context);
    assert.equal(await (await first.fetch({ url: 'data:,hello' })).text(), 'hello');
    await first.policy.trip();
    await first.fetch({ url: 'data:,hello' }).catch(() => {});
    const second = new Upstream(context);
    await Promise.all(started);
    assert.equal(second.policy.explain().circuit.phase, 'open');
  },
};

assert(BLOCKS.length >= 10, 'the page has its recipes');
for (const [at, [title, code]] of BLOCKS.entries()) {
  test(`README: ${title}`, async () => {
    const file = join(folder, `${at}.mjs`);
    writeFileSync(file, transformSync(code, { loader: 'ts' }).code);
    await then[title]?.(await import(pathToFileURL(file).href));
    if (then[title] === undefined) await import(pathToFileURL(file).href);
  });
}

/** Time for a library that uses the runtime's timers, moved by hand. */
function mockedTime(timers) {
  timers.enable({ apis: ['setTimeout', 'Date'] });
  const advance = async (ms) => {
    await new Promise(setImmediate);
    timers.tick(ms);
    await new Promise(setImmediate);
  };
  return timeOf((ms) => new Promise((resolve) => setTimeout(resolve, ms)), advance);
}

/** The same for this one, as an option of its policies. */
function ownTime() {
  const clock = new TestClock();
  return {
    clock,
    ...timeOf(
      (ms) => new Promise((resolve) => clock.setTimeout(resolve, ms)),
      (ms) => clock.advance(ms),
    ),
  };
}

const timeOf = (sleep, advance) => ({
  sleep,
  advance,
  during: async (ms, call) => {
    await advance(ms);
    return call;
  },
});

for (const [heading, tried] of [
  ['Moving from opossum', fromOpossum],
  ['Moving from cockatiel', fromCockatiel],
]) {
  test(`README: ${heading}: the table has the rows that are tried`, () => assert.deepEqual(rows(heading).map(([theirs]) => theirs), Object.keys(tried)));
  for (const [row, { theirs, ours }] of Object.entries(tried)) {
    test(`README: ${heading}: ${row}`, async (t) => {
      const there = await theirs(mockedTime(t.mock.timers));
      t.mock.timers.reset();
      assert.deepEqual(await ours(ownTime()), there);
    });
  }
}
