// A guarded call in TypeScript. `npm run build && node examples/node/dist/readme.js`
import { definePolicy, isStanchionError } from 'stanchion';

async function callUpstream(): Promise<void> {}

// readme:start
const billing = definePolicy({
  name: 'billing',
  circuit: { consecutiveFailures: 5 },
  limits: [{ name: 'calls', capacity: 60, refillTokens: 60, refillIntervalMs: 60_000 }],
  bulkhead: { maxConcurrent: 10 },
});
try {
  await billing.execute(() => callUpstream());
  console.log('called');
} catch (error) {
  if (!isStanchionError(error, 'RejectedError')) throw error;
  console.log(`not now: ${error.by?.gate}, try again in ${error.retryAfterMs} ms`);
}
// readme:end
