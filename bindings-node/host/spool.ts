import {
  type BasePolicy,
  type Ended,
  type Engine,
  type Names,
  type Outcome,
  type Policy,
  type Verdict,
  atLeastZero,
  conduct,
  isStanchionError,
  keepLease,
  known,
  shown,
} from 'stanchion-wasm/host';

import { type RawDone, type RawSpool, addon, given, pooled } from './addon.js';
import { DrainLoop, type Draining, type KeepDrainingOptions } from './draining.js';
import type {
  Appended,
  Deliver,
  Delivery,
  DrainOptions,
  Drained,
  Offer,
  SpoolEndOptions,
  SpoolItem,
  SpoolOptions,
  SpoolReport,
  SpoolSettled,
} from './spool-types.js';

export type * from './spool-types.js';

const SPOOL: Names<SpoolOptions> = { waitMs: true, sync: true, create: true, readOnly: true, anyOwner: true };
const APPEND: Names<{ id: string }> = { id: true };
const END: Names<SpoolEndOptions> = { notBeforeMs: true, call: true };
const DRAIN: Names<DrainOptions> = { cost: true, waitMs: true, signal: true, timeoutMs: true, classify: true, isDead: true };
const KEEP_DRAINING: Names<KeepDrainingOptions> = { ...DRAIN, pollMs: true, keepsAlive: true };

const OUTCOMES: Readonly<Record<Outcome | 'dead', number>> = { success: 0, failure: 1, ignored: 2, dead: 3 };
const CALLS = { returned: 1, failed: 2, cancelled: 3 } as const;

/**
 * Where what could not be sent waits, in a folder that processes of any language share: what was accepted leaves the disk only when it
 * was acknowledged, or by an operator's hand. Items are delivered at least once, in their order.
 *
 * @example
 * ```ts
 * const sync = definePolicy({ name: 'sync', circuit: { consecutiveFailures: 10 }, spool: { order: 'strict' } });
 * const spool = await Spool.open('/var/lib/app/spool', sync);
 * await spool.append(JSON.stringify(order), { id: order.id });
 * await spool.drain(({ payload }, { signal }) => send(payload, signal));
 * ```
 */
export class Spool {
  /** Whose gates deliveries pass, and whose `spool` says the bounds. */
  readonly policy: Policy;
  readonly #base: BasePolicy;
  readonly #engine: Engine;
  readonly #raw: RawSpool;
  readonly #loops = new Set<DrainLoop>();

  /** @internal Made by `Spool.open`. */
  private constructor(policy: Policy, engine: Engine, raw: RawSpool) {
    this.policy = policy;
    this.#base = policy as BasePolicy;
    this.#engine = engine;
    this.#raw = raw;
  }

  /**
   * Opens a spool, or makes its folder where that is missing. The policy has a `spool`; its state may be in this process or in a store.
   * @throws StoreError for a policy without one, and for anything but a folder of ours that is safe to use.
   */
  static async open(path: string, policy: Policy, options: SpoolOptions = {}): Promise<Spool> {
    const { raw, engine } = addon();
    known(options, SPOOL);
    const own = engine.policy((policy as BasePolicy).common.rules.toJson());
    const opening = pooled(engine, () => raw.spoolOpenLater(path, own.handle, given(options)));
    const done = await opening.finally(() => own.free());
    const spool = done.spool();
    if (spool === null) throw engine.fault(engine.run(() => done.load()));
    return new Spool(policy, engine, spool);
  }

