import {
  type Answer,
  type AppliedStep,
  BasePolicy,
  COMMANDED,
  type Commanded,
  type Common,
  type Explanation,
  FAULT,
  HAS_ACTUAL_COST,
  HAS_DURATION,
  type Json,
  type Keyed,
  LOCKED,
  NO_OUTCOME,
  NUMBER,
  OUTCOMES,
  type Outcome,
  type Peek,
  Permit,
  type Policy,
  Rejection,
  type Renewed,
  SETTLED,
  type SettleOptions,
  type Settled,
  type Soon,
  type StoreError,
  type StoredEvent,
  Telling,
  type TryAcquireOptions,
  UNAVAILABLE,
  WORD,
  dispose,
  explanationOf,
  inputJson,
  sinceUs,
} from 'stanchion-wasm/host';

import { type RawDone, waited } from './addon.js';
import { type Key, throwIfClosed } from './key.js';

const NOBODY: readonly [number, number] = [0, 0];

/** A policy whose state lies under a key of a file that processes share. Its calls pass numbers only, and read the rest from the slot. */
export class StoredPolicy extends BasePolicy {
  // Not `#private`: a hot call pays for the check of each.
  private readonly lies: Key;
  /** The slot's words: the addon's never move. */
  private readonly words: Uint32Array;

  constructor(common: Common, name: string, lies: Key) {
    super(common, name);
    this.lies = lies;
    this.words = common.engine.instance.words();
  }

  get isShared(): boolean {
    return true;
  }

  /** @internal */
  ask(cost: number, holder: string | undefined): Soon<Answer> {
    const { common, lies } = this;
    const { engine, ticker } = common;
    const nowUs = this.nowUs();
    const { steadyMs } = ticker;
    const [lo, hi] = holder === undefined ? NOBODY : engine.holderHash(holder);
    const beganMs = this.beganMs();
    let status: number;
    engine.raw();
    try {
      status = lies.raw.acquire(cost, lo, hi, nowUs);
    } catch (error) {
      throw engine.caught(error);
    }
    if (status !== LOCKED) return this.decided(status, nowUs, cost, steadyMs, beganMs);
    return this.askLater(cost, lo, hi, nowUs, steadyMs, beganMs);
  }

  /** A function of its own, as the next one like it: what a closure may need is put aside whether or not there comes to be one. */
  private askLater(cost: number, lo: number, hi: number, nowUs: number, steadyMs: number, beganMs: number): Promise<Answer> {
    const later = (): Promise<RawDone> => this.lies.raw.acquireLater(cost, lo, hi, nowUs);
    return waited(this.common.engine, later, (status) => this.decided(status, nowUs, cost, steadyMs, beganMs));
  }

  private decided(status: number, nowUs: number, cost: number, steadyMs: number, beganMs: number): Answer {
    if (status === UNAVAILABLE) {
      const degraded = this.degraded();
      this.tell('acquire', beganMs, degraded);
      throwIfClosed(degraded);
      return Rejection.unavailable(degraded);
    }
    if (status >= FAULT) throw this.failed('acquire', beganMs, status, [nowUs, cost]);
    const { common, words } = this;
    const degraded = this.degraded();
    const refusal = status === 0 ? undefined : this.refusal(degraded);
    const permit = new Permit(this, words[0]! | 0, words[1]! | 0, words[2]! | 0, words[3]! | 0, steadyMs);
    this.tell('acquire', beganMs, degraded);
    if (status === 2) return refusal!;
    if (refusal !== undefined) permit.mind(refusal);
    if (common.events.isHeard) {
      common.events.tell('admitted', this.key);
      if (refusal !== undefined) common.events.tell('wouldReject', this.key, { rejection: refusal });
    }
    return permit;
  }

  /** The refusal in the slot. */
  private refusal(degraded: StoreError | null): Rejection {
    const { common, words } = this;
    const retryAfterUs = common.engine.instance.numbers()[NUMBER.retryAfterUs]!;
    return new Rejection(common, words[WORD.by]!, words[WORD.gates]!, retryAfterUs, degraded);
  }

