import {
  type EngineAcquire,
  type EngineCommanded,
  type EngineDecision,
  type Engine,
  FAULT,
  type Json,
  LOCKED,
  type EnginePeek,
  type EnginePermit,
  type EnginePolicy,
  type EngineRenewed,
  type EngineSettle,
  type EngineSettled,
  type EngineStep,
  type StoreError,
  UNAVAILABLE,
  commandedAnswer,
  decisionAnswer,
  outcomeCode,
  peekAnswer,
  renewedAnswer,
  settledAnswer,
} from 'stanchion-wasm/host';

import { type RawDone, type RawKey, waited } from './addon.js';

/** What the store adds to an answer. */
export interface Stored {
  /** The key's write sequence after the step; 0 where the store had no part in the answer. */
  readonly sequence: number;
  /** Why the answer was given without the store, by the policy's `on_store_error`; null for a proper one. */
  readonly degraded: StoreError | null;
}

/** No gate was asked: the store is away and the policy says `on_store_error: reject`. */
export interface Unavailable extends EngineStep {
  readonly admitted: false;
  /** No gate was asked. */
  readonly by: null;
  /** No gate was asked. */
  readonly gates: readonly [];
  /** Nobody knows. */
  readonly retryAfterUs: null;
}

/** The store's answer to an acquire. */
export type StoredDecision = (EngineDecision | Unavailable) & Stored;

/** That the store is away is an answer; that the program closed it, an error. */
export function throwIfClosed(degraded: StoreError | null): void {
  if (degraded?.code === 'closed') throw degraded;
}

const NO_HOLDER: readonly [number, number] = [0, 0];

/**
 * A policy on one key of a file. Without `nowUs` the store's clock is read, under its lock.
 *
 * The thread of JavaScript asks for the lock once. Where another holds it, the wait goes to the thread pool.
 */
export class Key {
  /** The policy that decides, in the addon's engine. */
  readonly policy: EnginePolicy;
  /** @internal */
  readonly raw: RawKey;
  readonly #engine: Engine;

  /** @internal Made by `Store.key`. */
  constructor(policy: EnginePolicy, raw: RawKey) {
    this.policy = policy;
    this.raw = raw;
    this.#engine = policy.engine;
  }

