// Each row of the README's table for those who move from cockatiel: what that library and this one are seen to do. Both sides observe
// the same; the test compares them. `time` is moved by hand: `time.sleep(ms)` ends when `time.advance(ms)` has come so far.
import * as cockatiel from 'cockatiel';

import { definePolicy, isStanchionError, nest } from 'stanchion';
import { boom, fails, hangs, inOrder, ourWord, policyOf, seen, works } from './shared.mjs';

const cockatielWord = (error) => {
  if (cockatiel.isBrokenCircuitError(error) || cockatiel.isIsolatedCircuitError(error)) return 'refused';
  if (cockatiel.isBulkheadRejectedError(error)) return 'refused';
  return error instanceof cockatiel.TaskCancelledError ? 'timeout' : error.name;
};
const breakerOf = (breaker, options, what = cockatiel.handleAll) => {
  const policy = cockatiel.circuitBreaker(what, { halfOpenAfter: 30_000, breaker, ...options });
  return { policy, fire: (fn, signal) => seen(policy.execute(fn, signal), cockatielWord) };
};
const two = () => new cockatiel.ConsecutiveBreaker(2);
const TWO = { circuit: { consecutiveFailures: 2 } };
const failing = [fails, fails, works];
const untilAborted = (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('as far as it came')));

async function attemptsOf(execute, time) {
  let calls = 0;
  const said = seen(execute(() => ((calls += 1), fails())), String);
  const counts = [];
  for (let i = 0; i < 7; i += 1) counts.push((await time.advance(50), calls));
  return [counts, await said];
}

