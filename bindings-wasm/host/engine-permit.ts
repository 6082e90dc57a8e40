import type { Engine } from './engine.js';
import { EngineError } from './errors.js';
import { isLease } from './raw.js';

/** What an admitted call holds: 16 bytes, to be given back once by `settle` or `cancel`. */
export class EnginePermit {
  readonly #engine: Engine;
  #isUsed = false;

  /** @internal Made by an acquire, or by `Engine.permit` from its text. Its four 32-bit words stay as they are. */
  constructor(
    engine: Engine,
    /** The first of its words. */
    readonly word0: number,
    /** The second. */
    readonly word1: number,
    /** The third. */
    readonly word2: number,
    /** The fourth. */
    readonly word3: number,
  ) {
    this.#engine = engine;
  }

  /** Its four 32-bit words. */
  get words(): readonly [number, number, number, number] {
    return [this.word0, this.word1, this.word2, this.word3];
  }

  /** Whether it was given back already. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Whether it holds a lease, which `renew` can extend. */
  get isLeased(): boolean {
    return isLease(this.word3);
  }

  /** 32 hexadecimal digits: how a permit is passed to another process. */
  toString(): string {
    return this.#engine.permitText(this);
  }

  /** As its text. */
  toJSON(): string {
    return this.toString();
  }

  /** @internal Marks it as given back. */
  take(): void {
    if (this.#isUsed) {
      throw new EngineError({ code: 'permit_used', message: 'the permit was already given back by `settle` or `cancel`' });
    }
    this.#isUsed = true;
  }

  /** @internal It was not given back after all: nothing happened. */
  reopen(): void {
    this.#isUsed = false;
  }

  /** @internal Gives it back by `give`: once, unless that throws or rejects, for then nothing happened. */
  spend<T>(give: () => T): T {
    this.take();
    const reopen = (error: unknown): never => {
      this.reopen();
      throw error;
    };
    try {
      const given = give();
      return given instanceof Promise ? (given.catch(reopen) as T) : given;
    } catch (error) {
      return reopen(error);
    }
  }
}
