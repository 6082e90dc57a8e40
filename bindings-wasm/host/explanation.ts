/** A count, and what it is measured against. */
export interface Count {
  readonly count: number;
  readonly of: number;
}

/** What an operator needs: each gate, its numbers, since when, until when, why. Instants are whole µs since the Unix epoch. */
export interface Explanation {
  /** The policy's name. */
  readonly policy: string;
  /** State time: now, or the last change where that is later. */
  readonly atUs: number;
  /** When the state changed last. */
  readonly lastAtUs: number;
  /** Of the permits that are given out now. */
  readonly generation: number;
  /** Whether a call of cost 1 would be admitted. */
  readonly admits: boolean;
  /** Which gate holds such a call up longest, `limit:calls` for example. */
  readonly by: string | null;
  /** All gates that refuse it now. */
  readonly gates: readonly string[];
  /** How long to wait; null where it is admitted, and where waiting cannot help. */
  readonly retryAfterUs: number | null;
  /** Nothing is enforced: what would be refused is only told. */
  readonly isShadow: boolean;
  /** The circuit; null where the policy has none. */
  readonly circuit: CircuitExplanation | null;
  /** The end of the block; null where there is none now. */
  readonly blockUntilUs: number | null;
  /** The limits in the policy's order. */
  readonly limits: readonly LimitExplanation[];
  /** How many limits of other configurations are carried, because they are not full again. */
  readonly carriedLimits: number;
  /** The bulkhead; null where the policy has none. */
  readonly bulkhead: BulkheadExplanation | null;
  /** What changes next by itself. */
  readonly nextChangeUs: number | null;
  /** From when the state says nothing that a new one would not. */
  readonly vacuousUs: number | null;
}

/** The circuit of an explanation. */
export interface CircuitExplanation {
  /** Its phase now. */
  readonly phase: 'closed' | 'open' | 'half_open';
  /** What lies over it. */
  readonly mode: 'forced_open' | 'disabled' | 'metrics_only' | null;
  /** When the mode ends by itself. */
  readonly modeUntilUs: number | null;
  /** Since when it is in its phase. */
  readonly sinceUs: number;
  /** The end of the open time, or of a half-open time that began. */
  readonly untilUs: number | null;
  /** Why it opened last. */
  readonly reason:
    | 'none'
    | 'consecutive_failures'
    | 'failures_in_window'
    | 'failure_rate'
    | 'slow_call_rate'
    | 'probe_failed'
    | 'half_open_timeout'
    | 'tripped';
  /** How often it opened since growth was reset. */
  readonly growth: number;
  /** Failures in a row, and how many trip. */
  readonly consecutiveFailures: Count | null;
  /** Failures in the window, and how many trip. */
  readonly failuresInWindow: Count | null;
  /** What the rates are taken over. Thresholds are basis points, null where that rate does not trip. */
  readonly rates: {
    readonly calls: number;
    readonly minimumCalls: number;
    readonly failures: number;
    readonly slow: number;
    readonly failureRateBp: number | null;
    readonly slowCallRateBp: number | null;
  } | null;
  /** The probes of a half-open circuit. */
  readonly probes: {
    readonly live: number;
    readonly permits: number;
    readonly successes: number;
    readonly failures: number;
    readonly calls: number;
  } | null;
}

/** One limit of an explanation. */
export interface LimitExplanation {
  readonly name: string;
  /** Whole tokens that are there, rounded down; below 0 it is debt. */
  readonly tokens: number;
  /** Thousandths of a token beyond the whole ones. */
  readonly tokenThousandths: number;
  /** How many it holds at most. */
  readonly capacity: number;
  /** When it is full, if nothing more is taken; now or earlier where it is. */
  readonly fullUs: number;
}

/** The bulkhead of an explanation. */
export interface BulkheadExplanation {
  /** Slots that are taken. */
  readonly inFlight: number;
  /** How many there are. */
  readonly maxConcurrent: number;
  /** When the first lease ends that is not given back before. */
  readonly firstEndUs: number | null;
  /** The holders that have slots, by their hash, with how many; at most 32 of them. */
  readonly holders: readonly (readonly [string, number])[];
}

/** The core's JSON with the names of TypeScript. */
export function explanationOf(json: string): Explanation {
  return renamed(JSON.parse(json)) as Explanation;
}

function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== 'object' || value === null) return value;
  const camel = (name: string): string => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [camel(name), renamed(inner)]));
}
