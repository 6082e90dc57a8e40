// What the page of the runner `chromium` loads: replays the vectors that its server has.
import { engine } from 'stanchion-wasm';

import { replay } from './replay.mjs';
import { wholeEngine } from './support/whole-engine.mjs';

globalThis.replayed = (async () => replay(engine, await (await fetch('/vectors.json')).json(), wholeEngine))();
