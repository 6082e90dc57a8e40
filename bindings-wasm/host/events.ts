import type { Intent } from './beside-types.js';
import type { EngineEventName, Outcome } from './engine-types.js';
import type { StanchionError, StoreError } from './errors.js';
import { type Names, invalidInput, known, listed } from './options.js';
import type { GiveUp } from './policy.js';
import type { Rejection } from './rejection.js';

/** Something that happened to a policy, seen from this process. */
export interface PolicyEvent<Type extends keyof PolicyEvents = keyof PolicyEvents> {
  readonly type: Type;
  /** The policy's name. */
  readonly policy: string;
  /** The key of a keyed or stored policy. */
  readonly key: string | undefined;
}

/** A call was refused, or would have been. */
export interface RejectedEvent<Type extends 'rejected' | 'wouldReject'> extends PolicyEvent<Type> {
  /** Who refuses, and for how long. */
  readonly rejection: Rejection;
}

/** A call ended. */
export interface SettledEvent extends PolicyEvent<'settled'> {
  /** What it said about the protected system. */
  readonly outcome: Outcome;
  /** How long it took; undefined where that is not known. */
  readonly durationMs: number | undefined;
}

/** Something went wrong beside a call. */
export interface ErrorEvent<Type extends 'degraded' | 'notSettled', Problem> extends PolicyEvent<Type> {
  readonly error: Problem;
}

/** A store answered. */
export interface StoredEvent extends PolicyEvent<'stored'> {
  /** What it was asked. */
  readonly operation: 'acquire' | 'settle' | 'cancel' | 'renew' | 'command' | 'apply';
  /** How long the answer took, the wait for the lock included. */
  readonly durationMs: number;
}

/** A call that failed is made again. */
export interface RetryEvent extends PolicyEvent<'retry'> {
  /** Which attempt failed: 1 for the first. */
  readonly attempt: number;
  /** How long is waited for the next one. */
  readonly waitMs: number;
  /** What was thrown; undefined where a value was taken for a failure. */
  readonly error: unknown;
}

/** A call that failed is not made again, though the policy has `retry`. */
export interface GiveUpEvent extends PolicyEvent<'giveUp'> {
  /** Which attempt failed: 1 for the first. */
  readonly attempt: number;
  /** Why there is no further one. */
  readonly why: GiveUp;
  /** What was thrown; undefined where a value was taken for a failure. */
  readonly error: unknown;
}

/** Something that runs by itself ran. */
export interface RanEvent extends PolicyEvent<'ran'> {
  /** Why it ran. */
  readonly intent: Intent;
  /** How it ended. */
  readonly outcome: Outcome;
  /** How long it took. */
  readonly durationMs: number;
  /** What was thrown. */
  readonly error: unknown;
}

/** All events by their names. */
export interface PolicyEvents {
  /** The circuit opened: calls are refused. */
  open: PolicyEvent<'open'>;
  /** The circuit lets probes through. */
  halfOpen: PolicyEvent<'halfOpen'>;
  /** The circuit closed: calls go through. */
  close: PolicyEvent<'close'>;
  /** A late failure moved the end of the open time. */
  extend: PolicyEvent<'extend'>;
  /** A server's Retry-After, or an operator, blocks all calls. */
  block: PolicyEvent<'block'>;
  /** The block was lifted. */
  unblock: PolicyEvent<'unblock'>;
  /** The circuit was forced open, disabled, set to metrics only, or let go again. */
  modeChange: PolicyEvent<'modeChange'>;
  /** All gates started anew. */
  reset: PolicyEvent<'reset'>;
  /** A clock was set back, and the state was repaired. */
  clockStep: PolicyEvent<'clockStep'>;
  /** The state of another configuration was taken over. */
  adopt: PolicyEvent<'adopt'>;
  /** A limit that another configuration left was given up. */
  limitDrop: PolicyEvent<'limitDrop'>;
  /** A call may go ahead. */
  admitted: PolicyEvent<'admitted'>;
  /** A call may not go ahead. */
  rejected: RejectedEvent<'rejected'>;
  /** In shadow mode: a call goes ahead that else might not. */
  wouldReject: RejectedEvent<'wouldReject'>;
  /** A permit was given back with an outcome. */
  settled: SettledEvent;
  /** A call that failed is made again. */
  retry: RetryEvent;
  /** A call that failed is not made again. */
  giveUp: GiveUpEvent;
  /** A run of `schedule` ended. */
  ran: RanEvent;
  /**
   * A call of `execute`, or a permit that was disposed, could not be settled as was said. Where its verdict is none, it counts as usual;
   * else its slot comes back by the lease. Told, too, of a verdict's block that the policy has no gate for.
   */
  notSettled: ErrorEvent<'notSettled', unknown>;
  /** A policy in a store got an answer from it. */
  stored: StoredEvent;
  /** An answer was given without the shared state. */
  degraded: ErrorEvent<'degraded', StoreError | StanchionError>;
}

/** Any event; `type` tells which. */
export type AnyPolicyEvent = PolicyEvents[keyof PolicyEvents];

/** The events' names here, by the engine's. */
const NAMES: Readonly<Record<EngineEventName, keyof PolicyEvents>> = {
  opened: 'open',
  half_opened: 'halfOpen',
  closed: 'close',
  extended: 'extend',
  blocked: 'block',
  unblocked: 'unblock',
  mode_changed: 'modeChange',
  reset: 'reset',
  clock_stepped: 'clockStep',
  adopted: 'adopt',
  limit_dropped: 'limitDrop',
};

