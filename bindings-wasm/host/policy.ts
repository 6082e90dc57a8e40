import type { Fault, Health, Intent, Recovery, RunAnswer } from './beside-types.js';
import type { Clock } from './clock.js';
import type { PolicyConfig } from './config.js';
import type { EngineReply, Outcome, RetryClass } from './engine-types.js';
import type { Listenable } from './events.js';
import type { Explanation } from './explanation.js';
import type { Permit } from './permit.js';
import type { Rejection } from './rejection.js';

/** A wish to make a call. */
export interface TryAcquireOptions {
  /** Tokens that limits with `charge: 'cost'` take; 1 by default. 0 is allowed. */
  readonly cost?: number | undefined;
  /** Who will hold the bulkhead's slot: calls of one holder share a slot of a `reentrant` bulkhead. */
  readonly holder?: string | undefined;
}

/** A wish to make a call, and how long it waits. */
export interface AcquireOptions extends TryAcquireOptions {
  /**
   * How long to wait for the admission at most, in ms. 0, the default, asks once and at once, and so passes those who stand in line.
   * Who waits stands in a line, first in, first out; a wait that cannot help is refused at once.
   */
  readonly waitMs?: number | undefined;
  /** Ends the wait; what was reserved is given back. */
  readonly signal?: AbortSignal | undefined;
}

/** How a call ended: with a value, or with an error that was thrown. Both can be taken apart before `isOk` is asked. */
export type Ending<T> =
  | { readonly isOk: true; readonly value: T; readonly error?: undefined }
  | { readonly isOk: false; readonly error: unknown; readonly value?: undefined };

/** What a call's end means, with what it teaches. */
export interface Verdict {
  /** What it says about the protected system; as usual by default. */
  readonly outcome?: Outcome | undefined;
  /** What it really cost, where `cost` was an estimate: the difference is given back or owed. */
  readonly actualCost?: number | undefined;
  /** The server's Retry-After: in so many ms, or at an instant in ms since the Unix epoch, it may be called again. */
  readonly block?: BlockEnd | undefined;
  /** Whether the call may be made again; by default an error is asked about as the network error that it is. */
  readonly retry?: RetryClass | undefined;
  /** When the server wants to be asked again, in ms since the Unix epoch: no retry comes earlier. */
  readonly retryAtMs?: number | undefined;
}

/** When a block ends: after so many ms, or at an instant in ms since the Unix epoch. */
export type BlockEnd = { readonly forMs: number } | { readonly untilMs: number };

/**
 * Says what the end of a call means; `usual` is what it would mean without it: a value is a success, an error a failure, an abort
 * by the caller and a refusal by a policy within are ignored. Undefined leaves it at that.
 */
export type Classify<T> = (ending: Ending<T>, usual: Outcome) => Outcome | Verdict | undefined;

/** How `execute` makes a call. */
export interface ExecuteOptions<T = unknown> extends AcquireOptions {
  /**
   * Ends the wait, and the call: `execute` rejects with the signal's reason at once, and the call counts as ignored.
   */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take in ms, from its admission on. Then `execute` rejects with a `TimeoutError`: a failure. */
  readonly timeoutMs?: number | undefined;
  /** How long admission and call may take together, in ms. */
  readonly deadlineMs?: number | undefined;
  /** Says what the end of the call means. */
  readonly classify?: Classify<T> | undefined;
  /**
   * Whether the call may be processed twice without harm; false by default. Under a policy with `retry`, what failed in a way that may
   * have been processed is made again only then. Each attempt asks the gates anew; the wait for an open circuit is bounded by `waitMs`.
   */
  readonly isIdempotent?: boolean | undefined;
}

