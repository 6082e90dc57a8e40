import type { BasePolicy } from './base.js';
import type { Outcome } from './engine-types.js';
import { EngineError } from './errors.js';
import type { Call, Renewed, Settled, SettleOptions } from './policy.js';
import type { Rejection } from './rejection.js';
import { asyncDispose, dispose } from './symbols.js';

/**
 * What an admitted call holds, to be given back once: by `settle` when the call ended, by `cancel` when it never began. With `using`
 * or `await using`, one that was not given back is settled as `ignored`.
 */
export class Permit implements Call {
  /** @internal */
  readonly policy: BasePolicy;
  /** @internal Its four 32-bit words. */
  readonly word0: number;
  /** @internal */
  readonly word1: number;
  /** @internal */
  readonly word2: number;
  /** @internal */
  readonly word3: number;
  /** @internal On the policy's steady clock; NaN where that is not known. */
  readonly startedMs: number;
  /** Whether it was given back. */
  isUsed = false;
  /** @internal In the keeper's list. */
  isKept = false;
  /** @internal */
  nextKept: Permit | undefined = undefined;
  /** @internal */
  previousKept: Permit | undefined = undefined;
  /** @internal Why its call was given up. */
  abandoned: { readonly reason: unknown } | undefined = undefined;
  /** @internal */
  controller: AbortController | undefined = undefined;
  /** In shadow mode, the refusal that would have been answered. */
  wouldReject: Rejection | undefined = undefined;

  /** @internal Made by an acquire. */
  constructor(policy: BasePolicy, word0: number, word1: number, word2: number, word3: number, startedMs: number) {
    this.policy = policy;
    this.word0 = word0;
    this.word1 = word1;
    this.word2 = word2;
    this.word3 = word3;
    this.startedMs = startedMs;
  }

  /** Admitted. A refusal says false here. */
  get admitted(): true {
    return true;
  }

  /** Whether it holds a slot or a probe by a lease, which `renew` extends. */
  get isLeased(): boolean {
    return this.word3 >>> 8 !== 0;
  }

  /** Itself: a guarded function gets `{ signal, permit }`. */
  get permit(): Permit {
    return this;
  }

  /** Aborted when the call that holds it is given up. Of a permit that `acquire` gave, only when `execute` holds it too. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.abandoned !== undefined) this.controller.abort(this.abandoned.reason);
    }
    return this.controller.signal;
  }

  /**
   * Tells how the call ended, and gives the permit back. `ignored` says nothing about the system: slots come back, nothing is counted.
   * Where that fails (a store that is away), the permit is as before.
   */
  settle(outcome: Outcome, options?: SettleOptions): Promise<Settled> {
    return this.#giveBack(() => this.policy.settlePermit(this, outcome, options));
  }

  /** Gives the permit back: the call never began, so its tokens come back, too. */
  cancel(): Promise<Settled> {
    return this.#giveBack(() => this.policy.cancelPermit(this));
  }

  /** Extends its lease. `execute` does so by itself, at a third of the lease. */
  async renew(): Promise<Renewed> {
    return this.policy.extend(this);
  }

  /** 32 hexadecimal digits: how a permit is passed to another process. */
  toString(): string {
    return this.policy.permitText(this);
  }

  /** As its text. */
  toJSON(): string {
    return this.toString();
  }

  /** Settles it as `ignored` unless it was given back: the call was abandoned. */
  [dispose](): void {
    if (!this.isUsed) this.policy.watch(this.settle('ignored'));
  }

  /** The same, and waits for it. */
  async [asyncDispose](): Promise<void> {
    if (!this.isUsed) await this.settle('ignored');
  }

  /** @internal Aborts the signal of its call. */
  abort(reason: unknown): void {
    if (this.abandoned !== undefined) return;
    this.abandoned = { reason };
    this.controller?.abort(reason);
  }

  /** @internal Marks it as given back. */
  take(): void {
    if (this.isUsed) {
      throw new EngineError({ code: 'permit_used', message: 'the permit was already given back by `settle` or `cancel`' });
    }
    this.isUsed = true;
  }

  async #giveBack(give: () => Settled | Promise<Settled>): Promise<Settled> {
    this.take();
    try {
      return await give();
    } catch (error) {
      this.isUsed = false;
      throw error;
    }
  }
}
