// Written by bindings-wasm/scripts/config-types.mjs from core/schema/policy.schema.json. Do not edit.

/** A policy as it is written down: its gates, and what hosts and stores must know beside them. */
export interface PolicyConfig {
  /**
   * What the policy guards, for people: it stands in logs and errors, not in the state.
   * 1 to 128 characters.
   */
  readonly name: string;

  /** The circuit breaker. Null for none. */
  readonly circuit?: CircuitConfig | null | undefined;

  /**
   * The rate limits, all or none of which are taken.
   * @default []
   */
  readonly limits?: readonly LimitConfig[] | undefined;

  /** The gate that a server's Retry-After closes. Null for none. */
  readonly block?: BlockConfig | null | undefined;

  /** How many calls may run at once. Null for no bound. */
  readonly bulkhead?: BulkheadConfig | null | undefined;

  /** When a call that failed is made again. Null for never. */
  readonly retry?: RetryConfig | null | undefined;

  /** When it runs by itself. Null for not by itself. */
  readonly schedule?: ScheduleConfig | null | undefined;

  /** How it is mended when it broke. Null for not at all. */
  readonly recovery?: RecoveryConfig | null | undefined;

  /** What makes it unwell beside its gates. Null for nothing else. */
  readonly health?: HealthConfig | null | undefined;

  /** Where what could not be sent waits. Null for nowhere. */
  readonly spool?: SpoolConfig | null | undefined;

  /** What statuses and network errors mean, where that is otherwise than in the default table. Default: the default table. */
  readonly classify?: ClassifyConfig | undefined;

  /**
   * How long a call may run before its host aborts it; the engine itself ends none. Null for as long as it likes.
   * From 1 to 4,294,967,295.
   */
  readonly callTimeoutMs?: number | null | undefined;

  /**
   * How far the clocks of hosts may differ before it counts as a clock that was set back.
   * From 0 to 4,294,967,295.
   * @default 1000
   */
  readonly clockToleranceMs?: number | undefined;

  /**
   * What a host answers while the shared state cannot be reached.
   * - `'admit'`: It admits.
   * - `'reject'`: It refuses.
   * - `'local'`: It decides alone, with its share of each limit.
   * @default 'admit'
   */
  readonly onStoreError?: 'admit' | 'reject' | 'local' | undefined;

  /**
   * Under `onStoreError: local`, what one host may do alone, in whole percents of each limit.
   * From 1 to 100.
   * @default 25
   */
  readonly localSharePercent?: number | undefined;

  /**
   * Whether the policy decides, or only tells what it would decide.
   * - `'enforce'`: It decides.
   * - `'shadow'`: It admits everything and tells what it would have refused.
   * @default 'enforce'
   */
  readonly mode?: 'enforce' | 'shadow' | undefined;

  /**
   * From this comes the jitter of open times: equal seeds give equal times.
   * From 0 to 9,007,199,254,740,991.
   * @default 0
   */
  readonly seed?: number | undefined;
}

/** The circuit breaker: when it opens, for how long, and what closes it again. */
export interface CircuitConfig {
  /**
   * Opens after so many failures in a row. Null for not by this.
   * From 1 to 1,000,000.
   */
  readonly consecutiveFailures?: number | null | undefined;

  /** Opens after so many failures within a time. Null for not by this. */
  readonly failuresInWindow?: FailuresInWindowConfig | null | undefined;

  /**
   * Opens when so many percent of the window's calls failed; at most two decimals. Null for not by this.
   * From 0.01 to 100.
   */
  readonly failureRatePercent?: number | null | undefined;

  /**
   * From this duration on a call is slow. Needed with `slowCallRatePercent`, refused without it.
   * From 1 to 4,294,967,295.
   */
  readonly slowCallMs?: number | null | undefined;

  /**
   * Opens when so many percent of the window's calls were slow; at most two decimals. Null for not by this.
   * From 0.01 to 100.
   */
  readonly slowCallRatePercent?: number | null | undefined;

  /**
   * Rates are looked at from so many calls in the window on. Refused without a rate. Default: 10, or `window.calls` if that is less.
   * From 1 to 1,000,000.
   */
  readonly minimumCalls?: number | undefined;

