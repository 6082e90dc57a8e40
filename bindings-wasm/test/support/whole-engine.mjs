// An engine with all that the core has: the published module leaves out the steps of a spool, which need a file system.
import module from '#whole';

import { wasmEngine } from '../../dist/wasm.js';
import * as glue from '../../pkg-test-panic/stanchion.js';

export const wholeEngine = wasmEngine(() => glue, module);
