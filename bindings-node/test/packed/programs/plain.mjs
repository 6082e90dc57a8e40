import { definePolicy, guardFetch, isStanchionError } from './node_modules/stanchion/bundle/default/index.js';
import { TestClock } from './node_modules/stanchion/bundle/default/testing.js';

import { factsOf } from './facts.mjs';

globalThis.facts = factsOf({ definePolicy, guardFetch, isStanchionError, TestClock });
