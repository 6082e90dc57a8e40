/** What the policies beside the gates are asked and answer. */

/** Why something asks to run: its slot has come, something happened, or somebody wants it now. */
export type Intent = 'scheduled' | 'event' | 'manual';

/** Whether something runs now: in `waitMs` it may, at `atMs` since the Unix epoch, which `by` holds it until. */
export type RunAnswer =
  | { readonly run: 'go' }
  | {
      readonly run: 'wait';
      /** Null where it never may: a `scheduled` run of a policy without `schedule`. */
      readonly atMs: number | null;
      readonly waitMs: number;
      readonly by: 'interval' | 'spacing' | 'flood' | 'backoff' | 'block';
    };

/** What is at fault, in kinds that are mended differently. */
export type FaultClass = 'transient' | 'throttled' | 'unauthenticated' | 'sessionLost' | 'conflict' | 'fatal' | 'cancelled';

/** A fault. */
export interface Fault {
  /** Its kind. */
  readonly class: FaultClass;
  /** Of a `throttled` one: when the server wants to be asked again, in ms since the Unix epoch. */
  readonly untilMs?: number | undefined;
}

/** Why nothing is done about a fault any more, until a `reset`. */
export type Unrecoverable = 'fatal' | 'exhausted' | 'noRecovery';

/** What is to be done about a fault. */
export type Recovery =
  | {
      readonly recovery: 'do';
      /** The step's name. */
      readonly step: string;
      /** Its place in the ladder, from 0. */
      readonly index: number;
      /** How often it was begun, this time included. */
      readonly attempt: number;
      /** For `recovered` and `renewRecovery`. */
      readonly leaseId: number;
      /** Until then nobody else does anything, in ms since the Unix epoch. */
      readonly untilMs: number;
    }
  | {
      readonly recovery: 'wait';
      /** When to ask again, in ms since the Unix epoch. */
      readonly atMs: number;
      readonly waitMs: number;
      readonly why: 'backoff' | 'throttled' | 'inProgress';
    }
  | { readonly recovery: 'giveUp'; readonly why: Unrecoverable }
  | { readonly recovery: 'stop'; readonly why: 'cancelled' };

/** Why something is not well. The first makes it not live, those up to `recovering` not ready, all of them degraded. */
export type HealthReason =
  | 'gave_up'
  | 'success_too_old'
  | 'circuit_open'
  | 'flapping'
  | 'blocked'
  | 'recovering'
  | 'half_open'
  | 'disabled'
  | 'restarted'
  | 'backing_off'
  | 'store_away';

/** Whether something is well. */
export interface Health {
  /** A restart would not help, or is not needed. */
  readonly live: boolean;
  /** It may be sent work. */
  readonly ready: boolean;
  /** It does not work as it should. */
  readonly degraded: boolean;
  /** Why. */
  readonly reasons: readonly HealthReason[];
}