  /** What the rates are taken over. Refused without a rate. Default: 60,000 ms in 10 slots. */
  readonly window?: WindowConfig | undefined;

  /**
   * So long after the last result or opening a circuit that is not open reads as new. Null for never. It is as long as `openMaxMs` by default: an opening of that length ends as new, closed and its growth forgotten.
   * From 1 to 4,294,967,295.
   * @default 3600000
   */
  readonly forgetMs?: number | null | undefined;

  /**
   * How long it stays open the first time.
   * From 1 to 4,294,967,295.
   * @default 30000
   */
  readonly openMs?: number | undefined;

  /**
   * Each further opening lasts so many times as long; at most three decimals.
   * From 1 to 1,000.
   * @default 1
   */
  readonly openMultiplier?: number | undefined;

  /**
   * No opening lasts longer. At least `openMs`. One that lasts as long as `forgetMs` ends without a probe. Default: the larger of `openMs` and 3,600,000.
   * From 1 to 4,294,967,295.
   */
  readonly openMaxMs?: number | undefined;

  /**
   * Shortens each open time by up to so many percent, so that hosts do not probe in step; at most two decimals.
   * From 0 to 100.
   * @default 0
   */
  readonly openJitterPercent?: number | undefined;

  /**
   * The open time starts small again only after it was closed for so long. Null: as soon as it closes.
   * From 1 to 4,294,967,295.
   */
  readonly growthResetMs?: number | null | undefined;

  /**
   * How many probes may run at once while half-open. 0: straight to closed after the open time.
   * From 0 to 64.
   * @default 1
   */
  readonly halfOpenPermits?: number | undefined;

  /**
   * How many results of probes decide. Default: `halfOpenPermits`, or 1 if that is 0.
   * From 1 to 1,024.
   */
  readonly halfOpenCalls?: number | undefined;

  /**
   * Opens again when so many percent of the probes failed; at most two decimals. Null: when one did.
   * From 0.01 to 100.
   */
  readonly halfOpenFailureRatePercent?: number | null | undefined;

  /**
   * Opens again so long after the first probe if nothing was decided. Null for never.
   * From 1 to 4,294,967,295.
   */
  readonly halfOpenMaxMs?: number | null | undefined;

  /**
   * A probe that is not settled or renewed for so long gives its place back.
   * From 1 to 4,294,967,295.
   * @default 120000
   */
  readonly probeLeaseMs?: number | undefined;

  /**
   * What a success does that arrives while the circuit is open.
   * - `'ignore'`: Nothing.
   * - `'close'`: It closes the circuit.
   * @default 'ignore'
   */
  readonly lateSuccess?: 'ignore' | 'close' | undefined;

  /**
   * What a failure does that arrives while the circuit is open.
   * - `'ignore'`: Nothing.
   * - `'extend'`: It moves the end of the open time, to at most `openMaxMs` from the opening.
   * @default 'ignore'
   */
  readonly lateFailure?: 'ignore' | 'extend' | undefined;

  /**
   * Whether a result that is reported without a permit counts as a probe while half-open.
   * @default false
   */
  readonly reportAsProbe?: boolean | undefined;
}

/** So many failures within a time, counted exactly. */
export interface FailuresInWindowConfig {
  /**
   * So many failures open the circuit.
   * From 1 to 64.
   */
  readonly count: number;

  /**
   * Within how long.
   * From 1 to 4,294,967,295.
   */
  readonly windowMs: number;
}

/** What the rates of a circuit are taken over: the last calls, or a time. */
export type WindowConfig = CallWindow | TimeWindow;

/** The last so many calls. */
export interface CallWindow {
  /**
   * How many calls.
   * From 1 to 1,024.
   */
  readonly calls: number;
}

/** The calls of a time, summed up in slots. */
export interface TimeWindow {
  /**
   * How far back it reaches.
   * From 1 to 4,294,967,295.
   */
  readonly ms: number;

