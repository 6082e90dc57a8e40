// A guarded call in TypeScript. `npm run build && node examples/node/dist/readme.js`
import { engine, policy, systemClock } from 'stanchion';

async function callUpstream(): Promise<void> {}

// readme:start
const billing = policy({
  name: 'billing',
  circuit: { consecutive_failures: 5 },
  limits: [{ name: 'calls', capacity: 60, refill_tokens: 60, refill_interval_ms: 60_000 }],
  bulkhead: { max_concurrent: 10 },
});
const now = systemClock();
const state = billing.newState(now());
const decision = state.acquire({}, now());
if (decision.admitted) {
  const outcome = await callUpstream().then(() => 'success' as const, () => 'failure' as const);
  state.settle(decision.permit, { outcome }, now());
  console.log('called');
} else {
  console.log(`not now: ${decision.by.gate}, try again in ${engine.waitMs(decision.retryAfterUs)} ms`);
}
// readme:end
