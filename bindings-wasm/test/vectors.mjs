// Replays the vectors on the engine in WebAssembly, in Node. Arguments: see `main` in runner.mjs.
import { engine } from '../dist/index.js';
import { replay } from './replay.mjs';
import { main } from './runner.mjs';
import { wholeEngine } from './support/whole-engine.mjs';

await main((files) => replay(engine, files, wholeEngine), process.argv.slice(2));
