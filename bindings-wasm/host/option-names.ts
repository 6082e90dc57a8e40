/** The names of the options that a policy takes; see `known`. */
import type { Fault } from './beside-types.js';
import type { Names } from './options.js';
import type {
  AcquireOptions,
  ExecuteOptions,
  FailedCall,
  KeyedOptions,
  PolicyOptions,
  RunOptions,
  SettleOptions,
  StoredOptions,
  TryAcquireOptions,
  Verdict,
} from './policy.js';

export const TRY_ACQUIRE: Names<TryAcquireOptions> = { cost: true, holder: true };
export const ACQUIRE: Names<AcquireOptions> = { cost: true, holder: true, waitMs: true, signal: true };
export const EXECUTE: Names<ExecuteOptions> = {
  ...ACQUIRE,
  timeoutMs: true,
  deadlineMs: true,
  classify: true,
  isIdempotent: true,
};
export const SETTLE: Names<SettleOptions> = { durationMs: true, actualCost: true };
export const REPORT: Names<Pick<SettleOptions, 'durationMs'>> = { durationMs: true };
export const BLOCK_END: Names<{ forMs: number; untilMs: number }> = { forMs: true, untilMs: true };
export const RUN: Names<RunOptions> = { key: true };
export const FAULT_FIELDS: Names<Fault> = { class: true, untilMs: true };
export const FAILED_CALL: Names<FailedCall> = {
  attempt: true,
  beganAtMs: true,
  retry: true,
  isIdempotent: true,
  retryAtMs: true,
  previousDelayMs: true,
  deadlineAtMs: true,
  maxCircuitWaitMs: true,
  cost: true,
};
export const VERDICT: Names<Verdict> = { outcome: true, actualCost: true, block: true, retry: true, retryAtMs: true };
export const POLICY: Names<PolicyOptions> = { clock: true, maxWaiting: true, random: true, classify: true };
export const KEYED: Names<KeyedOptions> = { ...POLICY, maxKeys: true };
export const STORED: Names<StoredOptions> = { ...POLICY, key: true };
