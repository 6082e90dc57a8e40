// Each row of the README's table for those who move from opossum: what that library and this one are seen to do. Both sides observe
// the same; the test compares them. `time` is moved by hand: `time.sleep(ms)` ends when `time.advance(ms)` has come so far.
import { once } from 'node:events';

import CircuitBreaker from 'opossum';

import { definePolicy, isStanchionError } from 'stanchion';
import { boom, fails, hangs, inOrder, policyOf, seen, works } from './shared.mjs';

const opossumWord = ({ code }) => ({ EOPENBREAKER: 'refused', ETIMEDOUT: 'timeout', ESEMLOCKED: 'refused' })[code] ?? code;
/** A breaker of opossum over a function that does as it is told. */
function opossum(options = {}) {
  const breaker = new CircuitBreaker((fn, ...rest) => fn(...rest), {
    timeout: false,
    rollingPercentilesEnabled: false,
    ...options,
  });
  return {
    breaker,
    fire: (...args) => seen(breaker.fire(...args), opossumWord),
    done: (result) => (breaker.shutdown(), result),
  };
}
const ONE = { circuit: { consecutiveFailures: 1 } };

export const fromOpossum = {
  '`new CircuitBreaker(fn, options)`, `breaker.fire(…args)`': {
    theirs: async () => {
      const { fire, done } = opossum();
      return done([await fire((x) => works().then((word) => word + x), 1), await fire(fails)]);
    },
    ours: async () => {
      const { fire } = policyOf({ circuit: { consecutiveFailures: 5 } });
      return [await fire(() => works().then((word) => word + 1)), await fire(fails)];
    },
  },
  '`timeout: 3000`': {
    theirs: async (time) => {
      const { fire, done } = opossum({ timeout: 5 });
      return done(await time.during(5, fire(hangs)));
    },
    ours: (time) => time.during(5, policyOf({ callTimeoutMs: 5 }, time).fire(hangs)),
  },
  '`timeout` left out: 10 s': {
    theirs: async (time) => {
      const breaker = new CircuitBreaker(hangs, { rollingPercentilesEnabled: false });
      const said = await time.during(10_000, seen(breaker.fire(), opossumWord));
      breaker.shutdown();
      return said;
    },
    ours: (time) => time.during(10_000, policyOf({ callTimeoutMs: 10_000 }, time).fire(hangs)),
  },
  '`errorThresholdPercentage: 50`, `rollingCountTimeout: 10000`, `volumeThreshold: 10`': {
    theirs: async () => {
      const { fire, done } = opossum({ errorThresholdPercentage: 60, rollingCountTimeout: 10_000, volumeThreshold: 4 });
      return done(await inOrder(fire, [works, fails, fails, fails, works]));
    },
    ours: () =>
      inOrder(policyOf({ circuit: { failureRatePercent: 60, window: { ms: 10_000 }, minimumCalls: 4 } }).fire, [
        works,
        fails,
        fails,
        fails,
        works,
      ]),
  },
  '`volumeThreshold` left out: 0': {
    theirs: async () => {
      const { fire, done } = opossum();
      return done(await inOrder(fire, [fails, works]));
    },
    ours: () => inOrder(policyOf({ circuit: { failureRatePercent: 50, window: { ms: 10_000 }, minimumCalls: 1 } }).fire, [fails, works]),
  },
  "`name: 'api'`": {
    theirs: async () => {
      const { breaker, done } = opossum({ name: 'api' });
      return done(breaker.name);
    },
    ours: async () => policyOf({ name: 'api' }).policy.name,
  },
  '`enabled: false`': {
    theirs: async () => {
      const { fire, done } = opossum({ enabled: false });
      return done(await inOrder(fire, [fails, works]));
    },
    ours: async () => {
      const { policy, fire } = policyOf(ONE);
      await policy.disable();
      return inOrder(fire, [fails, works]);
    },
  },
  '`allowWarmUp: true`': {
    theirs: async (time) => {
      const { fire, done } = opossum({ allowWarmUp: true, rollingCountTimeout: 10 });
      const warmingUp = await inOrder(fire, [fails, works]);
      await time.advance(10);
      return done([...warmingUp, ...(await inOrder(fire, [fails, works]))]);
    },
    ours: async () => {
      const { policy, fire } = policyOf(ONE);
      await policy.metricsOnly();
      const warmingUp = await inOrder(fire, [fails, works]);
      await policy.liftMode();
      return [...warmingUp, ...(await inOrder(fire, [fails, works]))];
    },
  },
  '`resetTimeout: 30000`': {
    theirs: async (time) => {
      const { fire, done } = opossum({ resetTimeout: 10 });
      const before = await inOrder(fire, [fails, works]);
      await time.advance(20);
      return done([...before, ...(await inOrder(fire, [works, works]))]);
    },
    ours: async (time) => {
      const { fire } = policyOf({ circuit: { consecutiveFailures: 1, openMs: 10 } }, time);
      const before = await inOrder(fire, [fails, works]);
      await time.advance(20);
      return [...before, ...(await inOrder(fire, [works, works]))];
    },
  },
  '`capacity: 10`': {
    theirs: async (time) => {
      const { fire, done } = opossum({ capacity: 1 });
      const first = fire(() => time.sleep(10).then(works));
      const second = await fire(works);
      await time.advance(10);
      return done([second, await first]);
    },
    ours: async (time) => {
      const { fire } = policyOf({ bulkhead: { maxConcurrent: 1 } });
      const first = fire(() => time.sleep(10).then(works));
      const second = await fire(works);
      await time.advance(10);
      return [second, await first];
    },
  },
  '`errorFilter: (error) => isExpected(error)`': {
    theirs: async () => {
      const { fire, done } = opossum({ errorFilter: (error) => error === boom });
      return done(await inOrder(fire, [fails, works]));
    },
    ours: () =>
      inOrder(policyOf(ONE, { classify: ({ isOk, error }) => (!isOk && error === boom ? 'success' : undefined) }).fire, [
        fails,
        works,
      ]),
  },
  '`breaker.fallback(fn)`': {
    theirs: async () => {
      const { breaker, fire, done } = opossum();
      breaker.fallback(() => 'instead');
      return done(await inOrder(fire, [fails, works]));
    },
    ours: async () => {
      const { policy } = policyOf(ONE);
      const fire = (fn) => policy.execute(fn).catch(() => 'instead');
      return inOrder(fire, [fails, works]);
    },
  },
  '`breaker.open()`, `breaker.close()`': {
    theirs: async () => {
      const { breaker, fire, done } = opossum();
      breaker.open();
      const open = await fire(works);
      breaker.close();
      return done([open, await fire(works)]);
    },
    ours: async () => {
      const { policy, fire } = policyOf(ONE);
      const said = [];
      for (const open of [() => policy.forceOpen(), () => policy.trip()]) {
        await open();
        said.push(await fire(works));
        await policy.reset();
      }
      if (said[0] !== said[1]) return said;
      return [said[0], await fire(works)];
    },
  },
  '`breaker.disable()`, `breaker.enable()`': {
    theirs: async () => {
      const { breaker, fire, done } = opossum();
      breaker.disable();
      const off = await inOrder(fire, [fails, works]);
      breaker.enable();
      breaker.open();
      return done([...off, await fire(works)]);
    },
    ours: async () => {
      const { policy, fire } = policyOf(ONE);
      await policy.disable();
      const off = await inOrder(fire, [fails, works]);
      await policy.liftMode();
      await policy.trip();
      return [...off, await fire(works)];
    },
  },
  "`breaker.on('open' \\| 'halfOpen' \\| 'close' \\| 'reject', fn)`": {
    theirs: async (time) => {
      const { breaker, fire, done } = opossum({ resetTimeout: 10 });
      const told = [];
      for (const type of ['open', 'halfOpen', 'close', 'reject']) breaker.on(type, () => told.push(type));
      await inOrder(fire, [fails, works]);
      await time.advance(20);
      await fire(works);
      return done(told);
    },
    ours: async (time) => {
      const { policy, fire } = policyOf({ circuit: { consecutiveFailures: 1, openMs: 10 } }, time);
      const told = [];
      for (const type of ['open', 'halfOpen', 'close', 'rejected'])
        policy.on(type, () => told.push(type.replace('rejected', 'reject')));
      await inOrder(fire, [fails, works]);
      await time.advance(20);
      await fire(works);
      return told;
    },
  },
  '`breaker.opened`': {
    theirs: async () => {
      const { breaker, fire, done } = opossum();
      const before = breaker.opened;
      await fire(fails);
      return done([before, breaker.opened]);
    },
    ours: async () => {
      const { policy, fire } = policyOf(ONE);
      const isOpen = () => policy.explain().circuit.phase === 'open';
      const before = isOpen();
      await fire(fails);
      return [before, isOpen()];
    },
  },
  "`breaker.on('success' \\| 'failure', fn)`": {
    theirs: async () => {
      const { breaker, fire, done } = opossum();
      const told = [];
      for (const type of ['success', 'failure']) breaker.on(type, () => told.push(type));
      await inOrder(fire, [works, fails]);
      return done(told);
    },
    ours: async () => {
      const { policy, fire } = policyOf(ONE);
      const told = [];
      policy.on('settled', ({ outcome }) => told.push(outcome));
      await inOrder(fire, [works, fails]);
      return told;
    },
  },
  '`breaker.stats`, `breaker.status`': {
    theirs: async () => {
      const { breaker, fire, done } = opossum({ volumeThreshold: 10 });
      await inOrder(fire, [works, fails]);
      return done([breaker.stats.fires, breaker.status.stats.failures]);
    },
    ours: async () => {
      const { policy, fire } = policyOf({ circuit: { failureRatePercent: 50, window: { ms: 10_000 }, minimumCalls: 10 } });
      await inOrder(fire, [works, fails]);
      const { calls, failures } = policy.explain().circuit.rates;
      return [calls, failures];
    },
  },
  '`breaker.healthCheck(fn, 5000)`': {
    theirs: async () => {
      const { breaker, fire, done } = opossum();
      breaker.healthCheck(fails, 1);
      await once(breaker, 'healthCheckFailed');
      return done(await fire(works));
    },
    ours: async () => {
      const { policy, fire } = policyOf(ONE);
      await policy.report('failure');
      return fire(works);
    },
  },
  '`breaker.shutdown()`': {
    theirs: async () => {
      const { breaker } = opossum();
      breaker.shutdown();
      return breaker.fire(works).catch(({ code }) => code === 'ESHUTDOWN');
    },
    ours: async () => {
      const { policy } = policyOf(ONE);
      policy[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
      return policy.execute(works).catch((error) => isStanchionError(error, 'EngineError') && error.code === 'policy_freed');
    },
  },
  '`breaker.toJSON()`, `new CircuitBreaker(fn, { state, status })`': {
    theirs: async () => {
      const { breaker, fire, done } = opossum();
      await fire(fails);
      const { state, status } = breaker.toJSON();
      const next = opossum({ state, status });
      return done(next.done(await next.fire(works)));
    },
    ours: async () => {
      const { policy, fire } = policyOf(ONE);
      await fire(fails);
      const next = policyOf(ONE);
      await next.policy.restore(policy.snapshot());
      return next.fire(works);
    },
  },
  "`error.code === 'ESEMLOCKED'`": {
    theirs: async () => {
      const { breaker, done } = opossum({ capacity: 1 });
      void breaker.fire(hangs);
      return done(await breaker.fire(works).catch(({ code }) => code === 'ESEMLOCKED'));
    },
    ours: async () => {
      const { policy } = policyOf({ bulkhead: { maxConcurrent: 1 } });
      void policy.execute(hangs);
      return policy.execute(works).catch((error) => isStanchionError(error, 'RejectedError') && error.by?.gate === 'bulkhead');
    },
  },
  "`error.code === 'EOPENBREAKER'`": {
    theirs: async () => {
      const { breaker, done } = opossum();
      breaker.open();
      return done(await breaker.fire(works).catch(({ code }) => code === 'EOPENBREAKER'));
    },
    ours: async () => {
      const { policy } = policyOf(ONE);
      await policy.trip();
      const error = await policy.execute(works).catch((thrown) => thrown);
      return (
        isStanchionError(error, 'RejectedError') &&
        error.by.gate === 'circuit' &&
        error.gates.length === 1 &&
        error.retryAfterMs > 0
      );
    },
  },
  "`error.code === 'ETIMEDOUT'`": {
    theirs: async (time) => {
      const { breaker, done } = opossum({ timeout: 5 });
      return done(
        await time.during(
          5,
          breaker.fire(hangs).catch(({ code }) => code === 'ETIMEDOUT'),
        ),
      );
    },
    ours: (time) => {
      const call = definePolicy({ name: 'moved' }, { clock: time.clock }).execute(hangs, { timeoutMs: 5 });
      return time.during(
        5,
        call.catch((error) => isStanchionError(error, 'TimeoutError')),
      );
    },
  },
  '`abortController`': {
    theirs: async (time) => {
      const abortController = new AbortController();
      const { fire, done } = opossum({ timeout: 5, abortController });
      await time.during(5, fire(hangs));
      return done(abortController.signal.aborted);
    },
    ours: async (time) => {
      let signal;
      await time.during(
        5,
        policyOf({}, time).fire((call) => ((signal = call.signal), hangs()), { timeoutMs: 5 }),
      );
      return signal.aborted;
    },
  },
};
