/** What both engines share: the classes, the types and the errors. */
export { type Answer, type AppliedStep, BasePolicy, type Soon } from './base.js';
export { Common } from './common.js';
export { commonOf } from './define.js';
export { Engine } from './engine.js';
export { EnginePermit } from './engine-permit.js';
export { EnginePolicy } from './engine-policy.js';
export type * from './engine-types.js';
export * from './errors.js';
export type * from './events.js';
export { type Explanation, explanationOf } from './explanation.js';
export { type Admission, type LimiterOptions, admitRequest } from './limiter.js';
export { Permit } from './permit.js';
export type * from './policy.js';
export type * from './config.js';
export * from './raw.js';
export { Rejection } from './rejection.js';
export { State, commandedAnswer, decisionAnswer, outcomeCode, peekAnswer, renewedAnswer, settledAnswer } from './state.js';
export { dispose } from './symbols.js';
