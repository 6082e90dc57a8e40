// Every block of TypeScript in the package's README is run, in the order in which they stand; and every row of its tables for those
// who move here is tried on both libraries.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { transformSync } from 'esbuild';

import { TestClock } from 'stanchion/testing';
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
    writeFileSync(file, transformSync(code, { loader: 'ts', target: 'es2022' }).code);
    await then[title]?.(await import(pathToFileURL(file).href));
    if (then[title] === undefined) await import(pathToFileURL(file).href);
  });
}

/** What stands in backticks in some cells. */
const names = (cells) => cells.flatMap((cell) => [...cell.matchAll(/`([\w]+)`/g)].map(([, name]) => name)).sort();
const source = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const sources = (folder) => readdirSync(new URL(`../../${folder}/`, import.meta.url), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => source(`${folder}/${name}`));
const found = (text, pattern) => [...text.matchAll(pattern)].map(([, name]) => name);
const unique = (all) => [...new Set(all)].sort();

test('README: the options of a call are those of its types', () => {
  const types = source('bindings-wasm/host/policy.ts');
  const of = (name) => found(types.split(`export interface ${name}`)[1].split('\n}')[0], /^  readonly (\w+)/gm);
  const all = ['TryAcquireOptions', 'AcquireOptions', 'ExecuteOptions<T = unknown>'].flatMap(of);
  assert.deepEqual(names(rows('Options of a call').map(([option]) => option)), unique(all));
});

test('README: the events are all there are', () => {
  const [, members] = source('bindings-wasm/host/events.ts').split('export interface PolicyEvents {');
  assert.deepEqual(names(rows('Events').map(([event]) => event)), found(members.split('\n}')[0], /^  (\w+): /gm).sort());
});

test('README: the errors are all there are, with all of their codes', () => {
  const table = rows('Errors');
  const errors = source('bindings-wasm/host/errors.ts');
  assert.deepEqual(names(table.map(([name]) => name)), found(errors, /^export class (\w+) extends StanchionError/gm).sort());
  const host = ['bindings-wasm/host', 'bindings-node/host'].flatMap(sources).join('\n');
  const rust = ['core/src/error.rs', 'store/src/error.rs', 'core/src/keyed/refusal.rs'].map(source).join('\n');
  const inHost = found(host, /code: '(\w+)'/g);
  const inTypes = found(host, /^(?:export type RejectedCode =|  declare readonly code: ')(.*);$/gm).flatMap((words) => words.match(/\w+/g));
  const inRust = [...found(rust, /=> "(\w+)",/g), ...found(rust, /Error = "(\w+)"/g), 'unknown_answer'];
  const told = names(table.map(([, codes]) => codes)).filter((word) => /^[a-z_]+$/.test(word) && word !== 'by');
  assert.deepEqual(unique(told), unique([...inHost, ...inTypes, ...inRust]));
});

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