  /**
   * In how many slots. Nothing older than the window counts; something may leave up to a slot early.
   * From 1 to 64.
   * @default 10
   */
  readonly slots?: number | undefined;
}

/** One rate limit, a token bucket: full it holds `capacity` tokens, and it refills continuously. */
export interface LimitConfig {
  /**
   * What it limits; no two limits of a policy share a name.
   * 1 to 64 characters.
   */
  readonly name: string;

  /**
   * How many tokens it holds when full.
   * From 1 to 4,294,967,295.
   */
  readonly capacity: number;

  /**
   * How many tokens come back in `refillIntervalMs`.
   * From 1 to 4,294,967,295.
   */
  readonly refillTokens: number;

  /**
   * In how long `refillTokens` come back.
   * From 1 to 4,294,967,295.
   */
  readonly refillIntervalMs: number;

  /**
   * What a call takes: its cost, or one token.
   * - `'cost'`: Its cost.
   * - `'call'`: One token, whatever it costs.
   * @default 'cost'
   */
  readonly charge?: 'cost' | 'call' | undefined;

  /**
   * What is in it at the beginning.
   * - `'full'`: Its capacity.
   * - `'empty'`: Nothing.
   * @default 'full'
   */
  readonly initial?: 'full' | 'empty' | undefined;

  /**
   * How many tokens it may owe when calls cost more than was estimated. Default: `capacity`.
   * From 0 to 4,294,967,295.
   */
  readonly maxDebt?: number | undefined;
}

/** The gate that a server's Retry-After closes. */
export interface BlockConfig {
  /**
   * No server blocks for longer.
   * From 1 to 4,294,967,295.
   * @default 3600000
   */
  readonly maxBlockMs?: number | undefined;

  /**
   * What a block leaves in each limit at most, in whole percents of its capacity.
   * From 0 to 100.
   * @default 0
   */
  readonly afterBlockPercent?: number | undefined;
}

/** How many calls may run at once. Each holds a slot by a lease, which comes back when its holder died. */
export interface BulkheadConfig {
  /**
   * How many calls may run at once.
   * From 1 to 4,096.
   */
  readonly maxConcurrent: number;

  /**
   * A slot that is not settled or renewed for so long is free again.
   * From 1 to 4,294,967,295.
   * @default 30000
   */
  readonly leaseMs?: number | undefined;

  /**
   * Whether calls of one holder share one slot.
   * @default false
   */
  readonly reentrant?: boolean | undefined;
}

/** When a call that failed is made again, and when it is given up. */
export interface RetryConfig {
  /**
   * How often a call is made at most, the first time included.
   * From 1 to 100.
   * @default 3
   */
  readonly maxAttempts?: number | undefined;

  /**
   * The backoff after the first failure.
   * From 0 to 4,294,967,295.
   * @default 100
   */
  readonly baseDelayMs?: number | undefined;

  /**
   * No backoff is longer. At least `baseDelayMs`.
   * From 0 to 4,294,967,295.
   * @default 20000
   */
  readonly maxDelayMs?: number | undefined;

  /**
   * Each further backoff is so many times as long; at most three decimals.
   * From 1 to 1,000.
   * @default 2
   */
  readonly multiplier?: number | undefined;

  /**
   * How a delay is drawn, so that callers do not come back in step.
   * - `'none'`: Not at all: every host waits alike.
   * - `'full'`: Anything from 0 to the backoff.
   * - `'equal'`: Half of the backoff, and anything up to the other half.
   * - `'decorrelated'`: Anything from `baseDelayMs` to three times the delay before, up to `maxDelayMs`.
   * @default 'full'
   */
  readonly jitter?: 'none' | 'full' | 'equal' | 'decorrelated' | undefined;

  /**
   * From the beginning of the first attempt to the beginning of the last one at most. Null for no bound.
   * From 1 to 4,294,967,295.
   */
  readonly deadlineMs?: number | null | undefined;

  /**
   * A server that asks for a longer wait (Retry-After) is not asked again.
   * From 0 to 4,294,967,295.
   * @default 60000
   */
  readonly maxRetryAfterMs?: number | undefined;

