// Replays the vectors on the engine in the addon. Arguments: see `main` in the runner.
import { replay } from '../../bindings-wasm/test/replay.mjs';
import { main } from '../../bindings-wasm/test/runner.mjs';
import { addon } from '../dist/addon.js';

await main((files) => replay(addon().engine, files), process.argv.slice(2));
