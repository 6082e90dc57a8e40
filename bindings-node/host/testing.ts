/** For tests of code under a policy: a clock that is moved by hand. */
export { TestClock } from 'stanchion-wasm/testing';