  /** What all callers that share the state may add to the load. Null for no bound. */
  readonly budget?: RetryBudgetConfig | null | undefined;
}

/** How many retries all callers that share a state may make: so many percent of the calls, and a minimum rate. */
export interface RetryBudgetConfig {
  /**
   * So many retries for a hundred calls that are admitted, those that are made again included; at most two decimals.
   * From 0 to 100.
   * @default 20
   */
  readonly percent?: number | undefined;

  /**
   * How many retries may come at once.
   * From 1 to 1,000,000.
   * @default 10
   */
  readonly capacity?: number | undefined;

  /**
   * How many retries are allowed in `refillIntervalMs` however few calls there are.
   * From 1 to 1,000,000.
   * @default 1
   */
  readonly refillTokens?: number | undefined;

  /**
   * In how long `refillTokens` come back.
   * From 1 to 4,294,967,295.
   * @default 1000
   */
  readonly refillIntervalMs?: number | undefined;
}

/** When something runs that runs by itself: a heartbeat, a poll, a drain. */
export interface ScheduleConfig {
  /**
   * From one run to the next.
   * From 1 to 4,294,967,295.
   */
  readonly intervalMs: number;

  /**
   * No two runs begin within less, whatever asks for them.
   * From 0 to 4,294,967,295.
   * @default 0
   */
  readonly minSpacingMs?: number | undefined;

  /** So many runs within a time are enough, whatever asks for them. Null for no bound. */
  readonly flood?: FloodConfig | null | undefined;

  /** How runs that fail come later. Null for not at all. */
  readonly backoff?: ScheduleBackoffConfig | null | undefined;

  /**
   * Delays each run by up to so many percent of the interval; at most two decimals. The same for the same seed, key and run.
   * From 0 to 99.99.
   * @default 0
   */
  readonly jitterPercent?: number | undefined;
}

/** So many runs within a time are enough. */
export interface FloodConfig {
  /**
   * So many runs.
   * From 1 to 64.
   */
  readonly count: number;

  /**
   * Within how long.
   * From 1 to 4,294,967,295.
   */
  readonly windowMs: number;
}

/** How runs that fail come later: after `afterFailures` in a row the next one waits `baseMs × multiplier`, after one more `multiplier` times as long, up to `maxMs`, and then for its slot. A scheduled run's wait counts from its slot, however late its timer was; that of any other from the run. */
export interface ScheduleBackoffConfig {
  /**
   * From so many failures in a row on.
   * From 1 to 1,000,000.
   * @default 1
   */
  readonly afterFailures?: number | undefined;

  /**
   * What is multiplied. At least `intervalMs`: a shorter one would never be felt. Default: `intervalMs`.
   * From 1 to 4,294,967,295.
   */
  readonly baseMs?: number | undefined;

  /**
   * At most three decimals.
   * From 1 to 1,000.
   * @default 2
   */
  readonly multiplier?: number | undefined;

  /**
   * No wait is longer. At least `baseMs`. Default: the larger of 7,200,000 and 8 × `baseMs`.
   * From 1 to 4,294,967,295.
   */
  readonly maxMs?: number | undefined;
}

/** How something that broke is mended: a ladder of steps, the gentle ones first. */
export interface RecoveryConfig {
  /** The steps, in the order in which they are climbed; no two share a name. */
  readonly steps: readonly RecoveryStepConfig[];

  /**
   * Where a fault that may pass by itself begins: the name of a step. Default: the first step.
   * 1 to 64 characters.
   */
  readonly transient?: string | undefined;

  /**
   * Where a fault begins for which new credentials are needed: the name of a step. Default: the first step.
   * 1 to 64 characters.
   */
  readonly unauthenticated?: string | undefined;

  /**
   * Where it begins when the session is gone: the name of a step. Default: the first step.
   * 1 to 64 characters.
   */
  readonly sessionLost?: string | undefined;

  /**
   * Where it begins when somebody else still has the session: the name of a step. Default: the first step.
   * 1 to 64 characters.
   */
  readonly conflict?: string | undefined;

