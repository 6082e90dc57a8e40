// How this runtime's own `fetch` fails, as the policy tells it: each class has an outcome of its own here.
import { createServer } from 'node:net';

import { definePolicy, guardFetch } from 'stanchion';

const classify = { refused: { outcome: 'ignored' }, dns: { outcome: 'success' } };
const policy = definePolicy({ name: 'up', circuit: { consecutiveFailures: 9 }, classify });
const outcomes = [];
policy.on('settled', ({ outcome }) => outcomes.push(outcome));
const closed = createServer().listen(0, '127.0.0.1');
await new Promise((resolve) => closed.once('listening', resolve));
const { port } = closed.address();
await new Promise((resolve) => closed.close(resolve));
for (const url of [`http://127.0.0.1:${port}/`, 'http://no-such-host.invalid/']) await guardFetch(policy)(url).catch(() => {});
console.log(JSON.stringify(outcomes));
