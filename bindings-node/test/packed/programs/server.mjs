// A server's program, which bundlers put into one file: it imports the package, and something in it requires it.
import * as stanchion from 'stanchion';
import * as testing from 'stanchion/testing';

import { factsOf } from './facts.mjs';
import { engine } from './required.cjs';

factsOf({ ...stanchion, ...testing }).then((facts) => {
  console.log(JSON.stringify({ facts, isOneEngine: engine === stanchion.engine }));
});
