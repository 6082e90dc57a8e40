// Does one operation on a file whose lock a stopped process holds; tells the answer and how often a timer fired meanwhile.
import { Store } from '../../dist/store.js';

const [path, operation] = process.argv.slice(2);
const store = Store.open(path, { waitMs: 300 });
const key = store.key({ name: 'p', bulkhead: { max_concurrent: 1 }, on_store_error: 'reject' }, 'k');
let ticks = 0;
const timer = setInterval(() => (ticks += 1), 5);
const answer = await (operation === 'acquire' ? key.acquire() : store.transact('k', () => null)).then(
  ({ admitted, degraded }) => ({ admitted, code: degraded.code }),
  ({ code }) => ({ code }),
);
clearInterval(timer);
console.log(JSON.stringify({ answer, ticks }));
