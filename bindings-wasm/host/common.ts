import { type Clock, Ticker } from './clock.js';
import { inputAsWritten } from './config-json.js';
import type { Engine } from './engine.js';
import type { EnginePolicy } from './engine-policy.js';
import { type EngineClassified, type EngineReply, type Gate, gateOf } from './engine-types.js';
import { Events } from './events.js';
import { Keeper } from './keeper.js';
import { Line } from './line.js';
import { atLeastZero } from './options.js';
import type { Classify, PolicyOptions } from './policy.js';
import type { GateNames } from './rejection.js';

/** The times of a policy that its host keeps to, in ms; Infinity for none. */
export interface Bounds {
  /** When a call is given up. */
  readonly callTimeoutMs: number;
  /** The shorter of the leases. */
  readonly leaseMs: number;
}

/** What all keys of a policy share: its rules, its time, its listeners, its leases. */
export class Common implements GateNames {
  readonly engine: Engine;
  readonly rules: EnginePolicy;
  readonly name: string;
  readonly ticker: Ticker;
  readonly events: Events;
  readonly keeper: Keeper;
  readonly bounds: Bounds;
  readonly classify: Classify<unknown> | undefined;
  readonly maxWaiting: number;
  /** Whether a call can be made without timers, listeners and questions. */
  readonly isPlain: boolean;
  /** Whether calls that failed may be made again. */
  readonly retries: boolean;
  /** Draws a number from 0 up to 1. */
  readonly random: () => number;
  /** How many calls wait, on all keys. */
  waiting = 0;
  readonly #lines = new Map<string | undefined, Line>();
  readonly #gates: Gate[] = [];
  readonly #statuses: Partial<Record<Gate['gate'], number>> = {};

  constructor(rules: EnginePolicy, { clock, classify, maxWaiting = 1000, random = Math.random }: PolicyOptions) {
    this.engine = rules.engine;
    this.rules = rules;
    const config = JSON.parse(rules.toJson()) as ConfigTimes & { readonly name: string };
    this.name = config.name;
    this.bounds = boundsOf(config);
    this.ticker = new Ticker(clock satisfies Clock | undefined);
    this.events = new Events(this.name);
    this.keeper = new Keeper(this.ticker, this.bounds.leaseMs / 3);
    this.classify = classify;
    this.maxWaiting = atLeastZero('maxWaiting', maxWaiting);
    this.retries = config.retry !== null;
    this.random = random;
    this.isPlain = classify === undefined && this.bounds.callTimeoutMs === Infinity && !this.retries;
  }

  /** How long until an instant in whole ms, rounded up: who waits so long is never early. */
  untilMs(atUs: number): number {
    return this.engine.waitMs(Math.max(atUs - this.ticker.nowUs(), 0));
  }

  /** A gate by its number. */
  gateAt(index: number): Gate {
    return (this.#gates[index] ??= Object.freeze(gateOf(this.rules.gateName(index))));
  }

  /** The HTTP status of a refusal by a gate; without its store a policy is unavailable. */
  readonly statusOf = (by: Gate | null): number => {
    const kind = by?.gate ?? 'circuit';
    return (this.#statuses[kind] ??= this.engine.refusalStatus({ gate: kind }));
  };

  /** Whether a leased call that is given up after `timeoutMs` may outlive its lease. */
  outlives(timeoutMs: number): boolean {
    return timeoutMs > this.bounds.leaseMs;
  }

  /** The error behind a status; `args` are what was given, as its user wrote it. */
  refused(status: number, args: readonly unknown[]): unknown {
    return inputAsWritten(this.engine.fault(status, args));
  }

  /** What an HTTP answer or a network error means, by the policy's table. */
  classifyReply(reply: EngineReply): EngineClassified {
    return this.rules.classify(reply, this.ticker.nowUs());
  }

  /** An error of an input with the name that its user wrote. */
  asWritten(error: unknown): unknown {
    return inputAsWritten(error);
  }

  /** Whether calls of a key wait. */
  hasLine(key: string | undefined): boolean {
    return this.waiting > 0 && this.#lines.has(key);
  }

  /** Where the calls of a key wait. */
  line(key: string | undefined): Line {
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, (line = new Line()));
    return line;
  }

  /** Lets the first who waits for a key ask, because something was given back. */
  nudge(key: string | undefined): void {
    if (this.waiting > 0) this.#lines.get(key)?.nudge();
  }

  /** Forgets a line in which nobody waits. */
  dropLine(key: string | undefined): void {
    this.#lines.delete(key);
  }
}

interface ConfigTimes {
  readonly retry: object | null;
  readonly call_timeout_ms: number | null;
  readonly circuit: { readonly probe_lease_ms: number } | null;
  readonly bulkhead: { readonly lease_ms: number } | null;
}

function boundsOf({ call_timeout_ms, circuit, bulkhead }: ConfigTimes): Bounds {
  const leaseMs = Math.min(circuit?.probe_lease_ms ?? Infinity, bulkhead?.lease_ms ?? Infinity);
  return { callTimeoutMs: call_timeout_ms ?? Infinity, leaseMs };
}
