// Compiled by the tests, never run: moving a policy from the process into a store changes one line, and nothing that is wrong
// compiles.
import { spawn } from 'node:child_process';

import {
  type Classify,
  type Guard,
  type Keyed,
  type LocalPolicy,
  type Permit,
  type Policy,
  type PolicyConfig,
  type Rejection,
  RejectedError,
  defineKeyed,
  definePolicy,
  health,
  isStanchionError,
  keyed,
  nest,
  policy,
  recover,
  schedule,
  supervise,
} from 'stanchion';
import { Spool, Store } from 'stanchion/store';

const config: PolicyConfig = {
  name: 'billing',
  circuit: { failureRatePercent: 50, window: { ms: 60_000 } },
  limits: [{ name: 'tokens', capacity: 100_000, refillTokens: 100_000, refillIntervalMs: 60_000, charge: 'cost' }],
  bulkhead: { maxConcurrent: 10 },
};
const store = Store.open('/var/lib/app/stanchion.state');

/** The same function serves both. */
async function serve(guard: Policy, users: Keyed<Policy>): Promise<string> {
  await using permit = await guard.acquire({ cost: 3, holder: 'me', waitMs: 100, signal: AbortSignal.timeout(5) });
  await permit.settle('success', { durationMs: 5, actualCost: 2 });
  const off = guard.on('rejected', ({ rejection }) => void rejection.retryAfterMs);
  off();
  for await (const event of guard.events()) if (event.type === 'settled') event.outcome satisfies string;
  const length: number = await guard.execute(async ({ signal }) => (await fetch('https://example.com', { signal })).status, {
    timeoutMs: 5,
    classify: ({ isOk }, usual) => (isOk ? { outcome: usual, actualCost: 5 } : 'failure'),
  });
  void guard.execute(({ attempt }) => attempt.toFixed(), { isIdempotent: true, classify: () => ({ outcome: 'failure', retry: 'always' }) });
  return nest(users.of('me'), guard).execute(() => `${length}`);
}

// The one line.
export const local: LocalPolicy = definePolicy(config);
export const shared: Policy = store.policy(config);
export const named: Policy = definePolicy(config, { store });
export const keyedHere: Keyed<LocalPolicy> = defineKeyed(config);
export const keyedThere: Keyed<Policy> = defineKeyed(config, { store });
export const keyedByName: [Keyed<LocalPolicy>, Keyed<Policy>] = [
  keyed('users', { bulkhead: { maxConcurrent: 10 } }),
  keyed('users', { bulkhead: { maxConcurrent: 10 } }, { store }),
];
/** What lies beside the gates, of both. */
async function beside(guard: Policy): Promise<boolean> {
  const runs = schedule(guard, ({ intent }) => intent === 'manual', { classify: ({ isOk }) => (isOk ? undefined : 'ignored') });
  const woken = await runs.wake('event');
  if (woken.run === 'wait') woken.by satisfies string;
  await runs.stop();
  const mended = await recover(guard, 'sessionLost', { recreate: ({ signal, attempt }) => [signal.aborted, attempt] });
  if (mended.by === 'step') mended.step satisfies string;
  await supervise(guard, ({ start }) => Promise.resolve(start)).done;
  await supervise(guard, () => spawn('true')).stop();
  const { ready, reasons } = await health({ guard }).read();
  return ready && !reasons.includes('gave_up');
}
void beside(local);
void beside(shared);

/** What waits on disk goes out through the gates of either. */
async function spooled(guard: Policy): Promise<number> {
  const spool = await Spool.open('/var/lib/app/spool', guard);
  const { appended } = await spool.append('hello', { id: 'one' });
  appended satisfies 'accepted' | 'duplicate' | 'refused';
  return (await spool.drain(({ payload }, { signal }) => [payload.length, signal])).delivered;
}
void spooled(local);

void serve(local, keyedHere);
void serve(shared, keyedThere);
void serve(named, store.keyed(config));

// Every member but `tryAcquire` is there in both, with the same type.
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
export const isTheSame: Same<Omit<LocalPolicy, 'tryAcquire'>, Pick<Policy, keyof Policy>> = true;
const answer: Permit | Rejection = local.tryAcquire({ cost: 2 });
if (!answer.admitted) answer.by satisfies { gate: string } | null;
else void answer.settle('failure');
// @ts-expect-error a policy in a store cannot answer at once
shared.tryAcquire();

// What is wrong does not compile.
// @ts-expect-error the names of JSON
definePolicy({ name: 'p', circuit: { consecutive_failures: 5 } });
// @ts-expect-error a field that is missing
definePolicy({ name: 'p', limits: [{ name: 'l', capacity: 5 }] });
// @ts-expect-error a word that is none
definePolicy({ name: 'p', onStoreError: 'panic' });
// @ts-expect-error the name comes first
policy({ circuit: { consecutiveFailures: 5 } });
// @ts-expect-error an outcome that is none
void local.acquire().then((permit) => permit.settle('fine'));
// @ts-expect-error an intent that is none
void local.run('sometimes');
// @ts-expect-error a fault that is none
void recover(local, 'broken', {});
// @ts-expect-error an event that is none
local.on('opened', () => {});

export function told(error: unknown): number | null {
  if (isStanchionError(error, 'RejectedError')) return error.retryAfterMs;
  if (isStanchionError(error, 'TimeoutError')) return error.timeoutMs;
  if (error instanceof RejectedError) return error.gates.length;
  return null;
}
export const classify: Classify<Response> = (ending) => (ending.isOk && ending.value.status < 500 ? 'success' : undefined);
export const guard: Guard = local;
