// A guarded history, the same in every runtime: what calls and a restored state are told, and an error.
export async function factsOf({ definePolicy, isStanchionError, TestClock }) {
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
  return { told, refused: { by: refused.by, retryAfterMs: refused.retryAfterMs }, error: errorOf(definePolicy, isStanchionError) };
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