export const fromCockatiel = {
  '`new ConsecutiveBreaker(5)`': {
    theirs: () => inOrder(breakerOf(two()).fire, failing),
    ours: () => inOrder(policyOf(TWO).fire, failing),
  },
  '`new CountBreaker({ threshold: 0.5, size: 10 })`': {
    // Theirs opens above the threshold, ours at it.
    theirs: () =>
      inOrder(breakerOf(new cockatiel.CountBreaker({ threshold: 0.5, size: 4 })).fire, [works, fails, fails, fails, works]),
    ours: () =>
      inOrder(policyOf({ circuit: { failureRatePercent: 51, window: { calls: 4 }, minimumCalls: 4 } }).fire, [
        works,
        fails,
        fails,
        fails,
        works,
      ]),
  },
  '`new SamplingBreaker({ threshold: 0.5, duration: 30000, minimumRps: 0.1 })`': {
    theirs: () =>
      inOrder(breakerOf(new cockatiel.SamplingBreaker({ threshold: 0.5, duration: 30_000, minimumRps: 0.1 })).fire, [
        works,
        fails,
        fails,
        fails,
        works,
      ]),
    ours: () =>
      inOrder(policyOf({ circuit: { failureRatePercent: 51, window: { ms: 30_000 }, minimumCalls: 3 } }).fire, [
        works,
        fails,
        fails,
        fails,
        works,
      ]),
  },
  '`halfOpenAfter: 10000`': {
    theirs: async (time) => {
      const { fire } = breakerOf(two(), { halfOpenAfter: 10 });
      const before = await inOrder(fire, failing);
      await time.advance(20);
      return [...before, ...(await inOrder(fire, [works, works]))];
    },
    ours: async (time) => {
      const { fire } = policyOf({ circuit: { consecutiveFailures: 2, openMs: 10 } }, time);
      const before = await inOrder(fire, failing);
      await time.advance(20);
      return [...before, ...(await inOrder(fire, [works, works]))];
    },
  },
  '`halfOpenAfter: new ExponentialBackoff()`': {
    theirs: async (time) => {
      const halfOpenAfter = new cockatiel.ExponentialBackoff({
        generator: cockatiel.noJitterGenerator,
        initialDelay: 10,
        exponent: 1000,
      });
      const { fire } = breakerOf(new cockatiel.ConsecutiveBreaker(1), { halfOpenAfter });
      await fire(fails);
      await time.advance(20);
      return inOrder(fire, [fails, works]);
    },
    ours: async (time) => {
      const { fire } = policyOf({ circuit: { consecutiveFailures: 1, openMs: 10, openMultiplier: 1000, openMaxMs: 60_000 } }, time);
      await fire(fails);
      await time.advance(20);
      return inOrder(fire, [fails, works]);
    },
  },
  '`bulkhead(10, 5)`': {
    theirs: async (time) => {
      const policy = cockatiel.bulkhead(1, 1);
      const fire = (fn) => seen(policy.execute(fn), cockatielWord);
      const calls = [fire(() => time.sleep(10).then(works)), fire(works), fire(works)];
      await time.advance(10);
      return Promise.all(calls);
    },
    ours: async (time) => {
      const { fire } = policyOf({ bulkhead: { maxConcurrent: 1 } }, { ...time, maxWaiting: 1 });
      const calls = [fire(() => time.sleep(10).then(works)), fire(works, { waitMs: 1000 }), fire(works, { waitMs: 1000 })];
      await time.advance(10);
      return Promise.all(calls);
    },
  },
  '`timeout(2000, TimeoutStrategy.Aggressive)`': {
    theirs: (time) =>
      time.during(5, seen(cockatiel.timeout(5, cockatiel.TimeoutStrategy.Aggressive).execute(hangs), cockatielWord)),
    ours: (time) => time.during(5, policyOf({}, time).fire(hangs, { timeoutMs: 5 })),
  },
  '`timeout(2000, TimeoutStrategy.Cooperative)`': {
    // The function ends by itself when it is told to, and its value counts.
    theirs: async (time) => {
      const policy = cockatiel.timeout(5, cockatiel.TimeoutStrategy.Cooperative);
      return time.during(5, policy.execute(({ signal }) => untilAborted(signal)));
    },
    ours: async () => {
      const alive = setInterval(() => {}, 1000); // the signal's own timer keeps no process alive
      const call = policyOf({}).policy.execute(({ signal }) => untilAborted(AbortSignal.any([signal, AbortSignal.timeout(5)])));
      return call.finally(() => clearInterval(alive));
    },
  },
  '`wrap(a, b, c)`': {
    theirs: async () => {
      const policy = cockatiel.wrap(breakerOf(two()).policy, cockatiel.bulkhead(10));
      return inOrder((fn) => seen(policy.execute(fn), cockatielWord), failing);
    },
    ours: async () => {
      const inOne = policyOf({ ...TWO, bulkhead: { maxConcurrent: 10 } });
      const nested = nest(definePolicy({ name: 'a', ...TWO }), definePolicy({ name: 'b', bulkhead: { maxConcurrent: 10 } }));
      const [one, several] = [
        await inOrder(inOne.fire, failing),
        await inOrder((fn) => seen(nested.execute(fn), ourWord), failing),
      ];
      return String(one) === String(several) ? one : [one, several];
    },
  },
  '`handleType(Error)`, `handleWhen(…)`, `handleResultType(…)`': {
    theirs: async () => {
      const what = cockatiel.handleWhen((error) => error !== boom).orWhenResult((value) => value === 'bad');
      return inOrder(breakerOf(two(), {}, what).fire, [fails, fails, async () => 'bad', async () => 'bad', works]);
    },
    ours: () => {
      const classify = ({ isOk, value, error }) => ((isOk ? value === 'bad' : error !== boom) ? 'failure' : 'success');
      return inOrder(policyOf(TWO, { classify }).fire, [fails, fails, async () => 'bad', async () => 'bad', works]);
    },
  },
  "`retry(handleAll, { maxAttempts: 3, backoff: new ConstantBackoff(50) })`": {
    // How often a function that always fails is called, by when, and what comes back.
    theirs: (time) => {
      const policy = cockatiel.retry(cockatiel.handleAll, { maxAttempts: 3, backoff: new cockatiel.ConstantBackoff(50) });
      return attemptsOf((fn) => policy.execute(fn), time);
    },
    ours: (time) => {
      const retry = { maxAttempts: 4, baseDelayMs: 50, multiplier: 1, jitter: 'none' };
      const { policy } = policyOf({ retry }, { clock: time.clock });
      return attemptsOf((fn) => policy.execute(fn, { isIdempotent: true }), time);
    },
  },
  '`new IterableBackoff([50, 100, 200])`, `new DelegateBackoff(fn)`': {
    theirs: (time) => {
      const policy = cockatiel.retry(cockatiel.handleAll, { maxAttempts: 3, backoff: new cockatiel.IterableBackoff([50, 100, 200]) });
      return attemptsOf((fn) => policy.execute(fn), time);
    },
    ours: (time) => {
      const retry = { maxAttempts: 4, baseDelayMs: 50, multiplier: 2, jitter: 'none' };
      const { policy } = policyOf({ retry }, { clock: time.clock });
      return attemptsOf((fn) => policy.execute(fn, { isIdempotent: true }), time);
    },
  },
  '`policy.execute(fn, signal)`': {
    theirs: async (time) => {
      const controller = new AbortController();
      let given;
      breakerOf(two())
        .policy.execute(({ signal }) => ((given = signal), hangs()), controller.signal)
        .catch(() => {});
      await time.advance(1);
      controller.abort();
      return given.aborted;
    },
    ours: async (time) => {
      const controller = new AbortController();
      let given;
      policyOf(TWO)
        .policy.execute(({ signal }) => ((given = signal), hangs()), { signal: controller.signal })
        .catch(() => {});
      await time.advance(1);
      controller.abort();
      return given.aborted;
    },
  },
  '`breaker.isolate()`': {
    theirs: async () => {
      const { policy, fire } = breakerOf(two());
      const handle = policy.isolate();
      const isolated = await fire(works);
      handle.dispose();
      return [isolated, await fire(works)];
    },
    ours: async () => {
      const { policy, fire } = policyOf(TWO);
      await policy.forceOpen();
      const isolated = await fire(works);
      await policy.liftMode();
      return [isolated, await fire(works)];
    },
  },
  '`breaker.onBreak`, `onReset`, `onHalfOpen`': {
    theirs: async (time) => {
      const { policy, fire } = breakerOf(two(), { halfOpenAfter: 10 });
      const told = [];
      policy.onBreak(() => told.push('open'));
      policy.onHalfOpen(() => told.push('halfOpen'));
      policy.onReset(() => told.push('close'));
      await inOrder(fire, [fails, fails]);
      await time.advance(20);
      await fire(works);
      return told;
    },
    ours: async (time) => {
      const { policy, fire } = policyOf({ circuit: { consecutiveFailures: 2, openMs: 10 } }, time);
      const told = [];
      for (const type of ['open', 'close', 'halfOpen']) policy.on(type, () => told.push(type));
      await inOrder(fire, [fails, fails]);
      await time.advance(20);
      await fire(works);
      return told;
    },
  },
  '`breaker.state`': {
    theirs: async () => {
      const { policy, fire } = breakerOf(two());
      const before = policy.state === cockatiel.CircuitState.Closed && 'closed';
      await inOrder(fire, [fails, fails]);
      return [before, policy.state === cockatiel.CircuitState.Open && 'open'];
    },
    ours: async () => {
      const { policy, fire } = policyOf(TWO);
      const before = policy.explain().circuit.phase;
      await inOrder(fire, [fails, fails]);
      return [before, policy.explain().circuit.phase];
    },
  },
  '`policy.onSuccess`, `policy.onFailure`': {
    theirs: async () => {
      const { policy, fire } = breakerOf(two());
      const told = [];
      policy.onSuccess(() => told.push('success'));
      policy.onFailure(() => told.push('failure'));
      await inOrder(fire, [works, fails]);
      return told;
    },
    ours: async () => {
      const { policy, fire } = policyOf(TWO);
      const told = [];
      policy.on('settled', ({ outcome }) => told.push(outcome));
      await inOrder(fire, [works, fails]);
      return told;
    },
  },
  '`TaskCancelledError`': {
    // By its class: their `isTaskCancelledError` (3.2.1) asks for the mark of another error.
    theirs: (time) => {
      const policy = cockatiel.timeout(5, cockatiel.TimeoutStrategy.Aggressive);
      return time.during(5, policy.execute(hangs).catch((error) => error instanceof cockatiel.TaskCancelledError));
    },
    ours: (time) => {
      const call = definePolicy({ name: 'moved' }, { clock: time.clock }).execute(hangs, { timeoutMs: 5 });
      return time.during(5, call.catch((error) => isStanchionError(error, 'TimeoutError')));
    },
  },
  '`isBrokenCircuitError`, `isBulkheadRejectedError`': {
    theirs: async () => {
      const { policy, fire } = breakerOf(two());
      await inOrder(fire, [fails, fails]);
      const full = cockatiel.bulkhead(1);
      full.execute(hangs);
      const broken = await policy.execute(works).catch(cockatiel.isBrokenCircuitError);
      return [broken, await full.execute(works).catch(cockatiel.isBulkheadRejectedError)];
    },
    ours: async () => {
      const [circuit, full] = [definePolicy({ name: 'c', ...TWO }), definePolicy({ name: 'b', bulkhead: { maxConcurrent: 1 } })];
      await circuit.trip();
      full.tryAcquire();
      const isBy = (gate) => (error) => isStanchionError(error, 'RejectedError') && error.by.gate === gate;
      return [await circuit.execute(works).catch(isBy('circuit')), await full.execute(works).catch(isBy('bulkhead'))];
    },
  },
  '`breaker.toJSON()`, `initialState`': {
    theirs: async () => {
      const { policy, fire } = breakerOf(two());
      await inOrder(fire, [fails, fails]);
      return breakerOf(two(), { initialState: policy.toJSON() }).fire(works);
    },
    ours: async () => {
      const { policy, fire } = policyOf(TWO);
      await inOrder(fire, [fails, fails]);
      const next = policyOf(TWO);
      await next.policy.restore(policy.snapshot());
      return next.fire(works);
    },
  },
};