  /** @internal */
  give(permit: Permit, outcome: Outcome, { durationMs, actualCost }: SettleOptions): Soon<Settled> {
    const { engine, ticker } = this.common;
    const { word0, word1, word2, word3 } = permit;
    const nowUs = this.nowUs();
    const durationUs = durationMs === undefined ? sinceUs(permit.startedMs, ticker.steadyMs) : Math.floor(durationMs * 1000);
    const hasDuration = durationUs === durationUs || durationMs !== undefined; // NaN: not known
    const code = (OUTCOMES[outcome] ?? NO_OUTCOME) | (hasDuration ? HAS_DURATION : 0) | (actualCost === undefined ? 0 : HAS_ACTUAL_COST);
    const beganMs = this.beganMs();
    let status: number;
    engine.raw();
    try {
      status = this.lies.raw.settle(word0, word1, word2, word3, code, durationUs, actualCost ?? 0, nowUs);
    } catch (error) {
      throw engine.caught(error);
    }
    if (status !== LOCKED) return this.given(status, outcome, code, durationUs, actualCost, nowUs, beganMs);
    return this.giveLater(permit, outcome, code, durationUs, actualCost, nowUs, beganMs);
  }

  private giveLater(
    { word0, word1, word2, word3 }: Permit,
    outcome: Outcome,
    code: number,
    durationUs: number,
    actualCost: number | undefined,
    nowUs: number,
    beganMs: number,
  ): Promise<Settled> {
    const { raw } = this.lies;
    const later = (): Promise<RawDone> => raw.settleLater(word0, word1, word2, word3, code, durationUs, actualCost ?? 0, nowUs);
    return waited(this.common.engine, later, (status) => this.given(status, outcome, code, durationUs, actualCost, nowUs, beganMs));
  }

  private given(
    status: number,
    outcome: Outcome,
    code: number,
    durationUs: number,
    actualCost: number | undefined,
    nowUs: number,
    beganMs: number,
  ): Settled {
    const { events } = this.common;
    if (status >= FAULT) throw this.failed('settle', beganMs, status, [nowUs, undefined, durationUs, actualCost, outcome]);
    this.tell('settle', beganMs, this.degraded());
    if (events.isHeard) {
      const durationMs = (code & HAS_DURATION) === 0 ? undefined : durationUs / 1000;
      events.tell('settled', this.key, { outcome, durationMs });
    }
    this.common.nudge(this.key);
    return SETTLED[status]!;
  }

  /** @internal */
  takeBack({ word0, word1, word2, word3 }: Permit): Soon<Settled> {
    const { raw } = this.lies;
    const nowUs = this.nowUs();
    return this.take(
      'cancel',
      nowUs,
      () => raw.cancel(word0, word1, word2, word3, nowUs),
      () => raw.cancelLater(word0, word1, word2, word3, nowUs),
      (status) => {
        this.common.nudge(this.key);
        return SETTLED[status]!;
      },
    );
  }

  /** @internal */
  extend({ word0, word1, word2, word3 }: Permit): Soon<Renewed> {
    const { raw } = this.lies;
    const nowUs = this.nowUs();
    return this.take(
      'renew',
      nowUs,
      () => raw.renew(word0, word1, word2, word3, nowUs),
      () => raw.renewLater(word0, word1, word2, word3, nowUs),
      (status) => {
        if (status === 0) return { renewed: 'until', untilMs: this.common.engine.number() / 1000 };
        return { renewed: status === 1 ? 'leaseLost' : 'notLeased' };
      },
    );
  }

  /** @internal */
  order(command: Json): Soon<Commanded> {
    const json = inputJson(command);
    const nowUs = this.nowUs();
    return this.take(
      'command',
      nowUs,
      () => LOCKED,
      () => this.lies.raw.commandLater(json, nowUs),
      (status) => {
        this.common.nudge(this.key);
        return COMMANDED[status]!;
      },
    );
  }

  /** @internal */
  apply(input: object): Soon<unknown> {
    const { raw } = this.lies;
    const json = inputJson(input as Json);
    const nowUs = this.nowUs();
    return this.take(
      'apply',
      nowUs,
      () => raw.apply(json, nowUs),
      () => raw.applyLater(json, nowUs),
      () => {
        const { answer, changed } = JSON.parse(this.common.engine.text()) as AppliedStep;
        if (changed) this.common.nudge(this.key);
        return answer;
      },
    );
  }

