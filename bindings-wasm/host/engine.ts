import { EngineError, type StanchionError, errorOfKind } from './errors.js';
import { EnginePermit } from './engine-permit.js';
import { EnginePolicy } from './engine-policy.js';
import { FAULT, type Instance, NUMBER, PART, type RawEngine, UNAVAILABLE, WORD } from './raw.js';
import { type EngineClassified, type EngineEventName, type EngineRejection, type EngineStep, type Gate, type Json, gateOf } from './engine-types.js';

const NO_EVENTS: readonly EngineEventName[] = Object.freeze([]);
const OUTCOMES = ['success', 'failure', 'ignored'] as const;
const RETRIES = ['', 'never', 'idempotent', 'always'] as const;
const FAULTS = [null, 'transient', 'throttled', 'unauthenticated', 'sessionLost', 'conflict', 'fatal', 'cancelled'] as const;
/** The first index of each kind of gate. */
const GATES = { circuit: 0, block: 1, limit: 2, bulkhead: 18 } as const;
const UNCHANGED: EngineStep = Object.freeze({ changed: false, events: NO_EVENTS });
const CHANGED: EngineStep = Object.freeze({ changed: true, events: NO_EVENTS });

/** One instance of the engine: what policies are made by, and what all of them end with when it traps. */
export class Engine {
  readonly #start: () => Instance;
  #started: Instance | undefined;
  readonly #events = new Map<number, EngineEventName>();
  #holder = '';
  #holderWords: readonly [number, number] = [0, 0];
  #broken: EngineError | undefined;
  #epoch = 0;
  /** @internal The same as `epoch`; −1 after a trap. A field, because every call asks for it. */
  running = 0;

  /** @internal The runtimes' entry points make one. It starts when it is first wanted: an import compiles nothing. */
  constructor(start: () => Instance) {
    this.#start = start;
  }

  /**
   * A policy from its JSON.
   * @throws ConfigError naming the field, its value and what is allowed.
   */
  policy(config: Json): EnginePolicy {
    const raw = this.raw();
    const json = typeof config === 'string' ? config : JSON.stringify(config);
    this.check(this.run(() => raw.policyNew(json)));
    return new EnginePolicy(this, this.number());
  }

  /**
   * A permit from its 32 hexadecimal digits.
   * @throws InputError where it is none.
   */
  permit(text: string): EnginePermit {
    const raw = this.raw();
    this.check(this.run(() => raw.permitParse(String(text))));
    return this.slotPermit();
  }

  /** The instant in µs that a Retry-After header names; null where it is no such header. */
  parseRetryAfter(header: string, nowUs: number): number | null {
    const raw = this.raw();
    this.check(this.run(() => raw.parseRetryAfter(String(header), nowUs)), nowUs);
    return this.number() || null;
  }

  /** Whether a request of that HTTP method may be processed twice without harm. */
  isIdempotentMethod(method: string): boolean {
    const raw = this.raw();
    return this.run(() => raw.isIdempotentMethod(String(method))) === 1;
  }

  /** @internal What a probe for life or readiness is answered, or the health of all: of parts by their names, as JSON. */
  healthReport(parts: string, probe: 'live' | 'ready' | 'all'): { readonly status: number; readonly text: string } {
    const raw = this.raw();
    this.check(this.run(() => raw.healthReport(parts, ['live', 'ready'].indexOf(probe) >>> 0)));
    return { status: this.number(), text: this.text() };
  }

  /** @internal The media type of what probes are answered. */
  healthContentType(): string {
    const raw = this.raw();
    this.run(() => raw.healthContentType());
    return this.text();
  }

  /** The low and the high half of the number under which a holder stands in a state. */
  holderHash(name: string): readonly [lo: number, hi: number] {
    if (name !== this.#holder) {
      const raw = this.raw();
      this.run(() => raw.holderHash(String(name)));
      const words = this.instance.words();
      this.#holderWords = [words[0]!, words[1]!];
      this.#holder = name;
    }
    return this.#holderWords;
  }

  /** A wait in whole milliseconds, rounded up: who waits so long is never early. `Infinity` for never. */
  waitMs(waitUs: number): number {
    const raw = this.raw();
    this.run(() => raw.waitMs(waitUs));
    return this.number();
  }

  /** A wait in whole seconds, rounded up: the value of a Retry-After header that is not too early. `Infinity` for never. */
  waitS(waitUs: number): number {
    const raw = this.raw();
    this.run(() => raw.waitS(waitUs));
    return this.number();
  }

  /** The HTTP status with which a server refuses a request that a gate holds up: 429 where it is a limit, else 503. */
  refusalStatus(gate: Gate): number {
    const raw = this.raw();
    this.check(this.run(() => raw.refusalStatus(GATES[gate.gate])));
    return this.number();
  }

  /** Whether its instance trapped. All its policies throw `EngineError` then, for ever. */
  get isBroken(): boolean {
    return this.#broken !== undefined;
  }

  /**
   * Starts a fresh instance. Policies, states and permits of the old one stay unusable: build the policies again and
   * decode the states from bytes that were kept.
   */
  restart(): void {
    this.instance.restart();
    this.#epoch += 1;
    this.running = this.#epoch;
    this.#broken = undefined;
    this.#holder = '';
    this.#holderWords = [0, 0];
  }

