import type { Engine } from './engine.js';
import { EngineError } from './errors.js';
import type { EnginePermit } from './engine-permit.js';
import type { EnginePolicy } from './engine-policy.js';
import { FAULT, HAS_ACTUAL_COST, HAS_DURATION, NOT_PLAIN, NO_OUTCOME, OUTCOMES } from './raw.js';
import type {
  EngineAcquire,
  EngineCommanded,
  EngineDecision,
  Json,
  EnginePeek,
  EngineRenewed,
  EngineSettle,
  EngineSettled,
} from './engine-types.js';

const SETTLED = ['counted', 'stale', 'lease_lost'] as const;
const COMMANDED = ['done', 'unchanged', 'no_gate'] as const;
const NO_HOLDER: readonly [number, number] = [0, 0];
const NO_OPTIONS: EngineAcquire = Object.freeze({});

/** The number of an outcome, with what is given beside it. */
export function outcomeCode({ outcome, durationUs, actualCost }: EngineSettle): number {
  const code = OUTCOMES[outcome] ?? NO_OUTCOME;
  return code | (durationUs === undefined ? 0 : HAS_DURATION) | (actualCost === undefined ? 0 : HAS_ACTUAL_COST);
}

/** The answer to a settle or a cancel that lies in the slot. */
export function settledAnswer(engine: Engine, status: number): EngineSettled {
  const { changed, events } = engine.step();
  return { settled: SETTLED[status]!, changed, events };
}

/** The answer to a renewal that lies in the slot. */
export function renewedAnswer(engine: Engine, status: number): EngineRenewed {
  const step = engine.step();
  if (status === 0) return { renewed: 'until', untilUs: engine.number(), ...step };
  return { renewed: status === 1 ? 'lease_lost' : 'not_leased', ...step };
}

/** The answer to a command that lies in the slot. */
export function commandedAnswer(engine: Engine, status: number): EngineCommanded {
  return { commanded: COMMANDED[status]!, ...engine.step() };
}

/** The answer to a peek that lies in the slot. */
export function peekAnswer(policy: EnginePolicy, status: number): EnginePeek {
  if (status === 0) return { admitted: true };
  return { admitted: false, ...policy.engine.rejection((index) => policy.gateName(index)) };
}

/** The answer to an acquire that lies in the slot. */
export function decisionAnswer(policy: EnginePolicy, status: number): EngineDecision {
  const engine = policy.engine;
  const { changed, events } = engine.step();
  if (status === 2) return { admitted: false, ...engine.rejection((index) => policy.gateName(index)), changed, events };
  const permit = engine.slotPermit();
  const wouldReject = status === 1 ? engine.rejection((index) => policy.gateName(index)) : null;
  return { admitted: true, permit, wouldReject, changed, events };
}

/** A live state in the memory of its engine: what the gates know of one key. One thread's own. */
export class State {
  #policy: EnginePolicy;
  readonly #handle: number;
  #isFreed = false;

  /** @internal Made by `EnginePolicy.newState` and `EnginePolicy.decode`. */
  constructor(policy: EnginePolicy, handle: number) {
    this.#policy = policy;
    this.#handle = handle;
  }

  /** The policy that decides over it. */
  get policy(): EnginePolicy {
    return this.#policy;
  }

