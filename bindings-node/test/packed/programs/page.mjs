import { definePolicy, guardFetch, isStanchionError } from 'stanchion';
import { TestClock } from 'stanchion/testing';

import { factsOf } from './facts.mjs';

globalThis.facts = factsOf({ definePolicy, guardFetch, isStanchionError, TestClock });
