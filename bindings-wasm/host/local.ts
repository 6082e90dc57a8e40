import { type Answer, type AppliedStep, BasePolicy } from './base.js';
import { sinceUs } from './clock.js';
import type { Common } from './common.js';
import { inputJson } from './config-json.js';
import { usualOutcome } from './conduct.js';
import type { Json, Outcome } from './engine-types.js';
import { EngineError, type RejectedError } from './errors.js';
import { type Explanation, explanationOf } from './explanation.js';
import { TRY_ACQUIRE } from './option-names.js';
import { known } from './options.js';
import { Permit } from './permit.js';
import { NONE, type Place } from './place.js';
import type {
  Call,
  Commanded,
  ExecuteOptions,
  LocalPolicy,
  Peek,
  Renewed,
  SettleOptions,
  Settled,
  TryAcquireOptions,
} from './policy.js';
import {
  COMMANDED,
  FAULT,
  HAS_ACTUAL_COST,
  HAS_DURATION,
  NOT_PLAIN,
  NO_OUTCOME,
  NUMBER,
  OUTCOMES,
  type RawEngine,
  SETTLED,
  WORD,
} from './raw.js';
import { Rejection } from './rejection.js';

const NO_OPTIONS: TryAcquireOptions = Object.freeze({});
/** No holder is named. */
const NOBODY: readonly [number, number] = [0, 0];
/** No turn of a place: its state is to be found first. */
const NEVER = -1;

/** A policy whose state is in this process. Its hot calls pass numbers only, and read the rest of the answer from the slot. */
export class InProcess extends BasePolicy implements LocalPolicy {
  // Not `#private`: a hot call pays for the check of each.
  private readonly place: Place;
  private raw: RawEngine;
  private handle = NONE;
  private turn = NEVER;
  private readonly running: number;
  /** The slot's words. Memory that grew leaves a view of length 0. */
  private words: Uint32Array;

  constructor(common: Common, place: Place, key?: string) {
    super(common, key);
    this.place = place;
    this.raw = common.engine.raw();
    this.running = common.engine.running;
    this.words = common.engine.instance.words();
  }

  get isShared(): boolean {
    return false;
  }

