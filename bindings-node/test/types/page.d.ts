// What stands on the README without being defined there. `readme.test.mjs` makes it when the blocks are run.
declare function callUpstream(...args: unknown[]): Promise<string>;
declare function sendPrompt(prompt: string): Promise<{ readonly usage: { readonly totalTokens: number } }>;
declare const upstreamUrl: string;
declare const stateFile: string;
declare const spoolFolder: string;

/** What the client of an upstream throws, in most of the world. */
declare class UpstreamError extends Error {
  readonly status: number;
}

/** Of Cloudflare's types: what a Durable Object is given. */
interface DurableObjectState {
  readonly storage: DurableObjectStorage;
  blockConcurrencyWhile(start: () => Promise<void>): void;
}
interface DurableObjectStorage {
  get(key: string): Promise<Uint8Array | undefined>;
  put(key: string, value: Uint8Array): void;
}