  /** Takes an item in. `accepted` says that it is on the disk. */
  async append(payload: string | Uint8Array, options: { readonly id?: string | undefined } = {}): Promise<Appended> {
    const { id } = known(options, APPEND);
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
    const appended = this.#ask<Appended>((nowUs) => this.#raw.appendLater(id ?? null, bytes, nowUs));
    if (this.#loops.size > 0) this.#base.watch(appended.then(() => this.#loops.forEach((loop) => loop.wake())));
    return appended;
  }

  /** Leases the next item that is to be delivered, or says when to ask again. `drain` does so by itself, through the gates. */
  async lease(): Promise<Offer> {
    let payload: Uint8Array = new Uint8Array();
    const offer = await this.#ask<Offer>(
      (nowUs) => this.#raw.leaseLater(nowUs),
      () => (payload = this.#engine.bytes()),
    );
    return offer.delivery === null ? offer : { ...offer, delivery: { ...offer.delivery, payload } };
  }

  /**
   * A delivery ended: `success` acknowledges it, and it leaves the disk; `failure` and `ignored` bring it back into its place, not
   * before `notBeforeMs`; `dead` makes it a dead letter.
   */
  async settle(
    { seq, lease }: Pick<Delivery, 'seq' | 'lease'>,
    outcome: Outcome | 'dead',
    options: SpoolEndOptions = {},
  ): Promise<SpoolSettled> {
    const { notBeforeMs = 0, call } = known(options, END);
    atLeastZero('notBeforeMs', notBeforeMs);
    const code = OUTCOMES[outcome] ?? 4;
    const how = call === undefined ? 0 : CALLS[call];
    return this.#ask((nowUs) => this.#raw.settleLater(seq, lease, code, how, Math.ceil(notBeforeMs * 1000), nowUs));
  }

  /** A delivery takes longer: its lease begins anew. `drain` does so by itself. */
  renew({ seq, lease }: Pick<Delivery, 'seq' | 'lease'>): Promise<SpoolSettled> {
    return this.#ask((nowUs) => this.#raw.renewLater(seq, lease, nowUs));
  }

  /** The circuit closed again: from now on items go out at the policy's `pace`. `drain` says so by itself. */
  resume(): Promise<SpoolSettled> {
    return this.#ask((nowUs) => this.#raw.resumeLater(nowUs));
  }

  /**
   * Delivers one item after the other, as long as the gates admit and something may go out. Each delivery is a call of the policy, and
   * only what was delivered leaves the disk; a lease that runs out meanwhile is renewed.
   *
   * @example
   * ```ts
   * const { delivered, why, nextAtMs } = await spool.drain(({ payload }, { signal }) => send(payload, signal));
   * ```
   * @throws StoreError where the folder cannot be used.
   */
  async drain(deliver: Deliver, options: DrainOptions = {}): Promise<Drained> {
    known(options, DRAIN);
    const off = this.policy.on('close', () => this.#base.watch(this.resume()));
    const counts = { delivered: 0, failed: 0 };
    try {
      for (;;) {
        const next = await this.#next(options);
        if ('why' in next) return { ...counts, ...next };
        if (await this.#deliver(next.permit, next.delivery, deliver, options)) counts.delivered += 1;
        else counts.failed += 1;
        options.signal?.throwIfAborted();
      }
    } finally {
      off();
    }
  }

  /**
   * Drains it whenever something may go out, until it is stopped: when something was handed in, when an item that came back may go out
   * again, and when the gates admit again. What each delivery teaches is the policy's to tell, by its events.
   *
   * @example
   * ```ts
   * const draining = spool.keepDraining(({ payload }, { signal }) => send(payload, signal));
   * await draining.stop();
   * ```
   */
  keepDraining(deliver: Deliver, options: KeepDrainingOptions = {}): Draining {
    const loop = new DrainLoop(this, deliver, known(options, KEEP_DRAINING));
    this.#loops.add(loop);
    void loop.stopped.then(() => this.#loops.delete(loop));
    return loop;
  }

  /** What waits and is under way, in its order, without payloads. */
  items(): Promise<readonly SpoolItem[]> {
    return this.#ask(() => this.#raw.itemsLater());
  }

  /** What nobody delivers any more, without payloads. */
  deadLetters(): Promise<readonly SpoolItem[]> {
    return this.#ask(() => this.#raw.deadLettersLater());
  }

  /** The payload of an item, wherever it stands; null where there is no such item. */
  async payload(seq: number): Promise<Uint8Array | null> {
    let payload: Uint8Array = new Uint8Array();
    const isThere = await this.#ask<boolean>(
      () => this.#raw.payloadLater(seq),
      () => (payload = this.#engine.bytes()),
    );
    return isThere ? payload : null;
  }

  /** Brings a dead letter back into its place, with no attempt counted. */
  requeue(seq: number): Promise<SpoolSettled> {
    return this.#ask((nowUs) => this.#raw.requeueLater(seq, nowUs));
  }

  /** Takes an item out for good, delivered or not. */
  remove(seq: number): Promise<SpoolSettled> {
    return this.#ask((nowUs) => this.#raw.removeLater(seq, nowUs));
  }

  /** How much there is, and what was found wrong. */
  report(): Promise<SpoolReport> {
    return this.#ask((nowUs) => this.#raw.reportLater(nowUs));
  }

  /** Gives back the disk of what is gone, which else happens now and then. */
  async compact(): Promise<void> {
    await this.#ask(() => this.#raw.compactLater());
  }

  /** The gates first: an item that nobody may send keeps its attempt. */
  async #next({ cost, waitMs, signal }: DrainOptions): Promise<Next> {
    let permit;
    try {
      permit = await this.policy.acquire({ cost, waitMs, signal });
    } catch (error) {
      if (!isStanchionError(error, 'RejectedError')) throw error;
      const { retryAfterMs } = error;
      const isHopeless = retryAfterMs === null || retryAfterMs === Infinity;
      return { why: 'rejected', nextAtMs: isHopeless ? null : this.#base.common.ticker.nowUs() / 1000 + retryAfterMs };
    }
    try {
      const { delivery, wait } = await this.lease();
      if (delivery !== null) return { permit, delivery };
      await permit.cancel();
      return { why: wait === null ? 'empty' : 'wait', nextAtMs: wait?.atMs ?? null };
    } catch (error) {
      if (!permit.isUsed) this.#base.watch(permit.cancel());
      throw error;
    }
  }

  /** Whether it was delivered. */
  async #deliver(permit: Admitted['permit'], delivery: Delivery, deliver: Deliver, options: DrainOptions): Promise<boolean> {
    const { signal, timeoutMs, classify, isDead } = options;
    let ended: Ended<unknown> | undefined;
    const seen = (how: Ended<unknown>): void => void (ended = how);
    const renew = async (): Promise<boolean> => (await this.renew(delivery)).settled === 'renewed';
    const lost = (): void => permit.abort(new Error(`the lease of item ${delivery.seq} was lost`));
    const stopKeeping = keepLease(this.#base.common.ticker, delivery.untilMs, renew, lost);
    const limit = this.#base.limit(timeoutMs, undefined, 0);
    const call = conduct(this.#base, permit, (call) => deliver(delivery, call), { signal, limit, classify, seen });
    let failed: { readonly error: unknown } | undefined;
    await call.catch((error: unknown) => void (failed = { error }));
    stopKeeping();
    const { verdict, usual } = ended!;
    const outcome = failed !== undefined && isDead?.(failed.error) === true ? 'dead' : (verdict.outcome ?? usual);
    const how = failed === undefined ? 'returned' : signal?.aborted === true ? 'cancelled' : 'failed';
    const notBeforeMs = this.#notBeforeMs(verdict, failed?.error);
    const { settled } = await this.settle(delivery, outcome, { notBeforeMs, call: how });
    return settled === 'acknowledged';
  }

  /** The latest of what the receiver, a block and a refusal within the call said; 0 where nothing was said. */
  #notBeforeMs({ retryAtMs = 0, block }: Verdict, error: unknown): number {
    const nowMs = this.#base.common.ticker.nowUs() / 1000;
    const blockMs = block === undefined ? 0 : 'untilMs' in block ? block.untilMs : nowMs + block.forMs;
    const refusalMs = isStanchionError(error, 'RejectedError') ? (error.retryAfterMs ?? Infinity) : -Infinity;
    return Math.max(retryAtMs, blockMs, refusalMs === Infinity ? 0 : nowMs + refusalMs);
  }

  /** Asks in the thread pool. What else the answer left is taken before anything else can run. */
  async #ask<T>(begin: (nowUs: number) => Promise<RawDone>, take?: () => void): Promise<T> {
    const { ticker } = this.#base.common;
    const nowUs = ticker.isSystem ? 0 : ticker.nowUs();
    this.#engine.raw();
    const done = await pooled(this.#engine, () => begin(nowUs));
    this.#engine.check(
      this.#engine.run(() => done.load()),
      nowUs,
    );
    const json = this.#engine.text();
    take?.();
    return shown(JSON.parse(json)) as T;
  }
}

interface Admitted {
  readonly permit: Awaited<ReturnType<Policy['acquire']>>;
  readonly delivery: Delivery;
}

type Next = Admitted | Pick<Drained, 'why' | 'nextAtMs'>;