const ALL: Names<PolicyEvents> = {
  open: true,
  halfOpen: true,
  close: true,
  extend: true,
  block: true,
  unblock: true,
  modeChange: true,
  reset: true,
  clockStep: true,
  adopt: true,
  limitDrop: true,
  admitted: true,
  rejected: true,
  wouldReject: true,
  settled: true,
  retry: true,
  giveUp: true,
  ran: true,
  notSettled: true,
  stored: true,
  degraded: true,
};
const EVENTS_OPTIONS: Names<EventsOptions> = { signal: true, maxBuffered: true };

type Listener = (event: never) => void;

interface Entry {
  readonly listener: Listener;
  /** Whether it hears one event and no more. */
  readonly isOnce: boolean;
}

/** How an async iterator of events is bounded. */
export interface EventsOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
  /** So many events are kept for a reader that is behind; the oldest go first. 1,000 by default. */
  readonly maxBuffered?: number | undefined;
}

/** What tells its events: a policy, and all keys of one together. */
export interface Listenable {
  /**
   * Listens to an event; what it returns ends that.
   * @throws InputError for an event that there is not.
   */
  on<Type extends keyof PolicyEvents>(type: Type, listener: (event: PolicyEvents[Type]) => void): () => void;
  /** Listens to the next one of an event, and no more; what it returns ends that sooner. */
  once<Type extends keyof PolicyEvents>(type: Type, listener: (event: PolicyEvents[Type]) => void): () => void;
  /** Ends what `on` and `once` began with that listener. */
  off<Type extends keyof PolicyEvents>(type: Type, listener: (event: PolicyEvents[Type]) => void): void;
  /**
   * All events, for `for await`. Hears from the first step of the loop on, not from this call on. For a reader that is behind it keeps
   * `maxBuffered` of them (1,000); beyond that the oldest are dropped without a word.
   */
  events(options?: EventsOptions): AsyncIterableIterator<AnyPolicyEvent>;
}

/** Whatever tells the events of what its keys share. */
export abstract class Telling implements Listenable {
  /** @internal */
  abstract readonly common: { readonly events: Events };

  on<Type extends keyof PolicyEvents>(type: Type, listener: (event: PolicyEvents[Type]) => void): () => void {
    return this.common.events.on(type, listener);
  }

  once<Type extends keyof PolicyEvents>(type: Type, listener: (event: PolicyEvents[Type]) => void): () => void {
    return this.common.events.on(type, listener, true);
  }

  off<Type extends keyof PolicyEvents>(type: Type, listener: (event: PolicyEvents[Type]) => void): void {
    this.common.events.off(type, listener);
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<AnyPolicyEvent> {
    return this.common.events.iterate(known(options, EVENTS_OPTIONS));
  }
}

/** Who listens to a policy, and to all keys of it. */
export class Events {
  readonly #listeners = new Map<keyof PolicyEvents | '*', readonly Entry[]>();
  readonly #policy: string;
  /** Whether anybody listens to anything. */
  isHeard = false;

  constructor(policy: string) {
    this.#policy = policy;
  }

  /** Adds a listener, and tells what takes it away again. An event that there is not would never be heard of: it is refused. */
  on(type: keyof PolicyEvents | '*', listener: Listener, isOnce = false): () => void {
    if (type !== '*' && ALL[type] !== true) throw invalidInput('type', type, `one of ${listed(ALL)}`);
    const entry = { listener, isOnce };
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), entry]);
    this.isHeard = true;
    return () => this.#keep(type, (other) => other !== entry);
  }

  /** Takes a listener away, however often it was added. */
  off(type: keyof PolicyEvents, listener: Listener): void {
    this.#keep(type, (entry) => entry.listener !== listener);
  }

  #keep(type: keyof PolicyEvents | '*', stays: (entry: Entry) => boolean): void {
    const left = (this.#listeners.get(type) ?? []).filter(stays);
    if (left.length === 0) this.#listeners.delete(type);
    else this.#listeners.set(type, left);
    this.isHeard = this.#listeners.size > 0;
  }

  /** Tells an event. A listener that throws stops nothing: what it threw is an uncaught error of its own, as with `EventTarget`. */
  tell(type: keyof PolicyEvents, key: string | undefined, more?: object): void {
    if (!this.isHeard) return;
    const listeners = [...(this.#listeners.get(type) ?? []), ...(this.#listeners.get('*') ?? [])];
    if (listeners.length === 0) return;
    const event = { type, policy: this.#policy, key, ...more };
    for (const entry of listeners) {
      if (entry.isOnce) this.#keep(type, (other) => other !== entry);
      try {
        entry.listener(event as never);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  /** Tells what the engine says that happened in a step. */
  tellSteps(names: readonly EngineEventName[], key: string | undefined): void {
    for (const name of names) this.tell(NAMES[name], key);
  }

  /** All events from the first step of the loop on, one after the other. */
  async *iterate({ signal, maxBuffered = 1000 }: EventsOptions): AsyncGenerator<AnyPolicyEvent, void, void> {
    const buffer: AnyPolicyEvent[] = [];
    let wake = (): void => {};
    const off = this.on('*', (event: AnyPolicyEvent) => {
      buffer.push(event);
      if (buffer.length > maxBuffered) buffer.shift();
      wake();
    });
    const onAbort = (): void => wake();
    signal?.addEventListener('abort', onAbort);
    try {
      while (signal?.aborted !== true) {
        if (buffer.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        else yield buffer.shift()!;
      }
    } finally {
      off();
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