/** A call that failed, for `retry`. */
export interface FailedCall {
  /** Which attempt it was: 1 for the first. */
  readonly attempt: number;
  /** When the first attempt began, in ms since the Unix epoch: the policy's `deadlineMs` runs from here. */
  readonly beganAtMs: number;
  /** Whether it may be made again, as `verdict` says of a reply. */
  readonly retry: RetryClass;
  /** Whether it may be processed twice without harm; false by default. */
  readonly isIdempotent?: boolean | undefined;
  /** When the server wants to be asked again, in ms since the Unix epoch. */
  readonly retryAtMs?: number | undefined;
  /** How long was waited before this attempt; `jitter: 'decorrelated'` goes by it. */
  readonly previousDelayMs?: number | undefined;
  /** By when the next attempt is to have begun, in ms since the Unix epoch, beside the policy's own deadline. */
  readonly deadlineAtMs?: number | undefined;
  /** How long an open circuit is waited for at most; as long as it takes by default. */
  readonly maxCircuitWaitMs?: number | undefined;
  /** What the next attempt will ask the gates for; 1 by default. */
  readonly cost?: number | undefined;
}

/**
 * Why a call is not made again. `circuit` and `deadline` also where the caller's own `waitMs` and `deadlineMs` end sooner than the
 * wait would.
 */
export type GiveUp =
  | 'noRetry'
  | 'notRetryable'
  | 'notIdempotent'
  | 'attempts'
  | 'retryAfter'
  | 'gates'
  | 'deadline'
  | 'budget'
  | 'circuit';

/** What becomes of a call that failed: it is made again in `waitMs`, at `atMs` since the Unix epoch, or not at all. */
export type Retried =
  | { readonly retried: 'retry' | 'waitForCircuit'; readonly atMs: number; readonly waitMs: number }
  | { readonly retried: 'giveUp'; readonly why: GiveUp };

/** What a guarded function gets. */
export interface Call {
  /** Aborted when the caller aborts, when the call takes too long, and when its lease was lost. Made when it is first read. */
  readonly signal: AbortSignal;
  /** What the call holds. Whoever settles it himself says how it ended; `execute` then leaves it at that. */
  readonly permit: Permit;
  /** Which attempt it is: 1 for the first. */
  readonly attempt: number;
}

/** How a permit is given back. */
export interface SettleOptions {
  /** How long the call took in ms; by default since the permit was given. A call of unknown duration is not slow. */
  readonly durationMs?: number | undefined;
  /** What it really cost, where `cost` was an estimate: the difference is given back or owed. */
  readonly actualCost?: number | undefined;
}

/** Whose run it is. */
export interface RunOptions {
  /** Runs of different keys are spread over the interval; the policy's own key by default. */
  readonly key?: string | undefined;
}

/** What became of a result: `stale` results move no circuit, of a lost lease nothing comes back. */
export type Settled = 'counted' | 'stale' | 'leaseLost';

/** What became of a renewal; `untilMs` is the lease's new end in ms since the Unix epoch. */
export type Renewed = { readonly renewed: 'until'; readonly untilMs: number } | { readonly renewed: 'leaseLost' | 'notLeased' };

/** What became of a command. */
export type Commanded = 'done' | 'unchanged' | 'noGate';

/** What an acquire would be answered; what only a refusal has can be read of either. */
export type Peek = Rejection | ({ readonly admitted: true } & { readonly [Part in 'by' | 'gates' | 'retryAfterMs' | 'degraded']?: undefined });

/** What can make guarded calls: a policy, and several that are nested. */
export interface Guard {
  /**
   * Makes a call if it is admitted, and settles it by how it ended. What `fn` returns or throws is returned or thrown.
   *
   * @example
   * ```ts
   * const response = await policy.execute(({ signal }) => fetch(url, { signal }), { timeoutMs: 2000, waitMs: 500 });
   * ```
   * Under a policy with `retry`, what failed is made again as the policy says; the last attempt's value or error is what comes back.
   *
   * @throws RejectedError where the call, or a later attempt of it, is refused; `fn` was not called then.
   * @throws TimeoutError where it took too long.
   */
  execute<T>(fn: (call: Call) => T | PromiseLike<T>, options?: ExecuteOptions<T>): Promise<T>;
}