  /** @internal Which instance is running: handles of an earlier one are void. */
  get epoch(): number {
    return this.#epoch;
  }


  /** @internal The instance, for who reads its slot without a call between. */
  get instance(): Instance {
    return (this.#started ??= this.#start());
  }

  /** @internal The raw engine, where it can go on. */
  raw(): RawEngine {
    if (this.#broken !== undefined) throw this.#broken;
    return this.instance.raw;
  }

  /** @internal Runs a raw call; a trap ends the instance. */
  run<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw this.caught(error);
    }
  }

  /** @internal What to throw for what a raw call threw. */
  caught(error: unknown): unknown {
    if (!this.instance.isFatal(error)) return error;
    this.running = -1;
    this.#broken = new EngineError({
      code: 'engine_broken',
      message: 'the engine stopped at an internal error: start a fresh instance with `restart` and restore its states',
      cause: error,
    });
    return this.#broken;
  }

  /** @internal Throws what a status of 3 to 8 says; `args` are what the call took: now, cost, duration, actual cost, outcome. */
  check(status: number, ...args: readonly unknown[]): number {
    if (status >= FAULT && status < UNAVAILABLE) throw this.fault(status, args);
    return status;
  }

  /** @internal The error behind a status. */
  fault(status: number, args: readonly unknown[] = []): StanchionError {
    const raw = this.raw();
    if (status !== FAULT) this.run(() => raw.refuse(status, String(args[status - FAULT - 1])));
    return this.lastFault();
  }

  /** @internal The fault that the raw engine keeps. */
  lastFault(): StanchionError {
    const raw = this.raw();
    const part = (number: number): string | undefined => this.run(() => raw.fault(number)) ?? undefined;
    return errorOfKind(part(PART.kind), {
      code: part(PART.code) ?? 'engine',
      message: part(PART.message) ?? 'the engine gave no reason',
      field: part(PART.field),
      value: part(PART.value),
      allowed: part(PART.allowed),
      path: part(PART.path),
    });
  }

  /** @internal The text of the last call. */
  text(): string {
    const raw = this.raw();
    return this.run(() => raw.text());
  }

  /** @internal The bytes of the last call. */
  bytes(): Uint8Array {
    const raw = this.raw();
    return this.run(() => raw.bytes());
  }

  /** @internal The slot's `value`. */
  number(): number {
    return this.instance.numbers()[NUMBER.value]!;
  }

  /** @internal The store's write sequence. */
  sequence(): number {
    return this.instance.numbers()[NUMBER.sequence]!;
  }

  /** @internal Whether a store answered without its file. */
  isDegraded(): boolean {
    return this.instance.words()[WORD.degraded] !== 0;
  }

  /** @internal The permit in the slot. */
  slotPermit(): EnginePermit {
    const words = this.instance.words();
    return new EnginePermit(this, words[0]!, words[1]!, words[2]!, words[3]!);
  }

  /** @internal The text of a permit. */
  permitText(permit: { readonly words: EnginePermit['words'] }): string {
    const raw = this.raw();
    this.run(() => raw.permitText(...permit.words));
    return this.text();
  }

  /** @internal Whether the state changed, and what happened. */
  step(): EngineStep {
    const words = this.instance.words();
    const isChanged = words[WORD.changed] !== 0;
    if (words[WORD.events] === 0) return isChanged ? CHANGED : UNCHANGED;
    const codes = [words[WORD.events]!, words[WORD.events + 1]!].flatMap((word) =>
      [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff),
    );
    return { changed: isChanged, events: codes.filter((code) => code !== 0).map((code) => this.#event(code)) };
  }

  /** @internal The refusal in the slot; `name` tells a gate's name by its index. */
  rejection(name: (index: number) => string): EngineRejection {
    const words = this.instance.words();
    const retryAfterUs = this.instance.numbers()[NUMBER.retryAfterUs]!;
    const [by, bits] = [words[WORD.by]!, words[WORD.gates]!];
    const gates: Gate[] = [];
    for (let index = 0; bits >>> index !== 0; index += 1) {
      if ((bits >>> index) & 1) gates.push(gateOf(name(index)));
    }
    return { by: gateOf(name(by)), gates, retryAfterUs };
  }

  /** @internal What a reply means, from the slot. */
  classified(): EngineClassified {
    const words = this.instance.words();
    const numbers = this.instance.numbers();
    return {
      outcome: OUTCOMES[words[WORD.outcome]!]!,
      blockUntilUs: numbers[NUMBER.value]! || null,
      retry: RETRIES[words[WORD.retry]!] as EngineClassified['retry'],
      retryAtUs: numbers[NUMBER.retryAtUs]! || null,
      fault: FAULTS[words[WORD.fault]!] as EngineClassified['fault'],
    };
  }

  #event(code: number): EngineEventName {
    let name = this.#events.get(code);
    if (name === undefined) {
      const raw = this.raw();
      this.run(() => raw.eventName(code));
      name = this.text() as EngineEventName;
      this.#events.set(code, name);
    }
    return name;
  }
}
