// The health of several policies together, as an orchestrator's probes see it.
import assert from 'node:assert/strict';
import test from 'node:test';

import { definePolicy, health } from '../dist/index.js';
import { TestClock } from '../dist/testing.js';

const clock = new TestClock();
const build = (name) => definePolicy({ name, circuit: { consecutiveFailures: 1 } }, { clock });

test('the worst of all counts, and each part says why', async () => {
  const [mail, calendar] = [build('mail'), build('calendar')];
  const checks = health([mail, calendar]);
  assert.deepEqual(await checks.read(), { live: true, ready: true, degraded: false, reasons: [] });
  await calendar.trip();
  assert.deepEqual(await checks.read(), { live: true, ready: false, degraded: true, reasons: ['circuit_open'] });
  const [live, ready] = [await checks.live(), await checks.ready()];
  assert.deepEqual([live.status, ready.status, ready.headers.get('content-type')], [200, 503, 'application/health+json']);
  const { status, checks: parts } = await ready.json();
  assert.deepEqual([status, parts.mail[0].status, parts.calendar[0]], ['fail', 'pass', { status: 'fail', reasons: ['circuit_open'] }]);
  assert.equal((await live.json()).status, 'warn');
});

test('parts are named as their user names them, and policies of one name are told apart', async () => {
  const named = JSON.parse((await health({ inbox: build('mail') }).probe('live')).body);
  assert.deepEqual(Object.keys(named.checks), ['inbox']);
  assert.deepEqual(Object.keys(JSON.parse((await health(build('mail')).probe('live')).body).checks), ['mail']);
  const same = JSON.parse((await health([build('mail'), build('mail')]).probe('ready')).body);
  assert.deepEqual(Object.keys(same.checks), ['mail', 'mail/1']);
  assert.throws(() => health([]), (error) => error.code === 'no_parts');
});