/** A policy and its state, in this process or in a store: the same interface, so that moving is one line. */
export interface Policy extends Guard, Listenable, Disposable {
  /** Its name. */
  readonly name: string;
  /** The key of a keyed or stored policy. */
  readonly key: string | undefined;

  /**
   * Whether a call may go ahead: a permit, to be given back by `settle` or `cancel`, once.
   *
   * @example
   * ```ts
   * await using permit = await policy.acquire({ waitMs: 100 });
   * await permit.settle((await send()) ? 'success' : 'failure');
   * ```
   * @throws RejectedError where it may not.
   */
  acquire(options?: AcquireOptions): Promise<Permit>;

  /**
   * Asks for many calls at one instant, in order. Each gets its permit or its refusal; nobody waits. In a store each is a step of its
   * own, at an instant of its own. Where one is no wish or cannot be asked, that is thrown, and what the others got is given back.
   */
  acquireMany(wishes: readonly TryAcquireOptions[]): Promise<readonly (Permit | Rejection)[]>;

  /**
   * Whether a call that failed is made again, and when; its permit was given back before. `execute` and `guardFetch` ask so by
   * themselves. A retry that is granted takes from the policy's budget.
   */
  retry(failed: FailedCall): Promise<Retried>;

  /**
   * Whether something that runs by itself runs now; one that goes is remembered. `schedule` asks so by itself.
   */
  run(intent: Intent, options?: RunOptions): Promise<RunAnswer>;
  /** How a run ended: failures in a row put the next ones off, `ignored` (a run that was skipped) counts as nothing. */
  ran(outcome: Outcome): Promise<Commanded>;
  /** When the next run goes if nothing else happens, in ms since the Unix epoch; null for never. */
  nextRunAtMs(intent?: Intent, options?: RunOptions): Promise<number | null>;

  /**
   * What is to be done about a fault: by one process of all that share the state. `recover` and `supervise` ask so by themselves.
   */
  recover(fault: Fault): Promise<Recovery>;
  /** How a step of the recovery ended. With lease id 0: what was at fault works again, by itself. */
  recovered(leaseId: number, outcome: Outcome): Promise<Settled>;
  /** Extends the lease of a step that takes longer. */
  renewRecovery(leaseId: number): Promise<Renewed>;

  /** Whether what it protects is live, ready or degraded, and why. A store that cannot be read is one of the reasons. */
  health(): Promise<Health>;

  /**
   * What an HTTP answer or a network error means, by the policy's table: for `classify` of `execute`.
   *
   * @example
   * ```ts
   * const classify: Classify<Reply> = (ending) => (ending.isOk ? policy.verdict({ status: ending.value.status }) : undefined);
   * ```
   */
  verdict(reply: EngineReply): Verdict;

  /**
   * What is at fault where an HTTP answer or a network error is not what was asked for, by the core's table: for `recover`. A session
   * that is gone is no fault of the upstream, but one of whoever needs it.
   *
   * @example
   * ```ts
   * const fault = policy.faultOf({ status: response.status, retryAfter: response.headers.get('retry-after') });
   * if (fault !== undefined) await recover(policy, fault, ladder);
   * ```
   */
  faultOf(reply: EngineReply): Fault | undefined;

  /** A permit from its text, as another process wrote it: to settle there what was admitted here. */
  permit(text: string): Permit;

  /** What an acquire would be answered. Takes nothing. */
  peek(options?: TryAcquireOptions): Peek;

  /** Each gate, its numbers, since when, until when, why. Instants are ms since the Unix epoch. */
  explain(): Explanation;

  /**
   * What a server tells its client of the limits: `RateLimit-Policy` and `RateLimit` as the IETF's draft has them, and `Retry-After` in
   * whole seconds after a refusal that a wait can help. None of them where there is nothing to say.
   */
  rateLimitHeaders(refused?: Pick<Rejection, 'retryAfterMs'>): Readonly<Record<string, string>>;

  /** The state as bytes, which every host reads. */
  snapshot(): Uint8Array;

