import type { Engine } from './engine.js';
import type { EngineClassified, EngineReply } from './engine-types.js';
import { EngineError } from './errors.js';
import { State } from './state.js';
import { dispose } from './symbols.js';

/** A policy's place in an engine, without the policy: what may outlive it. */
interface Place {
  readonly engine: Engine;
  readonly handle: number;
  readonly epoch: number;
}

/**
 * Frees what nobody can reach any more. Policies only: states go with their policy. Some edge runtimes have no such registry;
 * there a policy lives as long as its isolate, unless it is freed.
 */
const registry = typeof FinalizationRegistry === 'undefined' ? undefined : new FinalizationRegistry<Place>(free);

function free({ engine, handle, epoch }: Place): void {
  if (engine.isBroken || engine.epoch !== epoch) return;
  const raw = engine.raw();
  engine.run(() => raw.policyFree(handle));
}

/**
 * A checked, immutable policy. Its memory, and that of all its states, is freed by `using`, by `free`, or some time after
 * nothing refers to it and its states any more.
 */
export class EnginePolicy {
  readonly #place: Place;
  readonly #names = new Map<number, string>();
  #isFreed = false;

  /** @internal Made by `Engine.policy`. */
  constructor(engine: Engine, handle: number) {
    this.#place = { engine, handle, epoch: engine.epoch };
    registry?.register(this, this.#place, this);
  }

  /** The engine that it lives in. */
  get engine(): Engine {
    return this.#place.engine;
  }

  /** @internal Its handle, where it can be used. */
  get handle(): number {
    if (this.#isFreed) {
      throw new EngineError({ code: 'policy_freed', message: 'the policy was freed, and its states with it' });
    }
    if (this.#place.epoch !== this.#place.engine.epoch) {
      throw new EngineError({ code: 'engine_broken', message: 'the policy belongs to an instance that ended: build it again' });
    }
    return this.#place.handle;
  }

  /** A new state. */
  newState(nowUs: number): State {
    const { engine, handle } = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.stateNew(handle, nowUs)), nowUs);
    return new State(this, engine.number());
  }

  /**
   * A state from the bytes of a snapshot, of this policy or of another configuration.
   * @throws StateError where the bytes are no state that this release may read.
   */
  decode(bytes: Uint8Array): State {
    const { engine, handle } = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.stateDecode(handle, bytes)));
    return new State(this, engine.number());
  }

  /** What it was built from as JSON, with all defaults filled in. */
  toJson(): string {
    const { engine, handle } = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.policyConfig(handle)));
    return engine.text();
  }

  /** Stands for the gates with their defaults: a state carries that of its policy. */
  get fingerprint(): number {
    const { engine, handle } = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.policyFingerprint(handle)));
    return engine.number();
  }

  /** The value of the header field `RateLimit-Policy`: what the limits allow. Empty where there are none. */
  rateLimitPolicy(): string {
    const { engine, handle } = this.#usable();
    const raw = engine.raw();
    engine.check(engine.run(() => raw.rateLimitPolicy(handle)));
    return engine.text();
  }

  /**
   * What came back from an HTTP call means for the circuit, for the block and for a retry, by the policy's table.
   * @throws InputError where the status is no whole number, or the error none that there is.
   */
  classify(reply: EngineReply, nowUs: number): EngineClassified {
    const { engine, handle } = this.#usable();
    const raw = engine.raw();
    const [status, error] = [Number(reply.status), reply.error === undefined ? '' : String(reply.error)];
    const retryAfter = String((reply.status !== undefined && reply.retryAfter) || '');
    engine.check(engine.run(() => raw.classify(handle, status, error, retryAfter, nowUs)), nowUs);
    return engine.classified();
  }

  /** @internal A gate's name by its index. */
  gateName(index: number): string {
    let name = this.#names.get(index);
    if (name === undefined) {
      const { engine, handle } = this.#usable();
      const raw = engine.raw();
      engine.check(engine.run(() => raw.gateName(handle, index)));
      name = engine.text();
      this.#names.set(index, name);
    }
    return name;
  }

  /** Frees it and its states now. Freeing it again does nothing. */
  free(): void {
    if (this.#isFreed) return;
    this.#isFreed = true;
    registry?.unregister(this);
    free(this.#place);
  }

  /** What `using` calls. */
  [dispose](): void {
    this.free();
  }

  #usable(): { readonly engine: Engine; readonly handle: number } {
    return { engine: this.#place.engine, handle: this.handle };
  }
}
