import * as stanchion from 'stanchion';
import * as testing from 'stanchion/testing';

import { factsOf } from './facts.mjs';

console.log(JSON.stringify(await factsOf({ ...stanchion, ...testing })));
