/** The engine in WebAssembly, in any JavaScript runtime. */
import module from '#module';

import * as glue from '../pkg/stanchion.js';
import type { Engine } from './engine.js';
import type { Policy } from './policy.js';
import type { Json } from './types.js';
import { wasmEngine } from './wasm.js';

export { systemClock } from './clock.js';
export { Engine } from './engine.js';
export * from './errors.js';
export { Permit } from './permit.js';
export { Policy } from './policy.js';
export { State } from './state.js';
export type * from './types.js';

/** This thread's engine. It reads no clock and starts no timer. A bundle that uses none of it leaves it out. */
export const engine: Engine = /* @__PURE__ */ wasmEngine(glue, module);

/**
 * A policy from its JSON, in this thread's engine.
 * @throws ConfigError naming the field, its value and what is allowed.
 */
export function policy(config: Json): Policy {
  return engine.policy(config);
}
