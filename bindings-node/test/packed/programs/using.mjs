// `using` and `await using`, by the syntax: a permit that is disposed is given back, a policy is freed.
import { definePolicy } from 'stanchion';

const policy = definePolicy({ name: 'api', bulkhead: { maxConcurrent: 5 } });
const inFlight = () => policy.explain().bulkhead.inFlight;
const told = [];
policy.on('settled', ({ outcome }) => told.push(outcome));
const seen = [];
{
  using _permit = await policy.acquire();
  seen.push(inFlight());
}
seen.push(inFlight());
{
  await using permit = await policy.acquire();
  await permit.settle('success');
  seen.push(inFlight());
}
{
  await using _abandoned = await policy.acquire();
}
seen.push(inFlight());
let freed;
{
  using one = definePolicy({ name: 'one' });
  freed = one;
}
const code = await freed.execute(() => 'called').catch((error) => error.code);
const facts = { seen, told, code };
globalThis.using = facts;
if (globalThis.document === undefined) console.log(JSON.stringify(facts));
