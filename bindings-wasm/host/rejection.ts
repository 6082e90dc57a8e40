import type { EngineRejection, Gate } from './engine-types.js';
import type { StoreError } from './errors.js';

const NO_GATES: readonly Gate[] = Object.freeze([]);

/** What tells the gates of a policy by their numbers. */
export interface GateNames {
  gateAt(index: number): Gate;
}

/**
 * A refusal as a value: what `tryAcquire`, `peek` and `acquireMany` answer, and what a `RejectedError` is made of. Nothing was
 * taken from any gate. Its parts are worked out when they are read.
 */
export class Rejection {
  readonly #names: GateNames;
  readonly #by: number;
  readonly #gates: number;
  readonly #retryAfterUs: number;
  /** Why the shared state had no part in the answer; null for a proper one. */
  readonly degraded: StoreError | null;

  /** @internal `by` is the gate's number, −1 where none was asked; `gates` are bits. */
  constructor(names: GateNames, by: number, gates: number, retryAfterUs: number, degraded: StoreError | null) {
    this.#names = names;
    this.#by = by;
    this.#gates = gates;
    this.#retryAfterUs = retryAfterUs;
    this.degraded = degraded;
  }

  /** @internal Of an answer that names its gates already. */
  static of({ by, gates, retryAfterUs }: EngineRejection, degraded: StoreError | null): Rejection {
    const all = gates.some((gate) => isSame(gate, by)) ? gates : [...gates, by];
    const bits = gates.reduce((set, gate) => set | (1 << all.indexOf(gate)), 0);
    return new Rejection(
      { gateAt: (index) => all[index]! },
      all.findIndex((gate) => isSame(gate, by)),
      bits,
      retryAfterUs,
      degraded,
    );
  }

  /** @internal No gate was asked: the shared state is away. */
  static unavailable(degraded: StoreError | null): Rejection {
    return new Rejection({ gateAt: () => ({ gate: 'circuit' }) }, -1, 0, 0, degraded);
  }

  /** Not admitted. A permit says true here. */
  get admitted(): false {
    return false;
  }

  /** The gate that holds the call up longest; null where no gate was asked because the shared state is away. */
  get by(): Gate | null {
    return this.#by < 0 ? null : this.#names.gateAt(this.#by);
  }

  /** All gates that refuse now, in order. */
  get gates(): readonly Gate[] {
    if (this.#gates === 0) return NO_GATES;
    const gates: Gate[] = [];
    for (let index = 0; this.#gates >>> index !== 0; index += 1) {
      if ((this.#gates >>> index) & 1) gates.push(this.#names.gateAt(index));
    }
    return gates;
  }

  /**
   * In so many ms, rounded up, every gate would admit this call if nothing else happened; `Infinity`: waiting cannot help. Null
   * where no gate was asked.
   */
  get retryAfterMs(): number | null {
    return this.#by < 0 ? null : Math.ceil(this.#retryAfterUs / 1000);
  }

  /** As plain data. */
  toJSON(): { admitted: false; by: Gate | null; gates: readonly Gate[]; retryAfterMs: number | null } {
    const { by, gates, retryAfterMs } = this;
    return { admitted: false, by, gates, retryAfterMs };
  }
}

const isSame = (left: Gate, right: Gate): boolean => left.gate === right.gate && left.name === right.name;
