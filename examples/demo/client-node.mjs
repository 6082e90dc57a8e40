/** A guarded client in Node: the store's key decides, in one call of the addon under the file's lock. */
import { readFileSync } from 'node:fs';

import { engine } from 'stanchion';
import { Store } from 'stanchion/store';

import { serve, settings } from './lib/host.mjs';

const config = settings();
const store = Store.open(config.state, { waitMs: 2000 });
const key = store.key(readFileSync(config.policy, 'utf8'), config.key);

await serve(
  {
    acquire: (cost) => key.acquire({ cost }),
    settle: (permit, result) => key.settle(permit, result),
    cancel: (permit) => key.cancel(permit),
    block: (untilUs) => key.command({ block: { until_us: untilUs } }),
    parseRetryAfter: (header, nowUs) => engine.parseRetryAfter(header, nowUs),
  },
  config,
);