  /** A step that is not hot. `read` takes its answer out of the slot. */
  private take<T>(
    operation: StoredEvent['operation'],
    nowUs: number,
    now: () => number,
    later: () => Promise<RawDone>,
    read: (status: number) => T,
  ): Soon<T> {
    const { engine } = this.common;
    const beganMs = this.beganMs();
    engine.raw();
    const status = engine.run(now);
    const taken = (known: number): T => {
      if (known >= FAULT) throw this.failed(operation, beganMs, known, [nowUs]);
      const answer = read(known);
      this.tell(operation, beganMs, this.degraded());
      return answer;
    };
    return status === LOCKED ? waited(engine, later, taken) : taken(status);
  }

  peek(options: TryAcquireOptions = {}): Peek {
    const peek = this.lies.peek(options, this.nowUs());
    return peek.admitted ? peek : Rejection.of(peek, null);
  }

  explain(): Explanation {
    return explanationOf(this.lies.explain(this.nowUs()));
  }

  /** @internal */
  rateLimit(): string {
    const { rules, ticker } = this.common;
    const nowUs = ticker.nowUs();
    const bytes = this.lies.snapshot();
    const state = bytes === null ? rules.newState(nowUs) : rules.decode(bytes);
    const text = state.rateLimit(nowUs);
    state.free();
    return text;
  }

  /** The key's bytes; those of a new state where it does not exist yet. */
  snapshot(): Uint8Array {
    const bytes = this.lies.snapshot();
    if (bytes !== null) return bytes;
    const state = this.common.rules.newState(this.common.ticker.nowUs());
    const fresh = state.snapshot();
    state.free();
    return fresh;
  }

  async restore(bytes: Uint8Array): Promise<void> {
    await this.lies.restore(bytes);
    this.common.nudge(this.key);
  }

  free(): void {
    this.common.rules.free();
  }

  /** The store reads its own clock under its lock, unless another was given; durations are always by this process. */
  private nowUs(): number {
    const { ticker } = this.common;
    const nowUs = ticker.nowUs();
    return ticker.isSystem ? 0 : nowUs;
  }

  /** When an operation began, where somebody hears how long it took. */
  private beganMs(): number {
    return this.common.events.isHeard ? performance.now() : 0;
  }

  /** Why the answer in the slot was given without the file; null for a proper one. */
  private degraded(): StoreError | null {
    return this.words[WORD.degraded] === 0 ? null : (this.common.engine.lastFault() as StoreError);
  }

  /** The error behind a status. */
  private failed(operation: StoredEvent['operation'], beganMs: number, status: number, args: readonly unknown[]): unknown {
    const error = this.common.refused(status, args);
    this.tellStored(operation, beganMs);
    return error;
  }

  /** Tells what happened in a step. What hears it may ask for another, so the slot is read before. */
  private tell(operation: StoredEvent['operation'], beganMs: number, degraded: StoreError | null): void {
    const { events, engine } = this.common;
    if (!events.isHeard) return;
    const happened = engine.step().events;
    this.tellStored(operation, beganMs);
    events.tellSteps(happened, this.key);
    if (degraded !== null) events.tell('degraded', this.key, { error: degraded });
  }

  private tellStored(operation: StoredEvent['operation'], beganMs: number): void {
    const { events } = this.common;
    if (events.isHeard) events.tell('stored', this.key, { operation, durationMs: performance.now() - beganMs });
  }
}

/** One of many keys: what they share is not its own to free. */
class OfMany extends StoredPolicy {
  override free(): void {}
}

/** One configuration for many keys of a file. */
export class StoredKeyed extends Telling implements Keyed<Policy> {
  /** @internal */
  readonly common: Common;
  readonly #open: (key: string) => Key;

  constructor(common: Common, open: (key: string) => Key) {
    super();
    this.common = common;
    this.#open = open;
  }

  get name(): string {
    return this.common.name;
  }

  of(key: string): Policy {
    return new OfMany(this.common, key, this.#open(key));
  }

  [dispose](): void {
    this.common.rules.free();
  }
}
