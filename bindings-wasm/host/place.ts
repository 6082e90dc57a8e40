import type { Common } from './common.js';

/** No state yet: the raw engine knows none by it. */
export const NONE = 0xffff_ffff;

/** Where the state of a local policy lies: its own, or a key's of many. */
export interface Place {
  /** The state's handle, made where there is none yet. */
  handle(nowUs: number): number;
  /** Changes when handles that were asked for before may stand for something else. */
  readonly turn: number;
  free(): void;
}

/** The one state of a policy without keys. */
export class OwnPlace implements Place {
  readonly turn = 0;
  readonly #common: Common;
  #handle = NONE;

  constructor(common: Common) {
    this.#common = common;
  }

  handle(nowUs: number): number {
    if (this.#handle === NONE) this.#handle = newState(this.#common, nowUs);
    return this.#handle;
  }

  free(): void {
    this.#handle = NONE;
    this.#common.rules.free();
  }
}

/** A new state, by its handle. */
export function newState({ engine, rules }: Common, nowUs: number): number {
  const raw = engine.raw();
  const { handle } = rules;
  engine.check(
    engine.run(() => raw.stateNew(handle, nowUs)),
    nowUs,
  );
  return engine.number();
}
