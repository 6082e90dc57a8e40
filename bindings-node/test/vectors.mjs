// Replays the vectors on the engine in the addon. Arguments: see `main` in the runner.
import { main } from '../../bindings-wasm/test/runner.mjs';
import { addonEngine } from '../dist/store.js';

main(addonEngine(), process.argv.slice(2));
