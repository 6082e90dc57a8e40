import type { Common } from './common.js';
import { atLeastZero } from './common.js';
import { EngineError } from './errors.js';
import type { AnyPolicyEvent, EventsOptions, PolicyEvents } from './events.js';
import { InProcess, type Place, newState } from './local.js';
import type { Keyed, LocalPolicy } from './policy.js';
import { NUMBER } from './raw.js';
import { dispose } from './symbols.js';

/** So many keys are looked at for each new one: more than are added, so that what says nothing goes. */
const LOOKED_AT = 2;
/** So many before a new key is refused. */
const LOOKED_AT_WHEN_FULL = 64;

/**
 * One configuration for many keys in this process. A key is its name and the handle of its state. It is forgotten when its state
 * says nothing that a new one would not say: never an open circuit, never a limit that is not full.
 */
export class KeyedInProcess implements Keyed<LocalPolicy> {
  readonly #common: Common;
  readonly #maxKeys: number;
  readonly #handles = new Map<string, number>();
  /** Which key is looked at next: taken out and put back, a key would cost the map twice its memory. */
  #hand = this.#handles.entries();
  /** @internal Raised when a handle was freed, and may stand for another key's state. */
  turn = 0;

  constructor(common: Common, maxKeys = 1_000_000) {
    this.#common = common;
    this.#maxKeys = atLeastZero('maxKeys', maxKeys);
  }

  get name(): string {
    return this.#common.name;
  }

  /** How many keys are kept. */
  get size(): number {
    return this.#handles.size;
  }

  of(key: string): LocalPolicy {
    return new InProcess(this.#common, new KeyPlace(this, key), key);
  }

  on<Type extends keyof PolicyEvents>(type: Type, listener: (event: PolicyEvents[Type]) => void): () => void {
    return this.#common.events.on(type, listener);
  }

  events(options?: EventsOptions): AsyncIterableIterator<AnyPolicyEvent> {
    return this.#common.events.iterate(options);
  }

  [dispose](): void {
    this.#handles.clear();
    this.turn += 1;
    this.#common.rules.free();
  }

  /** @internal A key's handle, made where there is none yet. */
  handleOf(key: string, nowUs: number): number {
    let handle = this.#handles.get(key);
    if (handle === undefined) {
      this.#makeRoom(nowUs);
      handle = newState(this.#common, nowUs);
      this.#handles.set(key, handle);
    }
    return handle;
  }

  /** Looks at the next few keys, round and round, and forgets those that say nothing. */
  #makeRoom(nowUs: number): void {
    const isFull = this.#handles.size >= this.#maxKeys;
    for (let left = isFull ? LOOKED_AT_WHEN_FULL : LOOKED_AT; left > 0; left -= 1) {
      const { value, done } = this.#hand.next();
      if (done === true) this.#hand = this.#handles.entries();
      else if (this.#forget(value[1], nowUs)) this.#handles.delete(value[0]);
    }
    if (this.#handles.size < this.#maxKeys) return;
    throw new EngineError({ code: 'too_many_keys', message: `\`${this.name}\` has ${this.#maxKeys} keys, and all say something` });
  }

  /** Frees a state that says nothing. */
  #forget(handle: number, nowUs: number): boolean {
    const { engine } = this.#common;
    const raw = engine.raw();
    engine.check(engine.run(() => raw.vacuousAt(handle)));
    const vacuousAtUs = engine.instance.numbers()[NUMBER.value]!;
    if (vacuousAtUs === 0 || vacuousAtUs > nowUs) return false;
    engine.run(() => raw.stateFree(handle));
    this.turn += 1;
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
