// What runs by itself: at its slots, later after failures, when somebody asks, and not after its end. On a clock moved by hand.
import assert from 'node:assert/strict';
import test from 'node:test';

import { definePolicy, schedule } from '../dist/index.js';
import { TestClock } from '../dist/testing.js';

/** A slot of every interval below: midnight. */
const MIDNIGHT_MS = 1_767_225_600_000;

function build(config, fn = () => {}, options) {
  const clock = new TestClock(MIDNIGHT_MS);
  const policy = definePolicy({ name: 'beat', block: {}, schedule: { intervalMs: 60_000, ...config } }, { clock });
  const runs = [];
  policy.on('ran', ({ intent, outcome }) => runs.push([(clock.now() - MIDNIGHT_MS) / 1000, intent, outcome]));
  return { clock, policy, runs, beats: schedule(policy, fn, options) };
}
const fails = () => Promise.reject(new Error('down'));
const times = (runs) => runs.map(([at]) => at);

test('it runs at its slots, and shows when it runs next', async () => {
  const { clock, beats, runs } = build();
  await clock.advance(0);
  assert.deepEqual([beats.nextRunAtMs, runs], [MIDNIGHT_MS + 60_000, []]);
  await clock.advance(180_000);
  assert.deepEqual(runs, [60, 120, 180].map((at) => [at, 'scheduled', 'success']));
  await beats.stop();
  assert.deepEqual([beats.nextRunAtMs, clock.pending], [null, 0]);
  await clock.advance(180_000);
  assert.equal(runs.length, 3);
});

test('failures put it off, a success ends that', async () => {
  let isDown = true;
  const { clock, beats, runs } = build({ backoff: { baseMs: 60_000, maxMs: 240_000 } }, () => (isDown ? fails() : 1));
  await clock.advance(60_000 + 120_000 + 240_000 + 239_000);
  assert.deepEqual(times(runs), [60, 180, 420]);
  isDown = false;
  await clock.advance(61_000);
  assert.deepEqual(runs.slice(3), [[660, 'scheduled', 'success'], [720, 'scheduled', 'success']]);
  await beats.stop();
});

test('somebody can ask for a run: past the interval, by hand past the backoff, never past the spacing', async () => {
  const { clock, beats, runs } = build({ backoff: {}, minSpacingMs: 5_000 }, fails);
  await clock.advance(60_000);
  const [held, spaced] = [beats.wake('event'), beats.wake('manual')];
  await clock.advance(0);
  assert.deepEqual(await held, { run: 'wait', atMs: MIDNIGHT_MS + 180_000, waitMs: 120_000, by: 'backoff' });
  assert.deepEqual(await spaced, { run: 'wait', atMs: MIDNIGHT_MS + 65_000, waitMs: 5_000, by: 'spacing' });
  await clock.advance(5_000);
  const manual = beats.wake('manual');
  await clock.advance(0);
  assert.deepEqual(await manual, { run: 'go' });
  assert.deepEqual(runs.at(-1), [65, 'manual', 'failure']);
  await beats.stop();
});

test('runs do not overlap, and a server that blocks is not asked', async () => {
  const ends = [];
  const { clock, beats, policy, runs } = build({}, () => new Promise((end) => ends.push(end)));
  await clock.advance(60_000);
  assert.equal(beats.isRunning, true);
  const asked = beats.wake('manual');
  await clock.advance(1_000);
  assert.equal(ends.length, 1);
  await policy.block({ forMs: 90_000 });
  ends[0]();
  await clock.advance(0);
  assert.deepEqual([(await asked).by, runs.length], ['block', 1]);
  await clock.advance(88_000);
  assert.equal(ends.length, 1);
  await clock.advance(2_000);
  assert.equal(ends.length, 2, 'the slot that was missed is made up for when the block is over');
  ends[1]();
  await beats.stop();
});

test('what was refused within counts as skipped, and the end of a run can be judged', async () => {
  const refusing = definePolicy({ name: 'inner', circuit: { consecutiveFailures: 1 } }, { clock: new TestClock() });
  await refusing.trip();
  const skipped = build({ backoff: {} }, () => refusing.execute(() => 1));
  await skipped.clock.advance(120_000);
  assert.deepEqual(skipped.runs.map(([at, , outcome]) => [at, outcome]), [[60, 'ignored'], [120, 'ignored']]);
  await skipped.beats.stop();
  const judged = build({ backoff: {} }, () => 'bad', { classify: ({ value }) => (value === 'bad' ? 'failure' : undefined) });
  await judged.clock.advance(120_000);
  assert.deepEqual(times(judged.runs), [60]);
  await judged.beats.stop();
});

test('a signal stops it, and the one under way hears of it', async () => {
  const controller = new AbortController();
  let seen;
  const untilAborted = ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject((seen = signal.reason))));
  const { clock, beats, runs } = build({}, untilAborted, { signal: controller.signal });
  await clock.advance(60_000);
  controller.abort('enough');
  await beats.stopped;
  assert.deepEqual([seen, runs], ['enough', [[60, 'scheduled', 'ignored']]]);
  await assert.rejects(beats.wake('manual'), (reason) => reason === 'enough');
});

test('it can be asked by a loop of one\'s own', async () => {
  const { clock, beats, policy } = build();
  await beats.stop();
  assert.equal((await policy.run('scheduled', { key: 'agent-7' })).by, 'interval');
  assert.deepEqual([await policy.run('event'), await policy.ran('failure')], [{ run: 'go' }, 'done']);
  assert.equal(await policy.nextRunAtMs(), MIDNIGHT_MS + 60_000);
  assert.equal(clock.pending, 0);
});
