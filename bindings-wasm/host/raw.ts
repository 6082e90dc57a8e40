import type { Outcome } from './engine-types.js';
import type { Commanded, Settled } from './policy.js';

/**
 * The engine behind numbers, as the WebAssembly module and the Node addon both offer it (`stanchion-raw` in Rust).
 *
 * Calls take handles and whole numbers and answer with a status; the rest of the answer lies in the slot, in
 * `fault`, `text` or `bytes` until the next call. Instants and durations are whole microseconds.
 */
export interface RawEngine {
  /** The short way of `acquire`, for cost 1 and no holder: 0, 2, or `NOT_PLAIN` with nothing done, and `acquire` is to be asked. */
  acquirePlainly(state: number, nowUs: number): number;
  /** The short way of `settle`, for a success without an actual cost: as `settle`, or `NOT_PLAIN` with nothing done. */
  settlePlainly(state: number, permit1: number, permit3: number, nowUs: number): number;
  acquire(state: number, cost: number, holderLo: number, holderHi: number, nowUs: number): number;
  settle(
    state: number,
    permit0: number,
    permit1: number,
    permit2: number,
    permit3: number,
    outcome: number,
    durationUs: number,
    actualCost: number,
    nowUs: number,
  ): number;
  cancel(state: number, permit0: number, permit1: number, permit2: number, permit3: number, nowUs: number): number;
  renew(state: number, permit0: number, permit1: number, permit2: number, permit3: number, nowUs: number): number;
  peek(state: number, cost: number, holderLo: number, holderHi: number, nowUs: number): number;

  policyNew(json: string): number;
  policyFree(policy: number): void;
  policyConfig(policy: number): number;
  policyFingerprint(policy: number): number;
  gateName(policy: number, index: number): number;
  refusalStatus(index: number): number;
  eventName(code: number): number;
  stateNew(policy: number, nowUs: number): number;
  stateDecode(policy: number, bytes: Uint8Array): number;
  stateRestore(state: number, bytes: Uint8Array): number;
  stateUse(state: number, policy: number): number;
  stateFree(state: number): void;
  keySwap(policy: number, state: number, leaving: number, entering: number, nowUs: number): number;
  snapshot(state: number): number;
  command(state: number, json: string, nowUs: number): number;
  apply(state: number, json: string, nowUs: number): number;
  /** Not in the published module: see `bindings-wasm/Cargo.toml`. */
  spoolStep?(policy: number, spool: string, json: string, nowUs: number): number;
  rateLimitPolicy(policy: number): number;
  rateLimit(state: number, nowUs: number): number;
  explain(state: number, nowUs: number): number;
  nextChangeAt(state: number, nowUs: number): number;
  vacuousAt(state: number): number;
  isIdempotentMethod(method: string): number;
  healthReport(parts: string, probe: number): number;
  healthContentType(): number;
  permitParse(text: string): number;
  permitText(permit0: number, permit1: number, permit2: number, permit3: number): number;
  classify(policy: number, status: number, error: string, retryAfter: string, nowUs: number): number;
  parseRetryAfter(header: string, nowUs: number): number;
  holderHash(name: string): void;
  waitMs(waitUs: number): void;
  waitS(waitUs: number): void;
  refuse(status: number, text: string): number;

  fault(part: number): string | null | undefined;
  text(): string;
  bytes(): Uint8Array;
}

/** A raw engine in its runtime: where its slot lies, and what its end looks like. */
export interface Instance {
  readonly raw: RawEngine;
  /** The slot's 16 words; read them at once, the next call overwrites them and may move them. */
  words(): Uint32Array;
  /** The slot's 8 numbers, over the same memory. */
  numbers(): Float64Array;
  /** Whether that error ended the instance: a trap or a panic. */
  isFatal(error: unknown): boolean;
  /** A fresh instance without policies and states. */
  restart(): void;
}

/** An error lies in `fault`. */
export const FAULT = 3;
/** No gate was asked: the store is away. */
export const UNAVAILABLE = 9;
/** The store's lock is not free now: nothing was done. */
export const LOCKED = 10;
/** The short way does not lead there: nothing was done. */
export const NOT_PLAIN = 12;
/** The number that no key has. */
export const NO_KEY = 0xffff_ffff;
/** The outcome that is none. */
export const NO_OUTCOME = 3;
/** Of `settle`'s outcome: a duration is given. */
export const HAS_DURATION = 4;
/** Of `settle`'s outcome: an actual cost is given. */
export const HAS_ACTUAL_COST = 8;

/** The number of each outcome. */
export const OUTCOMES: Readonly<Record<Outcome, number>> = { success: 0, failure: 1, ignored: 2 };
/** What a settle or a cancel was answered, by its status. */
export const SETTLED: readonly Settled[] = ['counted', 'stale', 'leaseLost'];
/** What a command was answered, by its status. */
export const COMMANDED: readonly Commanded[] = ['done', 'unchanged', 'noGate'];

/** Whether the words of a permit have the id of a lease: the upper 24 bits of the last one. */
export const isLease = (word3: number): boolean => word3 >>> 8 !== 0;

/** Where what lies in the slot's words. */
export const WORD = { permit: 0, fault: 0, by: 4, outcome: 4, gates: 5, retry: 5, changed: 6, events: 7, degraded: 9 } as const;
/** Where what lies in the slot's numbers. */
export const NUMBER = { retryAfterUs: 5, retryAtUs: 5, value: 6, sequence: 7 } as const;
/** The parts of a fault. */
export const PART = { code: 0, message: 1, field: 2, value: 3, allowed: 4, path: 5, kind: 6 } as const;
