/** Milliseconds after which the offset to the wall clock is taken anew. */
const RENEWED_AFTER_MS = 1000;

/**
 * The system's clock in whole µs since the Unix epoch: the monotonic clock, which is fine and cheap, plus an offset to the
 * wall clock that is taken anew when it is a second old. Reads nothing before it is called.
 */
export function systemClock(): () => number {
  let offsetMs = 0;
  let takenAtMs = -Infinity;
  return () => {
    const monotonicMs = performance.now();
    if (monotonicMs - takenAtMs >= RENEWED_AFTER_MS) {
      offsetMs = Date.now() - monotonicMs;
      takenAtMs = monotonicMs;
    }
    return Math.floor((monotonicMs + offsetMs) * 1000);
  };
}
