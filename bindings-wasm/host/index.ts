/** The engine in WebAssembly, in any JavaScript runtime, and the policies that are made by it. */
import module from '#module';

import * as glue from '../pkg/stanchion.js';
import type { PolicyConfig } from './config.js';
import { localKeyed, localPolicy } from './define.js';
import type { Engine } from './engine.js';
import type { Keyed, KeyedOptions, LocalPolicy, Policy, PolicyOptions, PolicyStore, StoredOptions } from './policy.js';
import { wasmEngine } from './wasm.js';

export type * from './beside-types.js';
export type { Clock } from './clock.js';
export type * from './config.js';
export { Engine } from './engine.js';
export { EnginePermit } from './engine-permit.js';
export { EnginePolicy } from './engine-policy.js';
export type * from './engine-types.js';
export {
  ConfigError,
  EngineError,
  type ErrorParts,
  InputError,
  RecoveryError,
  RejectedError,
  type RejectedCode,
  StanchionError,
  StateError,
  StoreError,
  TimeoutError,
  type TimeoutOption,
  isStanchionError,
} from './errors.js';
export type * from './events.js';
export type * from './explanation.js';
export { type Fetch, type GuardFetchOptions, guardFetch } from './fetch.js';
export { type HealthChecks, type HealthParts, type Probe, type ProbeAnswer, health } from './health.js';
export { nest } from './nest.js';
export { Permit } from './permit.js';
export type * from './policy.js';
export { type RecoverOptions, type Recovered, type RecoveryCall, type RecoverySteps, recover } from './recovery.js';
export { Rejection } from './rejection.js';
export { type Schedule, type ScheduleOptions, type ScheduledCall, schedule } from './schedule.js';
export { State } from './state.js';
export { type ChildLike, type SuperviseOptions, type Supervised, type Supervisor, supervise } from './supervise.js';

/**
 * This thread's engine, for who keeps states and time himself. It reads no clock and starts no timer. A bundle that uses none of it
 * leaves it out.
 */
export const engine: Engine = /* @__PURE__ */ wasmEngine(() => glue, () => module());

/** A policy whose state is in this process: each thread, worker and process has its own. With `{ store }`, one that they share. */
export type DefineOptions = PolicyOptions & { readonly store?: undefined };

/** The same in a store. */
export type DefineStoredOptions = StoredOptions & { readonly store: PolicyStore };

/**
 * A policy: circuit breaker, limits, a server's block and bulkhead, decided as one. Its state is in this process; with `{ store }` it
 * is in a file that processes share, and nothing else changes.
 *
 * The configuration is an object in camelCase, or JSON text with the names of JSON, as a file that hosts of several languages share.
 *
 * @example
 * ```ts
 * const billing = definePolicy({
 *   name: 'billing',
 *   circuit: { consecutiveFailures: 5 },
 *   limits: [{ name: 'calls', capacity: 60, refillTokens: 60, refillIntervalMs: 60_000 }],
 *   bulkhead: { maxConcurrent: 10 },
 * });
 * const invoice = await billing.execute(({ signal }) => fetch(url, { signal }));
 * ```
 * @throws ConfigError naming the field as it was written, its value and what is allowed.
 */
export function definePolicy(config: PolicyConfig | string, options?: DefineOptions): LocalPolicy;
export function definePolicy(config: PolicyConfig | string, options: DefineStoredOptions): Policy;
export function definePolicy(config: PolicyConfig | string, options: DefineOptions | DefineStoredOptions = {}): Policy {
  if (options.store === undefined) return localPolicy(engine, config, options);
  const { store, ...rest } = options;
  return store.policy(config, rest);
}

/** The same, with the name first: `policy('billing', { circuit: { consecutiveFailures: 5 } })`. */
export function policy(name: string, config: Omit<PolicyConfig, 'name'>, options?: DefineOptions): LocalPolicy;
export function policy(name: string, config: Omit<PolicyConfig, 'name'>, options: DefineStoredOptions): Policy;
export function policy(
  name: string,
  config: Omit<PolicyConfig, 'name'>,
  options: DefineOptions | DefineStoredOptions = {},
): Policy {
  return definePolicy({ ...config, name }, options as DefineOptions);
}

/** As for many keys: see `defineKeyed`. */
export type DefineKeyedOptions = KeyedOptions & { readonly store?: undefined };

/** The same in a store. */
export type DefineKeyedStoredOptions = PolicyOptions & { readonly store: PolicyStore };

/**
 * One configuration for many keys, each with a state of its own: for each user, agent or endpoint. A key needs no word before its first
 * use; with a circuit and a limit it takes some 120 bytes, its name included, and it is forgotten when its state says nothing that a new
 * one would not say: never an open circuit.
 *
 * @example
 * ```ts
 * const users = defineKeyed({ name: 'users', limits: [{ name: 'calls', capacity: 60, refillTokens: 60, refillIntervalMs: 60_000 }] });
 * await users.of(userId).execute(() => handle(request));
 * ```
 * @throws ConfigError naming the field as it was written, its value and what is allowed.
 */
export function defineKeyed(config: PolicyConfig | string, options?: DefineKeyedOptions): Keyed<LocalPolicy>;
export function defineKeyed(config: PolicyConfig | string, options: DefineKeyedStoredOptions): Keyed<Policy>;
export function defineKeyed(
  config: PolicyConfig | string,
  options: DefineKeyedOptions | DefineKeyedStoredOptions = {},
): Keyed<Policy> {
  if (options.store === undefined) return localKeyed(engine, config, options);
  const { store, ...rest } = options;
  return store.keyed(config, rest);
}

/** The same, with the name first: `keyed('users', { circuit: { consecutiveFailures: 5 } })`. */
export function keyed(name: string, config: Omit<PolicyConfig, 'name'>, options?: DefineKeyedOptions): Keyed<LocalPolicy>;
export function keyed(name: string, config: Omit<PolicyConfig, 'name'>, options: DefineKeyedStoredOptions): Keyed<Policy>;
export function keyed(
  name: string,
  config: Omit<PolicyConfig, 'name'>,
  options: DefineKeyedOptions | DefineKeyedStoredOptions = {},
): Keyed<Policy> {
  return defineKeyed({ ...config, name }, options as DefineKeyedOptions);
}
