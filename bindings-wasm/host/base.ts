import { askHealth, askRecovery, askRun, nextRunAt, renewRecovery, tellRan, tellRecovered } from './beside.js';
import type { Fault, Health, Intent, Recovery, RunAnswer } from './beside-types.js';
import type { Common } from './common.js';
import { usOf } from './config-json.js';
import { ACQUIRE, BLOCK_END, EXECUTE, FAILED_CALL, FAULT_FIELDS, REPORT, RUN, TRY_ACQUIRE } from './option-names.js';
import { atLeastZero, invalidInput, known } from './options.js';
import { PLAIN, conduct } from './conduct.js';
import type { EngineEventName, EngineReply, Json, Outcome } from './engine-types.js';
import { EngineError, type RejectedCode, type RejectedError, rejectedError } from './errors.js';
import { Telling } from './events.js';
import type { Explanation } from './explanation.js';
import { AT_ONCE, admit } from './line.js';
import { Permit, cancelAll } from './permit.js';
import { askRetry, executeAgain } from './retry.js';
import type {
  AcquireOptions,
  BlockEnd,
  Call,
  Commanded,
  ExecuteOptions,
  FailedCall,
  Peek,
  Policy,
  Renewed,
  Retried,
  RunOptions,
  SettleOptions,
  Settled,
  TryAcquireOptions,
  Verdict,
} from './policy.js';
import { Rejection } from './rejection.js';
import { dispose } from './symbols.js';
import type { Limit } from './within.js';

/** What an acquire is answered. */
export type Answer = Permit | Rejection;

/** A value at once or later: a policy in the process answers at once, one in a store may have to wait for its lock. */
export type Soon<T> = T | Promise<T>;

const NO_OPTIONS: Readonly<Record<string, never>> = Object.freeze({});

/** What is answered to a step or query of a policy beside the gates. */
export interface AppliedStep {
  readonly answer: unknown;
  readonly changed: boolean;
  readonly events: readonly EngineEventName[];
}

/** A policy, but for where its state lies. */
export abstract class BasePolicy extends Telling implements Policy {
  /** @internal */
  readonly common: Common;
  readonly key: string | undefined;

  constructor(common: Common, key: string | undefined) {
    super();
    this.common = common;
    this.key = key;
  }

  /** @internal Whether other processes decide over the same state. */
  abstract get isShared(): boolean;
  /** @internal Asks the gates, and tells what happened. */
  abstract ask(cost: number, holder: string | undefined): Soon<Answer>;
  /** @internal Gives a permit back with an outcome, and tells what happened. */
  abstract give(permit: Permit, outcome: Outcome, options: SettleOptions): Soon<Settled>;
  /** @internal Gives a permit back whose call never began. */
  abstract takeBack(permit: Permit): Soon<Settled>;
  /** @internal Extends a lease. */
  abstract extend(permit: Permit): Soon<Renewed>;
  /** @internal A step or query of a policy beside the gates in its JSON form: its answer. Tells what happened. */
  abstract apply(input: object): Soon<unknown>;
  /** @internal Gives a command in its JSON form. */
  abstract order(command: Json): Soon<Commanded>;
  abstract peek(options?: TryAcquireOptions): Peek;
  abstract explain(): Explanation;
  abstract snapshot(): Uint8Array;
  /** @internal The value of the header `RateLimit`; empty where there is nothing to say. */
  abstract rateLimit(): string;
  abstract restore(bytes: Uint8Array): Promise<void>;
  abstract free(): void;

  get name(): string {
    return this.common.name;
  }

  execute<T>(fn: (call: Call) => T | PromiseLike<T>, options?: ExecuteOptions<T>): Promise<T> {
    if (options !== undefined || !this.common.isPlain) return this.guarded(fn, options);
    let admitted: Soon<Permit>;
    try {
      admitted = admit(this, AT_ONCE);
    } catch (error) {
      return Promise.reject(error);
    }
    if (admitted instanceof Promise) return admitted.then((permit) => conduct(this, permit, fn, PLAIN));
    return conduct(this, admitted, fn, PLAIN);
  }

  async acquire(options?: AcquireOptions): Promise<Permit> {
    if (options === undefined) return admit(this, AT_ONCE);
    const { cost = 1, holder, waitMs = 0, signal } = known(options, ACQUIRE);
    return admit(this, { cost, holder, waitMs: atLeastZero('waitMs', waitMs), signal });
  }

  acquireMany(wishes: readonly TryAcquireOptions[]): Promise<readonly Answer[]> {
    return this.askMany(wishes, (cost, holder) => this.ask(cost, holder));
  }

