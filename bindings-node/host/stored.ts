import {
  type Answer,
  type AppliedStep,
  BasePolicy,
  type Commanded,
  type Common,
  EnginePermit,
  type EngineStep,
  type Explanation,
  type Json,
  type Keyed,
  type Outcome,
  type Peek,
  Permit,
  type Policy,
  Rejection,
  type Renewed,
  type SettleOptions,
  type Settled,
  type StoredEvent,
  Telling,
  type TryAcquireOptions,
  dispose,
  explanationOf,
  inputJson,
} from 'stanchion-wasm/host';

import type { Key, Stored, StoredDecision } from './key.js';

const SETTLED = { counted: 'counted', stale: 'stale', lease_lost: 'leaseLost' } as const;
const COMMANDED = { done: 'done', unchanged: 'unchanged', no_gate: 'noGate' } as const;

/** A policy whose state lies under a key of a file that processes share. */
export class StoredPolicy extends BasePolicy {
  readonly #key: Key;

  constructor(common: Common, name: string, key: Key) {
    super(common, name);
    this.#key = key;
  }

  get isShared(): boolean {
    return true;
  }

  /** @internal */
  async ask(cost: number, holder: string | undefined): Promise<Answer> {
    const nowUs = this.#nowUs();
    const { steadyMs } = this.common.ticker;
    const decision = await this.#timed('acquire', () => this.#key.acquire({ cost, holder }, nowUs));
    this.#tell(decision);
    return decision.admitted ? this.#admitted(decision, steadyMs) : this.#rejected(decision);
  }

  #admitted(decision: StoredDecision & { readonly admitted: true }, steadyMs: number): Permit {
    const { word0, word1, word2, word3 } = decision.permit;
    const permit = new Permit(this, word0, word1, word2, word3, steadyMs);
    this.common.events.tell('admitted', this.key);
    if (decision.wouldReject !== null) {
      const rejection = Rejection.of(decision.wouldReject, decision.degraded);
      permit.mind(rejection);
      this.common.events.tell('wouldReject', this.key, { rejection });
    }
    return permit;
  }

  #rejected(decision: StoredDecision & { readonly admitted: false }): Rejection {
    return decision.by === null ? Rejection.unavailable(decision.degraded) : Rejection.of(decision, decision.degraded);
  }

  /** @internal */
  async give(permit: Permit, outcome: Outcome, { durationMs, actualCost }: SettleOptions): Promise<Settled> {
    const nowUs = this.#nowUs();
    const sinceMs = this.common.ticker.steadyMs - permit.startedMs;
    const took = durationMs ?? (Number.isNaN(sinceMs) ? undefined : Math.max(sinceMs, 0));
    const durationUs = took === undefined ? undefined : Math.floor(took * 1000);
    const how = { outcome, durationUs, actualCost };
    const settled = await this.#timed('settle', () => this.#key.settle(this.#engines(permit), how, nowUs));
    this.#tell(settled);
    this.common.events.tell('settled', this.key, { outcome, durationMs: took });
    this.common.nudge(this.key);
    return SETTLED[settled.settled];
  }

  /** @internal */
  async takeBack(permit: Permit): Promise<Settled> {
    const settled = await this.#timed('cancel', () => this.#key.cancel(this.#engines(permit), this.#nowUs()));
    this.#tell(settled);
    this.common.nudge(this.key);
    return SETTLED[settled.settled];
  }

  /** @internal */
  async extend(permit: Permit): Promise<Renewed> {
    const renewed = await this.#timed('renew', () => this.#key.renew(this.#engines(permit), this.#nowUs()));
    this.#tell(renewed);
    if (renewed.renewed === 'until') return { renewed: 'until', untilMs: renewed.untilUs / 1000 };
    return { renewed: renewed.renewed === 'lease_lost' ? 'leaseLost' : 'notLeased' };
  }

  /** @internal */
  async order(command: Json): Promise<Commanded> {
    const commanded = await this.#timed('command', () => this.#key.command(inputJson(command), this.#nowUs()));
    this.#tell(commanded);
    this.common.nudge(this.key);
    return COMMANDED[commanded.commanded];
  }

  /** @internal */
  async apply(input: object): Promise<unknown> {
    const { text, degraded } = await this.#timed('apply', () => this.#key.apply(inputJson(input as Json), this.#nowUs()));
    const { answer, events, changed } = JSON.parse(text) as AppliedStep;
    this.#tell({ events, changed, degraded, sequence: 0 });
    if (changed) this.common.nudge(this.key);
    return answer;
  }

  peek(options: TryAcquireOptions = {}): Peek {
    const peek = this.#key.peek(options, this.#nowUs());
    return peek.admitted ? peek : Rejection.of(peek, null);
  }

  explain(): Explanation {
    return explanationOf(this.#key.explain(this.#nowUs()));
  }

  /** @internal */
  rateLimit(): string {
    const { rules, ticker } = this.common;
    const nowUs = ticker.nowUs();
    const bytes = this.#key.snapshot();
    const state = bytes === null ? rules.newState(nowUs) : rules.decode(bytes);
    const text = state.rateLimit(nowUs);
    state.free();
    return text;
  }

  /** The key's bytes; those of a new state where it does not exist yet. */
  snapshot(): Uint8Array {
    const bytes = this.#key.snapshot();
    if (bytes !== null) return bytes;
    const state = this.common.rules.newState(this.common.ticker.nowUs());
    const fresh = state.snapshot();
    state.free();
    return fresh;
  }

  async restore(bytes: Uint8Array): Promise<void> {
    await this.#key.restore(bytes);
    this.common.nudge(this.key);
  }

  free(): void {
    this.common.rules.free();
  }

  /** The store reads its own clock under its lock, unless another was given; durations are always by this process. */
  #nowUs(): number {
    const nowUs = this.common.ticker.nowUs();
    return this.common.ticker.isSystem ? 0 : nowUs;
  }

  #engines({ word0, word1, word2, word3 }: Permit): EnginePermit {
    return new EnginePermit(this.common.engine, word0, word1, word2, word3);
  }

  #tell({ events, degraded }: EngineStep & Stored): void {
    this.common.events.tellSteps(events, this.key);
    if (degraded !== null) this.common.events.tell('degraded', this.key, { error: degraded });
  }

  /** Asks the store; errors name inputs as they were written, and who listens hears how long it took. */
  async #timed<T>(operation: StoredEvent['operation'], ask: () => Promise<T>): Promise<T> {
    const { events } = this.common;
    const beganMs = events.isHeard ? performance.now() : 0;
    try {
      return await ask();
    } catch (error) {
      throw this.common.asWritten(error);
    } finally {
      if (events.isHeard) events.tell('stored', this.key, { operation, durationMs: performance.now() - beganMs });
    }
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
