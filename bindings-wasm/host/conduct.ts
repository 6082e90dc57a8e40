import type { BasePolicy } from './base.js';
import { type TimeoutOption, TimeoutError, isStanchionError } from './errors.js';
import type { Outcome } from './engine-types.js';
import type { Permit } from './permit.js';
import type { Call, Classify, Ending, Verdict } from './policy.js';

/** When a call is given up, and by which option. */
export interface Limit {
  readonly by: TimeoutOption;
  /** What the option says. */
  readonly timeoutMs: number;
  /** What is left of it. */
  readonly leftMs: number;
}

/** How an admitted call is made. */
export interface Conduct<T> {
  readonly signal: AbortSignal | undefined;
  readonly limit: Limit | undefined;
  readonly classify: Classify<T> | undefined;
  /** Is told how it ended, after it was settled. */
  readonly seen?: (ended: Ended<T>) => void;
}

/** How a call ended, and what that means. */
export interface Ended<T> {
  readonly ending: Ending<T>;
  readonly usual: Outcome;
  readonly verdict: Verdict;
}

/** Makes an admitted call, and settles it by how it ended. */
export async function conduct<T>(
  policy: BasePolicy,
  permit: Permit,
  fn: (call: Call) => T | PromiseLike<T>,
  { signal, limit, classify, seen }: Conduct<T>,
): Promise<T> {
  const { keeper } = policy.common;
  if (permit.isLeased && policy.common.outlives(limit?.leftMs ?? Infinity)) keeper.enter(permit);
  let value: T;
  try {
    value = await (signal === undefined && limit === undefined ? fn(permit) : bounded(policy, permit, fn, signal, limit));
  } catch (error) {
    keeper.leave(permit);
    await conclude(policy, permit, { isOk: false, error }, usualOutcome(error, signal), classify, seen);
    throw error;
  }
  keeper.leave(permit);
  await conclude(policy, permit, { isOk: true, value }, 'success', classify, seen);
  return value;
}

/** What an error means where nobody says otherwise. */
export function usualOutcome(error: unknown, signal: AbortSignal | undefined): Outcome {
  if (isStanchionError(error, 'TimeoutError')) return 'failure';
  if (signal?.aborted === true || isStanchionError(error, 'RejectedError')) return 'ignored';
  return isStanchionError(error, 'EngineError') ? 'ignored' : 'failure';
}

/** Makes a call that ends at the latest when the caller aborts or its time is over, whether or not `fn` heeds its signal. */
function bounded<T>(
  policy: BasePolicy,
  permit: Permit,
  fn: (call: Call) => T | PromiseLike<T>,
  signal: AbortSignal | undefined,
  limit: Limit | undefined,
): Promise<T> {
  const { ticker } = policy.common;
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => {
      signal?.removeEventListener('abort', onAbort);
      if (timer !== undefined) ticker.clear(timer);
    };
    const giveUp = (reason: unknown): void => {
      stop();
      permit.abort(reason);
      reject(reason);
    };
    const onAbort = (): void => giveUp(signal?.reason);
    const timer =
      limit === undefined ? undefined : ticker.after(limit.leftMs, () => giveUp(new TimeoutError(limit.by, limit.timeoutMs)));
    signal?.addEventListener('abort', onAbort);
    const end =
      <V>(tell: (value: V) => void) =>
      (value: V): void => {
        stop();
        tell(value);
      };
    new Promise<T>((called) => called(fn(permit))).then(end(resolve), end(reject));
  });
}

/** Settles a call. Whatever goes wrong with that is told as an event: the call itself ended as it ended. */
async function conclude<T>(
  policy: BasePolicy,
  permit: Permit,
  ending: Ending<T>,
  usual: Outcome,
  classify: Classify<T> | undefined,
  seen: ((ended: Ended<T>) => void) | undefined,
): Promise<void> {
  if (permit.isUsed) return seen?.({ ending, usual, verdict: {} });
  const verdict = verdictOf(policy, ending, usual, classify);
  const { outcome, actualCost, block } = verdict;
  try {
    await permit.settle(outcome ?? usual, { actualCost });
    if (block !== undefined) await policy.block(block);
  } catch (error) {
    policy.tellNotSettled(error);
  }
  seen?.({ ending, usual, verdict });
}

function verdictOf<T>(policy: BasePolicy, ending: Ending<T>, usual: Outcome, classify: Classify<T> | undefined): Verdict {
  const judge = classify ?? (policy.common.classify as Classify<T> | undefined);
  if (judge === undefined) return { outcome: usual };
  try {
    const said = judge(ending, usual);
    return typeof said === 'string' ? { outcome: said } : (said ?? { outcome: usual });
  } catch (error) {
    policy.tellNotSettled(error);
    return { outcome: usual };
  }
}
