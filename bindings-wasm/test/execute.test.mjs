// `execute` without options makes no async function of its own: it must do all the same what one that awaits the call would do.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';

import { definePolicy } from '../dist/index.js';

const CONFIG = { name: 'p', circuit: { consecutiveFailures: 100 }, bulkhead: { maxConcurrent: 3 } };
const boom = new Error('boom');
class Own extends Promise {}

/** What a function may come to. */
const CALLS = {
  'a promise': () => Promise.resolve(1),
  'an async function': async () => 1,
  'a promise that rejects': () => Promise.reject(boom),
  'a later error': async () => {
    await null;
    throw boom;
  },
  'a value': () => 1,
  nothing: () => {},
  'a thrown error': () => {
    throw boom;
  },
  'a thenable': () => ({ then: (resolve) => resolve(1) }),
  'a thenable that throws': () => ({
    then: () => {
      throw boom;
    },
  }),
  "a subclass's promise": () => Own.resolve(1),
  'an object that only looks like a promise': () => Object.create(Promise.prototype),
};

const awaited = async (fn) => {
  const value = await fn();
  return value;
};

/** How a promise ends, and after how many ticks. */
async function ended(promise) {
  let ending;
  promise.then(
    (value) => (ending = { value }),
    (error) => (ending = { error: String(error) }),
  );
  let ticks = 0;
  for (; ending === undefined; ticks += 1) await null;
  return { ...ending, ticks };
}

for (const [name, fn] of Object.entries(CALLS)) {
  test(`${name} ends as if it were awaited, in no more ticks, and gives its slot back`, async () => {
    const policy = definePolicy(CONFIG);
    const promise = policy.execute(fn);
    assert.equal(promise.constructor, Promise);
    const { ticks, ...ending } = await ended(promise);
    const { ticks: most, ...expected } = await ended(awaited(fn));
    assert.deepEqual(ending, expected);
    assert(ticks <= most, `${ticks} ticks instead of ${most}`);
    const { bulkhead, circuit } = policy.explain();
    assert.deepEqual([bulkhead.inFlight, circuit.consecutiveFailures.count], [0, ending.error === undefined ? 0 : 1]);
  });
}

test('what throws at once is settled at once', () => {
  const policy = definePolicy(CONFIG);
  policy.execute(CALLS['a thrown error']).catch(() => {});
  assert.equal(policy.explain().circuit.consecutiveFailures.count, 1);
});

test('an error that is thrown later has its caller in its stack', async () => {
  const policy = definePolicy(CONFIG);
  async function theCaller() {
    await policy.execute(async () => {
      await null;
      throw new Error('later');
    });
  }
  await assert.rejects(theCaller(), ({ stack }) => stack.includes('theCaller'));
});

test('an error that nobody handles is one unhandled rejection, and one that is handled is none', async () => {
  const script = `
    import { definePolicy } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
    const unhandled = [];
    process.on('unhandledRejection', (error) => unhandled.push(error.message));
    const fails = (message) => async () => { throw new Error(message); };
    const policy = definePolicy(${JSON.stringify(CONFIG)});
    policy.execute(fails('left'));
    policy.execute(fails('handled')).catch(() => {});
    policy.execute(() => { throw new Error('left at once'); });
    setImmediate(() => console.log(JSON.stringify(unhandled)));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  assert.deepEqual(JSON.parse(stdout).sort(), ['left', 'left at once']);
});