  /**
   * So long after a recovery without a new fault, all attempts are forgotten.
   * From 1 to 4,294,967,295.
   * @default 60000
   */
  readonly stableMs?: number | undefined;

  /**
   * So long after the last attempt all is forgotten, too, whatever became of it. Longer than the faults are apart: at least the longest `maxDelayMs`. Default: the larger of 86,400,000 and the longest `maxDelayMs`.
   * From 1 to 4,294,967,295.
   */
  readonly forgetMs?: number | undefined;

  /**
   * No throttled fault is waited for longer.
   * From 1 to 4,294,967,295.
   * @default 3600000
   */
  readonly maxThrottleMs?: number | undefined;
}

/** One step of a ladder. */
export interface RecoveryStepConfig {
  /**
   * What it does, for the host.
   * 1 to 64 characters.
   */
  readonly name: string;

  /**
   * How often it is tried before the next step.
   * From 1 to 32.
   * @default 3
   */
  readonly maxAttempts?: number | undefined;

  /**
   * An attempt counts for so long. Null: until it was stable for `stableMs`.
   * From 1 to 4,294,967,295.
   */
  readonly windowMs?: number | null | undefined;

  /**
   * The wait before the second attempt; there is none before the first.
   * From 0 to 4,294,967,295.
   * @default 1000
   */
  readonly baseDelayMs?: number | undefined;

  /**
   * Each further wait is so many times as long; at most three decimals.
   * From 1 to 1,000.
   * @default 2
   */
  readonly multiplier?: number | undefined;

  /**
   * No wait is longer. At least `baseDelayMs`.
   * From 0 to 4,294,967,295.
   * @default 60000
   */
  readonly maxDelayMs?: number | undefined;

  /**
   * Shortens each wait by up to so many percent; at most two decimals.
   * From 0 to 100.
   * @default 0
   */
  readonly jitterPercent?: number | undefined;

  /**
   * Who does it has so long; then another may.
   * From 1 to 4,294,967,295.
   * @default 30000
   */
  readonly leaseMs?: number | undefined;
}

/** What makes something unwell beside its gates and its recovery. */
export interface HealthConfig {
  /**
   * It is not ready when nothing worked for so long. Null for not by this. For what works by itself, as a poller does: what only works when it is sent work would not be sent any.
   * From 1 to 4,294,967,295.
   */
  readonly maxSuccessAgeMs?: number | null | undefined;

  /** It is not ready when its circuit opened so often. Null for not by this. */
  readonly flapping?: FlappingConfig | null | undefined;
}

/** So many openings of the circuit within a time are flapping: it closes, and does not stay closed. */
export interface FlappingConfig {
  /**
   * So many openings.
   * From 2 to 32.
   */
  readonly openings: number;

  /**
   * Within how long.
   * From 1 to 4,294,967,295.
   */
  readonly windowMs: number;
}

/** Where what could not be sent waits: how much of it, for how long, and how it goes out again. */
export interface SpoolConfig {
  /**
   * How many items it holds, dead letters included.
   * From 1 to 1,000,000.
   * @default 100000
   */
  readonly maxItems?: number | undefined;

  /**
   * How many bytes the payloads of all items may have together, dead letters included.
   * From 1 to 9,007,199,254,740,991.
   * @default 268435456
   */
  readonly maxBytes?: number | undefined;

  /**
   * How many bytes one payload may have. At most `maxBytes`. Default: the smaller of `maxBytes` and 16,777,216.
   * From 1 to 1,073,741,824.
   */
  readonly maxItemBytes?: number | undefined;

  /**
   * An item that was tried so often in vain becomes a dead letter. Null for no bound.
   * From 1 to 1,000,000.
   * @default 100
   */
  readonly maxAttempts?: number | null | undefined;

  /**
   * An item that is still there after so long becomes a dead letter when its turn comes. Null for no bound.
   * From 1 to 4,294,967,295.
   */
  readonly maxAgeMs?: number | null | undefined;

  /**
   * Who delivers an item has so long, or renews; then another may.
   * From 1 to 4,294,967,295.
   * @default 30000
   */
  readonly leaseMs?: number | undefined;

