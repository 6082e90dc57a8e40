import type { BasePolicy } from './base.js';
import type { Fault, Health, Intent, Recovery, RunAnswer, Unrecoverable } from './beside-types.js';
import { camel, snake, usOf } from './config-json.js';
import type { Outcome } from './engine-types.js';
import { isStanchionError } from './errors.js';
import type { Commanded, Renewed, Settled } from './policy.js';

export async function askRun(policy: BasePolicy, intent: Intent, key: string | undefined): Promise<RunAnswer> {
  type Answer = { readonly wait?: { readonly at_us: number | null; readonly by: 'interval' } };
  const { wait } = (await policy.apply({ run: { intent, key: key ?? null } })) as Answer;
  if (wait === undefined) return { run: 'go' };
  const { at_us, by } = wait;
  if (at_us === null) return { run: 'wait', atMs: null, waitMs: Infinity, by };
  return { run: 'wait', atMs: at_us / 1000, waitMs: policy.common.untilMs(at_us), by };
}

export async function tellRan(policy: BasePolicy, outcome: Outcome): Promise<Commanded> {
  const { commanded } = (await policy.apply({ ran: { outcome } })) as { readonly commanded: string };
  return camel(commanded) as Commanded;
}

export async function nextRunAt(policy: BasePolicy, intent: Intent, key: string | undefined): Promise<number | null> {
  const at = (await policy.apply({ next_run_at: { intent, key: key ?? null } })) as { readonly at_us: number } | null;
  return at === null ? null : at.at_us / 1000;
}

/** What the core answers to a fault. */
interface RecoveryAnswer {
  readonly do?: {
    readonly step: string;
    readonly index: number;
    readonly attempt: number;
    readonly lease_id: number;
    readonly until_us: number;
  };
  readonly wait?: { readonly at_us: number; readonly why: string };
  readonly give_up?: string;
}

export async function askRecovery(policy: BasePolicy, { class: kind, untilMs }: Fault): Promise<Recovery> {
  const answer = (await policy.apply({ recover: { class: snake(kind), until_us: usOf(untilMs) } })) as RecoveryAnswer;
  if (answer.do !== undefined) {
    const { step, index, attempt, lease_id, until_us } = answer.do;
    return { recovery: 'do', step, index, attempt, leaseId: lease_id, untilMs: until_us / 1000 };
  }
  if (answer.wait !== undefined) {
    const { at_us, why } = answer.wait;
    return { recovery: 'wait', atMs: at_us / 1000, waitMs: policy.common.untilMs(at_us), why: camel(why) as 'backoff' };
  }
  if (answer.give_up === undefined) return { recovery: 'stop', why: 'cancelled' };
  return { recovery: 'giveUp', why: camel(answer.give_up) as Unrecoverable };
}

export async function tellRecovered(policy: BasePolicy, leaseId: number, outcome: Outcome): Promise<Settled> {
  const { settled } = (await policy.apply({ recovered: { lease_id: leaseId, outcome } })) as { readonly settled: string };
  return camel(settled) as Settled;
}

export async function renewRecovery(policy: BasePolicy, leaseId: number): Promise<Renewed> {
  type Answer = { readonly renewed: { readonly until_us: number } | string };
  const { renewed } = (await policy.apply({ renew_recovery: { lease_id: leaseId } })) as Answer;
  return typeof renewed === 'string' ? { renewed: 'leaseLost' } : { renewed: 'until', untilMs: renewed.until_us / 1000 };
}

/** Of a store that cannot be read nothing is known but that. */
export async function askHealth(policy: BasePolicy): Promise<Health> {
  const { rules, ticker } = policy.common;
  try {
    return (await policy.apply({ health: {} })) as Health;
  } catch (error) {
    if (!isStanchionError(error, 'StoreError')) throw error;
    const nowUs = ticker.nowUs();
    const state = rules.newState(nowUs);
    const { answer } = JSON.parse(state.apply({ health: { is_store_away: true } }, nowUs)) as { readonly answer: Health };
    state.free();
    return answer;
  }
}
