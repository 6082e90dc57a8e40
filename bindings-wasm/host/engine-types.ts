import type { FaultClass } from './beside-types.js';
import type { EnginePermit } from './engine-permit.js';

/** A gate of a policy; `name` is the limit's. */
export interface Gate {
  /** Which kind of gate. */
  readonly gate: 'circuit' | 'block' | 'limit' | 'bulkhead';
  readonly name?: string;
}

/** Something that happened in a step, by its name in JSON: `opened`, `half_opened`, `closed`, … */
export type EngineEventName =
  | 'opened'
  | 'half_opened'
  | 'closed'
  | 'extended'
  | 'blocked'
  | 'unblocked'
  | 'mode_changed'
  | 'reset'
  | 'clock_stepped'
  | 'adopted'
  | 'limit_dropped';

/** How a call ended. `ignored` says nothing about the protected system: slots come back, nothing is counted. */
export type Outcome = 'success' | 'failure' | 'ignored';

/** What every step says beside its answer. */
export interface EngineStep {
  /** Whether the state is another than before: what did not change need not be written. */
  readonly changed: boolean;
  /** What happened, in order; mostly nothing. */
  readonly events: readonly EngineEventName[];
}

/** Who refuses, and for how long. */
export interface EngineRejection {
  /** The gate that holds the call up longest. */
  readonly by: Gate;
  /** All gates that refuse now, in order. */
  readonly gates: readonly Gate[];
  /** The first instant at which all gates would admit lies so many µs ahead; `Infinity`: waiting cannot help. */
  readonly retryAfterUs: number;
}

/** The call may go ahead. Settle or cancel the permit. */
export interface EngineAdmitted extends EngineStep {
  readonly admitted: true;
  /** What the call holds; settle or cancel it. */
  readonly permit: EnginePermit;
  /** In shadow mode: what would have been answered. */
  readonly wouldReject: EngineRejection | null;
}

/** The call may not go ahead. Nothing was taken from any gate. */
export interface EngineRejected extends EngineStep, EngineRejection {
  readonly admitted: false;
}

/** The answer to an acquire. */
export type EngineDecision = EngineAdmitted | EngineRejected;

/** What a peek saw. */
export type EnginePeek = { readonly admitted: true } | ({ readonly admitted: false } & EngineRejection);

/** What became of a result. */
export interface EngineSettled extends EngineStep {
  /** `stale` results move no circuit, of a lost lease nothing comes back. */
  readonly settled: 'counted' | 'stale' | 'lease_lost';
}

/** What became of a renewal; `untilUs` is the lease's new end. */
export type EngineRenewed = EngineStep &
  ({ readonly renewed: 'until'; readonly untilUs: number } | { readonly renewed: 'lease_lost' | 'not_leased' });

/** What became of a command. */
export interface EngineCommanded extends EngineStep {
  /** `unchanged` where it was so already, `no_gate` where the policy lacks the gate. */
  readonly commanded: 'done' | 'unchanged' | 'no_gate';
}

/** A wish to make a call. */
export interface EngineAcquire {
  /** Tokens that limits with `charge: "cost"` take; 1 by default. */
  readonly cost?: number | undefined;
  /** Who will hold the bulkhead's slot. */
  readonly holder?: string | undefined;
}

/** How a call ended. */
export interface EngineSettle {
  /** What it says about the protected system. */
  readonly outcome: Outcome;
  /** How long it took in whole µs; a call of unknown duration is not slow. */
  readonly durationUs?: number | undefined;
  /** What it really cost, where the acquire's cost was an estimate. */
  readonly actualCost?: number | undefined;
}

/** A class of network errors; `other` where it cannot be told. `aborted`: the caller gave the call up. */
export type NetworkError = 'refused' | 'reset' | 'timeout' | 'dns' | 'tls' | 'aborted' | 'other';

/** What came back from an HTTP call: a status, with its Retry-After header if it has one, or a network error instead. */
export type EngineReply =
  | { readonly status: number; readonly retryAfter?: string | null | undefined; readonly error?: undefined }
  | { readonly error: NetworkError; readonly status?: undefined };

/** Whether a request may be made again: `idempotent` where it does no harm to process it twice. */
export type RetryClass = 'never' | 'idempotent' | 'always';

/** What a reply means, by the policy's table. */
export interface EngineClassified {
  /** With which the call is settled. */
  readonly outcome: Outcome;
  /** Until when the policy is to be blocked (`{ block: { until_us } }`), in µs; null where it is not. */
  readonly blockUntilUs: number | null;
  /** Whether the request may be made again: `idempotent` where it does no harm to process it twice. */
  readonly retry: RetryClass;
  /** When the server wants to be called again by its Retry-After header, in µs; null without one. No retry comes earlier. */
  readonly retryAtUs: number | null;
  /** What is at fault, for a recovery; null where the caller got what it asked for. A throttle lasts until `retryAtUs`. */
  readonly fault: FaultClass | null;
}

/** A policy or a command as its JSON text, or as the value of it. */
export type Json = string | Readonly<Record<string, unknown>>;

/** `limit:calls` as its parts. */
export function gateOf(text: string): Gate {
  const colon = text.indexOf(':');
  if (colon < 0) return { gate: text as Gate['gate'] };
  return { gate: text.slice(0, colon) as Gate['gate'], name: text.slice(colon + 1) };
}
