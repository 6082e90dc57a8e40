// Does one operation on a file whose lock a stopped process holds; tells the answer and how often a timer fired meanwhile.
import { definePolicy, nest } from 'stanchion';
import { Spool, Store } from 'stanchion/store';

const [path, operation] = process.argv.slice(2);
const local = { name: 'around', bulkhead: { maxConcurrent: 1 } };
const config = { name: 'p', bulkhead: { maxConcurrent: 1 }, onStoreError: 'reject', spool: {} };
// Who leaves after 30 ms is told so long before the wait is over.
const isLeft = operation.startsWith('left');
const store = operation === 'spool' ? undefined : Store.open(path, { waitMs: isLeft ? 800 : 300, sync: operation === 'synced' });
const policy = () => store.policy(config, { key: 'k' });
const permit = () => policy().permit('00000001000000010000000100000001');
const operations = {
  acquire: () => store.key({ name: 'p', bulkhead: { max_concurrent: 1 }, on_store_error: 'reject' }, 'k').acquire(),
  settle: () => permit().settle('success'),
  transact: () => store.transact('k', () => null),
  synced: () => policy().execute(() => ({ admitted: true })),
  peek: async () => policy().peek(),
  spool: () => Spool.open(path, definePolicy(config), { waitMs: 300 }),
  'left by signal': () => policy().execute(() => {}, { signal: AbortSignal.timeout(30) }),
  'left by deadline': () => policy().execute(() => {}, { deadlineMs: 30 }),
  'left by deadline, nested': () => nest(definePolicy(local), policy()).execute(() => {}, { deadlineMs: 30 }),
};
let ticks = 0;
const timer = setInterval(() => (ticks += 1), 5);
const answer = await operations[operation]().then(
  ({ admitted, degraded }) => ({ admitted, code: degraded?.code }),
  ({ name, code }) => (isLeft ? { name } : { code }),
);
clearInterval(timer);
console.log(JSON.stringify({ answer, ticks }));
