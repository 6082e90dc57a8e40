import type { Health, Unrecoverable } from './beside-types.js';
import { camel } from './config-json.js';
import { type Gate, gateOf } from './engine-types.js';

/** A count, and what it is measured against. */
export interface Count {
  readonly count: number;
  readonly of: number;
}

/** What an operator needs: each gate, its numbers, since when, until when, why. Instants are ms since the Unix epoch. */
export interface Explanation {
  /** The policy's name. */
  readonly policy: string;
  /** State time: now, or the last change where that is later. */
  readonly atMs: number;
  /** When the state changed last. */
  readonly lastAtMs: number;
  /** Of the permits that are given out now. */
  readonly generation: number;
  /** Whether a call of cost 1 would be admitted. */
  readonly admits: boolean;
  /** Which gate holds such a call up longest; null where it is admitted. */
  readonly by: Gate | null;
  /** All gates that refuse it now. */
  readonly gates: readonly Gate[];
  /** In so many ms, rounded up, it would be admitted; `Infinity`: waiting cannot help. Null where it is admitted. */
  readonly retryAfterMs: number | null;
  /** Nothing is enforced: what would be refused is only told. */
  readonly isShadow: boolean;
  /** The circuit; null where the policy has none. */
  readonly circuit: CircuitExplanation | null;
  /** The end of the block; null where there is none now. */
  readonly blockUntilMs: number | null;
  /** The limits in the policy's order. */
  readonly limits: readonly LimitExplanation[];
  /** How many limits of other configurations are carried, because they are not full again. */
  readonly carriedLimits: number;
  /** The bulkhead; null where the policy has none. */
  readonly bulkhead: BulkheadExplanation | null;
  /** The schedule; undefined where the policy has none. */
  readonly schedule?: ScheduleExplanation;
  /** The recovery; undefined where the policy has none. */
  readonly recovery?: RecoveryExplanation;
  /** How well it is; undefined where the policy has no `health`. */
  readonly health?: HealthExplanation;
  /** What changes next by itself. */
  readonly nextChangeMs: number | null;
  /** From when the state says nothing that a new one would not. */
  readonly vacuousMs: number | null;
}

/** The circuit of an explanation. */
export interface CircuitExplanation {
  /** Its phase now. */
  readonly phase: 'closed' | 'open' | 'halfOpen';
  /** What lies over it. */
  readonly mode: 'forcedOpen' | 'disabled' | 'metricsOnly' | null;
  /** When the mode ends by itself. */
  readonly modeUntilMs: number | null;
  /** Since when it is in its phase. */
  readonly sinceMs: number;
  /** The end of the open time, or of a half-open time that began. */
  readonly untilMs: number | null;
  /** Why it opened last. */
  readonly reason:
    | 'none'
    | 'consecutiveFailures'
    | 'failuresInWindow'
    | 'failureRate'
    | 'slowCallRate'
    | 'probeFailed'
    | 'halfOpenTimeout'
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
  readonly fullMs: number;
}

/** The bulkhead of an explanation. */
export interface BulkheadExplanation {
  /** Slots that are taken. */
  readonly inFlight: number;
  /** How many there are. */
  readonly maxConcurrent: number;
  /** When the first lease ends that is not given back before. */
  readonly firstEndMs: number | null;
  /** The holders that have slots, by their hash, with how many; at most 32 of them. */
  readonly holders: readonly (readonly [string, number])[];
}

/** The schedule of an explanation. */
export interface ScheduleExplanation {
  /** The last scheduled run, or the first ask where there was none: the next slot lies after it. Null before the first ask. */
  readonly anchorMs: number | null;
  /** The last run, whatever asked for it. */
  readonly lastRunMs: number | null;
  /** Failures in a row. */
  readonly failures: number;
  /** Until when they make runs wait; scheduled ones wait for their slot from then on. */
  readonly backoffUntilMs: number | null;
  /** Until when `minSpacingMs` holds every run. */
  readonly spacingUntilMs: number | null;
  /** Runs within the window of the flood guard, and how many are enough. */
  readonly runs: Count | null;
  /** Until when the flood guard holds every run. */
  readonly floodUntilMs: number | null;
}

/** The recovery of an explanation. */
export interface RecoveryExplanation {
  /** Why nothing is done any more; null where something is, or nothing is at fault. */
  readonly gaveUp: Unrecoverable | null;
  /** The step that was reached; null at rest. */
  readonly reached: string | null;
  /** The step that is under way. */
  readonly doing: string | null;
  /** When its lease ends. */
  readonly leaseUntilMs: number | null;
  /** Until when the upstream wants to be left alone. */
  readonly throttledUntilMs: number | null;
  /** When it moved last; null where it never did. */
  readonly sinceMs: number | null;
  /** The steps of the ladder. */
  readonly steps: readonly {
    readonly name: string;
    /** Attempts that count, and how many there may be. */
    readonly attempts: Count;
    /** Until when it backs off. */
    readonly againMs: number | null;
  }[];
}

/** The health of an explanation: as `health` answers, and what it was judged by. */
export interface HealthExplanation extends Health {
  /** When something worked last, as far as it was stored; null where the policy does not ask. */
  readonly lastSuccessMs: number | null;
  /** How often the circuit opened within the window, and how often is flapping; null where the policy does not ask. */
  readonly openings: Count | null;
}

/** The core's explanation with the names, the gates and the units of this layer. */
export function explanationOf(json: string): Explanation {
  const page = JSON.parse(json) as Page;
  const { admits, by, gates, retry_after_us: retryAfterUs } = page;
  return {
    ...(shown(page) as Explanation),
    by: by === null ? null : gateOf(by),
    gates: gates.map(gateOf),
    retryAfterMs: admits ? null : Math.ceil((retryAfterUs ?? Infinity) / 1000),
  };
}

/** What of the core's page is said otherwise here. */
interface Page {
  readonly admits: boolean;
  readonly by: string | null;
  readonly gates: readonly string[];
  readonly retry_after_us: number | null;
}

/** The fields whose text is one of the core's words; all other text is its user's. */
const WORDS: ReadonlySet<string> = new Set(['phase', 'mode', 'reason', 'gave_up', 'settled']);

/** The core's JSON as this layer has it: names and words in camelCase, µs as ms. */
export function shown(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(shown);
  if (typeof json !== 'object' || json === null) return json;
  return Object.fromEntries(Object.entries(json).map(shownField));
}

function shownField([name, value]: [string, unknown]): [string, unknown] {
  if (name.endsWith('_us')) return [camel(name.replace(/_us$/, '_ms')), typeof value === 'number' ? value / 1000 : null];
  return [camel(name), WORDS.has(name) && typeof value === 'string' ? camel(value) : shown(value)];
}