  /** @internal Asks for all, or for none: where one is no wish, or cannot be asked, what the others got is given back. */
  async askMany(
    wishes: readonly TryAcquireOptions[],
    ask: (cost: number, holder: string | undefined) => Soon<Answer>,
  ): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    try {
      for (const wish of wishes) {
        const { cost = 1, holder } = known(wish, TRY_ACQUIRE);
        const answer = ask(cost, holder);
        answers.push(answer instanceof Promise ? await answer : answer);
      }
    } catch (error) {
      await cancelAll(answers.filter((answer) => answer instanceof Permit));
      throw error;
    }
    for (const answer of answers) if (answer instanceof Rejection) this.tellRejected(answer);
    return answers;
  }

  async retry(failed: FailedCall): Promise<Retried> {
    return askRetry(this, known(failed, FAILED_CALL));
  }

  async run(intent: Intent, options: RunOptions = NO_OPTIONS): Promise<RunAnswer> {
    const { key = this.key } = known(options, RUN);
    return askRun(this, intent, key);
  }
  ran(outcome: Outcome): Promise<Commanded> {
    return tellRan(this, outcome);
  }
  async nextRunAtMs(intent: Intent = 'scheduled', options: RunOptions = NO_OPTIONS): Promise<number | null> {
    const { key = this.key } = known(options, RUN);
    return nextRunAt(this, intent, key);
  }
  async recover(fault: Fault): Promise<Recovery> {
    return askRecovery(this, known(fault, FAULT_FIELDS));
  }
  recovered(leaseId: number, outcome: Outcome): Promise<Settled> {
    return tellRecovered(this, leaseId, outcome);
  }
  renewRecovery(leaseId: number): Promise<Renewed> {
    return renewRecovery(this, leaseId);
  }
  health(): Promise<Health> {
    return askHealth(this);
  }

  verdict(reply: EngineReply): Verdict {
    const { outcome, blockUntilUs, retry, retryAtUs } = this.common.classifyReply(reply);
    return {
      outcome,
      retry,
      block: blockUntilUs === null ? undefined : { untilMs: blockUntilUs / 1000 },
      retryAtMs: retryAtUs === null ? undefined : retryAtUs / 1000,
    };
  }

  faultOf(reply: EngineReply): Fault | undefined {
    const { fault, retryAtUs } = this.common.classifyReply(reply);
    if (fault === null) return undefined;
    return fault === 'throttled' && retryAtUs !== null ? { class: fault, untilMs: retryAtUs / 1000 } : { class: fault };
  }

  permit(text: string): Permit {
    const [word0, word1, word2, word3] = this.common.engine.permit(text).words;
    return new Permit(this, word0, word1, word2, word3, NaN);
  }

  rateLimitHeaders(refused?: Pick<Rejection, 'retryAfterMs'>): Readonly<Record<string, string>> {
    const { engine, rules } = this.common;
    const headers: Record<string, string> = {};
    const [allowed, left] = [rules.rateLimitPolicy(), this.rateLimit()];
    if (allowed !== '') headers['RateLimit-Policy'] = allowed;
    if (left !== '') headers['RateLimit'] = left;
    const waitMs = refused?.retryAfterMs ?? Infinity;
    if (waitMs !== Infinity) headers['Retry-After'] = String(engine.waitS(waitMs * 1000));
    return headers;
  }

  async block(end: BlockEnd): Promise<Commanded> {
    return this.order({ block: ending(end) });
  }
  async unblock(): Promise<Commanded> {
    return this.order({ unblock: {} });
  }
  async trip(): Promise<Commanded> {
    return this.order({ trip: {} });
  }
  async reset(): Promise<Commanded> {
    return this.order({ reset: {} });
  }
  async forceOpen(end?: BlockEnd): Promise<Commanded> {
    return this.order({ force_open: end === undefined ? {} : ending(end) });
  }
  async disable(): Promise<Commanded> {
    return this.order({ disable: {} });
  }
  async metricsOnly(): Promise<Commanded> {
    return this.order({ metrics_only: {} });
  }
  async liftMode(): Promise<Commanded> {
    return this.order({ lift_mode: {} });
  }
  async report(outcome: Outcome, options: Pick<SettleOptions, 'durationMs'> = NO_OPTIONS): Promise<Commanded> {
    const { durationMs } = known(options, REPORT);
    return this.order({ report: durationMs === undefined ? { outcome } : { outcome, duration_us: usOf(durationMs, Math.floor) } });
  }
  async releaseHolder(holder: string): Promise<Commanded> {
    return this.order({ release_holder: { holder } });
  }

  [dispose](): void {
    this.free();
  }

  /** @internal `execute` with all that it can do. */
  async guarded<T>(fn: (call: Call) => T | PromiseLike<T>, options: ExecuteOptions<T> = NO_OPTIONS): Promise<T> {
    known(options, EXECUTE);
    if (this.common.retries) return executeAgain(this, fn, options);
    const { cost = 1, holder, signal, waitMs = 0, timeoutMs, deadlineMs, classify } = options;
    const beganMs = deadlineMs === undefined ? 0 : this.common.ticker.readSteadyMs();
    const wait = Math.min(atLeastZero('waitMs', waitMs), atLeastZero('deadlineMs', deadlineMs ?? Infinity));
    if (timeoutMs !== undefined) atLeastZero('timeoutMs', timeoutMs);
    const deadline = deadlineMs === undefined ? undefined : { deadlineMs, beganMs };
    const admitted = admit(this, { cost, holder, waitMs: wait, signal, deadline });
    const permit = admitted instanceof Promise ? await admitted : admitted;
    return await conduct(this, permit, fn, { signal, limit: this.limit(timeoutMs, deadlineMs, beganMs), classify });
  }

  /** @internal What ends a call first: its own time, the deadline, or the policy's. */
  limit(timeoutMs: number | undefined, deadlineMs: number | undefined, beganMs: number): Limit | undefined {
    const { bounds, ticker } = this.common;
    let limit: Limit | undefined;
    const atMost = (by: Limit['by'], option: number, leftMs: number): void => {
      if (leftMs < (limit?.leftMs ?? Infinity)) limit = { by, timeoutMs: option, leftMs };
    };
    if (timeoutMs !== undefined) atMost('timeoutMs', timeoutMs, timeoutMs);
    if (deadlineMs !== undefined) atMost('deadlineMs', deadlineMs, Math.max(deadlineMs - (ticker.readSteadyMs() - beganMs), 0));
    atMost('callTimeoutMs', bounds.callTimeoutMs, bounds.callTimeoutMs);
    return limit;
  }

  /** @internal */
  settlePermit(permit: Permit, outcome: Outcome, options: SettleOptions = NO_OPTIONS): Soon<Settled> {
    this.common.keeper.leave(permit);
    return this.give(permit, outcome, options);
  }

  /** @internal */
  cancelPermit(permit: Permit): Soon<Settled> {
    this.common.keeper.leave(permit);
    return this.takeBack(permit);
  }

  /** @internal The text of a permit. */
  permitText({ word0, word1, word2, word3 }: Permit): string {
    return this.common.engine.permitText({ words: [word0, word1, word2, word3] });
  }

  /** @internal Renews the lease of a running call; one that is lost ends the call. */
  keep(permit: Permit): void {
    // What goes wrong with a store is tried again in the next round, of which a lease has two more.
    if (permit.keptAt < 0) return;
    Promise.resolve()
      .then(() => this.extend(permit))
      .then(
        ({ renewed }) => {
          if (renewed === 'until' || permit.keptAt < 0) return;
          this.common.keeper.leave(permit);
          if (renewed === 'leaseLost') permit.abort(leaseLost());
        },
        () => {},
      );
  }

  /** @internal Watches a permit that nobody waits for being given back. */
  watch(settled: Promise<unknown>): void {
    settled.catch((error: unknown) => this.tellNotSettled(error));
  }

  /** @internal Tells a refusal that a caller gets: once for each call, however often it asked while it waited. */
  tellRejected(rejection: Rejection): void {
    this.common.events.tell('rejected', this.key, { rejection });
  }

  /** @internal The same as an error to throw. */
  refused(rejection: Rejection, code?: RejectedCode): RejectedError {
    this.tellRejected(rejection);
    return rejectedError(this.common, rejection, code);
  }

  /** @internal */
  tellNotSettled(error: unknown): void {
    this.common.events.tell('notSettled', this.key, { error });
  }

  /** @internal Whether a result may close the circuit at any time. */
  isProbing(): boolean {
    return this.explain().circuit?.phase === 'halfOpen';
  }
}

function leaseLost(): EngineError {
  return new EngineError({ code: 'lease_lost', message: "the lease of the call was lost: its slot may be another call's by now" });
}

/** An end as the core reads it, rounded up: what is waited for is never early. */
function ending(end: BlockEnd): Json {
  const { forMs, untilMs }: { readonly forMs?: number; readonly untilMs?: number } = known(end, BLOCK_END);
  if (forMs === undefined && untilMs === undefined) throw invalidInput('end', end, 'either `forMs` or `untilMs`');
  return {
    until_us: untilMs === undefined ? undefined : usOf(untilMs),
    for_ms: typeof forMs === 'number' ? Math.ceil(forMs) : forMs,
  };
}
