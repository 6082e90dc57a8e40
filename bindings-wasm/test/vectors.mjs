// Replays the vectors on the engine in WebAssembly. Arguments: see `main` in runner.mjs.
import { engine } from '../dist/index.js';
import { main } from './runner.mjs';

main(engine, process.argv.slice(2));