  /**
   * Puts a snapshot in place of the state.
   * @throws StateError where the bytes are no state that this release may read; nothing changed.
   */
  restore(bytes: Uint8Array): Promise<void>;

  /** Closes the block gate: a server said Retry-After. A later end wins, up to `maxBlockMs`. */
  block(end: BlockEnd): Promise<Commanded>;
  /** Lifts a block. */
  unblock(): Promise<Commanded>;
  /** Opens the circuit. */
  trip(): Promise<Commanded>;
  /** Starts all gates anew; running calls keep their slots. */
  reset(): Promise<Commanded>;
  /** Refuses all calls until `liftMode`, or until the end. */
  forceOpen(end?: BlockEnd): Promise<Commanded>;
  /** Lets the circuit be: it neither counts nor refuses. */
  disable(): Promise<Commanded>;
  /** Lets the circuit count, and never trip. */
  metricsOnly(): Promise<Commanded>;
  /** Ends `forceOpen`, `disable` and `metricsOnly`. */
  liftMode(): Promise<Commanded>;
  /** Counts a result without a call of ours: a health check, a system that only records. */
  report(outcome: Outcome, options?: { readonly durationMs?: number | undefined }): Promise<Commanded>;
  /** Frees the slots of a holder that is known to be dead. */
  releaseHolder(holder: string): Promise<Commanded>;

  /** Frees its memory; otherwise that goes some time after nothing refers to it. A store's state stays in its file. */
  [Symbol.dispose](): void;
}

/** A policy whose state is in this process, and so can answer at once. */
export interface LocalPolicy extends Policy {
  /**
   * Whether a call may go ahead, at once: a permit, or the refusal, which is answered and not thrown.
   *
   * @example
   * ```ts
   * const answer = policy.tryAcquire();
   * if (!answer.admitted) return new Response('busy', { status: 503 });
   * ```
   * @throws InputError for a cost or a holder that is none.
   * @throws EngineError where there is nothing to ask: `too_many_keys` for a new key of a full set, `policy_freed`, `engine_broken`.
   */
  tryAcquire(options?: TryAcquireOptions): Permit | Rejection;
}

/** One configuration for many keys, each with a state of its own: a limit for each user. Listeners hear the events of all keys. */
export interface Keyed<P extends Policy> extends Listenable, Disposable {
  /** The configuration's name. */
  readonly name: string;
  /** The policy of a key. Cheap: made for the call and dropped. */
  of(key: string): P;
  /** Frees the memory of all keys. A store's states stay in its file. */
  [Symbol.dispose](): void;
}

/** How a policy lives in this process, beside its rules. */
export interface PolicyOptions {
  /** In place of the runtime's clock and timers. */
  readonly clock?: Clock | undefined;
  /** How many calls may wait, on all its keys together; 1,000 by default. Who comes then is refused with the code `queue_full`. */
  readonly maxWaiting?: number | undefined;
  /** Draws a number from 0 up to 1, for the jitter of retries; `Math.random` by default. */
  readonly random?: (() => number) | undefined;
  /** Says what the end of a call means, for calls that do not say it themselves. */
  readonly classify?: Classify<unknown> | undefined;
}

/** The same, for many keys. */
export interface KeyedOptions extends PolicyOptions {
  /**
   * How many keys are kept at most; 1,000,000 by default. Keys whose state says nothing any more are forgotten by themselves. Where
   * all say something, a new one is an `EngineError` with the code `too_many_keys`.
   */
  readonly maxKeys?: number | undefined;
}

/** How a policy lives in a store. */
export interface StoredOptions extends PolicyOptions {
  /** Under which key of the store; its name by default. */
  readonly key?: string | undefined;
}

/** What keeps states outside of the process: a `Store` of `stanchion/store`. */
export interface PolicyStore {
  /** A policy whose state lies in it. */
  policy(config: PolicyConfig | string, options?: StoredOptions): Policy;
  /** One configuration for many keys of it. */
  keyed(config: PolicyConfig | string, options?: PolicyOptions): Keyed<Policy>;
}