  /**
   * The wait after the first attempt in vain.
   * From 0 to 4,294,967,295.
   * @default 1000
   */
  readonly baseDelayMs?: number | undefined;

  /**
   * Each further wait is so many times as long; at most three decimals.
   * From 1 to 1,000.
   * @default 2
   */
  readonly multiplier?: number | undefined;

  /**
   * No item that came back waits longer, whatever a server asks for. At least `baseDelayMs`. Default: the larger of `baseDelayMs` and 300,000.
   * From 0 to 4,294,967,295.
   */
  readonly maxDelayMs?: number | undefined;

  /**
   * What an item that came back does to those behind it.
   * - `'loose'`: Those behind it go on meanwhile, and several workers may deliver at once.
   * - `'strict'`: Those behind it wait until it was delivered or became a dead letter, and one is delivered at a time.
   * @default 'loose'
   */
  readonly order?: 'loose' | 'strict' | undefined;

  /** How fast items go out. Null for as fast as they can. */
  readonly pace?: PaceConfig | null | undefined;

  /**
   * The id of an item that was acknowledged is known for so long, and the same id is not taken again. Null for not at all: then only an item that is still there makes another of its id a duplicate.
   * From 1 to 4,294,967,295.
   */
  readonly dedupeWindowMs?: number | null | undefined;

  /**
   * How many such ids are known at most; then the oldest goes.
   * From 1 to 1,000,000.
   * @default 10000
   */
  readonly dedupeCapacity?: number | undefined;
}

/** How fast items go out: so many in a time, evenly spaced, so that what has just come back is not run down at once. */
export interface PaceConfig {
  /**
   * So many items.
   * From 1 to 1,000,000.
   */
  readonly items: number;

  /**
   * In how long.
   * From 1 to 4,294,967,295.
   */
  readonly intervalMs: number;

  /**
   * For so long after the circuit closed again, which the host tells. Null for always.
   * From 1 to 4,294,967,295.
   */
  readonly forMs?: number | null | undefined;
}

/** What a policy says otherwise about statuses ("429"), classes of statuses ("5xx") and network errors ("timeout") than the default table. */
export type ClassifyConfig = Readonly<Record<string, ClassifyRule | undefined>>;

/** What is said otherwise about one status, class of statuses or network error. What is left out is as it would be without the rule. */
export interface ClassifyRule {
  /**
   * What it says about the protected system. Default: as without the rule.
   * - `'success'`: It worked.
   * - `'failure'`: It failed in a way that says something about the protected system.
   * - `'ignored'`: It says nothing about the system.
   */
  readonly outcome?: 'success' | 'failure' | 'ignored' | undefined;

  /**
   * What its Retry-After header does. Only statuses have one. Default: as without the rule.
   * - `'block'`: It closes the policy's block until then.
   * - `'ignore'`: Nothing.
   */
  readonly retryAfter?: 'block' | 'ignore' | undefined;

  /**
   * For how long it closes the policy's block where no header says until when. 0 for not at all. Default: as without the rule.
   * From 0 to 4,294,967,295.
   */
  readonly blockMs?: number | undefined;

  /**
   * Whether the request may be made again. Default: as without the rule.
   * - `'never'`: The answer would be the same, or nobody wants it any more.
   * - `'idempotent'`: Only where it does no harm to process it twice: the first one may have been.
   * - `'always'`: The first one was surely not processed.
   */
  readonly retry?: 'never' | 'idempotent' | 'always' | undefined;

  /**
   * What is at fault: where the ladder of `recovery` begins. Default: as without the rule.
   * - `'transient'`: It may pass by itself.
   * - `'throttled'`: The server wants no calls for a time.
   * - `'unauthenticated'`: New credentials are needed.
   * - `'sessionLost'`: The session is gone.
   * - `'conflict'`: Somebody else still has the session.
   * - `'fatal'`: Nothing that can be done by itself will help.
   * - `'cancelled'`: Nothing is at fault.
   */
  readonly fault?: 'transient' | 'throttled' | 'unauthenticated' | 'sessionLost' | 'conflict' | 'fatal' | 'cancelled' | undefined;
}
