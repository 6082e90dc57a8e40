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
}