  override execute<T>(fn: (call: Call) => T | PromiseLike<T>, options?: ExecuteOptions<T>): Promise<T> {
    if (options !== undefined || !this.common.isPlain) return this.guarded(fn, options);
    try {
      const answer = this.decide(1, undefined, this.common.ticker.nowUs());
      return answer.admitted ? this.plainly(answer, fn) : rejectedSoon(this.refused(answer));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  tryAcquire(options: TryAcquireOptions = NO_OPTIONS): Answer {
    if (options !== NO_OPTIONS) known(options, TRY_ACQUIRE);
    const answer = this.decide(options.cost ?? 1, options.holder, this.common.ticker.nowUs());
    if (this.common.events.isHeard && answer instanceof Rejection) this.tellRejected(answer);
    return answer;
  }

  override async acquireMany(wishes: readonly TryAcquireOptions[]): Promise<readonly Answer[]> {
    const nowUs = this.common.ticker.nowUs();
    return this.askMany(wishes, (cost, holder) => this.decide(cost, holder, nowUs));
  }

  /** @internal */
  ask(cost: number, holder: string | undefined): Answer {
    return this.decide(cost, holder, this.common.ticker.nowUs());
  }

  /** The short way where it leads there: what nearly every call takes, in so few words that it costs no call of its own. */
  private decide(cost: number, holder: string | undefined, nowUs: number): Answer {
    const { common } = this;
    if (!this.isEntered) this.enter(nowUs);
    let status = NOT_PLAIN;
    try {
      if (cost === 1 && holder === undefined) status = this.raw.acquirePlainly(this.handle, nowUs);
      if (status === NOT_PLAIN) status = this.acquireWholly(cost, holder, nowUs);
    } catch (error) {
      throw common.engine.caught(error);
    }
    if (status > 1) return this.rejection(status, cost, nowUs);
    if (this.words.length === 0) this.words = common.engine.instance.words();
    const { words } = this;
    const permit = new Permit(this, words[0]! | 0, words[1]! | 0, words[2]! | 0, words[3]! | 0, common.ticker.steadyMs);
    return status === 0 && !common.events.isHeard ? permit : this.toldPermit(permit, status);
  }

  private acquireWholly(cost: number, holder: string | undefined, nowUs: number): number {
    const [lo, hi] = holder === undefined ? NOBODY : this.common.engine.holderHash(holder);
    return this.raw.acquire(this.handle, cost, lo, hi, nowUs);
  }

  private rejection(status: number, cost: number, nowUs: number): Rejection {
    const { common } = this;
    if (status >= FAULT) throw common.refused(status, [nowUs, cost]);
    const words = common.engine.instance.words();
    const retryAfterUs = common.engine.instance.numbers()[NUMBER.retryAfterUs]!;
    const rejection = new Rejection(common, words[WORD.by]!, words[WORD.gates]!, retryAfterUs, null);
    if (common.events.isHeard) common.events.tellSteps(common.engine.step().events, this.key);
    return rejection;
  }

  private toldPermit(permit: Permit, status: number): Permit {
    const { common } = this;
    const { instance } = common.engine;
    if (status === 1) {
      const words = instance.words();
      const retryAfterUs = instance.numbers()[NUMBER.retryAfterUs]!;
      permit.mind(new Rejection(common, words[WORD.by]!, words[WORD.gates]!, retryAfterUs, null));
    }
    if (!common.events.isHeard) return permit;
    common.events.tellSteps(common.engine.step().events, this.key);
    common.events.tell('admitted', this.key);
    if (permit.wouldReject !== undefined) common.events.tell('wouldReject', this.key, { rejection: permit.wouldReject });
    return permit;
  }

  /**
   * `execute` without options: one clock reading for the acquire, one for the settle, and no more than a promise. It does as `await` would
   * in an async method, and in the same ticks, but needs none to come back to: that would cost a tenth of the call.
   */
  private plainly<T>(permit: Permit, fn: (call: Call) => T | PromiseLike<T>): Promise<T> {
    if (permit.isLeased) this.common.keeper.enter(permit);
    const failed = (error: unknown): never => {
      this.conclude(permit, OUTCOMES[usualOutcome(error, undefined)]);
      throw error;
    };
    try {
      const value = fn(permit);
      return (isPlainPromise(value) ? value : Promise.resolve(value)).then((result) => {
        this.conclude(permit, OUTCOMES.success);
        return result;
      }, failed);
    } catch (error) {
      return failed(error);
    }
  }

  private conclude(permit: Permit, outcome: number): void {
    if (permit.isUsed) return;
    permit.isUsed = true;
    if (permit.keptAt >= 0) this.common.keeper.leave(permit);
    try {
      this.finish(permit, outcome, undefined, undefined);
    } catch (error) {
      this.tellNotSettled(error);
    }
  }

  /** @internal */
  give(permit: Permit, outcome: Outcome, { durationMs, actualCost }: SettleOptions): Settled {
    return this.finish(permit, OUTCOMES[outcome] ?? NO_OUTCOME, durationMs, actualCost, outcome);
  }

  /** The short way where it leads there, as in `decide`. */
  private finish(
    permit: Permit,
    outcome: number,
    durationMs: number | undefined,
    actualCost: number | undefined,
    said?: unknown,
  ): Settled {
    const { common } = this;
    const nowUs = common.ticker.nowUs();
    if (!this.isEntered) this.enter(nowUs);
    let status = NOT_PLAIN;
    try {
      if (outcome === OUTCOMES.success && durationMs === undefined && actualCost === undefined) {
        status = this.raw.settlePlainly(this.handle, permit.word1, permit.word3, nowUs);
      }
    } catch (error) {
      throw common.engine.caught(error);
    }
    if (status >= FAULT || common.events.isHeard) return this.finishWholly(status, permit, outcome, durationMs, actualCost, nowUs, said);
    if (common.waiting > 0) common.nudge(this.key);
    return SETTLED[status]!;
  }

  private finishWholly(
    status: number,
    { word0, word1, word2, word3, startedMs }: Permit,
    outcome: number,
    durationMs: number | undefined,
    actualCost: number | undefined,
    nowUs: number,
    said: unknown,
  ): Settled {
    const { common } = this;
    const durationUs = durationMs === undefined ? sinceUs(startedMs, common.ticker.steadyMs) : Math.floor(durationMs * 1000);
    const hasDuration = durationUs === durationUs || durationMs !== undefined; // NaN: not known
    const code = outcome | (hasDuration ? HAS_DURATION : 0) | (actualCost === undefined ? 0 : HAS_ACTUAL_COST);
    try {
      if (status === NOT_PLAIN) status = this.raw.settle(this.handle, word0, word1, word2, word3, code, durationUs, actualCost ?? 0, nowUs);
    } catch (error) {
      throw common.engine.caught(error);
    }
    if (status >= FAULT) throw common.refused(status, [nowUs, undefined, durationUs, actualCost, said]);
    common.nudge(this.key);
    if (common.events.isHeard) this.tellSettled(outcome, hasDuration ? durationUs / 1000 : undefined);
    return SETTLED[status]!;
  }

  private tellSettled(outcome: number, durationMs: number | undefined): void {
    const { events, engine } = this.common;
    events.tellSteps(engine.step().events, this.key);
    events.tell('settled', this.key, { outcome: (['success', 'failure', 'ignored'] as const)[outcome], durationMs });
  }

  /** @internal */
  takeBack(permit: Permit): Settled {
    const { word0, word1, word2, word3 } = permit;
    return this.take(
      (handle, nowUs) => this.raw.cancel(handle, word0, word1, word2, word3, nowUs),
      (status) => SETTLED[status]!,
    );
  }

  /** @internal */
  extend(permit: Permit): Renewed {
    const { word0, word1, word2, word3 } = permit;
    return this.take(
      (handle, nowUs) => this.raw.renew(handle, word0, word1, word2, word3, nowUs),
      (status): Renewed => {
        if (status === 0) return { renewed: 'until', untilMs: this.common.engine.number() / 1000 };
        return { renewed: status === 1 ? 'leaseLost' : 'notLeased' };
      },
    );
  }

  /** @internal */
  order(command: Json): Commanded {
    const json = inputJson(command);
    return this.take(
      (handle, nowUs) => this.raw.command(handle, json, nowUs),
      (status) => COMMANDED[status]!,
    );
  }

  /** @internal */
  apply(input: object): unknown {
    const json = inputJson(input as Json);
    this.query((handle, nowUs) => this.raw.apply(handle, json, nowUs));
    const step = JSON.parse(this.common.engine.text()) as AppliedStep;
    if (step.changed) this.common.nudge(this.key);
    this.common.events.tellSteps(step.events, this.key);
    return step.answer;
  }

  peek(options: TryAcquireOptions = NO_OPTIONS): Peek {
    const { cost = 1, holder } = known(options, TRY_ACQUIRE);
    const { engine } = this.common;
    const [lo, hi] = holder === undefined ? [0, 0] : engine.holderHash(holder);
    const status = this.query((handle, nowUs) => this.raw.peek(handle, cost, lo, hi, nowUs), cost);
    if (status !== 2) return { admitted: true };
    const words = engine.instance.words();
    return new Rejection(this.common, words[WORD.by]!, words[WORD.gates]!, engine.instance.numbers()[NUMBER.retryAfterUs]!, null);
  }

  explain(): Explanation {
    this.query((handle, nowUs) => this.raw.explain(handle, nowUs));
    return explanationOf(this.common.engine.text());
  }

  /** @internal */
  rateLimit(): string {
    this.query((handle, nowUs) => this.raw.rateLimit(handle, nowUs));
    return this.common.engine.text();
  }

  snapshot(): Uint8Array {
    this.query((handle) => this.raw.snapshot(handle));
    return this.common.engine.bytes();
  }

  async restore(bytes: Uint8Array): Promise<void> {
    this.query((handle) => this.raw.stateRestore(handle, bytes));
    this.common.nudge(this.key);
  }

  free(): void {
    this.turn = NEVER;
    this.place.free();
  }

  /** A step that is not hot: reads its answer, tells what happened, and lets who waits ask. */
  private take<T>(run: (handle: number, nowUs: number) => number, read: (status: number) => T): T {
    const answer = read(this.query(run));
    const { events, engine } = this.common;
    const happened = events.isHeard ? engine.step().events : undefined;
    this.common.nudge(this.key);
    if (happened !== undefined) events.tellSteps(happened, this.key);
    return answer;
  }

  private query(run: (handle: number, nowUs: number) => number, cost?: number): number {
    const { common } = this;
    const nowUs = common.ticker.nowUs();
    this.enter(nowUs);
    const status = common.engine.run(() => run(this.handle, nowUs));
    if (status >= FAULT) throw common.refused(status, [nowUs, cost]);
    return status;
  }

  /** Whether its handle stands for its state, as far as is known. */
  private get isEntered(): boolean {
    return this.turn === this.place.turn && this.running === this.common.engine.running;
  }

  /** Finds its state, makes it where there is none yet. */
  private enter(nowUs: number): void {
    const { engine } = this.common;
    this.raw = engine.raw();
    if (this.running !== engine.running) {
      throw new EngineError({ code: 'engine_broken', message: 'the policy belongs to an instance that ended: build it again' });
    }
    this.handle = this.place.handle(nowUs);
    this.turn = this.place.turn;
  }
}

/** What `await` and `Promise.resolve` take as it is. The latter asks the same, but is a call. */
const isPlainPromise = <T>(value: T | PromiseLike<T>): value is Promise<T> => value instanceof Promise && value.constructor === Promise;

const DONE = Promise.resolve();

/**
 * A promise that rejects when the caller has taken hold of it. One that is thrown into, or rejected before, costs twice as much: the
 * runtime takes it for one that nobody handles, and then learns better.
 */
function rejectedSoon(error: RejectedError): Promise<never> {
  return new Promise((_, reject) => void DONE.then(() => reject(error)));
}
