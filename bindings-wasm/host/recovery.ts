import type { BasePolicy } from './base.js';
import type { Fault, FaultClass, Recovery } from './beside-types.js';
import type { Outcome } from './engine-types.js';
import { EngineError, RecoveryError, isStanchionError } from './errors.js';
import { keepLease } from './keeper.js';
import { type Names, known } from './options.js';
import type { Policy } from './policy.js';

/** What a step of a recovery gets. */
export interface RecoveryCall {
  /** Aborted when the caller gives up, and when the step's lease was lost. */
  readonly signal: AbortSignal;
  /** The step's name. */
  readonly step: string;
  /** How often it was begun, this time included. */
  readonly attempt: number;
  /** What was at fault. */
  readonly fault: Fault;
}

/** The steps of a ladder, by the names in the policy. */
export type RecoverySteps = Readonly<Record<string, (call: RecoveryCall) => unknown>>;

/** How a fault is recovered from. */
export interface RecoverOptions {
  /** Ends it: a step under way is abandoned, which counts as no attempt. */
  readonly signal?: AbortSignal | undefined;
  /** What a step that threw was at fault with; the same as before by default. */
  readonly faultOf?: ((error: unknown) => Fault | FaultClass | undefined) | undefined;
}

const RECOVER: Names<RecoverOptions> = { signal: true, faultOf: true };

/**
 * Who mended it: this caller, by a step; another one, of this process or of another, so that it is worth a try; nobody, as nothing is
 * wanted any more.
 */
export type Recovered =
  | { readonly by: 'step'; readonly step: string }
  | { readonly by: 'another' }
  | { readonly by: 'nobody' };

/** How soon a step that another process does is looked after: so soon first, and twice as late each time. */
const FIRST_POLL_MS = 16;
const LAST_POLL_MS = 1024;

/** Callers of one process join whoever recovers already. */
const flights = new WeakMap<object, Map<string | undefined, Promise<Recovered>>>();

/**
 * Climbs the ladder of a policy's `recovery` until what was at fault works again: its steps are done by one caller at a time, of all
 * processes that share the state, each as often and as late as the policy says. Who comes while another is at it waits for that one.
 *
 * @example
 * ```ts
 * const ladder = { refresh: () => session.refresh(), recreate: () => session.create() };
 * try {
 *   await read(session);
 * } catch (error) {
 *   await recover(mail, faultOf(error), ladder);
 * }
 * ```
 * @throws RecoveryError where it is given up, with the reason as its code; the last error is its cause.
 */
export async function recover(
  policy: Policy,
  fault: Fault | FaultClass,
  steps: RecoverySteps,
  options: RecoverOptions = {},
): Promise<Recovered> {
  known(options, RECOVER);
  const { common, key } = policy as BasePolicy;
  const ofPolicy = flights.get(common) ?? new Map<string | undefined, Promise<Recovered>>();
  flights.set(common, ofPolicy);
  for (let flying = ofPolicy.get(key); flying !== undefined; flying = ofPolicy.get(key)) {
    if (await isMended(flying, options.signal)) return { by: 'another' };
  }
  const flight = climb(policy as BasePolicy, faultFrom(fault), steps, options);
  ofPolicy.set(key, flight);
  try {
    return await flight;
  } finally {
    ofPolicy.delete(key);
  }
}

/** Whether what another began came to an end that counts here, too. One that was given up on by its caller does not. */
async function isMended(flying: Promise<Recovered>, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const { by } = await unlessAborted(flying, signal);
    return by !== 'nobody';
  } catch (error) {
    if (signal?.aborted === true || isStanchionError(error, 'RecoveryError')) throw error;
    return false;
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

const faultFrom = (fault: Fault | FaultClass): Fault => (typeof fault === 'string' ? { class: fault } : fault);

async function climb(policy: BasePolicy, first: Fault, steps: RecoverySteps, options: RecoverOptions): Promise<Recovered> {
  const { ticker } = policy.common;
  let fault = first;
  let cause: unknown;
  for (;;) {
    options.signal?.throwIfAborted();
    const answer = await policy.recover(fault);
    if (answer.recovery === 'stop') return { by: 'nobody' };
    if (answer.recovery === 'giveUp') throw new RecoveryError(policy.name, answer.why, cause);
    if (answer.recovery === 'do') {
      const done = await step(policy, answer, fault, steps, options);
      if (done.isDone) return { by: 'step', step: answer.step };
      cause = done.error;
      fault = faultFrom(options.faultOf?.(done.error) ?? fault);
    } else if (answer.why === 'inProgress') {
      await anothersEnd(policy, answer.atMs, options.signal);
      return { by: 'another' };
    } else await ticker.pause(answer.waitMs, options.signal);
  }
}

/** Does a step under its lease, and tells how it ended. */
async function step(
  policy: BasePolicy,
  doing: Recovery & { readonly recovery: 'do' },
  fault: Fault,
  steps: RecoverySteps,
  { signal }: RecoverOptions,
): Promise<{ readonly isDone: true } | { readonly isDone: false; readonly error: unknown }> {
  const { leaseId, attempt, untilMs, step: name } = doing;
  const run = steps[name];
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  const renew = async (): Promise<boolean> => (await policy.renewRecovery(leaseId)).renewed !== 'leaseLost';
  const stopKeeping = keepLease(policy.common.ticker, untilMs, renew, () => controller.abort(leaseLost()));
  try {
    if (run === undefined) throw noStep(policy, name);
    await run({ signal: controller.signal, step: name, attempt, fault });
  } catch (error) {
    stopKeeping();
    // A step that a gate refused has failed, too: or it would be done again at once, and for ever.
    await tell(policy, leaseId, signal?.aborted === true ? 'ignored' : 'failure');
    if (signal?.aborted === true || run === undefined) throw error;
    return { isDone: false, error };
  } finally {
    stopKeeping();
    signal?.removeEventListener('abort', onAbort);
  }
  await tell(policy, leaseId, 'success');
  return { isDone: true };
}

/** What cannot be told is as if it had not been: the lease ends by itself. */
async function tell(policy: BasePolicy, leaseId: number, outcome: Outcome): Promise<void> {
  try {
    await policy.recovered(leaseId, outcome);
  } catch (problem) {
    policy.tellNotSettled(problem);
  }
}

function noStep({ name }: BasePolicy, step: string): EngineError {
  return new EngineError({ code: 'no_step', message: `\`${name}\` has no function for its step \`${step}\`` });
}

function leaseLost(): EngineError {
  return new EngineError({ code: 'lease_lost', message: "the lease of the step was lost: another process's may be under way by now" });
}

/** Waits until a step that another does is over, or its lease. */
async function anothersEnd(policy: BasePolicy, atMs: number, signal: AbortSignal | undefined): Promise<void> {
  const { ticker } = policy.common;
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 2, LAST_POLL_MS)) {
    const leftMs = atMs - ticker.nowUs() / 1000;
    const { reasons } = await policy.health();
    if (leftMs <= 0 || !reasons.includes('recovering')) return;
    await ticker.pause(Math.min(pollMs, leftMs), signal);
  }
}
