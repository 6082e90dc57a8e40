import type { Common } from './common.js';
import { atLeastZero } from './options.js';
import { EngineError } from './errors.js';
import { Telling } from './events.js';
import { InProcess } from './local.js';
import { type Place, newState } from './place.js';
import type { Keyed, LocalPolicy } from './policy.js';
import { NO_KEY } from './raw.js';
import { dispose } from './symbols.js';

/** So many keys are looked at for each new one: more than are added, so that what says nothing goes. */
const LOOKED_AT = 2;
/** So many before a new key is refused. */
const LOOKED_AT_WHEN_FULL = 64;

/**
 * One configuration for many keys in this process. A key is its name and a number, by which the engine has its state packed; those that
 * were used last live, each at the place that is the remainder of its number. It is forgotten when its state says nothing that a new
 * one would not say: never an open circuit, never a limit that is not full.
 */
export class KeyedInProcess extends Telling implements Keyed<LocalPolicy> {
  /** @internal */
  readonly common: Common;
  readonly #maxKeys: number;
  readonly #numbers = new Map<string, number>();
  /** Numbers of keys that were forgotten. */
  readonly #free: number[] = [];
  /** Which key is looked at next: taken out and put back, a key would cost the map twice its memory. */
  #hand = this.#numbers.entries();
  /** By place: the handle of a live state, and which key it is of. */
  readonly #states: number[] = [];
  readonly #living: number[] = [];
  /** How many keys live at most; known when the first one is. */
  #places = 1;
  /** The state of a key that is looked at, and does not live. */
  #spare: number | undefined;
  /** @internal Raised when a live state becomes another key's. */
  turn = 0;

  constructor(common: Common, maxKeys = 1_000_000) {
    super();
    this.common = common;
    this.#maxKeys = atLeastZero('maxKeys', maxKeys);
  }

  get name(): string {
    return this.common.name;
  }

  /** How many keys are kept. */
  get size(): number {
    return this.#numbers.size;
  }

  of(key: string): LocalPolicy {
    return new InProcess(this.common, new KeyPlace(this, key), key);
  }

  [dispose](): void {
    this.#numbers.clear();
    this.#living.length = 0;
    this.turn += 1;
    this.common.rules.free();
  }

  /** @internal The handle of a key's live state, made where there is none yet. */
  handleOf(key: string, nowUs: number): number {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      this.#makeRoom(nowUs);
      number = this.#free.pop() ?? this.#numbers.size;
      this.#numbers.set(key, number);
    }
    const place = number % this.#places;
    return this.#living[place] === number ? this.#states[place]! : this.#enter(number, nowUs);
  }

  /** Lets a key live in place of another. */
  #enter(number: number, nowUs: number): number {
    if (this.#states.length === 0) {
      this.#spare = newState(this.common, nowUs);
      this.#places = this.#swap(this.#spare, NO_KEY, NO_KEY, nowUs);
    }
    const place = number % this.#places;
    const state = (this.#states[place] ??= newState(this.common, nowUs));
    const leaving = this.#living[place] ?? NO_KEY;
    if (leaving !== NO_KEY) this.turn += 1;
    this.#swap(state, leaving, number, nowUs);
    this.#living[place] = number;
    return state;
  }

  /** Packs a live state as that of the key `leaving`, and makes it that of `entering`; how many keys should live. */
  #swap(state: number, leaving: number, entering: number, nowUs: number): number {
    const { engine, rules } = this.common;
    const [raw, { handle }] = [engine.raw(), rules];
    engine.check(
      engine.run(() => raw.keySwap(handle, state, leaving, entering, nowUs)),
      nowUs,
    );
    return engine.number();
  }

  /** Looks at the next few keys, round and round, and forgets those that say nothing. */
  #makeRoom(nowUs: number): void {
    const isFull = this.#numbers.size >= this.#maxKeys;
    for (let left = isFull ? LOOKED_AT_WHEN_FULL : LOOKED_AT; left > 0; left -= 1) {
      const { value, done } = this.#hand.next();
      if (done === true) this.#hand = this.#numbers.entries();
      else if (this.#forgets(value[1], nowUs)) this.#numbers.delete(value[0]);
    }
    if (this.#numbers.size < this.#maxKeys) return;
    throw new EngineError({ code: 'too_many_keys', message: `\`${this.name}\` has ${this.#maxKeys} keys, and all say something` });
  }

  /** Forgets the state of a key if it says nothing; whether it does. */
  #forgets(number: number, nowUs: number): boolean {
    const place = number % this.#places;
    const lives = this.#living[place] === number;
    const state = lives ? this.#states[place]! : this.#spare!;
    if (!lives) this.#swap(state, NO_KEY, number, nowUs);
    const { engine } = this.common;
    const raw = engine.raw();
    engine.check(engine.run(() => raw.vacuousAt(state)));
    const vacuousAtUs = engine.number();
    if (vacuousAtUs === 0 || vacuousAtUs > nowUs) {
      if (!lives) this.#swap(state, number, NO_KEY, nowUs);
      return false;
    }
    if (lives) {
      this.#living[place] = NO_KEY;
      this.turn += 1;
    }
    this.#free.push(number);
    return true;
  }
}

/** Where the state of one key lies. */
class KeyPlace implements Place {
  readonly #keys: KeyedInProcess;
  readonly #key: string;

  constructor(keys: KeyedInProcess, key: string) {
    this.#keys = keys;
    this.#key = key;
  }

  handle(nowUs: number): number {
    return this.#keys.handleOf(this.#key, nowUs);
  }

  get turn(): number {
    return this.#keys.turn;
  }

  /** The key stays: it is forgotten when it says nothing. */
  free(): void {}
}
