// A guarded history, the same in every runtime: what calls and a restored state are told, and an error.
export async function factsOf({ definePolicy, guardFetch, isStanchionError, TestClock }) {
  const clock = new TestClock();
  const rules = { name: 'api', circuit: { consecutiveFailures: 2 }, bulkhead: { maxConcurrent: 3 } };
  const policy = definePolicy(rules, { clock });
  const told = [];
  for (let i = 0; i < 3; i += 1) told.push(await policy.execute(fail).catch(({ name, message }) => [name, message]));
  const restored = definePolicy(rules, { clock });
  await restored.restore(policy.snapshot());
  const refused = restored.tryAcquire();
  await clock.advance(refused.retryAfterMs);
  told.push(await restored.execute(() => 'called'));
  const fetched = await fetchedBy(guardFetch, definePolicy({ ...rules, block: {} }, { clock }));
  return { told, refused: { by: refused.by, retryAfterMs: refused.retryAfterMs }, error: errorOf(definePolicy, isStanchionError), fetched };
}

/** A fetch of which nothing leaves the runtime: how many permits are held before and after the body, and what blocks afterwards. */
async function fetchedBy(guardFetch, policy) {
  const guarded = guardFetch(policy, {
    fetch: async () => new Response('later', { status: 429, headers: { 'retry-after': '7' } }),
  });
  const response = await guarded('https://example.test/', { method: 'POST', body: 'text' });
  const before = policy.explain().bulkhead.inFlight;
  const text = await response.text();
  return { text, held: [before, policy.explain().bulkhead.inFlight], by: policy.peek().by.gate };
}

async function fail() {
  throw new Error('failed');
}

function errorOf(definePolicy, isStanchionError) {
  try {
    definePolicy({ name: 'api', bulkhead: { maxConcurrent: 0 } });
  } catch (error) {
    return { name: error.name, field: error.field, isOurs: isStanchionError(error, 'ConfigError') };
  }
  return null;
}
