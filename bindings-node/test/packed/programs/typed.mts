// What people write, and what the declarations refuse. Compiled as a module and as CommonJS, under each way of resolution.
import { EngineError, RejectedError, definePolicy, isStanchionError, type LocalPolicy, type Policy } from 'stanchion';
import { Store } from 'stanchion/store';
import { TestClock } from 'stanchion/testing';

const rules = { name: 'api', circuit: { consecutiveFailures: 5 }, bulkhead: { maxConcurrent: 10 } };
const local: LocalPolicy = definePolicy(rules, { clock: new TestClock() });
export const isAdmitted: boolean = local.tryAcquire({ cost: 1 }).admitted;

/** Sharing the state is one line. */
export function shared(path: string): Policy {
  return definePolicy(rules, { store: Store.open(path, { waitMs: 10 }) });
}

export async function call(policy: Policy, signal: AbortSignal): Promise<string> {
  return policy.execute(({ signal }) => String(signal.aborted), { signal, waitMs: 100, timeoutMs: 1000 });
}

export function codeOf(error: unknown): string {
  if (error instanceof RejectedError) return error.by?.gate ?? error.code;
  if (error instanceof EngineError || isStanchionError(error)) return error.code;
  return 'other';
}

// @ts-expect-error a policy's rules are not a number
definePolicy(1);
// @ts-expect-error there is no such option
Store.open('path', { wait: 10 });
// @ts-expect-error a state in a file cannot answer at once
shared('path').tryAcquire();
// @ts-expect-error a name in JSON's manner is none of TypeScript's
definePolicy({ name: 'api', bulkhead: { max_concurrent: 10 } });
