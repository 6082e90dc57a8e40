/** Circuit breaker, rate limits, bulkhead and Retry-After as one decision. */
export * from 'stanchion-wasm';
