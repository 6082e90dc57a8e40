import { definePolicy, isStanchionError } from 'stanchion';
import { TestClock } from 'stanchion/testing';

import { factsOf } from './facts.mjs';

globalThis.facts = factsOf({ definePolicy, isStanchionError, TestClock });
