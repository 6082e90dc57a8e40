import type { BasePolicy, Soon } from './base.js';
import type { Outcome } from './engine-types.js';
import { EngineError } from './errors.js';
import { SETTLE } from './option-names.js';
import { known } from './options.js';
import type { Call, Renewed, Settled, SettleOptions } from './policy.js';
import { isLease } from './raw.js';
import type { Rejection } from './rejection.js';
import { asyncDispose, dispose } from './symbols.js';

/**
 * What an admitted call holds, to be given back once: by `settle` when the call ended, by `cancel` when it never began. With `using`
 * or `await using`, one that was not given back is settled as `ignored`.
 */
export class Permit implements Call {
  /** @internal */
  readonly policy: BasePolicy;
  /** @internal Its four words, as signed numbers of 32 bits: those fit into a field without a box. */
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
  /** @internal Where it stands in the keeper's list; −1 where it does not. */
  keptAt = -1;
  /** @internal What hardly any permit has. */
  rest: Rest | undefined = undefined;

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
    return isLease(this.word3);
  }

  /** Itself: a guarded function gets `{ signal, permit }`. */
  get permit(): Permit {
    return this;
  }

  /** Aborted when the call that holds it is given up. Of a permit that `acquire` gave, only when `execute` holds it too. */
  get signal(): AbortSignal {
    return (this.rest ??= new Rest()).signal;
  }

  /** Which attempt of a call it is for: 1 for the first. */
  get attempt(): number {
    return this.rest?.attempt ?? 1;
  }

  /** In shadow mode, the refusal that would have been answered. */
  get wouldReject(): Rejection | undefined {
    return this.rest?.wouldReject;
  }

  /**
   * Tells how the call ended, and gives the permit back. `ignored` says nothing about the system: slots come back, nothing is counted.
   * Where that fails (a store that is away), the permit is as before.
   */
  async settle(outcome: Outcome, options?: SettleOptions): Promise<Settled> {
    return giveBack(this, () => this.policy.settlePermit(this, outcome, options && known(options, SETTLE)));
  }

  /** Gives the permit back: the call never began, so its tokens come back, too. */
  async cancel(): Promise<Settled> {
    return giveBack(this, () => this.policy.cancelPermit(this));
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
    (this.rest ??= new Rest()).abort(reason);
  }

  /** @internal Remembers that it is for a further attempt. */
  countAs(attempt: number): void {
    (this.rest ??= new Rest()).attempt = attempt;
  }

  /** @internal Remembers what shadow mode lets through. */
  mind(wouldReject: Rejection): void {
    (this.rest ??= new Rest()).wouldReject = wouldReject;
  }
}

/** What hardly any permit has, so that the others are small. */
class Rest {
  wouldReject: Rejection | undefined = undefined;
  attempt = 1;
  #controller: AbortController | undefined = undefined;
  #abandoned: { readonly reason: unknown } | undefined = undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abandoned !== undefined) this.#controller.abort(this.#abandoned.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    if (this.#abandoned !== undefined) return;
    this.#abandoned = { reason };
    this.#controller?.abort(reason);
  }
}

/** Gives permits back whose calls never begin; what goes wrong with that is told, and the others are given back all the same. */
export async function cancelAll(permits: readonly Permit[]): Promise<void> {
  await Promise.all(permits.map((permit) => permit.cancel().catch((error: unknown) => permit.policy.tellNotSettled(error))));
}

/** Gives a permit back: once, unless that fails, for then nothing happened. */
export function giveBack(permit: Permit, give: () => Soon<Settled>): Soon<Settled> {
  if (permit.isUsed) {
    throw new EngineError({ code: 'permit_used', message: 'the permit was already given back by `settle` or `cancel`' });
  }
  permit.isUsed = true;
  try {
    const given = give();
    return given instanceof Promise ? given.catch((error: unknown) => reopen(permit, error)) : given;
  } catch (error) {
    return reopen(permit, error);
  }
}

function reopen(permit: Permit, error: unknown): never {
  permit.isUsed = false;
  throw error;
}