  /** Lets another policy of the same engine decide from now on: it adopts the state at its next step. */
  use(policy: EnginePolicy): void {
    const engine = this.#usable();
    if (policy.engine !== engine) {
      throw new EngineError({ code: 'other_engine', message: 'the policy belongs to another engine' });
    }
    const [raw, handle] = [engine.raw(), policy.handle];
    engine.check(engine.run(() => raw.stateUse(this.#handle, handle)));
    this.#policy = policy;
  }

  /** Whether a call may go ahead. Nothing is taken from any gate unless all admit. */
  acquire(options: EngineAcquire | undefined, nowUs: number): EngineDecision {
    const engine = this.#usable();
    const { cost = 1, holder } = options ?? NO_OPTIONS;
    const [lo, hi] = holder === undefined ? NO_HOLDER : engine.holderHash(holder);
    const raw = engine.raw();
    let status = NOT_PLAIN;
    try {
      if (cost === 1 && holder === undefined) status = raw.acquirePlainly(this.#handle, nowUs);
      if (status === NOT_PLAIN) status = raw.acquire(this.#handle, cost, lo, hi, nowUs);
    } catch (error) {
      throw engine.caught(error);
    }
    if (status >= FAULT) throw engine.fault(status, [nowUs, cost]);
    return decisionAnswer(this.#policy, status);
  }

  /** Tells how a call ended. The permit is spent by it. */
  settle(permit: EnginePermit, options: EngineSettle, nowUs: number): EngineSettled {
    const engine = this.#usable();
    const { durationUs = 0, actualCost = 0 } = options;
    const code = outcomeCode(options);
    const raw = engine.raw();
    const { word0, word1, word2, word3 } = permit;
    permit.take();
    let status = NOT_PLAIN;
    try {
      if (code === 0) status = raw.settlePlainly(this.#handle, word1, word3, nowUs);
      if (status === NOT_PLAIN) status = raw.settle(this.#handle, word0, word1, word2, word3, code, durationUs, actualCost, nowUs);
    } catch (error) {
      throw engine.caught(error);
    }
    if (status >= FAULT) {
      permit.reopen();
      throw engine.fault(status, [nowUs, undefined, durationUs, actualCost, options.outcome]);
    }
    return settledAnswer(engine, status);
  }

  /** Gives a permit back: the call never began. */
  cancel(permit: EnginePermit, nowUs: number): EngineSettled {
    const engine = this.#usable();
    const raw = engine.raw();
    const status = permit.spend(() =>
      engine.check(
        engine.run(() => raw.cancel(this.#handle, ...permit.words, nowUs)),
        nowUs,
      ),
    );
    return settledAnswer(engine, status);
  }

  /** Extends the lease of a permit. */
  renew(permit: EnginePermit, nowUs: number): EngineRenewed {
    const engine = this.#usable();
    const raw = engine.raw();
    const status = engine.run(() => raw.renew(this.#handle, ...permit.words, nowUs));
    return renewedAnswer(engine, engine.check(status, nowUs));
  }

  /** Gives a command: block, trip, reset, force open, report, … in its JSON form. */
  command(command: Json, nowUs: number): EngineCommanded {
    const engine = this.#usable();
    const raw = engine.raw();
    const json = typeof command === 'string' ? command : JSON.stringify(command);
    const status = engine.run(() => raw.command(this.#handle, json, nowUs));
    return commandedAnswer(engine, engine.check(status, nowUs));
  }

  /**
   * One step or query of a policy beside the gates (retry, schedule, recovery, health), in its JSON form: `{ retry: { … } }`. Answers
   * with JSON text: `{"answer":…,"changed":true,"events":[]}`.
   * @throws InputError naming the field, its value and what is allowed.
   */
  apply(input: Json, nowUs: number): string {
    const engine = this.#usable();
    const raw = engine.raw();
    const json = typeof input === 'string' ? input : JSON.stringify(input);
    engine.check(engine.run(() => raw.apply(this.#handle, json, nowUs)), nowUs);
    return engine.text();
  }

  /** What an acquire would be answered. Gives no permit, changes nothing. */
  peek(options: EngineAcquire | undefined, nowUs: number): EnginePeek {
    const engine = this.#usable();
    const raw = engine.raw();
    const { cost = 1, holder } = options ?? NO_OPTIONS;
    const [lo, hi] = holder === undefined ? NO_HOLDER : engine.holderHash(holder);
    const status = engine.check(engine.run(() => raw.peek(this.#handle, cost, lo, hi, nowUs)), nowUs, cost);
    return peekAnswer(this.#policy, status);
  }

  /** The value of the header field `RateLimit`: what is left of the limits. Empty where there are none. */
  rateLimit(nowUs: number): string {
    const engine = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.rateLimit(this.#handle, nowUs)), nowUs);
    return engine.text();
  }

  /** What an operator needs, as JSON: each gate, its numbers, since when, until when, why. */
  explain(nowUs: number): string {
    const engine = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.explain(this.#handle, nowUs)), nowUs);
    return engine.text();
  }

  /** Its bytes: the portable form, which every host reads. */
  snapshot(): Uint8Array {
    const engine = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.snapshot(this.#handle)));
    return engine.bytes();
  }

  /**
   * Puts the bytes of a snapshot in place of what it is.
   * @throws StateError where they are no state that this release may read; it stays as it was then.
   */
  restore(bytes: Uint8Array): void {
    const engine = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.stateRestore(this.#handle, bytes)));
  }

  /** The first instant in µs after now at which something changes by time alone; null for none. */
  nextChangeAt(nowUs: number): number | null {
    const engine = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.nextChangeAt(this.#handle, nowUs)), nowUs);
    return engine.number() || null;
  }

  /** From when on forgetting it changes no answer, in µs; null for never. */
  vacuousAt(): number | null {
    const engine = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.vacuousAt(this.#handle)));
    return engine.number() || null;
  }

  /** Frees its memory now; otherwise it goes with its policy. Freeing it again does nothing. */
  free(): void {
    const engine = this.#usable();
    const raw = engine.raw();
    this.#isFreed = true;
    engine.run(() => raw.stateFree(this.#handle));
  }

  #usable(): Engine {
    if (this.#isFreed) throw new EngineError({ code: 'state_freed', message: 'the state was freed' });
    void this.#policy.handle;
    return this.#policy.engine;
  }
}
