// The worker of the runner `workerd`: replays the vectors that it is sent.
import { engine } from 'stanchion-wasm';

import { replay } from './replay.mjs';
import { wholeEngine } from './support/whole-engine.mjs';

export default {
  async fetch(request) {
    return Response.json(await replay(engine, await request.json(), wholeEngine));
  },
};
