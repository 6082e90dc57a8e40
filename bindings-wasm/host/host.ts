/** What both engines share: the classes, the types and the errors. */
export { Engine } from './engine.js';
export * from './errors.js';
export { Permit } from './permit.js';
export { Policy } from './policy.js';
export * from './raw.js';
export { State, commandedAnswer, decisionAnswer, outcomeCode, peekAnswer, renewedAnswer, settledAnswer } from './state.js';
export type * from './types.js';
