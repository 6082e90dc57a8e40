import type { BasePolicy } from './base.js';
import { atLeastZero, known } from './options.js';
import { conduct } from './conduct.js';
import { admit } from './line.js';
import { EXECUTE } from './option-names.js';
import { type Permit, cancelAll } from './permit.js';
import type { Call, ExecuteOptions, Guard, Policy } from './policy.js';

/**
 * Several policies around one call: the limit of a user within the limit of all, for example. They are asked from the first to the
 * last; where one refuses, what the others gave is given back as if nothing had been asked. All are settled by how the call ended. The
 * call is made once: no `retry` of theirs is asked.
 *
 * @example
 * ```ts
 * const guard = nest(perUser.of(userId), upstream);
 * await guard.execute(() => callUpstream());
 * ```
 */
export function nest(...policies: readonly [Policy, ...Policy[]]): Guard {
  return {
    async execute<T>(fn: (call: Call) => T | PromiseLike<T>, options: ExecuteOptions<T> = {}): Promise<T> {
      known(options, EXECUTE);
      // The outermost one watches the time and the caller, and those within end with it; each keeps to its own `callTimeoutMs` besides.
      const { ticker } = (policies[0] as BasePolicy).common;
      const beganMs = ticker.readSteadyMs();
      const permits = await acquireAll(policies, options, () => ticker.readSteadyMs() - beganMs);
      const { signal, timeoutMs, deadlineMs, classify } = options;
      const [outer, ...inner] = permits as [Permit, ...Permit[]];
      const innermost = inner.reduceRight<(call: Call) => T | PromiseLike<T>>(
        (within, permit) => (call) => {
          const limit = permit.policy.limit(undefined, undefined, 0);
          return conduct(permit.policy, permit, within, { signal: call.signal, limit, classify });
        },
        fn,
      );
      const { policy } = outer;
      const limit = policy.limit(timeoutMs, deadlineMs, beganMs);
      return conduct(policy, outer, innermost, { signal, limit, classify });
    },
  };
}

async function acquireAll<T>(policies: readonly Policy[], options: ExecuteOptions<T>, spentMs: () => number): Promise<Permit[]> {
  const { cost = 1, holder, signal, waitMs: mostMs = 0, deadlineMs } = options;
  const patienceMs = Math.min(atLeastZero('waitMs', mostMs), atLeastZero('deadlineMs', deadlineMs ?? Infinity));
  const permits: Permit[] = [];
  try {
    for (const policy of policies as readonly BasePolicy[]) {
      const goneMs = spentMs();
      const waitMs = Math.max(patienceMs - goneMs, 0);
      // Each has a clock of its own.
      const deadline = deadlineMs === undefined ? undefined : { deadlineMs, beganMs: policy.common.ticker.readSteadyMs() - goneMs };
      permits.push(await admit(policy, { cost, holder, waitMs, signal, deadline }));
    }
  } catch (error) {
    await cancelAll(permits);
    throw error;
  }
  return permits;
}
