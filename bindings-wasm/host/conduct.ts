import type { BasePolicy } from './base.js';
import { isStanchionError } from './errors.js';
import type { Outcome } from './engine-types.js';
import { VERDICT } from './option-names.js';
import { invalidInput, known } from './options.js';
import { type Permit, giveBack } from './permit.js';
import type { BlockEnd, Call, Classify, Ending, Verdict } from './policy.js';
import { type Limit, within } from './within.js';

/** How an admitted call is made. */
export interface Conduct<T> {
  readonly signal: AbortSignal | undefined;
  readonly limit: Limit | undefined;
  readonly classify: Classify<T> | undefined;
  /** Is told how it ended, after it was settled. */
  readonly seen?: (ended: Ended<T>) => void;
}

/** A call without options. */
export const PLAIN = Object.freeze({ signal: undefined, limit: undefined, classify: undefined });

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
    value = await (signal === undefined && limit === undefined
      ? fn(permit)
      : // Whether or not `fn` heeds its signal.
        within(policy.common, signal, limit, () => fn(permit), (reason) => permit.abort(reason)));
  } catch (error) {
    keeper.leave(permit);
    const concluded = conclude(policy, permit, { isOk: false, error }, usualOutcome(error, signal), classify, seen);
    if (concluded !== undefined) await concluded;
    throw error;
  }
  keeper.leave(permit);
  const concluded = conclude(policy, permit, { isOk: true, value }, 'success', classify, seen);
  if (concluded !== undefined) await concluded;
  return value;
}

/** What an error means where nobody says otherwise. */
export function usualOutcome(error: unknown, signal: AbortSignal | undefined): Outcome {
  if (isStanchionError(error, 'TimeoutError')) return 'failure';
  if (signal?.aborted === true || isStanchionError(error, 'RejectedError')) return 'ignored';
  return isStanchionError(error, 'EngineError') ? 'ignored' : 'failure';
}

/** Settles a call, at once where that can be. Whatever goes wrong with that is told as an event: the call itself ended as it ended. */
function conclude<T>(
  policy: BasePolicy,
  permit: Permit,
  ending: Ending<T>,
  usual: Outcome,
  classify: Classify<T> | undefined,
  seen: ((ended: Ended<T>) => void) | undefined,
): Promise<void> | undefined {
  const judge = classify ?? (policy.common.classify as Classify<T> | undefined);
  if (judge !== undefined || seen !== undefined) return concludeBy(judge, policy, permit, ending, usual, seen);
  if (permit.isUsed) return undefined;
  try {
    const given = giveBack(permit, () => policy.settlePermit(permit, usual));
    if (!(given instanceof Promise)) return undefined;
    return given.then(
      () => {},
      (error: unknown) => policy.tellNotSettled(error),
    );
  } catch (error) {
    policy.tellNotSettled(error);
    return undefined;
  }
}

/** The same where somebody judges it, or sees how it was judged. */
async function concludeBy<T>(
  judge: Classify<T> | undefined,
  policy: BasePolicy,
  permit: Permit,
  ending: Ending<T>,
  usual: Outcome,
  seen: ((ended: Ended<T>) => void) | undefined,
): Promise<void> {
  let verdict: Verdict = {};
  if (!permit.isUsed) {
    verdict = verdictOf(policy, ending, usual, judge);
    try {
      if (!(await settled(policy, permit, verdict, usual))) verdict = {};
      else if (verdict.block !== undefined) await block(policy, verdict.block);
    } catch (error) {
      policy.tellNotSettled(error);
    }
  }
  seen?.({ ending, usual, verdict });
}

/** Settles a call by a verdict, or as usual by one that is none: then false. A slot that nobody gives back is worse than either. */
async function settled(policy: BasePolicy, permit: Permit, { outcome, actualCost }: Verdict, usual: Outcome): Promise<boolean> {
  try {
    await permit.settle(outcome ?? usual, { actualCost });
    return true;
  } catch (error) {
    if (!isStanchionError(error, 'InputError')) throw error;
    policy.tellNotSettled(error);
  }
  await permit.settle(usual);
  return false;
}

async function block(policy: BasePolicy, end: BlockEnd): Promise<void> {
  if ((await policy.block(end)) !== 'noGate') return;
  policy.tellNotSettled(invalidInput('block', end, `nothing, as the policy \`${policy.name}\` has no gate \`block\``));
}

function verdictOf<T>(policy: BasePolicy, ending: Ending<T>, usual: Outcome, judge: Classify<T> | undefined): Verdict {
  if (judge === undefined) return {};
  try {
    const said = judge(ending, usual);
    return typeof said === 'string' ? { outcome: said } : known(said ?? {}, VERDICT);
  } catch (error) {
    policy.tellNotSettled(error);
    return {};
  }
}
