// Opens a state file, makes a call and says what happened: `open-store.mjs <path>`.
import { definePolicy, isStanchionError } from 'stanchion';
import { Store } from 'stanchion/store';

try {
  const policy = definePolicy({ name: 'api', bulkhead: { maxConcurrent: 1 } }, { store: Store.open(process.argv[2]) });
  console.log(JSON.stringify({ answer: await policy.execute(() => 'called') }));
} catch (error) {
  const { name, code, message } = error;
  console.log(JSON.stringify({ name, code, message, isOurs: isStanchionError(error) }));
}