  /** Whether a call may go ahead. Without the store the policy's `on_store_error` decides, and `degraded` says so. */
  async acquire(options: EngineAcquire = {}, nowUs = 0): Promise<StoredDecision> {
    const { cost = 1, holder } = options;
    const [lo, hi] = holder === undefined ? NO_HOLDER : this.#engine.holderHash(holder);
    return this.#step(
      () => this.raw.acquire(cost, lo, hi, nowUs),
      () => this.raw.acquireLater(cost, lo, hi, nowUs),
      [nowUs, cost],
      (status) => this.#decision(status),
    );
  }

  #decision(status: number): StoredDecision {
    if (status !== UNAVAILABLE) return this.#stored(decisionAnswer(this.policy, status));
    const answer: StoredDecision = this.#stored({ admitted: false, by: null, gates: [], retryAfterUs: null, ...this.#engine.step() });
    throwIfClosed(answer.degraded);
    return answer;
  }

  /**
   * Tells how a call ended. The permit is spent by it, unless that fails.
   * @throws StoreError where the store is away: nothing happened, so the permit can be settled again; else a slot or probe comes
   * back when its lease ends.
   */
  settle(permit: EnginePermit, options: EngineSettle, nowUs = 0): Promise<EngineSettled & Stored> {
    const { durationUs = 0, actualCost = 0, outcome } = options;
    const code = outcomeCode(options);
    return permit.spend(() =>
      this.#step(
        () => this.raw.settle(...permit.words, code, durationUs, actualCost, nowUs),
        () => this.raw.settleLater(...permit.words, code, durationUs, actualCost, nowUs),
        [nowUs, undefined, durationUs, actualCost, outcome],
        (status) => this.#stored(settledAnswer(this.#engine, status)),
      ),
    );
  }

  /** Gives a permit back: the call never began. Where that fails, the permit is as before. */
  cancel(permit: EnginePermit, nowUs = 0): Promise<EngineSettled & Stored> {
    return permit.spend(() =>
      this.#step(
        () => this.raw.cancel(...permit.words, nowUs),
        () => this.raw.cancelLater(...permit.words, nowUs),
        [nowUs],
        (status) => this.#stored(settledAnswer(this.#engine, status)),
      ),
    );
  }

  /** Extends the lease of a permit. */
  async renew(permit: EnginePermit, nowUs = 0): Promise<EngineRenewed & Stored> {
    return this.#step(
      () => this.raw.renew(...permit.words, nowUs),
      () => this.raw.renewLater(...permit.words, nowUs),
      [nowUs],
      (status) => this.#stored(renewedAnswer(this.#engine, status)),
    );
  }

  /** Gives a command in its JSON form. */
  async command(command: Json, nowUs = 0): Promise<EngineCommanded & Stored> {
    const json = typeof command === 'string' ? command : JSON.stringify(command);
    const read = (status: number): EngineCommanded & Stored => this.#stored(commandedAnswer(this.#engine, status));
    return this.#waited(() => this.raw.commandLater(json, nowUs), [nowUs], read);
  }

  /**
   * One step or query of a policy beside the gates in its JSON form, answered with JSON text: see `State.apply`. A query takes no lock.
   * @throws InputError naming the field, its value and what is allowed.
   */
  async apply(input: Json, nowUs = 0): Promise<{ readonly text: string } & Stored> {
    const json = typeof input === 'string' ? input : JSON.stringify(input);
    return this.#step(
      () => this.raw.apply(json, nowUs),
      () => this.raw.applyLater(json, nowUs),
      [nowUs],
      () => this.#stored({ text: this.#engine.text() }),
    );
  }

  /** Sets the key to the bytes of a snapshot, which are checked first. */
  async restore(bytes: Uint8Array): Promise<Stored> {
    return this.#waited(() => this.raw.restoreLater(bytes), [], () => this.#stored({}));
  }

  /** What an acquire would be answered. Takes no lock. */
  peek(options: EngineAcquire = {}, nowUs = 0): EnginePeek {
    const { cost = 1, holder } = options;
    const [lo, hi] = holder === undefined ? NO_HOLDER : this.#engine.holderHash(holder);
    return peekAnswer(this.policy, this.#query(() => this.raw.peek(cost, lo, hi, nowUs), [nowUs, cost]));
  }

  /** What an operator needs, as JSON. Takes no lock, so it works while a process that holds it hangs. */
  explain(nowUs = 0): string {
    this.#query(() => this.raw.explain(nowUs), [nowUs]);
    return this.#engine.text();
  }

  /** The key's bytes; null where it does not exist yet. Takes no lock. */
  snapshot(): Uint8Array | null {
    this.#query(() => this.raw.snapshot(), []);
    return this.#engine.number() === 0 ? null : this.#engine.bytes();
  }

  #query(ask: () => number, args: readonly unknown[]): number {
    this.#engine.raw();
    return this.#engine.check(this.#engine.run(ask), ...args);
  }

  /**
   * One try on this thread; on contention the wait is the thread pool's. `read` takes the answer out of the engine's slot
   * before anything else can run: after an `await` it may be another caller's.
   */
  async #step<T>(now: () => number, later: () => Promise<RawDone>, args: readonly unknown[], read: (status: number) => T): Promise<T> {
    this.#engine.raw();
    const status = this.#engine.run(now);
    return status === LOCKED ? this.#waited(later, args, read) : read(this.#checked(status, args));
  }

  #waited<T>(later: () => Promise<RawDone>, args: readonly unknown[], read: (status: number) => T): Promise<T> {
    return waited(this.#engine, later, (status) => read(this.#checked(status, args)));
  }

  #checked(status: number, args: readonly unknown[]): number {
    if (status >= FAULT && status < UNAVAILABLE) throw this.#engine.fault(status, args);
    return status;
  }

  /** Puts what the store adds on an answer, which is fresh: copying it would cost more than the answer. */
  #stored<T extends object>(answer: T): T & Stored {
    const stored = answer as T & { -readonly [Name in keyof Stored]: Stored[Name] };
    stored.sequence = this.#engine.sequence();
    stored.degraded = this.#engine.isDegraded() ? this.#engine.lastFault() : null;
    return stored;
  }
}
