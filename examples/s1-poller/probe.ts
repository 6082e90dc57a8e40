/** What must not happen to a circuit: a probe that hangs, failures that come late, and a clock that is set back. */
import assert from 'node:assert/strict';

import { type LocalPolicy, type Permit, definePolicy } from 'stanchion';
import { TestClock } from 'stanchion/testing';

const clock = new TestClock();

/** A circuit as that of a mailbox, which has just opened for five minutes. */
async function openCircuit(): Promise<{ readonly mailbox: LocalPolicy; readonly late: Permit }> {
  const circuit = { consecutiveFailures: 3, openMs: 5 * 60_000, openMultiplier: 2, openMaxMs: 20 * 60_000, probeLeaseMs: 60_000 };
  const mailbox = definePolicy({ name: 'mailbox', circuit }, { clock });
  const late = await mailbox.acquire();
  for (let failures = 0; failures < 3; failures += 1) await (await mailbox.acquire()).settle('failure');
  return { mailbox, late };
}

/** How long a call is told to wait; 0 where it may go. */
function waitMs(mailbox: LocalPolicy): number | null {
  const peek = mailbox.peek();
  return peek.admitted ? 0 : peek.retryAfterMs;
}

/** A probe by a library that takes no signal and never comes back: its lease ends it. */
export async function hungProbe(): Promise<string> {
  const { mailbox } = await openCircuit();
  await clock.advance(5 * 60_000);
  const probe = await mailbox.acquire();
  const waits = [waitMs(mailbox)];
  await clock.advance(59_000);
  waits.push(waitMs(mailbox));
  await clock.advance(1000);
  waits.push(waitMs(mailbox));
  assert.deepEqual(waits, [60_000, 1000, 0], 'never "retry after 0 s" while it is refused');
  const next = await mailbox.acquire();
  assert.equal(await probe.settle('failure'), 'leaseLost');
  assert.equal(await next.settle('success'), 'counted');
  assert.equal(mailbox.explain().circuit?.phase, 'closed');
  return 'A probe that hangs keeps the others out for its lease of 60 s, and not for ever; when it comes back, it moves nothing.';
}

export async function lateFailure(): Promise<string> {
  const { mailbox, late } = await openCircuit();
  await clock.advance(100_000);
  assert.equal(await late.settle('failure'), 'counted');
  assert.equal(waitMs(mailbox), 200_000);
  return 'A failure that comes late, 100 s into the open time, leaves 200 of its 300 s.';
}

export async function clockStep(): Promise<string> {
  const { mailbox } = await openCircuit();
  clock.set(clock.now() - 3_600_000);
  const asked = mailbox.tryAcquire();
  assert.ok(!asked.admitted && asked.retryAfterMs! <= 300_000, 'never longer than the open time');
  await clock.advance(asked.retryAfterMs!);
  assert.ok(mailbox.tryAcquire().admitted, 'and that is true');
  return `A clock that is set back by an hour makes an open time of 300 s no longer than ${asked.retryAfterMs! / 1000} s.`;
}
