import type { Engine } from './engine.js';
import { EngineError } from './errors.js';

/** What an admitted call holds: 16 bytes, to be given back once by `settle` or `cancel`. */
export class Permit {
  /** Its four 32-bit words. */
  readonly words: readonly [number, number, number, number];
  readonly #engine: Engine;
  #isUsed = false;

  /** @internal Made by an acquire, or by `Engine.permit` from its text. */
  constructor(engine: Engine, word0: number, word1: number, word2: number, word3: number) {
    this.#engine = engine;
    this.words = [word0, word1, word2, word3];
  }

  /** Whether it was given back already. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** Whether it holds a lease, which `renew` can extend. */
  get isLeased(): boolean {
    return this.words[3] >>> 8 !== 0;
  }

  /** 32 hexadecimal digits: how a permit is passed to another process. */
  toString(): string {
    return this.#engine.permitText(this);
  }

  /** As its text. */
  toJSON(): string {
    return this.toString();
  }

  /** @internal Gives it back by `give`: once, unless that throws, for then nothing happened. */
  spend<T>(give: () => T): T {
    if (this.#isUsed) {
      throw new EngineError({ code: 'permit_used', message: 'the permit was already given back by `settle` or `cancel`' });
    }
    this.#isUsed = true;
    const reopen = (error: unknown): never => {
      this.#isUsed = false;
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
